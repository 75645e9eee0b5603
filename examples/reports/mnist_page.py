"""Numbers, claims, tables and pictures of the page mnist_from_scratch.md, from the figures of its experiments."""

from collections.abc import Callable, Iterable
from math import inf, log
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
from report import Report, table

from martlet import plot

# The widths of their hidden layers.
NETWORKS = {"784-360-10": [360], "784-360-100-10": [360, 100], "784-360-100-40-10": [360, 100, 40]}
DEEP = list(NETWORKS)[1:]
BEST_EPOCHS = 20
KINDS = {
    "relu_sgd": "ReLU, SGD",
    "relu_adam": "ReLU, Adam",
    "sigmoid_sgd": "sigmoid, SGD",
    "sigmoid_adam": "sigmoid, Adam",
}
RATES = {rate: f"rate {rate}" for rate in ("0.001", "0.01", "0.1")}
FLIGHTS = {"0.1": "rate 0.1", "10.0": "rate 10"}
DROPOUTS = {share: f"dropout {share}" for share in ("0.0", "0.2", "0.4")}
VARIANTS = {"summed": "sum, sigma 0.01", "small": "mean, sigma 0.01", "he": "mean, He"}
READINGS = {
    "martlet": "Martlet",
    "right": "NumPy, as it should be",
    "twice": "NumPy, beta1 in both places",
    "once": "NumPy, beta1 in one place",
}
SIDES = {"torch": "PyTorch", "martlet": "Martlet"}
STUDIES = {
    "width": "units of the hidden layer",
    "batch_size": "batch size (rows)",
    "learning_rate": "learning rate",
    "epochs": "epochs",
}


def fields(results: SimpleNamespace, report: Report) -> dict:
    """What the page has beside the figures of single experiments; draws its pictures."""
    draw(results, report)
    return {
        **vars(numbers(results)),
        "opening_command": report.command(["summed", "averaged", "pytorch", "divergence", "best"], results),
        "speed_command": report.command(["pytorch", "pytorch_2_threads"], results),
        "networks_table": by_network(results.networks, KINDS, trained),
        "stuck_table": by_network(results.summed.stuck, RATES, by_hand),
        "averaged_table": by_network(results.averaged, VARIANTS, in_martlet, DEEP),
        "adam_table": adam_table(results.adam),
        "accuracy_table": accuracy_table(results.pytorch.networks),
        "speed_table": speed_table(results.pytorch, results.pytorch_2_threads),
        "divergence_table": by_network(results.divergence, FLIGHTS, largest_losses),
        "search_table": by_network(results.best.search, DROPOUTS, "{:.2%}".format),
    }


# --- Numbers.


def of(found: SimpleNamespace, variant: str, labels: Iterable[str] = tuple(NETWORKS)) -> list[list]:
    """Of figures {network: {variant: a run for each seed}}: the runs of a variant, network by network."""
    return [vars(vars(found)[label])[variant] for label in labels]


def last(curves: list[list[float]]) -> float:
    return median(curve[-1] for curve in curves)


def highest(losses: list[float | None]) -> float:
    """The largest, infinity if there is one that is no number."""
    return inf if None in losses else max(losses)


def apart(run: SimpleNamespace) -> float:
    """By how much the accuracies of Martlet and PyTorch differ at the end."""
    return abs(run.accuracies.martlet[-1] - run.accuracies.torch[-1])


def ratio(runs: list[SimpleNamespace]) -> float:
    """Martlet's rows per second over PyTorch's, of the epochs that were trained in turn."""
    return median(ours / theirs for run in runs for ours, theirs in zip(run.speeds.martlet, run.speeds.torch))


