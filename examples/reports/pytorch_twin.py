"""A model of Martlet in PyTorch: the same layers with the same weights, trained as PyTorch's tutorials do it."""

import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
from by_hand import Rows

import martlet
from martlet import Sequential


class Twin:
    """Dense layers with ReLU between them, softmax cross-entropy, SGD. torch: the package, which is optional.

    x: [N, I] float32, y: [N] int64.
    """

    def __init__(self, torch: ModuleType, model: Sequential, learning_rate: float) -> None:
        arrays, modules = model.get_weights(), []
        for kernel, bias in zip(arrays[::2], arrays[1::2]):
            linear = torch.nn.Linear(*kernel.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
                linear.bias.copy_(torch.from_numpy(bias))
            modules += [linear, torch.nn.ReLU()]
        self._torch = torch
        self._network = torch.nn.Sequential(*modules[:-1])
        self._optimizer = torch.optim.SGD(self._network.parameters(), learning_rate)
        self._criterion = torch.nn.CrossEntropyLoss()

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """One step on one batch; its loss before that."""
        return self._step(self._torch.from_numpy(x), self._torch.from_numpy(y)).item()

    def train_epoch(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        """One step for each batch, in the order of the rows."""
        rows, labels = self._torch.from_numpy(x), self._torch.from_numpy(y)
        for begin in range(0, len(x), batch_size):
            self._step(rows[begin : begin + batch_size], labels[begin : begin + batch_size])

    def _step(self, rows, labels):
        self._optimizer.zero_grad()
        loss = self._criterion(self._network(rows), labels)
        loss.backward()
        self._optimizer.step()
        return loss

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Scores [N, O]."""
        with self._torch.no_grad():
            return self._network(self._torch.from_numpy(x)).numpy()


def in_turn(
    torch: ModuleType,
    model: Sequential,
    training: Rows,
    validation: Rows,
    batch_size: int,
    learning_rate: float,
    epochs: int,
    threads: int,
    seed: int,
) -> dict[str, dict[str, list[float]]]:
    """Train a model in Martlet and its twin in PyTorch on the same batches, epoch by epoch in turn.

    Returns of each epoch rows per second and the accuracy in validation after it.
    """
    x, y = training
    shape, random = model.input_shape[1:], np.random.default_rng(seed)
    twin, before = Twin(torch, model, learning_rate), (martlet.threads(), torch.get_num_threads())
    speeds, accuracies = {"martlet": [], "torch": []}, {"martlet": [], "torch": []}
    martlet.set_threads(threads)
    torch.set_num_threads(threads)
    for _ in range(epochs):
        order = random.permutation(len(x))
        rows, labels = x[order], y[order]
        images = rows.reshape(-1, *shape)
        for name, work in (
            ("martlet", lambda: model.fit(images, labels, batch_size, shuffle=False, verbose=0)),
            ("torch", lambda: twin.train_epoch(rows, labels, batch_size)),
        ):
            speeds[name].append(per_second(len(x), work, threads))
        for name, scores in (
            ("martlet", model.predict(validation[0].reshape(-1, *shape))),
            ("torch", twin.predict(validation[0])),
        ):
            accuracies[name].append(float((scores.argmax(axis=1) == validation[1]).mean()))
    martlet.set_threads(before[0])
    torch.set_num_threads(before[1])
    return {"speeds": speeds, "accuracies": accuracies}


def per_second(count: int, work: Callable[[], object], threads: int) -> float:
    """In a second on the clock; with one thread, of processor time, which does not depend on what else runs."""
    clock = time.process_time if threads == 1 else time.perf_counter
    begin = clock()
    work()
    return count / (clock() - begin)
