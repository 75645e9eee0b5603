"""A fully connected network as a student writes it by hand with NumPy, in double, and with room for mistakes.

Each step of back-propagation is a method of its own, so that a report can make the mistake of its original in a subclass
of three lines, and everything else stays correct:

    class DividedTwice(Network):
        def weight_gradient(self, x, dz):
            return x.T @ dz / len(x)                    # dz was divided by N already
"""

import numpy as np

ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
}


class Network:
    """Affine layers with an activation between them and a softmax cross-entropy at the end.

    widths: inputs, hidden layers, classes, such as [3072, 256, 10]. sigma: standard deviation of the first weights;
    None: Glorot's uniform distribution. Biases begin with 0. dtype: of the weights; with x of the same type float32 takes
    half the time.
    """

    def __init__(self, widths, activation="relu", sigma=None, seed=0, dtype=np.float64):
        random = np.random.default_rng(seed)
        self.activation, self.activation_slope = ACTIVATIONS[activation]
        self.weights, self.biases = [], []
        for inputs, outputs in zip(widths, widths[1:]):
            limit = np.sqrt(6 / (inputs + outputs))
            shape = inputs, outputs
            drawn = random.uniform(-limit, limit, shape) if sigma is None else random.normal(0, sigma, shape)
            self.weights.append(drawn.astype(dtype))
            self.biases.append(np.zeros(outputs, dtype))

    # --- Forward.

    def forward(self, x):
        """The input of every layer, and what each makes of it before its activation: the last are the scores."""
        inputs, sums = [x], []
        for w, b in zip(self.weights, self.biases):
            sums.append(inputs[-1] @ w + b)
            inputs.append(self.activation(sums[-1]))
        return inputs[:-1], sums

    def probabilities(self, scores):
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def losses(self, scores, y):
        """-log softmax of the right class, from the scores: no probability can underflow on the way."""
        shifted = scores - scores.max(axis=1, keepdims=True)
        return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]

    def evaluate(self, x, y):
        """Mean loss and accuracy."""
        scores = self.forward(x)[1][-1]
        return float(self.losses(scores, y).mean()), float((scores.argmax(axis=1) == y).mean())

    # --- Backward.

    def output_gradient(self, probabilities, y):
        """Of the mean loss by the scores: (p - y) / N."""
        dz = probabilities.copy()
        dz[np.arange(len(y)), y] -= 1
        return dz / len(y)

    def weight_gradient(self, x, dz):
        return x.T @ dz

    def bias_gradient(self, dz):
        return dz.sum(axis=0)

    def hidden_gradient(self, dz, w, sums):
        """Of the mean loss by the sums of a hidden layer, from that by the sums of the next one, whose weights are w."""
        return dz @ w.T * self.activation_slope(sums)

    def gradients(self, x, y):
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

    def step(self, x, y, learning_rate):
        """Gradient descent on one batch."""
        for layer, (dw, db) in enumerate(self.gradients(x, y)):
            self.weights[layer] -= learning_rate * dw
            self.biases[layer] -= learning_rate * db

    def fit(self, x, y, validation, batch_size, epochs, learning_rate, shuffle=True, seed=0):
        """The history as martlet's fit returns it: loss, accuracy, val_loss, val_accuracy, each at the end of an epoch.

        Whole batches only. Loss and accuracy are those of the first 10,000 rows with the weights at the end.
        """
        random = np.random.default_rng(seed)
        history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
        for _ in range(epochs):
            order = random.permutation(len(x)) if shuffle else np.arange(len(x))
            for begin in range(0, len(x) - batch_size + 1, batch_size):
                rows = order[begin : begin + batch_size]
                self.step(x[rows], y[rows], learning_rate)
            figures = *self.evaluate(x[:10_000], y[:10_000]), *self.evaluate(*validation)
            for values, figure in zip(history.values(), figures):
                values.append(figure)
        return history
