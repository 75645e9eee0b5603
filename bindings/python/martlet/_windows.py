"""Arguments of layers that look at images through windows."""

from __future__ import annotations

from collections.abc import Sequence

from ._check import integer

PADDINGS = {"valid": 0, "same": 1, "causal": 2}


def padding_code(padding: str, rank: int) -> int:
    names = [name for name in PADDINGS if rank == 1 or name != "causal"]
    if not isinstance(padding, str) or padding.lower() not in names:
        raise ValueError(f"padding must be one of {', '.join(map(repr, names))}, received {padding!r}")
    return PADDINGS[padding.lower()]


def integers(values: Sequence[int], name: str, minimum: int) -> tuple[int, ...]:
    if isinstance(values, int):
        raise TypeError(f"{name} must be a tuple such as ({values},), received {values!r}")
    return tuple(integer(n, name, minimum) for n in values)


def window_sizes(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """One integer for all axes, or one for each."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} of them, received {value!r}")
    return tuple(integer(n, name, 1) for n in values)
