"""Dropout, noise and a penalty on activations, with Keras' names."""

from __future__ import annotations

from typing import Any

from ._check import real
from ._engine import EngineModel
from ._layer import Layer
from ._names import channels_last, no_seed


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


class SpatialDropout2D(Layer):
    """Dropout of whole channels: all elements of a channel of a row share their fate. X [N, H, W, C].

    ValueError unless 0 <= rate < 1.
    """

    row_rank = 3

    def __init__(self, rate: float, seed: None = None, data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        no_seed(self.class_name, seed)
        channels_last(self.class_name, data_format)
        self.rate = real(rate, "rate")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.spatial_dropout(node, self.rate, name)


class SpatialDropout1D(SpatialDropout2D):
    """SpatialDropout2D for sequences: X [N, L, C]."""

    row_rank = 2


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