def numbers(results: SimpleNamespace) -> SimpleNamespace:
    """Those within the prose."""
    best, summed, history = results.best, results.summed, results.epochs.history
    stuck, small, he = (of(results.averaged, name, DEEP) for name in VARIANTS)
    small_first, he_first = (runs[-1][0].layers.hidden_1.gradient_norm[0] for runs in (small, he))
    shallow, *deep = vars(summed.diverged).values()
    by_epochs = dict(zip(results.epochs.values, map(median, results.epochs.accuracies)))
    reached = [median(run.accuracy for run in runs) for runs in of(results.networks, "relu_sgd")]
    compared = vars(results.pytorch.networks).values()
    right, fast = of(results.divergence, "0.1")[0], of(results.divergence, "10.0")
    errors = np.array(best.confusion)
    np.fill_diagonal(errors, 0)
    mistaken, taken_for = np.unravel_index(errors.argmax(), errors.shape)
    return SimpleNamespace(
        validation=median(best.validation),
        test=median(best.test),
        training_seconds=BEST_EPOCHS * results.clock.epoch_seconds,
        mistaken=mistaken,
        taken_for=taken_for,
        mistakes=errors.max(),
        second_layer=100 * (reached[1] - reached[0]),
        small_batch_seconds=results.batch_size.epoch_seconds[0],
        large_batch_seconds=results.batch_size.epoch_seconds[-1],
        training_loss=history.loss[-1],
        validation_loss=history.val_loss[-1],
        to_20=100 * (by_epochs[20] - by_epochs[10]),
        to_50=100 * (by_epochs[50] - by_epochs[20]),
        ratio_right=summed.ratios.Network,
        ratio_summed=summed.ratios.Summed,
        stuck_accuracy=median(run.accuracies[-1] for runs in stuck for run in runs),
        stuck_loss=median(run.losses[-1] for runs in stuck for run in runs),
        shallow_accuracy=median(run.accuracy for run in of(summed.stuck, "0.01")[0]),
        deepest_accuracies=", ".join(f"{run.accuracy:.2%}" for run in of(summed.stuck, "0.01")[-1]),
        highest_loss=median(map(highest, shallow)),
        first_infinite=max(losses.index(None) for flights in deep for losses in flights if None in losses),
        averaged_end=last(summed.averaged),
        cured_accuracy=min(median(run.accuracies[-1] for run in runs) for runs in small),
        after_three=median(run.accuracies[:3][-1] for run in small[-1]),
        gradient_gap=he_first / small_first,
        small_dead=max(max(figures.dead_share) for _, figures in hidden(small[-1][0])),
        once_behind=100 * (last(results.adam.right) - last(results.adam.once)),
        largest_difference=max(apart(run) for runs in compared for run in runs),
        slowest_ratio=min(map(ratio, compared)),
        fastest_ratio=max(map(ratio, compared)),
        calm_torch=median(highest(run.torch) for run in right),
        calm_martlet=median(highest(run.martlet) for run in right),
        flight_torch=median(highest(run.torch) for run in fast[0]),
        flight_martlet=median(highest(run.martlet) for run in fast[0]),
        overflow=max(run.martlet.index(None) for run in fast[-1] if None in run.martlet),
    )


def hidden(run: SimpleNamespace) -> list[tuple[str, SimpleNamespace]]:
    """The statistics of its hidden layers."""
    return [(name, figures) for name, figures in vars(run.layers).items() if name != "output"]


# --- Claims: what the prose says, and whether the figures show it.


def claims(results: SimpleNamespace) -> dict[str, bool]:
    given = numbers(results)
    return {
        **claims_of_studies(results, given),
        **claims_of_sum(results, given),
        **claims_of_mean(results, given),
        **claims_of_comparison(results, given),
    }


def claims_of_studies(results: SimpleNamespace, given: SimpleNamespace) -> dict[str, bool]:
    reached = {kind: [median(run.accuracy for run in runs) for runs in of(results.networks, kind)] for kind in KINDS}
    by_size = [median(row) for row in results.batch_size.accuracies]
    by_rate = dict(zip(results.learning_rate.values, map(median, results.learning_rate.accuracies)))
    adam = results.adam
    pairs = [pair for curves in zip(adam.martlet, adam.right) for pair in zip(*curves)]
    first = {name: median(curve[0] for curve in getattr(adam, name)) for name in READINGS}
    return {
        "the best network beats the report": given.validation > 0.9646 and given.test >= 0.98,
        "a second hidden layer helps a little": 0 < given.second_layer < 1,
        "a third does not": reached["relu_sgd"][2] <= reached["relu_sgd"][1],
        "sigmoid is slow with SGD": max(reached["sigmoid_sgd"]) < 0.95,
        "it is slowest in the deepest network": min(reached["sigmoid_sgd"]) == reached["sigmoid_sgd"][2],
        "it is not with Adam": min(reached["sigmoid_adam"]) > 0.97,
        "small batches reach more": by_size == sorted(by_size, reverse=True),
        "small batches take longer": given.small_batch_seconds > given.large_batch_seconds,
        "the rate 1 reaches more than 0.1, 3 breaks": by_rate[1.0] > by_rate[0.1] > 0.5 > by_rate[3.0],
        "there is a gap": given.validation_loss > 2 * given.training_loss,
        "the accuracy still rises, less and less": given.to_20 > given.to_50 / 3 > 0,
        "Martlet's Adam goes the way of the right one": all(abs(a - b) < 0.003 for a, b in pairs),
        "beta1 in both places begins slowly": first["twice"] < first["right"],
        "beta1 in one place is fast at first": first["once"] >= first["right"] - 0.001,
        "it ends behind": given.once_behind > 0,
    }


