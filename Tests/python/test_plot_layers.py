"""The picture of what each layer did over the epochs."""

import numpy as np
import pytest

import martlet
from martlet import layers, plot

LABELS = ["gradient norm", "|update| / |weights|", "dead units (%)", "std. deviation of activations"]


@pytest.fixture(scope="module")
def watched():
    """Statistics of a small network, three epochs; nothing is left to chance."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 6)).astype(np.float32), rng.integers(0, 3, 60)
    chain = [layers.Dense(8, "relu", name="first"), layers.Dropout(0.1), layers.Dense(3, "softmax", name="last")]
    model = martlet.Sequential(chain, seed=2)
    model.compile("adam", "sparse_categorical_crossentropy")
    watch = martlet.callbacks.LayerStatistics()
    model.fit(x, y, epochs=3, verbose=0, callbacks=[watch])
    return watch


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_one_panel_for_each_figure_that_applies(watched):
    figure = plot.plot_layer_statistics(watched, title="two layers")
    assert [axes.get_ylabel() for axes in figure.axes] == LABELS  # nothing saturates here
    assert figure.get_suptitle() == "two layers"
    for axes, name in zip(figure.axes, ("gradient_norm", "update_ratio", "dead_share", "activation_deviation")):
        drawn = lines(axes)
        for layer in ("first", "last"):
            expected = watched.history[layer][name]
            if np.isnan(expected).all():
                assert layer not in drawn  # a softmax has no dead units
            else:
                assert drawn[layer].get_xdata().tolist() == [1, 2, 3]
                assert drawn[layer].get_ydata().tolist() == expected
        assert "dropout" not in drawn  # it has no weights and cannot die
        assert axes.get_xlabel() == "epoch"
        assert axes.get_yscale() == ("linear" if name == "dead_share" else "log")
    assert lines(figure.axes[1])["healthy: about 0.001"].get_ydata() == [1e-3, 1e-3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first", "last", "healthy: about 0.001"]


def test_a_layer_looks_alike_in_all_panels(watched):
    figure = plot.plot_layer_statistics(watched.history)
    for layer in ("first", "last"):
        drawn = [lines(axes)[layer] for axes in figure.axes if layer in lines(axes)]
        assert len({(line.get_color(), line.get_linestyle()) for line in drawn}) == 1


def test_chosen_layers_and_figures(watched):
    (axes,) = plot.plot_layer_statistics(watched, layers=["dropout"], figures=["activation_mean"]).axes
    assert axes.get_ylabel() == "mean of activations" and axes.get_yscale() == "linear"
    assert lines(axes)["dropout"].get_ydata().tolist() == watched.history["dropout"]["activation_mean"]


def test_dead_networks_are_seen():
    """Gradients of exactly 0 stand at the lower end of the axis, all dead units at 100 %."""
    history = {"a": {"gradient_norm": [0.1, 0.002, 0.0], "dead_share": [0.25, 0.5, 1.0]}}
    norms, dead = plot.plot_layer_statistics(history).axes
    assert norms.get_yscale() == "symlog" and norms.get_ylim()[0] == 0
    norms.figure.draw_without_rendering()
    low, high = norms.transAxes.inverted().transform(norms.transData.transform([[3, 0], [1, 0.1]]))[:, 1]
    assert abs(low) < 1e-9 and high > 0.8  # in shares of the axis' height
    assert dead.yaxis.get_major_formatter().format_ticks([0, 0.25, 1]) == ["0", "25", "100"]


@pytest.mark.parametrize(
    "history, options, message",
    [
        ({}, {}, "expected the history of callbacks.LayerStatistics"),
        ({"loss": [1, 2]}, {}, "expected the history of callbacks.LayerStatistics, received {'loss'"),
        ({"a": {"gradient_norm": [np.nan]}}, {}, "none of the layers has weights, dies or saturates: a"),
        ({"a": {"gradient_norm": [1]}}, {"layers": ["b"]}, "history has no layer 'b'; it has: a"),
        (
            {"a": {"gradient_norm": [1]}},
            {"figures": ["norm"]},
            "Unknown figure: 'norm'. Expected one of: gradient_norm,",
        ),
        ({"a": {"gradient_norm": [1]}}, {"figures": ["dead_share"]}, "the layers a have none of: dead_share"),
        ({str(n): {"gradient_norm": [1]} for n in range(15)}, {}, "there are 15 layers; choose 1 to 14 of them"),
        ({"a": {"gradient_norm": ["x"]}}, {}, "gradient_norm of a must be a list of numbers"),
    ],
)
def test_statistics_that_cannot_be_drawn(history, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_layer_statistics(history, **options)
