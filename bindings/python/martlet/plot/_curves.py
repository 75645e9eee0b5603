"""Curves out of what a caller has: a History, a mapping of lists, or numbers. What is wrong is said by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def numbers(values: Any, name: str) -> np.ndarray:
    """values [N] as float64, N >= 1; None and infinity are NaN, a gap in the curve. ValueError otherwise."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a list of numbers, received {values!r:.80}") from None
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must be a list of numbers, received an array of shape {list(array.shape)}")
    return np.where(np.isfinite(array), array, np.nan)


def labelled(given: Any, name: str, maximum: int) -> dict[str, Any]:
    """A mapping of 1 to `maximum` things to draw, with its labels as text for the legend. ValueError otherwise."""
    if not isinstance(given, Mapping) or not 1 <= len(given) <= maximum:
        received = f"{len(given)}" if isinstance(given, Mapping) else f"{given!r:.80}"
        raise ValueError(f"{name} must be a mapping with 1 to {maximum} labels, received {received}")
    for label in given:
        if str(label).startswith("_"):  # which matplotlib keeps out of legends
            raise ValueError(f"labels of {name} must not begin with an underscore, received {label!r}")
    return {str(label): value for label, value in given.items()}


def is_history(value: Any) -> bool:
    return isinstance(value, Mapping) or hasattr(value, "history")


def columns(history: Any) -> Mapping[str, Any]:
    """The lists of a History, or of a mapping like {"loss": [...], "val_loss": [...]}."""
    found = getattr(history, "history", history)
    if not isinstance(found, Mapping):
        raise ValueError(f"expected what fit returned, or a mapping of lists, received {history!r:.80}")
    return found


def column(history: Any, metric: str, name: str = "history") -> np.ndarray:
    """One metric per epoch. ValueError says which there are."""
    found = columns(history)
    if metric not in found or not len(found[metric]):
        raise ValueError(f"{name} has no epochs of {metric!r}; it has: {', '.join(found) or 'nothing'}")
    return numbers(found[metric], f"{metric} of {name}")


def epochs(history: Any, count: int) -> np.ndarray:
    """Numbers of the epochs, counted from 0: those of a History, which may have begun later, else 0 to count - 1."""
    found = getattr(history, "epoch", None)
    return np.asarray(found) if found is not None and len(found) == count else np.arange(count)
