"""What is measured, as plain data: networks and how they are trained, shapes of products, sweeps; and their numbers.

Every process makes its weights and rows here, or reads them from files that were written here, so that all compute the
same. Nothing here knows who computes.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from images import ImageWorkload

# Small, so that the thousands of steps of a measurement do not end with rows learnt by heart: their gradients would
# underflow, and what is measured would be the speed of subnormal numbers.
LEARNING_RATE = {"sgd": 1e-3, "momentum": 1e-4, "adam": 1e-5}
MOMENTUM, BETA_1, BETA_2, EPSILON = 0.9, 0.9, 0.999, 1e-7

# So many first steps of training are compared with those of a reference.
CHECKED_STEPS = 3

# At least this many rows, and this many batches, are in memory: no batch is still in the L2 cache when it comes again.
LEAST_ROWS, LEAST_BATCHES = 2048, 4


@dataclass(frozen=True)
class Workload:
    """One network with ReLU between dense layers, softmax and cross-entropy at the end, and how it is trained.

    sizes: inputs, hidden units ..., classes. l2: the penalty l2 * sum W^2 of every kernel W, Keras' formula.
    rows_times: what all rows are multiplied by.
    """

    name: str
    sizes: tuple[int, ...]
    optimizer: str
    batch: int
    l2: float = 0.0
    rows_times: float = 1.0
    ends_in_softmax: ClassVar[bool] = True

    @property
    def network(self) -> str:
        """The sizes as one word, such as 784-360-10."""
        return "-".join(map(str, self.sizes))

    @property
    def layers(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes, self.sizes[1:]))

    @property
    def weight_count(self) -> int:
        """Elements of all kernels."""
        return sum(i * o for i, o in self.layers)

    @property
    def predict_flops(self) -> int:
        """Of one row: two per multiply-add of the products."""
        return 2 * self.weight_count

    @property
    def training_flops(self) -> int:
        """Of one row: X W, X^T dY, and dY W^T but for the first layer."""
        first = self.sizes[0] * self.sizes[1]
        return 2 * (3 * self.weight_count - first)

    @property
    def batches(self) -> int:
        return max(LEAST_BATCHES, -(-LEAST_ROWS // self.batch))

    @property
    def rows(self) -> int:
        return self.batches * self.batch

    @property
    def words(self) -> tuple[str | float, ...]:
        """How a request names network and training."""
        return self.network, self.optimizer, self.learning_rate, self.batch, self.rows, self.l2

    @property
    def learning_rate(self) -> float:
        return LEARNING_RATE[self.optimizer]

    def weights(self) -> list[np.ndarray]:
        """W [I, O], b [O] of each layer: He uniform, and zeros. The caller's own."""
        random = np.random.default_rng(len(self.sizes))
        arrays = []
        for i, o in self.layers:
            limit = np.float32(np.sqrt(6 / i))
            arrays += [(2 * random.random((i, o), np.float32) - 1) * limit, np.zeros(o, np.float32)]
        return arrays

    def inputs(self, count: int) -> np.ndarray:
        """x [count, I], as all workloads have them."""
        return rows(self.sizes[0], count)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x [rows, I] and labels [rows]."""
        x = self.inputs(self.rows) * np.float32(self.rows_times)
        return x, labels(self.sizes[-1], self.rows)

    @property
    def data_bytes(self) -> int:
        return self.rows * 4 * (self.sizes[0] + 1)


@functools.lru_cache(maxsize=2)
def rows(width: int, count: int) -> np.ndarray:
    """x [count, width], standard normal; fewer rows are the first of more."""
    return np.random.default_rng(width).standard_normal((count, width), np.float32)


def labels(classes: int, count: int) -> np.ndarray:
    """Classes [count] drawn with equal chances, int32."""
    return np.random.default_rng(classes).integers(classes, size=count, dtype=np.int32)


def parse(
    network: str, optimizer: str = "sgd", rate: str = "", batch: str = "1", count: str = "", l2: str = "0"
) -> Workload:
    """A workload from Workload.words, or from its network alone; rate and rows follow from the others."""
    return Workload(network, tuple(map(int, network.split("-"))), optimizer, int(batch), float(l2))


@contextlib.contextmanager
def files(workload: Workload | ImageWorkload, folder: Path) -> Iterator[None]:
    """While the context lasts, files for processes that are not Python, native float32 and int32: NETWORK.weights, all
    W and b one after another, which a network with a model file does not need; NETWORK.inputs and NETWORK.labels."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = workload.data()
    contents = {"weights": workload.weights(), "inputs": [x], "labels": [y]}
    paths = {suffix: folder / f"{workload.network}.{suffix}" for suffix in contents}
    try:
        for suffix, arrays in contents.items():
            with open(paths[suffix], "wb") as file:
                for array in arrays:
                    array.tofile(file)
        yield
    finally:
        for path in paths.values():
            path.unlink(missing_ok=True)


