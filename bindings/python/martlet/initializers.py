"""How weight arrays start, with Keras' names: each class stands for one kind of martlet_initializer.

fan_in and fan_out of a kernel are the sizes of its last two axes, of a Dense kernel its inputs I and outputs O, each times
the sizes of the axes before. A truncated normal is drawn again where it is more than two standard deviations from its
mean. The numbers are drawn by the library from the model's seed, so an initialiser takes no seed of its own: see
utils.set_random_seed. Ranges are checked by the library when the model is built: ValueError.
"""

from __future__ import annotations

from typing import Any

from ._check import real
from ._names import lookup, no_seed

_MODES = {"fan_in": 0, "fan_out": 1, "fan_avg": 2}
_DISTRIBUTIONS = {"truncated_normal": 0, "untruncated_normal": 1, "uniform": 2}


class Initializer:
    """Base class. The attributes are the members of a martlet_initializer."""

    kind: int
    mode: int = 0
    distribution: int = 0
    value: float = 0.0
    mean: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0

    def __init__(self, seed: None = None) -> None:
        no_seed(type(self).__name__, seed)


class GlorotUniform(Initializer):
    """U(-l, l), l = sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010."""

    kind = 0


class GlorotNormal(Initializer):
    """Truncated normal, standard deviation sqrt(2 / (fan_in + fan_out)) after truncation."""

    kind = 1


class HeUniform(Initializer):
    """U(-l, l), l = sqrt(6 / fan_in). He et al. 2015."""

    kind = 2


class HeNormal(Initializer):
    """Truncated normal, standard deviation sqrt(2 / fan_in) after truncation."""

    kind = 3


class LecunUniform(Initializer):
    """U(-l, l), l = sqrt(3 / fan_in). LeCun et al. 1998."""

    kind = 11


class LecunNormal(Initializer):
    """Truncated normal, standard deviation sqrt(1 / fan_in) after truncation."""

    kind = 12


class VarianceScaling(Initializer):
    """Mean 0 and variance scale / fan, the fan by mode: "fan_in", "fan_out" or "fan_avg", their mean.

    distribution: "truncated_normal" (also "normal"; the variance is that after truncation), "untruncated_normal" or
    "uniform". ValueError: an unknown name; scale <= 0.
    """

    kind = 10

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: None = None,
    ) -> None:
        super().__init__(seed)
        self.value = real(scale, "scale")
        if mode not in _MODES:
            raise ValueError(f"mode must be one of {', '.join(_MODES)}, received {mode!r}")
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"distribution must be one of {', '.join(_DISTRIBUTIONS)}, received {distribution!r}")
        self.mode, self.distribution = _MODES[mode], _DISTRIBUTIONS[distribution]


class RandomNormal(Initializer):
    """N(mean, stddev^2). ValueError: stddev < 0."""

    kind = 4

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: None = None) -> None:
        super().__init__(seed)
        self.mean, self.value = real(mean, "mean"), real(stddev, "stddev")


class TruncatedNormal(Initializer):
    """Truncated N(mean, stddev^2), stddev being that before truncation. ValueError: stddev < 0."""

    kind = 9

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: None = None) -> None:
        super().__init__(seed)
        self.mean, self.value = real(mean, "mean"), real(stddev, "stddev")


class RandomUniform(Initializer):
    """U(minval, maxval). ValueError: minval > maxval."""

    kind = 8

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: None = None) -> None:
        super().__init__(seed)
        self.minimum, self.maximum = real(minval, "minval"), real(maxval, "maxval")


class Orthogonal(Initializer):
    """gain * Q, Q uniformly random with orthonormal columns, or rows if those are fewer. Saxe et al. 2014.

    Its columns are the array's last axis. ValueError: an array of 1 dimension; gain 0.
    """

    kind = 13

    def __init__(self, gain: float = 1.0, seed: None = None) -> None:
        super().__init__(seed)
        self.value = real(gain, "gain")


class Identity(Initializer):
    """gain * the identity matrix. ValueError: an array that is no matrix; gain 0."""

    kind = 14

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.value = real(gain, "gain")


class Zeros(Initializer):
    """0."""

    kind = 5

    def __init__(self) -> None:
        super().__init__()


class Ones(Initializer):
    """1."""

    kind = 7

    def __init__(self) -> None:
        super().__init__()


class Constant(Initializer):
    """value."""

    kind = 6

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = real(value, "value")


_NAMES = {
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "variance_scaling": VarianceScaling,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "random_uniform": RandomUniform,
    "orthogonal": Orthogonal,
    "identity": Identity,
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
}
_ALIASES = {"normal": RandomNormal, "uniform": RandomUniform, "zero": Zeros, "one": Ones}

# Keras' other spellings of the classes.
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
variance_scaling, orthogonal, identity = VarianceScaling, Orthogonal, Identity
random_normal, truncated_normal, random_uniform = RandomNormal, TruncatedNormal, RandomUniform
zeros, ones, constant = Zeros, Ones, Constant


def get(identifier: Any) -> Initializer:
    """The initialiser that a name, class or object stands for. ValueError lists the names."""
    if isinstance(identifier, str) and identifier in _ALIASES:
        return _ALIASES[identifier]()
    return lookup(identifier, Initializer, _NAMES, "initializer")
