"""An N-layer net from one constructor: gradient descent, SGD, momentum and Adam; memory, valleys, regularisation."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure
from report import Report, duration, epoch_seconds, table

import martlet
from martlet import Dataset, Input, Sequential, layers, optimizers, plot, regularizers
from martlet.datasets import cifar10

report = Report(__file__)
SEEDS = [1, 2, 3]
BATCH, EPOCHS = 8, 20
DEPTHS, WIDTHS = (2, 3, 5), (50, 200)
RULES = {
    "gradient_descent": optimizers.SGD,  # all images at once
    "SGD": optimizers.SGD,
    "momentum": partial(optimizers.SGD, momentum=0.9),
    "Adam": optimizers.Adam,
}
LABELS = [name.replace("_", " ") for name in RULES]


def n_layer_net(depth: int, width: int, activation: str = "relu", l2: float = 0.0, seed: int = 1) -> Sequential:
    """`depth` affine layers: depth - 1 hidden ones of `width` units with an activation, and one for the ten classes."""
    decay = regularizers.L2(l2) if l2 else None
    hidden = [layers.Dense(width, activation, kernel_regularizer=decay) for _ in range(depth - 1)]
    classes = layers.Dense(10, "softmax", kernel_regularizer=decay)
    return Sequential([Input((32, 32, 3)), layers.Flatten(), *hidden, classes], seed=seed)


images = cache(cifar10.load_data)


def datasets() -> tuple[Dataset, Dataset]:
    """500 images to train with, and 1000 others."""
    (x, y), _ = images()
    given = Dataset(x, y, scale=1 / 255, class_names=cifar10.CLASS_NAMES)
    return given[:500], given[40_000:41_000]


def train(model: Sequential, optimizer: optimizers.Optimizer, batch_size: int = BATCH) -> dict:
    """20 epochs; batches that are not full are left out, of 500 images the last 4. batch_size 0: all at once."""
    training, validation = datasets()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    trainer = model.make_trainer()
    trainer.fit(training, validation, batch_size=batch_size, epochs=report.size(EPOCHS, 2), drop_last=True)
    epochs = trainer.history
    return {
        "data_loss": [epoch.training.data_loss for epoch in epochs],
        "regularization_loss": [epoch.training.regularization_loss for epoch in epochs],
        "loss": [epoch.training.loss for epoch in epochs],
        "accuracy": [epoch.training.accuracy for epoch in epochs],
        "val_accuracy": [epoch.validation.accuracy for epoch in epochs],
        "batches": epochs[-1].batches,
    }


def last(runs: list[dict], figure: str) -> float:
    """The figure after the last epoch, median of the runs."""
    return median(run[figure][-1] for run in runs)


# --- The experiments.


@report.experiment
def shapes() -> dict:
    """Depth, width and activation, trained with Adam."""
    rows = []
    shapes = list(product(DEPTHS, WIDTHS, ("relu", "tanh", "sigmoid")))
    for depth, width, activation in shapes[: report.size(len(shapes), 2)]:
        models = [n_layer_net(depth, width, activation, seed=seed) for seed in SEEDS]
        runs = [train(model, optimizers.Adam(1e-3)) for model in models]
        shape = {"depth": depth, "width": width, "activation": activation, "weights": models[0].count_params()}
        rows.append({**shape, **{figure: last(runs, figure) for figure in ("loss", "accuracy", "val_accuracy")}})
    return {"rows": rows}


@report.experiment
def rules() -> dict:
    """Each rule at the rate of a grid with which it ends lowest, by the loss of the training images; three seeds."""
    grid = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3][: report.size(7, 2)]
    figures = {}
    for name, rule in RULES.items():
        batch_size = 0 if name == "gradient_descent" else BATCH
        ends = {rate: train(n_layer_net(3, 100), rule(rate), batch_size)["loss"][-1] for rate in grid}
        rate = min(ends, key=ends.get)
        runs = [train(n_layer_net(3, 100, seed=seed), rule(rate), batch_size) for seed in SEEDS]
        figures[name] = {
            "rate": rate,
            "runs": runs,
            **{figure: last(runs, figure) for figure in ("loss", "accuracy", "val_accuracy")},
        }
    return {**figures, "grid": grid}


@report.experiment
def full_batch() -> dict:
    """Time and memory of an epoch, by rows and batch size, each in a process of its own."""
    rows = []
    (x, y), _ = images()
    sizes = [(500, 8), (500, 500), (50_000, 8), (50_000, 128), (50_000, 50_000)]
    for count, batch_size in sizes[: report.size(len(sizes), 2)]:
        # A process that is started anew, not forked, has only its own memory.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            given = x[:count], y[:count], batch_size, martlet.threads()
            rows.append(process.submit(measure, *given).result())
    return {"rows": rows}


def measure(x: np.ndarray, y: np.ndarray, batch_size: int, threads: int) -> dict:
    """Three epochs: the processor seconds of one, and how far the memory of this process rises in them."""
    martlet.set_threads(threads)
    training = Dataset(x, y, scale=1 / 255)
    model = n_layer_net(3, 100)
    model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    cost = model.cost(batch_size)
    trainer = model.make_trainer()
    before, begin, epochs = forget_peak(), time.process_time(), 3
    trainer.fit(training, batch_size=batch_size, epochs=epochs, drop_last=True)
    seconds, last_epoch = time.process_time() - begin, trainer.history[-1]
    return {
        "rows": len(x),
        "batch_size": batch_size,
        "steps": last_epoch.batches,
        "training_bytes": cost.training_bytes,
        "risen_bytes": memory("VmHWM") - before,
        "seconds": seconds / epochs,
        "loss": last_epoch.training.loss,
    }


def forget_peak() -> int:
    """Let the peak of this process's memory begin anew, at what it has now: that many bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory("VmHWM")


