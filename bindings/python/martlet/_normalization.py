"""Normalisations, with Keras' names."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _arrays, constraints, initializers, regularizers
from ._check import UnsupportedError, integer, real
from ._engine import EngineModel
from ._layer import Layer
from .data import Dataset, statistics_count


class _RowNormalization(Layer):
    """What LayerNormalization and GroupNormalization have in common."""

    def _configure(self, axis: int, epsilon: float, center: bool, scale: bool, **weights: Any) -> None:
        if axis != -1:
            raise UnsupportedError(f"{self.class_name} received axis={axis!r}; the last, -1, is supported")
        self.epsilon, self.center, self.scale = real(epsilon, "epsilon"), bool(center), bool(scale)
        getters = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}
        for name, value in weights.items():
            setattr(self, name, getters[name.rpartition("_")[2]](value))

    def _connect(self, engine: EngineModel, node: int, name: str, groups: int | None) -> int:
        return engine.row_normalization(
            node,
            groups,
            self.center,
            self.scale,
            self.epsilon,
            (self.beta_initializer, self.gamma_initializer),
            (self.beta_regularizer, self.gamma_regularizer),
            (self.beta_constraint, self.gamma_constraint),
            name,
        )


class LayerNormalization(_RowNormalization):
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, with mean and variance over the last axis.

    X and Y [N, ..., C]. Weights: "gamma" [C] (scale), "beta" [C] (center).
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, None)


class GroupNormalization(_RowNormalization):
    """LayerNormalization with mean and variance over all places of a row, and over the channels of one group.

    groups: divides the channels; -1 is a group for each.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.groups = integer(groups, "groups", -1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, self.groups)


class BatchNormalization(Layer):
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta for each channel; X and Y [N, ..., C].

    In training mean and variance are the batch's, over all axes but the last, and "moving_mean" and "moving_variance" come
    nearer to them: moving = momentum * moving + (1 - momentum) * batch. In prediction and evaluation they are the moving
    ones. Weights: "gamma" [C] (scale), "beta" [C] (center), "moving_mean" [C], "moving_variance" [C]. axis: the last only.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if axis != -1:
            raise UnsupportedError(f"BatchNormalization received axis={axis!r}; the last, -1, is supported")
        self.momentum, self.epsilon = real(momentum, "momentum"), real(epsilon, "epsilon")
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        starts = (
            self.beta_initializer,
            self.gamma_initializer,
            self.moving_mean_initializer,
            self.moving_variance_initializer,
        )
        penalties = (self.beta_regularizer, self.gamma_regularizer)
        limits = (self.beta_constraint, self.gamma_constraint)
        return engine.batch_normalization(
            node, self.center, self.scale, self.momentum, self.epsilon, starts, penalties, limits, name
        )


class Rescaling(Layer):
    """y = x * scale + offset, such as Rescaling(1 / 255) for 8-bit images.

    scale, offset: a number, or a list of one for each channel (the last axis).
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.scale, self.offset = self._numbers(scale, "scale"), self._numbers(offset, "offset")

    @staticmethod
    def _numbers(value: Any, name: str) -> float | np.ndarray:
        if not isinstance(value, (list, tuple)) and np.ndim(value) == 0:
            return real(value, name)
        array = _arrays.supported(value, name).astype(np.float64)
        if array.size != array.shape[-1]:
            raise ValueError(
                f"{name} must be a number or a list of one for each channel, received an array of shape {array.shape}"
            )
        return array.reshape(-1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        if isinstance(self.scale, float) and isinstance(self.offset, float):
            return engine.rescaling(node, self.scale, self.offset, name)
        return engine.channel_rescaling(node, np.atleast_1d(self.scale), np.atleast_1d(self.offset), name)


class Normalization(Layer):
    """y = (x - mean) / max(sqrt(variance), 1e-7) with fixed statistics, given or from adapt().

    axis: -1 one mean per channel (the last axis), None one mean for all, (1, 2, 3) a mean image. With mean and no
    variance, only the mean is subtracted.
    """

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, **base: Any) -> None:
        super().__init__(**base)
        self.axis = axis
        self.mean = None if mean is None else np.atleast_1d(_arrays.floats(mean, "mean"))
        self.variance = None if variance is None else np.atleast_1d(_arrays.floats(variance, "variance"))
        if self.variance is None:
            return
        if self.mean is None:
            raise ValueError("Normalization received a variance without a mean")
        if self.variance.size != self.mean.size:
            raise ValueError(f"mean has {self.mean.size} values, but variance has {self.variance.size}")

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data: an array [N, ...] or a Dataset. Before the model is built."""
        if self._engine is not None:
            raise RuntimeError(f"layer {self.name!r} is built already; call adapt before the model is used")
        if not isinstance(data, Dataset):
            array = _arrays.supported(data, "data")
            statistics_count(self.axis, array.shape[1:])
            data = Dataset(array)
        mean, variance = data.statistics(self.axis)
        self.mean, self.variance = np.atleast_1d(mean), np.atleast_1d(variance)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        if self.mean is None:
            raise RuntimeError(f"layer {self.name!r} has no statistics: call adapt(data), or give mean and variance")
        return engine.normalization(node, self.mean, self.variance, name)
