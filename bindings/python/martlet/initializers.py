"""How weight arrays start, with Keras' names: each class stands for one kind of martlet_initializer.

fan_in and fan_out of a Dense kernel are its inputs I and outputs O. The numbers are drawn by the library from the
model's seed, so an initialiser takes no seed of its own: see utils.set_random_seed.
"""

from __future__ import annotations

from typing import Any

from ._check import real
from ._names import lookup, no_seed


class Initializer:
    """Base class. `kind` and `value` are what the library reads."""

    kind: int
    value: float = 0.0

    def __init__(self, seed: None = None) -> None:
        no_seed(type(self).__name__, seed)


class GlorotUniform(Initializer):
    """U(-l, l), l = sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010."""

    kind = 0


class GlorotNormal(Initializer):
    """Truncated normal, standard deviation sqrt(2 / (fan_in + fan_out)) after truncation at two of them."""

    kind = 1


class HeUniform(Initializer):
    """U(-l, l), l = sqrt(6 / fan_in). He et al. 2015."""

    kind = 2


class HeNormal(Initializer):
    """Truncated normal, standard deviation sqrt(2 / fan_in) after truncation at two of them."""

    kind = 3


class RandomNormal(Initializer):
    """N(0, stddev^2). ValueError for a mean other than 0."""

    kind = 4

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: None = None) -> None:
        super().__init__(seed)
        if mean != 0:
            raise ValueError(f"RandomNormal supports mean=0 only, received mean={mean!r}")
        self.value = real(stddev, "stddev")


class Zeros(Initializer):
    """0."""

    kind = 5

    def __init__(self) -> None:
        super().__init__()


class Constant(Initializer):
    """value."""

    kind = 6

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = real(value, "value")


class Ones(Constant):
    """1."""

    def __init__(self) -> None:
        super().__init__(1.0)


_NAMES = {
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "random_normal": RandomNormal,
    "zeros": Zeros,
    "constant": Constant,
    "ones": Ones,
}


def get(identifier: Any) -> Initializer:
    """The initialiser that a name, class or object stands for. ValueError lists the names."""
    return lookup(identifier, Initializer, _NAMES, "initializer")
