"""Layers that slide a window over images and sequences, beside Keras': trained weights, files, and what is refused."""

import json

import numpy as np
import pytest
from test_keras import CLASSES, PROBABILITIES, ROWS, STEP_ERROR, STEPS, assert_same_output, compare_training, pair

import martlet
from martlet import layers

keras = pytest.importorskip("keras", reason="Keras is not installed")

FLATTEN = ("Flatten", {})
IMAGE, SEQUENCE = (7, 6, 4), (11, 4)
CONV = ("Conv2D", {"filters": 6, "kernel_size": 3, "padding": "same", "activation": "tanh"})


def conv2d(filters, kernel_size, **options):
    return ("Conv2D", {"filters": filters, "kernel_size": kernel_size, **options})


def conv1d(filters, kernel_size, **options):
    return ("Conv1D", {"filters": filters, "kernel_size": kernel_size, **options})


# The layer in the middle of a network for images or sequences, so that its input has a gradient.
IMAGE_LAYERS = {
    "Conv2D": conv2d(5, 3),
    "Conv2D same": conv2d(5, (3, 2), padding="same", activation="relu"),
    "Conv2D strides": conv2d(5, 3, strides=2),
    "Conv2D strides same": conv2d(5, (3, 4), strides=(2, 3), padding="same", activation="tanh"),
    "Conv2D dilation": conv2d(5, (2, 3), dilation_rate=2, padding="same"),
    "Conv2D dilation valid": conv2d(5, (2, 3), dilation_rate=(3, 2)),
    "Conv2D groups": conv2d(4, 3, groups=2, padding="same"),
    "Conv2D pixels": conv2d(8, 1, activation="sigmoid"),
    "Conv2D pixels strides": conv2d(8, 1, strides=2),
    "Conv2D no bias": conv2d(5, 3, use_bias=False, activation="selu"),
    "Conv2D large": conv2d(5, (7, 6)),
    "Conv2D L2": conv2d(5, 3, kernel_regularizer=("L2", 0.02), bias_regularizer=("L1", 0.01)),
    "DepthwiseConv2D": ("DepthwiseConv2D", {"kernel_size": 3}),
    "DepthwiseConv2D same": (
        "DepthwiseConv2D",
        {"kernel_size": (3, 2), "padding": "same", "activation": "relu", "depth_multiplier": 2},
    ),
    "DepthwiseConv2D strides": ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "DepthwiseConv2D dilation": ("DepthwiseConv2D", {"kernel_size": 2, "dilation_rate": 3, "use_bias": False}),
    "DepthwiseConv2D L2": ("DepthwiseConv2D", {"kernel_size": 3, "depthwise_regularizer": ("L2", 0.02)}),
    "SeparableConv2D": ("SeparableConv2D", {"filters": 5, "kernel_size": 3}),
    "SeparableConv2D same": (
        "SeparableConv2D",
        {"filters": 5, "kernel_size": 3, "padding": "same", "strides": 2, "activation": "tanh"},
    ),
    "SeparableConv2D multiplier": (
        "SeparableConv2D",
        {"filters": 5, "kernel_size": (2, 3), "depth_multiplier": 3, "use_bias": False},
    ),
    "SeparableConv2D L2": (
        "SeparableConv2D",
        {"filters": 5, "kernel_size": 3, "pointwise_regularizer": ("L2", 0.02), "bias_regularizer": ("L1", 0.01)},
    ),
    "Conv2DTranspose": ("Conv2DTranspose", {"filters": 5, "kernel_size": 3}),
    "Conv2DTranspose same": (
        "Conv2DTranspose",
        {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"},
    ),
    "Conv2DTranspose strides": ("Conv2DTranspose", {"filters": 5, "kernel_size": (2, 4), "strides": (3, 2)}),
    "Conv2DTranspose gaps": ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3, "use_bias": False}),
    "Conv2DTranspose dilation": ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "dilation_rate": 2}),
    "MaxPooling2D": ("MaxPooling2D", {}),
    "MaxPooling2D overlapping": ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}),
    "MaxPooling2D dense": ("MaxPooling2D", {"pool_size": (3, 2), "strides": 1}),
    "AveragePooling2D": ("AveragePooling2D", {"pool_size": (2, 3)}),
    "AveragePooling2D same": ("AveragePooling2D", {"pool_size": 3, "strides": (2, 1), "padding": "same"}),
    "GlobalMaxPooling2D": ("GlobalMaxPooling2D", {"keepdims": True}),
    "GlobalAveragePooling2D": ("GlobalAveragePooling2D", {"keepdims": True}),
    "ZeroPadding2D": ("ZeroPadding2D", {}),
    "ZeroPadding2D borders": ("ZeroPadding2D", {"padding": ((2, 0), (1, 3))}),
    "Cropping2D": ("Cropping2D", {"cropping": (1, 2)}),
    "Cropping2D borders": ("Cropping2D", {"cropping": ((0, 2), (3, 1))}),
    "Resizing": ("Resizing", {"height": 9, "width": 4}),
    "Resizing nearest": ("Resizing", {"height": 5, "width": 13, "interpolation": "nearest"}),
    "UpSampling2D": ("UpSampling2D", {"size": (2, 3)}),
    "UpSampling2D bilinear": ("UpSampling2D", {"interpolation": "bilinear"}),
    "LayerNormalization": ("LayerNormalization", {}),
    "LayerNormalization options": ("LayerNormalization", {"epsilon": 0.01, "center": False, "gamma_regularizer": ("L2", 0.1)}),
    "GroupNormalization": ("GroupNormalization", {"groups": 3}),
    "GroupNormalization each": ("GroupNormalization", {"groups": 6, "scale": False}),
    "GroupNormalization one": ("GroupNormalization", {"groups": 1, "epsilon": 0.1}),
    "PReLU": ("PReLU", {}),
    "PReLU of channels": ("PReLU", {"shared_axes": [1, 2], "alpha_regularizer": ("L2", 0.05)}),
    "BatchNormalization": ("BatchNormalization", {}),
    "BatchNormalization options": (
        "BatchNormalization",
        {"momentum": 0.8, "epsilon": 0.01, "gamma_regularizer": ("L2", 0.05), "beta_regularizer": ("L1", 0.01)},
    ),
    "BatchNormalization, no gamma": ("BatchNormalization", {"scale": False}),
    "BatchNormalization, no beta": ("BatchNormalization", {"center": False}),
    "BatchNormalization, statistics": ("BatchNormalization", {"center": False, "scale": False}),
}
IMAGE_LAYERS |= {
    "Softmax, axis 1": ("Softmax", {"axis": 1}),
    "Softmax, axis 2": ("Softmax", {"axis": -2}),
    "Softmax, pixels": ("Softmax", {"axis": [1, 2]}),
    "Softmax, end": ("Softmax", {"axis": [2, 3]}),
}
SEQUENCE_LAYERS = {
    "Conv1D": conv1d(5, 3),
    "Conv1D same": conv1d(5, 4, strides=2, padding="same", activation="relu"),
    "Conv1D causal": conv1d(5, 3, padding="causal", dilation_rate=2),
    "Conv1D groups": conv1d(6, 2, groups=3),
    "MaxPooling1D": ("MaxPooling1D", {"pool_size": 3, "strides": 2}),
    "AveragePooling1D": ("AveragePooling1D", {"pool_size": 3, "padding": "same"}),
    "GlobalMaxPooling1D": ("GlobalMaxPooling1D", {"keepdims": True}),
    "GlobalAveragePooling1D": ("GlobalAveragePooling1D", {"keepdims": True}),
}
NETWORKS = {
    **{name: ([CONV, layer, FLATTEN, PROBABILITIES], IMAGE) for name, layer in IMAGE_LAYERS.items()},
    **{
        name: ([conv1d(6, 3, padding="same", activation="tanh"), layer, FLATTEN, PROBABILITIES], SEQUENCE)
        for name, layer in SEQUENCE_LAYERS.items()
    },
}


