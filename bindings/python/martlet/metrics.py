"""Metrics with Keras' names. The library computes loss, accuracy and top-k accuracy in one pass; a metric here says
which of these numbers is reported, and under which name."""

from __future__ import annotations

from typing import Any

from ._check import integer
from .losses import CategoricalHinge, Loss, MeanSquaredError


class Metric:
    """One number of a martlet_metrics (`field`), reported as `name`."""

    field: str
    name: str
    # Names of the loss's kind of accuracy that this metric belongs to; None for any loss.
    kinds: tuple[str, ...] | None = None
    k: int | None = None

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            self.name = name

    def check(self, loss: Loss) -> None:
        """ValueError if this metric means nothing for the loss."""
        if self.kinds is not None and loss.accuracy not in self.kinds:
            raise ValueError(f"metric {self.name!r} does not apply to the loss {loss.name!r}")


class Accuracy(Metric):
    """Share of rows whose largest output is the label; for binary_crossentropy, of outputs on the right side of 0.5."""

    field, name = "accuracy", "accuracy"
    kinds: tuple[str, ...] | None = ("sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")


class SparseCategoricalAccuracy(Accuracy):
    """Accuracy for integer labels."""

    name = "sparse_categorical_accuracy"
    kinds = ("sparse_categorical_accuracy",)

    def check(self, loss: Loss) -> None:
        # The hinge loss takes labels as well as one-hot targets.
        if not isinstance(loss, CategoricalHinge):
            super().check(loss)


class CategoricalAccuracy(Accuracy):
    """Accuracy for one-hot targets."""

    name = "categorical_accuracy"
    kinds = ("categorical_accuracy",)


class BinaryAccuracy(Accuracy):
    """Share of outputs on the right side of 0.5."""

    name = "binary_accuracy"
    kinds = ("binary_accuracy",)


class TopKCategoricalAccuracy(Metric):
    """Share of rows whose label is among the k largest outputs; one k for a model."""

    field, name = "top_k_accuracy", "top_k_categorical_accuracy"
    kinds = ("sparse_categorical_accuracy", "categorical_accuracy")

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name)
        self.k = integer(k, "k", 1, 2**31 - 1)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Top-k accuracy for integer labels."""

    name = "sparse_top_k_categorical_accuracy"


class DataLoss(Metric):
    """The loss without the regularisation."""

    field, name = "data_loss", "data_loss"


class RegularizationLoss(Metric):
    """The sum of the penalties of the regularisers."""

    field, name = "regularization_loss", "regularization_loss"


class MeanSquaredErrorMetric(DataLoss):
    """mean_j (p_j - t_j)^2, for a model that minimises it."""

    name = "mean_squared_error"

    def check(self, loss: Loss) -> None:
        if not isinstance(loss, MeanSquaredError):
            raise ValueError(f"metric {self.name!r} does not apply to the loss {loss.name!r}")


_NAMES = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "mean_squared_error": MeanSquaredErrorMetric,
    "mse": MeanSquaredErrorMetric,
    "data_loss": DataLoss,
    "regularization_loss": RegularizationLoss,
}


def get(identifier: Any) -> Metric:
    """The metric that a name, class or object stands for, reported under the name as given. ValueError lists them."""
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, str) and identifier in _NAMES:
        return _NAMES[identifier](name=identifier)
    raise ValueError(f"Unknown metric: {identifier!r}. Expected an object of martlet.metrics or one of: "
                     f"{', '.join(_NAMES)}")  # fmt: skip
