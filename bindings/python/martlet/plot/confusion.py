"""Which classes are taken for which."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from ._axes import PercentFormatter
from ._style import finished, in_style

# Cells of so many classes hold their number.
_NUMBERED = 25
# Inches: a cell, and a letter of a class name. Fewer classes have larger cells.
_CELL, _LETTER, _LEAST = 0.42, 0.06, 6
# The colour goes with the square root of the share: at 1 % an error is seen, and 95 % differs from 99 %.
_GAMMA = 0.5
_WHITE_TEXT = 0.715  # of the colours: from here on white has more contrast than black


@in_style
def plot_confusion(
    y_true: Any,
    y_pred: Any,
    class_names: Sequence[str] | None = None,
    path: str | os.PathLike | None = None,
    title: str | None = None,
) -> Figure:
    """Draw how many examples of each class (rows) were predicted as which (columns).

    The colour of a cell is its share of the row, the number its count; no number is 0. At the right, the share of each
    class that is found (recall), above, the share of each prediction that is right (precision). More than 25 classes
    are drawn without text.

    y_true: labels [N] or [N, 1], whole numbers from 0 to C - 1. y_pred: the same, or scores [N, C], such as
    model.predict gives, whose largest counts. class_names: [C]; None: the numbers up to the largest there is.
    ValueError: labels that are none, or do not fit each other or the names.
    """
    true, predicted = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    if len(true) != len(predicted):
        raise ValueError(f"y_true has {len(true)} labels, but y_pred has {len(predicted)}")
    count = _class_count(true, predicted, y_pred, class_names)
    names = [str(index) for index in range(count)] if class_names is None else [str(name) for name in class_names]
    matrix = np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)
    with np.errstate(invalid="ignore"):
        shares = matrix / matrix.sum(axis=1, keepdims=True)
        recall, precision = np.diag(shares), np.diag(matrix) / matrix.sum(axis=0)

    side, text = _CELL * min(max(count, _LEAST), _NUMBERED), _LETTER * max(map(len, names))
    figure = Figure(figsize=(side + text + 2.2, side + text + 1.4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, "Blues", PowerNorm(_GAMMA, 0, 1), interpolation="nearest")
    _numbers(axes, matrix, shares)
    _class_axes(axes, names, recall, precision)
    right = int(np.trace(matrix))
    axes.set_title(f"accuracy {right / len(true):.2%} ({right} of {len(true)})".replace("%", " %"), fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25, format=PercentFormatter())
    bar.set_ticks([0, 0.01, 0.05, 0.2, 0.5, 1])
    bar.set_label("share of the true class (%)")
    bar.outline.set_visible(False)
    return finished(figure, path, title)


def _labels(given: Any, name: str) -> np.ndarray:
    """Labels [N] out of labels or scores."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} must be labels [N] or scores [N, C], received {array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    if array.ndim == 2 and array.shape[1] > 1:
        if name == "y_true":
            raise ValueError(f"y_true must be labels [N], received an array of shape {list(array.shape)}")
        return np.asarray(array.argmax(axis=1))
    flat = array.reshape(-1)
    labels = flat.astype(np.int64)
    if not np.array_equal(labels, flat) or labels.min() < 0:
        raise ValueError(f"{name} must be whole numbers from 0")
    return labels


def _class_count(true: np.ndarray, predicted: np.ndarray, y_pred: Any, class_names: Sequence[str] | None) -> int:
    scores = np.shape(y_pred)[1] if np.ndim(y_pred) == 2 else 0
    needed = max(int(true.max()) + 1, int(predicted.max()) + 1, scores)
    if class_names is None:
        return needed
    if isinstance(class_names, str):
        raise ValueError(f"class_names must be a list of names, received {class_names!r}")
    if len(class_names) < needed:
        raise ValueError(f"there are labels of {needed} classes, but {len(class_names)} class_names")
    return len(class_names)


def _numbers(axes: Axes, matrix: np.ndarray, shares: np.ndarray) -> None:
    if len(matrix) > _NUMBERED:
        return
    for row, column in zip(*np.nonzero(matrix)):
        color = "white" if shares[row, column] ** _GAMMA > _WHITE_TEXT else "black"
        axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", fontsize=7, color=color)


def _class_axes(axes: Axes, names: list[str], recall: np.ndarray, precision: np.ndarray) -> None:
    """Names below and at the left, the shares of each class at the right and above; of many classes only numbers."""
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    if len(names) > _NUMBERED:
        return
    places = range(len(names))
    long = max(map(len, names)) > 3
    axes.set_xticks(places, names, rotation=45 if long else 0, ha="right" if long else "center", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.tick_params(length=0)
    for axis, shares, label in (
        (axes.secondary_yaxis("right"), recall, "recall (%)"),
        (axes.secondary_xaxis("top"), precision, "precision (%)"),
    ):
        text = ["–" if np.isnan(share) else f"{100 * share:.1f}" for share in shares]
        if label.startswith("recall"):
            axis.set_yticks(places, text)
            axis.set_ylabel(label)
        else:
            axis.set_xticks(places, text)
            axis.set_xlabel(label)
        axis.tick_params(length=0, labelsize=7)
        axis.spines[:].set_visible(False)
