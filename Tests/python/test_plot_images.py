"""Pictures of weights and of confusions, compared with NumPy and scikit-learn."""

import warnings

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgba
from PIL import Image

import martlet
from martlet import layers, plot


def tiles(figure):
    """The images of the weights in their order: from above, then from the left."""
    return sorted(figure.axes[0].images, key=lambda image: (image.get_extent()[3], image.get_extent()[0]))


# Templates


def test_templates_are_the_columns_of_the_kernel(random):
    weights = random.normal(size=(20, 7))
    figure = plot.plot_templates(weights, (5, 4), class_names=list("abcdefg"), columns=3, title="first layer")
    found = tiles(figure)
    limit = np.quantile(np.abs(weights), 0.995)
    assert len(found) == 7
    for unit, tile in enumerate(found):
        np.testing.assert_array_equal(tile.get_array(), weights[:, unit].reshape(5, 4))
        assert (tile.norm.vmin, tile.norm.vmax) == (-limit, limit) and tile.cmap.name == "RdBu_r"
    names = figure.axes[0].texts
    assert [text.get_text() for text in names] == list("abcdefg")
    for tile, text in zip(found, names):
        left, right, bottom, top = tile.get_extent()
        assert text.get_position()[0] == (left + right) / 2 and top - 10 < text.get_position()[1] < top
    assert figure.axes[1].get_ylabel() == "weight" and figure.axes[1].get_ylim() == (-limit, limit)
    assert figure.get_suptitle() == "first layer"


def test_each_unit_may_have_its_own_scale(random):
    weights = random.normal(size=(36, 4)) * [1, 10, 100, 0]
    figure = plot.plot_templates(weights, (6, 6), scale="each", units=[2, 0, 3], colormap="gray")
    limits = [tile.norm.vmax for tile in tiles(figure)]
    np.testing.assert_array_equal(limits[:2], np.quantile(np.abs(weights[:, [2, 0]]), 0.995, axis=0))
    np.testing.assert_array_equal(tiles(figure)[1].get_array(), weights[:, 0].reshape(6, 6))
    assert limits[2] == 1 and tiles(figure)[0].cmap.name == "gray"  # weights of 0 are shown as 0
    assert figure.axes[1].get_ylabel() == "weight / limit" and figure.axes[1].get_ylim() == (-1, 1)


def test_colour_images_are_shown_in_colour(random):
    weights = random.normal(size=(2 * 3 * 3, 5))
    figure = plot.plot_templates(weights, (2, 3, 3))
    limit = np.quantile(np.abs(weights), 0.995)
    for unit, tile in enumerate(tiles(figure)):
        expected = np.clip(0.5 + weights[:, unit].reshape(2, 3, 3) / (2 * limit), 0, 1)
        np.testing.assert_allclose(tile.get_array(), expected, rtol=1e-14)
    assert len(figure.axes) == 1 and figure.texts[0].get_text() == f"mid-grey is 0, a full channel {limit:.2g}"


