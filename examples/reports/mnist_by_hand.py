"""The mistakes of the MNIST report in NumPy: a network whose gradient is a sum, and Adam as it is printed."""

import numpy as np
from by_hand import Network

from martlet import Sequential

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Summed(Network):
    """The report's network: its gradient is the sum over the rows of the batch, where the loss is their mean."""

    def output_gradient(self, probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
        return super().output_gradient(probabilities, y) * len(y)


class Adam(Network):
    """Kingma and Ba's optimiser, with the correction of both moments in the rate, as their section 2 has it."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.steps = 0
        self.m = [np.zeros_like(parameter) for parameter in self.parameters()]
        self.v = [np.zeros_like(parameter) for parameter in self.parameters()]

    def parameters(self) -> list[np.ndarray]:
        return [*self.weights, *self.biases]

    def second_moment(self, v: np.ndarray, g: np.ndarray) -> np.ndarray:
        return BETA_2 * v + (1 - BETA_2) * g**2

    def step(self, x: np.ndarray, y: np.ndarray, learning_rate: float) -> None:
        self.steps += 1
        rate = learning_rate * np.sqrt(1 - BETA_2**self.steps) / (1 - BETA_1**self.steps)
        for_weights, for_biases = zip(*self.gradients(x, y))
        for index, (parameter, g) in enumerate(zip(self.parameters(), (*for_weights, *for_biases))):
            self.m[index] = BETA_1 * self.m[index] + (1 - BETA_1) * g
            self.v[index] = self.second_moment(self.v[index], g)
            parameter -= (rate * self.m[index] / (np.sqrt(self.v[index]) + EPSILON)).astype(parameter.dtype)


class PrintedTwice(Adam):
    """Read so that beta_1 stands in both places of v_t. The correction of v_t keeps beta_2."""

    def second_moment(self, v: np.ndarray, g: np.ndarray) -> np.ndarray:
        return BETA_1 * v + (1 - BETA_1) * g**2


class PrintedOnce(Adam):
    """Read so that beta_1 stands before v_(t-1) alone."""

    def second_moment(self, v: np.ndarray, g: np.ndarray) -> np.ndarray:
        return BETA_1 * v + (1 - BETA_2) * g**2


def take_weights(network: Network, model: Sequential) -> None:
    """Let a network by hand begin with the weights of a model of Martlet."""
    arrays = model.get_weights()
    for own, given in zip(network.weights + network.biases, arrays[::2] + arrays[1::2]):
        own[...] = given


def gradient_ratio(network: Network, x: np.ndarray, y: np.ndarray, step: float = 1e-4) -> float:
    """The gradient over the difference quotient of the loss along it: 1 if it is the gradient of that loss."""
    gradients = network.gradients(x, y)
    length = gradient_norm(gradients)
    losses = []
    for sign in (1, -2):  # forward, and from there as far to the other side
        for layer, (dw, db) in enumerate(gradients):
            network.weights[layer] += sign * step / length * dw
            network.biases[layer] += sign * step / length * db
        losses.append(network.evaluate(x, y)[0])
    return length / ((losses[0] - losses[1]) / (2 * step))


def gradient_norm(gradients: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.sqrt(sum((dw**2).sum() + (db**2).sum() for dw, db in gradients)))


def dead_shares(network: Network, x: np.ndarray) -> list[float]:
    """Of each hidden layer, the share of its ReLUs that are 0 for every row."""
    return [float((values.max(axis=0) == 0).mean()) for values in network.forward(x)[0][1:]]