NETWORKS["GlobalMaxPooling2D, vector"] = ([CONV, ("GlobalMaxPooling2D", {}), PROBABILITIES], IMAGE)
NETWORKS["GlobalAveragePooling2D, vector"] = ([CONV, ("GlobalAveragePooling2D", {}), PROBABILITIES], IMAGE)
NETWORKS["BatchNormalization, vectors"] = (
    [("Dense", {"units": 9, "use_bias": False}), ("BatchNormalization", {}), ("Activation", {"activation": "relu"}), PROBABILITIES],
    (12,),
)
# Many of the pixels that are the greatest are 0, and equal.
NETWORKS["MaxPooling2D after ReLU"] = (
    [conv2d(6, 3, activation="relu"), ("MaxPooling2D", {"strides": 1}), FLATTEN, PROBABILITIES],
    IMAGE,
)
# Deep enough, and large enough, to be computed by tiles, all gradients by images but the first among them.
NETWORKS["Conv2D by tiles"] = (
    [
        conv2d(16, 3, padding="same", activation="relu"),
        conv2d(20, 3, padding="same", activation="tanh"),
        conv2d(16, 3, use_bias=False),
        ("GlobalAveragePooling2D", {}),
        PROBABILITIES,
    ],
    (9, 10, 16),
)
# Layers with strides are computed over patches, and their gradients by images deep enough for tiles too.
for strides in (2, 3, (1, 2)):
    NETWORKS[f"Conv2D deep, strides {strides}"] = (
        [
            conv2d(16, 3, padding="same", activation="relu"),
            conv2d(20, 3, strides=strides, padding="same", activation="tanh"),
            ("GlobalAveragePooling2D", {}),
            PROBABILITIES,
        ],
        (13, 14, 16),
    )


