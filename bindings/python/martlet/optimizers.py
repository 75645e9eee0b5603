"""Optimisers with Keras' names, formulas and defaults. g = gradient of the loss with its regularisation."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ._check import real
from ._names import lookup

if TYPE_CHECKING:
    from .trainer import Trainer


class Optimizer:
    """Base class. While a model trains with it, `learning_rate` reads and sets the rate of the next step."""

    code: int
    momentum = 0.0
    nesterov = False
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-7

    def __init__(self, learning_rate: float, learning_rate_decay: float) -> None:
        self._learning_rate = real(learning_rate, "learning_rate")
        self.learning_rate_decay = real(learning_rate_decay, "learning_rate_decay")
        self._trainer: weakref.ref[Trainer] | None = None

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step. Setting it during training is allowed in callbacks."""
        trainer = self._trainer() if self._trainer else None
        return trainer.learning_rate if trainer else self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        value = real(value, "learning_rate")
        trainer = self._trainer() if self._trainer else None
        if trainer:
            trainer.learning_rate = value
        self._learning_rate = value

    def attach(self, trainer: Trainer) -> None:
        """From now on the learning rate is that of this trainer."""
        self._trainer = weakref.ref(trainer)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: the options with the rate of the next step, without the trainer."""
        return {**self.__dict__, "_learning_rate": self.learning_rate, "_trainer": None}


class SGD(Optimizer):
    """w -= lr g; with momentum: m = momentum m - lr g, w += m; Nesterov: w += momentum m - lr g.

    learning_rate_decay: the rate is multiplied by it after each epoch. Ranges (rate >= 0, 0 <= momentum <= 1, decay > 0)
    are checked by the library when training begins: ValueError.
    """

    code = 0

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        learning_rate_decay: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, learning_rate_decay)
        self.momentum = real(momentum, "momentum")
        self.nesterov = bool(nesterov)


class Adam(Optimizer):
    """m += (1 - beta_1)(g - m), v += (1 - beta_2)(g^2 - v), w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    Kingma and Ba 2015. Ranges (0 <= beta < 1, epsilon > 0) are checked by the library when training begins: ValueError.
    """

    code = 1

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        learning_rate_decay: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, learning_rate_decay)
        self.beta_1, self.beta_2 = real(beta_1, "beta_1"), real(beta_2, "beta_2")
        self.epsilon = real(epsilon, "epsilon")


def get(identifier: Any) -> Optimizer:
    """The optimiser that a name, class or object stands for. ValueError lists the names."""
    return lookup(identifier, Optimizer, {"sgd": SGD, "adam": Adam}, "optimizer")
