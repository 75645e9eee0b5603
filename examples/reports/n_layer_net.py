"""An N-layer net from one constructor: gradient descent, SGD, momentum and Adam; memory, valleys, regularisation."""

import functools
import itertools
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from report import Report, table

import martlet
from martlet import Dataset, Input, Sequential, layers, optimizers, plot, regularizers
from martlet.datasets import cifar10

report = Report(__file__)
SEEDS = [1, 2, 3]
BATCH, EPOCHS = 8, 20
RULES = {
    "gradient descent": lambda rate: optimizers.SGD(rate),
    "SGD": lambda rate: optimizers.SGD(rate),
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "Adam": lambda rate: optimizers.Adam(rate),
}


def n_layer_net(depth: int, width: int, activation: str = "relu", l2: float = 0.0, seed: int = 1) -> Sequential:
    """`depth` affine layers: depth - 1 hidden ones of `width` units with an activation, and one for the ten classes."""
    decay = regularizers.L2(l2) if l2 else None
    hidden = [layers.Dense(width, activation, kernel_regularizer=decay) for _ in range(depth - 1)]
    classes = layers.Dense(10, "softmax", kernel_regularizer=decay)
    return Sequential([Input((32, 32, 3)), layers.Flatten(), *hidden, classes], seed=seed)


images = functools.cache(cifar10.load_data)


def data() -> tuple[Dataset, Dataset]:
    """500 images to train with, and 1000 others."""
    (x, y), _ = images()
    given = Dataset(x, y, scale=1 / 255, class_names=cifar10.CLASS_NAMES)
    return given[:500], given[40_000:41_000]


def train(model: Sequential, optimizer: optimizers.Optimizer, batch_size: int = BATCH) -> dict:
    """20 epochs; batches that are not full are left out, of 500 images the last 4. batch_size 0: all at once."""
    training, validation = data()
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
    return statistics.median(run[figure][-1] for run in runs)


# --- The experiments.


@report.experiment
def shapes() -> dict:
    """Depth, width and activation, trained with Adam."""
    rows = []
    shapes = list(itertools.product((2, 3, 5), (50, 200), ("relu", "tanh", "sigmoid")))
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
        batch_size = 0 if name == "gradient descent" else BATCH
        ends = {rate: train(n_layer_net(3, 100), rule(rate), batch_size)["loss"][-1] for rate in grid}
        rate = min(ends, key=lambda rate: ends[rate])
        runs = [train(n_layer_net(3, 100, seed=seed), rule(rate), batch_size) for seed in SEEDS]
        figures[name.replace(" ", "_")] = {
            "rate": rate,
            "ends": list(ends.values()),
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

STEPS = 60
# Okabe and Ito's, told apart with any colour vision.
COLORS = {"SGD": "#0072B2", "momentum": "#D55E00", "Adam": "#009E73"}
MINIMUM, START = np.array([1.0, 1.0]), np.array([0.0, -4.0])


def valley() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).uniform(-1, 1, (64, 2)) * [1.7, 0.17]
    return x.astype(np.float32), (x @ MINIMUM).astype(np.float32)[:, None]


def height(points: np.ndarray) -> np.ndarray:
    """Mean squared error over all rows of the valley at points [..., 2]."""
    x, _ = valley()
    apart = (points - MINIMUM) @ (x.T @ x / len(x)) * (points - MINIMUM)
    return apart.sum(axis=-1)


def path(optimizer: optimizers.Optimizer) -> np.ndarray:
    """Where the two weights of a Dense layer go in 60 steps of batches of 8: [61, 2]."""
    x, y = valley()
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False)])
    model.compile(optimizer, "mse")
    model.set_weights([START[:, None]])
    random, points = np.random.default_rng(1), [START]
    while len(points) <= STEPS:
        for batch in random.permutation(len(x)).reshape(-1, BATCH):
            model.train_on_batch(x[batch], y[batch])
            points.append(model.get_weights()[0][:, 0])
    return np.array(points[: STEPS + 1])


