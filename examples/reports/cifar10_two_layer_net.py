"""Report 4: a net of two layers on CIFAR-10, from the check of its formulas to the best that it can do.

Experiments and options: report.py. `search` comes before `best`, which trains what it has chosen.
"""

import functools
import itertools

import neighbours
import numpy as np
import toy_net
import two_layer_page
from neighbours import Neighbours
from report import Report, processor_seconds, shrink

import martlet
from martlet import initializers, layers, losses, optimizers, plot, regularizers
from martlet.datasets import cifar10

report = Report(__file__)
SEEDS = (1, 2, 3)
IMAGE = (32, 32, 3)


# --- Data and nets.


@functools.cache
def arrays():
    return cifar10.load_data()


@functools.cache
def datasets():
    """Training, validation and test rows: 40,000, 10,000 and 10,000, pixels from 0 to 1."""
    whole, test = (martlet.Dataset(x, y, scale=1 / 255) for x, y in arrays())
    count = report.size(10_000, 500)
    return whole[: 4 * count], whole[40_000 : 40_000 + count], test[:count]


def net(seed, width, rate, decay=1.0, l2=0.0, dropout=0.0, sigma=None, rows=None):
    """3072-width-10, compiled: mean image subtracted, ReLU, softmax cross-entropy, L2, gradient descent.

    width 0: no hidden layer and the hinge loss, a linear SVM. sigma: standard deviation of the first weights; None:
    Glorot's uniform distribution. rows: what the mean image is that of; None: the training rows.
    """
    mean, _ = (rows or datasets()[0]).statistics(axis=(1, 2, 3))
    start = "glorot_uniform" if sigma is None else initializers.RandomNormal(stddev=sigma)
    options = {"kernel_initializer": start, "kernel_regularizer": regularizers.L2(l2)}
    chain = [martlet.Input(IMAGE), layers.Normalization(mean=mean), layers.Flatten()]
    if width:
        chain += [layers.Dense(width, "relu", name="hidden", **options), layers.Dropout(dropout)]
    model = martlet.Sequential([*chain, layers.Dense(10, name="scores", **options)], seed=seed)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if width else losses.CategoricalHinge()
    model.compile(optimizers.SGD(rate, learning_rate_decay=decay), loss, metrics=["accuracy"])
    return model


def trained(model, epochs, batch_size, training=None):
    """The history of a training, on the training rows if no others are given, with validation."""
    given, validation, _ = datasets()
    rows = training or given
    return model.fit(rows, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0).history


def batch():
    return report.size(1000, 100)


def draw_templates(name, kernel, **options):
    """What units of the first layer look for, each in its own scale."""
    plot.plot_templates(kernel, IMAGE, report.picture(name), scale="each", **options)
    shrink(report.picture(name))


def each_seed(function):
    return [function(seed) for seed in SEEDS[: report.size(3, 1)]]


# --- The toy net of the exercise, whose formulas are checked in double.


@report.experiment
def toy():
    return toy_net.check()


# --- The start at 9.77 %, where nothing moves.

# Name: standard deviation of the first weights (None: Glorot), learning rate.
STARTS = {"as begun": (1e-4, 1e-4), "larger rate": (1e-4, 0.1), "larger weights": (None, 1e-4), "both": (None, 0.1)}


@report.experiment
def start():
    training, validation, _ = datasets()
    steps, pieces = report.size(50, 5), report.size(20, 2)

    def run(sigma, rate, seed):
        model = net(seed, 50, rate, sigma=sigma)
        begin = model.evaluate(validation)
        before = model.get_weights()
        trainer = model.trainer()
        for _ in range(pieces):
            trainer.fit(training, validation, batch_size=200, iterations=steps)
        seen = [progress.validation for progress in trainer.history]
        moved = [
            float(np.linalg.norm(after - first) / np.linalg.norm(first))
            for after, first in zip(model.get_weights()[::2], before[::2])
        ]
        called = np.bincount(model.predict(validation).argmax(axis=1), minlength=10)
        return {
            "loss": [begin[0], *(one.data_loss for one in seen)],
            "accuracy": [begin[1], *(one.accuracy for one in seen)],
            "moved": moved,
            "called": called,
        }

    runs = {name: each_seed(lambda seed, given=given: run(*given, seed)) for name, given in STARTS.items()}
    labels = arrays()[0][1][40_000:50_000]
    return {
        "iterations": [steps * piece for piece in range(pieces + 1)],
        "class_counts": np.bincount(labels, minlength=10),
        "runs": [{"name": name, "given": STARTS[name], "seeds": seeds} for name, seeds in runs.items()],
    }


