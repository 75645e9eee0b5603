"""Matrix products of libraries that a C program would link: oneDNN and OpenBLAS as the system has them."""

from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import c_char, c_float, c_int, c_int64, c_void_p

import numpy as np
import workloads

ROW_MAJOR, NOT_TRANSPOSED, TRANSPOSED = 101, 111, 112  # of CBLAS


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        path = ctypes.util.find_library(variant)
        if path is None:
            raise OSError(f"no lib{variant} on this system")
        self.library, self.variant, self.version = ctypes.CDLL(path), variant, path

    def gemm(self, operation: str, m: int, n: int, k: int):
        a, b = workloads.operands(operation, m, n, k)
        c = np.empty((a.shape[0], b.shape[1]), np.float32)
        (a_data, a_transposed, a_stride), (b_data, b_transposed, b_stride) = map(described, (a, b))
        sizes = c.shape[0], c.shape[1], a.shape[1]
        places = [c_void_p(array.ctypes.data) for array in (a_data, b_data, c)]
        one, zero = c_float(1), c_float(0)
        if self.variant == "dnnl":
            letters = [c_char(b"T" if transposed else b"N") for transposed in (a_transposed, b_transposed)]
            strides = c_int64(a_stride), c_int64(b_stride), c_int64(c.shape[1])
            given = *letters, *map(c_int64, sizes), one, places[0], strides[0], places[1], strides[1], zero
            function = self.library.dnnl_sgemm
        else:
            orders = [TRANSPOSED if transposed else NOT_TRANSPOSED for transposed in (a_transposed, b_transposed)]
            strides = c_int(a_stride), c_int(b_stride), c_int(c.shape[1])
            given = ROW_MAJOR, *orders, *sizes, one, places[0], strides[0], places[1], strides[1], zero
            function = self.library.cblas_sgemm

        self.arrays = a, b, c  # their addresses alone would not keep them

        def run(count: int) -> None:
            for _ in range(count):
                function(*given, places[2], strides[2])

        run(1)
        return workloads.product_values(c), run


def described(matrix: np.ndarray) -> tuple[np.ndarray, bool, int]:
    """The matrix as it lies in memory, whether it is that one transposed, and the distance of rows there."""
    transposed = not matrix.flags.c_contiguous
    stored = matrix.T if transposed else matrix
    return stored, transposed, stored.shape[1]
