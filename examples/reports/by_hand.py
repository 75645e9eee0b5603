"""A fully connected network as a student writes it by hand with NumPy, in double, and with room for mistakes.

Each step of back-propagation is a method of its own, so that a report can make the mistake of its original in a
subclass of three lines, and everything else stays correct:

    class DividedTwice(Network):
        def weight_gradient(self, x, dz):
            return x.T @ dz / len(x)                    # dz was divided by N already
"""

import numpy as np

Rows = tuple[np.ndarray, np.ndarray]  # x [N, inputs] and the classes y [N]


class Network:
    """Affine layers with ReLU between them and a softmax cross-entropy at the end.

    widths: inputs, hidden layers, classes, such as [3072, 256, 10]. sigma: standard deviation of the first weights;
    None: Glorot's uniform distribution. Biases begin with 0. dtype: of the weights; with x of the same type float32
    takes half the time.
    """

    def __init__(
        self, widths: list[int], sigma: float | None = None, seed: int = 0, dtype: type = np.float64
    ) -> None:
        random = np.random.default_rng(seed)
        self.weights: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        for inputs, outputs in zip(widths, widths[1:]):
            limit = np.sqrt(6 / (inputs + outputs))
            shape = inputs, outputs
            drawn = random.uniform(-limit, limit, shape) if sigma is None else random.normal(0, sigma, shape)
            self.weights.append(drawn.astype(dtype))
            self.biases.append(np.zeros(outputs, dtype))

    # --- Forward.

    def forward(self, x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The input of every layer, and what each makes of it before its ReLU: the last are the scores."""
        inputs: list[np.ndarray] = []
        sums: list[np.ndarray] = []
        for w, b in zip(self.weights, self.biases):
            inputs.append(np.maximum(sums[-1], 0) if sums else x)
            sums.append(inputs[-1] @ w + b)
        return inputs, sums

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def losses(self, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
        """-log softmax of the right class, from the scores: no probability can underflow on the way."""
        shifted = scores - scores.max(axis=1, keepdims=True)
        return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Mean loss and accuracy."""
        scores = self.forward(x)[1][-1]
        return float(self.losses(scores, y).mean()), float((scores.argmax(axis=1) == y).mean())

    # --- Backward.

    def output_gradient(self, probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Of the mean loss by the scores: (p - y) / N."""
        dz = probabilities.copy()
        dz[np.arange(len(y)), y] -= 1
        return dz / len(y)

    def weight_gradient(self, x: np.ndarray, dz: np.ndarray) -> np.ndarray:
        return x.T @ dz

    def bias_gradient(self, dz: np.ndarray) -> np.ndarray:
        return dz.sum(axis=0)

    def hidden_gradient(self, dz: np.ndarray, w: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """Of the mean loss by the sums of a hidden layer, from that by the sums of the next one, with its weights w."""
        return dz @ w.T * (sums > 0)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of the mean loss by weights and biases, layer by layer."""
        inputs, sums = self.forward(x)
        dz = self.output_gradient(self.probabilities(sums[-1]), y)
        found = []
        for layer in reversed(range(len(self.weights))):
            found.insert(0, (self.weight_gradient(inputs[layer], dz), self.bias_gradient(dz)))
            if layer:
                dz = self.hidden_gradient(dz, self.weights[layer], sums[layer - 1])
        return found

    # --- Training.

    def step(self, x: np.ndarray, y: np.ndarray, learning_rate: float) -> None:
        """Gradient descent on one batch."""
        for layer, (dw, db) in enumerate(self.gradients(x, y)):
            self.weights[layer] -= learning_rate * dw
            self.biases[layer] -= learning_rate * db

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        validation: Rows,
        batch_size: int,
        epochs: int,
        learning_rate: float,
        shuffle: bool = True,
        seed: int = 0,
    ) -> dict[str, list[float]]:
        """Train; the history has the names of martlet's: loss, accuracy, val_loss, val_accuracy.

        Whole batches only. All four are taken at the end of an epoch, loss and accuracy of the first 10,000 rows.
        """
        random = np.random.default_rng(seed)
        history: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
        for _ in range(epochs):
            order = random.permutation(len(x)) if shuffle else np.arange(len(x))
            for begin in range(0, len(x) - batch_size + 1, batch_size):
                rows = order[begin : begin + batch_size]
                self.step(x[rows], y[rows], learning_rate)
            figures = *self.evaluate(x[:10_000], y[:10_000]), *self.evaluate(*validation)
            for values, figure in zip(history.values(), figures):
                values.append(figure)
        return history
