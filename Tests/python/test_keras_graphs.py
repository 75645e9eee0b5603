"""Graphs in files, beside Keras: branches that merge, shared layers, several inputs and outputs; written by Keras 3 in its
own form and in that of Keras 2, and by Martlet.

Predictions agree within 2e-5 of the output's scale, what both promise for one file.
"""

import ctypes
import json
import random as python_random
import re

import h5py
import numpy as np
import pytest

import martlet
from martlet import _arrays, _library
from martlet.models import model_from_json

keras = pytest.importorskip("keras", reason="Keras is not installed")
Dense = keras.layers.Dense


def residual():
    x = keras.Input((4,), name="x")
    h = Dense(4, "tanh")(x)
    h = keras.layers.Add()([h, Dense(4, "relu")(h)])
    return keras.Model(x, Dense(2)(keras.layers.Add()([x, h, h])))


def branches():
    """Layers of equal shape in branches of unequal length: their weights must not be mixed up."""
    x = keras.Input((4,), name="x")
    short = Dense(4, "tanh", name="short")(x)
    long = x
    for number in range(3):
        long = Dense(4, "tanh", name=f"long{number}")(long)
    late = Dense(4, "tanh", name="late")(long)
    both = keras.layers.Concatenate()([short, late])
    return keras.Model(x, keras.layers.Multiply()([Dense(4, name="head")(both), short]))


def merges():
    rows = keras.Input((3, 2), name="rows")
    a, b = Dense(2, "tanh")(rows), Dense(2, "sigmoid")(rows)
    joined = keras.layers.Concatenate(axis=1)([a, b])
    averaged = keras.layers.Average()([a, b, rows])
    return keras.Model(
        rows,
        keras.layers.Concatenate(axis=-2)(
            [joined, keras.layers.Maximum()([averaged, a]), keras.layers.Subtract()([a, b])]
        ),
    )


def siamese():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = Dense(3, "tanh", name="shared")
    return keras.Model([left, right], Dense(1)(keras.layers.Subtract()([shared(left), shared(right)])))


def shared_at_two_depths():
    x = keras.Input((4,), name="x")
    a, b = Dense(4, "tanh", name="a"), Dense(4, "relu", name="b")
    return keras.Model(x, [a(b(a(b(x)))), a(x)])


def inputs_out_of_order():
    """The second input is the deeper one, so that Keras lists it first; an output is read by another."""
    near, far = keras.Input((2,), name="near"), keras.Input((3,), name="far")
    h = Dense(2, "tanh")(Dense(3, "relu")(far))
    total = keras.layers.Add(name="total")([near, h])
    return keras.Model([near, far], [Dense(2, name="head")(total), total])


def named_ends():
    inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((3,), name="a")}
    h = keras.layers.Average()((inputs["a"], inputs["b"]))
    return keras.Model(inputs, {"y": Dense(2, name="y")(h), "s": Dense(1, name="s")(h)})


GRAPHS = [residual, branches, merges, siamese, shared_at_two_depths, inputs_out_of_order, named_ends]


def random_inputs(model, random):
    """One array per input, in the order of the names for inputs with names."""
    return [random.normal(size=(7, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]


def of_keras(model, inputs):
    given = dict(zip(sorted(model.input), inputs)) if isinstance(model.input, dict) else inputs
    found = model.predict(given if len(inputs) > 1 else given[0], verbose=0)
    if isinstance(found, dict):
        return [found[name] for name in sorted(found)]
    return found if isinstance(found, list) else [found]


def of_martlet(model, inputs):
    """All outputs, by the library's function itself."""
    library, handle = _library.library(), model.built_engine().handle
    arrays = (_library.Array * len(inputs))(*(_arrays.described(array) for array in inputs))
    count = ctypes.c_int32()
    martlet._check.check(library.martlet_model_output_count(handle, ctypes.byref(count)))
    shapes = []
    for index in range(count.value):
        rank, shape = ctypes.c_int32(), (ctypes.c_int64 * 8)()
        martlet._check.check(library.martlet_model_output_shape(handle, index, ctypes.byref(rank), shape))
        shapes.append((len(inputs[0]), *shape[: rank.value]))
    sizes = [int(np.prod(shape)) for shape in shapes]
    values = np.empty(sum(sizes), np.float32)
    martlet._check.check(
        library.martlet_predict(handle, arrays, len(inputs), values.ctypes.data, values.size)
    )
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes)]


def assert_same(ours, theirs):
    for one, two in zip(ours, theirs, strict=True):
        scale = np.abs(two).max()
        assert scale > 0 and one.shape == two.shape
        np.testing.assert_allclose(one, two, rtol=0, atol=2e-5 * scale)


@pytest.fixture(params=GRAPHS, ids=lambda make: make.__name__)
def theirs(request):
    keras.utils.set_random_seed(7)
    model = request.param()
    for variable in model.trainable_variables:  # biases are zero otherwise, and nothing would miss them
        variable.assign(np.random.default_rng(variable.shape[-1]).normal(0, 0.5, variable.shape))
    return model


