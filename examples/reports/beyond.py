"""The best that fully connected networks do on MNIST, Fashion-MNIST and CIFAR-10 in minutes on two cores."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from types import ModuleType, SimpleNamespace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from report import Report, duration, epoch_seconds, table

from martlet import Dataset, Input, Sequential, layers, losses, optimizers, plot
from martlet.datasets import cifar10, fashion_mnist, mnist

report = Report(__file__)
Arrays = tuple[np.ndarray, np.ndarray]
SEEDS = [1, 2, 3, 4, 5]
# The last training images, on which the settings are chosen; then the network is trained on all of them.
HELD_OUT = 5_000


@dataclass(frozen=True)
class Settings:
    """A network and its training with Adam; first weights of He; the rate is multiplied by `decay` after each epoch.

    In each epoch every image is moved by up to `shift` pixels in both directions, `mirrored` or not, and blended with
    another, classes too, in shares of Beta(mixed, mixed), all at random. mixed: 0 to blend nothing.
    """

    widths: tuple[int, ...]
    epochs: int
    batch_size: int
    decay: float = 1.0
    dropout: float = 0.0
    shift: int = 0
    mirrored: bool = False
    mixed: float = 0.0

    def model(self, shape: tuple[int, ...], seed: int) -> Sequential:
        chain = [Input(shape), layers.Flatten()]
        for width in self.widths:
            chain += [layers.Dense(width, "relu", kernel_initializer="he_normal"), layers.Dropout(self.dropout)]
        model = Sequential([*chain, layers.Dense(10)], seed=seed)
        adam = optimizers.Adam(0.001, learning_rate_decay=self.decay)
        model.compile(adam, losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model

    @property
    def varies(self) -> bool:
        """Whether an epoch sees other images than those given."""
        return bool(self.shift or self.mirrored or self.mixed)

    def varied(self, x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> Arrays:
        """Images [N, H, W, ...] and their classes [N, 10] as an epoch sees them; borders show the image, reflected."""
        ones = [1] * (x.ndim - 1)
        if self.shift:
            border = [(0, 0), (self.shift, self.shift), (self.shift, self.shift)] + [(0, 0)] * (x.ndim - 3)
            windows = sliding_window_view(np.pad(x, border, "reflect"), x.shape[1:3], axis=(1, 2))
            down, right = random.integers(0, 2 * self.shift + 1, (2, len(x)))
            x = np.moveaxis(windows[np.arange(len(x)), down, right], (-2, -1), (1, 2))
        if self.mirrored:
            turned = random.random(len(x)) < 0.5
            x = np.where(turned.reshape(-1, *ones), x[:, :, ::-1], x)
        if self.mixed:
            share = random.beta(self.mixed, self.mixed, (len(x), 1)).astype(np.float32)
            partner, shares = random.permutation(len(x)), share.reshape(-1, *ones)
            x, y = shares * x + (1 - shares) * x[partner], share * y + (1 - share) * y[partner]
        return np.ascontiguousarray(x), y


# --- The data: images of a set, and what makes a dataset of them.


@dataclass(frozen=True)
class Images:
    """Training images and those that judge, each with its classes [N, 10]."""

    training: Arrays
    judged: Arrays
    dataset: Callable[[np.ndarray, np.ndarray], Dataset]


@cache
def loaded(source: ModuleType) -> list[Arrays]:
    """Training and test images [N, H, W, ...] of 0 ... 255 and their classes [N, 10], 1 where it is the class."""
    return [(x, np.eye(10, dtype=np.float32)[y]) for x, y in source.load_data()]


@cache
def images(source: ModuleType, chosen: bool) -> Images:
    """All training images and the test images for what was chosen; else training images alone, some held out."""
    (x, y), judged = loaded(source)
    if report.short:  # few images, with every other row and column
        (x, y), judged = (x[:1_000, ::2, ::2], y[:1_000]), (judged[0][:500, ::2, ::2], judged[1][:500])
    if not chosen:
        held_out = report.size(HELD_OUT, 500)
        (x, y), judged = (x[:-held_out], y[:-held_out]), (x[-held_out:], y[-held_out:])
    return Images((x, y), judged, whitened(x) if source is cifar10 else standardized(x))


def standardized(training: np.ndarray) -> Callable[[np.ndarray, np.ndarray], Dataset]:
    """Pixels with mean 0 and deviation 1 over all training images, scaled as they are read."""
    mean, deviation = float(training.mean()), float(training.std())
    return lambda x, y: Dataset(x, y, scale=1 / deviation, offset=-mean / deviation)


COMPONENTS, SOFTENING = 512, 0.1


def whitened(training: np.ndarray) -> Callable[[np.ndarray, np.ndarray], Dataset]:
    """Principal components of the images, the first ones of the training images, each divided by
    sqrt(variance + SOFTENING)."""
    rows = contrasted(training)
    mean = rows.mean(axis=0)
    rows -= mean
    variances, directions = np.linalg.eigh(rows.T @ rows / len(rows))
    first = slice(-1, -COMPONENTS - 1, -1)
    projection = directions[:, first] / np.sqrt(variances[first] + SOFTENING)

    def dataset(x: np.ndarray, y: np.ndarray) -> Dataset:
        parts = np.split(x, range(5_000, len(x), 5_000))
        return Dataset(np.concatenate([(contrasted(part) - mean) @ projection for part in parts]), y)

    return dataset


def contrasted(x: np.ndarray) -> np.ndarray:
    """Each image as a row with mean 0 and deviation 1; the 0.03 is for images of one colour."""
    rows = x.reshape(len(x), -1).astype(np.float32) / 255
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / (rows.std(axis=1, keepdims=True) + 0.03)


# --- The experiments: both settings, judged by held-out images; the chosen one, with five seeds, by the test images.


def train(settings: Settings, seed: int, given: Images, watched: bool) -> dict:
    """Train once; loss and accuracy of the images that judge, at the end and, if watched, after each epoch."""
    (x, y), judged = given.training, given.dataset(*given.judged)
    model, random = settings.model(judged.x_shape, seed), np.random.default_rng(seed)
    training, accuracies, seconds = given.dataset(x, y), [], 0.0
    for _ in range(report.size(settings.epochs, 1)):
        begin = time.process_time()
        if settings.varies:
            training = given.dataset(*settings.varied(x, y, random))
        history = model.fit(training, batch_size=settings.batch_size, verbose=0).history
        seconds += time.process_time() - begin
        if watched:
            accuracies.append(model.evaluate(judged)[1])
    loss, accuracy = model.evaluate(judged)
    return {
        "loss": loss,
        "accuracy": accuracy,
        "accuracies": accuracies,
        "training_accuracy": history["accuracy"][-1],
        "training_seconds": seconds,
    }


SOURCES = {"mnist": mnist, "fashion_mnist": fashion_mnist, "cifar10": cifar10}
NAMES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
# What is to be reached on the test images, in the median of five seeds.
GOALS = {"mnist": 0.986, "fashion_mnist": 0.905, "cifar10": 0.60}
# Without what is done against overfitting, and with it.
PLAIN = {
    "mnist": Settings((512, 512), epochs=20, batch_size=125, decay=0.85),
    "fashion_mnist": Settings((1024, 512), epochs=50, batch_size=125, decay=0.93),
    "cifar10": Settings((1024, 1024), epochs=32, batch_size=250, decay=0.92),
}
VARIED = {
    "mnist": replace(PLAIN["mnist"], dropout=0.2, shift=1),
    "fashion_mnist": replace(PLAIN["fashion_mnist"], mirrored=True, mixed=0.3),
    "cifar10": replace(PLAIN["cifar10"], dropout=0.1, shift=2, mirrored=True),
}
BOTH = {"plain": PLAIN, "varied": VARIED}


def experiment(name: str, data: str, settings: Settings, seed: int, chosen: bool) -> None:
    def run() -> dict:
        return train(settings, seed, images(SOURCES[data], chosen), watched=not chosen)

    run.__name__ = name
    report.experiment(run)


for data in SOURCES:
    experiment(f"{data}_plain", data, PLAIN[data], SEEDS[0], chosen=False)
    experiment(f"{data}_varied", data, VARIED[data], SEEDS[0], chosen=False)
    for seed in SEEDS:
        experiment(f"{data}_{seed}", data, VARIED[data], seed, chosen=True)


@report.experiment
def clock() -> dict:
    """Seconds on the clock, with two threads, of what was chosen: all epochs, each with the making of its images."""
    found = {}
    for data, settings in VARIED.items():
        given = images(SOURCES[data], True)
        (x, y), begin = given.training, time.perf_counter()
        training = given.dataset(*settings.varied(x, y, np.random.default_rng(1)))
        making = time.perf_counter() - begin
        model = settings.model(training.x_shape, SEEDS[0])
        found[data] = settings.epochs * (making + epoch_seconds(model, training, settings.batch_size))
    return found


# --- The page.


def reached(results: SimpleNamespace) -> dict[str, list[float]]:
    """Test accuracies of the five seeds."""
    return {data: [getattr(results, f"{data}_{seed}").accuracy for seed in SEEDS] for data in SOURCES}


@report.claims
def claims(results: SimpleNamespace) -> dict[str, bool]:
    found = {}
    for data, accuracies in reached(results).items():
        plain, varied = (getattr(results, f"{data}_{name}").accuracy for name in ("plain", "varied"))
        found[f"{data}: what was done against overfitting helps the held-out images"] = varied > plain
        found[f"{data}: {GOALS[data]:.1%} test, median of five seeds"] = median(accuracies) >= GOALS[data]
    return found


@report.page
def page(results: SimpleNamespace) -> dict:
    for data in SOURCES:
        runs = {described(each[data]): getattr(results, f"{data}_{name}") for name, each in BOTH.items()}
        curves = {label: run.accuracies for label, run in runs.items()}
        plot.plot_runs(curves, report.picture(data), metric="val_accuracy")
    header = ["", "network", "epochs", "goal", "test", "smallest to largest", "processor time", "on two cores"]
    return {
        "reached_table": table(header, [reached_line(data, results) for data in SOURCES]),
        "reached_run": for_each(lambda data: report.command([f"{data}_{seed}" for seed in SEEDS], results)),
        "held_out_table": for_each(lambda data: held_out_table(data, results)),
        "held_out_run": for_each(lambda data: report.command([f"{data}_plain", f"{data}_varied"], results)),
        "settings": SimpleNamespace(**PLAIN),
        "components": COMPONENTS,
        "softening": SOFTENING,
    }


def for_each(of: Callable[[str], str]) -> SimpleNamespace:
    """The same for each set of images."""
    return SimpleNamespace(**{data: of(data) for data in SOURCES})


def reached_line(data: str, results: SimpleNamespace) -> list:
    settings, accuracies = VARIED[data], reached(results)[data]
    inputs = COMPONENTS if data == "cifar10" else 784
    return [
        NAMES[data],
        "-".join(map(str, (inputs, *settings.widths, 10))),
        settings.epochs,
        f"{GOALS[data]:.1%}",
        f"**{median(accuracies):.2%}**",
        f"{min(accuracies):.2%} to {max(accuracies):.2%}",
        duration(median(getattr(results, f"{data}_{seed}").training_seconds for seed in SEEDS)),
        duration(getattr(results.clock, data)),
    ]


def described(settings: Settings) -> str:
    """What a setting does against overfitting."""
    parts = [f"dropout {settings.dropout:g}"] if settings.dropout else []
    parts += [f"shifted by up to {settings.shift}"] if settings.shift else []
    parts += ["mirrored"] if settings.mirrored else []
    parts += [f"mixed, Beta({settings.mixed:g}, {settings.mixed:g})"] if settings.mixed else []
    return ", ".join(parts) or "nothing of these"


def held_out_table(data: str, results: SimpleNamespace) -> str:
    lines = []
    for name, settings in BOTH.items():
        run = getattr(results, f"{data}_{name}")
        figures = f"{run.accuracy:.2%}", f"{run.loss:.3f}", f"{run.training_accuracy:.2%}"
        lines.append([described(settings[data]), *figures])
    return table(["", "held-out images", "their loss", "training"], lines)


if __name__ == "__main__":
    report.main()
