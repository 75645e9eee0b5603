"""Curves of a training: loss and accuracy, training and validation. Needs matplotlib (extra `plot`)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

# Okabe and Ito's palette: told apart with any colour vision, and by the line style in print.
_TRAINING = {"color": "#0072B2", "linestyle": "-", "label": "training"}
_VALIDATION = {"color": "#D55E00", "linestyle": "--", "label": "validation"}
_BEST = {"color": "#555555", "linestyle": ":", "linewidth": 1.2}


def plot_history(
    history: Any, path: str | os.PathLike | None = None, title: str | None = None, best_epoch: int | None = None
) -> Any:
    """Draw loss and accuracy over the epochs.

    history: what fit returned, or a mapping such as {"loss": [...], "val_loss": [...], "accuracy": [...]}. path: image
    file to write (PNG, PDF, SVG by its ending); None: only return matplotlib's figure. best_epoch: counted from 0; None:
    the epoch with the smallest val_loss. ValueError: no "loss" in it.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if not len(curves.get("loss", ())):
        raise ValueError(f"history has no epochs of 'loss'; it has: {', '.join(curves) or 'nothing'}")
    if best_epoch is None and len(curves.get("val_loss", ())):
        best_epoch = min(range(len(curves["val_loss"])), key=lambda epoch: curves["val_loss"][epoch])
    shown = ["loss"] + [name for name in _accuracies(curves)][:1]
    figure = Figure(figsize=(4.8 * len(shown), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown):
        for key, style in ((name, _TRAINING), ("val_" + name, _VALIDATION)):
            values = curves.get(key, ())
            marker = "o" if len(values) == 1 else None
            axes.plot(range(1, len(values) + 1), values, marker=marker, **style)
        if best_epoch is not None:
            axes.axvline(best_epoch + 1, **_BEST, label=f"best epoch: {best_epoch + 1}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        if name != "loss":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    if title:
        figure.suptitle(title)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _accuracies(curves: Mapping[str, Sequence[float]]) -> list[str]:
    """Names of the accuracy metrics that were recorded; a column of NaN says that there was none."""
    return [
        name
        for name, values in curves.items()
        if "acc" in name and not name.startswith("val_") and len(values) and values[0] == values[0]
    ]
