"""Metrics with Keras' names. The library computes loss, accuracy and top-k accuracy in one pass; a metric here says
which of these numbers is reported, and under which name."""

from __future__ import annotations

from typing import Any

from ._check import integer
from . import losses
from .losses import Loss

# Kinds of accuracy, by the library's numbers: of the loss, of the largest output, of each output against 0.5.
_OF_LOSS, _CATEGORICAL, _BINARY = 0, 1, 2


class Metric:
    """One number of a martlet_metrics (`field`), reported as `name`."""

    field: str
    name: str
    k: int | None = None

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            self.name = name

    def check(self, loss: Loss) -> None:
        """ValueError if this metric means nothing for the loss."""

    def value(self, numbers: Any) -> float:
        """This metric's number among those of an output."""
        return getattr(numbers, self.field)

    def accuracy_code(self, loss: Loss, columns: int) -> int | None:
        """The kind of accuracy that the library must compute for this metric; None for any."""
        return None


class _OfClasses(Metric):
    """A metric of classes: not for targets that the loss takes as labels if `sparse` says one-hot, and vice versa."""

    sparse: bool | None = None

    def check(self, loss: Loss) -> None:
        labels = isinstance(loss, losses.SparseCategoricalCrossentropy)
        one_hot = not labels and not isinstance(loss, losses.CategoricalHinge)  # the hinge takes both
        if isinstance(loss, losses.NoLoss) or (self.sparse and one_hot) or (self.sparse is False and labels):
            raise ValueError(f"metric {self.name!r} does not apply to the loss {loss.name!r}")


class Accuracy(_OfClasses):
    """Share of rows whose largest output is the label, or the largest target; with one output, BinaryAccuracy."""

    field, name = "accuracy", "accuracy"

    def accuracy_code(self, loss: Loss, columns: int) -> int | None:
        return _BINARY if columns == 1 else _CATEGORICAL


class SparseCategoricalAccuracy(_OfClasses):
    """Share of rows whose largest output is the integer label."""

    field, name = "accuracy", "sparse_categorical_accuracy"
    sparse = True

    def accuracy_code(self, loss: Loss, columns: int) -> int | None:
        return _CATEGORICAL


class CategoricalAccuracy(_OfClasses):
    """Share of rows whose largest output is where the largest target is, such as that of a one-hot row."""

    field, name = "accuracy", "categorical_accuracy"
    sparse = False

    def accuracy_code(self, loss: Loss, columns: int) -> int | None:
        return _CATEGORICAL


class BinaryAccuracy(_OfClasses):
    """Share of outputs on the target's side of 0.5; of logits, of 0. Not for losses of classes, one of which is right."""

    field, name = "accuracy", "binary_accuracy"
    sparse = False

    def check(self, loss: Loss) -> None:
        of_classes = (losses.CategoricalCrossentropy, losses.CategoricalHinge, losses.CategoricalFocalCrossentropy)
        if isinstance(loss, of_classes):
            raise ValueError(f"metric {self.name!r} does not apply to the loss {loss.name!r}")
        super().check(loss)

    def accuracy_code(self, loss: Loss, columns: int) -> int | None:
        return _BINARY


class TopKCategoricalAccuracy(_OfClasses):
    """Share of rows whose label is among the k largest outputs; one k for a model."""

    field, name = "top_k_accuracy", "top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name)
        self.k = integer(k, "k", 1, 2**31 - 1)

    def accuracy_code(self, loss: Loss, columns: int) -> int | None:
        return _CATEGORICAL


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Top-k accuracy for integer labels."""

    name = "sparse_top_k_categorical_accuracy"


class DataLoss(Metric):
    """The loss without the regularisation."""

    field, name = "data_loss", "data_loss"


class RegularizationLoss(Metric):
    """The sum of the penalties of the regularisers."""

    field, name = "regularization_loss", "regularization_loss"


class LossMetric(DataLoss):
    """The number of a loss, for an output that minimises it; with sample weights, weighted as the loss is."""

    def __init__(self, kind: type[Loss], name: str | None = None) -> None:
        super().__init__(name or kind.name)
        self.kind = kind

    def check(self, loss: Loss) -> None:
        if not isinstance(loss, self.kind):
            raise ValueError(f"metric {self.name!r} does not apply to the loss {loss.name!r}")


_NAMES: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "data_loss": DataLoss,
    "regularization_loss": RegularizationLoss,
}


def get(identifier: Any) -> Metric:
    """The metric that a name, class or object stands for, reported under the name as given. ValueError lists them."""
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, str):
        if identifier in _NAMES:
            return _NAMES[identifier](name=identifier)
        if identifier in losses.NAMES:
            return LossMetric(losses.NAMES[identifier], identifier)
    raise ValueError(
        f"Unknown metric: {identifier!r}. Expected an object of martlet.metrics or one of: "
        f"{', '.join([*_NAMES, *losses.NAMES])}"
    )
