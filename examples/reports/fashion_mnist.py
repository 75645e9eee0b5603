"""Fashion-MNIST, 784-392-128-10: what dividing hidden gradients costs, batch size and epochs, ReLU and sigmoid."""

import tempfile
import time
from functools import cache
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
from by_hand import Network
from long_run import LongRun
from report import Report, duration, epoch_seconds, table

from martlet import Dataset, Input, Sequential, layers, optimizers, plot
from martlet.callbacks import ModelCheckpoint
from martlet.datasets import fashion_mnist
from martlet.models import load_model

report = Report(__file__)
WIDTHS = [784, 392, 128, 10]
SEEDS = [1, 2, 3]


@cache
def datasets() -> list[Dataset]:
    return report.datasets(fashion_mnist)


def arrays() -> list[tuple[np.ndarray, np.ndarray]]:
    """The same rows for NumPy."""
    given, test = fashion_mnist.load_data()
    parts = zip((given, given, test), report.parts())
    return [(x[part].reshape(-1, WIDTHS[0]) / 255, y[part]) for (x, y), part in parts]


def network(activation: str, seed: int, decay: float = 1.0) -> Sequential:
    """784-392-128-10 with Glorot's first weights, SGD at 0.1 (times `decay` after each epoch)."""
    chain = [layers.Dense(width, activation) for width in WIDTHS[1:-1]]
    model = Sequential([Input((28, 28)), layers.Flatten(), *chain, layers.Dense(WIDTHS[-1], "softmax")], seed=seed)
    sgd = optimizers.SGD(0.1, learning_rate_decay=decay)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def first_at(accuracies: list[float], bound: float) -> int | None:
    """The first epoch, counted from 1, that reaches a bound."""
    return next((index + 1 for index, accuracy in enumerate(accuracies) if accuracy >= bound), None)


# --- The report's mistake, and without it.


class DividedAgain(Network):
    """The report's network: the gradient of each hidden layer is divided by the rows of the batch once more."""

    def hidden_gradient(self, dz, w, sums):
        return super().hidden_gradient(dz, w, sums) / len(dz)


def by_hand(batch_size: int, seed: int) -> dict:
    training, validation, test = arrays()
    network = DividedAgain(WIDTHS, seed=seed)
    before = [w.copy() for w in network.weights]
    history = network.fit(*training, validation, batch_size, report.size(50, 2), 0.1, seed=seed)
    return {
        "test": network.evaluate(*test)[1],
        "reached_75": first_at(history["val_accuracy"], 0.75),
        "moved": moved(before, network.weights),
        "history": history,
    }


def moved(before: list[np.ndarray], after: list[np.ndarray]) -> list[float]:
    """How far training has moved the weights of each layer, in units of their first size."""
    return [float(np.linalg.norm(b - a) / np.linalg.norm(a)) for a, b in zip(before, after)]


@report.experiment
def divided() -> dict:
    return {"seeds": [by_hand(100, seed) for seed in SEEDS]}


@report.experiment
def divided_1000() -> dict:
    return by_hand(1000, 1)


@report.experiment
def checked() -> dict:
    """Each gradient over the difference quotient of the loss, layer by layer: the median over 20 weights."""
    (x, y), random = arrays()[0], np.random.default_rng(1)
    x, y, step = x[:100], y[:100], 1e-5
    ratios = {}
    for name, kind in (("right", Network), ("divided", DividedAgain)):
        network = kind(WIDTHS, seed=1)
        found = []
        for w, (dw, _) in zip(network.weights, network.gradients(x, y)):
            # Weights of which the loss depends: of a pixel that is always 0 it does not.
            places = random.permutation(np.argwhere(np.abs(dw) > np.abs(dw).max() / 10))[:20]
            quotients = []
            for place in map(tuple, places):
                value = w[place]
                losses = []
                for w[place] in (value + step, value - step):
                    losses.append(network.evaluate(x, y)[0])
                w[place] = value
                quotients.append(dw[place] / ((losses[0] - losses[1]) / (2 * step)))
            found.append(median(quotients))
        ratios[name] = found
    return {**ratios, "first_loss": network.evaluate(x, y)[0]}


