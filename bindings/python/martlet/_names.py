"""Keras lets a thing be given as an object, its class, or a name such as "he_normal"; this resolves the three."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from ._check import UnsupportedError

T = TypeVar("T")


def snake_case(name: str) -> str:
    """Keras' rule for names of classes: "LeakyReLU" is "leaky_re_lu", "GlorotUniform" is "glorot_uniform"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def lookup(identifier: Any, base: type[T], names: Mapping[str, type[T]], what: str) -> T:
    """identifier as an object of base. ValueError lists the names that there are."""
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, str):
        found = names.get(identifier) or names.get(snake_case(identifier))
        if found:
            return found()
    raise ValueError(f"Unknown {what}: {identifier!r}. Expected an object of martlet or one of: {', '.join(names)}")


INTERPOLATIONS = {"nearest": 0, "bilinear": 1}


def code(codes: Mapping[str, int], value: str, name: str) -> int:
    """The number of one of the values that an argument may have. ValueError lists them."""
    if not isinstance(value, str) or value not in codes:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, codes))}, received {value!r}")
    return codes[value]


def channels_last(layer: str, data_format: str | None) -> None:
    if data_format not in (None, "channels_last"):
        raise UnsupportedError(f"{layer} received data_format={data_format!r}; channels_last is supported")


def no_seed(what: str, seed: Any) -> None:
    """Refuse a seed where the model's or the trainer's own seed decides."""
    if seed is not None:
        raise ValueError(
            f"{what} takes no seed of its own (received {seed!r}): all randomness follows the model's seed. Call "
            "martlet.utils.set_random_seed first, or give seed= to the model."
        )
