"""Layers with Keras' names. A layer object is a configuration until its model is built; then it names its part of it.

Shape letters: N batch, I features in, O features out. Calling a layer on a node, as in Keras' functional style, gives the
node of its result. Ranges are checked by the library when the model is built: ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _arrays, constraints, initializers, regularizers
from ._check import integer, real
from ._engine import EngineModel
from ._graph import Node
from ._layer import Layer
from ._merging import (  # noqa: F401 (part of this module's interface)
    Add,
    Average,
    Concatenate,
    Maximum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    multiply,
    subtract,
)
from ._names import no_seed
from .data import Dataset, statistics_count

_ACTIVATIONS = {
    "linear": 0,
    "relu": 1,
    "leaky_relu": 2,
    "sigmoid": 3,
    "tanh": 4,
    "softmax": 5,
    "elu": 6,
    "selu": 7,
    "softplus": 8,
    "silu": 9,
    "gelu": 10,
    "gelu_tanh": 11,
    "hard_sigmoid": 12,
    "exponential": 13,
}
_ALIASES = {"swish": "silu"}
_KERAS_ALPHA = {"leaky_relu": 0.2, "elu": 1.0}  # where the name alone is given


def _activation_code(activation: str | None) -> int:
    if activation is None:
        return _ACTIVATIONS["linear"]
    if isinstance(activation, str):
        code = _ACTIVATIONS.get(_ALIASES.get(activation, activation))
        if code is not None:
            return code
    raise ValueError(f"Unknown activation: {activation!r}. Expected None or one of: {', '.join(_ACTIVATIONS)}")


def _integers(values: Sequence[int], name: str, minimum: int) -> tuple[int, ...]:
    if isinstance(values, int):
        raise TypeError(f"{name} must be a tuple such as ({values},), received {values!r}")
    return tuple(integer(n, name, minimum) for n in values)


class LoadedLayer(Layer):
    """A layer of a model that came from a file: it has name, class name and weights."""

    def __init__(self, engine: EngineModel, name: str, class_name: str) -> None:
        super().__init__(name=name)
        self._class_name = class_name
        self.claimed = True
        self.built(engine, name)

    @property
    def class_name(self) -> str:
        return self._class_name


class InputLayer(Layer):
    """The model's input, rows of a shape."""

    def __init__(self, shape: Sequence[int], *, name: str | None = None) -> None:
        """shape: of one row, without N, such as (784,) or (28, 28, 1)."""
        super().__init__(name=name)
        if isinstance(shape, int):
            raise ValueError(f"Input shape must be a tuple such as ({shape},), received {shape!r}")
        self.shape = tuple(integer(n, "Input shape", 1) for n in shape)
        if not self.shape:
            raise ValueError("Input shape must have at least one dimension, received ()")

    def connect(self, engine: EngineModel, nodes: Sequence[int], name: str) -> int:
        return engine.input(name, self.shape)


def Input(shape: Sequence[int] = (), *, name: str | None = None) -> Node:  # noqa: N802 (Keras' name)
    """The start of a model: Input((784,)). shape: of one row, without N."""
    return Node(InputLayer(shape, name=name))


class Dense(Layer):
    """Y = activation(X W + b), with X [N, ..., I], W "kernel" [I, O], b "bias" [O], Y [N, ..., O]; O = units.

    activation: None or a name that Activation takes. ValueError: an unknown name; units < 1.
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.units = integer(units, "units", 1)
        self.activation = activation
        self._activation = _activation_code(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        starts = (self.kernel_initializer, self.bias_initializer)
        penalties = (self.kernel_regularizer, self.bias_regularizer)
        limits = (self.kernel_constraint, self.bias_constraint)
        return engine.dense(node, self.units, self._activation, self.use_bias, starts, penalties, limits, name)


class Activation(Layer):
    """A function by its name in Keras.

    Element-wise "linear", "relu", "leaky_relu" (slope 0.2), "elu" (alpha 1), "selu", "sigmoid", "hard_sigmoid", "tanh",
    "softplus", "silu" or "swish", "gelu", "exponential"; "softmax" over the last axis. "gelu_tanh" is Keras'
    gelu(x, approximate=True), which has no name there: files call it "gelu_approximate", and Keras opens them with
    custom_objects={"gelu_approximate": ...}.
    """

    def __init__(self, activation: str, **base: Any) -> None:
        super().__init__(**base)
        self.activation = activation
        self._activation = _activation_code(activation)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, self._activation, _KERAS_ALPHA.get(self.activation, 0.0), name)


class ReLU(Layer):
    """y = max(x, 0)."""

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, _ACTIVATIONS["relu"], 0.0, name)


class LeakyReLU(Layer):
    """y = x for x > 0, negative_slope * x otherwise. ValueError: a slope below 0."""

    def __init__(self, negative_slope: float = 0.3, **base: Any) -> None:
        super().__init__(**base)
        self.negative_slope = real(negative_slope, "negative_slope")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, _ACTIVATIONS["leaky_relu"], self.negative_slope, name)


class ELU(Layer):
    """y = x for x > 0, alpha * (exp(x) - 1) otherwise. ValueError: an alpha below 0."""

    def __init__(self, alpha: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.alpha = real(alpha, "alpha")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, _ACTIVATIONS["elu"], self.alpha, name)


class Softmax(Layer):
    """y_j = exp(x_j) / sum_k exp(x_k) over the last axis."""

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, _ACTIVATIONS["softmax"], 0.0, name)


class Dropout(Layer):
    """In training each element is zero with probability rate, otherwise multiplied by 1 / (1 - rate); else y = x.

    ValueError unless 0 <= rate < 1. The mask follows the trainer's seed.
    """

    def __init__(self, rate: float, seed: None = None, **base: Any) -> None:
        super().__init__(**base)
        no_seed("Dropout", seed)
        self.rate = real(rate, "rate")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.dropout(node, self.rate, name)


class GaussianNoise(Layer):
    """In training y = x + N(0, stddev^2); else y = x.

    ValueError: stddev < 0. The noise follows the trainer's seed. Keras 3 opens files with a stddev of up to 1.
    """

    def __init__(self, stddev: float, seed: None = None, **base: Any) -> None:
        super().__init__(**base)
        no_seed("GaussianNoise", seed)
        self.stddev = real(stddev, "stddev")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.gaussian_noise(node, self.stddev, name)


class ActivityRegularization(Layer):
    """y = x, and the loss has (l1 * sum |x| + l2 * sum x^2) / N more, N the rows of the batch. ValueError: l1, l2 < 0."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.l1, self.l2 = real(l1, "l1"), real(l2, "l2")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activity_regularization(node, self.l1, self.l2, name)


class Reshape(Layer):
    """Each row in another shape, its elements in the same order. One dimension of target_shape may be -1: the rest."""

    def __init__(self, target_shape: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        self.target_shape = _integers(target_shape, "target_shape", -1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.reshape(node, self.target_shape, name)


class Permute(Layer):
    """The dimensions of a row in another order, counted from 1: Permute((2, 1)) transposes matrices."""

    def __init__(self, dims: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        self.dims = _integers(dims, "dims", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.permute(node, self.dims, name)


class Flatten(Layer):
    """Each row [d1, d2, ...] becomes one dimension [d1 * d2 * ...]."""

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.flatten(node, name)


class Rescaling(Layer):
    """y = x * scale + offset, such as Rescaling(1 / 255) for 8-bit images."""

    def __init__(self, scale: float, offset: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.scale, self.offset = real(scale, "scale"), real(offset, "offset")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.rescaling(node, self.scale, self.offset, name)


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
