"""Training and prediction written by hand with NumPy: in float32 a peer, in float64 what all peers are held against."""

from __future__ import annotations

import numpy as np
import workloads
from images import Convolution
from workloads import Workload


class Network:
    """Weights and optimiser state of one workload, in any float type."""

    def __init__(self, workload: Workload, dtype: type = np.float32) -> None:
        self.workload = workload
        self.weights = [array.astype(dtype) for array in workload.weights()]
        slots = {"sgd": 0, "momentum": 1, "adam": 2}[workload.optimizer]
        self.slots = [[np.zeros_like(array) for array in self.weights] for _ in range(slots)]
        self.steps = 0

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """x, the output of each hidden layer, and the probabilities."""
        values = [x]
        for w, b in zip(self.weights[0::2], self.weights[1::2]):
            z = values[-1] @ w
            z += b
            values.append(z)
            if len(values) < len(self.workload.sizes):
                np.maximum(z, 0, out=z)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        return values

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        p = self.activations(x)[-1]
        penalty = sum(float(np.sum(w * w)) for w in self.weights[0::2]) if self.workload.l2 else 0.0
        return float(-np.log(p[np.arange(len(y)), y]).mean()) + self.workload.l2 * penalty

    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        values = self.activations(x)
        dz = values.pop()
        dz[np.arange(len(y)), y] -= 1
        dz /= len(y)
        gradients: list[np.ndarray] = []
        for layer in reversed(range(len(values))):
            w, a = self.weights[2 * layer], values[layer]
            dw = a.T @ dz
            if self.workload.l2:
                dw += 2 * self.workload.l2 * w
            gradients[:0] = [dw, dz.sum(axis=0)]
            if layer:
                dz = (dz @ w.T) * (a > 0)
        self.update(gradients)

    def update(self, gradients: list[np.ndarray]) -> None:
        """Apply the gradients, which are used up: arrays as large as the weights are not made for every term."""
        rate = self.workload.learning_rate
        self.steps += 1
        if self.workload.optimizer == "sgd":
            for w, g in zip(self.weights, gradients):
                g *= rate
                w -= g
        elif self.workload.optimizer == "momentum":
            for w, g, m in zip(self.weights, gradients, *self.slots):
                m *= workloads.MOMENTUM
                g *= rate
                m -= g
                w += m
        else:
            beta_1, beta_2, t = workloads.BETA_1, workloads.BETA_2, self.steps
            corrected = rate * float(np.sqrt(1 - beta_2**t)) / (1 - beta_1**t)
            for w, g, m, v in zip(self.weights, gradients, *self.slots):
                m *= beta_1
                m += (1 - beta_1) * g
                np.square(g, out=g)
                g *= 1 - beta_2
                v *= beta_2
                v += g
                np.sqrt(v, out=g)
                g += workloads.EPSILON
                np.divide(m, g, out=g)
                g *= corrected
                w -= g


def losses(network: Network, steps: int) -> list[float]:
    """Of the first batch, before each of `steps` steps on it."""
    batch = network.workload.batch
    x, y = (array[:batch] for array in network.workload.data())
    x = x.astype(network.weights[0].dtype)
    values = []
    for _ in range(steps):
        values.append(network.loss(x, y))
        network.step(x, y)
    return values


def probabilities(workload: Workload) -> list[float]:
    """Of the first row, in double."""
    x = workload.inputs(1).astype(np.float64)
    return Network(workload, np.float64).activations(x)[-1][0].tolist()


def convolution_values(operation: str, shape: Convolution) -> list[float]:
    """What is compared of a convolution: a product for each place in the window. Sums of small integers are exact."""
    x, w, dy = shape.factors()
    before, size, stride = shape.padding, shape.size, shape.stride
    x = np.pad(x, ((0, 0), (before, before), (before, before), (0, 0)))
    y, dx, dw = np.zeros_like(dy), np.zeros_like(x), np.zeros_like(w)
    extent = (shape.result - 1) * stride + 1
    for place in np.ndindex(shape.kernel, shape.kernel):
        rows, columns = (slice(start, start + extent, stride) for start in place)
        seen = np.s_[:, rows, columns]
        if operation == "fwd":
            y += x[seen] * w[place][0] if shape.depthwise else x[seen] @ w[place]
        elif operation == "dx":
            dx[seen] += dy * w[place][0] if shape.depthwise else dy @ w[place].T
        elif shape.depthwise:
            dw[place][0] = (x[seen] * dy).sum((0, 1, 2))
        else:
            dw[place] = x[seen].reshape(-1, shape.channels).T @ dy.reshape(-1, shape.filters)
    inside = slice(before, before + size)
    result = {"fwd": y, "dw": dw, "dx": dx[:, inside, inside]}[operation]
    return workloads.product_values(result.reshape(1, -1))


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        self.version = f"NumPy {np.__version__}, {blas['name']} {blas['version']}"

    def training(self, workload: Workload, steps: int):
        network = Network(workload)
        x, y = workload.data()
        batch, batches = workload.batch, workload.batches

        def run(count: int) -> None:
            for step in range(count):
                start = step % batches * batch
                network.step(x[start : start + batch], y[start : start + batch])

        return losses(network, steps), run

    def predict(self, workload: Workload, rows: int):
        network = Network(workload)
        x = workload.inputs(rows)

        def run(count: int) -> None:
            for _ in range(count):
                network.activations(x)

        return network.activations(x)[-1][0].tolist(), run

    def gemm(self, operation: str, m: int, n: int, k: int):
        a, b = workloads.operands(operation, m, n, k)
        c = np.empty((a.shape[0], b.shape[1]), np.float32)

        def run(count: int) -> None:
            for _ in range(count):
                np.dot(a, b, out=c)

        run(1)
        return workloads.product_values(c), run
