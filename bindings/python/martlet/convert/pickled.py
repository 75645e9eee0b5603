"""A pickle reader that can make plain Python values and NumPy arrays of numbers, and nothing else.

A pickle is a program: it names functions and calls them. Here a name is looked up in a table of stand-ins for the few
names that pickled arrays need; any other is refused by name. The stand-ins make the array themselves, from checked
bytes, so that not even NumPy's own constructors can be called with a file's arguments.
"""

from __future__ import annotations

import io
import math
import os
import pickle
from typing import Any

import numpy as np

_MAX_RANK = 8


class _Dtype:
    """Stands for numpy.dtype: a type code such as "u1"; the byte order comes with the state."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code = code.decode("latin-1") if isinstance(code, bytes) else code
        self.order = "|"

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        self.order = order.decode("latin-1") if isinstance(order, bytes) else str(order)

    def resolved(self) -> np.dtype:
        allowed = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
        if self.code not in allowed or self.order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"an array of type {self.code!r} is refused: expected numbers")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for an array that numpy's _reconstruct has made empty and whose state follows."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("an array with an unknown state is refused")
        _, shape, dtype, fortran, content = state
        self.value = _array(content, dtype, shape, "F" if fortran else "C")


def _array(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(dtype, _Dtype) or not isinstance(content, (bytes, bytearray)):
        raise pickle.UnpicklingError("an array that does not hold plain numbers is refused")
    if not isinstance(shape, tuple) or len(shape) > _MAX_RANK or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"an array of shape {shape!r} is refused")
    resolved = dtype.resolved()
    if math.prod(shape) * resolved.itemsize != len(content):
        raise pickle.UnpicklingError(f"an array of shape {shape} and {len(content)} bytes is refused")
    return np.frombuffer(content, resolved).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any) -> _Array:
    array = _Array()
    array.value = _array(content, dtype, shape, order)
    return array


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    # How Python 3 writes bytes into the old protocols that Python 2 reads.
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("text in an encoding other than Latin-1 is refused")
    return text.encode("latin-1")


def _ndarray(*_: Any) -> None:
    raise pickle.UnpicklingError("a direct call of numpy.ndarray is refused")


_STAND_INS = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _ndarray,
    ("_codecs", "encode"): _encode,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is refused: only arrays and plain values are read") from None


def load_restricted(content: bytes, name: str | os.PathLike) -> Any:
    """The value in a pickle. pickle.UnpicklingError names the file and what was refused; ValueError: not a pickle."""
    try:
        value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        return _plain(value)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"{name}: {error}") from None
    except RecursionError:
        raise pickle.UnpicklingError(f"{name}: values nested too deeply are refused") from None
    except Exception as error:  # a damaged pickle fails in any way
        raise ValueError(f"{name} is not a readable pickle: {type(error).__name__}: {error}") from None


def _plain(value: Any) -> Any:
    """value with the stand-ins for arrays replaced by the arrays, in dictionaries and lists."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
