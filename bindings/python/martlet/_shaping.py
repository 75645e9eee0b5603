"""Layers that rearrange the elements of a row, with Keras' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._engine import EngineModel
from ._layer import Layer
from ._windows import integers


class Reshape(Layer):
    """Each row in another shape, its elements in the same order. One dimension of target_shape may be -1: the rest."""

    def __init__(self, target_shape: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        self.target_shape = integers(target_shape, "target_shape", -1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.reshape(node, self.target_shape, name)


class Permute(Layer):
    """The dimensions of a row in another order, counted from 1: Permute((2, 1)) transposes matrices."""

    def __init__(self, dims: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        self.dims = integers(dims, "dims", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.permute(node, self.dims, name)


class Flatten(Layer):
    """Each row [d1, d2, ...] becomes one dimension [d1 * d2 * ...]."""

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.flatten(node, name)
