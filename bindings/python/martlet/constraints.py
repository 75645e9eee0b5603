"""What weight arrays are held to after every update, with Keras' names: each class stands for one kind of martlet_constraint.

|w| = sqrt(sum w^2) over the constraint's axes. Axis 0, the default, is for a Dense kernel [I, O] the weights into each unit.
Ranges are checked by the library when the model is built: ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._check import integer, real
from ._names import lookup

_INT32 = 2**31


class Constraint:
    """No constraint, and base class of the others. The attributes are the members of a martlet_constraint."""

    kind: int = 0
    value: float = 0.0
    first_axis: int = 0
    last_axis: int = 0

    def _over(self, axis: int | Sequence[int]) -> None:
        axes = [integer(a, "axis", -_INT32, _INT32 - 1) for a in (axis if isinstance(axis, (list, tuple)) else [axis])]
        if not axes or axes != list(range(axes[0], axes[0] + len(axes))):
            raise ValueError(f"axis must be one axis or several adjacent ones in ascending order, received {axis!r}")
        self.first_axis, self.last_axis = axes[0], axes[-1]


class MaxNorm(Constraint):
    """w * min(|w|, max_value) / (|w| + 1e-7). ValueError: max_value < 0; an axis that the weight does not have."""

    kind = 1

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.value = real(max_value, "max_value")
        self._over(axis)


class NonNeg(Constraint):
    """max(w, 0)."""

    kind = 2


class UnitNorm(Constraint):
    """w / (|w| + 1e-7). ValueError: an axis that the weight does not have."""

    kind = 3

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self._over(axis)


_NAMES = {"max_norm": MaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm}

# Keras' other spellings of the classes.
max_norm, non_neg, unit_norm = MaxNorm, NonNeg, UnitNorm


def get(identifier: Any) -> Constraint:
    """The constraint that a name, class, object or None stands for; None is no constraint."""
    if identifier is None:
        return Constraint()
    return lookup(identifier, Constraint, _NAMES, "constraint")
