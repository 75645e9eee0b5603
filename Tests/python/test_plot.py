"""Pictures: what stands in them is compared with NumPy's figures, and their files are the same bytes every time."""

import struct
import zlib

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

import martlet
from martlet import layers, plot
from martlet.plot import _style

CURVES = {
    "loss": [1.0, 0.5, 0.4, 0.2],
    "val_loss": [0.9, 0.6, 0.55, 0.7],
    "accuracy": [0.1, 0.2, 0.3, 0.4],
    "val_accuracy": [0.2, 0.3, 0.25, 0.25],
}


def lines(axes):
    """The curves of a panel by their label."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def ticks(axis):
    """The text of the ticks that are in view, as drawn."""
    axis.figure.draw_without_rendering()
    low, high = sorted(axis.get_view_interval())
    at = zip(axis.get_majorticklocs(), axis.get_ticklabels())
    return [label.get_text() for place, label in at if low <= place <= high]


def area(band):
    """Area of the polygons of a fill_between, by the shoelace formula."""
    total = 0.0
    for path in band.get_paths():
        x, y = path.vertices.T
        total += abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2
    return total


# A history


def test_history_shows_both_curves_and_the_best_epoch():
    figure = plot.plot_history(CURVES, title="digits")
    left, right = figure.axes
    assert figure.get_suptitle() == "digits"
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == ("epoch", "loss", "accuracy (%)")
    for axes, name in ((left, "loss"), (right, "accuracy")):
        drawn = lines(axes)
        for label, key in (("training", name), ("validation", "val_" + name)):
            assert drawn[label].get_xdata().tolist() == [1, 2, 3, 4]
            assert drawn[label].get_ydata().tolist() == CURVES[key]
        # The smallest val_loss is that of epoch 3, in both panels.
        assert drawn["best epoch: 3"].get_xydata().tolist() == [[3, CURVES["val_" + name][2]]]
    assert left.get_title() == "validation at the best epoch: 0.55"
    assert right.get_title() == "validation at the best epoch: 25.00 %"
    assert legend(figure) == ["training", "validation", "overfitting gap", "best epoch: 3"]
    assert ticks(left.xaxis) == ["1", "2", "3", "4"]
    assert ticks(right.yaxis) == [f"{100 * share:.0f}" for share in right.get_yticks() if 0.08 < share < 0.42]


def test_the_gap_is_shaded_where_validation_is_worse():
    left, right = plot.plot_history(CURVES).axes
    for axes, name, sign in ((left, "loss", 1), (right, "accuracy", -1)):
        difference = sign * (np.array(CURVES["val_" + name]) - CURVES[name])
        # Straight lines between the epochs: the positive part of the difference, integrated over a fine grid.
        fine = np.interp(np.linspace(0, 3, 300_001), range(4), difference)
        expected = np.clip(fine, 0, None)[:-1].sum() * 1e-5
        (band,) = axes.collections
        np.testing.assert_allclose(area(band), expected, rtol=1e-4)
        assert to_hex(band.get_facecolor()[0]) == lines(axes)["validation"].get_color().lower()


def test_history_of_fit_and_a_chosen_epoch(digits):
    model = martlet.Sequential([martlet.Input((8, 8)), layers.Flatten(), layers.Dense(10, "softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    data = digits["x_train"][:100], digits["y_train"][:100]
    model.fit(*data, epochs=2, verbose=0)
    history = model.fit(*data, initial_epoch=2, epochs=5, validation_split=0.2, verbose=0)
    left = plot.plot_history(history, best_epoch=3).axes[0]
    assert lines(left)["training"].get_xdata().tolist() == [3, 4, 5]  # counted from 1, over both calls of fit
    assert lines(left)["best epoch: 4"].get_ydata()[0] == history.history["val_loss"][1]
    with pytest.raises(ValueError, match="best_epoch must be from 2 to 4, received 1"):
        plot.plot_history(history, best_epoch=1)


def test_history_without_validation_one_epoch_and_gaps():
    (axes,) = plot.plot_history({"loss": [1.0], "accuracy": [float("nan")]}).axes
    assert axes.lines[0].get_marker() == "o" and len(axes.lines) == 1 and ticks(axes.xaxis) == ["1"]
    curves = {"loss": [1.0, None, float("inf"), 0.25]}
    (axes,) = plot.plot_history(curves, log=True).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1, np.nan, np.nan, 0.25])
    assert axes.get_yscale() == "log"
    (axes,) = plot.plot_history({"mae": [3, 2], "val_mae": [4, 3]}, metrics="mae").axes
    assert axes.get_ylabel() == "mae" and len(axes.lines) == 2  # no val_loss: no best epoch


@pytest.mark.parametrize(
    "history, options, message",
    [
        ({"accuracy": [1]}, {}, "history has no epochs of 'loss'; it has: accuracy"),
        ({"loss": []}, {}, "history has no epochs of 'loss'; it has: loss"),
        (CURVES, {"metrics": ["mae"]}, "no epochs of 'mae'; it has: loss, val_loss, accuracy, val_accuracy"),
        ({**CURVES, "val_loss": [1, 2]}, {}, "equally many epochs of all metrics, but has 4 of loss, 2 of val_loss"),
        ({"loss": ["a", "b"]}, {}, r"loss of history must be a list of numbers, received \['a', 'b'\]"),
        ({"loss": [-1.0, 1.0]}, {"log": True}, "a logarithmic axis cannot show loss -1; values must be >= 0"),
        ([1, 2], {}, "expected what fit returned, or a mapping of lists"),
    ],
)
def test_histories_that_cannot_be_drawn(history, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_history(history, **options)


# Several runs


def test_runs_of_two_metrics():
    runs = {"SGD": CURVES, 0.1: {"loss": [2, 1, 0.1, 0.02], "val_accuracy": [0.875, 0.9, 0.8, 0.75]}}
    figure = plot.plot_runs(runs, metric=["loss", "val_accuracy"], log="y")
    left, right = figure.axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss", "validation accuracy (%)")
    assert left.get_yscale() == "log" and right.get_yscale() == "linear"
    assert lines(left)["0.1"].get_ydata().tolist() == runs[0.1]["loss"]
    assert lines(right)["SGD"].get_ydata().tolist() == CURVES["val_accuracy"]
    assert legend(figure) == ["SGD", "0.1"] and ticks(left.yaxis) == ["0.1", "1"]


def test_seeds_are_a_median_with_a_band(random):
    seeds = random.normal(size=(5, 7))
    figure = plot.plot_runs({"five": seeds, "one": seeds[0]}, metric="val_loss", x=np.arange(7) / 2, xlabel="time (s)")
    (axes,) = figure.axes
    np.testing.assert_array_equal(lines(axes)["five"].get_ydata(), np.median(seeds, axis=0))
    (band,) = axes.collections
    outline = {tuple(vertex) for path in band.get_paths() for vertex in path.vertices}
    assert {(x / 2, y) for x in range(7) for y in (seeds.min(axis=0)[x], seeds.max(axis=0)[x])} <= outline
    assert figure.legends[0].get_title().get_text() == "median, min and max of 1 to 5 seeds"
    assert axes.get_xlabel() == "time (s)" and lines(axes)["one"].get_xdata()[-1] == 3
    histories = [{"loss": list(row)} for row in seeds]
    (axes,) = plot.plot_runs({"five": histories}).axes
    np.testing.assert_array_equal(lines(axes)["five"].get_ydata(), np.median(seeds, axis=0))


def test_a_run_that_diverges_ends_with_a_cross():
    figure = plot.plot_runs({"0.1": [2.3, 724.5, float("inf"), float("nan")], "0.01": [2.3, 2, 1.9, 1.8]})
    assert legend(figure) == ["0.1 (not finite from epoch 3)", "0.01"]
    (cross,) = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert cross.get_xydata().tolist() == [[2, 724.5]]
    gaps = plot.plot_runs({"a": [float("inf"), 3, float("nan"), 2, float("nan")]})
    assert legend(gaps) == ["a (not finite last in epoch 5)"]


def test_positions_of_each_run():
    x = {"full batch": [10, 20], "mini-batch": [1, 2]}
    (axes,) = plot.plot_runs({"full batch": [2, 1], "mini-batch": [1, 0.5]}, x=x, log="x", xlabel="seconds").axes
    assert {label: line.get_xdata().tolist() for label, line in lines(axes).items()} == x
    assert axes.get_xscale() == "log" and ticks(axes.xaxis) == ["1", "2", "5", "10", "20"]


def test_a_logarithmic_axis_has_a_place_for_0():
    (axes,) = plot.plot_runs({"a": [1, 0.05, 0]}, log="y").axes
    assert axes.get_yscale() == "symlog" and axes.get_ylim()[0] == 0
    assert ticks(axes.yaxis) == ["0", "0.01", "0.1", "1"]


@pytest.mark.parametrize(
    "runs, options, message",
    [
        ({}, {}, "runs must be a mapping with 1 to 14 labels, received 0"),
        ([CURVES], {}, "runs must be a mapping with 1 to 14 labels, received "),
        ({str(n): [1] for n in range(15)}, {}, "1 to 14 labels, received 15"),
        ({"_a": [1]}, {}, "labels of runs must not begin with an underscore, received '_a'"),
        ({"a": CURVES}, {"metric": "mae"}, "run 'a' has no epochs of 'mae'; it has: loss, "),
        ({"a": [[1, 2], [1]]}, {}, "the seeds of run 'a' have 1 to 2 values"),
        ({"a": "text"}, {}, "run 'a' must be a list of numbers, received 'text'"),
        ({"a": [1, 2]}, {"x": [1]}, "x has 1 positions, but run 'a' has 2 values"),
        ({"a": [1, 2]}, {"x": {"b": [1, 2]}}, "x has nothing for run 'a'; it has: b"),
        ({"a": [1, 2]}, {"log": "z"}, 'log must be "", "x", "y" or "xy", received \'z\''),
        ({"a": [1, -2]}, {"log": "y"}, "a logarithmic axis cannot show loss -2"),
        ({"a": [1]}, {"metric": []}, "metric must be a name or a list of names"),
    ],
)
def test_runs_that_cannot_be_drawn(runs, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_runs(runs, **options)


# Sweeps


def bars(axes):
    """The error bars by label: [V, 2], their lower and upper ends."""
    return {
        container.get_label(): np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])
        for container in axes.containers
    }


@pytest.mark.parametrize("center", ["median", "mean"])
def test_sweep_bars_are_the_spread_of_the_seeds(random, center):
    values = [1e-3, 1e-2, 1e-1, 1]
    results = {"ReLU": random.uniform(0.5, 0.9, (4, 5)), "tanh": random.uniform(0.4, 0.8, (4, 5))}
    figure = plot.plot_sweep(values, results, xlabel="learning rate", center=center)
    (axes,) = figure.axes
    for label, cells in results.items():
        if center == "median":
            middle, ends = np.median(cells, axis=1), np.stack([cells.min(axis=1), cells.max(axis=1)], axis=1)
        else:
            middle, spread = cells.mean(axis=1), cells.std(axis=1, ddof=1)
            ends = np.stack([middle - spread, middle + spread], axis=1)
        np.testing.assert_allclose(bars(axes)[label], ends, rtol=1e-14)
        (container,) = [each for each in axes.containers if each.get_label() == label]
        np.testing.assert_allclose(container.lines[0].get_xydata(), np.stack([values, middle], axis=1), rtol=1e-14)
    centers = {label: getattr(np, center)(cells, axis=1) for label, cells in results.items()}
    label, best = max(((label, cells.argmax()) for label, cells in centers.items()), key=lambda p: centers[p[0]][p[1]])
    assert axes.lines[-1].get_xydata().tolist() == [[values[best], centers[label][best]]]
    assert axes.get_title() == f"best (ring): {100 * centers[label][best]:.2f} % at {values[best]:g}, {label}"
    assert axes.get_xscale() == "log" and ticks(axes.xaxis) == ["0.001", "0.01", "0.1", "1"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "validation accuracy (%)")
    meaning = "median, min and max of 5 seeds" if center == "median" else "mean ± std. deviation of 5 seeds"
    assert figure.legends[0].get_title().get_text() == meaning


@pytest.mark.parametrize(
    "values, scale",
    [
        ([50, 300, 1000, 3000], "log"),
        ([16, 32, 64, 128, 256], "log"),
        ([10, 1000], "log"),
        ([10, 30, 50, 70, 90], "linear"),
        ([64, 128, 256], "linear"),
        ([-1, 0, 1], "linear"),
        ([0.5], "linear"),
    ],
)
def test_values_spaced_by_ratio_get_a_logarithmic_axis(values, scale):
    (axes,) = plot.plot_sweep(values, {"a": np.arange(len(values))}, xlabel="x", metric="loss").axes
    assert axes.get_xscale() == scale and ticks(axes.xaxis) == [f"{value:g}" for value in values]


def test_zero_stands_apart_on_a_logarithmic_axis():
    values, results = [0, 1e-7, 1e-5, 3e-3], {"a": [[0.5, 0.6], [0.6, 0.7], [], 0.62]}
    (axes,) = plot.plot_sweep(values, results, xlabel="L2").axes
    assert ticks(axes.xaxis) == ["0", "$10^{-7}$", "$10^{-5}$", "0.003"]
    alone, joined = axes.containers
    np.testing.assert_allclose(alone.lines[0].get_xydata(), [[1e-9, 0.55]])  # one step, a factor of 100, to the left
    np.testing.assert_allclose(joined.lines[0].get_xydata(), [[1e-7, 0.65], [1e-5, np.nan], [3e-3, 0.62]])
    assert axes.get_title() == "best (ring): 65.00 % at $10^{-7}$"


def test_names_are_points_without_a_line():
    (axes,) = plot.plot_sweep(["relu", "tanh"], {"a": [0.5, 0.4]}, xlabel="activation", metric="val_loss").axes
    assert ticks(axes.xaxis) == ["relu", "tanh"] and axes.containers[0].lines[0].get_linestyle() == "None"
    assert axes.get_title() == "best (ring): 0.4 at tanh"  # of a loss the smallest


@pytest.mark.parametrize(
    "values, results, options, message",
    [
        ([1, 2], {"a": [1]}, {}, "there are 2 values, but 'a' has 1 results"),
        (
            [1, 2],
            {"a": [1, [2, float("nan")]]},
            {},
            r"result 1 of 'a' is not finite: \[2, nan\]; leave out what diverged",
        ),
        ([2, 1], {"a": [1, 2]}, {}, r"values must be finite and rise, received \[2, 1\]"),
        (["a", "a"], {"a": [1, 2]}, {}, "values must differ"),
        (["a", 1], {"a": [1, 2]}, {}, "values must be a list of numbers"),
        (["a", "b"], {"a": [1, 2]}, {"log": True}, "a logarithmic axis needs numbers, received names"),
        ([-1, 1], {"a": [1, 2]}, {"log": True}, "a logarithmic axis cannot show value -1"),
        ([0], {"a": [1]}, {"log": True}, "a logarithmic axis needs a value > 0, received 0"),
        ([1], {"a": [[]]}, {}, "results hold no numbers"),
        ([1], {}, {}, "results must be a mapping with 1 to 7 labels, received 0"),
        ([1], {"a": [1]}, {"center": "mode"}, 'center must be "median" or "mean"'),
    ],
)
def test_sweeps_that_cannot_be_drawn(values, results, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_sweep(values, results, xlabel="x", **options)


# Files and style


def chunks(content):
    """The chunks of a PNG file by name; their checksums are checked."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + data)
        found[name.decode()] = data
        at += 12 + size
    return found


