"""Where the files of a data set are, and what to say when they are not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import convert

Arrays = tuple[np.ndarray, np.ndarray]
_VARIABLE = "MARTLET_DATA"
_IDX_FILES = (
    "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz "
    "(or without .gz)"
)


def load_idx(name: str, class_names: tuple[str, ...], folder: str | os.PathLike | None) -> tuple[Arrays, Arrays]:
    """The four IDX files of MNIST or a set like it."""
    return load(name, _IDX_FILES, lambda path: convert.read_idx_set(path, class_names), folder)


def load(
    name: str, files: str, read: Callable[[Path], tuple[Arrays, Arrays]], folder: str | os.PathLike | None
) -> tuple[Arrays, Arrays]:
    """What `read` makes of the set's folder. name: its folder's name among others; files: what it holds, for errors."""
    try:
        return read(_find(name, folder))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{name} was not found: {error}. Expected are the published files {files}, in the folder given to load_data "
            f"or its folder {name}, else in the folder {name} of the one that the environment variable {_VARIABLE} "
            "names. Nothing is downloaded"
        ) from None


def _find(name: str, folder: str | os.PathLike | None) -> Path:
    """The folder of one set. Only a folder given for this very set may hold the files itself: those of MNIST and
    Fashion-MNIST have the same names, and one variable for all would give one for the other."""
    if folder is not None:
        below = Path(folder) / name
        return below if below.is_dir() else Path(folder)
    named = os.environ.get(_VARIABLE)
    if not named:
        raise FileNotFoundError(f"no folder was given, and {_VARIABLE} is not set")
    return Path(named) / name
