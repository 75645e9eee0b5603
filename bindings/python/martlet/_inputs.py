"""What fit, evaluate and predict take as data, and how it becomes the library's datasets and arrays.

A model with several inputs takes x as a list in their order or as a dict by their names; with several outputs, y
likewise. A model with one of them takes the array itself, or a dict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays
from ._check import real
from .data import Dataset
from .losses import BinaryCrossentropy, BinaryFocalCrossentropy

if TYPE_CHECKING:
    from ._training import TrainableModel


def inputs(model: TrainableModel, x: Any, name: str = "x") -> list[np.ndarray]:
    """x as arrays [N, ...], one for each input of the model, which is built for them if it is not yet."""
    given = _separate(x, model.input_names, name, "inputs")
    arrays = [rows(value, label) for value, label in given]
    for array, (_, label) in zip(arrays, given):
        if len(array) != len(arrays[0]):
            raise ValueError(f"{label} has {len(array)} rows, but {given[0][1]} has {len(arrays[0])}")
    model.built_engine(arrays[0].shape[1:])
    return arrays


def targets(model: TrainableModel, y: Any, name: str = "y") -> list[np.ndarray]:
    """y as arrays, one for each output with a loss; labels that came as floats as integers."""
    trained = [objective for objective in model.objectives if objective.has_loss] or model.objectives
    names = [output for output, objective in zip(model.output_names, model.objectives) if objective in trained]
    found = []
    for (value, label), objective in zip(_separate(y, names, name, "outputs with a loss"), trained):
        array = _arrays.supported(value, label)
        found.append(_arrays.labels(array, label) if objective.loss.takes_labels else array)
    return found


def rows(x: Any, name: str) -> np.ndarray:
    """x as an array [N, ...]. One number per row may come as [N], as in Keras."""
    array = _arrays.supported(x, name)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _separate(value: Any, names: Sequence[str], what: str, sides: str) -> list[tuple[Any, str]]:
    """The arrays of a list, or of a dict by names, each with its own name for messages."""
    if isinstance(value, Mapping):
        if set(value) != set(names):
            raise ValueError(f"{what} has the keys {list(value)}; the model has the {sides} {list(names)}")
        return [(value[name], f"{what}[{name!r}]") for name in names]
    if len(names) == 1:
        return [(value, what)]
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        received = f"{len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__
        raise ValueError(
            f"{what} must be a list of {len(names)} arrays, or a dict, for the {sides} {list(names)}; received {received}"
        )
    return [(one, f"{what}[{index}]") for index, one in enumerate(value)]


def dataset(
    model: TrainableModel,
    x: Any,
    y: Any,
    weights: Any,
    x_name: str,
    y_name: str,
    weights_name: str = "sample_weight",
) -> Dataset:
    """x, y and the weights of the rows, or the Dataset x, for a compiled model, which is built for it if need be."""
    if isinstance(x, Dataset):
        if y is not None or weights is not None:
            what = y_name if y is not None else weights_name
            raise ValueError(f"{what} must not be given with a Dataset, which holds it itself")
        model.built_engine(x.x_shapes[0] if x.x_shapes else None)
        return x
    if x is None or y is None:
        raise ValueError(f"{x_name} and {y_name} must be given, as arrays, or {x_name} as a Dataset")
    xs = [rows(value, label) for value, label in _separate(x, model.input_names, x_name, "inputs")]
    ys = targets(model, y, y_name)
    for arrays, label in ((xs, x_name), (ys, y_name)):
        for index, array in enumerate(arrays):
            if len(array) != len(xs[0]):
                own = label if len(arrays) == 1 else f"{label}[{index}]"
                first = x_name if len(xs) == 1 else f"{x_name}[0]"
                raise ValueError(
                    f"Data cardinality is ambiguous: {first} has {len(xs[0])} rows, {own} has {len(array)}"
                )
    model.built_engine(xs[0].shape[1:])
    data = joined(xs, ys)
    if weights is not None:
        data.set_sample_weights(sample_weights(weights, len(xs[0]), weights_name))
    return data


def joined(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> Dataset:
    """One dataset of all arrays."""
    if len(xs) == len(ys) == 1:
        return Dataset(xs[0], ys[0])
    return Dataset.zip([Dataset(x) for x in xs] + [Dataset(None, y) for y in ys])


def sample_weights(weights: Any, count: int, name: str = "sample_weight") -> np.ndarray:
    """weights as one float for each of `count` rows, finite and not negative."""
    if isinstance(weights, Mapping) or (isinstance(weights, (list, tuple)) and np.ndim(weights[0] if weights else 0)):
        raise ValueError(f"{name} must be one array [N], which counts for every output")
    array = _arrays.floats(weights, name)
    if array.size != count:
        raise ValueError(f"{name} has shape {array.shape}, but there are {count} rows")
    factors = array.reshape(-1)
    usable = np.isfinite(factors) & (factors >= 0)
    if not usable.all():
        row = int(np.argmin(usable))
        raise ValueError(f"{name}[{row}] is {factors[row]}; the weights of rows must be finite and >= 0")
    return factors


def class_weights(model: TrainableModel, class_weight: Any, y: Any) -> np.ndarray:
    """Keras' class_weight as weights of the rows: a factor by class, from labels or one-hot rows; 1 for the others."""
    if len(model.output_names) > 1:
        raise ValueError("class_weight is only supported for models with a single output")
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be a dict from class to weight, received {type(class_weight).__name__}")
    labels = targets(model, y)[0]
    classes = _class_count(model, labels)
    if labels.ndim > 1:
        labels = labels.argmax(axis=-1) if labels.shape[-1] > 1 else labels[..., 0]
    if labels.ndim > 1:
        raise ValueError(f"class_weight needs one class for each row, but y leaves {labels.shape} of them")
    weights = np.ones(len(labels), np.float32)
    for label, weight in class_weight.items():
        if not _is_class(label, classes):
            expected = "whole numbers" if classes is None else f"0 to {classes - 1}"
            raise ValueError(f"class_weight has the key {label!r}, which is no class; the classes are {expected}")
        name = f"class_weight[{label!r}]"
        factor = real(weight, name)
        if not 0 <= factor <= np.finfo(np.float32).max:
            raise ValueError(f"{name} is {factor}; the weights of classes must be finite and >= 0")
        weights[labels == label] = factor
    return weights


