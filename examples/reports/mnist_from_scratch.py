"""MNIST from scratch: three networks and their studies, a summed gradient, Adam as printed, Martlet and PyTorch."""

import os
import time
from collections.abc import Callable
from functools import cache
from itertools import product
from statistics import median
from types import ModuleType, SimpleNamespace

import mnist_by_hand
import mnist_page
import numpy as np
from by_hand import Network, Rows
from mnist_page import BEST_EPOCHS, DEEP, NETWORKS
from pytorch_twin import Twin, in_turn, per_second
from report import Missing, Report, epoch_seconds

from martlet import Dataset, Input, NotFiniteError, Sequential, layers, optimizers
from martlet.callbacks import LayerStatistics
from martlet.datasets import mnist
from martlet.initializers import RandomNormal

report = Report(__file__)
BATCH_SIZE, RATE = 100, 0.1


def seeds() -> list[int]:
    return [1, 2, 3][: report.size(3, 1)]


@cache
def data() -> list[Dataset]:
    """Training, validation and test set."""
    return report.datasets(mnist)


@cache
def arrays() -> list[Rows]:
    """Training and validation set for NumPy and PyTorch, pixels scaled to 0 ... 1."""
    x, y = mnist.load_data()[0]
    pixels = x.reshape(len(x), 784) / np.float32(255)
    return [(pixels[part], y[part].astype(np.int64)) for part in report.parts()[:2]]


def batches() -> list[Rows]:
    """Those of the training set, in the order of its rows."""
    x, y = arrays()[0]
    return [(x[begin : begin + BATCH_SIZE], y[begin : begin + BATCH_SIZE]) for begin in range(0, len(x), BATCH_SIZE)]


def first_batches() -> list[Rows]:
    return batches()[: report.size(100, 10)]


def images(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, 28, 28)


def network(
    widths: list[int],
    optimizer: optimizers.Optimizer,
    activation: str = "relu",
    initializer: str | RandomNormal | None = None,
    dropout: float = 0.0,
    seed: int = 1,
) -> Sequential:
    """784-...-10, compiled. initializer: None for He's with ReLU and Glorot's with sigmoid."""
    initializer = initializer or ("he_normal" if activation == "relu" else "glorot_uniform")
    chain = []
    for number, width in enumerate(widths, 1):
        chain.append(layers.Dense(width, activation, kernel_initializer=initializer, name=f"hidden_{number}"))
        if dropout:
            chain.append(layers.Dropout(dropout))
    output = layers.Dense(10, "softmax", kernel_initializer=initializer, name="output")
    model = Sequential([Input((28, 28)), layers.Flatten(), *chain, output], seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: Sequential, batch_size: int = BATCH_SIZE, epochs: int = 10, **options) -> dict:
    """Accuracy in validation at the end, history, processor seconds of an epoch with its validation."""
    training, validation, _ = data()
    epochs, begin = report.size(epochs, 2), time.process_time()
    history = model.fit(
        training, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0, **options
    ).history
    seconds = (time.process_time() - begin) / epochs
    return {"accuracy": history["val_accuracy"][-1], "history": history, "epoch_seconds": seconds}


# --- The networks and their studies.


@report.experiment
def networks() -> dict:
    def trained(widths: list[int], activation: str, adam: bool, seed: int) -> dict:
        optimizer = optimizers.Adam(0.001) if adam else optimizers.SGD(RATE)
        return train(network(widths, optimizer, activation, seed=seed))

    return {
        label: {
            f"{activation}_{name}": [trained(widths, activation, name == "adam", seed) for seed in seeds()]
            for activation in ("relu", "sigmoid")
            for name in ("sgd", "adam")
        }
        for label, widths in NETWORKS.items()
    }


def sweep(values: list, run: Callable[[float, int], dict]) -> dict:
    """run(value, seed) for each value and seed: accuracies in validation, median processor seconds of an epoch."""
    found = [[run(value, seed) for seed in seeds()] for value in values]
    return {
        "values": values,
        "accuracies": [[each["accuracy"] for each in row] for row in found],
        "epoch_seconds": [median(each["epoch_seconds"] for each in row) for row in found],
    }


@report.experiment
def width() -> dict:
    widths = [30, 90, 180, 360, 720]
    return sweep(widths, lambda width, seed: train(network([width], optimizers.SGD(RATE), seed=seed), epochs=5))


@report.experiment
def batch_size() -> dict:
    sizes = [10, 32, 100, 320, 1000]
    return sweep(sizes, lambda size, seed: train(network([360], optimizers.SGD(RATE), seed=seed), size, epochs=5))


@report.experiment
def learning_rate() -> dict:
    rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
    return sweep(rates, lambda rate, seed: train(network([360], optimizers.SGD(rate), seed=seed), epochs=5))


