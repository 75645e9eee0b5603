"""Graphs: merging layers, shared layers, several inputs and outputs, beside Keras and by themselves.

The tolerance of weights after k steps is that of test_keras.py, where it is derived. A graph is deeper than the networks
there: what flows through a merge has one rounding more for each input, and a shared layer's gradient is the sum over its
uses; DEPTH times as much is allowed for both.
"""

import numpy as np
import pytest
from test_keras import FEATURES, ROWS, STEP_ERROR, STEPS, assert_near, put, trained_weights

import martlet

keras = pytest.importorskip("keras", reason="Keras is not installed")

DEPTH = 2
LABELS = 5


def residual(library, merge="Add"):
    layers = library.layers
    x = library.Input((FEATURES,))
    hidden = layers.Dense(FEATURES, "tanh")(x)
    return library.Model(x, layers.Dense(LABELS)(getattr(layers, merge)()([hidden, x])))


def of_three(library, merge):
    layers = library.layers
    x = library.Input((FEATURES,))
    branches = [layers.Dense(7, "tanh")(x) for _ in range(3)]
    return library.Model(x, layers.Dense(LABELS)(getattr(layers, merge)(branches)))


def concatenated_rows(library):
    layers = library.layers
    x, y = library.Input((3, 4)), library.Input((2, 4))
    joined = layers.Concatenate(axis=1)([layers.Dense(4, "tanh")(x), y])
    return library.Model([x, y], layers.Dense(LABELS)(layers.Flatten()(joined)))


def concatenated_branches(library):
    layers = library.layers
    x = library.Input((FEATURES,))
    joined = layers.concatenate([layers.Dense(4, "tanh")(x), x, layers.Dense(3, "sigmoid")(x)])
    return library.Model(x, layers.Dense(LABELS)(joined))


def two_inputs(library):
    layers = library.layers
    a, b = library.Input((FEATURES,), name="a"), library.Input((3,), name="b")
    joined = layers.add([layers.Dense(6, "tanh")(a), layers.Dense(6, "sigmoid")(b)])
    return library.Model([b, a], layers.Dense(LABELS)(joined))


def siamese(library):
    layers = library.layers
    a, b = library.Input((FEATURES,)), library.Input((FEATURES,))
    shared = layers.Dense(6, "tanh")
    return library.Model([a, b], layers.Dense(LABELS)(layers.subtract([shared(a), shared(b)])))


def repeated(library):
    """One layer after itself, and read in between."""
    layers = library.layers
    x = library.Input((FEATURES,))
    shared = layers.Dense(FEATURES, "tanh", kernel_regularizer=library.regularizers.L2(0.01))
    once = shared(x)
    return library.Model(x, layers.Dense(LABELS)(layers.multiply([once, shared(once)])))


def repeated_convolution(library):
    """Of so many channels that it is computed by tiles, in the gradient by the images too."""
    layers = library.layers
    x = library.Input((6, 7, 16))
    shared = layers.Conv2D(16, 3, padding="same", activation="tanh")
    once = shared(layers.Rescaling(0.1)(x))
    pooled = layers.GlobalAveragePooling2D()(shared(layers.Rescaling(0.1)(once)))
    return library.Model(x, layers.Dense(LABELS)(pooled))


def uneven(library):
    """Ways of different lengths, whose layers Keras lists by depth and not as they were made."""
    layers = library.layers
    x = library.Input((FEATURES,))
    short = layers.Dense(6, "sigmoid")(x)
    long = layers.Dense(6, "tanh")(layers.Dense(8, "tanh")(layers.Dense(9)(x)))
    return library.Model(x, layers.Dense(LABELS)(layers.average([short, long])))


def gates(library, merge):
    """Images with what has been said of their channels, and of rows of pixels: axes of size 1 are spread."""
    layers = library.layers
    x = library.Input((4, 3, 5))
    image = layers.Dense(5, "tanh")(x)
    channels = layers.Dense(5, "sigmoid")(layers.Reshape((1, 1, 5))(layers.Dense(5)(layers.Flatten()(x))))
    rows = layers.Reshape((4, 1, 5))(layers.Dense(20, "tanh")(layers.Flatten()(x)))
    joined = merge(layers, [channels, image, rows])
    return library.Model(x, layers.Dense(LABELS)(layers.Flatten()(joined)))


