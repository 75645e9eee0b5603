"""Layers that change the size of images, with Keras' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._check import UnsupportedError, integer
from ._engine import EngineModel
from ._layer import Layer
from ._names import INTERPOLATIONS, channels_last, code
from ._windows import window_sizes


class _Borders(Layer):
    """What ZeroPadding2D and Cropping2D have in common."""

    _kind: str

    def _configure(self, sizes: int | Sequence[int | Sequence[int]], name: str, data_format: str | None) -> None:
        channels_last(self.class_name, data_format)
        axes = (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)
        pairs = [(axis, axis) if isinstance(axis, int) else tuple(axis) for axis in axes]
        if len(pairs) != 2 or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"{name} must be an integer, two of them, or ((top, bottom), (left, right)), received {sizes!r}"
            )
        self._borders = tuple(integer(n, name, 0) for pair in pairs for n in pair)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.borders(node, self._kind, self._borders, name)


class ZeroPadding2D(_Borders):
    """Zeros around images: X [N, H, W, C], Y [N, top + H + bottom, left + W + right, C].

    padding: one integer, one for each axis, or ((top, bottom), (left, right)).
    """

    _kind = "zero_padding2d"

    def __init__(
        self, padding: int | Sequence[int | Sequence[int]] = 1, data_format: str | None = None, **base: Any
    ) -> None:
        super().__init__(**base)
        self._configure(padding, "padding", data_format)


class Cropping2D(_Borders):
    """Images without some rows and columns: X [N, H, W, C], Y [N, H - top - bottom, W - left - right, C].

    cropping: one integer, one for each axis, or ((top, bottom), (left, right)).
    """

    _kind = "cropping2d"

    def __init__(
        self, cropping: int | Sequence[int | Sequence[int]] = 0, data_format: str | None = None, **base: Any
    ) -> None:
        super().__init__(**base)
        self._configure(cropping, "cropping", data_format)


class Resizing(Layer):
    """Images in a given size: X [N, H, W, C], Y [N, height, width, C].

    interpolation: "bilinear" or "nearest", by the middles of pixels; pixels beyond the border are the last ones.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        channels_last("Resizing", data_format)
        if crop_to_aspect_ratio or pad_to_aspect_ratio:
            raise UnsupportedError("Resizing received an option about the aspect ratio; images are stretched")
        self.height, self.width = integer(height, "height", 1), integer(width, "width", 1)
        self.interpolation = interpolation
        self._interpolation = code(INTERPOLATIONS, interpolation, "interpolation")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.resizing(node, "resizing", (self.height, self.width), self._interpolation, name)


class UpSampling2D(Layer):
    """Images so many times as high and as wide: X [N, H, W, C], Y [N, H size[0], W size[1], C]. As Resizing."""

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **base: Any,
    ) -> None:
        super().__init__(**base)
        channels_last("UpSampling2D", data_format)
        self.size = window_sizes(size, 2, "size")
        self.interpolation = interpolation
        self._interpolation = code(INTERPOLATIONS, interpolation, "interpolation")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.resizing(node, "up_sampling2d", self.size, self._interpolation, name)
