"""Layers that change images at random, beside Keras': nothing random left, statistics, threads, resume, files."""

import json
from math import erf

import numpy as np
import pytest

import martlet
from martlet import layers

keras = pytest.importorskip("keras", reason="Keras is not installed")

H, W = 9, 13
U = 2.0**-24

# With factors from which one number alone can be drawn.
FIXED = {
    "translation": ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": (-0.2, -0.2)}),
    "translation by pixels": (
        "RandomTranslation",
        {"height_factor": (-1 / 3, -1 / 3), "width_factor": (3 / 13, 3 / 13)},
    ),
    "rotation": ("RandomRotation", {"factor": (0.07, 0.07)}),
    "rotation, a quarter": ("RandomRotation", {"factor": (0.25, 0.25)}),
    "rotation, clockwise": ("RandomRotation", {"factor": (-0.4, -0.4)}),
    "zoom in": ("RandomZoom", {"height_factor": (-0.37, -0.37)}),
    "zoom out": ("RandomZoom", {"height_factor": (0.45, 0.45), "width_factor": (0.85, 0.85)}),
    "zoom both": ("RandomZoom", {"height_factor": (-0.3, -0.3), "width_factor": (0.6, 0.6)}),
}
# Any numbers: what is drawn differs from Keras'.
DRAWN = {
    "RandomFlip": ("RandomFlip", {"mode": "vertical"}),
    "RandomFlip defaults": ("RandomFlip", {}),
    "RandomTranslation": ("RandomTranslation", {"height_factor": 0.2, "width_factor": (-0.1, 0.3)}),
    "RandomTranslation wrap": (
        "RandomTranslation",
        {"height_factor": 0.25, "width_factor": 0.5, "fill_mode": "wrap", "interpolation": "nearest"},
    ),
    "RandomRotation": ("RandomRotation", {"factor": (-0.25, 0.5), "fill_mode": "constant", "fill_value": 0.5}),
    "RandomZoom": ("RandomZoom", {"height_factor": 1.0, "fill_mode": "nearest"}),
    "RandomZoom both": ("RandomZoom", {"height_factor": (-0.5, 0.25), "width_factor": (0.0, 0.5)}),
    "RandomContrast": ("RandomContrast", {"factor": (0.25, 0.5), "value_range": (0, 1)}),
    "RandomContrast defaults": ("RandomContrast", {"factor": 0.5}),
    "RandomErasing": ("RandomErasing", {"factor": (0.25, 0.75), "scale": (0.125, 0.5), "fill_value": 0.25}),
    "RandomErasing defaults": ("RandomErasing", {}),
    "RandomErasing colour": ("RandomErasing", {"fill_value": (0.25, 0.5, 1), "value_range": (0, 1)}),
}


def ours(kind, options, shape=(H, W, 3)):
    return martlet.Sequential([martlet.Input(shape), getattr(layers, kind)(**options)])


def drawn(model, x, seed=4, step=0):
    """What training makes of images in a step."""
    trainer = martlet.Trainer(model, loss=None, seed=seed)
    for _ in range(step + 1):
        result = np.array(trainer.forward(x))
        trainer.backward(np.zeros_like(result))
        trainer.apply()
    return result


