"""Layers that take several inputs, with Keras' names and functional forms: Add()([a, b]) is add([a, b])."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._check import integer
from ._engine import EngineModel
from ._graph import Node
from ._layer import Layer


class _Merge(Layer):
    """Called on a list of results, all of one shape; axes of size 1 of images and sequences are spread."""

    takes_list = True
    operation: str  # of EngineModel.merge

    def connect(self, engine: EngineModel, nodes: Sequence[int], name: str) -> int:
        return engine.merge(self.operation, nodes, name)


class Add(_Merge):
    """y = x_1 + x_2 + ..., element by element."""

    operation = "add"


class Subtract(_Merge):
    """y = x_1 - x_2, element by element, of exactly two inputs."""

    operation = "subtract"

    def connect(self, engine: EngineModel, nodes: Sequence[int], name: str) -> int:
        if len(nodes) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs, received {len(nodes)}")
        return engine.subtract(nodes[0], nodes[1], name)


class Multiply(_Merge):
    """y = x_1 * x_2 * ..., element by element."""

    operation = "multiply"


class Average(_Merge):
    """y = (x_1 + x_2 + ...) / number of inputs, element by element."""

    operation = "average"


class Maximum(_Merge):
    """y = max(x_1, x_2, ...), element by element."""

    operation = "maximum"


class Concatenate(Layer):
    """The inputs one after another along an axis; their shapes differ in it alone.

    axis: counted with the rows as 0, as in Keras; -1 is the last.
    """

    takes_list = True

    def __init__(self, axis: int = -1, **base: Any) -> None:
        super().__init__(**base)
        self.axis = integer(axis, "axis", -(2**31), 2**31 - 1)

    def connect(self, engine: EngineModel, nodes: Sequence[int], name: str) -> int:
        return engine.concatenate(nodes, self.axis, name)


def add(inputs: Sequence[Node], **base: Any) -> Node:
    """Add()(inputs)."""
    return Add(**base)(inputs)


def subtract(inputs: Sequence[Node], **base: Any) -> Node:
    """Subtract()(inputs)."""
    return Subtract(**base)(inputs)


def multiply(inputs: Sequence[Node], **base: Any) -> Node:
    """Multiply()(inputs)."""
    return Multiply(**base)(inputs)


def average(inputs: Sequence[Node], **base: Any) -> Node:
    """Average()(inputs)."""
    return Average(**base)(inputs)


def maximum(inputs: Sequence[Node], **base: Any) -> Node:
    """Maximum()(inputs)."""
    return Maximum(**base)(inputs)


def concatenate(inputs: Sequence[Node], axis: int = -1, **base: Any) -> Node:
    """Concatenate(axis)(inputs)."""
    return Concatenate(axis, **base)(inputs)
