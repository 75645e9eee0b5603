"""Arithmetic of tensors as Keras keeps it in files, and layers that hold code and are replaced."""

import json

import numpy as np
import pytest

import martlet
from martlet import layers
from martlet.models import model_from_json

keras = pytest.importorskip("keras", reason="Keras is not installed")


def arithmetic(x, z):
    """Every operation that is read, with numbers on both sides."""
    ops = keras.ops
    y = 2.0 * (x / 127.5 - 1.0)
    y = ops.maximum(1.0 - y, 0.0) + z
    y = ops.subtract(-y, 0.5) * z
    y = ops.maximum(ops.add(3, y), z - x)
    y = ops.divide(ops.cast(y, "float32"), 4)
    y = ops.image.resize(y, (8, 6))
    return ops.image.resize(y, (16, 18), interpolation="nearest")


@pytest.mark.parametrize("ending", [".json", ".keras"])
def test_operations_of_keras_3(ending, tmp_path, random):
    x, z = keras.Input((4, 4, 2), name="x"), keras.Input((4, 4, 2), name="z")
    theirs = keras.Model([x, z], arithmetic(x, z))
    data = [random.uniform(0, 255, (3, 4, 4, 2)).astype(np.float32), random.normal(size=(3, 4, 4, 2)).astype(np.float32)]
    expected = theirs.predict(data, verbose=0)
    if ending == ".json":
        ours = model_from_json(theirs.to_json())
    else:
        theirs.save(tmp_path / "m.keras")
        ours = martlet.load_model(tmp_path / "m.keras")
    # A dozen roundings of 2^-24; a product with 1 / n differs from a quotient by one more.
    tolerance = 24 * 2**-24 * np.abs(expected).max()
    np.testing.assert_allclose(ours.predict(data), expected, rtol=0, atol=tolerance)
    ours.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5")
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, rtol=0, atol=tolerance)


def keras_2(*operations, inputs=("x",)):
    """A Functional model of Keras 2 whose TFOpLambda layers are given as (function, call, arguments)."""
    chain = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4, 4, 2], "name": name}, "name": name,
         "inbound_nodes": []}
        for name in inputs
    ]  # fmt: skip
    for number, (function, call, arguments) in enumerate(operations):
        name = f"op_{number}"
        config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
        chain.append(
            {"class_name": "TFOpLambda", "config": config, "name": name, "inbound_nodes": [[*call, arguments]]}
        )
    last = chain[-1]["name"]
    config = {
        "name": "m", "layers": chain, "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[last, 0, 0]],
    }  # fmt: skip
    return json.dumps({"class_name": "Functional", "config": config})


def test_operations_of_keras_2(random):
    """The report's preprocessing, and the other forms."""
    x = random.uniform(0, 255, (3, 4, 4, 2)).astype(np.float32)
    z = random.normal(size=x.shape).astype(np.float32)
    xception = keras_2(
        ("math.truediv", ["x", 0, 0], {"y": 127.5, "name": None}),
        ("math.subtract", ["op_0", 0, 0], {"y": 1.0, "name": None}),
    )
    np.testing.assert_allclose(
        model_from_json(xception).predict(x), keras.applications.xception.preprocess_input(x.copy()), rtol=0, atol=2**-21
    )
    both = keras_2(
        ("cast", ["x", 0, 0], {"dtype": "float32"}),
        ("math.multiply", ["op_0", 0, 0], {"y": ["z", 0, 0], "name": None}),
        ("__operators__.add", ["op_1", 0, 0], {"y": 2, "name": None}),
        ("math.subtract", ["_CONSTANT_VALUE", -1, 1.0], {"y": ["op_2", 0, 0], "name": None}),
        ("math.negative", ["op_3", 0, 0], {}),
        ("math.maximum", ["op_4", 0, 0], {"y": ["x", 0, 0]}),
        inputs=("x", "z"),
    )
    expected = np.maximum(-(1 - (x * z + 2)), x)
    np.testing.assert_allclose(model_from_json(both).predict([x, z]), expected, rtol=1e-6)
    resized = keras_2(("image.resize", ["x", 0, 0], {"size": [8, 8], "method": "bilinear"}))
    np.testing.assert_allclose(
        model_from_json(resized).predict(x), np.asarray(keras.ops.image.resize(x, (8, 8))), rtol=0, atol=255 * 2**-22
    )


