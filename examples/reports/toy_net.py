"""The toy net of the exercise, 4-10-3 on five rows, and the check of its formulas in double.

Three ways to the same numbers: formulas by hand in NumPy, the library in double, difference quotients of a loss.
"""

from collections.abc import Callable

import numpy as np
from by_hand import Network

from martlet import Input, Sequential, layers, losses, regularizers

L2 = float(np.float32(0.05))  # as the library keeps it
NAMES = ("W1", "b1", "W2", "b2")
# The scores that the exercise prints, to 8 decimals.
PRINTED = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]


def weights_and_rows() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """W1 [4, 10], b1, W2 [10, 3], b2; 5 rows and their labels: those of the exercise, from NumPy's seeds 0 and 1."""
    first, second = np.random.RandomState(0), np.random.RandomState(1)
    weights = [0.1 * first.randn(4, 10), np.zeros(10), 0.1 * first.randn(10, 3), np.zeros(3)]
    return weights, 10 * second.randn(5, 4), np.array([0, 1, 2, 2, 1])


class ByHand(Network):
    """The net by hand with these weights, which it shares if they are doubles, and the penalty L2 (|W1|^2 + |W2|^2)."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        super().__init__([4, 10, 3])
        arrays = [np.asarray(array, np.float64) for array in weights]
        self.weights, self.biases = arrays[::2], arrays[1::2]

    def scores(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x)[1][-1]

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        return self.evaluate(x, y)[0] + penalty(self.weights)

    def flat_gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """By W1, b1, W2 and b2."""
        pairs = zip(self.gradients(x, y), self.weights)
        return [array for (dw, db), w in pairs for array in (dw + 2 * L2 * w, db)]


def penalty(weights: list[np.ndarray]) -> float:
    return L2 * sum(float((np.float64(w) ** 2).sum()) for w in weights)


def quotients(loss: Callable[[], float], weights: list[np.ndarray], step: float = 1e-5) -> list[np.ndarray]:
    """(L(w + h) - L(w - h)) / 2h for every weight; the two steps are what the type of the arrays makes of h."""
    found = [np.empty(array.shape) for array in weights]
    for array, slopes in zip(weights, found):
        for index in np.ndindex(array.shape):
            kept = float(array[index])
            array[index] = kept + step
            above, loss_above = float(array[index]), loss()
            array[index] = kept - step
            below, loss_below = float(array[index]), loss()
            array[index] = kept
            slopes[index] = (loss_above - loss_below) / (above - below)
    return found


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """max |a - b| / (|a| + |b|), the measure of the exercise."""
    return float((np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))).max())


def check() -> dict:
    """Scores, loss and gradients, by hand and by the library."""
    exact, exact_x, y = weights_and_rows()
    # What the library's weights, and the rows of a dataset, can be; both sides take these numbers as they are.
    single, x = [np.float32(array) for array in exact], np.float32(exact_x)
    options = {"kernel_regularizer": regularizers.L2(L2)}
    chain = [Input((4,)), layers.Dense(10, "relu", **options), layers.Dense(3, **options)]
    model = Sequential(chain, seed=1)
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    model.set_weights(single)

    def loss_of_library() -> float:
        model.set_weights(single)
        scores = model.predict(x, dtype="float64")
        return float(by_hand.losses(scores, y).mean()) + penalty(single[::2])

    student, by_hand = ByHand(exact), ByHand(single)
    found = model.check_gradients(x, y, sample=0)
    figures = {
        "names": NAMES,
        "printed": np.abs(student.scores(exact_x) - PRINTED).max(),
        "scores": np.abs(model.predict(x, dtype="float64") - by_hand.scores(x)).max(),
        "scores_float32": np.abs(model.predict(x) - by_hand.scores(x)).max(),
        "loss": student.loss(exact_x, y),
        "loss_difference": abs(found.loss - by_hand.loss(x, y)),
        "library": [float(errors.max()) for errors in found.errors],
    }
    own, library = quotients(lambda: student.loss(exact_x, y), exact), quotients(loss_of_library, single)
    figures["by_hand"] = [relative_error(*pair) for pair in zip(student.flat_gradients(exact_x, y), own)]
    figures["across"] = [relative_error(*pair) for pair in zip(by_hand.flat_gradients(x, y), library)]
    return figures
