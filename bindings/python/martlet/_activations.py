"""Activations as layers, with Keras' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import constraints, initializers, regularizers
from ._check import UnsupportedError, real
from ._engine import EngineModel
from ._layer import Layer
from ._names import code

ACTIVATIONS = {
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
    "relu6": 14,
    "hard_swish": 15,
}
ALIASES = {"swish": "silu", "hard_silu": "hard_swish"}
KERAS_ALPHA = {"leaky_relu": 0.2, "elu": 1.0}  # where the name alone is given


def activation_code(activation: str | None) -> int:
    if activation is None:
        return ACTIVATIONS["linear"]
    if isinstance(activation, str):
        code = ACTIVATIONS.get(ALIASES.get(activation, activation))
        if code is not None:
            return code
    raise ValueError(f"Unknown activation: {activation!r}. Expected None or one of: {', '.join(ACTIVATIONS)}")


class Activation(Layer):
    """A function by its name in Keras.

    Element-wise "linear", "relu", "leaky_relu" (slope 0.2), "elu" (alpha 1), "selu", "sigmoid", "hard_sigmoid", "tanh",
    "softplus", "silu" or "swish", "gelu", "exponential", "relu6", "hard_swish" or "hard_silu"; "softmax" over the last axis. "gelu_tanh" is Keras'
    gelu(x, approximate=True), which has no name there: files call it "gelu_approximate", and Keras opens them with
    custom_objects={"gelu_approximate": ...}.
    """

    def __init__(self, activation: str, **base: Any) -> None:
        super().__init__(**base)
        self.activation = activation
        self._activation = activation_code(activation)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, self._activation, KERAS_ALPHA.get(self.activation, 0.0), name)


class ReLU(Layer):
    """y = max_value for x >= max_value, x from threshold to there, negative_slope * (x - threshold) below.

    By itself y = max(x, 0). ValueError: a parameter below 0.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **base: Any
    ) -> None:
        super().__init__(**base)
        self.max_value = None if max_value is None else real(max_value, "max_value")
        self.negative_slope, self.threshold = real(negative_slope, "negative_slope"), real(threshold, "threshold")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        if self.max_value is None and self.negative_slope == self.threshold == 0:
            return engine.activation(node, ACTIVATIONS["relu"], 0.0, name)
        maximum = np.inf if self.max_value is None else self.max_value
        return engine.relu(node, maximum, self.negative_slope, self.threshold, name)


class LeakyReLU(Layer):
    """y = x for x > 0, negative_slope * x otherwise. ValueError: a slope below 0."""

    def __init__(self, negative_slope: float = 0.3, **base: Any) -> None:
        super().__init__(**base)
        self.negative_slope = real(negative_slope, "negative_slope")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, ACTIVATIONS["leaky_relu"], self.negative_slope, name)


class PReLU(Layer):
    """y = x for x > 0, alpha * x otherwise, with "alpha" trained: of the shape of a row.

    shared_axes: None, or all axes but the last, such as (1, 2) for images: then alpha is [1, 1, C].
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())
        self.shared_axes = axes or None
        if axes and sorted(axes) != list(range(1, len(axes) + 1)):
            raise UnsupportedError(f"PReLU received shared_axes={shared_axes!r}; None or 1 to the last but one is supported")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.prelu(
            node,
            len(self.shared_axes or ()),
            self.alpha_initializer,
            self.alpha_regularizer,
            self.alpha_constraint,
            name,
        )


class ELU(Layer):
    """y = x for x > 0, alpha * (exp(x) - 1) otherwise. ValueError: an alpha below 0."""

    def __init__(self, alpha: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.alpha = real(alpha, "alpha")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, ACTIVATIONS["elu"], self.alpha, name)


class Softmax(Layer):
    """y_j = exp(x_j) / sum_k exp(x_k) over an axis, or over several that are neighbours.

    axis: 1 is the first axis of a row, -1 the last. ValueError: an axis that rows do not have, or axes apart.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **base: Any) -> None:
        super().__init__(**base)
        self.axes = [axis] if isinstance(axis, int) else list(axis)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.softmax(node, self.axes, name)
