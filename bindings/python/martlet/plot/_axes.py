"""Axes that can be read: percent, whole epochs, decades, and what a metric is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, SymmetricalLogLocator

# Below this ratio of largest to smallest, ticks at 1, 2 and 5 of each decade may all fall outside.
_NARROW, _FEW_DECADES = 4, 50


def is_accuracy(metric: str) -> bool:
    """Whether a metric is a share that rises; martlet.callbacks has the same rule."""
    return "acc" in metric


def metric_label(metric: str, part: bool = True) -> str:
    """What an axis says: "validation accuracy (%)" for val_accuracy; without `part`, "accuracy (%)"."""
    name = metric.removeprefix("val_")
    if part:
        name = ("validation " if name != metric else "training ") + name
    return name.replace("_", " ") + (" (%)" if is_accuracy(metric) else "")


def metric_value(metric: str, value: float) -> str:
    """A value in a sentence: "97.87 %" or "0.07123"."""
    return f"{100 * value:.2f} %" if is_accuracy(metric) else f"{value:.4g}"


def metric_axis(axes: Axes, metric: str, label: str | None = None) -> None:
    """The y axis of a metric; accuracies, which are shares, in percent."""
    axes.set_ylabel(metric_label(metric) if label is None else label)
    if is_accuracy(metric):
        percent_axis(axes)


class PercentFormatter(Formatter):
    """Shares as numbers of percent, all with as many decimals as one of them needs; the unit stands in the label."""

    def format_ticks(self, values: Any) -> list[str]:
        percent = 100 * np.asarray(values, np.float64)
        decimals = next((n for n in range(6) if np.allclose(percent, percent.round(n), rtol=0, atol=1e-8)), 6)
        return [f"{value:.{decimals}f}" for value in percent + 0.0]  # + 0.0: no negative zero

    def __call__(self, value: float, pos: int | None = None) -> str:
        return self.format_ticks([value])[0]


def percent_axis(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter())


def epoch_axis(axes: Axes) -> None:
    """The x axis of epochs, after the curves are drawn: ticks are whole numbers."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    first, last = axes.dataLim.intervalx
    if first == last:
        axes.set_xlim(first - 0.5, last + 0.5)


def log_axis(axes: Axes, which: str, values: Sequence[np.ndarray], name: str) -> None:
    """A logarithmic axis "x" or "y" for these values; 0 stands at its lower end, below a linear piece.

    ValueError: a negative value. name: what the axis shows, for the message.
    """
    found = np.concatenate([np.ravel(one) for one in values])
    found = found[np.isfinite(found)]
    if (found < 0).any():
        raise ValueError(f"a logarithmic axis cannot show {name} {found.min():g}; values must be >= 0")
    positive = found[found > 0]
    if not positive.size:
        return  # nothing but 0: any axis shows that
    axis = getattr(axes, which + "axis")
    set_scale, set_limits = getattr(axes, f"set_{which}scale"), getattr(axes, f"set_{which}lim")
    low, high = positive.min(), positive.max()
    if positive.size < found.size:
        threshold = 10 ** np.floor(np.log10(low))
        set_scale("symlog", linthresh=threshold, linscale=0.5)
        set_limits(0, None)
        axis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
    else:
        if low == high:
            set_limits(low / 10, high * 10)
        set_scale("log")
        if low < high < _NARROW * low:
            axis.set_major_locator(MaxNLocator(5))
        else:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _FEW_DECADES * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def number(value: Any) -> str:
    """A number as a tick: 0.001, 512, and powers of ten outside of that range."""
    if isinstance(value, str):
        return value
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    factor = f"{float(mantissa):g}"
    return f"${power}$" if factor == "1" else rf"${factor}\times{power}$"
