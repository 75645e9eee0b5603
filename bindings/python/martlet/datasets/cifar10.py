"""CIFAR-10: photographs of ten kinds of things, 50000 for training and 10000 for the test, 32 x 32 pixels in colour."""

from __future__ import annotations

import os

from .. import convert
from ._folder import Arrays, load

CLASS_NAMES = convert.CIFAR10_CLASSES


def load_data(folder: str | os.PathLike | None = None) -> tuple[Arrays, Arrays]:
    """(x_train, y_train), (x_test, y_test): images [N, 32, 32, 3] and labels [N], uint8.

    Keras' function of this name gives labels [N, 1]; these are [N], as those of every set here and as Dataset takes them.

    folder: holds the six published files, of the binary or the Python version, plain or .xz, or a folder cifar-10 that
    does; None: the folder cifar-10 below the one that MARTLET_DATA names. FileNotFoundError: they are not there.
    ValueError: a file is damaged; pickle.UnpicklingError: a pickle (the Python version) holds more than arrays.
    """
    files = "data_batch_1 to data_batch_5 and test_batch (each as .bin, .bin.xz or without ending)"
    return load("cifar-10", files, convert.read_cifar10_set, folder)
