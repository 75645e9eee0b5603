"""Turns a martlet_status into a Python exception, and checks what only Python can check.

Every status has its class, a MartletError that is also the built-in exception a Python programmer would catch. The
message is the library's own. Integers are checked here because ctypes would silently cut them to 64 bits.
"""

from __future__ import annotations

import operator
import re
from typing import Any

import numpy as np


class MartletError(Exception):
    """A call of the library failed; `status` is the number of the martlet_status, such as 1."""

    status = 0

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        if status is not None:
            self.status = status


class InvalidArgumentError(MartletError, ValueError):
    """An argument is out of range or does not fit the model or the data."""

    status = 1


class InvalidStateError(MartletError, RuntimeError):
    """The call is out of order, such as training a model that is not built."""

    status = 2


class BusyError(MartletError, RuntimeError):
    """Another thread, or the call that runs this callback, is using the object."""

    status = 3


class OutOfMemoryError(MartletError, MemoryError):
    """Memory for weights, data or buffers could not be had."""

    status = 4


class NotFoundError(MartletError, FileNotFoundError, LookupError):
    """No file, HDF5 object, layer or weight of that name."""

    status = 5


class FileError(MartletError, OSError):
    """Reading or writing failed: permission, full disk, damaged storage."""

    status = 6


class FormatError(MartletError, ValueError):
    """The file is not what it should be: not HDF5, truncated, inconsistent."""

    status = 7


class UnsupportedError(MartletError, NotImplementedError):
    """The file asks for a layer, option or type that this version does not have."""

    status = 8


class StoppedError(MartletError):
    """The progress callback stopped the call."""

    status = 9


class InterruptedTrainingError(MartletError):
    """Trainer.interrupt() was called."""

    status = 10


class NotFiniteError(MartletError, FloatingPointError):
    """The loss became NaN or infinite; the weights are those before that step."""

    status = 11


class InternalError(MartletError, RuntimeError):
    """A bug in the library; please report the message."""

    status = 12


OK = 0
_CLASSES: dict[int, type[MartletError]] = {c.status: c for c in MartletError.__subclasses__()}


def check(status: int) -> None:
    """Raise the exception of a status that is not MARTLET_OK, with the library's message."""
    if status != OK:
        raise exception(status)


def exception(status: int) -> MartletError:
    """The exception for the calling thread's last failure."""
    from ._library import library

    message = library().martlet_last_error().decode("utf-8", "replace")
    if not message:
        message = library().martlet_status_name(status).decode()
    return _CLASSES.get(status, MartletError)(in_python(message), status)


# What the library's messages advise, and what it is here.
_COUNTERPARTS = {
    "martlet_model_load_replacing, in Python ": "",
    "martlet_model_load_weights": "load_weights",
    "martlet_model_set_trainable": "trainable = False",
    "martlet_model_copy_submodel": "get_layer",
    "martlet_model_build": "build",
    "martlet_share_submodel": "another call of it",
    "martlet_trainer_backward": "backward",
    "martlet_trainer_forward": "forward",
}

# Alone, not in a path or the name of a file.
_ADVICE = re.compile(rf"(?<![\w/.-])(?:{'|'.join(_COUNTERPARTS)})(?:(?<= )|(?!\w|[/.-]\w))")


def in_python(message: str) -> str:
    """A message of the library with what to call here instead of functions of C."""
    return _ADVICE.sub(lambda match: _COUNTERPARTS[match[0]], message)


def integer(value: Any, name: str, minimum: int, maximum: int = 2**63 - 1) -> int:
    """value as an int within minimum ... maximum; TypeError or ValueError names the argument otherwise."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, received {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, received {value!r}") from None
    if not minimum <= number <= maximum:
        raise ValueError(f"{name} must be from {minimum} to {maximum}, received {number}")
    return number


def flag(value: Any, name: str) -> bool:
    """value as a bool, of Python or NumPy or as 0 or 1; TypeError or ValueError names the argument otherwise."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be True or False, received {value!r}") from None
    if number not in (0, 1):
        raise ValueError(f"{name} must be True or False, received {value!r}")
    return number == 1


def real(value: Any, name: str) -> float:
    """value as a float; its range is the library's to check. TypeError names the argument, for digits in text too."""
    try:
        if isinstance(value, (str, bytes, bytearray)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, received {value!r}") from None


def text(value: Any, name: str) -> bytes:
    """value as UTF-8 for the library; a NUL inside would cut it short there, so it is refused here."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, received {value!r}")
    if "\0" in value:
        raise ValueError(f"{name} must not contain a NUL character, received {value!r}")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name} is not valid Unicode: {value!r}") from None