def trained(seed: int, decay: float) -> dict:
    """50 epochs in Martlet: test accuracy with the last weights, and with those of the best epoch in validation."""
    training, validation, test = datasets()
    model = network("relu", seed, decay)
    before = model.get_weights()[::2]
    with tempfile.TemporaryDirectory() as folder:
        best = ModelCheckpoint(Path(folder) / "best.h5", "val_accuracy", save_best_only=True, save_weights_only=True)
        epochs = report.size(50, 2)
        begin = time.process_time()
        history = model.fit(
            training, batch_size=100, epochs=epochs, validation_data=validation, callbacks=best, verbose=0
        )
        seconds = time.process_time() - begin
        last = model.evaluate(test)[1]
        away = moved(before, model.get_weights()[::2])
        model.load_weights(best.filepath)
    return {
        "last": last,
        "best": model.evaluate(test)[1],
        "reached_75": first_at(history.history["val_accuracy"], 0.75),
        "moved": away,
        "training_seconds": seconds,
        "history": history.history,
    }


@report.experiment
def clock() -> dict:
    """An epoch of the network on the clock, with two threads."""
    return {"epoch_seconds": epoch_seconds(network("relu", 1), datasets()[0], 100)}


@report.experiment
def corrected() -> dict:
    return {"seeds": [trained(seed, 1.0) for seed in SEEDS]}


@report.experiment
def decayed() -> dict:
    return {"seeds": [trained(seed, 0.96) for seed in SEEDS]}


# --- 1e-8 in the logarithm.


@report.experiment
def logarithm() -> dict:
    """Loss and its gradient by the score of the right class, which is `gap` below that of the other, in float32."""
    rows = []
    for gap in (0, 5, 15, 20, 50, 90, 120):
        scores = np.float32([0, gap])
        shifted = np.exp(scores - scores.max())
        p = (shifted / shifted.sum())[0]
        with np.errstate(divide="ignore"):
            bare = -np.log(p)
        added = np.float32(1e-8)
        rows.append(
            {
                "gap": gap,
                "probability": float(p),
                "bare": float(bare) if np.isfinite(bare) else None,
                "shifted": float(-np.log(p + added)),
                "shifted_gradient": float(-p * (1 - p) / (p + added)),
                **stable(gap),
            }
        )
    return {"rows": rows}


