"""A net of two layers on CIFAR-10, from the check of its formulas to the best that it can do.

Experiments and options: report.py. `search` comes before `best` and `clock`, which train what it has chosen.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import neighbours
import numpy as np
import toy_net
import two_layer_page
from report import Report, epoch_seconds

from martlet import Dataset, Input, NotFiniteError, Sequential, initializers, layers, losses, optimizers, plot
from martlet import regularizers
from martlet.datasets import cifar10

report = Report(__file__)
report.claims(two_layer_page.claims)
SEEDS = (1, 2, 3)
IMAGE = (32, 32, 3)


# --- Data and nets.

arrays = cache(cifar10.load_data)


@cache
def training_images() -> Dataset:
    """All 50,000, pixels from 0 to 1."""
    return Dataset(*arrays()[0], scale=1 / 255)


@cache
def datasets() -> list[Dataset]:
    """Training, validation and test rows: 40,000, 10,000 and 10,000."""
    images, test, count = training_images(), Dataset(*arrays()[1], scale=1 / 255), report.size(10_000, 500)
    return [images[: 4 * count], images[40_000 : 40_000 + count], test[:count]]


def net(
    seed: int,
    width: int,
    rate: float,
    decay: float = 1.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    sigma: float | None = None,
    rows: Dataset | None = None,
) -> Sequential:
    """3072-width-10, compiled: mean image subtracted, ReLU, softmax cross-entropy, L2, gradient descent.

    width 0: no hidden layer and the hinge loss, a linear SVM. sigma: standard deviation of the first weights; None:
    Glorot's uniform distribution. rows: what the mean image is that of; None: the training rows.
    """
    mean, _ = (rows or datasets()[0]).statistics(axis=(1, 2, 3))
    start = "glorot_uniform" if sigma is None else initializers.RandomNormal(stddev=sigma)
    options = {"kernel_initializer": start, "kernel_regularizer": regularizers.L2(l2)}
    chain = [Input(IMAGE), layers.Normalization(mean=mean), layers.Flatten()]
    if width:
        chain += [layers.Dense(width, "relu", name="hidden", **options), layers.Dropout(dropout)]
    model = Sequential([*chain, layers.Dense(10, name="scores", **options)], seed=seed)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if width else losses.CategoricalHinge()
    model.compile(optimizers.SGD(rate, learning_rate_decay=decay), loss, metrics=["accuracy"])
    return model


def train(model: Sequential, epochs: int, batch_size: int, rows: Dataset | None = None) -> dict[str, list[float]]:
    """The history of a training, on the training rows if no others are given, with validation."""
    training, validation, _ = datasets()
    given = {"batch_size": batch_size, "epochs": epochs, "validation_data": validation, "verbose": 0}
    return model.fit(rows or training, **given).history


def large_batch() -> int:
    return report.size(1000, 100)


def draw_templates(name: str, kernel: np.ndarray, **options: Any) -> None:
    """What units of the first layer look for, each in its own scale."""
    plot.plot_templates(kernel, IMAGE, report.picture(name), scale="each", **options)


def each_seed(function: Callable[[int], Any]) -> list:
    return [function(seed) for seed in SEEDS[: report.size(3, 1)]]


# --- The toy net of the exercise, whose formulas are checked in double.


@report.experiment
def toy() -> dict:
    return toy_net.check()


# --- The start at 9.77 %, where next to nothing moves.

# Name: standard deviation of the first weights (None: Glorot), learning rate.
STARTS = {"as begun": (1e-4, 1e-4), "larger rate": (1e-4, 0.1), "larger weights": (None, 1e-4), "both": (None, 0.1)}


@report.experiment
def start() -> dict:
    training, validation, _ = datasets()
    steps, pieces = report.size(50, 5), report.size(20, 2)

    def run(sigma: float | None, rate: float, seed: int) -> dict:
        model = net(seed, 50, rate, sigma=sigma)
        loss, accuracy = model.evaluate(validation)
        before = model.get_weights()[::2]
        trainer = model.trainer()
        for _ in range(pieces):
            trainer.fit(training, validation, batch_size=200, iterations=steps)
        seen = [progress.validation for progress in trainer.history]
        pairs = zip(model.get_weights()[::2], before)
        return {
            "loss": [loss, *(one.data_loss for one in seen)],
            "accuracy": [accuracy, *(one.accuracy for one in seen)],
            "moved": [float(np.linalg.norm(after - first) / np.linalg.norm(first)) for after, first in pairs],
            "called": np.bincount(model.predict(validation).argmax(axis=1), minlength=10),
        }

    runs = {name: each_seed(lambda seed, given=given: run(*given, seed)) for name, given in STARTS.items()}
    return {
        "iterations": [steps * piece for piece in range(pieces + 1)],
        "class_counts": np.bincount(arrays()[0][1][40_000:50_000], minlength=10),
        "runs": [{"name": name, "given": STARTS[name], "seeds": seeds} for name, seeds in runs.items()],
    }


@report.experiment
def templates() -> dict:
    """What 50 units look for that began small: what is seen has been learned."""
    model = net(1, 50, 0.1, l2=1e-3, sigma=1e-4)
    draw_templates("templates-before", model.get_weights()[0], units=range(8))
    history = train(model, report.size(20, 1), 200)
    draw_templates("templates", model.get_weights()[0], units=range(24), columns=8)
    return {"validation": history["val_accuracy"][-1]}


# --- Sweeps: one setting changes, all else stays.


@report.experiment
def hidden() -> dict:
    widths = [10, 25, 50, 100, 200, 400, 900][: report.size(7, 2)]
    epochs = report.size(10, 1)

    def run(width: int, seed: int) -> tuple[float, float, float]:
        model = net(seed, width, 0.8, decay=0.92, l2=1e-7)
        begin = time.process_time()
        history = train(model, epochs, large_batch())
        return history["accuracy"][-1], history["val_accuracy"][-1], (time.process_time() - begin) / epochs

    runs = [each_seed(lambda seed, width=width: run(width, seed)) for width in widths]
    training, validation, seconds = ([[run[part] for run in seeds] for seeds in runs] for part in range(3))
    return {"widths": widths, "training": training, "validation": validation, "seconds_per_epoch": seconds}


@report.experiment
def rates() -> dict:
    tried = [1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 0.8, 1.5, 3.0][:: report.size(1, 4)]

    def run(rate: float, seed: int) -> float | None:
        """The validation accuracy; None if the loss did not stay finite."""
        try:
            return train(net(seed, 200, rate), report.size(5, 1), 200)["val_accuracy"][-1]
        except NotFiniteError:
            return None

    return {"rates": tried, "validation": [each_seed(lambda seed, rate=rate: run(rate, seed)) for rate in tried]}


@report.experiment
def regularization() -> dict:
    shown = [0, 1e-3, 1e-1]
    strengths = shown if report.short else [0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    few, epochs = datasets()[0][: report.size(10_000, 1000)], report.size(40, 2)

    def run(l2: float, seed: int) -> dict[str, list[float]]:
        return train(net(seed, 200, 0.1, l2=l2, rows=few), epochs, 100, few)

    runs = {l2: each_seed(lambda seed, l2=l2: run(l2, seed)) for l2 in strengths}
    return {
        "strengths": strengths,
        "training": [[run["accuracy"][-1] for run in seeds] for seeds in runs.values()],
        "validation": [[run["val_accuracy"][-1] for run in seeds] for seeds in runs.values()],
        "histories": [{"l2": l2, **runs[l2][0]} for l2 in shown],
    }


@report.experiment
def budgets() -> dict:
    """One long run, looked at on its way: with a constant rate a short budget is the beginning of a long one."""
    ends = [100, 300, 1000, 3000, 10_000, 30_000][: report.size(6, 2)]
    training, validation, _ = datasets()

    def run(seed: int) -> Iterator[tuple[float, float, float]]:
        trainer, seconds = net(seed, 100, 0.05).trainer(), 0.0
        for done, end in zip([0, *ends], ends):
            begin = time.process_time()
            trainer.fit(training, validation, batch_size=200, epochs=end, iterations=end - done)
            seconds += time.process_time() - begin
            yield trainer.evaluate(training).accuracy, trainer.history[-1].validation.accuracy, seconds

    names = ("training", "validation", "seconds_of_training")
    runs = each_seed(lambda seed: list(zip(*run(seed))))
    return {"iterations": ends, **{name: [found[part] for found in runs] for part, name in enumerate(names)}}


# --- The best: a search on validation data, and its choice trained on all training rows.

KNOWN = {"width": 900, "rate": 0.8, "l2": 1e-7, "decay": 0.92, "dropout": 0.0}
GRID = {
    "width": [300, 600, 900, 1200],
    "rate": [0.2, 0.4, 0.8],
    "l2": [1e-7, 1e-5, 1e-4],
    "decay": [0.92, 0.95],
    "dropout": [0.0, 0.3, 0.5],
}


@report.experiment
def known() -> dict:
    epochs = report.size(35, 2)

    def run(seed: int) -> dict:
        model = net(seed, **KNOWN)
        history = train(model, epochs, large_batch())
        last = {"training": history["accuracy"][-1], "validation": history["val_accuracy"][-1]}
        return {**last, "test": model.evaluate(datasets()[2])[1]}

    return {"epochs": epochs, "runs": each_seed(run)}


@report.experiment
def search() -> dict:
    """Successive halving: train all for 4 epochs, and again and again the better half for as many epochs as before."""
    whole = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]
    drawn = np.random.default_rng(4).permutation(len(whole))
    settings = [KNOWN, *(whole[index] for index in drawn if whole[index] != KNOWN)][: report.size(16, 4)]
    rivals = [(setting, net(1, **setting), []) for setting in settings]
    alive, rungs = rivals, []
    while len(alive) > 1:
        rungs.append(report.size(4, 1) * 2 ** len(rungs))
        for _, model, reached in alive:
            epochs = rungs[-1] - model.trainer().epochs_done
            reached.append(train(model, epochs, large_batch())["val_accuracy"][-1])
        alive = sorted(alive, key=lambda rival: -rival[2][-1])[: len(alive) // 2]
    found = [{"setting": setting, "accuracy": reached} for setting, _, reached in rivals]
    return {"size": len(whole), "rungs": rungs, "rivals": found, "chosen": alive[0][0]}


def chosen(seed: int) -> tuple[Sequential, Dataset]:
    """What the search has chosen, and all training rows."""
    everything = training_images()[: report.size(50_000, 2000)]
    return net(seed, **vars(report.figures("search").chosen), rows=everything), everything


@report.experiment
def best() -> dict:
    """The chosen setting, trained on all training rows; then the test set, once."""
    epochs = report.size(45, 2)

    def run(seed: int) -> dict:
        model, everything = chosen(seed)
        before = model.get_weights()[0]
        history = model.fit(everything, batch_size=large_batch(), epochs=epochs, verbose=0).history
        if seed == SEEDS[0]:
            learned = model.get_weights()[0] - before
            strongest = np.argsort(-np.linalg.norm(learned, axis=0))[:24]
            draw_templates("best-templates", learned, units=strongest, columns=8)
        return {"training": history["accuracy"][-1], "test": model.evaluate(datasets()[2])[1]}

    return {"epochs": epochs, "runs": each_seed(run)}


@report.experiment
def clock() -> dict:
    """How long an epoch of the best takes on two cores."""
    return {"epoch_seconds": epoch_seconds(*chosen(SEEDS[0]), large_batch())}


# --- Beside it: a linear SVM and the nearest neighbours.


@report.experiment
def svm() -> dict:
    strengths = [1e-4, 1e-3, 1e-2, 1e-1]

    def run(l2: float, seed: int) -> tuple[Sequential, float]:
        model = net(seed, 0, 0.02, decay=0.9, l2=l2)
        return model, train(model, report.size(20, 2), 200)["val_accuracy"][-1]

    tried = [run(l2, SEEDS[0])[1] for l2 in strengths]
    l2 = strengths[int(np.argmax(tried))]
    runs = each_seed(lambda seed: run(l2, seed))
    draw_templates("svm-templates", runs[0][0].get_weights()[0], class_names=cifar10.CLASS_NAMES, columns=5)
    return {
        "strengths": strengths,
        "tried": tried,
        "chosen": l2,
        "validation": [validation for _, validation in runs],
        "test": [model.evaluate(datasets()[2])[1] for model, _ in runs],
    }


@report.experiment
def knn() -> dict:
    report.needs("sklearn")
    (x, y), (x_test, y_test) = arrays()
    count = report.size(10_000, 500)
    tried = [1, 3, 5, 8, 10, 15, 20, 50]
    training = neighbours.Neighbours(x[: 4 * count], y[: 4 * count], max(tried))
    x_held_out, y_held_out = x[40_000 : 40_000 + count], y[40_000 : 40_000 + count]
    nearest = training.nearest(x_held_out)
    validation = training.accuracies(nearest, y_held_out, tried)
    best_k = tried[int(np.argmax(validation))]
    first = [int(np.argmax(y_held_out == label)) for label in (3, 6, 8, 9)]  # cat, frog, ship, truck
    shown = x_held_out[first], y_held_out[first], nearest[first, :6]
    neighbours.draw(report.picture("neighbours"), *shown, training, cifar10.CLASS_NAMES)
    (test,) = training.accuracies(training.nearest(x_test[:count]), y_test[:count], [best_k])
    return {"tried": tried, "validation": validation, "chosen": best_k, "test": test}


@report.page
def page(results: SimpleNamespace) -> dict:
    two_layer_page.draw(report, results)
    return two_layer_page.fields(report, results)


if __name__ == "__main__":
    report.main()