@report.experiment
def templates():
    """What 50 units look for that began small: what is seen has been learned."""
    model = net(1, 50, 0.1, l2=1e-3, sigma=1e-4)
    draw_templates("templates-before", model.get_layer("hidden").get_weights()[0], units=range(8))
    history = trained(model, report.size(20, 1), 200)
    draw_templates("templates", model.get_layer("hidden").get_weights()[0], units=range(24), columns=8)
    return {"validation": history["val_accuracy"][-1]}


# --- Sweeps: one setting changes, all else stays.


@report.experiment
def hidden():
    widths = [10, 25, 50, 100, 200, 400, 900]

    def run(width, seed):
        model = net(seed, width, 0.8, decay=0.92, l2=1e-7)
        begin, epochs = processor_seconds(), report.size(10, 1)
        history = trained(model, epochs, batch())
        return history["accuracy"][-1], history["val_accuracy"][-1], (processor_seconds() - begin) / epochs

    widths = widths[: report.size(len(widths), 2)]
    runs = [each_seed(lambda seed, width=width: run(width, seed)) for width in widths]
    training, validation, seconds = ([[run[part] for run in seeds] for seeds in runs] for part in range(3))
    return {"widths": widths, "training": training, "validation": validation, "seconds_per_epoch": seconds}


