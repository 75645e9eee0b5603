"""What is measured of networks for images, as plain data: workloads like those of workloads.py, whose networks come in
Keras' model files, which models.py writes."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import workloads

HERE = Path(__file__).resolve().parent

# Where processes find the model files.
FOLDER_VARIABLE = "MARTLET_BENCHMARK_MODELS"

# Every weight of a new network moves by about the rate in the first steps of Adam. With these each of them changes the
# loss by a fiftieth, though ResNet50 has 26 million weights.
LEARNING_RATE = {"cnn": 1e-5, "resnet50-32": 1e-7}

BATCHES = 4  # in memory


@dataclass(frozen=True)
class ImageWorkload:
    """A network that reads images [H, W, C], and what is measured of it.

    batch: of training with Adam and the cross-entropy of labels; 0, and it predicts only. predict_rows: how many images
    are predicted at once. asked: how many times as fast as the best peer Martlet should be, by what is measured.
    """

    name: str
    network: str
    shape: tuple[int, int, int]
    outputs: int
    batch: int = 0
    predict_rows: tuple[int, ...] = ()
    asked: Mapping[str, float] = field(default_factory=dict)
    ends_in_softmax: bool = True
    l2: float = 0.0
    optimizer: str = "adam"

    @property
    def file(self) -> Path:
        """The model file, in a process of a participant's."""
        return Path(os.environ[FOLDER_VARIABLE]) / f"{self.network}.h5"

    @property
    def learning_rate(self) -> float:
        return LEARNING_RATE[self.network]

    @property
    def batches(self) -> int:
        return BATCHES

    @property
    def rows(self) -> int:
        """Images in memory."""
        return self.batches * self.batch if self.batch else max(self.predict_rows)

    @property
    def words(self) -> tuple[str | float, ...]:
        """How a request names network and training."""
        return self.network, self.optimizer, self.learning_rate, self.batch, self.rows, self.l2

    def weights(self) -> list[np.ndarray]:
        """None beside those of the model file."""
        return []

    def inputs(self, count: int) -> np.ndarray:
        """x [count, H, W, C], standard normal; fewer are the first of more."""
        return workloads.rows(math.prod(self.shape), count).reshape(count, *self.shape)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x [rows, H, W, C] and labels [rows]."""
        return self.inputs(self.rows), workloads.labels(self.outputs, self.rows)


WORKLOADS = [
    ImageWorkload("cnn", "cnn", (32, 32, 3), 10, 64, (1, 256), {"training": 1.3}),
    ImageWorkload("resnet50-train", "resnet50-32", (32, 32, 3), 10, 32, (), {"training": 1.6}),
    ImageWorkload("resnet50-infer", "resnet50-224", (224, 224, 3), 1000, 0, (1, 8), {"predict": 1.1}),
    ImageWorkload("xception-feat", "xception-224", (224, 224, 3), 2048, 0, (1, 8), {"predict": 1.15}, False),
]
NETWORKS = {workload.network: workload for workload in WORKLOADS}

# What Martlet's process may need of the memory of PyTorch's, when both train the same.
ASKED_MEMORY, MEMORY_WORKLOAD = 0.7, "resnet50-train"


@dataclass(frozen=True)
class Convolution:
    """One shape: `batch` images [size, size, channels], `filters` windows [kernel, kernel] of all channels, or of one
    each (depthwise), between `padding` zeros on every side."""

    batch: int
    size: int
    channels: int
    filters: int
    kernel: int
    stride: int
    padding: int
    depthwise: bool

    @property
    def result(self) -> int:
        """Height and width of the result."""
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def words(self) -> tuple[int, ...]:
        """How a request names the shape."""
        sizes = self.batch, self.size, self.channels, self.filters, self.kernel, self.stride, self.padding
        return *sizes, int(self.depthwise)

    @property
    def name(self) -> str:
        what = "depthwise" if self.depthwise else str(self.filters)
        step = f", stride {self.stride}" if self.stride > 1 else ""
        return f"{self.batch}x{self.size}x{self.size}x{self.channels}, {what} {self.kernel}x{self.kernel}{step}"

    @property
    def flops(self) -> int:
        """Of each operation: two per multiply-add, those with padding too."""
        depth = 1 if self.depthwise else self.channels
        return 2 * self.batch * self.result**2 * self.filters * self.kernel**2 * depth

    @property
    def operations(self) -> tuple[str, ...]:
        """Images of three colours are the input of a network, which has no gradient."""
        return ("fwd", "dw") if self.channels == 3 else ("fwd", "dw", "dx")

    def factors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """X [N, H, W, C], W [K, K, C or 1, O], dY [N, H', W', O], small integers as in workloads.factors."""
        depth = 1 if self.depthwise else self.channels
        shapes = {
            13: (self.batch, self.size, self.size, self.channels),
            7: (self.kernel, self.kernel, depth, self.filters),
            11: (self.batch, self.result, self.result, self.filters),
        }
        x, w, dy = (workloads.filled((1, math.prod(s)), m).reshape(s) for m, s in shapes.items())
        return x, w, dy


def convolutions(workload: ImageWorkload, about: Mapping[str, Any]) -> list[Convolution]:
    """The distinct shapes of a network, as many images at once as the workload has."""
    batch = workload.batch or max(workload.predict_rows)
    return [Convolution(batch, *shape) for shape in about["convolutions"]]


class NoModels(Exception):
    """The model files cannot be written here."""


@contextlib.contextmanager
def models(chosen: Iterable[ImageWorkload], folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """While the context lasts, folder/NETWORK.h5 of each network; what models.py says of it, by network."""
    folder.mkdir(parents=True, exist_ok=True)
    networks = list(dict.fromkeys(workload.network for workload in chosen))
    # Keras computes in double with JAX only where that is allowed.
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1", FOLDER_VARIABLE: str(folder)}
    try:
        done = subprocess.run(
            [sys.executable, str(HERE / "models.py"), *networks], env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise NoModels((done.stderr.strip().splitlines() or ["?"])[-1])
        yield {network: json.loads((folder / f"{network}.json").read_text()) for network in networks}
    finally:
        for network in networks:
            for suffix in ("h5", "json"):
                (folder / f"{network}.{suffix}").unlink(missing_ok=True)
