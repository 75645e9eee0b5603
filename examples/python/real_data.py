"""Trains fully connected networks on the real data sets and prints each result and the median over the seeds.

    python real_data.py mnist [--seeds 1 2 3] [--epochs N]
    python real_data.py fashion-mnist | cifar-10 | cifar-10-deep

The data are the published files, read by martlet.datasets: in the folder that MARTLET_DATA names, or in ../shared/data
beside the repository.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import martlet
from martlet import datasets, layers, optimizers, regularizers


def load(published):
    """Training and test set as datasets of images scaled to 0 ... 1."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = os.environ.get("MARTLET_DATA", beside)
    return [
        martlet.Dataset(x, y, scale=1 / 255, class_names=published.CLASS_NAMES) for x, y in published.load_data(folder)
    ]


def network(widths, mean=None, l2=0.0):
    """Flatten, Dense layers with ReLU (Glorot), and a softmax; a mean image is subtracted first if given."""
    chain = [] if mean is None else [layers.Normalization(mean=mean)]
    chain.append(layers.Flatten())
    for width in widths[:-1]:
        chain.append(layers.Dense(width, "relu", kernel_regularizer=regularizers.L2(l2)))
    chain.append(layers.Dense(widths[-1], "softmax", kernel_regularizer=regularizers.L2(l2)))
    return chain


def train(seed, training, validation, test, chain, optimizer, batch_size, epochs):
    """Train once. Returns the best validation accuracy over the epochs and the test accuracy at the end."""
    model = martlet.Sequential([martlet.Input(training.x_shape), *chain], seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(training, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=2)
    losses = history.history["loss"] + history.history["val_loss"]
    if not np.isfinite(losses).all():
        sys.exit("the losses have a gap: " + str(losses))
    return max(history.history["val_accuracy"]), model.evaluate(test)[1]


def mnist(seed, epochs):
    training, test = load(datasets.mnist)
    training, validation = training[:50_000], training[50_000:]
    sgd = optimizers.SGD(0.1)
    return train(seed, training, validation, test, network([360, 10]), sgd, 32, epochs or 10)


def fashion_mnist(seed, epochs):
    training, test = load(datasets.fashion_mnist)
    training, validation = training[:50_000], training[50_000:]
    sgd = optimizers.SGD(0.1)
    return train(seed, training, validation, test, network([392, 128, 10]), sgd, 100, epochs or 50)


def cifar10_wide(seed, epochs):
    return cifar10(seed, epochs, [900, 10])


def cifar10_deep(seed, epochs):
    return cifar10(seed, epochs, [1024, 128, 10])


def cifar10(seed, epochs, widths):
    training, test = load(datasets.cifar10)
    training, validation = training[:40_000], training[40_000:]
    mean, _ = training.statistics(axis=(1, 2, 3))
    sgd = optimizers.SGD(0.8, learning_rate_decay=0.92)
    chain = network(widths, mean, l2=1e-7)
    return train(seed, training, validation, test, chain, sgd, 1000, epochs or 75)


RUNS = {"mnist": mnist, "fashion-mnist": fashion_mnist, "cifar-10": cifar10_wide, "cifar-10-deep": cifar10_deep}


def main():
    parser = argparse.ArgumentParser(description="Train on the real data sets.")
    parser.add_argument("run", choices=RUNS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="default: as many as the run is defined with")
    options = parser.parse_args()
    results = []
    for seed in options.seeds:
        begin = time.perf_counter()
        results.append(RUNS[options.run](seed, options.epochs))
        validation, test = results[-1]
        seconds = time.perf_counter() - begin
        print(f"seed {seed}: best validation {validation:.2%}, test {test:.2%}, {seconds:.0f} s", flush=True)
    validation, test = (statistics.median(values) for values in zip(*results))
    print(f"{options.run}: median of {len(results)}: best validation {validation:.2%}, test {test:.2%}")


if __name__ == "__main__":
    main()
