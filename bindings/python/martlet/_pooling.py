"""Pooling of images and sequences, with Keras' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._engine import EngineModel
from ._layer import Layer
from ._names import channels_last
from ._windows import padding_code, window_sizes


class _Pooling(Layer):
    """What poolings with a window have in common."""

    _rank: int
    _kind: str

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        channels_last(self.class_name, data_format)
        self.pool_size = window_sizes(pool_size, self._rank, "pool_size")
        self.strides = self.pool_size if strides is None else window_sizes(strides, self._rank, "strides")
        self.padding = padding
        self._padding = padding_code(padding, 2)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.pooling(node, self._kind, self.pool_size, self.strides, self._padding, name)


class MaxPooling2D(_Pooling):
    """The greatest element of each channel in each window: X [N, H, W, C], Y [N, H', W', C].

    strides: None for pool_size. padding "same": windows at ceil(H / stride) places; what is outside does not count.
    """

    _rank, _kind = 2, "max"


class MaxPooling1D(_Pooling):
    """The greatest element of each channel in each window: X [N, L, C], Y [N, L', C]. As MaxPooling2D."""

    _rank, _kind = 1, "max"


class AveragePooling2D(_Pooling):
    """The average element of each channel in each window: X [N, H, W, C], Y [N, H', W', C]. As MaxPooling2D."""

    _rank, _kind = 2, "average"


class AveragePooling1D(_Pooling):
    """The average element of each channel in each window: X [N, L, C], Y [N, L', C]. As MaxPooling2D."""

    _rank, _kind = 1, "average"


class _GlobalPooling(Layer):
    """What global poolings have in common."""

    _kind: str

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **base: Any) -> None:
        super().__init__(**base)
        channels_last(self.class_name, data_format)
        self.keepdims = bool(keepdims)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.global_pooling(node, self._kind, self.keepdims, name)


class GlobalMaxPooling2D(_GlobalPooling):
    """The greatest element of each channel: X [N, H, W, C], Y [N, C], or [N, 1, 1, C] with keepdims."""

    row_rank = 3
    _kind = "max"


class GlobalMaxPooling1D(_GlobalPooling):
    """The greatest element of each channel: X [N, L, C], Y [N, C], or [N, 1, C] with keepdims."""

    row_rank = 2
    _kind = "max"


class GlobalAveragePooling2D(_GlobalPooling):
    """The average element of each channel: X [N, H, W, C], Y [N, C], or [N, 1, 1, C] with keepdims."""

    row_rank = 3
    _kind = "average"


class GlobalAveragePooling1D(_GlobalPooling):
    """The average element of each channel: X [N, L, C], Y [N, C], or [N, 1, C] with keepdims."""

    row_rank = 2
    _kind = "average"