def batches(random, shape):
    return random.normal(size=(STEPS, ROWS, *shape)).astype(np.float32), random.integers(0, CLASSES, (STEPS, ROWS))


@pytest.mark.parametrize("name", NETWORKS)
def test_they_train_as_in_keras(name, random):
    network, shape = NETWORKS[name]
    # Small weights: Keras cuts probabilities off at 1e-7.
    theirs, ours = pair(*network, shape=shape, deviation=0.15)
    loss = "sparse_categorical_crossentropy"
    # The longest sum is over the positions of all rows, 24 * 42 terms, not over 32; and there is a layer more.
    compare_training(theirs, ours, *batches(random, shape), loss, loss, factor=8)


@pytest.mark.parametrize("frozen", [(0,), (1,), (0, 1), (2,), (0, 1, 2)])
def test_frozen_layers_train_as_in_keras(frozen, random):
    """The rest of the network learns as Keras', and what is frozen, moving statistics among it, stays."""
    network = [CONV, ("BatchNormalization", {"momentum": 0.5}), conv2d(5, 3, activation="relu"), FLATTEN, PROBABILITIES]
    theirs, ours = pair(*network, shape=IMAGE, deviation=0.15)
    for index in frozen:
        theirs.layers[index].trainable = False
        ours.layers[index].trainable = False
    x, y = batches(random, IMAGE)
    start = trained_arrays(theirs)
    theirs.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    ours.compile(martlet.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    for batch, labels in zip(x, y):
        assert ours.train_on_batch(batch, labels) == pytest.approx(theirs.train_on_batch(batch, labels), rel=1e-4)
    for before, expected, found in zip(start, trained_arrays(theirs), ours.get_weights()):
        moved = np.linalg.norm(expected - before)
        if moved == 0:
            np.testing.assert_array_equal(found, before)
        else:
            assert np.linalg.norm(found - expected) <= STEPS * STEP_ERROR * 8 * moved


def trained_arrays(model):
    """All weights and moving statistics in the order of the layers, whatever is frozen."""
    return [np.asarray(v) for layer in model.layers for v in layer.weights]


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_opens_what_martlet_saves(name, tmp_path, random):
    network, shape = NETWORKS[name]
    _, ours = pair(*network, shape=shape)
    ours.save(tmp_path / "model.h5")
    x = random.normal(size=(9, *shape)).astype(np.float32)
    theirs = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert_same_output(martlet.load_model(tmp_path / "model.h5").predict(x), ours.predict(x))
    for layer, (kind, arguments) in zip(theirs.layers, network):
        plain = {key: value for key, value in arguments.items() if not key.endswith("regularizer")}
        expected, found = getattr(keras.layers, kind)(**plain).get_config(), layer.get_config()
        assert type(layer).__name__ == kind
        for key in plain:
            assert found[key] == expected[key] or tuple(found[key]) == tuple(expected[key])


@pytest.mark.parametrize("name", NETWORKS)
def test_martlet_opens_what_keras_saves(name, tmp_path, random):
    network, shape = NETWORKS[name]
    theirs, _ = pair(*network, shape=shape)
    theirs.save(tmp_path / "model.h5")
    x = random.normal(size=(9, *shape)).astype(np.float32)
    ours = martlet.load_model(tmp_path / "model.h5")
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert [layer.class_name for layer in ours.layers[1:]] == [kind for kind, _ in network]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_groups_of_pixels(threads, random):
    """Grouped convolutions of single pixels, with few rows, as floats and as bytes: as many dense products."""
    martlet.set_threads(threads)
    try:
        model = martlet.Sequential([martlet.Input((1, 1, 1024)), layers.Conv2D(1024, 1, groups=2)], seed=1)
        for x in (random.normal(size=(8, 1, 1, 1024)).astype(np.float32), random.integers(0, 256, (8, 1, 1, 1024), np.uint8)):
            found = model.predict(x)[:, 0, 0]
            kernel, bias = (w.astype(np.float64) for w in model.get_weights())
            halves = [x[:, 0, 0, :512] @ kernel[0, 0, :, :512], x[:, 0, 0, 512:] @ kernel[0, 0, :, 512:]]
            expected = np.concatenate(halves, axis=1) + bias
            bound = 514 * 2.0**-24 * np.abs(x[:, 0, 0].astype(np.float64)).max() * np.abs(kernel).sum(2).max()
            np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
    finally:
        martlet.set_threads(0)


def test_statistics_move_with_the_update_alone(random):
    """Not when figures of the layers are taken, nor by gradients that nobody applies."""
    def network():
        return martlet.Sequential(
            [martlet.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)], seed=3
        )

    x, y = random.normal(size=(12, 4)).astype(np.float32), random.normal(size=(12, 2)).astype(np.float32)
    weights = []
    for options in ({}, {"callbacks": martlet.callbacks.LayerStatistics()}):
        model = network()
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=2, batch_size=6, shuffle=False, verbose=0, **options)
        weights.append(model.get_weights())
    for a, b in zip(*weights):
        np.testing.assert_array_equal(a, b)
    model = network()
    trainer = martlet.Trainer(model, loss=None)
    before = model.get_weights()
    trainer.forward(x)
    trainer.backward(np.ones((12, 2), np.float32))
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    trainer.apply()
    for a, b in list(zip(before, model.get_weights()))[4:6]:  # the moving mean and variance
        assert (a != b).all()


