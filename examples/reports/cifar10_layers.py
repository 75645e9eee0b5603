"""CIFAR-10, 3072-256-10 and 3072-1024-128-10: a gradient divided twice, an inverted ReLU', and the log of nothing."""

from functools import cache
from statistics import median
from types import SimpleNamespace

import numpy as np
from by_hand import Network, Rows
from report import Report, duration, epoch_seconds, table

from martlet import Dataset, Input, Sequential, callbacks, layers, optimizers, plot
from martlet.datasets import cifar10

report = Report(__file__)
TWO_LAYERS, THREE_LAYERS = [3072, 256, 10], [3072, 1024, 128, 10]
SEEDS = [1, 2, 3]
RATE = 1e-2


# --- The report's mistakes.


class DividedTwice(Network):
    def weight_gradient(self, x: np.ndarray, dz: np.ndarray) -> np.ndarray:
        return super().weight_gradient(x, dz) / len(x)  # dz was divided by N already


class InvertedSlope(Network):
    def hidden_gradient(self, dz: np.ndarray, w: np.ndarray, sums: np.ndarray) -> np.ndarray:
        return dz @ w.T * (sums <= 0)  # ReLU' is 1 where the sum is positive


class AllMistakes(DividedTwice, InvertedSlope):
    def losses(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return -np.log(self.probabilities(scores)[np.arange(len(y)), y])  # of a probability that may be 0


MISTAKES = {"divided_twice": DividedTwice, "inverted": InvertedSlope}
LABELS = {"divided_twice": "divided by N twice", "inverted": "ReLU' inverted"}


# --- Data: 30,000 images for training, the next 10,000 for validation, and the official test set.


@cache
def images() -> list[Rows]:
    (x, y), (x_test, y_test) = cifar10.load_data()
    rows, others = report.size(30_000, 640), report.size(10_000, 320)
    validation = slice(30_000, 30_000 + others)
    return [(x[:rows], y[:rows]), (x[validation], y[validation]), (x_test[:others], y_test[:others])]


def datasets() -> list[Dataset]:
    return [Dataset(x, y, scale=1 / 255, class_names=cifar10.CLASS_NAMES) for x, y in images()]


def arrays() -> list[Rows]:
    """The same for NumPy: x [N, 3072] of 0 ... 1, y [N]."""
    return [(x.reshape(len(x), -1) / np.float32(255), y) for x, y in images()]


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
    eight, y = (array[:8] for array in images()[0])
    x = eight.reshape(8, -1) / 255
    figures = {}
    for name, kind in {"right": Network, **MISTAKES}.items():
        by_hand = kind(TWO_LAYERS, seed=1)
        found = [weights for weights, _ in by_hand.gradients(x, y)]
        figures[name] = {f"layer_{index + 1}": compared(by_hand, index, found[index], x, y) for index in (0, 1)}
    by_hand = Network(TWO_LAYERS, seed=1)
    model = with_weights_of(by_hand, TWO_LAYERS)
    pixels = eight / np.float32(255)
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
    (training, validation, _), figures = arrays(), {}
    for name, kind in MISTAKES.items():
        by_hand = kind(widths, seed=1, dtype=np.float32)
        history = by_hand.fit(*training, validation, batch_size, report.size(5, 2), RATE, seed=1)
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
        "validation": median(run["val_accuracy"][-1] for run in runs),
        "test": median(tests),
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


def with_dropout(training: Dataset, seed: int) -> Sequential:
    """3072-1024-128-10 with the mean image of the training set subtracted, dropout and momentum."""
    mean, _ = training.statistics(axis=(1, 2, 3))
    chain = [Input((32, 32, 3)), layers.Normalization(mean=mean), layers.Flatten()]
    for width, rate in zip(THREE_LAYERS[1:-1], (0.4, 0.2)):
        chain += [layers.Dense(width, "relu"), layers.Dropout(rate)]
    model = Sequential([*chain, layers.Dense(10, "softmax")], seed=seed)
    momentum = optimizers.SGD(RATE, momentum=0.9, learning_rate_decay=0.94)
    model.compile(momentum, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@report.experiment
def dropout() -> dict:
    """Dropout and early stopping, three seeds."""
    training, validation, test = datasets()
    runs, tests, best = [], [], []
    for seed in SEEDS:
        model = with_dropout(training, seed)
        stop = callbacks.EarlyStopping("val_accuracy", patience=4, restore_best_weights=True)
        history = model.fit(training, None, 128, report.size(40, 2), 0, [stop], validation_data=validation)
        runs.append(history.history)
        best.append(stop.best_epoch)
        tests.append(model.evaluate(test)[1])
    return {
        "runs": runs,
        "best_epochs": best,
        "validation": median(run["val_accuracy"][epoch] for run, epoch in zip(runs, best)),
        "test": median(tests),
        "tests": tests,
    }


@report.experiment
def clock() -> dict:
    """Seconds of an epoch of the network with dropout."""
    training = datasets()[0]
    return {"epoch_seconds": epoch_seconds(with_dropout(training, SEEDS[0]), training, 128)}


# --- The page.


@report.claims
def claims(results: SimpleNamespace) -> dict[str, bool]:
    broken, dropped = results.log_of_probability, results.dropout
    right = [results.two_layers.runs, results.three_layers.runs]
    by_hand = [results.two_layers_by_hand, results.three_layers_by_hand]
    divided, inverted = ([getattr(found, name) for found in by_hand] for name in MISTAKES)
    highest = [max(run.val_loss[-1] for run in runs) for runs in right]
    accuracies = [run.val_accuracy[-1] for run in right[0]]
    losses = [run.loss + run.val_loss for run in [*right[0], *right[1], *dropped.runs]]
    return {
        "each mistake ends at a higher loss than each right seed": all(
            wrong.history.val_loss[-1] > bound for each in (divided, inverted) for wrong, bound in zip(each, highest)
        ),
        "divided twice, the loss falls": all((np.diff(each.history.val_loss) < 0).all() for each in divided),
        "in batches of 8 with a right accuracy": min(accuracies) < divided[0].validation < max(accuracies),
        "in batches of 128 with nearly half lost": 0.5 < divided[1].validation / results.three_layers.validation < 0.6,
        "an inverted slope does better than chance": all(each.validation > 0.1 for each in inverted),
        "and about 15 % with three layers": abs(inverted[1].validation - 0.15) < 0.01,
        "no gap in a loss of Martlet": bool(np.isfinite(np.concatenate([*losses, broken.martlet])).all()),
        "the first loss by hand is infinite": broken.written[0] is None,
        "from the scores it ends at 20 times Martlet's": ended(broken.stable) > 20 * ended(broken.martlet),
        "Martlet ends where guessing does": abs(ended(broken.martlet) - np.log(10)) < 0.1,
        "Martlet's gradients are those of its loss": results.gradients.martlet.error < 1e-5,
        "at least 50 % of the test set": dropped.test >= 0.5,
        "training stops early with most seeds": median(len(run.loss) for run in dropped.runs) < 40,
        "training begins below validation": all(run.accuracy[0] < run.val_accuracy[0] for run in dropped.runs),
    }


def ended(losses: list[float]) -> float:
    """Of the last 100 batches."""
    return median(losses[-100:])


@report.page
def page(results: SimpleNamespace) -> dict:
    for name in ("two_layers", "three_layers"):
        by_hand = getattr(results, f"{name}_by_hand")
        runs = {"right": [vars(run) for run in getattr(results, name).runs]}
        runs |= {label: vars(getattr(by_hand, kind).history) for kind, label in LABELS.items()}
        plot.plot_runs(runs, report.picture(name), metric="val_accuracy")
    broken, dropped = results.log_of_probability, results.dropout
    draw_gaps(broken)
    middle = dropped.tests.index(dropped.test)
    run, best = dropped.runs[middle], dropped.best_epochs[middle]
    plot.plot_history(vars(run), report.picture("dropout"), best_epoch=best)
    epochs, shallow = len(run.loss), [run.val_accuracy[-1] for run in results.two_layers.runs]
    both = ["two_layers", "two_layers_by_hand"], ["three_layers", "three_layers_by_hand"]
    return {
        "ours_run": report.command(["two_layers", "three_layers", "dropout"], results),
        "two_layers_run": report.command(both[0], results),
        "three_layers_run": report.command(both[1], results),
        "mistakes_run": report.command([*both[0], *both[1]], results),
        "gradients_table": gradients_table(results.gradients),
        "shallow_from": min(shallow),
        "shallow_to": max(shallow),
        "divided_loss": results.two_layers_by_hand.divided_twice.history.val_loss[-1],
        "shallow_loss": max(run.val_loss[-1] for run in results.two_layers.runs),
        "written_end": ended(broken.stable),
        "martlet_end": ended(broken.martlet),
        "martlet_peak": max(broken.martlet),
        "epochs": epochs,
        "training_time": duration(epochs * results.clock.epoch_seconds),
        "median_best_epoch": best + 1,
        "ended_after": ", ".join(str(len(run.loss)) for run in dropped.runs),
        "dropout_tests": ", ".join(f"{accuracy:.2%}" for accuracy in dropped.tests),
    }


def gradients_table(gradients: SimpleNamespace) -> str:
    rows = []
    for name, label in {"right": "right", **LABELS}.items():
        found = [getattr(getattr(gradients, name), layer) for layer in ("layer_1", "layer_2")]
        rows.append([label, *(f"{each.length:.3f}" for each in found), *(f"{each.error:.1e}" for each in found)])
    return table(["Formula", "Length, layer 1", "Length, layer 2", "Error, layer 1", "Error, layer 2"], rows)


def draw_gaps(figures: SimpleNamespace) -> None:
    runs = {"by hand: log of the probability": figures.written, "Martlet: from the scores": figures.martlet}
    figure = plot.plot_runs(runs, xlabel="batch", log="y", ylabel="loss of the batch")
    gaps = [index for index, loss in enumerate(figures.written) if loss is None]
    # Where the curve is missing, what it would be: the same scores in the stable form.
    axes, points = figure.axes[0], ([gap + 1 for gap in gaps], [figures.stable[gap] for gap in gaps])
    label = f"gaps by hand ({len(gaps)}): the loss from the scores"
    axes.legend(handles=axes.plot(*points, "x", color="black", label=label), fontsize=8)
    plot.save(figure, report.picture("gaps"))


if __name__ == "__main__":
    report.main()
