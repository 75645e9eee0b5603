"""Losses with Keras' names. Each is the mean over the N rows of a batch; p = predicted, t = target."""

from __future__ import annotations

from typing import Any

from ._names import lookup


class Loss:
    """Base class. `code` is the library's number of the loss, `name` Keras' name of it."""

    code: int
    name: str
    from_logits = False
    # What "accuracy" means for this loss in Keras; None where it means nothing.
    accuracy: str | None = None
    # Targets are class labels: floats that hold whole numbers are taken as such.
    takes_labels = False


class _CrossEntropy(Loss):
    def __init__(self, from_logits: bool = False) -> None:
        """from_logits: the model's output is not yet a probability (no softmax or sigmoid at its end)."""
        self.from_logits = bool(from_logits)


class SparseCategoricalCrossentropy(_CrossEntropy):
    """-log p[label]; integer labels [N] or [N, 1]."""

    code = 0
    name = "sparse_categorical_crossentropy"
    accuracy = "sparse_categorical_accuracy"
    takes_labels = True


class CategoricalCrossentropy(_CrossEntropy):
    """-sum_j t_j log p_j; t [N, C], such as one-hot."""

    code = 1
    name = "categorical_crossentropy"
    accuracy = "categorical_accuracy"


class MeanSquaredError(Loss):
    """mean_j (p_j - t_j)^2; t [N, O]."""

    code = 2
    name = "mean_squared_error"


class BinaryCrossentropy(_CrossEntropy):
    """mean_j -(t_j log p_j + (1 - t_j) log(1 - p_j)); t [N, O] or [N]."""

    code = 3
    name = "binary_crossentropy"
    accuracy = "binary_accuracy"


class CategoricalHinge(Loss):
    """max(0, 1 + max_{j != c} s_j - s_c) for class c, the inner max at least 0; labels [N] or one-hot [N, C]."""

    code = 4
    name = "categorical_hinge"
    accuracy = "categorical_accuracy"
    takes_labels = True


class NoLoss(Loss):
    """compile(loss=None): the loss is the caller's own, through Trainer.forward, backward and apply."""

    code = 5
    name = "no_loss"


_ALL: tuple[type[Loss], ...] = (
    SparseCategoricalCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    BinaryCrossentropy,
    CategoricalHinge,
)
_NAMES = {kind.name: kind for kind in _ALL}
_ALIASES = {"mse": MeanSquaredError, "MSE": MeanSquaredError}


def get(identifier: Any) -> Loss:
    """The loss that a name, class, object or None stands for. ValueError lists the names."""
    if identifier is None:
        return NoLoss()
    if isinstance(identifier, str) and identifier in _ALIASES:
        return _ALIASES[identifier]()
    return lookup(identifier, Loss, _NAMES, "loss")