def gated_sequence(library):
    layers = library.layers
    x = library.Input((6, 4))
    whole = layers.Reshape((1, 4))(layers.Dense(4, "tanh")(layers.Flatten()(x)))
    joined = layers.subtract([whole, layers.Dense(4)(x)])
    return library.Model(x, layers.Dense(LABELS)(layers.Flatten()(joined)))


GRAPHS = {
    **{f"spread, {merge}": (lambda library, m=merge: gates(library, lambda layers, x: getattr(layers, m)(x)))
       for merge in ("add", "multiply", "average", "maximum")},
    "spread sequence": gated_sequence,
    **{f"residual {merge}": (lambda library, m=merge: residual(library, m))
       for merge in ("Add", "Subtract", "Multiply", "Average", "Maximum")},
    **{f"three, {merge}": (lambda library, m=merge: of_three(library, m))
       for merge in ("add", "multiply", "average", "maximum", "concatenate")},
    "concatenated rows": concatenated_rows,
    "concatenated branches": concatenated_branches,
    "two inputs": two_inputs,
    "siamese": siamese,
    "repeated layer": repeated,
    "repeated convolution": repeated_convolution,
    "uneven": uneven,
}  # fmt: skip


def pair_of(make):
    """The same model in Keras and in Martlet with the same weights, which stand in the same order in both."""
    theirs, ours = make(keras), make(martlet)
    random = np.random.default_rng(3)
    start = [random.normal(0, 0.3, w.shape).astype(np.float32) for w in trained_weights(theirs)]
    put(theirs, start)
    ours.set_weights(start)
    return theirs, ours


def data_for(model, random, rows=ROWS):
    """Steps of inputs, one array for each input."""
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    return [[random.normal(size=(rows, *shape[1:])).astype(np.float32) for shape in shapes] for _ in range(STEPS)]


def alone(arrays):
    return arrays[0] if len(arrays) == 1 else arrays