def claims_of_sum(results: SimpleNamespace, given: SimpleNamespace) -> dict[str, bool]:
    dead = [run for runs in of(results.summed.stuck, "0.1") for run in runs]
    deepest = [run.accuracy for run in of(results.summed.stuck, "0.01")[-1]]
    martlet = of(results.averaged, "summed", DEEP)
    ends = [run.loss for run in dead] + [run.losses[-1] for runs in martlet for run in runs]
    deep = [vars(results.summed.diverged)[label] for label in DEEP]
    return {
        "the right gradient passes the check": abs(given.ratio_right - 1) < 0.01,
        "the sum is wrong by the batch size": abs(given.ratio_summed / 100 - 1) < 0.01,
        "at 0.01 the shallow network comes close to the report's best": abs(given.shallow_accuracy - 0.9646) < 0.002,
        "at 0.01 the deepest stays behind with every seed": max(deepest) < given.shallow_accuracy - 0.02,
        "at 0.1 a layer dies": all(run.dead[-1] > 0.9 for run in dead),
        "no gradient passes it": all(max(run.gradient_norms[:-1]) == 0 < run.gradient_norms[-1] for run in dead),
        "nearly all images get one answer": all(run.classes <= 2 for run in dead),
        "all end at the same loss, to four digits, in Martlet, too": all(
            abs(loss - given.stuck_loss) < 5e-5 for loss in ends
        ),
        "it is above ln 10": given.stuck_loss > log(10),
        "the third hidden layer is dead after one epoch in Martlet": all(
            run.layers.hidden_3.dead_share[0] == 1 for run in martlet[-1]
        ),
        "its gradients are exactly 0": all(
            max(figures.gradient_norm) == 0 for run in martlet[-1] for _, figures in hidden(run)
        ),
        "large weights climb": given.highest_loss > 724.5,
        "those of deep networks to infinity": all(highest(losses) == inf for flights in deep for losses in flights),
        "the mean does not": all(highest(losses) < 3 and losses[-1] < 0.5 for losses in results.summed.averaged),
    }


def claims_of_mean(results: SimpleNamespace, given: SimpleNamespace) -> dict[str, bool]:
    small, he = (of(results.averaged, name, DEEP) for name in ("small", "he"))
    ends = [[median(run.accuracies[-1] for run in runs) for runs in (low, high)] for low, high in zip(small, he)]
    at_once = [[figures.gradient_norm[0] for figures in vars(run.layers).values()] for run in he[-1]]
    return {
        "the mean cures the deep networks, He's weights do better": all(0.9 < low < high for low, high in ends),
        "small weights stand for three epochs": all(
            run.accuracies[2] < 0.2 < run.accuracies[3] and run.accuracies[4] > 0.8 for run in small[-1]
        ),
        "their first gradients are small": given.gradient_gap > 100,
        "most units live": given.small_dead < 0.5,
        "He's gradients are of similar size": all(max(norms) < 10 * min(norms) for norms in at_once),
        "He's networks learn at once": all(run.accuracies[0] > 0.9 for runs in he for run in runs),
    }


def claims_of_comparison(results: SimpleNamespace, given: SimpleNamespace) -> dict[str, bool]:
    calm, fast = (of(results.divergence, rate) for rate in ("0.1", "10.0"))
    pairs = [(highest(run.martlet), highest(run.torch)) for runs in fast for run in runs]
    return {
        "Martlet and PyTorch reach the same": given.largest_difference < 0.01,
        "at 0.1 neither climbs": all(
            highest(losses) < 3 and losses[-1] < 0.5
            for runs in calm
            for run in runs
            for losses in (run.martlet, run.torch)
        ),
        "at 10 both do": min(map(min, pairs)) > 724.5,
        "they climb alike": all(ours == theirs or abs(ours / theirs - 1) < 0.001 for ours, theirs in pairs),
        "the deepest leaves float32 in both": all(pair == (inf, inf) for pair in pairs[-len(fast[-1]) :]),
    }