def test_numbers_of_channels_in_keras_2(random):
    x = random.uniform(0, 255, (3, 4, 4, 2)).astype(np.float32)
    chain = keras_2(
        ("math.subtract", ["x", 0, 0], {"y": [103.9, 116.8], "name": None}),
        ("math.truediv", ["op_0", 0, 0], {"y": [[[[64.0, 32.0]]]], "name": None}),
        ("math.subtract", ["_CONSTANT_VALUE", -1, [0.25, -2]], {"y": ["op_1", 0, 0], "name": None}),
        ("math.multiply", ["_CONSTANT_VALUE", -1, [[3, -0.5]]], {"y": ["op_2", 0, 0], "name": None}),
        ("__operators__.add", ["op_3", 0, 0], {"y": [1], "name": None}),
    )
    expected = 1 + np.array([3, -0.5]) * ([0.25, -2] - (x.astype(float) - [103.9, 116.8]) / [64, 32])
    # Four roundings of numbers up to 152, the first of them divided by 32 at least and none multiplied by more than 3.
    np.testing.assert_allclose(model_from_json(chain).predict(x), expected, rtol=0, atol=2**-18)


def numbers_of_channels(x):
    """Every operation with numbers of channels, as arrays and as tensors; layers before and after them are trained."""
    array, tensor = np.array, keras.ops.convert_to_tensor
    y = (x - array([103.9, 116.8, 123.7], "float32")) / tensor([57.4, 57.1, 58.4])
    y = keras.layers.Conv2D(3, 3, name="before")(y)
    y = keras.ops.subtract(tensor([[[[0.5, -0.25, 1.0]]]]), y) * array([[0.5, 2, -3]], "float32")
    y = keras.ops.add(array([1, 2, 3]), y)
    return keras.layers.Dense(2, name="after")(keras.layers.GlobalAveragePooling2D()(y))