def test_averages_of_layers_that_are_unfrozen(random):
    """The moving average of weights begins with them when they are unfrozen, not with zeros."""
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3), layers.Dense(2)], seed=3)
    model.compile(martlet.optimizers.SGD(0.0, use_ema=True, ema_momentum=0.9), "mse")
    start = model.get_weights()
    x, y = np.ones((8, 4), np.float32), np.ones((8, 2), np.float32)
    model.layers[0].trainable = False
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    model.layers[0].trainable = True
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    for a, b in zip(start, model.get_weights()):
        np.testing.assert_allclose(b, a, rtol=2.0**-22)


def test_infinities_stay_where_they_are(random):
    model = martlet.Sequential([martlet.Input((2, 2, 1)), layers.Rescaling(3e38), layers.UpSampling2D()])
    x = np.array([[2, 1], [1, 1]], np.float32).reshape(1, 2, 2, 1)
    found = model.predict(x)[0, :, :, 0]
    assert np.isposinf(found[:2, :2]).all() and np.isfinite(found[2:]).all() and np.isfinite(found[:, 2:]).all()


def test_predictions_in_double(random):
    """The reference kernels beside NumPy: a convolution written out for one image."""
    model = martlet.Sequential([martlet.Input((6, 5, 3)), layers.Conv2D(4, (3, 2), strides=(2, 1))])
    x = random.normal(size=(2, 6, 5, 3))
    model.build()
    kernel, bias = (w.astype(np.float64) for w in model.get_weights())
    expected = np.empty((2, 2, 4, 4))
    for i in range(2):
        for j in range(4):
            expected[:, i, j] = np.einsum("nabc,abco->no", x[:, 2 * i : 2 * i + 3, j : j + 2], kernel) + bias
    found = model.predict(x, dtype="float64")
    # 18 products and a bias, in double.
    np.testing.assert_allclose(found, expected, rtol=0, atol=19 * 2.0**-53 * np.abs(x).max() * np.abs(kernel).sum())


