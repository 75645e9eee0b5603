"""MNIST from scratch: three networks and their studies, a summed gradient, Adam as printed, Martlet and PyTorch."""

import os
import time
from functools import cache
from statistics import median
from types import SimpleNamespace

import mnist_by_hand
import mnist_page
import numpy as np
from by_hand import Network
from pytorch_twin import in_turn, per_second
from report import Missing, Report

import martlet
from martlet import Dataset, Input, NotFiniteError, Sequential, layers, optimizers
from martlet.callbacks import LayerStatistics
from martlet.datasets import mnist
from martlet.initializers import RandomNormal

report = Report(__file__)
NETWORKS = {"784-360-10": [360], "784-360-100-10": [360, 100], "784-360-100-40-10": [360, 100, 40]}
DEEP = list(NETWORKS)[1:]
BATCH_SIZE, RATE = 100, 0.1


def seeds() -> list[int]:
    return [1, 2, 3][: report.size(3, 1)]


def rows() -> tuple[slice, slice, slice]:
    """Those of training, validation (the last 10,000 of the training images) and test."""
    short = report.size(10_000, 1_000)
    return slice(0, report.size(50_000, 2_000)), slice(50_000, 50_000 + short), slice(0, short)


@cache
def data() -> list[Dataset]:
    """Training, validation and test set, pixels scaled to 0 ... 1."""
    given, test = (Dataset(x, y, scale=1 / 255, class_names=mnist.CLASS_NAMES) for x, y in mnist.load_data())
    return [each[part] for each, part in zip((given, given, test), rows())]