def train_both(theirs, ours, x, y, keras_options, our_options):
    start = trained_weights(theirs)
    theirs.compile(keras.optimizers.SGD(0.1), **keras_options)
    ours.compile(martlet.optimizers.SGD(0.1), **our_options)
    for inputs, targets in zip(x, y):
        expected = theirs.train_on_batch(alone(inputs), targets, return_dict=True)
        found = ours.train_on_batch(alone(inputs), targets, return_dict=True)
        assert found == pytest.approx({k: float(v) for k, v in expected.items()}, rel=STEPS * STEP_ERROR * DEPTH)
    assert_near(ours.get_weights(), trained_weights(theirs), start, len(x), DEPTH)


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_train_as_in_keras(name, random):
    theirs, ours = pair_of(GRAPHS[name])
    assert [w.shape for w in ours.get_weights()] == [np.shape(w) for w in theirs.get_weights()]
    x = data_for(ours, random)
    first = alone(x[0])
    expected = np.asarray(theirs(first))
    # The longest sums of the forward pass, and as often as there are layers one after another.
    np.testing.assert_allclose(ours.predict(first), expected, atol=4 * STEP_ERROR * np.abs(expected).max())
    y = random.integers(0, LABELS, (STEPS, ROWS))
    options = {
        library: {"loss": library.losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": ["accuracy"]}
        for library in (keras, martlet)
    }
    train_both(theirs, ours, x, y, options[keras], options[martlet])


def two_outputs(library):
    layers = library.layers
    x = library.Input((FEATURES,))
    hidden = layers.Dense(8, "tanh")(x)
    kind = layers.Dense(LABELS, "softmax", name="kind")(hidden)
    size = layers.Dense(2, name="size", kernel_regularizer=library.regularizers.L2(0.02))(hidden)
    return library.Model(x, [kind, size])


def output_inside(library):
    """An output that another layer reads."""
    layers = library.layers
    x = library.Input((FEATURES,))
    size = layers.Dense(2, name="size")(layers.Dense(8, "tanh")(x))
    kind = layers.Dense(LABELS, "softmax", name="kind")(layers.concatenate([size, x]))
    return library.Model(x, [kind, size])


LOSSES = {
    "list": {"loss": ["sparse_categorical_crossentropy", "mse"], "loss_weights": [0.5, 2.0]},
    "dict": {
        "loss": {"size": "mse", "kind": "sparse_categorical_crossentropy"},
        "loss_weights": {"size": 0.25, "kind": 1.5},
        "metrics": {"kind": ["accuracy"]},
    },
    "no weights": {"loss": ["sparse_categorical_crossentropy", "mse"], "metrics": [["accuracy"], None]},
}


@pytest.mark.parametrize("make", [two_outputs, output_inside])
@pytest.mark.parametrize("losses", LOSSES)
def test_several_outputs_train_as_in_keras(make, losses, random):
    theirs, ours = pair_of(make)
    y = [
        [random.integers(0, LABELS, ROWS), random.normal(size=(ROWS, 2)).astype(np.float32)] for _ in range(STEPS)
    ]
    train_both(theirs, ours, data_for(ours, random), y, LOSSES[losses], LOSSES[losses])


def test_logs_of_several_outputs_are_keras_logs(random):
    """fit with validation and sample weights, then evaluate: names and values."""
    theirs, ours = pair_of(two_outputs)
    options = {**LOSSES["dict"], "metrics": {"kind": ["accuracy"], "size": ["mse"]}}
    theirs.compile(keras.optimizers.SGD(0.1), **options)
    ours.compile(martlet.optimizers.SGD(0.1), **options)
    x = random.normal(size=(50, FEATURES)).astype(np.float32)
    y = {"kind": random.integers(0, LABELS, 50), "size": random.normal(size=(50, 2)).astype(np.float32)}
    listed = [y["kind"], y["size"]]
    arguments = dict(batch_size=16, epochs=3, shuffle=False, verbose=0)
    expected = theirs.fit(x[:40], [t[:40] for t in listed], validation_data=(x[40:], [t[40:] for t in listed]), **arguments)
    history = ours.fit(x, y, validation_split=0.2, **arguments)
    names = ["loss", "kind_loss", "size_loss", "kind_accuracy", "size_mse"]
    assert list(history.history) == names + [f"val_{name}" for name in names]
    assert set(history.history) == set(expected.history)
    for name, values in history.history.items():
        np.testing.assert_allclose(values, expected.history[name], rtol=9 * STEP_ERROR * DEPTH, err_msg=name)
    found = ours.evaluate(x, listed)
    np.testing.assert_allclose(found, theirs.evaluate(x, listed, verbose=0), rtol=9 * STEP_ERROR * DEPTH)
    assert ours.evaluate(x, y, return_dict=True) == dict(zip(names, found))
    # The library's own history has the same numbers.
    last = ours.trainer().history[-1]
    assert [last.training.outputs[1].data_loss, last.validation.outputs[0].accuracy] == [
        history.history["size_loss"][-1],
        history.history["val_kind_accuracy"][-1],
    ]


def test_an_output_without_a_loss(random):
    """It is not trained and has no targets; the rest is as in Keras."""
    theirs, ours = pair_of(output_inside)
    options = {"loss": ["sparse_categorical_crossentropy", None]}
    start = trained_weights(theirs)
    for library, model in ((keras, theirs), (martlet, ours)):
        model.compile(library.optimizers.SGD(0.1), **options)
    x, y = random.normal(size=(ROWS, FEATURES)).astype(np.float32), random.integers(0, LABELS, ROWS)
    expected = theirs.train_on_batch(x, [y, np.zeros((ROWS, 2))], return_dict=True)
    found = ours.train_on_batch(x, {"kind": y}, return_dict=True)
    assert found == pytest.approx({k: float(v) for k, v in expected.items()}, rel=STEP_ERROR * DEPTH)
    assert_near(ours.get_weights(), trained_weights(theirs), start, 1, DEPTH)


@pytest.mark.parametrize("clipping", [{}, {"global_clipnorm": 1e6}], ids=["fused", "stored"])
def test_weights_that_no_loss_depends_on_follow_their_regularisation(clipping, random):
    """As in Keras, whether updates are part of the backward pass or wait for all gradients, as clipping by norm makes them."""
    theirs, ours = pair_of(two_outputs)
    start = trained_weights(theirs)
    for library, model in ((keras, theirs), (martlet, ours)):
        optimizer = library.optimizers.SGD(0.1, weight_decay=0.01, **clipping)
        model.compile(optimizer, loss=["sparse_categorical_crossentropy", None])
    x = data_for(ours, random)
    y = random.integers(0, LABELS, (STEPS, ROWS))
    for (inputs,), labels in zip(x, y):
        theirs.train_on_batch(inputs, [labels, np.zeros((ROWS, 2))])
        ours.train_on_batch(inputs, {"kind": labels})
    assert_near(ours.get_weights(), trained_weights(theirs), start, STEPS, DEPTH)
    assert np.all(np.abs(ours.get_weights()[-2]) < np.abs(start[-2]))


def test_inputs_and_outputs_by_name(random):
    _, ours = pair_of(two_inputs)
    assert ours.input_names == ["b", "a"] and ours.input_shape == [(None, 3), (None, FEATURES)]
    a, b = random.normal(size=(7, FEATURES)), random.normal(size=(7, 3))
    listed = ours.predict([b, a])
    np.testing.assert_array_equal(ours.predict({"a": a, "b": b}), listed)
    y = random.integers(0, LABELS, 7)
    ours.compile("sgd", martlet.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert ours.evaluate({"a": a, "b": b}, y) == ours.evaluate([b, a], y)
    zipped = martlet.Dataset.zip([martlet.Dataset(b), martlet.Dataset(a, y)])
    assert (zipped.x_shapes, zipped.y_shapes, len(zipped)) == ([(3,), (FEATURES,)], [()], 7)
    assert ours.evaluate(zipped) == ours.evaluate([b, a], y)
    np.testing.assert_array_equal(ours.predict(zipped), listed)


def test_outputs_come_as_a_list(random):
    theirs, ours = pair_of(two_outputs)
    x = random.normal(size=(40_000, FEATURES)).astype(np.float32)  # several calls of the library
    kind, size = ours.predict(x)
    assert (kind.shape, size.shape) == ((40_000, LABELS), (40_000, 2))
    assert ours.output_shape == [(None, LABELS), (None, 2)] and ours.output_names == ["kind", "size"]
    for found, expected in zip((kind, size), theirs.predict(x, verbose=0, batch_size=1000)):
        np.testing.assert_allclose(found, expected, atol=4 * STEP_ERROR * np.abs(expected).max())


def test_own_loop_with_several_outputs(random):
    """forward, backward and apply with the gradients of mean squared errors are train_step with that loss."""
    _, ours = pair_of(two_outputs)
    start = ours.get_weights()
    x = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    targets = [random.normal(size=(ROWS, n)).astype(np.float32) for n in (LABELS, 2)]
    trainer = martlet.Trainer(ours, "sgd", "mse")
    trainer.train_step(x, targets)
    expected = ours.get_weights()
    ours.set_weights(start)
    trainer = martlet.Trainer(ours, "sgd", [None, None])
    outputs = trainer.forward(x)
    trainer.backward([2 * (y - t) / t.size for y, t in zip(outputs, targets)])
    trainer.apply()
    assert_near(ours.get_weights(), expected, start, 1)


@pytest.mark.parametrize("name", ["repeated layer", "two inputs", "siamese", "concatenated rows", "uneven"])
def test_saved_graphs(name, tmp_path, random):
    _, ours = pair_of(GRAPHS[name])
    ours.save(tmp_path / "graph.h5")
    loaded = martlet.load_model(tmp_path / "graph.h5")
    x = alone(data_for(ours, random)[0])
    np.testing.assert_array_equal(loaded.predict(x), ours.predict(x))
    assert loaded.input_names == ours.input_names and loaded.output_names == ours.output_names
    for one, two in zip(loaded.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda l, x, y: l.Add()(x), TypeError, "layer 'add' is called on a list of results, received Node"),
        (lambda l, x, y: l.Add()([x, 3]), TypeError, "layer 'add' is called on what Input.. or another layer returned"),
        (lambda l, x, y: l.Dense(2)([x, y]), TypeError, "layer 'dense' is called on what .* received list"),
        (lambda l, x, y: l.Subtract()([x, x, x]), ValueError, "should be called on exactly 2 inputs, received 3"),
        (lambda l, x, y: l.Add()([x]), ValueError, "'add'.*2 or more inputs, 1"),
        (lambda l, x, y: l.Add()([x, y]), ValueError, r"'add'.*one shape; input 0 has rows of shape \[4\], input 1 of \[3\]"),
        (lambda l, x, y: l.Concatenate(axis=0)([x, y]), ValueError, "axis 0"),
        (lambda l, x, y: l.Concatenate("last")([x, y]), TypeError, "axis must be an integer, received 'last'"),
        (lambda l, x, y: (d := l.Dense(2))(l.add([d(x), d(y)])), ValueError, "'dense'.*kernel"),
    ],
)
def test_wrong_graphs(make, kind, message):
    x, y = martlet.Input((4,)), martlet.Input((3,))
    with pytest.raises(kind, match=message):
        martlet.Model([x, y], make(martlet.layers, x, y))


