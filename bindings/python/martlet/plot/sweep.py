"""What a hyper-parameter does: results over its values, with the spread of the seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from ._axes import is_accuracy, log_axis, metric_axis, metric_value, number
from ._curves import labelled, numbers
from ._style import COLORS, GRAY, MARKERS, finished, in_style, legend_below, meaning, note, panels, series

# Values that span less than this ratio are shown on a linear axis however they are spaced.
_WIDE = 8
# More values than this do not get a tick each.
_TICKS = 8
# Points by which the error bars of two curves at the same value stand apart.
_APART = 3.5


class _Positions(NamedTuple):
    """Where the values stand along x."""

    x: np.ndarray
    log: bool
    joined_from: int  # a line joins the points from this one on


@in_style
def plot_sweep(
    values: Sequence[Any],
    results: Mapping[str, Sequence[Any]],
    path: str | os.PathLike | None = None,
    title: str | None = None,
    *,
    xlabel: str,
    metric: str = "val_accuracy",
    ylabel: str | None = None,
    center: str = "median",
    log: bool | None = None,
) -> Figure:
    """Draw results over the values of a hyper-parameter, with error bars over the seeds, and ring the best.

    values: V numbers that rise, or V names, such as activations. results: {label: [[a number per seed] per value]}, up
    to 7 labels; a bare number is one seed, an empty list a value without result. metric: what the numbers are; an
    accuracy is shown in percent and the largest is the best, of anything else the smallest. xlabel, ylabel: what stands
    at the axes; ylabel None: the metric. center: "median", with bars from the smallest to the largest, or "mean", with
    bars of one standard deviation (of the sample, n - 1) to both sides. log: logarithmic x; None: if the values are
    nearer to equal ratios than to equal steps. There a value 0 stands apart, one step to the left of the smallest.
    ValueError: results that do not fit the values or are not finite.
    """
    if center not in ("median", "mean"):
        raise ValueError(f'center must be "median" or "mean", received {center!r}')
    positions = _positions(values, log)
    rows = labelled(results, "results", len(COLORS))
    cells = {label: _cells(row, label, len(values)) for label, row in rows.items()}
    figure, (axes,) = panels(1)
    middles = []
    for index, (label, row) in enumerate(cells.items()):
        middle, bars = _statistics(row, center)
        middles.append(middle)
        _draw(axes, positions, middle, bars, label, index, len(cells))
    winner, best = _best(np.stack(middles), metric)
    label, value = list(cells)[winner], middles[winner][best]
    best_text = f"best (ring): {metric_value(metric, value)} at {number(values[best])}"
    note(axes, best_text + (f", {label}" if len(cells) > 1 else ""))
    ring: dict[str, Any] = {"markersize": 11, "markerfacecolor": "none", "markeredgecolor": GRAY, "linestyle": "none"}
    circle = axes.plot([positions.x[best]], [value], "o", **ring)
    _move_apart(axes, circle, winner, len(cells))
    _x_axis(axes, values, positions)
    axes.set_xlabel(xlabel)
    metric_axis(axes, metric, ylabel)
    counts = {cell.size for row in cells.values() for cell in row if cell.size}
    legend_below(figure, [axes], meaning(counts, center))
    return finished(figure, path, title)


def _positions(values: Sequence[Any], log: bool | None) -> _Positions:
    if len(values) and all(isinstance(value, str) for value in values):
        if log:
            raise ValueError("a logarithmic axis needs numbers, received names")
        if len(set(values)) != len(values):
            raise ValueError(f"values must differ, received {list(values)}")
        return _Positions(np.arange(float(len(values))), False, len(values))
    x = numbers(values, "values")
    if np.isnan(x).any() or (np.diff(x) <= 0).any():
        raise ValueError(f"values must be finite and rise, received {list(values)}")
    zero = int(x[0] == 0)
    if log is None:
        log = _spaced_by_ratio(x[zero:])
    if not log or not zero:
        return _Positions(x, log, 0)
    if len(x) < 2:
        raise ValueError("a logarithmic axis needs a value > 0, received 0")
    step = x[2] / x[1] if len(x) > 2 else 10
    return _Positions(np.concatenate([[x[1] / step], x[1:]]), True, 1)


def _spaced_by_ratio(x: np.ndarray) -> bool:
    """Whether ratios of neighbours vary less than their differences, each relative to its mean."""
    if len(x) < 2 or x[0] <= 0 or x[-1] < _WIDE * x[0]:
        return False
    ratios, steps = np.diff(np.log(x)), np.diff(x)
    return len(x) == 2 or bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _cells(row: Sequence[Any], label: str, count: int) -> list[np.ndarray]:
    """The seeds of each value."""
    if len(row) != count:
        raise ValueError(f"there are {count} values, but {label!r} has {len(row)} results")
    cells = []
    for index, cell in enumerate(row):
        if np.ndim(cell) == 0:
            cell = [cell]
        seeds = numbers(cell, f"result {index} of {label!r}") if len(cell) else np.empty(0)
        if np.isnan(seeds).any():
            raise ValueError(f"result {index} of {label!r} is not finite: {list(cell)}; leave out what diverged")
        cells.append(seeds)
    return cells


def _statistics(row: list[np.ndarray], center: str) -> tuple[np.ndarray, np.ndarray]:
    """The centres [V], and the lengths [2, V] of the bars below and above; NaN without seeds."""
    middle, bars = np.full(len(row), np.nan), np.full((2, len(row)), np.nan)
    for index, seeds in enumerate(row):
        if not seeds.size:
            continue
        if center == "median":
            middle[index] = np.median(seeds)
            bars[:, index] = middle[index] - seeds.min(), seeds.max() - middle[index]
        else:
            middle[index] = seeds.mean()
            bars[:, index] = seeds.std(ddof=1) if seeds.size > 1 else 0
    return middle, bars


def _best(middles: np.ndarray, metric: str) -> tuple[int, int]:
    """Label and value of the best centre."""
    if np.isnan(middles).all():
        raise ValueError("results hold no numbers")
    flat = np.nanargmax(middles) if is_accuracy(metric) else np.nanargmin(middles)
    row, value = np.unravel_index(flat, middles.shape)
    return int(row), int(value)


def _draw(
    axes: Axes, positions: _Positions, middle: np.ndarray, bars: np.ndarray, label: str, index: int, count: int
) -> None:
    style = series(index) | {"marker": MARKERS[index], "markersize": 4.5, "capsize": 2.5, "elinewidth": 1.2}
    first = positions.joined_from
    if first:
        single = style | {"linestyle": "none", "label": label if first == len(middle) else None}
        bars_of_single = axes.errorbar(positions.x[:first], middle[:first], bars[:, :first], **single)
        _move_apart(axes, bars_of_single.get_children(), index, count)
    if first < len(middle):
        joined = axes.errorbar(positions.x[first:], middle[first:], bars[:, first:], label=label, **style)
        _move_apart(axes, joined.get_children(), index, count)


def _move_apart(axes: Axes, artists: Sequence[Any], index: int, count: int) -> None:
    """Move a curve by a few points, so that bars at the same value do not hide each other; its data stay."""
    points = (index - (count - 1) / 2) * _APART
    moved = axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    for artist in artists:
        artist.set_transform(moved)


def _x_axis(axes: Axes, values: Sequence[Any], positions: _Positions) -> None:
    axes.margins(x=0.06)
    if positions.log:
        log_axis(axes, "x", [positions.x], "value")
    elif positions.joined_from:
        axes.set_xlim(-0.5, len(values) - 0.5)
    if len(values) <= _TICKS or positions.joined_from:
        axes.xaxis.set_major_locator(FixedLocator(positions.x.tolist()))
        axes.xaxis.set_major_formatter(FixedFormatter([number(value) for value in values]))
        axes.xaxis.set_minor_locator(NullLocator())
