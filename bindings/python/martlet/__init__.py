"""Martlet: neural networks trained by libmartlet, with Keras' vocabulary.

    import martlet

    hidden, output = martlet.layers.Dense(64, "relu"), martlet.layers.Dense(10, "softmax")
    model = martlet.Sequential([martlet.Input((784,)), hidden, output])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=5, validation_split=0.1)
    model.save("model.h5")

All computing is done by the library, which is found and loaded at the first use (martlet/_library.py). Errors are
MartletErrors that are also the built-in exception one would expect, such as ValueError.
"""

import importlib
from typing import Any

from . import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers, utils
from ._check import (
    BusyError,
    FileError,
    FormatError,
    InternalError,
    InterruptedTrainingError,
    InvalidArgumentError,
    InvalidStateError,
    MartletError,
    NotFiniteError,
    NotFoundError,
    OutOfMemoryError,
    StoppedError,
    UnsupportedError,
)
from ._runtime import instruction_set, library_path, set_threads, threads, version
from .callbacks import History
from .data import Dataset
from .models import Input, Model, Sequential, load_model
from .trainer import Metrics, Progress, Trainer

__version__ = "0.1.0"

_LATE_MODULES = ("applications", "convert", "datasets", "plot")


def __getattr__(name: str) -> Any:
    """Modules that most programs do not use are imported when first named: martlet.datasets.mnist.load_data()."""
    if name in _LATE_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BusyError",
    "Dataset",
    "FileError",
    "FormatError",
    "History",
    "Input",
    "InternalError",
    "InterruptedTrainingError",
    "InvalidArgumentError",
    "InvalidStateError",
    "MartletError",
    "Metrics",
    "Model",
    "NotFiniteError",
    "NotFoundError",
    "OutOfMemoryError",
    "Progress",
    "Sequential",
    "StoppedError",
    "Trainer",
    "UnsupportedError",
    "callbacks",
    "constraints",
    "initializers",
    "instruction_set",
    "layers",
    "library_path",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
    "set_threads",
    "threads",
    "utils",
    "version",
]