@report.experiment
def epochs() -> dict:
    """One training of 50 epochs for each seed, read at several of them."""
    runs = [train(network([360], optimizers.SGD(RATE), seed=seed), epochs=50) for seed in seeds()]
    values, last = [1, 2, 5, 10, 20, 50], report.size(50, 2)
    accuracies = [[run["history"]["val_accuracy"][min(value, last) - 1] for run in runs] for value in values]
    return {"values": values, "accuracies": accuracies, "history": runs[0]["history"]}


# --- The gradient that is a sum.


def stuck(widths: list[int], rate: float, seed: int) -> dict:
    """The report's deep network: small weights, rows always in the same order, the sum for a gradient."""
    training, validation = arrays()
    summed = mnist_by_hand.Summed([784, *widths, 10], sigma=0.01, seed=seed, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        history = summed.fit(*training, validation, BATCH_SIZE, report.size(2, 1), rate, shuffle=False)
        last = [part[-BATCH_SIZE:] for part in training]
        norms = [mnist_by_hand.gradient_norm([pair]) for pair in summed.gradients(*last)]
        predicted = summed.forward(validation[0])[1][-1].argmax(axis=1)
    return {
        "loss": history["val_loss"][-1],
        "accuracy": history["val_accuracy"][-1],
        "classes": len(np.unique(predicted)),
        "dead": mnist_by_hand.dead_shares(summed, validation[0]),
        "gradient_norms": norms,
    }


def finite(loss: float) -> float | None:
    return float(loss) if np.isfinite(loss) else None


def first_losses(kind: type[Network], widths: list[int], seed: int) -> list[float | None]:
    """The loss of each of the first batches before its step, with Glorot's first weights; None where it is infinite."""
    net, losses = kind([784, *widths, 10], seed=seed, dtype=np.float32), []
    with np.errstate(over="ignore", invalid="ignore"):
        for batch in first_batches():
            losses.append(finite(net.evaluate(*batch)[0]))
            net.step(*batch, RATE)
    return losses


@report.experiment
def summed() -> dict:
    x, y = (part[:BATCH_SIZE] for part in arrays()[0])
    return {
        "ratios": {
            kind.__name__: mnist_by_hand.gradient_ratio(kind([784, 360, 100, 10], seed=1), x.astype(float), y)
            for kind in (Network, mnist_by_hand.Summed)
        },
        "stuck": {
            label: {str(rate): [stuck(widths, rate, seed) for seed in seeds()] for rate in (0.001, 0.01, 0.1)}
            for label, widths in NETWORKS.items()
        },
        "diverged": {
            label: [first_losses(mnist_by_hand.Summed, widths, seed) for seed in seeds()]
            for label, widths in NETWORKS.items()
        },
        "averaged": [first_losses(Network, NETWORKS["784-360-10"], seed) for seed in seeds()],
    }


@report.experiment
def averaged() -> dict:
    """Martlet on the same rows in the same order. A rate times the batch size makes the sum of the mean."""
    small = RandomNormal(stddev=0.01)
    variants = {"summed": (small, RATE * BATCH_SIZE), "small": (small, RATE), "he": ("he_normal", RATE)}

    def trained(widths: list[int], initializer: str | RandomNormal, rate: float, seed: int) -> dict:
        watch = LayerStatistics()
        model = network(widths, optimizers.SGD(rate), initializer=initializer, seed=seed)
        run = train(model, shuffle=False, callbacks=[watch])
        hidden = [f"hidden_{number}" for number in range(1, len(widths) + 1)]
        figures = {name: ["gradient_norm", "dead_share"] for name in hidden} | {"output": ["gradient_norm"]}
        return {
            "accuracies": run["history"]["val_accuracy"],
            "losses": run["history"]["val_loss"],
            "layers": {
                name: {figure: watch.history[name][figure] for figure in of_layer}
                for name, of_layer in figures.items()
            },
        }

    return {
        label: {
            name: [trained(NETWORKS[label], *variant, seed) for seed in seeds()] for name, variant in variants.items()
        }
        for label in DEEP
    }


# --- Adam.


@report.experiment
def adam() -> dict:
    """784-360-10 with each reading of v_t, and in Martlet: the same first weights, the same batches."""
    kinds = {"right": mnist_by_hand.Adam, "twice": mnist_by_hand.PrintedTwice, "once": mnist_by_hand.PrintedOnce}
    (x, y), validation = arrays()
    figures = {name: [] for name in ("martlet", *kinds)}
    for seed in seeds():
        adam = optimizers.Adam(0.001, mnist_by_hand.BETA_1, mnist_by_hand.BETA_2, mnist_by_hand.EPSILON)
        model = network([360], adam, seed=seed)
        nets = {name: kind([784, 360, 10], dtype=np.float32) for name, kind in kinds.items()}
        for net in nets.values():
            mnist_by_hand.take_weights(net, model)
        random = np.random.default_rng(seed)
        runs = {name: [] for name in figures}
        for _ in range(report.size(3, 1)):
            order = random.permutation(len(x))
            model.fit(images(x[order]), y[order], BATCH_SIZE, shuffle=False, verbose=0)
            runs["martlet"].append(model.evaluate(images(validation[0]), validation[1])[1])
            for name, net in nets.items():
                history = net.fit(x[order], y[order], validation, BATCH_SIZE, 1, 0.001, shuffle=False)
                runs[name].append(history["val_accuracy"][-1])
        for name, run in runs.items():
            figures[name].append(run)
    return figures


# --- Martlet and PyTorch.


def compare(torch: ModuleType, widths: list[int], seed: int, threads: int, epochs: int) -> dict:
    model = network(widths, optimizers.SGD(RATE), seed=seed)
    return in_turn(torch, model, *arrays(), BATCH_SIZE, RATE, report.size(epochs, 1), threads, seed)


@report.experiment
def pytorch() -> dict:
    """Accuracies, and speeds with one thread; those of the network by hand, too."""
    torch, every = report.needs("torch"), batches()

    def by_hand(widths: list[int]) -> float:
        net = Network([784, *widths, 10], dtype=np.float32)
        return per_second(len(every) * BATCH_SIZE, lambda: [net.step(*batch, RATE) for batch in every], 1)

    with report.needs("threadpoolctl").threadpool_limits(1):
        numpy = {label: [by_hand(widths) for _ in seeds()] for label, widths in NETWORKS.items()}
    found = {label: [compare(torch, widths, seed, 1, 4) for seed in seeds()] for label, widths in NETWORKS.items()}
    return {"version": torch.__version__, "networks": found, "numpy": numpy}


@report.experiment
def pytorch_2_threads() -> dict:
    torch = report.needs("torch")
    if len(os.sched_getaffinity(0)) < 2:
        raise Missing("a second processor")
    return {"networks": {label: [compare(torch, widths, 1, 2, 5)] for label, widths in NETWORKS.items()}}


@report.experiment
def divergence() -> dict:
    """The losses of the first batches in PyTorch and in Martlet, at the report's rate and at that of its sum."""
    torch = report.needs("torch")

    def losses(widths: list[int], rate: float, seed: int) -> dict[str, list[float | None]]:
        model = network(widths, optimizers.SGD(rate), seed=seed)
        twin, found = Twin(torch, model, rate), {"torch": [], "martlet": []}
        for x, y in first_batches():
            found["torch"].append(finite(twin.step(x, y)))
            try:
                found["martlet"].append(finite(model.train_on_batch(images(x), y)[0]))
            except NotFiniteError:  # where PyTorch goes on with weights that are no numbers
                found["martlet"].append(None)
        return found

    return {
        label: {str(rate): [losses(widths, rate, seed) for seed in seeds()] for rate in (RATE, RATE * BATCH_SIZE)}
        for label, widths in NETWORKS.items()
    }


# --- The best.


def best_network(label: str, dropout: float, seed: int = 1) -> Sequential:
    return network(NETWORKS[label], optimizers.Adam(0.001, learning_rate_decay=0.85), dropout=dropout, seed=seed)


@report.experiment
def best() -> dict:
    """Network and dropout chosen in validation with the first seed; the test set is looked at with all, once."""
    _, _, test = data()

    def trained(label: str, dropout: float, seed: int) -> tuple[Sequential, float]:
        model = best_network(label, dropout, seed)
        return model, train(model, epochs=BEST_EPOCHS)["accuracy"]

    dropouts = (0.0, 0.2, 0.4)
    tried = {at: trained(*at, seeds()[0])[1] for at in product(NETWORKS, dropouts)}
    label, dropout = max(tried, key=tried.get)
    models, accuracies = zip(*(trained(label, dropout, seed) for seed in seeds()))
    model = models[accuracies.index(max(accuracies))]
    model.write_predictions(test, report.file("predictions.csv"), first_id=1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (mnist.load_data()[1][1][report.parts()[2]], model.predict(test).argmax(axis=1)), 1)
    return {
        "search": {label: {str(dropout): tried[label, dropout] for dropout in dropouts} for label in NETWORKS},
        "label": label,
        "dropout": dropout,
        "validation": accuracies,
        "test": [model.evaluate(test)[1] for model in models],
        "confusion": confusion,
    }


@report.experiment
def clock() -> dict:
    """Seconds of an epoch of the best network with two threads."""
    chosen = report.figures("best")
    return {"epoch_seconds": epoch_seconds(best_network(chosen.label, chosen.dropout), data()[0], BATCH_SIZE)}


# --- The page.


@report.claims
def claims(results: SimpleNamespace) -> dict[str, bool]:
    return mnist_page.claims(results)


@report.page
def page(results: SimpleNamespace) -> dict:
    return mnist_page.fields(results, report)


if __name__ == "__main__":
    report.main()
