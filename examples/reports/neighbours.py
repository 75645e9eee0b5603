"""k nearest neighbours by scikit-learn, and a picture of what they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from martlet import plot

# Okabe and Ito's bluish green and vermilion.
RIGHT, WRONG = "#009E73", "#D55E00"


class Neighbours:
    """The training rows, and who lies nearest by Euclidean distance of the pixels."""

    def __init__(self, x: np.ndarray, y: np.ndarray, count: int) -> None:
        from sklearn.neighbors import KNeighborsClassifier  # the other experiments do without

        self.x, self.y = x, y
        self.classifier = KNeighborsClassifier(count, algorithm="brute").fit(flat(x), y)

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Training rows [N, count], the nearest first."""
        return self.classifier.kneighbors(flat(x), return_distance=False)

    def accuracies(self, nearest: np.ndarray, y: np.ndarray, tried: Sequence[int]) -> list[float]:
        """The accuracy of each k: most votes, of equals the smaller class, as scikit-learn has it.

        scikit-learn itself would look for the neighbours once more for each k.
        """
        votes = np.cumsum(self.y[nearest][:, :, None] == np.arange(10), axis=1, dtype=np.int16)
        return [float((votes[:, k - 1].argmax(axis=1) == y).mean()) for k in tried]


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) / np.float32(255)


def draw(
    path: Path, x: np.ndarray, y: np.ndarray, nearest: np.ndarray, training: Neighbours, class_names: Sequence[str]
) -> None:
    """Rows of images and beside each its nearest training images; a frame says whether the class is the same."""
    figure = Figure(figsize=(0.95 * (1 + nearest.shape[1]), 1.1 * len(x) + 0.2), layout="constrained")
    grid = figure.subplots(len(x), 1 + nearest.shape[1], squeeze=False)
    for row, line in enumerate(grid):
        images = [(x[row], y[row], "#FFFFFF")]
        images += [(training.x[i], training.y[i], RIGHT if training.y[i] == y[row] else WRONG) for i in nearest[row]]
        for axes, (image, label, color) in zip(line, images):
            axes.imshow(image, interpolation="nearest")
            axes.set_title(class_names[label], fontsize=7, pad=2)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color=color, linewidth=2.5)
    figure.suptitle("left: the image; then its nearest training images", fontsize=9)
    plot.save(figure, path)