def stable(gap: float) -> dict:
    """The same of Martlet's loss. Scores are the biases of two outputs; a step at the rate 1 subtracts the gradient."""
    model = Sequential([Input((1,)), layers.Dense(2, "softmax")])
    model.compile(optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    x, y = np.zeros((1, 1), np.float32), np.array([0])
    model.set_weights([np.zeros((1, 2)), np.array([0, gap])])
    loss = model.evaluate(x, y)
    model.train_on_batch(x, y)
    return {"loss": loss, "gradient": -float(model.get_weights()[1][0])}


# --- The table of batch size and epochs: four runs of 3000 epochs, each read at four epochs.


def long_run(activation: str, batch_size: int) -> dict:
    readings = [50, 300, 1000, 3000] if not report.short else [1, 2, 3, 4]
    training, validation, test = datasets()
    run = LongRun(report.checkpoints, f"fashion_mnist-{activation}_{batch_size}")
    model = run.train(lambda: network(activation, 1), training, validation, batch_size, readings)
    epochs = model.trainer().history
    validated = [epoch.validation.accuracy for epoch in epochs]
    # All of the first epochs, then every tenth: enough for a curve.
    shown = [index for index in range(len(epochs)) if index < 50 or index % 10 == 9]
    figures = {
        "readings": readings,
        "test": [load_model(run.kept(epoch)).evaluate(test)[1] for epoch in readings],
        "training": [epochs[epoch - 1].training.accuracy for epoch in readings],
        "validation": [validated[epoch - 1] for epoch in readings],
        "reached_75": first_at(validated, 0.75),
        "curve": {
            "epoch": [index + 1 for index in shown],
            "loss": [epochs[index].training.loss for index in shown],
            "accuracy": [epochs[index].training.accuracy for index in shown],
            "val_loss": [epochs[index].validation.loss for index in shown],
            "val_accuracy": [validated[index] for index in shown],
        },
        "seconds": run.seconds(readings[-1]),
    }
    run.forget(readings)
    return figures


@report.experiment
def relu_100() -> dict:
    return long_run("relu", 100)


@report.experiment
def relu_1000() -> dict:
    return long_run("relu", 1000)


@report.experiment
def sigmoid_1000() -> dict:
    return long_run("sigmoid", 1000)


@report.experiment
def sigmoid_100() -> dict:
    return long_run("sigmoid", 100)


# --- The page.

RUNS = {"relu_100": "ReLU, batch 100", "relu_1000": "ReLU, batch 1000"}
RUNS |= {"sigmoid_100": "sigmoid, batch 100", "sigmoid_1000": "sigmoid, batch 1000"}


def medians(results: SimpleNamespace) -> SimpleNamespace:
    """Over the seeds: test accuracies after 50 epochs, and processor seconds of the 50 epochs in Martlet."""
    right, falling = results.corrected.seeds, results.decayed.seeds
    return SimpleNamespace(
        divided=median(seed.test for seed in results.divided.seeds),
        last=median(seed.last for seed in right),
        best=median(seed.best for seed in right),
        decayed=median(seed.last for seed in falling),
        seconds=median(seed.training_seconds for seed in right),
    )


def gaps(results: SimpleNamespace) -> dict[int, float]:
    """By batch size, what the division costs after 50 epochs (test, seed 1)."""
    tests = {100: results.divided.seeds[0].test, 1000: results.divided_1000.test}
    return {size: getattr(results, f"relu_{size}").test[0] - test for size, test in tests.items()}


def largest_jump(seeds: list[SimpleNamespace]) -> float:
    """Of the validation accuracy from one epoch to the next, in the last ten epochs of any seed."""
    return max(float(np.abs(np.diff(seed.history.val_accuracy[-10:])).max()) for seed in seeds)


@report.claims
def claims(results: SimpleNamespace) -> dict[str, bool]:
    middle, ratios, costs = medians(results), results.checked, gaps(results)
    wrong, right = results.divided.seeds[0], results.corrected.seeds[0].history
    best = int(np.argmin(right.val_loss))
    jumps = [largest_jump(each.seeds) for each in (results.corrected, results.decayed)]
    return {
        "the divided gradients reach about 84 %": abs(middle.divided - 0.84) < 0.015,
        "the right ones reach about 89 %": abs(middle.last - 0.89) < 0.01,
        "with the best epoch at least 89 %": middle.best >= 0.89,
        "with a falling rate at the end, too": middle.decayed >= 0.89,
        "at a constant rate the accuracy jumps, at a falling one less than half as far": jumps[0] > 2 * jumps[1],
        "the right gradient is that of the loss": max(abs(ratio - 1) for ratio in ratios.right) < 1e-4,
        "the first loss is right": abs(ratios.first_loss - np.log(10)) < 0.3,
        "the loss falls with wrong gradients": wrong.history.loss[-1] < wrong.history.loss[0],
        "a bigger batch makes the mistake worse": costs[1000] > costs[100],
        "the first layer hardly moves, the last one does": wrong.moved[0] < 0.01 < 1 < wrong.moved[2],
        "the loss in validation rises after its best epoch": right.val_loss[-1] > 1.1 * right.val_loss[best],
        "its accuracy hardly rises": 0 < max(right.val_accuracy[best:]) - right.val_accuracy[best] < 0.01,
    }


@report.page
def page(results: SimpleNamespace) -> dict:
    draw(results)
    wrong, right, falling = (getattr(results, name).seeds for name in ("divided", "corrected", "decayed"))
    best, accuracy = int(np.argmin(right[0].history.val_loss)), right[0].history.val_accuracy
    return {
        "median": medians(results),
        "accuracy_then": accuracy[best],
        "accuracy_later": max(accuracy[best:]),
        "jump": 100 * largest_jump(results.corrected.seeds),
        "steady_jump": 100 * largest_jump(results.decayed.seeds),
        "gap": SimpleNamespace(**{f"batch_{size}": 100 * gap for size, gap in gaps(results).items()}),
        "clock_seconds": 50 * results.clock.epoch_seconds,
        "reproduced": report.command(["divided", "corrected", "decayed"], results),
        "four_runs": report.command(list(RUNS), results),
        "seeds_table": table(
            ["seed", "divided again", "right, last epoch", "right, best epoch", "falling rate, last epoch"],
            [
                [seed, *(f"{value:.2%}" for value in (a.test, b.last, b.best, c.last))]
                for seed, a, b, c in zip(SEEDS, wrong, right, falling)
            ],
        ),
        "layers_table": layers_table(results.checked, wrong[0], right[0]),
        "logarithm_table": logarithm_table(results.logarithm.rows),
        "runs_table": runs_table(results),
        "reached_table": reached_table(results),
    }


def layers_table(ratios: SimpleNamespace, wrong: SimpleNamespace, right: SimpleNamespace) -> str:
    header = ["layer", "wrong gradient / difference quotient", "right", "moved in 50 epochs, wrong", "right"]
    layers = zip(WIDTHS, WIDTHS[1:], ratios.divided, ratios.right, wrong.moved, right.moved)
    return table(
        header,
        [
            [f"{inputs}-{outputs}", f"{bad:.4g}", f"{good:.6f}", f"{still:.2%}", f"{moving:.2%}"]
            for inputs, outputs, bad, good, still, moving in layers
        ],
    )


def runs_table(results: SimpleNamespace) -> str:
    """Test accuracy, and in brackets training accuracy, of the four runs at the four epochs."""
    runs = {label: getattr(results, name) for name, label in RUNS.items()}
    header = ["", *(f"{epoch} epochs" for epoch in results.relu_100.readings), "processor time"]
    return table(
        header,
        [
            [
                label,
                *(f"{a:.2%} ({b:.2%})" for a, b in zip(run.test, run.training)),
                f"{duration(run.seconds)}, {run.processor}",
            ]
            for label, run in runs.items()
        ],
    )


def reached_table(results: SimpleNamespace) -> str:
    rows = [
        ["ReLU, batch 100, gradients divided again", reached(median_or_none(results.divided.seeds))],
        ["ReLU, batch 1000, gradients divided again", reached(results.divided_1000.reached_75)],
        *([f"{label}, right gradients", reached(getattr(results, name).reached_75)] for name, label in RUNS.items()),
    ]
    return table(["", "epochs to 75 %"], rows)


def median_or_none(seeds: list[SimpleNamespace]) -> int | None:
    """The median number of epochs to 75 %; None if half of the seeds never reach it."""
    found = sorted(seed.reached_75 or np.inf for seed in seeds)[len(seeds) // 2]
    return None if found == np.inf else int(found)


def reached(epochs: int | None) -> str:
    return "not reached" if epochs is None else str(epochs)


def logarithm_table(rows: list[SimpleNamespace]) -> str:
    header = ["score below the other", "p", "-log p", "-log(p + 1e-8)", "its gradient", "Martlet's loss", "gradient"]
    cells = [
        [
            row.gap,
            f"{row.probability:.3g}",
            "infinite" if row.bare is None else f"{row.bare:.3f}",
            f"{row.shifted:.3f}",
            f"{row.shifted_gradient:.3g}",
            f"{row.loss:.3f}",
            f"{row.gradient:.6f}",
        ]
        for row in rows
    ]
    return table(header, cells)


def draw(results: SimpleNamespace) -> None:
    compared = {
        "right, rate 0.1": results.corrected,
        "right, rate falling by 4 % per epoch": results.decayed,
        "hidden gradients divided again": results.divided,
    }
    plot.plot_runs(
        {label: [vars(seed.history) for seed in kept.seeds] for label, kept in compared.items()},
        report.picture("divided"),
        metric="val_accuracy",
    )
    plot.plot_history(vars(results.corrected.seeds[0].history), report.picture("overfitting"))
    curves = {label: vars(getattr(results, name).curve) for name, label in RUNS.items()}
    plot.plot_runs(
        curves,
        report.picture("epochs"),
        metric=["val_accuracy", "val_loss"],
        x={label: curve["epoch"] for label, curve in curves.items()},
        log="x",
    )


if __name__ == "__main__":
    report.main()
