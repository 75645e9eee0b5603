"""The curves of one training: where it begins to overfit, and which epoch is the best."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ._axes import epoch_axis, is_accuracy, log_axis, metric_axis, metric_label, metric_value
from ._curves import column, columns, epochs
from ._style import COLORS, GRAY, finished, in_style, legend_below, note, panels, series


@in_style
def plot_history(
    history: Any,
    path: str | os.PathLike | None = None,
    title: str | None = None,
    best_epoch: int | None = None,
    *,
    metrics: Sequence[str] | None = None,
    log: bool = False,
) -> Figure:
    """Draw metrics over the epochs, in training and validation, side by side.

    The area between both curves is shaded where validation is the worse: the gap of overfitting. Training values are
    means over an epoch in which the weights change and dropout is on, so early on validation is often better.

    history: what fit returned, or a mapping such as {"loss": [...], "val_loss": [...], "accuracy": [...]}; NaN is a gap
    in the curve. path: PNG, PDF or SVG to write. best_epoch: counted from 0, as EarlyStopping.best_epoch; None: that of
    the smallest val_loss, if there is one. metrics: names without val_; None: the loss and the first accuracy. log: all
    but accuracies on a logarithmic axis. ValueError: no such metric or epoch in it.
    """
    shown = [metrics] if isinstance(metrics, str) else list(metrics or ["loss", *_accuracies(history)[:1]])
    number = epochs(history, _length(history, shown))
    best = _best(history, number, best_epoch)
    figure, panel = panels(len(shown))
    for axes, metric in zip(panel, shown):
        _draw(axes, history, metric, number, best, log and not is_accuracy(metric))
    legend_below(figure, panel)
    return finished(figure, path, title)


def _draw(axes: Axes, history: Any, metric: str, number: np.ndarray, best: int | None, log: bool) -> None:
    """Draw one metric over the epochs of these numbers, which are counted from 0."""
    training, x = column(history, metric), number + 1
    marker = "o" if len(x) == 1 else None
    axes.plot(x, training, marker=marker, label="training", **series(0))
    part, marked, all_values = "training", training, [training]
    if len(columns(history).get("val_" + metric, ())):
        validation = column(history, "val_" + metric)
        axes.plot(x, validation, marker=marker, label="validation", **series(1))
        worse = validation < training if is_accuracy(metric) else validation > training
        axes.fill_between(
            x, training, validation, worse, interpolate=True, color=COLORS[1], alpha=0.15, lw=0, label="overfitting gap"
        )
        part, marked, all_values = "validation", validation, [training, validation]
    if best is not None:
        value = marked[np.flatnonzero(number == best)[0]]
        axes.axvline(best + 1, color=GRAY, linestyle=":", linewidth=1)
        axes.plot([best + 1], [value], "o", color=GRAY, markersize=5, label=f"best epoch: {best + 1}")
        note(axes, f"{part} at the best epoch: {metric_value(metric, value)}")
    if log:
        log_axis(axes, "y", all_values, metric)
    metric_axis(axes, metric, metric_label(metric, part=False))
    epoch_axis(axes)


def _length(history: Any, metrics: Sequence[str]) -> int:
    """How many epochs there are, the same of all metrics and their validation."""
    names = {name for metric in (*metrics, "loss") for name in (metric, "val_" + metric)}
    lengths = {name: len(values) for name, values in columns(history).items() if name in names and len(values)}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{count} of {name}" for name, count in lengths.items())
        raise ValueError(f"history must have equally many epochs of all metrics, but has {found}")
    return len(column(history, metrics[0]))


def _best(history: Any, number: np.ndarray, best_epoch: int | None) -> int | None:
    """The number of the best epoch, counted from 0."""
    if best_epoch is not None:
        if best_epoch not in number:
            raise ValueError(f"best_epoch must be from {number[0]} to {number[-1]}, received {best_epoch}")
        return int(best_epoch)
    if not len(columns(history).get("val_loss", ())):
        return None
    losses = column(history, "val_loss")
    return int(number[np.nanargmin(losses)]) if np.isfinite(losses).any() else None


def _accuracies(history: Any) -> list[str]:
    """Names of the accuracies that were recorded; a column of NaN says that there was none."""
    return [
        name
        for name, values in columns(history).items()
        if is_accuracy(name) and not name.startswith("val_") and len(values) and values[0] == values[0]
    ]