def test_a_weight_is_a_square_of_whole_dots(tmp_path, random):
    """The written picture, pixel by pixel: each weight in the colour that the map gives it."""
    weights = random.uniform(-1, 1, size=(6, 2))
    figure = plot.plot_templates(weights, (2, 3), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    corner = figure.axes[0].get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    origin = round(150 * corner.x0), pixels.shape[0] - round(150 * corner.y1)
    side = 150 // 3
    for unit, tile in enumerate(tiles(figure)):
        left, top = origin[0] + int(tile.get_extent()[0]), origin[1] + int(tile.get_extent()[3])
        for row in range(2):
            for column in range(3):
                square = pixels[top + row * side :, left + column * side :][:side, :side].reshape(-1, 3)
                assert (square == square[0]).all()
                value = weights[row * 3 + column, unit]
                color = 255 * np.array(colormaps["RdBu_r"](tile.norm(value))[:3])
                assert np.abs(square[0] - color).max() <= 3  # the palette of the file has 256 colours


@pytest.mark.parametrize(
    "count, rows, columns", [(1, 1, 1), (5, 1, 5), (10, 2, 5), (12, 3, 4), (64, 8, 8), (11, 3, 5), (400, 16, 25)]
)
def test_rows_of_tiles(count, rows, columns):
    found = tiles(plot.plot_templates(np.ones((4, count)), (2, 2)))
    assert len(found) == count and len({tile.get_extent()[3] for tile in found}) == rows
    assert len({tile.get_extent()[0] for tile in found}) == columns


@pytest.mark.parametrize(
    "weights, shape, options, message",
    [
        (np.ones(4), (2, 2), {}, r"weights must have shape \[I, O\], received \[4\]"),
        (np.ones((4, 2)), (2, 3), {}, r"image_shape \(2, 3\) has 6 elements, but weights have 4 rows"),
        (
            np.ones((8, 2)),
            (2, 2, 2),
            {},
            r"image_shape must be \(H, W\), \(H, W, 1\) or \(H, W, 3\), received \(2, 2, 2\)",
        ),
        (np.full((4, 2), np.nan), (2, 2), {}, "weights must be finite"),
        (np.ones((4, 401)), (2, 2), {}, "there are 401 units; choose 1 to 400 of them with units="),
        (np.ones((4, 2)), (2, 2), {"units": []}, "there are 0 units"),
        (np.ones((4, 2)), (2, 2), {"units": [2]}, "units must be from 0 to 1, received 2"),
        (np.ones((4, 2)), (2, 2), {"columns": 0}, "columns must be from 1 to"),
        ("weights.h5", (2, 2), {}, r"weights must be numbers \[I, O\], received str"),
        (np.ones((4, 2)), (2, 2), {"class_names": ["a"]}, "class_names has 1 names, but weights have 2 columns"),
        (np.ones((4, 2)), (2, 2), {"scale": "log"}, 'scale must be "common" or "each"'),
    ],
)
def test_templates_that_cannot_be_drawn(weights, shape, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_templates(weights, shape, **options)


# Confusion


def test_confusion_of_a_model_is_scikit_learns(digits):
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

    model = martlet.Sequential([martlet.Input((8, 8)), layers.Flatten(), layers.Dense(10, "softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(digits["x_train"], digits["y_train"], epochs=3, verbose=0)
    scores, true = model.predict(digits["x_test"]), digits["y_test"]
    predicted = scores.argmax(axis=1)
    names = [f"digit {n}" for n in range(10)]
    axes = plot.plot_confusion(true, scores, names).axes[0]
    counts = confusion_matrix(true, predicted)
    np.testing.assert_allclose(axes.images[0].get_array(), counts / counts.sum(axis=1, keepdims=True), rtol=1e-14)
    # The number in each cell: column is x, row is y; an empty cell has none.
    found = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert found == {(x, y): str(counts[y, x]) for y in range(10) for x in range(10) if counts[y, x]}
    right = int(accuracy_score(true, predicted, normalize=False))
    assert axes.get_title() == f"accuracy {100 * right / len(true):.2f} % ({right} of {len(true)})"
    assert [label.get_text() for label in axes.get_xticklabels()] == names
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    recall, precision = axes.child_axes
    for labels, score in ((recall.get_yticklabels(), recall_score), (precision.get_xticklabels(), precision_score)):
        expected = score(true, predicted, average=None, zero_division=0)
        assert [label.get_text() for label in labels] == [f"{100 * share:.1f}" for share in expected]


def test_numbers_are_read_on_their_cells():
    """Contrast of at least 4.5 to 1, as WCAG 2 asks of text, for every share."""

    def luminance(color):
        channels = np.array(to_rgba(color)[:3])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for share in range(1, 100):
        true, predicted = [0] * 100 + [1], [0] * share + [1] * (100 - share) + [1]
        axes = plot.plot_confusion(true, predicted).axes[0]
        image = axes.images[0]
        for text in axes.texts:
            x, y = text.get_position()
            cell, ink = luminance(image.cmap(image.norm(image.get_array()[y, x]))), luminance(text.get_color())
            bright, dark = max(cell, ink), min(cell, ink)
            assert (bright + 0.05) / (dark + 0.05) > 4.5, (share, x, y)


def test_classes_that_never_occur_and_many_classes():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = plot.plot_confusion([[0], [1], [1]], [0.0, 1.0, 0.0], ["a", "b", "c"]).axes[0]
    recall, precision = axes.child_axes
    assert [label.get_text() for label in recall.get_yticklabels()] == ["100.0", "50.0", "–"]
    assert [label.get_text() for label in precision.get_xticklabels()] == ["50.0", "100.0", "–"]
    axes = plot.plot_confusion(np.arange(100), np.arange(100)).axes[0]
    assert axes.images[0].get_array().shape == (100, 100) and not axes.texts and not axes.child_axes


@pytest.mark.parametrize(
    "true, predicted, names, message",
    [
        ([0, 1], [0], None, "y_true has 2 labels, but y_pred has 1"),
        ([0, 1.5], [0, 1], None, "y_true must be whole numbers from 0"),
        ([0, -1], [0, 1], None, "y_true must be whole numbers from 0"),
        ([0, 1], [0.3, 0.9], None, "y_pred must be whole numbers from 0"),
        ([0, 1], [[0.1, np.nan], [0, 1]], None, "y_pred must be finite"),
        (np.eye(2), [0, 1], None, r"y_true must be labels \[N\], received an array of shape \[2, 2\]"),
        ([0, 5], [0, 1], ["a", "b"], "there are labels of 6 classes, but 2 class_names"),
        ([0, 1], [0, 1], "confusion.png", "class_names must be a list of names, received 'confusion.png'"),
        ([0, 1], np.eye(2, 4), ["a", "b"], "there are labels of 4 classes, but 2 class_names"),
        (["a"], ["a"], None, r"y_true must be labels \[N\] or scores \[N, C\], received <U1 \[1\]"),
        ([], [], None, r"y_true must be labels \[N\] or scores \[N, C\], received float64 \[0\]"),
    ],
)
def test_confusions_that_cannot_be_drawn(true, predicted, names, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_confusion(true, predicted, names)