def numbered(count, height=H, width=W, channels=1):
    """Images of which every pixel says where it is: 1000 row + column."""
    places = 1000.0 * np.arange(height)[:, None] + np.arange(width)
    return np.broadcast_to(places[None, :, :, None], (count, height, width, channels)).astype(np.float32)


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", FIXED)
def test_they_are_as_in_keras(name, interpolation, fill_mode, random):
    kind, options = FIXED[name]
    options = {**options, "fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 0.7}
    x = random.uniform(size=(3, H, W, 3)).astype(np.float32)
    found = drawn(ours(kind, options), x)
    expected = np.asarray(getattr(keras.layers, kind)(**options)(x, training=True))
    if interpolation == "nearest":
        np.testing.assert_array_equal(found, expected)
    else:
        # A place is six roundings of numbers below 4 W, for each of the two; it moves a pixel by no more than itself on
        # each axis, pixels being at most 1 apart. Then come eight roundings of numbers of at most 1.
        np.testing.assert_allclose(found, expected, rtol=0, atol=2 * 2 * 6 * 4 * W * U + 2 * 8 * U)


@pytest.mark.parametrize("mode, axes", [("horizontal", (1,)), ("vertical", (0,)), ("horizontal_and_vertical", (0, 1))])
def test_half_of_the_images_are_flipped(mode, axes, random):
    x = random.normal(size=(400, 5, 6, 3)).astype(np.float32)
    found = drawn(ours("RandomFlip", {"mode": mode}, (5, 6, 3)), x)
    is_flipped = (found != x).any((1, 2, 3))
    for image, before, flipped in zip(found, x, is_flipped):
        np.testing.assert_array_equal(image, np.flip(before, axes) if flipped else before)
    assert abs(is_flipped.mean() - 0.5) < 5 * 0.5 / np.sqrt(400)
    keras_layer = keras.layers.RandomFlip(mode)
    flips = np.ones((400, 1, 1, 1), bool)
    theirs = keras_layer.transform_images(x, {"flips": flips, "input_shape": x.shape}, training=True)
    np.testing.assert_array_equal(found[is_flipped], np.asarray(theirs)[is_flipped])


def is_uniform(values, low, high):
    """Mean and spread of so many numbers drawn from a range, to five deviations of them."""
    width, count = high - low, len(values)
    assert low <= values.min() and values.max() <= high
    assert abs(values.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * count)
    # The variance w^2 / 12 of a uniform number has the deviation w^2 sqrt(1 / 180 / n).
    assert abs(values.var() - width**2 / 12) < 5 * width**2 * np.sqrt(1 / 180 / count)


def test_translations_are_uniform():
    """The middle of an image of row numbers, and of one of column numbers, says how far it moved."""
    size, count = 40, 600
    x = numbered(count, size, size)
    options = {"height_factor": (-0.1, 0.3), "width_factor": 0.25}
    columns = drawn(ours("RandomTranslation", options, (size, size, 1)), x % 1000)[:, 20, 20, 0]
    rows = drawn(ours("RandomTranslation", options, (size, size, 1)), np.floor(x / 1000))[:, 20, 20, 0]
    is_uniform((20 - rows.astype(np.float64)) / size, -0.1 - 1e-6, 0.3 + 1e-6)
    is_uniform((20 - columns.astype(np.float64)) / size, -0.25 - 1e-6, 0.25 + 1e-6)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 5 / np.sqrt(count)


def test_every_window_is_as_likely():
    count, (height, width) = 1200, (7, 9)
    model = ours("RandomCrop", {"height": height, "width": width}, (H, W, 2))
    found = drawn(model, numbered(count, channels=2))
    corners = found[:, 0, 0, 0]
    rows, columns = (corners // 1000).astype(int), (corners % 1000).astype(int)
    for image, row, column in zip(found, rows, columns):
        np.testing.assert_array_equal(image, numbered(1, channels=2)[0, row : row + height, column : column + width])
    hits = np.zeros((H - height + 1, W - width + 1), int)
    np.add.at(hits, (rows, columns), 1)
    share = 1 / hits.size
    assert (np.abs(hits / count - share) < 5 * np.sqrt(share * (1 - share) / count)).all()


@pytest.mark.parametrize("size", [(4, 5), (9, 13), (9, 3), (2, 12), (6, 8)])
def test_the_middle_is_cropped_in_prediction(size, random):
    """As Keras documents it; its layer leaves the images in their size."""
    x = random.uniform(size=(3, H, W, 3)).astype(np.float32)
    height, width = min(H, int(W * size[0] / size[1])), min(W, int(H * size[1] / size[0]))
    top, left = (H - height) // 2, (W - width) // 2
    window = x[:, top : top + height, left : left + width]
    expected = np.asarray(keras.ops.image.resize(window, size, interpolation="bilinear", antialias=False))
    found = ours("RandomCrop", {"height": size[0], "width": size[1]}).predict(x)
    # As in test_they_are_as_in_keras, with places below W.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * 2 * 6 * W * U + 2 * 8 * U)


@pytest.mark.parametrize("value_range", [(0, 255), (0.2, 0.8), (-1, 1)])
def test_contrast_is_as_in_keras(value_range, random):
    """With factor (0, 0) nothing is random, and beyond that the factor is read off the images."""
    x = random.uniform(-0.3, 1, size=(500, H, W, 3)).astype(np.float32)
    layer = keras.layers.RandomContrast((0.25, 0.5), value_range=value_range)
    found = drawn(ours("RandomContrast", {"factor": (0.25, 0.5), "value_range": value_range}), x)
    mean = x.mean((1, 2), keepdims=True)
    # The pixel that is not cut off and farthest from the mean.
    inside = (found > value_range[0]) & (found < value_range[1])
    distance = np.where(inside, np.abs(x - mean), 0).reshape(len(x), -1)
    pixel = distance.argmax(1)
    changed = ((found - mean).reshape(len(x), -1) / (x - mean).reshape(len(x), -1))[np.arange(len(x)), pixel]
    is_uniform(changed.astype(np.float64), 0.75 - 1e-5, 1.5 + 1e-5)
    factors = changed.reshape(-1, 1, 1, 1)
    expected = layer.transform_images(x, {"contrast_factor": factors}, training=True)
    # The factor is read with some five roundings over the distance, which counts 1.5 times at most; the means are sums
    # of 108 numbers of at most 1 in one order or another, and stand in the formula twice.
    bound = 1.5 * 6 * U * 1.3 / distance.max(1).min() + 3 * 108 * U + 8 * U
    np.testing.assert_allclose(found, np.asarray(expected), rtol=0, atol=bound)


def test_boxes_are_erased(random):
    count = 500
    x = random.uniform(1, 2, size=(count, 20, 30, 3)).astype(np.float32)
    options = {"factor": (0.25, 0.75), "scale": (0.1, 0.4), "fill_value": (0.25, 0.5, -3), "value_range": (0, 255)}
    found = drawn(ours("RandomErasing", options, (20, 30, 3)), x)
    is_erased = (found != x).any(-1)
    sizes = []
    for image, mask in zip(found, is_erased):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows) == 0:
            continue
        box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert mask.sum() == box.shape[0] * box.shape[1]
        np.testing.assert_array_equal(box, np.broadcast_to(np.float32([0.25, 0.5, 0]), box.shape))
        sizes.append(box.shape[:2])
    # The probability is 1/2 on average.
    assert abs(len(sizes) / count - 0.5) < 5 * 0.5 / np.sqrt(count)
    # Lengths are a pixel off at most; their shares, squared, are uniform, to that.
    sizes = np.array(sizes)
    for length, size in zip(sizes.T, (20, 30)):
        assert np.sqrt(0.1) * size - 1 < length.min() and length.max() < np.sqrt(0.4) * size + 1
        share = (length / size) ** 2
        assert abs(share.mean() - 0.25) < 5 * 0.3 / np.sqrt(12 * len(length)) + 2 * np.sqrt(0.4) / size / 2
    # Anywhere: the pixels near the border least, the others equally often.
    hits = is_erased.mean(0)
    assert hits[0].mean() < hits[9:11].mean() and hits[:, 0].mean() < hits[:, 14:16].mean()
    expected = keras.layers.RandomErasing(**options).transform_images(
        x,
        {
            "batch_masks": np.repeat(is_erased[..., None], 3, -1),
            "apply_erasing": np.ones(count, bool),
            "fill_value": np.broadcast_to(np.float32([0.25, 0.5, 0]), x.shape),
        },
        training=True,
    )
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_noise_in_boxes(random):
    """With scale 1 the box is the image: normal numbers times the upper bound, within the bounds."""
    x = np.full((50, 10, 10, 3), 99, np.float32)
    options = {"factor": (1, 1), "scale": (1, 1), "value_range": (-4, 2)}
    found = drawn(ours("RandomErasing", options, (10, 10, 3)), x).astype(np.float64).ravel()
    assert found.min() == -4 and found.max() == 2
    inside = np.sort(found) / 2
    # Kolmogorov and Smirnov: the greatest distance from the distribution exceeds 2.3 / sqrt(n) once in 20000 times.
    middle = inside[(inside > -2) & (inside < 1)]
    normal = np.array([(1 + erf(z / np.sqrt(2))) / 2 for z in middle])
    rank = np.searchsorted(inside, middle, side="right") / len(inside)
    assert np.abs(rank - normal).max() < 2.3 / np.sqrt(len(inside))
    assert len(np.unique(found)) > 0.7 * len(found)


@pytest.mark.parametrize("name", DRAWN)
def test_images_stay_as_they_are_but_in_training(name, random):
    model = ours(*DRAWN[name])
    x = random.uniform(size=(8, H, W, 3)).astype(np.float32)
    np.testing.assert_array_equal(model.predict(x), x)
    model.compile("sgd", "mse")
    assert model.evaluate(x, x, verbose=0) == 0
    first, second = drawn(model, x), drawn(model, x, step=1)
    assert (first != x).any() and (first != second).any()
    np.testing.assert_array_equal(first, drawn(model, x))
    assert (first != drawn(model, x, seed=5)).any()
    # An image's place in the batch decides, not what else is there.
    np.testing.assert_array_equal(first[:5], drawn(model, x[:5]))


NETWORK = [
    ("RandomFlip", {"mode": "horizontal"}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same"}),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2}),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "wrap"}),
    ("RandomZoom", {"height_factor": 0.3, "fill_mode": "constant", "fill_value": 0.5}),
    ("RandomContrast", {"factor": (0.3, 0.4), "value_range": (-1, 1)}),
    ("RandomErasing", {"value_range": (-1, 1)}),
    ("RandomCrop", {"height": 14, "width": 13}),
    ("Flatten", {}),
    ("Dense", {"units": 4}),
]


def network(source=layers, model=martlet, **seed):
    made = [getattr(source, kind)(**options) for kind, options in NETWORK]
    return model.Sequential([model.Input((16, 15, 3)), *made], **seed)


def test_threads_change_no_bit_and_training_goes_on(random, tmp_path):
    x, y = random.normal(size=(96, 16, 15, 3)).astype(np.float32), random.integers(0, 4, 96)

    def train(model, epochs, **options):
        model.fit(x, y, batch_size=40, verbose=0, epochs=epochs, **options)

    def fresh():
        model = network(seed=3)
        model.compile(martlet.optimizers.SGD(0.01), martlet.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    found = []
    for threads in (1, 2, 3):
        martlet.set_threads(threads)
        try:
            model = fresh()
            train(model, 4)
        finally:
            martlet.set_threads(0)
        found.append(model.get_weights())
    for other in found[1:]:
        for a, b in zip(found[0], other):
            np.testing.assert_array_equal(a, b)
    half = fresh()
    train(half, 2)
    half.save(tmp_path / "half.h5")
    resumed = martlet.load_model(tmp_path / "half.h5")
    train(resumed, 4, initial_epoch=2)
    for a, b in zip(found[0], resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


def as_lists(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", [*DRAWN, *FIXED])
def test_keras_opens_what_martlet_saves_and_the_other_way_round(name, tmp_path, random):
    kind, options = {**DRAWN, **FIXED}[name]
    x = random.uniform(size=(5, H, W, 3)).astype(np.float32)
    model = ours(kind, options)
    model.save(tmp_path / "ours.h5")
    theirs = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    np.testing.assert_array_equal(theirs.predict(x, verbose=0), x)
    expected, written = getattr(keras.layers, kind)(**options).get_config(), theirs.layers[0].get_config()
    for key in expected.keys() - {"name", "seed", "dtype", "height_factor", "width_factor"}:
        assert as_lists(written[key]) == as_lists(expected[key]), key
    for bound in ("height_lower", "height_upper", "width_lower", "width_upper"):
        reference = getattr(keras.layers, kind)(**options)
        assert getattr(theirs.layers[0], bound, None) == getattr(reference, bound, None)
    source = keras.Sequential([keras.Input((H, W, 3)), getattr(keras.layers, kind)(**options, seed=7)])
    source.save(tmp_path / "theirs.h5")
    opened = martlet.load_model(tmp_path / "theirs.h5")
    assert opened.layers[-1].class_name == kind
    np.testing.assert_array_equal(drawn(opened, x), drawn(model, x))
    inputs = keras.Input((H, W, 3))
    functional = keras.Model(inputs, getattr(keras.layers, kind)(**options)(inputs))
    opened = martlet.models.model_from_json(functional.to_json())
    np.testing.assert_array_equal(drawn(opened, x), drawn(model, x))


def test_a_crop_goes_to_keras_and_back(tmp_path):
    model = ours("RandomCrop", {"height": 5, "width": 7})
    model.save(tmp_path / "ours.h5")
    theirs = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    assert (theirs.layers[0].height, theirs.layers[0].width) == (5, 7)
    theirs.save(tmp_path / "theirs.h5")
    opened = martlet.load_model(tmp_path / "theirs.h5")
    np.testing.assert_array_equal(drawn(opened, numbered(6, channels=3)), drawn(model, numbered(6, channels=3)))


def test_a_network_of_them_goes_through_files(tmp_path, random):
    x = random.normal(size=(5, 16, 15, 3)).astype(np.float32)
    theirs = network(keras.layers, keras)
    theirs.save(tmp_path / "theirs.h5")
    model = martlet.load_model(tmp_path / "theirs.h5")
    model.save(tmp_path / "ours.h5")
    again = martlet.load_model(tmp_path / "ours.h5")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    np.testing.assert_array_equal(drawn(again, x), drawn(model, x))


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.RandomFlip("diagonal"), ValueError, "mode must be one of 'horizontal', 'vertical'"),
        (lambda: layers.RandomFlip(seed=3), ValueError, "RandomFlip takes no seed of its own"),
        (lambda: layers.RandomFlip(data_format="channels_first"), martlet.UnsupportedError, "channels_last"),
        (lambda: layers.RandomTranslation(0.1, "wide"), TypeError, "width_factor must be a number"),
        (lambda: layers.RandomTranslation((0.1,), 0.1), ValueError, "height_factor must be two numbers"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), ValueError, "fill_mode must be one of"),
        (lambda: layers.RandomZoom(0.1, interpolation="cubic"), ValueError, "interpolation must be one of"),
        (lambda: layers.RandomCrop(0, 3), ValueError, "height must be from 1"),
        (lambda: layers.RandomContrast(0.1, value_range=3), ValueError, "value_range must be two numbers"),
        (lambda: layers.RandomErasing(fill_value=(1, 2)), ValueError, "fill_value must be None, a number or three"),
        (lambda: ours("RandomTranslation", {"height_factor": 1.5, "width_factor": 0}).build(), ValueError,
         "height_factor is from -1.5 to 1.5; it must be an ascending pair within -1.0 to 1.0"),
        (lambda: ours("RandomRotation", {"factor": float("nan")}).build(), ValueError, "factor is from -?nan to nan"),
        (lambda: ours("RandomZoom", {"height_factor": 0.1, "width_factor": (-2, 0)}).build(), ValueError,
         "width_factor is from -2.0 to 0.0"),
        (lambda: ours("RandomRotation", {"factor": 0.1, "fill_value": float("inf")}).build(), ValueError, "fill_value"),
        (lambda: ours("RandomCrop", {"height": 10, "width": 3}).build(), ValueError,
         "RandomCrop takes windows of 10 x 3 pixels from images of shape \\[9, 13, 3\\]"),
        (lambda: ours("RandomContrast", {"factor": -0.1}).build(), ValueError, "factor is from 0.0 to -0.1"),
        (lambda: ours("RandomContrast", {"factor": 0.1, "value_range": (1, 0)}).build(), ValueError,
         "value_range is from 1.0 to 0.0"),
        (lambda: ours("RandomErasing", {"scale": 1.5}).build(), ValueError, "scale is from 0.0 to 1.5"),
        (lambda: ours("RandomErasing", {"fill_value": (1, 2, 3)}, (4, 4, 2)).build(), ValueError, "3 fill values"),
        (lambda: ours("RandomFlip", {}, (4, 4)).build(), ValueError, "RandomFlip takes rows of shape"),
    ],
)  # fmt: skip
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "kind, change, message",
    [
        ("RandomFlip", {"mode": "sideways"}, "has the mode 'sideways'"),
        ("RandomFlip", {"data_format": "channels_first"}, "data_format"),
        ("RandomRotation", {"factor": [0.1, 0.2, 0.3]}, "has the factor"),
        ("RandomRotation", {"factor": None}, "has the factor null; it takes a number or two, from -1.0 to 1.0"),
        ("RandomRotation", {"factor": [0.1, 7]}, "it takes a number or two, from -1.0 to 1.0"),
        ("RandomRotation", {"fill_mode": "mirror"}, "has the fill_mode 'mirror'"),
        ("RandomRotation", {"interpolation": "cubic"}, "has the interpolation 'cubic'"),
        ("RandomRotation", {"fill_value": "grey"}, "fill_value"),
        ("RandomContrast", {"factor": [-0.1, 0.2]}, "from 0.0 to 1.0"),
        ("RandomContrast", {"value_range": [1, 0]}, "which is empty"),
        ("RandomContrast", {"value_range": 1}, "it takes two numbers"),
        ("RandomErasing", {"fill_value": [1, 2]}, "null, a number or three numbers"),
        ("RandomErasing", {"scale": "large"}, "has the scale"),
        ("RandomCrop", {"height": 0}, "has 0 as 'height'"),
        ("RandomCrop", {"width": 99}, "windows of 3 x 99 pixels"),
    ],
)
def test_what_is_refused_in_files(kind, change, message):
    some = {"factor": 0.1}
    options = {"RandomRotation": some, "RandomContrast": some, "RandomCrop": {"height": 3, "width": 3}}
    model = json.loads(ours(kind, options.get(kind, {})).to_json())
    model["config"]["layers"][1]["config"].update(change)
    with pytest.raises(martlet.MartletError, match=message):
        martlet.models.model_from_json(json.dumps(model))
