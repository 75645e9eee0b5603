"""CIFAR-10, 3072-256-10 and 3072-1024-128-10: a gradient divided twice, an inverted ReLU', and the log of nothing."""

import functools
import statistics
import time

import numpy as np
from by_hand import Network
from report import Report, table

from martlet import Dataset, Input, Sequential, callbacks, layers, optimizers, plot
from martlet.datasets import cifar10

report = Report(__file__)
TWO_LAYERS, THREE_LAYERS = [3072, 256, 10], [3072, 1024, 128, 10]
SEEDS = [1, 2, 3]
RATE = 1e-2


# --- The report's mistakes.


class DividedTwice(Network):
    def weight_gradient(self, x, dz):
        return super().weight_gradient(x, dz) / len(x)  # dz was divided by N already


class InvertedSlope(Network):
    def hidden_gradient(self, dz, w, sums):
        return dz @ w.T * (sums <= 0)  # ReLU' is 1 where the sum is positive


class AllMistakes(DividedTwice, InvertedSlope):
    def losses(self, scores, y):
        with np.errstate(divide="ignore"):
            return -np.log(self.probabilities(scores)[np.arange(len(y)), y])  # of a probability that may be 0


# --- Data: 30,000 images for training, the next 10,000 for validation, and the official test set.


@functools.cache
def images() -> list[tuple[np.ndarray, np.ndarray]]:
    (x, y), (x_test, y_test) = cifar10.load_data()
    rows, others = report.size(30_000, 640), report.size(10_000, 320)
    validation = slice(30_000, 30_000 + others)
    return [(x[:rows], y[:rows]), (x[validation], y[validation]), (x_test[:others], y_test[:others])]


def datasets() -> list[Dataset]:
    return [Dataset(x, y, scale=1 / 255, class_names=cifar10.CLASS_NAMES) for x, y in images()]


