"""JAX written by hand: one jitted step called from a Python loop ("step"), or a loop of steps compiled as one ("scan":
with fori_loop, which is as fast as scan and takes any number of steps)."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import workloads
from workloads import Workload


def logits(weights: list[jax.Array], x: jax.Array) -> jax.Array:
    for w, b in zip(weights[0:-2:2], weights[1:-2:2]):
        x = jax.nn.relu(x @ w + b)
    return x @ weights[-2] + weights[-1]


def loss(weights: list[jax.Array], x: jax.Array, y: jax.Array, l2: float) -> jax.Array:
    log_p = jax.nn.log_softmax(logits(weights, x))
    cross_entropy = -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()
    return cross_entropy + l2 * sum(jnp.sum(w * w) for w in weights[0::2]) if l2 else cross_entropy


def updated(workload: Workload, state, gradients):
    """Weights, slots and number of steps after a step."""
    weights, slots, steps = state
    rate, steps = workload.learning_rate, steps + 1
    if workload.optimizer == "sgd":
        weights = [w - rate * g for w, g in zip(weights, gradients)]
    elif workload.optimizer == "momentum":
        slots = ([workloads.MOMENTUM * m - rate * g for m, g in zip(slots[0], gradients)],)
        weights = [w + m for w, m in zip(weights, slots[0])]
    else:
        beta_1, beta_2 = workloads.BETA_1, workloads.BETA_2
        ms = [m + (1 - beta_1) * (g - m) for m, g in zip(slots[0], gradients)]
        vs = [v + (1 - beta_2) * (g * g - v) for v, g in zip(slots[1], gradients)]
        corrected = rate * jnp.sqrt(1 - beta_2**steps) / (1 - beta_1**steps)
        weights = [w - corrected * m / (jnp.sqrt(v) + workloads.EPSILON) for w, m, v in zip(weights, ms, vs)]
        slots = (ms, vs)
    return weights, slots, steps


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        self.variant = variant
        self.version = f"JAX {jax.__version__}"

    def training(self, workload: Workload, steps: int):
        batch, batches = workload.batch, workload.batches
        x, y = map(jnp.asarray, workload.data())

        def step(state, number, x, y):
            start = number % batches * batch
            x, y = (jax.lax.dynamic_slice_in_dim(array, start, batch) for array in (x, y))
            value, gradients = jax.value_and_grad(loss)(state[0], x, y, workload.l2)
            return updated(workload, state, gradients), value

        @functools.partial(jax.jit, donate_argnums=0)
        def loop(state, count, x, y):
            return jax.lax.fori_loop(0, count, lambda number, state: step(state, number, x, y)[0], state)

        one = jax.jit(step, donate_argnums=0)
        weights = [jnp.asarray(array) for array in workload.weights()]
        slots = {"sgd": 0, "momentum": 1, "adam": 2}[workload.optimizer]
        state = weights, tuple([jnp.zeros_like(w) for w in weights] for _ in range(slots)), jnp.float32(0)

        def run(count: int) -> None:
            nonlocal state
            if self.variant == "scan":
                state = loop(state, count, x, y)
            else:
                for number in range(count):
                    state, _ = one(state, number, x, y)
            jax.block_until_ready(state)

        losses = []
        for _ in range(steps):
            losses.append(float(jax.jit(loss, static_argnums=3)(state[0], x[:batch], y[:batch], workload.l2)))
            run(1)
        return losses, run

    def predict(self, workload: Workload, rows: int):
        weights = [jnp.asarray(array) for array in workload.weights()]
        x = workload.inputs(rows)
        probabilities = jax.jit(lambda weights, x: jax.nn.softmax(logits(weights, x)))

        def predicted() -> np.ndarray:
            return np.asarray(probabilities(weights, x))

        def run(count: int) -> None:
            for _ in range(count):
                predicted()

        return predicted()[0].tolist(), run

    def gemm(self, operation: str, m: int, n: int, k: int):
        x, w, dy = (jnp.asarray(array) for array in workloads.factors(m, n, k))
        a, b = {"fwd": (x, w), "dw": (x, dy), "dx": (dy, w)}[operation]
        product = jax.jit({"fwd": jnp.matmul, "dw": lambda a, b: a.T @ b, "dx": lambda a, b: a @ b.T}[operation])

        def run(count: int) -> None:
            for _ in range(count):
                product(a, b).block_until_ready()

        return workloads.product_values(np.asarray(product(a, b))), run
