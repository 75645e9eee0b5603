"""Turns published data files into HDF5 datasets that martlet.Dataset.open and martlet_dataset_open read.

    python -m martlet.convert idx FOLDER OUTPUT [--class-names mnist]
    python -m martlet.convert cifar10 FOLDER OUTPUT
    python -m martlet.convert csv FILE OUTPUT --label NAME
    python -m martlet.convert images FOLDER OUTPUT [--size WxH]

or, from a program, idx(), cifar10(), csv() and images(). For the arrays alone: read_idx_set() and read_cifar10_set() read
a folder (martlet.datasets finds it, too), read_idx() and read_cifar10_batch() one file. Needs h5py to write (extra
`convert`), Pillow for images (extra `images`), and neither libmartlet nor the network. Files are checked before anything
is written, and the output appears whole or not at all. Same input, same bytes.
"""

from .cifar10 import CIFAR10_CLASSES, cifar10, read_cifar10_batch, read_cifar10_set
from .idx import CLASS_NAMES, idx, read_idx, read_idx_set
from .images import images
from .table import csv

__all__ = [
    "CIFAR10_CLASSES",
    "CLASS_NAMES",
    "cifar10",
    "csv",
    "idx",
    "images",
    "read_cifar10_batch",
    "read_cifar10_set",
    "read_idx",
    "read_idx_set",
]