def rows(part: int, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Training (0) or validation set (1) for NumPy: x [N, 3072] of 0 ... 1, y [N]."""
    x, y = images()[part]
    return x.reshape(len(x), -1) / dtype(255), y.astype(np.int64)


def network(widths: list[int], seed: int) -> Sequential:
    """Flatten, Dense layers with ReLU, softmax: what by_hand.Network is. SGD."""
    hidden = [layers.Dense(width, "relu") for width in widths[1:-1]]
    chain = [Input((32, 32, 3)), layers.Flatten(), *hidden, layers.Dense(widths[-1], "softmax")]
    model = Sequential(chain, seed=seed)
    model.compile(optimizers.SGD(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def with_weights_of(by_hand: Network, widths: list[int]) -> Sequential:
    model = network(widths, seed=1)
    pairs = zip(by_hand.weights, by_hand.biases)
    model.set_weights([array.astype(np.float32) for pair in pairs for array in pair])
    return model


# --- The experiments.


@report.experiment
def gradients() -> dict:
    """Gradients of 8 images against difference quotients: how long they are, and how far off."""
    x, y = (array[:8] for array in rows(0, np.float64))
    figures = {}
    for name, kind in {"right": Network, "divided_twice": DividedTwice, "inverted": InvertedSlope}.items():
        by_hand = kind(TWO_LAYERS, seed=1)
        found = [weights for weights, _ in by_hand.gradients(x, y)]
        figures[name] = {f"layer_{index + 1}": compared(by_hand, index, found[index], x, y) for index in (0, 1)}
    by_hand = Network(TWO_LAYERS, seed=1)
    model = with_weights_of(by_hand, TWO_LAYERS)
    pixels = images()[0][0][:8] / np.float32(255)
    checked = model.check_gradients(pixels, y, sample=report.size(20, 4))
    model.train_on_batch(pixels, y)
    by_hand.step(x, y, RATE)
    apart = max(np.abs(ours - theirs).max() for ours, theirs in zip(model.get_weights()[::2], by_hand.weights))
    return {**figures, "martlet": {"error": checked.largest_error, "loss": checked.loss, "weights_apart": float(apart)}}


def compared(by_hand: Network, layer: int, gradient: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict:
    """50 elements of the gradient by one layer's weights beside the central differences of the loss."""
    weights, step = by_hand.weights[layer], 1e-5
    random = np.random.default_rng(1)
    places = [tuple(random.integers(size) for size in weights.shape) for _ in range(50)]
    numeric = []
    for place in places:
        weight, losses = weights[place], []
        for moved in (weight + step, weight - step):
            weights[place] = moved
            losses.append(by_hand.evaluate(x, y)[0])
        weights[place] = weight
        numeric.append((losses[0] - losses[1]) / (2 * step))
    given = np.array([gradient[place] for place in places])
    length, expected = np.linalg.norm(given), np.linalg.norm(numeric)
    return {"length": length / expected, "error": np.linalg.norm(given - numeric) / (length + expected)}


def mistaken(widths: list[int], batch_size: int) -> dict:
    """Histories of the networks by hand with one mistake each."""
    figures = {}
    for name, kind in {"divided_twice": DividedTwice, "inverted": InvertedSlope}.items():
        by_hand = kind(widths, seed=1, dtype=np.float32)
        history = by_hand.fit(*rows(0), rows(1), batch_size, report.size(5, 2), RATE, seed=1)
        figures[name] = {"validation": history["val_accuracy"][-1], "history": history}
    return figures


def corrected(widths: list[int], batch_size: int) -> dict:
    """The same in Martlet, three seeds; test data at the end."""
    training, validation, test = datasets()
    runs, tests = [], []
    for seed in SEEDS:
        model = network(widths, seed)
        history = model.fit(training, None, batch_size, report.size(5, 2), 0, validation_data=validation)
        runs.append(history.history)
        tests.append(model.evaluate(test)[1])
    return {
        "runs": runs,
        "validation": statistics.median(run["val_accuracy"][-1] for run in runs),
        "test": statistics.median(tests),
        "tests": tests,
    }


@report.experiment
def two_layers_by_hand() -> dict:
    return mistaken(TWO_LAYERS, 8)


@report.experiment
def two_layers() -> dict:
    return corrected(TWO_LAYERS, 8)


@report.experiment
def three_layers_by_hand() -> dict:
    return mistaken(THREE_LAYERS, 128)


@report.experiment
def three_layers() -> dict:
    return corrected(THREE_LAYERS, 128)


@report.experiment
def log_of_probability() -> dict:
    """All mistakes together on pixels of 0 ... 255; the losses of every batch, None where they are infinite."""
    x, y = images()[0]
    batch_size, labels = 128, y.astype(np.int64)
    order = np.random.default_rng(1).permutation(len(x))
    epochs = report.size(2, 1)
    batches = [order[begin : begin + batch_size] for begin in range(0, len(x) - batch_size + 1, batch_size)] * epochs
    by_hand = AllMistakes(THREE_LAYERS, seed=1)
    model = with_weights_of(by_hand, THREE_LAYERS)
    # Weight gradients divided by N twice are the right ones at a rate divided by N.
    model.compile(optimizers.SGD(RATE / batch_size), "sparse_categorical_crossentropy", metrics=["accuracy"])
    written, stable, ours = [], [], []
    for batch in batches:
        pixels = x[batch].reshape(batch_size, -1).astype(np.float64)
        scores = by_hand.forward(pixels)[1][-1]
        written.append(float(by_hand.losses(scores, labels[batch]).mean()))
        stable.append(float(Network.losses(by_hand, scores, labels[batch]).mean()))
        by_hand.step(pixels, labels[batch], RATE)
        ours.append(model.train_on_batch(x[batch].astype(np.float32), labels[batch])[0])
    pixels, right = images()[1][0].reshape(-1, 3072).astype(np.float64), images()[1][1]
    return {
        "batches": len(batches),
        "gaps": int(np.sum(~np.isfinite(written))),
        "written": [loss if np.isfinite(loss) else None for loss in written],
        "stable": stable,
        "martlet": ours,
        "val_accuracy": by_hand.evaluate(pixels, right.astype(np.int64))[1],
    }


@report.experiment
def dropout() -> dict:
    """3072-1024-128-10 with the mean image subtracted, momentum, dropout and early stopping."""
    training, validation, test = datasets()
    mean, _ = training.statistics(axis=(1, 2, 3))
    runs, tests, best, seconds = [], [], [], []
    for seed in SEEDS:
        chain = [Input((32, 32, 3)), layers.Normalization(mean=mean), layers.Flatten()]
        for width, rate in zip(THREE_LAYERS[1:-1], (0.5, 0.25)):
            chain += [layers.Dense(width, "relu"), layers.Dropout(rate)]
        model = Sequential([*chain, layers.Dense(10, "softmax")], seed=seed)
        momentum = optimizers.SGD(RATE, momentum=0.9, learning_rate_decay=0.96)
        model.compile(momentum, "sparse_categorical_crossentropy", metrics=["accuracy"])
        stop = callbacks.EarlyStopping("val_accuracy", patience=8, restore_best_weights=True)
        begin = time.process_time()
        history = model.fit(training, None, 128, report.size(60, 2), 0, [stop], validation_data=validation)
        runs.append(history.history)
        best.append(stop.best_epoch)
        tests.append(model.evaluate(test)[1])
        seconds.append(time.process_time() - begin)
    return {
        "runs": runs,
        "best_epochs": best,
        "validation": statistics.median(run["val_accuracy"][epoch] for run, epoch in zip(runs, best)),
        "test": statistics.median(tests),
        "tests": tests,
        "seconds_per_seed": statistics.median(seconds),
    }


# --- The page.


@report.page
def page(results) -> dict:
    for name, ours, by_hand in (
        ("two_layers", results.two_layers, results.two_layers_by_hand),
        ("three_layers", results.three_layers, results.three_layers_by_hand),
    ):
        runs = {
            "right": [vars(run) for run in ours.runs],
            "gradient divided twice": vars(by_hand.divided_twice.history),
            "ReLU' inverted": vars(by_hand.inverted.history),
        }
        plot.plot_runs(runs, report.picture(name), metric="val_accuracy")
        for wrong in (by_hand.divided_twice, by_hand.inverted):
            report.require(wrong.validation < ours.validation, f"{name}: the mistake costs accuracy")
    draw_gaps(results.log_of_probability)
    median = results.dropout.tests.index(results.dropout.test)
    best = results.dropout.best_epochs[median]
    plot.plot_history(vars(results.dropout.runs[median]), report.picture("dropout"), best_epoch=best)

    finite = [run.loss + run.val_loss for part in (results.two_layers, results.three_layers) for run in part.runs]
    finite += [run.loss + run.val_loss for run in results.dropout.runs] + [results.log_of_probability.martlet]
    report.require(bool(np.isfinite(np.concatenate(finite)).all()), "no gap in a loss of Martlet")
    report.require(results.log_of_probability.gaps > 0, "gaps in the report's curve")
    report.require(results.dropout.test >= 0.5, "at least 50 % of the test set")
    report.require(results.gradients.martlet.error < 1e-5, "Martlet's gradients are those of its loss")
    return {
        "gradients_table": gradients_table(results.gradients),
        "median_best_epoch": best + 1,
        "dropout_tests": ", ".join(f"{accuracy:.2%}" for accuracy in results.dropout.tests),
    }


def gradients_table(gradients) -> str:
    rows = [
        [label, *(f"{getattr(found, layer).length:.3f}" for layer in ("layer_1", "layer_2"))]
        + [f"{getattr(found, layer).error:.1e}" for layer in ("layer_1", "layer_2")]
        for label, found in (
            ("right", gradients.right),
            ("divided by N twice", gradients.divided_twice),
            ("ReLU' inverted", gradients.inverted),
        )
    ]
    return table(["Formula", "Length, layer 1", "Length, layer 2", "Error, layer 1", "Error, layer 2"], rows)


def draw_gaps(figures) -> None:
    runs = {"by hand: log of the probability": figures.written, "Martlet: from the scores": figures.martlet}
    figure = plot.plot_runs(runs, xlabel="batch", log="y", ylabel="loss of the batch")
    gaps = [index for index, loss in enumerate(figures.written) if loss is None]
    axes = figure.axes[0]
    # Where the curve is missing, what it would be: the same scores in the stable form.
    points = [gap + 1 for gap in gaps], [figures.stable[gap] for gap in gaps]
    axes.plot(*points, "x", color="black", label=f"gaps by hand ({len(gaps)}): the loss from the scores")
    figure.legends.clear()
    axes.legend(fontsize=8)
    plot.save(figure, report.picture("gaps"))


if __name__ == "__main__":
    report.main()
