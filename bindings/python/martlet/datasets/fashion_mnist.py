"""Fashion-MNIST: items of clothing, 60000 for training and 10000 for the test, 28 x 28 pixels, 0 background."""

from __future__ import annotations

import os

from .. import convert
from ._folder import Arrays, load_idx

CLASS_NAMES = convert.CLASS_NAMES["fashion-mnist"]


def load_data(folder: str | os.PathLike | None = None) -> tuple[Arrays, Arrays]:
    """(x_train, y_train), (x_test, y_test): images [N, 28, 28] and labels [N], uint8; Keras' function of this name.

    folder: holds the four published IDX files, .gz or plain, or a folder fashion-mnist that does; None: the folder
    fashion-mnist below the one that MARTLET_DATA names. FileNotFoundError: they are not there. ValueError: a file is
    damaged.
    """
    return load_idx("fashion-mnist", CLASS_NAMES, folder)
