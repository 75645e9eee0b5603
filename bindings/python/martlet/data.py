"""Dataset: inputs with targets, from NumPy arrays or from an HDF5 file."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from ctypes import byref, c_int32, c_int64
from typing import Any

import numpy as np

from . import _arrays
from ._check import check, integer, real
from ._engine import optional_text, path_text, read_names, read_shape, string_array
from ._library import DatasetHandle, library

_SEED_MAXIMUM = 2**64 - 1


def statistics_count(axis: Any, row_shape: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """How many statistics Keras' `axis` asks for, and their shape.

    None: one for all elements. -1 (or the last axis): one per channel. Every axis but the first, such as (1, 2, 3):
    one per element of a row, a mean image. Anything else is a ValueError.
    """
    rank = len(row_shape)
    if axis is None:
        return 1, ()
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    positive = sorted(int(a) % (rank + 1) if -rank - 1 <= int(a) <= rank else -1 for a in axes)
    if rank and positive == list(range(1, rank + 1)):
        return int(np.prod(row_shape)), tuple(row_shape)
    if rank and positive == [rank]:
        return int(row_shape[-1]), (int(row_shape[-1]),)
    raise ValueError(
        f"axis={axis!r} is not supported for rows of shape {tuple(row_shape)}: expected None (one mean), -1 (one per "
        f"channel) or {tuple(range(1, rank + 1))} (one per element)"
    )


class Dataset:
    """Inputs x [N, ...] and targets y: integer labels [N] or numbers [N, O]. One of them may be None.

    Contiguous arrays of a supported type are used in place: do not change them while the dataset is in use.

        train = martlet.Dataset(x_train, y_train, scale=1 / 255, class_names=["cat", "dog"])
        train, validation = train.split(0.1, seed=0)

    zip makes one with several x or y, for models with several inputs or outputs.

    Raises ValueError for arrays that do not fit each other.
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        *,
        scale: float = 1.0,
        offset: float = 0.0,
        class_names: Sequence[str] | None = None,
    ) -> None:
        inputs = None if x is None else _arrays.supported(x, "x")
        targets = None if y is None else _arrays.supported(y, "y")
        described = [None if a is None else byref(_arrays.described(a)) for a in (inputs, targets)]
        handle = DatasetHandle()
        check(library().martlet_dataset_create(*described, 0, byref(handle)))
        self._adopt(handle, (inputs, targets))
        if scale != 1.0 or offset != 0.0:
            self.set_scaling(scale, offset)
        if class_names is not None:
            self.class_names = class_names

    def _adopt(self, handle: DatasetHandle, arrays: Sequence[Any]) -> None:
        self.handle = handle
        self._arrays = list(arrays)
        # The finalizer holds the borrowed arrays: they live until the library has let them go.
        weakref.finalize(self, lambda h, _arrays: library().martlet_dataset_destroy(h), handle, self._arrays)

    @classmethod
    def _from_handle(cls, handle: DatasetHandle, arrays: Sequence[Any] = ()) -> Dataset:
        dataset = cls.__new__(cls)
        dataset._adopt(handle, arrays)
        return dataset

    @classmethod
    def open(cls, path: str | os.PathLike, x: str | None = "x_train", y: str | None = "y_train") -> Dataset:
        """Read a dataset from an HDF5 file: x and y are the paths of the arrays in it, one may be None for none.

        The attributes "scale" and "offset" of x and "class_names" of y are used when present; martlet.convert writes
        them. Raises NotFoundError (a FileNotFoundError), FileError, FormatError, UnsupportedError.
        """
        handle = DatasetHandle()
        names = optional_text(x, "x"), optional_text(y, "y")
        check(library().martlet_dataset_open(path_text(path), *names, byref(handle)))
        return cls._from_handle(handle)

    @classmethod
    def zip(cls, datasets: Sequence[Dataset]) -> Dataset:
        """Datasets side by side: the x of all in their order, then the y of all; row i is row i of each.

        Each x keeps its scaling; the class names are those of the first that has some. ValueError: different numbers of
        rows, or more than one with sample weights.
        """
        for dataset in datasets:
            if not isinstance(dataset, Dataset):
                raise TypeError(f"zip expects a list of Datasets, received {dataset!r}")
        handle = DatasetHandle()
        handles = (DatasetHandle * len(datasets))(*(dataset.handle for dataset in datasets))
        check(library().martlet_dataset_zip(handles, len(datasets), byref(handle)))
        return cls._from_handle(handle, tuple(dataset._arrays for dataset in datasets))

    def rows(self, begin: int, end: int) -> Dataset:
        """Rows begin <= row < end, sharing the arrays. ValueError unless 0 <= begin < end <= N."""
        handle = DatasetHandle()
        bounds = integer(begin, "begin", -(2**63)), integer(end, "end", -(2**63))
        check(library().martlet_dataset_rows(self.handle, *bounds, byref(handle)))
        return self._from_handle(handle, self._arrays)

    def split(self, fraction: float, shuffle: bool = True, seed: int = 0) -> tuple[Dataset, Dataset]:
        """The rows before, and the last round(N * fraction) rows; with shuffle, of a random order given by seed."""
        first, second = DatasetHandle(), DatasetHandle()
        share, order = real(fraction, "fraction"), integer(seed, "seed", 0, _SEED_MAXIMUM)
        check(
            library().martlet_dataset_split(self.handle, share, int(bool(shuffle)), order, byref(first), byref(second))
        )
        return self._from_handle(first, self._arrays), self._from_handle(second, self._arrays)

    def __len__(self) -> int:
        length = c_int64()
        check(library().martlet_dataset_length(self.handle, byref(length)))
        return length.value

    def __getitem__(self, rows: slice) -> Dataset:
        if not isinstance(rows, slice):
            raise TypeError("a Dataset is cut with a slice, such as dataset[:1000]")
        begin, end, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"a Dataset is cut in steps of 1, received {step}")
        return self.rows(begin, end)

    @property
    def x_shapes(self) -> list[tuple[int, ...]]:
        """Shape of one row of each x."""
        return self._shapes(library().martlet_dataset_x_count, library().martlet_dataset_x_shape)

    @property
    def y_shapes(self) -> list[tuple[int, ...]]:
        """Shape of one row of each y; () for labels [N]."""
        return self._shapes(library().martlet_dataset_y_count, library().martlet_dataset_y_shape)

    def _shapes(self, count_function: Callable, shape_function: Callable) -> list[tuple[int, ...]]:
        count = c_int32()
        check(count_function(self.handle, byref(count)))
        return [read_shape(shape_function, self.handle, index) for index in range(count.value)]

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of one row of the first x. NotFoundError if there is no x."""
        return read_shape(library().martlet_dataset_x_shape, self.handle, 0)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of one row of the first y; () for labels [N]. NotFoundError if there is no y."""
        return read_shape(library().martlet_dataset_y_shape, self.handle, 0)

    def set_sample_weights(self, weights: Any) -> None:
        """Multiply the losses of the rows by weights [N]; None: no longer. Used in place, as x and y are."""
        array = None if weights is None else _arrays.supported(weights, "weights")
        described = None if array is None else byref(_arrays.described(array))
        check(library().martlet_dataset_set_sample_weights(self.handle, described, 0))
        self._arrays.append(array)

    def set_scaling(self, scale: float, offset: float = 0.0) -> None:
        """Feed x * scale + offset instead of x, such as scale 1/255 for 8-bit images."""
        check(library().martlet_dataset_set_scaling(self.handle, real(scale, "scale"), real(offset, "offset")))

    def statistics(self, axis: Any = -1) -> tuple[np.ndarray, np.ndarray]:
        """Mean and population variance of x after scaling, float32.

        axis: as in layers.Normalization; -1 one per channel, None one for all, (1, 2, 3) one per element.
        """
        count, shape = statistics_count(axis, self.x_shape)
        mean, variance = np.empty(count, np.float32), np.empty(count, np.float32)
        check(library().martlet_dataset_statistics(self.handle, count, mean.ctypes.data, variance.ctypes.data))
        return mean.reshape(shape), variance.reshape(shape)

    @property
    def class_names(self) -> list[str]:
        """What the integer labels 0, 1, ... stand for; empty if not set."""
        functions = library().martlet_dataset_class_count, library().martlet_dataset_class_name
        return read_names(*functions, self.handle)

    @class_names.setter
    def class_names(self, names: Sequence[str]) -> None:
        check(library().martlet_dataset_set_class_names(self.handle, len(names), string_array(names, "class_names")))
