"""CIFAR-10 batches: the binary version (.bin, also .xz), and the Python version, a pickle.

A binary record has 3073 bytes: the label, then 1024 red, 1024 green and 1024 blue bytes, each plane row by row. The pickle
holds the same planes as an array, and the labels as a list.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import numpy as np

from .hdf5 import Contents, Part, check_labels, check_pairs, write
from .pickled import load_restricted

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS
_XZ_MAGIC = b"\xfd7zXZ\0"
_TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"


def read_cifar10_batch(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 32, 32, 3] uint8 and labels [N] uint8 of one batch file: .bin, .bin.xz or a pickle.

    ValueError names the file and what is wrong with it. A pickle may hold arrays, bytes, strings, numbers, lists and
    dictionaries; one that names anything else is refused with pickle.UnpicklingError, and nothing in it is run.
    """
    raw = Path(path).read_bytes()
    name = Path(path).name
    if raw[: len(_XZ_MAGIC)] == _XZ_MAGIC:
        try:
            raw, name = lzma.decompress(raw), Path(name).stem
        except lzma.LZMAError as error:
            raise ValueError(f"{path} is a damaged xz file: {error}") from error
    planes, labels = _binary(raw, path) if name.endswith(".bin") else _pickle(raw, path)
    check_pairs(planes, labels, path, path)
    check_labels(labels, len(CIFAR10_CLASSES), path)
    images = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.ascontiguousarray(labels)


def _binary(raw: bytes, path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    if len(raw) % _RECORD:
        raise ValueError(f"{path} is truncated: {len(raw)} bytes are no multiple of a record's {_RECORD}")
    records = np.frombuffer(raw, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:], records[:, 0]


def _pickle(raw: bytes, path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    batch = load_restricted(raw, path)
    if not isinstance(batch, dict):
        raise ValueError(f"{path} holds a {type(batch).__name__}; expected a dictionary with data and labels")
    entries = {key.decode("latin-1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    data, labels = entries.get("data"), entries.get("labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != _PIXELS:
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise ValueError(f"{path}: data is {found}; expected uint8 (N, {_PIXELS})")
    if not isinstance(labels, list) or not all(isinstance(n, int) and 0 <= n <= 255 for n in labels):
        raise ValueError(f"{path}: labels must be a list of numbers from 0 to 9")
    return data, np.array(labels, np.uint8)


def read_cifar10_set(
    folder: str | os.PathLike,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images [N, 32, 32, 3] and labels [N] uint8, for training and for the test, of the six files that cifar10 reads.

    The training set is the five batches in their order. FileNotFoundError: a file is missing. ValueError,
    pickle.UnpicklingError: as read_cifar10_batch.
    """
    batches = [read_cifar10_batch(_find(folder, name)) for name in _TRAINING]
    x_train, y_train = (np.concatenate(arrays) for arrays in zip(*batches))
    return (x_train, y_train), read_cifar10_batch(_find(folder, _TEST))


def cifar10(folder: str | os.PathLike, output: str | os.PathLike) -> None:
    """Convert CIFAR-10's five training batches and its test batch to HDF5.

    folder: holds data_batch_1 ... data_batch_5 and test_batch, each as .bin, .bin.xz or a pickle without ending. Images
    become x_train [50000, 32, 32, 3] and x_test uint8 with scale 1/255. FileNotFoundError, ValueError as
    read_cifar10_batch.
    """
    training, test = read_cifar10_set(folder)
    parts = [Part("_train", *training), Part("_test", *test)]
    source = "CIFAR-10 batches: " + ", ".join((*_TRAINING, _TEST))
    write(output, Contents(parts, "cifar-10", source, scale=1 / 255, class_names=CIFAR10_CLASSES))


def _find(folder: str | os.PathLike, name: str) -> Path:
    for ending in (".bin", ".bin.xz", ""):
        if (Path(folder) / (name + ending)).is_file():
            return Path(folder) / (name + ending)
    raise FileNotFoundError(f"{folder} has none of {name}.bin, {name}.bin.xz and {name}")
