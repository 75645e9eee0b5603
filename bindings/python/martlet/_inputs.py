"""What fit, evaluate and predict take as data, and how it becomes the library's datasets and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays
from .data import Dataset

if TYPE_CHECKING:
    from .models import Model


def rows(x: Any, name: str) -> np.ndarray:
    """x as an array [N, ...]. One number per row may come as [N], as in Keras."""
    array = _arrays.supported(x, name)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def dataset(model: Model, x: Any, y: Any, x_name: str, y_name: str) -> Dataset:
    """x and y, or the Dataset x, for a compiled model, which is built for it if it is not yet."""
    if isinstance(x, Dataset):
        if y is not None:
            raise ValueError(f"{y_name} must not be given with a Dataset, which holds the targets")
        model.built_engine(x.x_shape)
        return x
    if x is None or y is None:
        raise ValueError(f"{x_name} and {y_name} must be given, as arrays, or {x_name} as a Dataset")
    inputs, targets = rows(x, x_name), _arrays.supported(y, y_name)
    if model.loss.takes_labels:
        targets = _arrays.labels(targets, y_name)
    if len(inputs) != len(targets):
        raise ValueError(f"Data cardinality is ambiguous: {x_name} has {len(inputs)} rows, {y_name} has {len(targets)}")
    model.built_engine(inputs.shape[1:])
    return Dataset(inputs, targets)


def of_fit(model: Model, x: Any, y: Any, split: float, validation: Any) -> tuple[Dataset, Dataset | None]:
    """Training and validation data from the arguments of fit."""
    training = dataset(model, x, y, "x", "y")
    if validation is not None:
        if isinstance(validation, Dataset):
            return training, dataset(model, validation, None, "validation_data", "y")
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise ValueError(f"validation_data must be (x, y) or a Dataset, received {type(validation).__name__}")
        inputs, targets = validation
        return training, dataset(model, inputs, targets, "validation_data[0]", "validation_data[1]")
    if not split:
        return training, None
    if not 0 < split < 1:
        raise ValueError(f"validation_split must be from 0 to 1, received {split!r}")
    cut = int(len(training) * (1 - split))  # Keras' rounding
    if cut == 0 or cut == len(training):
        raise ValueError(
            f"validation_split={split} of {len(training)} rows leaves no row to train or none to validate with"
        )
    return training.rows(0, cut), training.rows(cut, len(training))
