"""Penalties that are added to the loss for one weight array W: l1 * sum |W| + l2 * sum W^2, with Keras' names."""

from __future__ import annotations

from typing import Any

from ._check import real
from ._names import lookup


class L1L2:
    """l1 * sum |W| + l2 * sum W^2. Both must be finite and >= 0; the library checks that when the model is built."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = real(l1, "l1"), real(l2, "l2")


class L1(L1L2):
    """l1 * sum |W|."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """l2 * sum W^2."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


def l1(l1: float = 0.01) -> L1:
    """Keras' older spelling of L1."""
    return L1(l1)


def l2(l2: float = 0.01) -> L2:
    """Keras' older spelling of L2."""
    return L2(l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Keras' older spelling of L1L2."""
    return L1L2(l1, l2)


def get(identifier: Any) -> L1L2:
    """The regulariser that a name, class, object or None stands for; None is no penalty."""
    if identifier is None:
        return L1L2()
    if identifier == "l1_l2":  # the function's defaults, not the class's
        return l1_l2()
    return lookup(identifier, L1L2, {"l1": L1, "l2": L2, "l1_l2": L1L2, "l1l2": L1L2}, "regularizer")
