"""Writes a dataset file: arrays with the attributes that the library reads.

/x_train, /y_train, /x_test, /y_test, or /x and /y. On x: scale and offset (float64), to be applied as x * scale +
offset. On y: class_names (UTF-8 strings), what the labels 0, 1, ... stand for. On the file: title and source.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Part:
    """Inputs x [N, ...] and targets y [N] or [N, O] under a suffix: "_train", "_test" or ""."""

    suffix: str
    x: np.ndarray
    y: np.ndarray


@dataclass
class Contents:
    """What one file holds."""

    parts: list[Part]
    title: str
    source: str
    scale: float | None = None
    offset: float = 0.0
    class_names: Sequence[str] = field(default_factory=tuple)


def write(path: str | os.PathLike, contents: Contents) -> None:
    """Write a dataset file, whole or not at all. ImportError without h5py; OSError if it cannot be written."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("writing HDF5 needs h5py: pip install h5py") from error

    text = h5py.string_dtype("utf-8")
    with _replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["title"] = contents.title
        file.attrs["source"] = contents.source
        for part in contents.parts:
            # No times of creation: same input, same bytes.
            x = file.create_dataset("x" + part.suffix, data=part.x, track_times=False)
            y = file.create_dataset("y" + part.suffix, data=part.y, track_times=False)
            if contents.scale is not None:
                x.attrs["scale"] = np.float64(contents.scale)
                x.attrs["offset"] = np.float64(contents.offset)
            if contents.class_names:
                y.attrs.create("class_names", np.array(list(contents.class_names), dtype=object), dtype=text)


@contextlib.contextmanager
def _replacing(path: str | os.PathLike) -> Iterator[str]:
    """A temporary name in the same folder, moved to path once it is on the disk, removed after an error."""
    path = os.path.realpath(os.fspath(path))
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} to write {os.path.basename(path)!r} in")
    _refuse_other_files(path)
    handle, temporary = tempfile.mkstemp(prefix=".martlet-", suffix=".h5", dir=folder)
    os.close(handle)
    try:
        yield temporary
        os.chmod(temporary, _mode(path))
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _refuse_other_files(path: str) -> None:
    """FileExistsError if path holds something that is not HDF5: somebody named the source as the output."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        beginning = file.read(8)
        if beginning not in (b"", b"\x89HDF\r\n\x1a\n"):
            raise FileExistsError(f"{path!r} exists and is not an HDF5 file; it is not replaced")


def _mode(path: str) -> int:
    """Permissions of the file that is replaced, else those of any new file."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def check_pairs(x: np.ndarray, y: np.ndarray, x_name: Any, y_name: Any) -> None:
    """ValueError unless there is one label for each row."""
    if len(x) != len(y):
        raise ValueError(f"{x_name} holds {len(x)} images, but {y_name} holds {len(y)} labels")
    if len(x) == 0:
        raise ValueError(f"{x_name} holds no images")


def check_labels(y: np.ndarray, count: int, name: Any) -> None:
    """ValueError for a label that has no class name."""
    if count and int(y.max()) >= count:
        row = int(np.argmax(y >= count))
        raise ValueError(f"{name}: label {int(y[row])} of row {row} has no class name; there are {count}")