WORKLOADS = [
    Workload("seed1", (3072, 256, 10), "sgd", 8),
    Workload("seed1d", (3072, 1024, 128, 10), "sgd", 128),
    Workload("seed2-mom", (3072, 100, 50, 10), "momentum", 8),
    Workload("seed2-adam", (3072, 100, 50, 10), "adam", 8),
    Workload("seed3", (784, 360, 10), "sgd", 32),
    Workload("seed4", (3072, 900, 10), "sgd", 1000, l2=1e-7),
    Workload("seed5", (784, 392, 128, 10), "sgd", 100),
    Workload("wide", (784, 2048, 2048, 10), "adam", 256),
]

PREDICT_ROWS = (1, 256)

# Rows on which a step should take as long as on any other, as what ordinary ones are multiplied by.
CONTENTS = {"ordinary rows": 1.0, "zeros": 0.0, "subnormal rows": 1e-41}

# M, N, K of the product X W [M, K] [K, N] of one layer. fwd: that product; dw = X^T dY [K, N]; dx = dY W^T [M, K].
GEMM_SHAPES = [
    (8, 256, 3072),
    (100, 392, 784),
    (128, 1024, 3072),
    (256, 2048, 2048),
    (1000, 900, 3072),
    (2048, 2048, 2048),
]
GEMM_OPERATIONS = ("fwd", "dw", "dx")


def factors(m: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X [M, K], W [K, N], dY [M, N]. Small integers: every sum is exact in float32 in any order, so all results must be
    equal."""
    return filled((m, k), 13), filled((k, n), 7), filled((m, n), 11)


def operands(operation: str, m: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The two matrices whose product is asked for, transposed ones as views."""
    x, w, dy = factors(m, n, k)
    return {"fwd": (x, w), "dw": (x.T, dy), "dx": (dy, w.T)}[operation]


def filled(shape: tuple[int, int], modulus: int) -> np.ndarray:
    """Element i is i mod modulus, minus the middle."""
    i = np.arange(shape[0] * shape[1], dtype=np.int64)
    return (i % modulus - modulus // 2).astype(np.float32).reshape(shape)


def product_values(product: np.ndarray) -> list[float]:
    """What is compared of a product: first and last element and the sum."""
    return [float(product[0, 0]), float(product[-1, -1]), float(product.sum(dtype=np.float64))]


def powers(base: int, first: int, last: int) -> list[int]:
    values = [first]
    while values[-1] < last:
        values.append(values[-1] * base)
    return values


# How the cost grows: (axis of the picture, value there, workload).
SWEEPS: dict[str, Sequence[tuple[int, Workload]]] = {
    "width": [(w, Workload(f"width {w}", (784, w, w, 10), "sgd", 128)) for w in powers(2, 64, 8192)],
    "depth": [(d, Workload(f"depth {d}", (784, *[512] * d, 10), "sgd", 128)) for d in powers(2, 1, 32)],
    "batch": [(b, Workload(f"batch {b}", (784, 1024, 1024, 10), "sgd", b)) for b in powers(4, 1, 4096)],
}

# Bytes that the bandwidth is measured over: each level of the caches of today's processors, and memory.
WORKING_SETS = [1 << 15, 3 << 18, 3 << 20, 12 << 20, 24 << 20, 768 << 20]
