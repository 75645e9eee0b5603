"""Layers that change images at random in training, with Keras' names: X [N, H, W, C].

In prediction and evaluation they leave images as they are (RandomCrop takes the middle). What is drawn for an image
follows the trainer's seed. A factor is a pair, of which each image gets a number in between, or a number v for
[-v, v]; of RandomContrast and RandomErasing [0, v].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from ._check import integer, real
from ._engine import EngineModel
from ._layer import Layer
from ._names import INTERPOLATIONS, channels_last, code, no_seed

Factor = Union[float, Sequence[float]]

_FLIPS = {"horizontal": 1, "vertical": 2, "horizontal_and_vertical": 3}
_FILL_MODES = {"constant": 0, "nearest": 1, "reflect": 2, "wrap": 3}


def _pair(value: Sequence[float], name: str) -> tuple[float, float]:
    try:
        first, second = value
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be two numbers, received {value!r}") from None
    return real(first, name), real(second, name)


def _range(factor: Factor, name: str, symmetric: bool = True) -> tuple[float, float]:
    if isinstance(factor, (list, tuple)):
        low, high = sorted(_pair(factor, name))
        return low, high
    value = real(factor, name)
    return (-abs(value), abs(value)) if symmetric else (0.0, value)


class _Augmentation(Layer):
    """The options that all of them have, and that change nothing here but by being refused."""

    def __init__(self, seed: None, data_format: str | None, **base: Any) -> None:
        super().__init__(**base)
        no_seed(self.class_name, seed)
        channels_last(self.class_name, data_format)


class RandomFlip(_Augmentation):
    """Half of the images flipped: "horizontal", "vertical", or both at once, half a turn, as in Keras 3."""

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: None = None, data_format: str | None = None, **base: Any
    ) -> None:
        super().__init__(seed, data_format, **base)
        self.mode = mode
        self._mode = code(_FLIPS, mode, "mode")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.augmentation(node, "random_flip", [self._mode], name)


class _Transform(_Augmentation):
    """What the layers have in common that look beyond the borders of images."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: None,
        fill_value: float,
        data_format: str | None,
        **base: Any,
    ) -> None:
        super().__init__(seed, data_format, **base)
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = real(fill_value, "fill_value")
        self._options = {
            "fill_mode": code(_FILL_MODES, fill_mode, "fill_mode"),
            "interpolation": code(INTERPOLATIONS, interpolation, "interpolation"),
            "fill_value": self.fill_value,
        }


class RandomTranslation(_Transform):
    """Images moved down and to the right by parts of their height and width, from -1 to 1.

    fill_mode: "reflect" (d c b a | a b c d), "constant" (fill_value), "nearest" (a a a a | a b c d) or
    "wrap" (a b c d | a b c d). interpolation: "bilinear" or "nearest".
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **base)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._factors = [_range(height_factor, "height_factor"), _range(width_factor, "width_factor")]

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.augmentation(node, "random_translation", self._factors, name, **self._options)


class RandomRotation(_Transform):
    """Images turned about their middle by a part of a turn, from -1 to 1, counterclockwise. As RandomTranslation."""

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **base)
        self.factor = factor
        self._factors = [_range(factor, "factor")]

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.augmentation(node, "random_rotation", self._factors, name, **self._options)


class RandomZoom(_Transform):
    """Images magnified about their middle to 1 / (1 + factor) of their size, from -1 to 1: below 0 they become larger.

    width_factor: None for that of the height, which keeps proportions. As RandomTranslation.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **base)
        self.height_factor, self.width_factor = height_factor, width_factor
        width = None if width_factor is None else _range(width_factor, "width_factor")
        self._factors = [_range(height_factor, "height_factor"), width]

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.augmentation(node, "random_zoom", self._factors, name, **self._options)


class RandomCrop(_Augmentation):
    """A window of each image, anywhere: Y [N, height, width, C], in training.

    Else the largest window in the middle with these proportions, brought to the size with bilinear interpolation.
    ValueError: images smaller than the window.
    """

    def __init__(
        self, height: int, width: int, seed: None = None, data_format: str | None = None, **base: Any
    ) -> None:
        super().__init__(seed, data_format, **base)
        self.height, self.width = integer(height, "height", 1), integer(width, "width", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.augmentation(node, "random_crop", [self.height, self.width], name)


class RandomContrast(_Augmentation):
    """y = (x - m) (1 + f) + m within value_range: m is the mean of a channel of the image.

    factor: f is drawn from -factor[0] to factor[1], each from 0 to 1; one number v is (0, v), as in Keras 3.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: None = None,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(seed, data_format, **base)
        self.factor, self.value_range = factor, value_range
        self._factor, self._values = _range(factor, "factor", symmetric=False), _pair(value_range, "value_range")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.random_contrast(node, self._factor, self._values, name)


class RandomErasing(_Augmentation):
    """A box of an image filled with fill_value: a number, one for each of 3 channels, or None for normal noise.

    factor: a probability is drawn from it for each image, from 0 to 1. scale: the box is the square root of a number
    drawn from it times as high as the image, and as wide by another. value_range: the noise is times its upper bound;
    what boxes are filled with is held within it.
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: None = None,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(seed, data_format, **base)
        self.factor, self.scale, self.fill_value, self.value_range = factor, scale, fill_value, value_range
        if isinstance(fill_value, (list, tuple)):
            if len(fill_value) != 3:
                raise ValueError(f"fill_value must be None, a number or three numbers, received {fill_value!r}")
            fill = [real(value, "fill_value") for value in fill_value]
        else:
            fill = [] if fill_value is None else [real(fill_value, "fill_value")]
        self._options = {
            "fill_count": len(fill),
            "factor": _range(factor, "factor", symmetric=False),
            "scale": _range(scale, "scale", symmetric=False),
            "fill_value": (*fill, *[0.0] * (3 - len(fill))),
            "value_range": _pair(value_range, "value_range"),
        }

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.random_erasing(node, self._options, name)