@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_same_figures_same_bytes(tmp_path, ending):
    paths = [tmp_path / (name + ending) for name in "ab"]
    plot.plot_history(CURVES, paths[0])
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "svg.hashsalt": None}):
        plot.save(plot.plot_history(CURVES), str(paths[1]))  # a program's own settings do not count
        assert matplotlib.rcParams["font.size"] == 20  # and are left as they are
    first, second = (path.read_bytes() for path in paths)
    assert first == second and len(first) < 60_000


def test_png_is_small_and_keeps_the_colours(tmp_path):
    from PIL import Image

    figure = plot.plot_runs({str(n): np.arange(5) * n for n in range(7)}, tmp_path / "runs.png")
    assert set(chunks((tmp_path / "runs.png").read_bytes())) <= {"IHDR", "PLTE", "IDAT", "IEND"}  # no text, no time
    with Image.open(tmp_path / "runs.png") as image:
        assert image.size == tuple(round(150 * inches) for inches in figure.get_size_inches())
        found = {color for _, color in image.convert("RGB").getcolors()}
    for color in _style.COLORS[:3]:
        wanted = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)])
        assert min(np.abs(wanted - each).max() for each in found) <= 2


def test_no_two_curves_look_alike_not_even_in_grey():
    styles = [_style.series(index) for index in range(14)]
    assert len({(each["color"], str(each["linestyle"])) for each in styles}) == 14
    assert len({str(each["linestyle"]) for each in styles[:7]}) == 7
    # Okabe and Ito's colours, without yellow: https://jfly.uni-koeln.de/color/
    published = {(0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (0, 114, 178), (213, 94, 0), (204, 121, 167)}
    assert {tuple(bytes.fromhex(each["color"][1:])) for each in styles[:7]} == published


def test_where_a_picture_cannot_go(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in .pdf, .png, .svg, received .*picture.gif"):
        plot.plot_history(CURVES, tmp_path / "picture.gif")
    with pytest.raises(FileNotFoundError):
        plot.plot_history(CURVES, tmp_path / "nowhere" / "picture.png")


def test_without_matplotlib(run_python):
    done = run_python("-c", "import sys; sys.modules['matplotlib'] = None; import martlet; martlet.plot")
    assert "ImportError: martlet.plot needs matplotlib: pip install 'martlet[plot]'" in done.stderr
