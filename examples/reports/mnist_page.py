"""Numbers, claims, tables and pictures of the page mnist_from_scratch.md, from the figures of its experiments."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
from report import table

from martlet import plot

DEEP = ("784-360-100-10", "784-360-100-40-10")
KINDS = {
    "relu_sgd": "ReLU, SGD",
    "relu_adam": "ReLU, Adam",
    "sigmoid_sgd": "sigmoid, SGD",
    "sigmoid_adam": "sigmoid, Adam",
}
VARIANTS = {"summed": "sum, sigma 0.01", "small": "mean, sigma 0.01", "he": "mean, He"}
READINGS = {
    "martlet": "Martlet",
    "right": "NumPy, as it should be",
    "twice": "NumPy, beta1 in both places",
    "once": "NumPy, beta1 in one place",
}
STUDIES = {
    "width": "units of the hidden layer",
    "batch_size": "batch size (rows)",
    "learning_rate": "learning rate",
    "epochs": "epochs",
}


def figures(results: SimpleNamespace) -> dict:
    """The numbers within the prose."""
    best, history = results.best, results.epochs.history
    dead, luck = (by_variant(results.summed.stuck, rate) for rate in ("0.1", "0.01"))
    curves = vars(results.summed.diverged)
    small, he = (vars(by_variant(results.averaged, name)[-1][0].layers)["hidden_1"] for name in ("small", "he"))
    errors = np.array(best.confusion)
    np.fill_diagonal(errors, 0)
    mistaken, taken_for = np.unravel_index(errors.argmax(), errors.shape)
    by_epochs = {value: median(row) for value, row in zip(results.epochs.values, results.epochs.accuracies)}
    medians = [median(run.accuracy for run in runs) for runs in by_variant(results.networks, "relu_sgd")]
    return {
        "validation": median(best.validation),
        "test": median(best.test),
        "training_seconds": median(best.training_seconds),
        "mistaken": mistaken,
        "taken_for": taken_for,
        "mistakes": errors.max(),
        "second_layer": 100 * (medians[1] - medians[0]),
        "small_batch_seconds": results.batch_size.epoch_seconds[0],
        "large_batch_seconds": results.batch_size.epoch_seconds[-1],
        "training_loss": history.loss[-1],
        "validation_loss": history.val_loss[-1],
        "to_20": 100 * (by_epochs[20] - by_epochs[10]),
        "to_50": 100 * (by_epochs[50] - by_epochs[20]),
        "once_behind": 100 * (last(results.adam.right) - last(results.adam.once)),
        "stuck_accuracy": median(run.accuracy for runs in dead[1:] for run in runs),
        "stuck_loss": median(run.loss for runs in dead for run in runs),
        "shallow_accuracy": median(run.accuracy for run in luck[0]),
        "highest_loss": median(max(losses) for losses in curves["784-360-10"]),
        "first_infinite": max(losses.index(np.inf) for label in DEEP for losses in curves[label] if np.inf in losses),
        "averaged_end": median(losses[-1] for losses in results.summed.averaged),
        "cured_accuracy": min(median(run.accuracies[-1] for run in of) for of in by_variant(results.averaged, "small")),
        "gradient_gap": he.gradient_norm[0] / small.gradient_norm[0],
        "ratio_right": results.summed.ratios.Network,
        "ratio_summed": results.summed.ratios.Summed,
        "largest_difference": max(abs(a - b) for of in last_accuracies(results.pytorch).values() for a, b in of),
    }


def last(curves: list[list[float]]) -> float:
    return median(curve[-1] for curve in curves)


def claims(results: SimpleNamespace, numbers: SimpleNamespace) -> dict[str, bool]:
    """What the prose says, and whether the figures show it."""
    return {**claims_of_studies(results, numbers), **claims_of_gradients(results, numbers)}


def claims_of_studies(results: SimpleNamespace, numbers: SimpleNamespace) -> dict[str, bool]:
    reached = {
        kind: [median(run.accuracy for run in runs) for runs in by_variant(results.networks, kind)] for kind in KINDS
    }
    by_size = [median(row) for row in results.batch_size.accuracies]
    by_rate = dict(zip(results.learning_rate.values, map(median, results.learning_rate.accuracies)))
    adam = results.adam
    pairs = [pair for curves in zip(adam.martlet, adam.right) for pair in zip(*curves)]
    first = {name: median(curve[0] for curve in getattr(adam, name)) for name in READINGS}
    return {
        "the best network beats the report": numbers.validation > 0.9646 and numbers.test >= 0.98,
        "a second hidden layer helps a little": 0 < numbers.second_layer < 1,
        "a third does not": reached["relu_sgd"][2] <= reached["relu_sgd"][1],
        "sigmoid is slow with SGD": max(reached["sigmoid_sgd"]) < 0.95,
        "it is slowest in the deepest network": min(reached["sigmoid_sgd"]) == reached["sigmoid_sgd"][2],
        "it is not with Adam": min(reached["sigmoid_adam"]) > 0.97,
        "small batches reach more": by_size[0] > by_size[2] > by_size[3] > by_size[4],
        "small batches take longer": numbers.small_batch_seconds > numbers.large_batch_seconds,
        "the rate 1 reaches more than 0.1, 3 breaks": by_rate[1.0] > by_rate[0.1] > 0.5 > by_rate[3.0],
        "there is a gap": numbers.validation_loss > 2 * numbers.training_loss,
        "the accuracy still rises, less and less": numbers.to_20 > numbers.to_50 / 3 > 0,
        "Martlet's Adam goes the way of the right one": all(abs(a - b) < 0.003 for a, b in pairs),
        "beta1 in both places begins slowly": first["twice"] < first["right"],
        "beta1 in one place ends behind": numbers.once_behind > 0 and first["once"] >= first["right"] - 0.001,
        "Martlet and PyTorch reach the same": numbers.largest_difference < 0.01,
    }


def claims_of_gradients(results: SimpleNamespace, numbers: SimpleNamespace) -> dict[str, bool]:
    dead = [run for runs in by_variant(results.summed.stuck, "0.1") for run in runs]
    luck = [run.accuracy for run in by_variant(results.summed.stuck, "0.01")[-1]]
    summed, small, he = (by_variant(results.averaged, name) for name in VARIANTS)
    ends = [run.loss for run in dead] + [run.losses[-1] for runs in summed for run in runs]
    flights, averaged = vars(results.summed.diverged), results.summed.averaged
    cured = [[median(run.accuracies[-1] for run in runs) for runs in (low, high)] for low, high in zip(small, he)]
    return {
        "the sum freezes the network": all(max(run.gradient_norms[:-1]) == 0 and run.dead[-1] > 0.9 for run in dead),
        "all end at the same loss, in Martlet, too": all(abs(loss - numbers.stuck_loss) < 1e-4 for loss in ends),
        "it is above ln 10": numbers.stuck_loss > np.log(10),
        "at 0.01 the deepest has luck or not": min(luck) < 0.2 and max(luck) > 0.9,
        "large weights climb": numbers.highest_loss > 724.5,
        "those of deep networks to infinity": all(np.inf in losses for label in DEEP for losses in flights[label]),
        "the mean does not": all(max(losses) < 3 and losses[-1] < 0.5 for losses in averaged),
        "the mean cures the deep networks, He's weights do better": all(0.9 < low < high for low, high in cured),
        "the right gradient passes the check": abs(numbers.ratio_right - 1) < 0.01,
        "the sum is wrong by the batch size": abs(numbers.ratio_summed / 100 - 1) < 0.01,
    }


def by_network(found: SimpleNamespace) -> dict[str, dict]:
    """Of an experiment whose figures are {network: {variant: ...}}."""
    return {label: vars(runs) for label, runs in vars(found).items() if isinstance(runs, SimpleNamespace)}


def by_variant(found: SimpleNamespace, name: str) -> list:
    """The runs of a variant of each network."""
    return [runs[name] for runs in by_network(found).values()]


def tables(results: SimpleNamespace) -> dict[str, str]:
    """What the page has as tables, by the names of its fields."""
    return {
        "networks_table": networks(results.networks),
        "stuck_table": stuck(results.summed.stuck),
        "averaged_table": averaged(results.averaged),
        "adam_table": adam(results.adam),
        "speed_table": speeds(results.pytorch, results.pytorch_2_threads),
        "accuracy_table": accuracies(results.pytorch),
        "search_table": search(results.best.search),
    }


def networks(found: SimpleNamespace) -> str:
    """Accuracy in validation, and seconds of the training with ReLU and SGD."""
    rows = []
    for label, runs in by_network(found).items():
        seconds = median(run.epoch_seconds * len(run.history.loss) for run in runs["relu_sgd"])
        cells = (f"{median(run.accuracy for run in runs[kind]):.2%}" for kind in KINDS)
        rows.append([label, *cells, f"{seconds:.0f} s"])
    return table(["Network", *KINDS.values(), "Time (ReLU, SGD)"], rows)


def stuck(found: SimpleNamespace) -> str:
    """What the network by hand has reached with each rate: medians over the seeds."""
    rows = []
    for label, of_rates in vars(found).items():
        cells = []
        for runs in vars(of_rates).values():
            figures = zip(*((run.accuracy, run.loss, run.dead[-1]) for run in runs))
            cells.append("{:.2%}, loss {:.4f}, {:.0%} dead".format(*map(median, figures)))
        rows.append([label, *cells])
    return table(["Network", *(f"rate {rate}" for rate in vars(of_rates))], rows)


def averaged(found: SimpleNamespace) -> str:
    rows = []
    for label, runs in by_network(found).items():
        ends = ((median(run.accuracies[-1] for run in runs[name]), runs[name]) for name in VARIANTS)
        cells = (f"{end:.2%}, loss {median(run.losses[-1] for run in of_seeds):.4f}" for end, of_seeds in ends)
        rows.append([label, *cells])
    return table(["Network", *VARIANTS.values()], rows)


def adam(found: SimpleNamespace) -> str:
    """Accuracy in validation after each epoch."""
    rows = []
    for name, label in READINGS.items():
        rows.append([label, *(f"{median(values):.2%}" for values in zip(*getattr(found, name)))])
    return table(["v_t", *(f"epoch {epoch + 1}" for epoch in range(len(rows[0]) - 1))], rows)


def speeds(one_thread: SimpleNamespace, two_threads: SimpleNamespace) -> str:
    """Rows per second, and the median over the pairs of epochs of Martlet's over PyTorch's."""
    rows = []
    for label in vars(one_thread.networks):
        for threads, found in ((1, one_thread), (2, two_threads)):
            pairs = speed_pairs(vars(found.networks)[label])
            ours, theirs = (median(side) for side in zip(*pairs))
            own = f"{median(vars(found.numpy)[label]):,.0f}" if threads == 1 else ""
            rows.append([label, threads, own, f"{theirs:,.0f}", f"{ours:,.0f}", f"{ratio(pairs):.2f}"])
    header = ["Network", "Threads", "NumPy (rows/s)", "PyTorch (rows/s)", "Martlet (rows/s)", "Martlet / PyTorch"]
    return table(header, rows)


def speed_pairs(runs: list[SimpleNamespace]) -> list[tuple[float, float]]:
    """Rows per second of Martlet and of PyTorch."""
    return [pair for run in runs for pair in zip(run.speeds.martlet, run.speeds.torch)]


def ratio(pairs: list[tuple[float, float]]) -> float:
    return median(ours / theirs for ours, theirs in pairs)


def last_accuracies(found: SimpleNamespace) -> dict[str, list[tuple[float, float]]]:
    """By network, of Martlet and of PyTorch for each seed."""
    return {
        label: [(run.accuracies.martlet[-1], run.accuracies.torch[-1]) for run in runs]
        for label, runs in vars(found.networks).items()
    }


def accuracies(found: SimpleNamespace) -> str:
    rows = []
    for label, pairs in last_accuracies(found).items():
        ours, theirs = (median(side) for side in zip(*pairs))
        rows.append([label, f"{theirs:.2%}", f"{ours:.2%}", f"{max(abs(a - b) for a, b in pairs):.2%}"])
    return table(["Network", "PyTorch", "Martlet", "Largest difference of a seed"], rows)


def search(found: SimpleNamespace) -> str:
    rows = [[label, *(f"{value:.2%}" for value in vars(of_rates).values())] for label, of_rates in vars(found).items()]
    return table(["Network", *(f"dropout {share}" for share in vars(next(iter(vars(found).values()))))], rows)


def draw(results: SimpleNamespace, picture: Callable[[str], Path]) -> None:
    """All pictures of the page."""
    curves = {
        label: [run.history.val_accuracy for run in runs["relu_sgd"]]
        for label, runs in by_network(results.networks).items()
    }
    plot.plot_runs(curves, picture("networks"), metric="val_accuracy")
    for name, label in STUDIES.items():
        found = getattr(results, name)
        plot.plot_sweep(found.values, {"784-360-10": found.accuracies}, picture(name), xlabel=label)
    plot.plot_history(vars(results.epochs.history), picture("history"))
    draw_flights(results.summed, picture("diverged"))
    for name, runs in by_network(results.averaged)["784-360-100-40-10"].items():
        history = {layer: vars(figures) for layer, figures in vars(runs[0].layers).items()}
        plot.plot_layer_statistics(
            history, picture(f"layers-{name}"), VARIANTS[name], figures=["gradient_norm", "dead_share"]
        )
    readings = {label: getattr(results.adam, name) for name, label in READINGS.items()}
    plot.plot_runs(readings, picture("adam"), metric="val_accuracy")
    confusion = np.array(results.best.confusion)
    true, predicted = (np.repeat(labels.ravel(), confusion.ravel()) for labels in np.indices(confusion.shape))
    plot.plot_confusion(true, predicted, path=picture("confusion"))


def draw_flights(found: SimpleNamespace, path: Path) -> None:
    """The first losses. Above 10^9 there is nothing to see: those curves go up until they are infinite."""
    curves = {f"sum: {label}": runs for label, runs in vars(found.diverged).items()}
    curves["mean: 784-360-10"] = found.averaged
    first = {label: [losses[:30] for losses in runs] for label, runs in curves.items()}
    figure = plot.plot_runs(first, xlabel="step", ylabel="loss of the batch", log="y")
    figure.axes[0].set_ylim(0.3, 1e9)
    figure.savefig(path, dpi=150, metadata={"Software": None})
