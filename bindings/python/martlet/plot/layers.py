"""What each layer did over the epochs: whether a network is frozen, dying or about to overflow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ._axes import epoch_axis, log_axis, percent_axis
from ._curves import numbers
from ._style import GRAY, finished, in_style, legend_below, panels, series

# The panels by figure: label, and whether the axis is logarithmic ("log"), in percent, or plain.
_FIGURES = {
    "gradient_norm": ("gradient norm", "log"),
    "update_ratio": ("|update| / |weights|", "log"),
    "dead_share": ("dead units (%)", "percent"),
    "saturated_share": ("saturated elements (%)", "percent"),
    "activation_deviation": ("std. deviation of activations", "log"),
    "activation_mean": ("mean of activations", "plain"),
}
_DEFAULT = tuple(_FIGURES)[:-1]
_HEALTHY_UPDATE = 1e-3
_MAXIMUM = 14


@in_style
def plot_layer_statistics(
    history: Any,
    path: str | os.PathLike | None = None,
    title: str | None = None,
    *,
    layers: Sequence[str] | None = None,
    figures: Sequence[str] | None = None,
) -> Figure:
    """Draw the figures of callbacks.LayerStatistics over the epochs, one panel for each, one curve for each layer.

    What is wrong is seen from the side: gradients that shrink from layer to layer (vanishing) or grow (exploding),
    updates far from 1e-3 of the weights (dotted line), ReLUs of which a growing share is dead, sigmoids that saturate,
    activations whose deviation shrinks towards 0. Norms, ratios and deviations are on logarithmic axes, where 0 stands
    at the lower end.

    history: the callback or its history, {layer: {figure: [per epoch]}}; see trainer.LayerStatistics for units. layers:
    which, in this order, up to 14; None: those with weights and those that can die or saturate. figures: which; None:
    all but activation_mean that some layer shown has. ValueError: no such layer or figure, or nothing to draw.
    """
    found = getattr(history, "history", history)
    if not isinstance(found, Mapping) or not found or not all(isinstance(each, Mapping) for each in found.values()):
        raise ValueError(f"expected the history of callbacks.LayerStatistics, received {found!r:.80}")
    for figure_name in figures or ():
        if figure_name not in _FIGURES:
            raise ValueError(f"Unknown figure: {figure_name!r}. Expected one of: {', '.join(_FIGURES)}")
    chosen = _chosen(found, layers)
    curves = {
        name: {layer: values for layer in chosen if (values := _values(found, layer, name)) is not None}
        for name in figures or _DEFAULT
    }
    curves = {name: of_layers for name, of_layers in curves.items() if of_layers}
    if not curves:
        raise ValueError(f"the layers {', '.join(chosen)} have none of: {', '.join(figures or _DEFAULT)}")
    figure, panel = panels(len(curves))
    styles = {layer: series(index) for index, layer in enumerate(chosen)}
    for axes, (name, of_layers) in zip(panel, curves.items()):
        _draw(axes, name, of_layers, styles)
    legend_below(figure, panel)
    return finished(figure, path, title)


def _chosen(history: Mapping[str, Any], layers: Sequence[str] | None) -> list[str]:
    if layers is None:
        telling = ("gradient_norm", "dead_share", "saturated_share")
        chosen = [layer for layer in history if any(_values(history, layer, name) is not None for name in telling)]
        if not chosen:
            raise ValueError(f"none of the layers has weights, dies or saturates: {', '.join(history)}")
    else:
        chosen = [layers] if isinstance(layers, str) else list(layers)
        for layer in chosen:
            if layer not in history:
                raise ValueError(f"history has no layer {layer!r}; it has: {', '.join(history)}")
    if not 1 <= len(chosen) <= _MAXIMUM:
        raise ValueError(f"there are {len(chosen)} layers; choose 1 to {_MAXIMUM} of them with layers=")
    return chosen


def _values(history: Mapping[str, Any], layer: str, name: str) -> np.ndarray | None:
    """One figure of a layer per epoch; None where it does not apply."""
    values = history[layer].get(name)
    if values is None or not len(values):
        return None
    array = numbers(values, f"{name} of {layer}")
    return None if np.isnan(array).all() else array


def _draw(axes: Axes, name: str, curves: Mapping[str, np.ndarray], styles: Mapping[str, dict[str, Any]]) -> None:
    label, kind = _FIGURES[name]
    for layer, values in curves.items():
        marker = "o" if len(values) == 1 else None
        axes.plot(np.arange(1, len(values) + 1), values, label=layer, marker=marker, clip_on=False, **styles[layer])
    if name == "update_ratio":
        axes.axhline(_HEALTHY_UPDATE, color=GRAY, linestyle=":", linewidth=1, label="healthy: about 0.001")
    if kind == "log":
        reference = [np.array([_HEALTHY_UPDATE])] if name == "update_ratio" else []
        log_axis(axes, "y", [*curves.values(), *reference], label)
    elif kind == "percent":
        percent_axis(axes)
        axes.set_ylim(0, max(0.1, 1.05 * max(np.nanmax(values) for values in curves.values())))
    axes.set_ylabel(label)
    epoch_axis(axes)
