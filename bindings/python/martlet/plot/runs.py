"""Several trainings in one picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ._axes import epoch_axis, is_accuracy, log_axis, metric_axis
from ._curves import column, is_history, labelled, numbers
from ._style import finished, in_style, legend_below, meaning, panels, series

# As many curves as 7 colours with 2 line styles each give; more cannot be told apart.
_MAXIMUM = 14


@in_style
def plot_runs(
    runs: Mapping[str, Any],
    path: str | os.PathLike | None = None,
    title: str | None = None,
    *,
    metric: str | Sequence[str] = "loss",
    x: Any = None,
    xlabel: str = "epoch",
    ylabel: str | None = None,
    log: str = "",
) -> Figure:
    """Draw one curve for each run; several metrics side by side.

    runs: {label: run}, up to 14. A run is what fit returned, a mapping like it, or numbers [E]; or a list of those, one
    for each seed: then the curve is their median and the band goes from the smallest to the largest. Values that are
    not finite are gaps; a run that ends with them gets a cross and a word in the legend. metric: name in the histories,
    such as "val_accuracy", or a list of names; of bare numbers it says what they are. x: positions, [E] for all
    or {label: [E]}, such as seconds; None: 1, 2, ... xlabel, ylabel: what stands at the axes; ylabel None: the metric.
    log: "x", "y" or "xy" for logarithmic axes; y of accuracies stays linear. ValueError names the run that cannot be
    drawn.
    """
    runs = labelled(runs, "runs", _MAXIMUM)
    if isinstance(x, Mapping):
        x = {str(label): positions for label, positions in x.items()}
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f'log must be "", "x", "y" or "xy", received {log!r}')
    metrics = [metric] if isinstance(metric, str) else list(metric)
    if not metrics:
        raise ValueError("metric must be a name or a list of names, received an empty list")
    figure, panel = panels(len(metrics))
    counts: set[int] = set()
    for axes, name in zip(panel, metrics):
        counts |= _draw(axes, runs, name, x, xlabel, log)
        metric_axis(axes, name, ylabel)
    legend_below(figure, panel, meaning(counts))
    return finished(figure, path, title)


def _draw(axes: Axes, runs: Mapping[str, Any], metric: str, x: Any, xlabel: str, log: str) -> set[int]:
    """Draw one metric of all runs; how many seeds they have."""
    all_x, all_y = [], []
    for index, (label, run) in enumerate(runs.items()):
        values = _seeds(run, metric, label)
        positions = _positions(x, label, values.shape[1])
        style = series(index)
        middle = np.median(values, axis=0)
        finite = np.flatnonzero(np.isfinite(middle))
        end = finite[-1] if finite.size else -1
        if end + 1 < len(middle):
            # Between gaps "from" would be wrong: then the end is but the last of them.
            last = "from" if finite.size == end + 1 else "last in"
            label = f"{label} (not finite {last} {xlabel} {positions[end + 1]:g})"
            axes.plot(positions[[end]], middle[[end]], "x", color=style["color"], markersize=7, markeredgewidth=2)
        axes.plot(positions, middle, label=label, marker="o" if len(middle) == 1 else None, **style)
        if len(values) > 1:
            low, high = values.min(axis=0), values.max(axis=0)
            axes.fill_between(positions, low, high, color=style["color"], alpha=0.15, linewidth=0)
        all_x.append(positions)
        all_y.append(values)
    if all((positions == np.rint(positions)).all() for positions in all_x):
        epoch_axis(axes)
    axes.set_xlabel(xlabel)
    if "x" in log:
        log_axis(axes, "x", all_x, xlabel)
    if "y" in log and not is_accuracy(metric):
        log_axis(axes, "y", all_y, metric)
    return {len(values) for values in all_y}


def _seeds(run: Any, metric: str, label: str) -> np.ndarray:
    """The values of a run, [S, E] for S seeds."""
    name = f"run {label!r}"
    if is_history(run):
        return column(run, metric, name)[None]
    several = isinstance(run, (Sequence, np.ndarray)) and len(run) and (is_history(run[0]) or np.ndim(run[0]) == 1)
    if not several:
        return numbers(run, name)[None]
    seeds = [column(seed, metric, name) if is_history(seed) else numbers(seed, name) for seed in run]
    lengths = sorted({len(seed) for seed in seeds})
    if len(lengths) > 1:
        raise ValueError(f"the seeds of {name} have {lengths[0]} to {lengths[-1]} values; a median needs equally many")
    return np.stack(seeds)


def _positions(x: Any, label: str, count: int) -> np.ndarray:
    if x is None:
        return np.arange(1, count + 1)
    if isinstance(x, Mapping) and label not in x:
        raise ValueError(f"x has nothing for run {label!r}; it has: {', '.join(x) or 'nothing'}")
    positions = numbers(x[label] if isinstance(x, Mapping) else x, "x")
    if len(positions) != count:
        raise ValueError(f"x has {len(positions)} positions, but run {label!r} has {count} values")
    return positions