def test_wrong_models():
    x, y = martlet.Input((4,)), martlet.Input((3,))
    dense = martlet.layers.Dense(2)
    out = dense(x)
    for inputs, outputs, message in [
        (x, [out, out], "outputs has one result twice"),
        ([], out, "inputs must be a result of Input"),
        (out, out, "inputs must be results of Input"),
        (y, out, "outputs do not come from inputs.*'input' is none of the inputs|outputs do not come"),
        ([x, y], out, "input"),
    ]:
        with pytest.raises(ValueError, match=message):
            martlet.Model(inputs, outputs)
    martlet.Model(x, out)  # what failed has left the layers free
    with pytest.raises(ValueError, match="layer 'dense' is in use already"):
        dense(x)


def test_wrong_compile_and_data(random):
    _, ours = pair_of(two_outputs)
    for arguments, message in [
        (dict(loss=["mse"]), r"loss has 1 entries, but the model has 2 outputs: \['kind', 'size'\]"),
        (dict(loss={"kind": "mse", "sort": "mse"}), r"Expected keys \['kind', 'size'\] in the dict loss"),
        (dict(loss=["mse", None], metrics={"size": "accuracy"}), "metric 'accuracy' does not apply to the loss 'no_loss'"),
        (dict(loss="mse", loss_weights=[1]), "loss_weights has 1 entries, but the model has 2"),
        (dict(loss="mse", metrics=["accuracy"]), "metrics has 1 entries, but the model has 2"),
        (dict(loss="mse", metrics={"sort": "accuracy"}), "metrics has the key 'sort'"),
        (dict(loss="mse", metrics=[["mse", "mse"], None]), "metrics must have different names"),
    ]:
        with pytest.raises(ValueError, match=message):
            ours.compile("sgd", **arguments)
    ours.compile("sgd", "mse")
    x, y = np.ones((6, FEATURES)), [np.ones((6, LABELS)), np.ones((6, 2))]
    for targets, message in [
        (y[0], "y must be a list of 2 arrays, or a dict, for the outputs .* received ndarray"),
        (y[:1], "received 1"),
        ({"kind": y[0]}, r"y has the keys \['kind'\]; the model has the outputs"),
        ([y[0], y[1][:5]], r"x has 6 rows, y\[1\] has 5"),
        (y[::-1], r"y.*rows of shape \[2\]|\[2\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            ours.fit(x, targets, verbose=0)
    with pytest.raises(ValueError, match="class_weight is only supported for models with a single output"):
        ours.fit(x, y, class_weight={0: 1.0}, verbose=0)
    ours.fit(x, y, verbose=0)