def _class_count(model: TrainableModel, labels: np.ndarray) -> int | None:
    """How many classes the targets of the only output can name; None for numbers of which any may stand for a class."""
    loss = model.objectives[0].loss
    if loss.takes_labels:
        return model.built_engine().output_shapes()[0][-1]
    if labels.ndim > 1 and labels.shape[-1] > 1:
        return labels.shape[-1]
    return 2 if isinstance(loss, (BinaryCrossentropy, BinaryFocalCrossentropy)) else None


def _is_class(key: Any, count: int | None) -> bool:
    """Whether a key is a whole number, of any type as NumPy's unique gives them, and one of the classes."""
    whole = isinstance(key, (int, np.integer, np.bool_))
    if isinstance(key, (float, np.floating)):
        whole = float(key).is_integer()
    return whole and (count is None or 0 <= key < count)


def of_fit(
    model: TrainableModel, x: Any, y: Any, split: float, validation: Any, sample_weight: Any, class_weight: Any
) -> tuple[Dataset, Dataset | None]:
    """Training and validation data from the arguments of fit."""
    training = dataset(model, x, y, sample_weight, "x", "y")
    held_out = None
    if validation is not None:
        held_out = _validation(model, validation)
    elif split:
        training, held_out = _split(training, split)
    if class_weight is not None:
        if isinstance(x, Dataset):
            raise ValueError("class_weight needs arrays; for a Dataset give the loss class_weights")
        factors = class_weights(model, class_weight, y)
        if sample_weight is not None:
            factors = factors * sample_weights(sample_weight, len(factors))
        training.set_sample_weights(factors[: len(training)])
    return training, held_out


def _validation(model: TrainableModel, validation: Any) -> Dataset:
    if isinstance(validation, Dataset):
        return dataset(model, validation, None, None, "validation_data", "y")
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise ValueError(
            f"validation_data must be (x, y), (x, y, sample_weight) or a Dataset, received {type(validation).__name__}"
        )
    weights = validation[2] if len(validation) == 3 else None
    return dataset(model, *validation[:2], weights, *(f"validation_data[{index}]" for index in range(3)))


def _split(whole: Dataset, split: float) -> tuple[Dataset, Dataset]:
    if not 0 < split < 1:
        raise ValueError(f"validation_split must be from 0 to 1, received {split!r}")
    cut = int(len(whole) * (1 - split))  # Keras' rounding
    if cut == 0 or cut == len(whole):
        raise ValueError(
            f"validation_split={split} of {len(whole)} rows leaves no row to train or none to validate with"
        )
    return whole.rows(0, cut), whole.rows(cut, len(whole))