def test_martlet_opens_graphs_of_keras_and_keras_those_of_martlet(theirs, tmp_path, random):
    x = random_inputs(theirs, random)
    expected = of_keras(theirs, x)
    theirs.save(tmp_path / "theirs.h5")
    ours = martlet.load_model(tmp_path / "theirs.h5")
    assert_same(of_martlet(ours, x), expected)
    assert ours.count_params() == theirs.count_params()

    ours.save(tmp_path / "ours.h5")
    back = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    # What had names has places now: a list in the order of the names.
    assert_same(of_keras(back, x), expected)
    again = martlet.load_model(tmp_path / "ours.h5")
    again.save(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "ours.h5").read_bytes()


def test_graphs_in_the_form_of_keras_3(theirs, random):
    """to_json has `args`, where files have lists; and Keras reads ours."""
    x = random_inputs(theirs, random)
    ours = model_from_json(theirs.to_json())
    weights = {layer.name: layer.get_weights() for layer in theirs.layers}
    for layer in ours.layers:
        layer.set_weights(weights[layer.name])
    expected = of_keras(theirs, x)
    assert_same(of_martlet(ours, x), expected)
    back = keras.models.model_from_json(ours.to_json())
    back.set_weights(theirs.get_weights())
    assert_same(of_keras(back, x), expected)


def test_layers_in_any_order(theirs, tmp_path, random):
    """Made in another order than Keras' own, a model saves its weights in Keras' order all the same."""
    config = json.loads(theirs.to_json())
    calls = config["config"]["layers"]
    python_random.Random(3).shuffle(calls)
    ours = model_from_json(json.dumps(config))
    weights = {layer.name: layer.get_weights() for layer in theirs.layers}
    for layer in ours.layers:
        layer.set_weights(weights[layer.name])
    x = random_inputs(theirs, random)
    expected = of_keras(theirs, x)
    assert_same(of_martlet(ours, x), expected)
    ours.save(tmp_path / "model.h5")
    assert_same(of_keras(keras.models.load_model(tmp_path / "model.h5", compile=False), x), expected)
    for name in ("w.weights.h5", "w.h5"):
        ours.save_weights(tmp_path / name)
        before = theirs.get_weights()
        theirs.set_weights([np.zeros_like(w) for w in before])
        theirs.load_weights(tmp_path / name)
        for one, two in zip(before, theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
    # And the other way round.
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    other = model_from_json(json.dumps(config), seed=9)
    other.load_weights(tmp_path / "theirs.weights.h5")
    assert_same(of_martlet(other, x), expected)


# What is refused. A graph of two layers, with one thing changed.


def tensor(name, call=0, index=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, index]}}


def layer(kind, name, *calls, **options):
    return {"class_name": kind, "name": name, "config": {"name": name, **options}, "inbound_nodes": list(calls)}


