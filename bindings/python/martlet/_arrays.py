"""NumPy arrays to and from the library's martlet_array.

A C-contiguous array of uint8, int32, int64, float32 or float64 is passed as it is, without a copy. Every other
layout and number type is converted to one of these that holds its values; what cannot be is a ValueError.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._library import Array

_CODES = {
    np.dtype(np.uint8): 1,
    np.dtype(np.int32): 2,
    np.dtype(np.int64): 3,
    np.dtype(np.float32): 4,
    np.dtype(np.float64): 5,
}

# The type that takes over the values of one the library does not read. float16 and wider floats end as float32 in
# the library in any case.
_CONVERSIONS = {
    "b1": np.uint8,
    "i1": np.int32,
    "i2": np.int32,
    "u2": np.int32,
    "u4": np.int64,
    "u8": np.int64,
    "f2": np.float32,
}


def supported(value: Any, name: str) -> np.ndarray:
    """value as a C-contiguous array of a type the library reads; the same memory if it is one already.

    name: the argument's name, for messages. ValueError: ragged lists, text, complex numbers, objects; no rows.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be read as an array: {error}") from None
    if array.ndim == 0:
        raise ValueError(f"{name} must be an array [N, ...], received the single value {value!r}")
    native = array.dtype.newbyteorder("=")
    if native not in _CODES:
        array = _converted(array, name)
        native = array.dtype
    if array.flags.c_contiguous and array.dtype == native:
        return array
    return np.ascontiguousarray(array, dtype=native)


def _converted(array: np.ndarray, name: str) -> np.ndarray:
    kind = array.dtype.kind + str(array.dtype.itemsize)
    if kind in _CONVERSIONS:
        if kind == "u8" and array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise ValueError(f"{name} holds {int(array.max())}, which does not fit a 64-bit signed integer")
        return array.astype(_CONVERSIONS[kind])
    if array.dtype.kind == "f":
        return array.astype(np.float64)
    raise ValueError(f"{name} has dtype {array.dtype}; expected numbers (bool, integer or floating point)")


def described(array: np.ndarray) -> Array:
    """The martlet_array of an array from `supported`; the array must outlive it."""
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    return Array(array.ctypes.data, shape, array.ndim, _CODES[array.dtype])


def all_described(arrays: Sequence[np.ndarray]) -> ctypes.Array:
    """The martlet_arrays of several, one after another."""
    return (Array * len(arrays))(*map(described, arrays))


def floats(value: Any, name: str) -> np.ndarray:
    """value as a C-contiguous float32 array, for weights and gradients."""
    array = supported(value, name) if np.ndim(value) else np.asarray(value)
    return np.ascontiguousarray(array, dtype=np.float32)


def labels(y: np.ndarray, name: str = "y") -> np.ndarray:
    """Class labels [N] or [N, 1] that came as floats, as the integers that they stand for; others unchanged."""
    if y.dtype.kind != "f" or y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1):
        return y
    whole = np.isfinite(y) & (y == np.floor(y)) & (np.abs(y) < 2**53)
    if not whole.all():
        row = int(np.argmin(whole.reshape(-1)))
        raise ValueError(f"{name}[{row}] is {y.reshape(-1)[row]}; class labels are whole numbers")
    return y.astype(np.int64)