def kept(model, shape, rows=40):
    """Which elements of rows of ones a network of one dropout layer keeps, and what becomes of them."""
    trainer = martlet.Trainer(model, loss=None, seed=4)
    result = np.asarray(trainer.forward(np.ones((rows, *shape), np.float32)))
    values = np.unique(result)
    assert len(values) == 2 and values[0] == 0
    return result != 0, values[1]


@pytest.mark.parametrize("kind, shape", [("SpatialDropout2D", (5, 6, 7)), ("SpatialDropout1D", (9, 7))])
def test_spatial_dropout_drops_whole_channels(kind, shape, tmp_path):
    layer = getattr(layers, kind)(0.25)
    model = martlet.Sequential([martlet.Input(shape), layer, layers.Dense(7, use_bias=False)])
    model.build()
    model.set_weights([np.eye(7, dtype=np.float32)])
    is_kept, value = kept(model, shape)
    assert value == pytest.approx(4 / 3, rel=2**-23)
    places = tuple(range(1, len(shape)))
    assert (is_kept.all(places) | ~is_kept.any(places)).all()
    share = is_kept.any(places).mean()
    assert abs(share - 0.75) < 5 * np.sqrt(0.25 * 0.75 / (40 * 7))
    model.save(tmp_path / "model.h5")
    theirs = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert type(theirs.layers[0]).__name__ == kind and theirs.layers[0].rate == 0.25


def test_dropout_of_whole_rows(tmp_path):
    """A noise_shape, as EfficientNet's stochastic depth has it, out of a file of Keras and back."""
    shape = (5, 6, 7)
    theirs = keras.Sequential([keras.Input(shape), keras.layers.Dropout(0.25, noise_shape=(None, 1, 1, 1)),
                               keras.layers.Dense(7, use_bias=False)])  # fmt: skip
    theirs.set_weights([np.eye(7, dtype=np.float32)])
    theirs.save(tmp_path / "model.h5")
    ours = martlet.load_model(tmp_path / "model.h5")
    is_kept, _ = kept(ours, shape, rows=200)
    assert (is_kept.all((1, 2, 3)) | ~is_kept.any((1, 2, 3))).all()
    assert abs(is_kept.any((1, 2, 3)).mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / 200)
    ours.save(tmp_path / "again.h5")
    again = keras.models.load_model(tmp_path / "again.h5", compile=False)
    assert tuple(again.layers[0].noise_shape) == (None, 1, 1, 1)