def keras_3(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


X = layer("InputLayer", "x", batch_shape=[None, 4])
WIDE = layer("Dense", "wide", keras_3(tensor("x")), units=5)


def graph(*layers, inputs=("x", 0, 0), outputs=("y", 0, 0)):
    config = {"name": "g", "layers": list(layers), "input_layers": list(inputs), "output_layers": list(outputs)}
    return json.dumps({"class_name": "Functional", "config": config})


def dense(*calls, units=4, **options):
    return layer("Dense", "y", *calls, units=units, **options)


ACCEPTED = [
    graph(X, dense(keras_3(tensor("x")))),
    graph(X, dense(keras_3(tensor("x"), training=False, mask=None))),
    graph(X, layer("Dropout", "y", keras_3(tensor("x"), training=False), rate=0.5)),
    graph(X, dense(keras_3(tensor("x"), None))),
    graph(X, dense(keras_3(inputs=tensor("x")))),
    graph(X, dense([["x", 0, 0]])),
    graph(X, dense([["x", 0, 0, {"training": None}]])),
    graph(X, layer("Add", "y", keras_3({"class_name": "__tuple__", "config": {"value": [tensor("x"), tensor("x")]}}))),
    graph(X, dense(keras_3(tensor("x")), keras_3(tensor("y"))), outputs=[["y", 1, 0]]),
    graph(dense(keras_3(tensor("x"))), X),
    graph(X, dense(keras_3(tensor("x"))), inputs=[["x", 0, 0]], outputs=[["y", 0, 0]]),
    graph(X, dense(keras_3(tensor("x"))), outputs=[["y", 0, 0], ["x", 0, 0]]),
]

REFUSED = [
    (graph(X, layer("MyLayer", "y", keras_3(tensor("x")))), "layer 'y' is of class 'MyLayer', which is not supported"),
    (graph(X, layer("MyLayer", "y", ["x", 0, 0, {"a": 1}])), "layer 'y' is of class 'MyLayer', which is not supported"),
    (graph(X, layer("Lambda", "y", keras_3(tensor("x")))), "layer 'y' .Lambda. holds code"),
    (graph(X, layer("Sequential", "y", keras_3(tensor("x")))), "submodel 'y': the Sequential model has no 'layers'"),
    (graph(X, dense(keras_3(tensor("x"), scale=2))), r"layer 'y' \(Dense\) is called with scale=2"),
    (graph(X, dense(keras_3(tensor("x"), tensor("x")))), "is called with 2 arguments"),
    (graph(X, layer("Dropout", "y", keras_3(tensor("x"), training=True), rate=0.5)), "called with training=true"),
    (graph(X, layer("Dropout", "y", [["x", 0, 0, {"training": True}]], rate=0.5)), "called with training=true"),
    (graph(X, WIDE, layer("Add", "y", keras_3([tensor("x"), tensor("wide")]))), r"Add takes inputs of one shape; input 0 has rows of shape \[4\], input 1 of \[5\]"),
    (graph(X, WIDE, layer("Add", "y", keras_3([tensor("x")]))), "layer 'y': Add takes 2 or more inputs, 1 were given"),
    (graph(X, layer("Concatenate", "y", keras_3([tensor("x")] * 2), axis=0)), "Concatenate has axis 0"),
    (graph(X, dense(keras_3(tensor("x")), keras_3(tensor("y")), units=5), outputs=["y", 1, 0]), "'kernel' has shape"),
    (graph(X, dense(keras_3(tensor("z")))), "layer 'y' .Dense. reads call 0 of layer 'z', which is not in the model"),
    (graph(X, dense(keras_3(tensor("x", 1)))), "reads call 1 of layer 'x', which is called 1 times"),
    (graph(X, dense(keras_3(tensor("x", 0, 1)))), "reads result 1 of layer 'x', which has 1"),
    (graph(X, dense(keras_3("x"))), "'inbound_nodes' that cannot be understood"),
    (graph(X, dense()), "layer 'y' .Dense. has no input"),
    (graph(X, dense(keras_3(tensor("y")))), "reads from a layer that reads from it in turn"),
    (graph(X, X, dense(keras_3(tensor("x")))), "2 input layers, 'input_layers' names 1"),
    (graph(X, WIDE, WIDE, dense(keras_3(tensor("wide")))), "layer 'wide' .Dense. has the name of another layer"),
    (graph(X, dense(keras_3(tensor("x"))), inputs=["y", 0, 0]), "'input_layers' names 'y', which is not an input layer"),
    (graph(X, dense(keras_3(tensor("x"))), inputs=[]), "1 input layers, 'input_layers' names 0"),
    (graph(X, dense(keras_3(tensor("x"))), outputs=["z", 0, 0]), "no layer 'z' that could be its output"),
    (graph(X, dense(keras_3(tensor("x"))), outputs=["y", 1, 0]), "no layer 'y' that could be its output"),
    (graph(X, dense(keras_3(tensor("x"))), outputs=[]), "no layer that is its output"),
    (graph(X, dense(keras_3(tensor("x"))), outputs=[3]), "'output_layers' that cannot be understood"),
    (graph(X, WIDE, dense(keras_3(tensor("x")))), "layer 'wide' does not lead to an output"),
]


@pytest.mark.parametrize("text", ACCEPTED, ids=range(len(ACCEPTED)))
def test_forms_of_calls_that_are_read(text):
    assert model_from_json(text).output_shape in ((None, 4), [(None, 4)] * 2)


@pytest.mark.parametrize("text, message", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_in_a_graph(text, message):
    with pytest.raises((martlet.FormatError, martlet.UnsupportedError), match=message) as caught:
        model_from_json(text)
    is_unsupported = re.search("supported|holds code", str(caught.value)) is not None
    assert isinstance(caught.value, martlet.UnsupportedError) == is_unsupported


def test_a_custom_layer_in_a_file_is_named(tmp_path):
    with h5py.File(tmp_path / "custom.h5", "w") as file:
        file.attrs["model_config"] = graph(X, layer("MyLayer", "mine", keras_3(tensor("x"))), outputs=["mine", 0, 0])
        file.create_group("model_weights")
    with pytest.raises(martlet.UnsupportedError, match="custom.h5.*layer 'mine' is of class 'MyLayer'"):
        martlet.load_model(tmp_path / "custom.h5")


def test_a_file_of_many_calls_takes_no_time():
    """Layers in the reverse of the order in which they can be made, and one that is called 60,000 times."""
    chain = [layer("Flatten", f"f{number}", [[f"f{number - 1}" if number else "x", 0, 0]]) for number in range(4000)]
    text = graph(*reversed(chain), X, outputs=["f3999", 0, 0])
    assert model_from_json(text).output_shape == (None, 4)
    calls = [[["x", 0, 0]], *([["y", number, 0]] for number in range(60_000))]
    assert model_from_json(graph(X, layer("Flatten", "y", *calls), outputs=["y", 60_000, 0])).layers
    with pytest.raises(martlet.UnsupportedError, match="called more than 65536 times"):
        model_from_json(graph(X, layer("Flatten", "y", *calls, *calls[:6000])))