# --- Tables.


def by_network(
    found: SimpleNamespace, variants: dict[str, str], cell: Callable[..., str], labels: Iterable[str] = tuple(NETWORKS)
) -> str:
    """A row for each network, a column for each variant, in the cells what `cell` makes of its figures."""
    columns = [map(cell, of(found, name, labels)) for name in variants]
    return table(["Network", *variants.values()], list(zip(labels, *columns)))


def trained(runs: list[SimpleNamespace]) -> str:
    seconds = median(run.epoch_seconds * len(run.history.loss) for run in runs)
    return f"{median(run.accuracy for run in runs):.2%}, {seconds:.0f} s"


def by_hand(runs: list[SimpleNamespace]) -> str:
    figures = zip(*((run.accuracy, run.loss, run.dead[-1]) for run in runs))
    return "{:.2%}, loss {:.4f}, {:.0%} dead".format(*map(median, figures))


def in_martlet(runs: list[SimpleNamespace]) -> str:
    return f"{last([run.accuracies for run in runs]):.2%}, loss {last([run.losses for run in runs]):.4f}"


def largest_losses(runs: list[SimpleNamespace]) -> str:
    largest = {name: median(highest(getattr(run, side)) for run in runs) for side, name in SIDES.items()}
    return ", ".join(f"{name} {'infinite' if loss == inf else f'{loss:,.4g}'}" for name, loss in largest.items())


def adam_table(found: SimpleNamespace) -> str:
    """Accuracy in validation after each epoch."""
    rows = [
        [label, *(f"{median(values):.2%}" for values in zip(*getattr(found, name)))]
        for name, label in READINGS.items()
    ]
    return table(["v_t", *(f"epoch {epoch}" for epoch in range(1, len(rows[0])))], rows)


def accuracy_table(found: SimpleNamespace) -> str:
    rows = []
    for label, runs in vars(found).items():
        ends = [last([getattr(run.accuracies, side) for run in runs]) for side in SIDES]
        rows.append([label, *(f"{end:.2%}" for end in ends), f"{max(map(apart, runs)):.2%}"])
    return table(["Network", *SIDES.values(), "Largest difference of a seed"], rows)


def speed_table(one_thread: SimpleNamespace, two_threads: SimpleNamespace) -> str:
    """Medians of rows per second, and of Martlet's over PyTorch's."""
    rows = []
    for label in NETWORKS:
        for threads, found in ((1, one_thread), (2, two_threads)):
            runs = vars(found.networks)[label]
            speeds = [median(speed for run in runs for speed in getattr(run.speeds, side)) for side in SIDES]
            own = f"{median(vars(found.numpy)[label]):,.0f}" if threads == 1 else ""
            rows.append([label, threads, own, *(f"{speed:,.0f}" for speed in speeds), f"{ratio(runs):.2f}"])
    header = ["Network", "Threads", "NumPy (rows/s)", "PyTorch (rows/s)", "Martlet (rows/s)", "Martlet / PyTorch"]
    return table(header, rows)


# --- Pictures.


def draw(results: SimpleNamespace, report: Report) -> None:
    picture = report.picture
    curves = ([run.history.val_accuracy for run in runs] for runs in of(results.networks, "relu_sgd"))
    plot.plot_runs(dict(zip(NETWORKS, curves)), picture("networks"), metric="val_accuracy")
    for name, label in STUDIES.items():
        found = getattr(results, name)
        plot.plot_sweep(found.values, {"784-360-10": found.accuracies}, picture(name), xlabel=label)
    plot.plot_history(vars(results.epochs.history), picture("history"))
    draw_flights(results.summed, picture("diverged"))
    for name, label in VARIANTS.items():
        run = of(results.averaged, name, DEEP)[-1][0]
        history = {layer: vars(figures) for layer, figures in vars(run.layers).items()}
        shown = ["gradient_norm", "dead_share"]
        plot.plot_layer_statistics(history, picture(f"layers-{name}"), label, figures=shown)
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
    plot.save(figure, path)