@report.experiment
def regularisation():
    shown = [0, 1e-3, 1e-1]
    strengths = shown if report.short else [0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    few = datasets()[0][: report.size(10_000, 1000)]
    rows, histories = [], {}
    for l2 in strengths:
        runs = each_seed(
            lambda seed, l2=l2: trained(net(seed, 200, 0.1, l2=l2, rows=few), report.size(60, 2), 100, training=few)
        )
        rows.append([[run[name][-1] for run in runs] for name in ("accuracy", "val_accuracy")])
        if l2 in shown:
            histories[l2] = runs[0]
    return {
        "strengths": strengths,
        "training": [row[0] for row in rows],
        "validation": [row[1] for row in rows],
        "histories": [{"l2": l2, **history} for l2, history in histories.items()],
    }


@report.experiment
def rates():
    tried = [1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 0.8, 1.5, 3.0]

    def run(rate, seed):
        """The validation accuracy; that of guessing if the loss became infinite."""
        try:
            return trained(net(seed, 200, rate), report.size(5, 1), 200)["val_accuracy"][-1]
        except martlet.NotFiniteError:
            return 0.1

    tried = tried[:: report.size(1, 4)]
    return {"rates": tried, "validation": [each_seed(lambda seed, rate=rate: run(rate, seed)) for rate in tried]}


@report.experiment
def budgets():
    """One long run, looked at on its way: with a constant rate a short budget is the beginning of a long one."""
    ends = [100, 300, 1000, 3000, 10_000, 30_000][: report.size(6, 1)]
    training, validation, _ = datasets()

    def run(seed):
        trainer, seconds = net(seed, 100, 0.05).trainer(), 0.0
        for done, end in zip([0, *ends], ends):
            begin = processor_seconds()
            trainer.fit(training, validation, batch_size=200, epochs=end, iterations=end - done)
            seconds += processor_seconds() - begin
            yield trainer.evaluate(training).accuracy, trainer.history[-1].validation.accuracy, seconds

    runs = each_seed(lambda seed: list(zip(*run(seed))))
    training, validation, seconds = ([found[part] for found in runs] for part in range(3))
    return {"iterations": ends, "training": training, "validation": validation, "seconds_of_training": seconds}


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
def known():
    epochs = report.size(35, 2)

    def run(seed):
        model = net(seed, **KNOWN)
        history = trained(model, epochs, batch())
        return {"history": history, "test": model.evaluate(datasets()[2])[1]}

    return {"epochs": epochs, "runs": each_seed(run)}


@report.experiment
def search():
    """Successive halving: train all for 4 epochs, and again and again the better half for as many epochs as before."""
    whole = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]
    drawn = np.random.default_rng(4).permutation(len(whole))
    settings = [KNOWN, *(whole[index] for index in drawn if whole[index] != KNOWN)][: report.size(16, 4)]
    rivals = [(setting, net(1, **setting), []) for setting in settings]
    alive, epochs = rivals, report.size(4, 1)
    while len(alive) > 1:
        for _, model, reached in alive:
            done = model.trainer().epochs_done
            reached.append(trained(model, epochs - done, batch())["val_accuracy"][-1])
        alive = sorted(alive, key=lambda rival: -rival[2][-1])[: len(alive) // 2]
        epochs *= 2
    rungs = [report.size(4, 1) * 2**rung for rung in range(len(alive[0][2]))]
    found = [{"setting": setting, "accuracy": reached} for setting, _, reached in rivals]
    return {"size": len(whole), "rungs": rungs, "rivals": found, "chosen": alive[0][0]}


@report.experiment
def best():
    """The chosen setting, trained on all training rows; then the test set, once."""
    setting = vars(report.figures("search").chosen)
    everything, test = (martlet.Dataset(x, y, scale=1 / 255) for x, y in arrays())
    everything, test = everything[: report.size(50_000, 2000)], test[: report.size(10_000, 500)]
    epochs = report.size(45, 2)

    def run(seed):
        model = net(seed, **setting, rows=everything)
        before, begin = model.get_layer("hidden").get_weights()[0], processor_seconds()
        model.fit(everything, batch_size=batch(), epochs=epochs, verbose=0)
        seconds = processor_seconds() - begin
        if seed == SEEDS[0]:
            learned = model.get_layer("hidden").get_weights()[0] - before
            strongest = np.argsort(-np.linalg.norm(learned, axis=0))[:24]
            draw_templates("best-templates", learned, units=strongest, columns=8)
        return {"training": model.history.history["accuracy"][-1], "test": model.evaluate(test)[1], "seconds": seconds}

    return {"epochs": epochs, "setting": setting, "runs": each_seed(run)}


# --- Beside it: a linear SVM and the nearest neighbours.


@report.experiment
def svm():
    strengths = [1e-4, 1e-3, 1e-2, 1e-1]
    test = datasets()[2]

    def run(l2, seed):
        model = net(seed, 0, 0.02, decay=0.9, l2=l2)
        return model, trained(model, report.size(20, 2), 200)["val_accuracy"][-1]

    tried = [run(l2, SEEDS[0])[1] for l2 in strengths]
    l2 = strengths[int(np.argmax(tried))]
    runs = each_seed(lambda seed: run(l2, seed))
    kernel = runs[0][0].get_layer("scores").get_weights()[0]
    draw_templates("svm-templates", kernel, class_names=cifar10.CLASS_NAMES, columns=5)
    return {
        "strengths": strengths,
        "tried": tried,
        "chosen": l2,
        "validation": [validation for _, validation in runs],
        "test": [model.evaluate(test)[1] for model, _ in runs],
    }


@report.experiment
def knn():
    (x, y), (x_test, y_test) = arrays()
    count = report.size(10_000, 500)
    tried = [1, 3, 5, 8, 10, 15, 20, 50]
    training = Neighbours(x[: 4 * count], y[: 4 * count], max(tried))
    x_held_out, y_held_out = x[40_000 : 40_000 + count], y[40_000 : 40_000 + count]
    nearest = training.nearest(x_held_out)
    validation = training.accuracies(nearest, y_held_out, tried)
    chosen = tried[int(np.argmax(validation))]
    first = [int(np.argmax(y_held_out == label)) for label in (3, 6, 8, 9)]  # cat, frog, ship, truck
    shown = x_held_out[first], y_held_out[first], nearest[first, :6]
    neighbours.draw(report.picture("neighbours"), *shown, training, cifar10.CLASS_NAMES)
    shrink(report.picture("neighbours"))
    (test,) = training.accuracies(training.nearest(x_test[:count]), y_test[:count], [chosen])
    return {"tried": tried, "validation": validation, "chosen": chosen, "test": test}


# --- The page.


@report.page
def page(results):
    two_layer_page.check(report, results)
    two_layer_page.draw(report, results)
    return two_layer_page.tables(results)


if __name__ == "__main__":
    report.main()