@report.experiment
def two_weights() -> dict:
    """SGD, momentum and Adam, each at the rate of a grid with which it ends lowest."""
    grid = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.1]
    figures = {}
    for name in ("SGD", "momentum", "Adam"):
        paths = {rate: path(RULES[name](rate)) for rate in grid}
        rate = min(grid, key=lambda rate: height(paths[rate][-1]))
        across = np.diff(paths[rate][:, 0])  # the steep direction
        figures[name] = {
            "rate": rate,
            "path": paths[rate],
            "loss": height(paths[rate][-1]),
            "turns": np.mean(across[1:STEPS // 2] * across[: STEPS // 2 - 1] < 0),
        }
    return {**figures, "grid": grid, "start_loss": height(START)}


# --- The page.


@report.page
def page(results) -> dict:
    named = {name: getattr(results.rules, name.replace(" ", "_")) for name in RULES}
    runs = {f"{name}, rate {found.rate:g}": [vars(run) for run in found.runs] for name, found in named.items()}
    plot.plot_runs(runs, report.picture("rules"), metric=["loss", "val_accuracy"])
    parts = results.regularization
    regularized = [parts.none, parts.weak, parts.strong]
    strengths = {f"L2 {found.l2:g}": [vars(run) for run in found.runs] for found in regularized}
    plot.plot_runs(strengths, report.picture("losses"), metric=["data_loss", "regularization_loss"])
    draw_valley(results.two_weights)

    report.require(all(run.batches == 62 for run in results.rules.SGD.runs), "62 batches of 8 in 500 images")
    descent = results.rules.gradient_descent.loss
    report.require(all(found.loss < descent for found in list(named.values())[1:]), "mini-batches end lower")
    walks = results.two_weights
    report.require(walks.SGD.turns > 0.5, "SGD turns back in most steps")
    for walk in (walks.momentum, walks.Adam):
        report.require(walk.turns < 0.3 and walk.loss < walks.SGD.loss / 10, "momentum and Adam cure it")
    report.require(parts.none.regularization_loss == 0, "no regularisation, no regularisation loss")
    report.require(parts.strong.data_loss > parts.none.data_loss, "regularisation costs data loss")
    strong = parts.strong.runs
    return {
        "strong_fall": statistics.median(run.loss[0] - run.loss[-1] for run in strong),
        "strong_shrinking": statistics.median(run.regularization_loss[0] - run.regularization_loss[-1] for run in strong),
        "rates": listed(results.rules.grid),
        "walk_rates": listed(walks.grid),
        "rules_table": rules_table(named),
        "descent_updates": updates(named["gradient descent"]),
        "sgd_updates": updates(named["SGD"]),
        "memory_table": memory_table(results.full_batch.rows),
        "shapes_table": shapes_table(results.shapes.rows),
        "walks_table": walks_table({name: getattr(walks, name) for name in ("SGD", "momentum", "Adam")}),
    }


# What a training ended with, as columns of a table.
ENDS = ["Training loss", "Training accuracy", "Accuracy of 1000 others"]


def listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates)


def updates(found) -> int:
    """How many steps a rule has made in a training."""
    return found.runs[0].batches * len(found.runs[0].loss)


def rules_table(named: dict) -> str:
    rows = [
        [name, f"{found.rate:g}", updates(found), f"{found.loss:.3f}"]
        + [f"{found.accuracy:.1%}", f"{found.val_accuracy:.1%}"]
        for name, found in named.items()
    ]
    return table(["Rule", "Rate", "Updates", *ENDS], rows)


def memory_table(rows: list) -> str:
    lines = [
        [f"{row.rows:,}", f"{row.batch_size:,}", f"{row.steps:,}", f"{row.training_bytes / 1e6:,.2f} MB"]
        + [f"{row.risen_bytes / 1e6:,.1f} MB", f"{row.seconds:.3f} s", f"{row.loss:.3f}"]
        for row in rows
    ]
    header = ["Images", "Batch", "Updates per epoch", "Memory by `cost`", "Measured", "One epoch", "Loss in epoch 3"]
    return table(header, lines)


def shapes_table(rows: list) -> str:
    lines = [
        [row.depth, row.width, row.activation, f"{row.weights:,}", f"{row.loss:.3f}"]
        + [f"{row.accuracy:.1%}", f"{row.val_accuracy:.1%}"]
        for row in rows
    ]
    header = ["Layers", "Width", "Activation", "Weights"]
    return table([*header, *ENDS], lines)


def walks_table(walks: dict) -> str:
    rows = [[name, f"{walk.rate:g}", f"{walk.turns:.0%}", f"{walk.loss:.1e}"] for name, walk in walks.items()]
    return table(["Rule", "Rate", "Steps that turn back across the valley", f"Loss after {STEPS} steps"], rows)


def draw_valley(walks) -> None:
    """The ways over the contours of the loss; the valley lies along w2, which the small input multiplies."""
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    along, across = np.meshgrid(np.linspace(-4.6, 3.2, 120), np.linspace(-0.6, 2.6, 120))
    heights = height(np.stack([across, along], axis=-1))
    for axes, (name, color) in zip(figure.subplots(1, 3, sharey=True), COLORS.items()):
        walk = getattr(walks, name)
        points = np.array(walk.path)
        axes.contour(along, across, heights, levels=np.geomspace(0.003, 3, 10), colors="#999999", linewidths=0.7)
        axes.plot(points[:, 1], points[:, 0], "o-", color=color, markersize=2.5, linewidth=1)
        axes.plot(*MINIMUM[::-1], "*", color="black", markersize=9)
        axes.set_title(f"{name}, rate {walk.rate:g}", fontsize=9)
        axes.set_xlabel("$w_2$, of the small input")
    figure.axes[0].set_ylabel("$w_1$, of the large input")
    plot.save(figure, report.picture("valley"))


if __name__ == "__main__":
    report.main()
