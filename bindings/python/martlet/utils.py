"""Seeds and one-hot labels, with Keras' names."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ._check import integer

_seeds = random.Random()


def set_random_seed(seed: int) -> None:
    """Make what follows repeatable: weights of models built, shuffling and dropout of models trained after this call.

    Also seeds Python's random and numpy.random, as Keras does. ValueError unless 0 <= seed < 2^32.
    """
    seed = integer(seed, "seed", 0, 2**32 - 1)
    _seeds.seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def next_seed() -> int:
    """A seed for a model or trainer that was given none."""
    return _seeds.getrandbits(64)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows: labels [...] of 0 ... C - 1 become [..., C] float32. C: num_classes, or the largest label + 1.

    A trailing dimension of 1 is dropped first, as Keras does. ValueError: a label out of range.
    """
    labels = np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    whole = labels.astype(np.int64)
    if labels.dtype.kind not in "biuf" or not np.array_equal(whole, labels):
        raise ValueError("to_categorical expects whole numbers")
    if num_classes is None:
        num_classes = int(whole.max()) + 1 if whole.size else 0
    num_classes = integer(num_classes, "num_classes", 0)
    if whole.size and not (0 <= whole.min() and whole.max() < num_classes):
        raise ValueError(f"labels must be from 0 to {num_classes - 1}, received {whole.min()} to {whole.max()}")
    one_hot = np.zeros((whole.size, num_classes), np.float32)
    one_hot[np.arange(whole.size), whole.reshape(-1)] = 1
    return one_hot.reshape(*whole.shape, num_classes)
