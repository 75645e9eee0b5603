"""MNIST's IDX format, plain or gzip: big-endian, a magic number 0 0 TYPE RANK, RANK sizes, then the elements."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .hdf5 import Contents, Part, check_labels, check_pairs, write

# What the labels 0 ... 9 stand for, by the name of the set.
CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
}  # fmt: skip

_UNSIGNED_BYTES = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def read_idx(path: str | os.PathLike, rank: int | None = None) -> np.ndarray:
    """The array of unsigned bytes in an IDX file, plain or gzip: images [N, H, W] or labels [N].

    rank: how many dimensions there must be. ValueError names the file and what is wrong with it.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(f"{path} is not an IDX file: it begins with {content[:4].hex() or 'nothing'}")
    kind, found = content[2], content[3]
    if kind != _UNSIGNED_BYTES:
        raise ValueError(f"{path} has IDX elements of type 0x{kind:02x}; expected 0x08, unsigned bytes")
    if found == 0 or (rank is not None and found != rank):
        what = {1: "labels (magic number 2049)", 3: "images (magic number 2051)"}.get(rank or 0, "an array")
        raise ValueError(f"{path} has magic number {kind * 256 + found}, an array of rank {found}; expected {what}")
    start = 4 + 4 * found
    if len(content) < start:
        raise ValueError(f"{path} is truncated: {len(content)} bytes, its head alone needs {start}")
    shape = struct.unpack(f">{found}I", content[4:start])
    expected = start + math.prod(shape)  # Python's integers: sizes from a file must not overflow
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "longer than it says"
        raise ValueError(f"{path} is {state}: shape {shape} needs {expected} bytes, the file has {len(content)}")
    return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(shape)  # a copy that can be written to


def _content(path: str | os.PathLike) -> bytes:
    raw = Path(path).read_bytes()
    if raw[:2] != _GZIP_MAGIC:
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def read_idx_set(
    folder: str | os.PathLike, class_names: Sequence[str] = ()
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images [N, H, W] and labels [N] uint8, for training and for the test, of the four files that idx reads.

    class_names: if given, every label must have one. FileNotFoundError: a file is missing. ValueError: a file is not
    what it should be.
    """
    sets = []
    for suffix in ("_train", "_test"):
        images, labels = _find(folder, _NAMES["x" + suffix]), _find(folder, _NAMES["y" + suffix])
        x, y = read_idx(images, 3), read_idx(labels, 1)
        check_pairs(x, y, images, labels)
        check_labels(y, len(class_names), labels)
        sets.append((x, y))
    return sets[0], sets[1]


def idx(
    folder: str | os.PathLike,
    output: str | os.PathLike,
    class_names: str | Sequence[str] = (),
    title: str | None = None,
) -> None:
    """Convert the four files of MNIST, Fashion-MNIST or a set like them to HDF5.

    folder: holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte,
    plain or with .gz. class_names: "mnist", "fashion-mnist", or the names themselves. Images become x_train and x_test
    [N, H, W] uint8 with scale 1/255. FileNotFoundError: a file is missing. ValueError: a file is not what it should be.
    """
    names = CLASS_NAMES.get(class_names) if isinstance(class_names, str) else tuple(class_names)
    if names is None:
        raise ValueError(f"Unknown class names: {class_names!r}. Expected {', '.join(CLASS_NAMES)} or a list")
    training, test = read_idx_set(folder, names)
    parts = [Part("_train", *training), Part("_test", *test)]
    if title is None:
        title = class_names if isinstance(class_names, str) else Path(folder).resolve().name
    source = "IDX files: " + ", ".join(_NAMES.values())
    write(output, Contents(parts, title, source, scale=1 / 255, class_names=names))


def _find(folder: str | os.PathLike, name: str) -> Path:
    # Some copies have a dot before "idx".
    for candidate in (name, name + ".gz", name.replace("-idx", ".idx"), name.replace("-idx", ".idx") + ".gz"):
        if (Path(folder) / candidate).is_file():
            return Path(folder) / candidate
    raise FileNotFoundError(f"{folder} has neither {name} nor {name}.gz")