@cache
def arrays() -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and validation set for NumPy and PyTorch."""
    x, y = mnist.load_data()[0]
    pixels = x.reshape(len(x), 784) / np.float32(255)
    return [(pixels[part], y[part].astype(np.int64)) for part in rows()[:2]]


def images(x) -> np.ndarray:
    return x.reshape(-1, 28, 28)


def network(widths, optimizer, activation="relu", initializer=None, dropout=0.0, seed=1) -> Sequential:
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


def train(model, batch_size=BATCH_SIZE, epochs=10, **options) -> dict:
    """Accuracy in validation at the end, history, processor seconds of an epoch with its validation."""
    training, validation, _ = data()
    epochs, begin = report.size(epochs, 2), time.process_time()
    try:
        model.fit(training, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0, **options)
        epoch_seconds = (time.process_time() - begin) / epochs
    except NotFiniteError:  # a rate too high; the weights are the last finite ones
        epoch_seconds = None
    return {
        "accuracy": model.evaluate(validation)[1],
        "history": model.history.history,
        "epoch_seconds": epoch_seconds,
    }


# --- The networks and their studies.


@report.experiment
def networks() -> dict:
    def trained(widths, activation, adam, seed):
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


def sweep(values, run) -> dict:
    """run(value, seed) for each value and seed: accuracies in validation, median processor seconds of an epoch."""
    found = [[run(value, seed) for seed in seeds()] for value in values]
    times = [[each["epoch_seconds"] for each in row if each["epoch_seconds"]] for row in found]
    return {
        "values": values,
        "accuracies": [[each["accuracy"] for each in row] for row in found],
        "epoch_seconds": [median(row) if row else None for row in times],
        "finite": [len(row) for row in times],
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


def stuck(widths, rate, seed) -> dict:
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


def first_losses(kind, widths, seed) -> list[float]:
    """The loss of each of the first batches before its step, with Glorot's first weights; inf where it is no number."""
    x, y = arrays()[0]
    net = kind([784, *widths, 10], seed=seed, dtype=np.float32)
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, report.size(100, 10) * BATCH_SIZE, BATCH_SIZE):
            batch = x[begin : begin + BATCH_SIZE], y[begin : begin + BATCH_SIZE]
            loss = net.evaluate(*batch)[0]
            losses.append(loss if np.isfinite(loss) else float("inf"))
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
    variants = {"summed": (small, RATE * BATCH_SIZE, 3), "small": (small, RATE, 10), "he": ("he_normal", RATE, 10)}

    def trained(widths, initializer, rate, epochs, seed):
        watch = LayerStatistics()
        model = network(widths, optimizers.SGD(rate), initializer=initializer, seed=seed)
        run = train(model, epochs=epochs, shuffle=False, callbacks=[watch])
        dense = [layer.name for layer in model.layers if layer.get_weights()]
        return {
            "accuracies": run["history"]["val_accuracy"],
            "losses": run["history"]["val_loss"],
            "layers": {
                name: {
                    figure: watch.history[name][figure]
                    for figure in ("gradient_norm", "update_ratio", "dead_share")
                    if figure != "dead_share" or name != "output"
                }
                for name in dense
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


def compare(torch, widths, seed, threads, epochs) -> dict:
    training, validation = arrays()
    model, chances = network(widths, optimizers.SGD(RATE), seed=seed), np.random.default_rng(seed)
    epochs = report.size(epochs, 1)
    return in_turn(torch, model, training, validation, BATCH_SIZE, RATE, epochs, threads, chances)


@report.experiment
def pytorch() -> dict:
    """Accuracies, and speeds with one thread; those of the network by hand, too."""
    torch = report.needs("torch")
    x, y = arrays()[0]

    def by_hand(widths) -> float:
        net = Network([784, *widths, 10], dtype=np.float32)
        begins = range(0, len(x), BATCH_SIZE)
        return per_second(
            len(x), lambda: [net.step(x[at : at + BATCH_SIZE], y[at : at + BATCH_SIZE], RATE) for at in begins], 1
        )

    with report.needs("threadpoolctl").threadpool_limits(1):
        numpy = {label: [by_hand(widths) for _ in seeds()] for label, widths in NETWORKS.items()}
    found = {label: [compare(torch, widths, seed, 1, 4) for seed in seeds()] for label, widths in NETWORKS.items()}
    return {"version": torch.__version__, "networks": found, "numpy": numpy}


@report.experiment
def pytorch_2_threads() -> dict:
    torch = report.needs("torch")
    if len(os.sched_getaffinity(0)) < 2:
        raise Missing("a second processor")
    return {"networks": {label: [compare(torch, widths, 1, 2, 7)] for label, widths in NETWORKS.items()}}


# --- The best.


@report.experiment
def best() -> dict:
    """Network and dropout chosen in validation with the first seed; the test set is looked at with all, once."""
    training, validation, test = data()
    passes = report.size(20, 2)

    def trained(label, dropout, seed):
        adam = optimizers.Adam(0.001, learning_rate_decay=0.85)
        model = network(NETWORKS[label], adam, dropout=dropout, seed=seed)
        begin = time.process_time()
        history = model.fit(
            training, batch_size=BATCH_SIZE, epochs=passes, validation_data=validation, verbose=0
        ).history
        return model, history, time.process_time() - begin

    first = seeds()[0]
    search = {
        label: {str(dropout): trained(label, dropout, first)[1]["val_accuracy"][-1] for dropout in (0.0, 0.2, 0.4)}
        for label in NETWORKS
    }
    label, dropout = max(
        ((label, dropout) for label in search for dropout in search[label]), key=lambda at: search[at[0]][at[1]]
    )
    runs = [trained(label, float(dropout), seed) for seed in seeds()]
    model, history, _ = max(runs, key=lambda run: run[1]["val_accuracy"][-1])
    model.write_predictions(test, report.file("predictions.csv"), first_id=1)
    labels = mnist.load_data()[1][1][rows()[2]]
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, model.predict(test).argmax(axis=1)), 1)
    return {
        "search": search,
        "label": label,
        "dropout": float(dropout),
        "validation": [run[1]["val_accuracy"][-1] for run in runs],
        "test": [run[0].evaluate(test)[1] for run in runs],
        "training_seconds": [run[2] for run in runs],
        "history": history,
        "confusion": confusion,
    }


# --- The page.


@report.page
def page(results: SimpleNamespace) -> dict:
    figures = mnist_page.figures(results)
    for claim, holds in mnist_page.claims(results, SimpleNamespace(**figures)).items():
        report.require(holds, claim)
    mnist_page.draw(results, report.picture)
    return {**figures, **mnist_page.tables(results)}


if __name__ == "__main__":
    report.main()