def memory(name: str) -> int:
    """Bytes of a line of /proc/self/status: VmHWM is the largest resident size so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


@report.experiment
def regularization() -> dict:
    """Both parts of the loss, for three strengths of L2."""
    strengths = {"none": 0.0, "weak": 0.001, "strong": 0.01}
    runs = {
        name: [train(n_layer_net(3, 100, l2=l2, seed=seed), optimizers.SGD(0.001, momentum=0.9)) for seed in SEEDS]
        for name, l2 in strengths.items()
    }
    figures = "data_loss", "regularization_loss", "accuracy", "val_accuracy"
    return {
        name: {"l2": strengths[name], "runs": seeds, **{figure: last(seeds, figure) for figure in figures}}
        for name, seeds in runs.items()
    }


# --- Two weights, and inputs of which one is ten times as large as the other.

STEPS, SLOWER = 60, 0.5
MINIMUM, START = np.array([1.0, 1.0]), np.array([0.0, -4.0])


def valley() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).uniform(-1, 1, (64, 2)) * [1.7, 0.17]
    return x.astype(np.float32), (x @ MINIMUM).astype(np.float32)[:, None]


def height(points: np.ndarray) -> np.ndarray:
    """Mean squared error over all rows of the valley at points [..., 2]."""
    x, _ = valley()
    apart = (points - MINIMUM) @ (x.T @ x / len(x)) * (points - MINIMUM)
    return apart.sum(axis=-1)


def path(optimizer: optimizers.Optimizer, batch_size: int) -> np.ndarray:
    """Where the two weights of a Dense layer go in 60 steps: [61, 2]."""
    x, y = valley()
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False)])
    model.compile(optimizer, "mse")
    model.set_weights([START[:, None]])
    random, points = np.random.default_rng(1), [START]
    while len(points) <= STEPS:
        for batch in random.permutation(len(x)).reshape(-1, batch_size):
            model.train_on_batch(x[batch], y[batch])
            points.append(model.get_weights()[0][:, 0])
    return np.array(points[: STEPS + 1])


def turns(points: np.ndarray) -> float:
    """How many of the first 30 steps go back in the steep direction, of 1."""
    across = np.diff(points[: STEPS // 2 + 1, 0])
    return np.mean(across[1:] * across[:-1] < 0)


@report.experiment
def two_weights() -> dict:
    """Each rule at the rate of a grid with which it ends lowest."""
    grid = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.3]
    x, _ = valley()
    figures = {}
    for name, rule in RULES.items():
        batch_size = len(x) if name == "gradient_descent" else BATCH
        paths = {rate: path(rule(rate), batch_size) for rate in grid}
        rate = min(grid, key=lambda rate: height(paths[rate][-1]))
        figures[name] = {
            "rate": rate,
            "path": paths[rate],
            "loss": height(paths[rate][-1]),
            "turns": turns(paths[rate]),
            "turns_slower": turns(paths[SLOWER]),
        }
    return {**figures, "grid": grid, "start_loss": height(START), "curvatures": 2 * np.mean(x**2, axis=0)}


@report.experiment
def clock() -> dict:
    """Seconds of an epoch of the network that the rules are compared with."""
    model = n_layer_net(3, 100)
    model.compile(RULES["momentum"](0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"epoch_seconds": epoch_seconds(model, datasets()[0], BATCH)}


# --- The page.


@report.claims
def claims(results: SimpleNamespace) -> dict[str, bool]:
    rules, walks, parts = results.rules, results.two_weights, results.regularization
    losses = {(row.activation, row.width, row.depth): row.loss for row in results.shapes.rows}
    relu, tanh, sigmoid = (
        np.array([[losses[name, width, depth] for depth in DEPTHS] for width in WIDTHS])
        for name in ("relu", "tanh", "sigmoid")
    )
    costs = {row.batch_size: row for row in results.full_batch.rows if row.rows == 50_000}
    swings = np.array(walks.momentum.path)[:, 0]
    lowest = min(walks.SGD.loss / 10, walks.gradient_descent.loss / 5)
    return {
        "with ReLU the wider network ends lower": (relu[1] < relu[0]).all(),
        "sigmoid ends higher with each layer": (np.diff(sigmoid) > 0).all(),
        "and lower than tanh": (sigmoid < tanh).all(),
        "62 batches of 8 in 500 images": all(run.batches == 62 for run in rules.SGD.runs),
        "mini-batches end lower": all(found.loss < rules.gradient_descent.loss for found in named(rules)[1:]),
        "no rule has a rate at the end of its grid": all(
            each.grid[0] < found.rate < each.grid[-1] for each in (rules, walks) for found in named(each)
        ),
        "128 rows are the fastest": costs[128].seconds < min(costs[8].seconds, costs[50_000].seconds),
        "SGD turns back in most steps": walks.SGD.turns > 0.5,
        "and gradient descent no less": walks.gradient_descent.turns >= walks.SGD.turns,
        "at a lower rate only SGD turns": walks.gradient_descent.turns_slower == 0 and walks.SGD.turns_slower > 0.5,
        "momentum and Adam turn rarely": max(walks.momentum.turns, walks.Adam.turns) < 0.3,
        "and end far lower, Adam lowest": walks.Adam.loss < walks.momentum.loss < lowest,
        "the waves of momentum die away": np.ptp(swings[-20:]) < np.ptp(swings[:20]) / 3,
        "Adam's first step is as long in both weights": np.ptp(walks.Adam.path[1] - START) < 1e-4,
        "no regularization, no regularization loss": parts.none.regularization_loss == 0,
        "regularization costs data loss": parts.none.data_loss < parts.weak.data_loss < parts.strong.data_loss,
    }


def named(figures: SimpleNamespace) -> list[SimpleNamespace]:
    """Those of each rule."""
    return [getattr(figures, name) for name in RULES]


@report.page
def page(results: SimpleNamespace) -> dict:
    rules, walks, parts = results.rules, results.two_weights, results.regularization
    runs = {
        f"{label}, rate {found.rate:g}": [vars(run) for run in found.runs] for label, found in zip(LABELS, named(rules))
    }
    plot.plot_runs(runs, report.picture("rules"), metric=["loss", "val_accuracy"])
    strengths = {
        f"L2 {found.l2:g}": [vars(run) for run in found.runs] for found in (parts.none, parts.weak, parts.strong)
    }
    plot.plot_runs(strengths, report.picture("losses"), metric=["data_loss", "regularization_loss"])
    draw_valley(walks)
    swings = np.array(walks.momentum.path)[:, 0]
    largest = results.full_batch.rows[-1]
    pixels = largest.batch_size * 3072 * 4  # float32
    return {
        "shapes_table": shapes_table(results.shapes.rows),
        "best_training": max(row.accuracy for row in results.shapes.rows),
        "best_other": max(row.val_accuracy for row in results.shapes.rows),
        "rates": listed(rules.grid),
        "rules_table": rules_table(rules),
        "descent_updates": updates(rules.gradient_descent),
        "sgd_updates": updates(rules.SGD),
        "training_time": duration(EPOCHS * results.clock.epoch_seconds),
        "memory_table": memory_table(results.full_batch.rows),
        "pixel_megabytes": pixels / 1e6,
        "pixel_share": pixels / largest.training_bytes,
        "largest": largest,
        "largest_megabytes": largest.training_bytes / 1e6,
        "walk_rates": listed(walks.grid),
        "walks_table": walks_table(walks),
        "slower": SLOWER,
        "steepness": walks.curvatures[0] / walks.curvatures[1],
        "steepest_rate": 2 / walks.curvatures[0],
        "wave": 2 / walks.momentum.turns,  # each wave turns twice
        "first_swings": f"{min(swings[4:20]):.1f} and {max(swings[4:20]):.1f}",
        "last_swings": f"{min(swings[-20:]):.1f} and {max(swings[-20:]):.1f}",
        "strong_fall": fall(parts.strong.runs, "loss"),
        "strong_shrinking": fall(parts.strong.runs, "regularization_loss"),
    }


def fall(runs: list[SimpleNamespace], figure: str) -> float:
    """By how much a figure falls from the first epoch to the last, median of the runs."""
    return median(getattr(run, figure)[0] - getattr(run, figure)[-1] for run in runs)


# What a training ended with, as columns of a table.
ENDS = ["Training loss", "Training accuracy", "Accuracy of 1000 others"]


def ends(found: SimpleNamespace) -> list[str]:
    return [f"{found.loss:.3f}", f"{found.accuracy:.1%}", f"{found.val_accuracy:.1%}"]


def listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates)


def updates(found: SimpleNamespace) -> int:
    """How many steps a rule has made in a training."""
    return found.runs[0].batches * len(found.runs[0].loss)


def shapes_table(rows: list[SimpleNamespace]) -> str:
    lines = [[row.depth, row.width, row.activation, f"{row.weights:,}", *ends(row)] for row in rows]
    return table(["Layers", "Width", "Activation", "Weights", *ENDS], lines)


def rules_table(rules: SimpleNamespace) -> str:
    lines = [
        [label, f"{found.rate:g}", updates(found), *ends(found)] for label, found in zip(LABELS, named(rules))
    ]
    return table(["Rule", "Rate", "Updates", *ENDS], lines)


def memory_table(rows: list[SimpleNamespace]) -> str:
    lines = [
        [f"{row.rows:,}", f"{row.batch_size:,}", f"{row.steps:,}", f"{row.training_bytes / 1e6:.2f} MB"]
        + [f"{row.risen_bytes / 1e6:.1f} MB", f"{row.seconds:.3f} s", f"{row.loss:.3f}"]
        for row in rows
    ]
    header = ["Images", "Batch", "Updates per epoch", "Memory by `cost`", "Measured", "One epoch", "Loss in epoch 3"]
    return table(header, lines)


def walks_table(walks: SimpleNamespace) -> str:
    lines = [
        [label, f"{walk.rate:g}", f"{walk.turns:.0%}", f"{walk.loss:.1e}"] for label, walk in zip(LABELS, named(walks))
    ]
    header = ["Rule", "Rate", "Steps that turn back across the valley, of the first 30", f"Loss after {STEPS} steps"]
    return table(header, lines)


def draw_valley(walks: SimpleNamespace) -> None:
    """The ways over the contours of the loss; the valley lies along w2, which the small input multiplies."""
    figure = Figure(figsize=(8.4, 4.8), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    along, across = np.meshgrid(np.linspace(-4.6, 3.2, 120), np.linspace(-0.9, 2.7, 120))
    heights = height(np.stack([across, along], axis=-1))
    for axes, label, walk in zip(panels.flat, LABELS, named(walks)):
        points = np.array(walk.path)
        axes.contour(along, across, heights, levels=np.geomspace(0.003, 3, 10), colors="#999999", linewidths=0.7)
        axes.plot(points[:, 1], points[:, 0], "o-", color="#0072B2", markersize=2.5, linewidth=1)
        axes.plot(*MINIMUM[::-1], "*", color="black", markersize=9)
        axes.set_title(f"{label}, rate {walk.rate:g}", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("$w_2$, of the small input", fontsize=9)
    for axes in panels[:, 0]:
        axes.set_ylabel("$w_1$, of the large input", fontsize=9)
    plot.save(figure, report.picture("valley"))


if __name__ == "__main__":
    report.main()
