"""Inputs, fully connected layers, and layers of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import constraints, initializers, regularizers
from ._activations import activation_code
from ._check import integer
from ._engine import EngineModel
from ._graph import Node
from ._layer import Layer


class LoadedLayer(Layer):
    """A layer of a model that came from a file: it has name, class name and weights."""

    def __init__(self, engine: EngineModel, path: str, class_name: str) -> None:
        super().__init__()
        self._class_name = class_name
        self.claimed = True
        self.built(engine, path)

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
        self._activation = activation_code(activation)
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