def test_bytes_are_images(random):
    """Rows of bytes are converted before a convolution reads them."""
    model = martlet.Sequential([martlet.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3)])
    x = random.integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(model.predict(x), model.predict(x.astype(np.float32)))
    plain = martlet.Sequential([martlet.Input((8, 8, 3)), layers.Conv2D(4, 3)])
    np.testing.assert_array_equal(plain.predict(x), plain.predict(x.astype(np.float32)))


def build(layer, shape=IMAGE):
    return martlet.Sequential([martlet.Input(shape), layer]).build()


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: layers.Conv2D(0, 3), ValueError, "filters must be from 1"),
        (lambda: layers.Conv2D(4, (3, 3, 3)), ValueError, r"kernel_size must be an integer or 2 of them"),
        (lambda: layers.Conv2D(4, 0), ValueError, "kernel_size must be from 1"),
        (lambda: layers.Conv2D(4, 3, strides="2"), ValueError, "strides must be an integer or 2 of them, received '2'"),
        (lambda: layers.Conv2D(4, 3, padding="full"), ValueError, "padding must be one of 'valid', 'same', received"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), ValueError, "padding must be one of 'valid', 'same', received"),
        (lambda: layers.Conv2D(4, 3, data_format="channels_first"), martlet.UnsupportedError, "channels_last is"),
        (lambda: layers.Conv2D(4, 3, activation="softmaxx"), ValueError, "Unknown activation: 'softmaxx'"),
        (lambda: build(layers.Conv2D(4, 8)), ValueError, "'conv2d'.*the window covers 8 elements of an axis that has 7"),
        (lambda: build(layers.Conv2D(4, 3, groups=3)), ValueError, "3 groups, which must divide its 4 filters and the 4"),
        (lambda: build(layers.Conv2D(4, 3), SEQUENCE), ValueError, r"rows of shape \[height, width, channels\], not"),
        (lambda: build(layers.Conv1D(4, 3)), ValueError, r"Conv1D takes rows of shape \[length, channels\], not"),
        (lambda: build(layers.Conv2D(4, 2**24 + 1)), ValueError, "kernel_height is 16777217; it must be 1 to 16777216"),
        (lambda: layers.MaxPooling2D(0), ValueError, "pool_size must be from 1"),
        (lambda: layers.MaxPooling1D(2, padding="causal"), ValueError, "padding must be one of 'valid', 'same', rec"),
        (lambda: build(layers.AveragePooling2D(8)), ValueError, "'average_pooling2d'.*the window covers 8 elements"),
        (lambda: build(layers.GlobalMaxPooling2D(), (4,)), ValueError, r"GlobalMaxPooling2D takes rows of shape"),
        (lambda: build(layers.GlobalMaxPooling2D(), SEQUENCE), ValueError, r"GlobalMaxPooling2D. takes rows of 3 axes"),
        (lambda: build(layers.GlobalAveragePooling1D()), ValueError, r"GlobalAveragePooling1D. takes rows of 2 axes"),
        (lambda: build(layers.SpatialDropout2D(0.5), SEQUENCE), ValueError, r"SpatialDropout2D. takes rows of 3 axes"),
        (lambda: build(layers.Softmax([1, 3])), ValueError, r"over the axes .1, 3.; for rows .* must be neighbours"),
        (lambda: build(layers.Softmax([-(2**31), 1])), ValueError, "must be neighbours"),
        (lambda: build(layers.Softmax(0)), ValueError, r"over the axes .0."),
        (lambda: build(layers.Softmax([])), ValueError, "axis_count is 0"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), ValueError, "padding must be an integer, two of them, or"),
        (lambda: layers.ZeroPadding2D(-1), ValueError, "padding must be from 0"),
        (lambda: build(layers.Cropping2D((4, 3))), ValueError, "Cropping2D takes 8 rows and 6 columns from images"),
        (lambda: layers.Resizing(0, 4), ValueError, "height must be from 1"),
        (lambda: layers.Resizing(4, 4, "cubic"), ValueError, "interpolation must be one of 'nearest', 'bilinear'"),
        (lambda: layers.Resizing(4, 4, crop_to_aspect_ratio=True), martlet.UnsupportedError, "aspect ratio"),
        (lambda: build(layers.UpSampling2D(), (4,)), ValueError, "UpSampling2D takes rows of shape"),
        (lambda: layers.LayerNormalization(axis=1), martlet.UnsupportedError, "received axis=1; the last, -1"),
        (lambda: build(layers.GroupNormalization(3)), ValueError, "3 groups, which must divide the 4 channels"),
        (lambda: build(layers.GroupNormalization(0)), ValueError, "groups is 0; it must be 1 to"),
        (lambda: build(layers.PReLU(shared_axes=1)), ValueError, "shares alpha along 1 axes"),
        (lambda: layers.PReLU(shared_axes=[2]), martlet.UnsupportedError, "shared_axes"),
        (lambda: layers.BatchNormalization(axis=1), martlet.UnsupportedError, "received axis=1; the last, -1"),
        (lambda: build(layers.BatchNormalization(momentum=1.5)), ValueError, "momentum is 1.5; it must be 0 to 1"),
        (lambda: build(layers.BatchNormalization(epsilon=0)), ValueError, "epsilon is 0.0; it must be > 0 and finite"),
        (lambda: build(layers.Conv2D(2**60, 3)), ValueError, "'conv2d': the output of a Conv2D layer is too large"),
        (lambda: build(layers.Conv2D(2**40, 3)), MemoryError, "cannot allocate .* bytes for the weights"),
    ],
)
def test_bad_arguments(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def config(**changes):
    members = {"filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", **changes}
    kind = members.pop("class_name", "Conv2D")
    if kind.endswith("1D"):
        members["strides"] = 1
    layer = {"class_name": kind, "config": {"name": "c", **members}}
    shape = [None, 7, 4] if kind.endswith("1D") else [None, 7, 6, 4]
    first = {"class_name": "InputLayer", "config": {"name": "i", "batch_input_shape": shape}}
    return json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": [first, layer]}})


@pytest.mark.parametrize(
    "changes, kind, message",
    [
        ({"data_format": "channels_first"}, martlet.UnsupportedError, "has data_format 'channels_first'"),
        ({"padding": "full"}, martlet.UnsupportedError, "has the padding 'full'"),
        ({"kernel_size": [3]}, martlet.FormatError, "has the kernel_size .*; it takes 2 of 1 to 16777216"),
        ({"kernel_size": [3, 0]}, martlet.FormatError, "has the kernel_size"),
        ({"kernel_size": [3, 2**62]}, martlet.FormatError, "has the kernel_size"),
        ({"strides": "two"}, martlet.FormatError, "has the strides"),
        ({"filters": -1}, martlet.FormatError, "has -1 as 'filters'"),
        ({"groups": 0}, martlet.FormatError, "has 0 as 'groups'"),
        ({"class_name": "MaxPooling1D", "padding": "causal"}, martlet.UnsupportedError, "the padding 'causal'"),
        ({"class_name": "ZeroPadding2D", "padding": [[1, 1, "x"], [2, 2]]}, martlet.FormatError, "has the padding"),
        ({"class_name": "PReLU", "shared_axes": ["a"]}, martlet.UnsupportedError, "shares the axes"),
        ({"class_name": "Softmax", "axis": -(2**63)}, martlet.FormatError, "has an 'axis' that is not a number of one"),
        ({"lora_rank": 4}, martlet.UnsupportedError, "sets 'lora_rank'"),
        ({"kernel_size": [9, 9]}, ValueError, "the window covers 9 elements"),
    ],
)
def test_bad_files(changes, kind, message):
    with pytest.raises(kind, match=message):
        martlet.models.model_from_json(config(**changes))


def test_a_file_may_give_one_size_for_all_axes(random):
    one = martlet.models.model_from_json(config(kernel_size=3, strides=2))
    assert one.output_shape == (None, 3, 2, 4)