@pytest.mark.parametrize("ending", [".json", ".h5", ".keras"])
def test_numbers_of_channels_in_keras_3(ending, tmp_path, random):
    """Keras 3 writes such an .h5 file, too, but cannot read it."""
    x = keras.Input((6, 6, 3), name="x")
    theirs = keras.Model(x, numbers_of_channels(x))
    theirs.compile(keras.optimizers.SGD(0.01), "mse")
    rows, y = random.uniform(0, 255, (4, 6, 6, 3)).astype(np.float32), random.normal(size=(4, 2)).astype(np.float32)
    if ending == ".json":
        ours = model_from_json(theirs.to_json())
        ours.set_weights(theirs.get_weights())
    else:
        theirs.save(tmp_path / f"m{ending}")
        ours = martlet.load_model(tmp_path / f"m{ending}", compile=False)
    ours.compile(martlet.optimizers.SGD(0.01), "mse")
    # Sums of up to 64 products, of which each is rounded.
    tolerance = 64 * 2**-24
    for step in range(2):
        expected = theirs.predict(rows, verbose=0)
        np.testing.assert_allclose(ours.predict(rows), expected, rtol=0, atol=tolerance * np.abs(expected).max())
        if step == 0:
            theirs.train_on_batch(rows, y)
            ours.train_on_batch(rows, y)
            for our, their in zip(ours.get_weights(), theirs.get_weights()):
                np.testing.assert_allclose(our, their, rtol=0, atol=tolerance * np.abs(their).max())
    ours.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5")
    returned = again.predict(rows, verbose=0)
    np.testing.assert_allclose(returned, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    assert again.layers[1].scale == 1 and again.layers[1].offset == pytest.approx([-103.9, -116.8, -123.7])


@pytest.mark.parametrize(
    "operation, message",
    [
        (("math.sin", ["x", 0, 0], {}), "layer 'op_0' .TFOpLambda. computes 'math.sin', which is not supported"),
        (("math.truediv", ["x", 0, 0], {"y": ["x", 0, 0]}), "computes 'divide' of operands"),
        (("math.truediv", ["x", 0, 0], {"y": 0.0}), "computes 'divide' of operands"),
        (("math.truediv", ["x", 0, 0], {"y": [1.0, 0.0]}), "computes 'divide' of operands"),
        (("math.truediv", ["_CONSTANT_VALUE", -1, 1.0], {"y": ["x", 0, 0]}), "computes 'divide' of operands"),
        (("math.maximum", ["x", 0, 0], {"y": 1.0}), "computes 'maximum' of operands"),
        (("math.maximum", ["x", 0, 0], {"y": [0.0, 0.0]}), "computes 'maximum' of operands"),
        (("math.add", ["x", 0, 0], {"y": "one"}), "neither a result of a layer nor a number"),
        (("math.add", ["x", 0, 0], {"y": [[1.0], [2.0]]}), "neither a result of a layer nor a number"),
        (
            ("math.add", ["x", 0, 0], {"y": [1.0, 2.0, 3.0]}),
            r"numbers of shape \[3\] as 'offset'; rows of shape \[4, 4, 2\] take a number, or 2, one for each channel",
        ),
        (("math.multiply", ["x", 0, 0], {"y": [[[[[1.0, 2.0]]]]]}), r"numbers of shape \[1, 1, 1, 1, 2\] as 'scale'"),
        (("math.multiply", ["x", 0, 0], {"y": [1.0, 1e39]}), "the scale 1e.39; it must be finite"),
        (("cast", ["x", 0, 0], {"dtype": "int32"}), "casts to int32|casts to \"int32\""),
        (("image.resize", ["x", 0, 0], {"size": [8]}), "no 'size' of two numbers"),
        (("image.resize", ["x", 0, 0], {"size": [8, 8], "antialias": True}), "sets 'antialias'"),
        (("image.resize", ["x", 0, 0], {"size": [8, 8], "method": "lanczos3"}), "interpolation"),
    ],
)
def test_operations_that_are_refused(operation, message):
    with pytest.raises((martlet.UnsupportedError, martlet.FormatError), match=message):
        model_from_json(keras_2(operation))


@pytest.mark.parametrize("ending", [".json", ".h5", ".keras"])
@pytest.mark.parametrize("name", ["softmax", "average", "reshape"])
def test_operations_with_names_of_layers(name, ending, tmp_path):
    """They compute something else than the layers of these names."""
    x = keras.Input((4,))
    result = {
        "softmax": lambda: keras.ops.softmax(x, axis=None),
        "average": lambda: keras.ops.average(x, axis=1),
        "reshape": lambda: keras.ops.reshape(x, (-1, 2)),
    }[name]()
    theirs = keras.Model(x, result)
    with pytest.raises(martlet.UnsupportedError, match="is Keras' operation of that name, not the layer"):
        if ending == ".json":
            model_from_json(theirs.to_json())
        else:
            theirs.save(tmp_path / f"m{ending}")
            martlet.load_model(tmp_path / f"m{ending}")


def with_lambda():
    """As in the report: code that resizes, then a model in the model with the scaling of its images."""
    x = keras.Input((16, 16, 3))
    y = keras.layers.Conv2D(4, 3)(x / 127.5 - 1.0)
    base = keras.Model(x, keras.layers.GlobalAveragePooling2D()(y), name="base")
    resize = keras.layers.Lambda(lambda images: keras.ops.image.resize(images, (16, 16)), name="lambda")
    return keras.Sequential([keras.Input((8, 8, 3)), resize, base, keras.layers.Dense(3)])


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_code_is_replaced(ending, tmp_path, random):
    theirs = with_lambda()
    path = tmp_path / f"m{ending}"
    theirs.save(path)
    with pytest.raises(martlet.UnsupportedError, match=r"load_model\(path, replace=\{'lambda': Resizing\(224, 224\)\}\)"):
        martlet.load_model(path)
    ours = martlet.load_model(path, replace={"lambda": layers.Resizing(16, 16)})
    x = random.uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    expected = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert ours.get_layer("lambda").class_name == "Resizing"
    ours.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_code_in_a_submodel_is_replaced(tmp_path):
    inner = with_lambda()
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner, keras.layers.Dense(2)])
    outer.save(tmp_path / "m.h5")
    path = f"{inner.name}/lambda"
    with pytest.raises(martlet.UnsupportedError, match=rf"load_model\(path, replace=\{{'{path}': Resizing"):
        martlet.load_model(tmp_path / "m.h5")
    assert martlet.load_model(tmp_path / "m.h5", replace={path: layers.Resizing(16, 16)}).output_shape == (None, 2)
    with pytest.raises(martlet.NotFoundError, match="has no layer 'lambda' to replace"):
        martlet.load_model(tmp_path / "m.h5", replace={"lambda": layers.Resizing(16, 16)})
    with pytest.raises(martlet.NotFoundError, match="is no submodel"):
        martlet.load_model(tmp_path / "m.h5", replace={f"{outer.layers[-1].name}/lambda": layers.Flatten()})
    with pytest.raises(TypeError, match="replace expects layers"):
        martlet.load_model(tmp_path / "m.h5", replace={path: "Resizing"})
