"""Optimisers with Keras' names, arguments, formulas and defaults. g = gradient of the loss with its regularisation.

All of them take Keras' options:

    weight_decay                 before each update w -= weight_decay lr w
    clipvalue, clipnorm, global_clipnorm
                                 the largest gradient, norm of the gradient of a weight array, norm of all gradients; one at most
    use_ema, ema_momentum, ema_overwrite_frequency
                                 keep a = ema_momentum a + (1 - ema_momentum) w, and give the weights its values when fit
                                 ends and after every so many updates
    gradient_accumulation_steps  an update after every so many steps, with the mean of their gradients
    learning_rate_decay          the rate is multiplied by it after each epoch (not in Keras)

The library checks their ranges when training begins: ValueError.
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

from ._check import integer, real
from ._names import lookup, snake_case

if TYPE_CHECKING:
    from .trainer import Trainer


class Optimizer:
    """Base class. While a model trains with it, `learning_rate` reads and sets the rate of the next step."""

    code: int

    def __init__(
        self,
        learning_rate: float,
        weight_decay: float | None = None,
        *,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        learning_rate_decay: float = 1.0,
        name: str | None = None,
    ) -> None:
        self.name = snake_case(type(self).__name__) if name is None else name
        self._learning_rate = real(learning_rate, "learning_rate")
        self.learning_rate_decay = real(learning_rate_decay, "learning_rate_decay")
        self.weight_decay = None if weight_decay is None else real(weight_decay, "weight_decay")
        self.clipnorm = _limit(clipnorm, "clipnorm")
        self.clipvalue = _limit(clipvalue, "clipvalue")
        self.global_clipnorm = _limit(global_clipnorm, "global_clipnorm")
        given = [key for key in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"Only one of clipnorm, clipvalue and global_clipnorm can be set. Received: {given}")
        self.use_ema = bool(use_ema)
        self.ema_momentum = real(ema_momentum, "ema_momentum")
        self.ema_overwrite_frequency = ema_overwrite_frequency
        if ema_overwrite_frequency is not None:
            self.ema_overwrite_frequency = integer(ema_overwrite_frequency, "ema_overwrite_frequency", 1)
        self.gradient_accumulation_steps = gradient_accumulation_steps
        if gradient_accumulation_steps is not None:
            steps = integer(gradient_accumulation_steps, "gradient_accumulation_steps", 2, 2**31 - 1)
            self.gradient_accumulation_steps = steps
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

    def options(self) -> dict[str, Any]:
        """The fields of martlet_trainer_options, without the learning rate."""
        return {
            "optimizer": self.code,
            "learning_rate_decay": self.learning_rate_decay,
            "weight_decay": self.weight_decay or 0,
            "clip_value": self.clipvalue or 0,
            "clip_norm": self.clipnorm or 0,
            "global_clip_norm": self.global_clipnorm or 0,
            "accumulation_steps": self.gradient_accumulation_steps or 1,
            "ema_momentum": self.ema_momentum if self.use_ema else 0,
            "ema_overwrite_frequency": (self.ema_overwrite_frequency or 0) if self.use_ema else 0,
            # Of other optimisers; checked all the same.
            "beta_1": 0.9,
            "beta_2": 0.999,
            "epsilon": 1e-7,
            "rho": 0.9,
            "initial_accumulator_value": 0.1,
            **{key: getattr(self, key) for key in self._arguments()},
        }

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras' get_config gives them; from_config makes an optimiser of them."""
        common = (
            "name",
            "learning_rate",
            "weight_decay",
            "clipnorm",
            "global_clipnorm",
            "clipvalue",
            "use_ema",
            "ema_momentum",
            "ema_overwrite_frequency",
            "gradient_accumulation_steps",
            "learning_rate_decay",
        )
        return {key: getattr(self, key) for key in (*common, *self._arguments())}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """An optimiser of what get_config gave, here or in Keras. TypeError for an option that there is not."""
        return cls(**{key: value for key, value in config.items() if key not in _WITHOUT_EFFECT})

    def _arguments(self) -> tuple[str, ...]:
        """Names of the arguments that this optimiser has beside those of all."""
        return ()

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: the options with the rate of the next step, without the trainer."""
        return {**self.__dict__, "_learning_rate": self.learning_rate, "_trainer": None}


# What Keras 2 and 3 write beside the options, for its own way of computing.
_WITHOUT_EFFECT = ("loss_scale_factor", "jit_compile", "is_legacy_optimizer")


def _limit(value: Any, name: str) -> float | None:
    """A limit of gradients: a number, or None or 0 for none."""
    if value is None:
        return None
    limit = real(value, name)
    if not 0 <= limit < math.inf:
        raise ValueError(f"{name} must be finite and >= 0 (0: no clipping). Received: {value!r}")
    return limit or None


class SGD(Optimizer):
    """w -= lr g; with momentum: m = momentum m - lr g, w += m; Nesterov: w += momentum m - lr g."""

    code = 0

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False,
        weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.momentum = real(momentum, "momentum")
        self.nesterov = bool(nesterov)

    def _arguments(self) -> tuple[str, ...]:
        return "momentum", "nesterov"


class Adam(Optimizer):
    """m += (1 - beta_1)(g - m), v += (1 - beta_2)(g^2 - v), w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    Kingma and Ba 2015. amsgrad: with the largest v so far in place of v in the last formula.
    """

    code = 1

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7,
        amsgrad: bool = False, weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_1, self.beta_2 = real(beta_1, "beta_1"), real(beta_2, "beta_2")
        self.epsilon = real(epsilon, "epsilon")
        self.amsgrad = bool(amsgrad)

    def _arguments(self) -> tuple[str, ...]:
        return "beta_1", "beta_2", "epsilon", "amsgrad"


class AdamW(Adam):
    """Adam with weight decay. Loshchilov and Hutter 2019."""

    code = 2

    def __init__(
        self, learning_rate: float = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        real(weight_decay, "weight_decay")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **options)


class Adamax(Optimizer):
    """m as in Adam, u = max(beta_2 u, |g|), w -= lr / (1 - beta_1^t) m / (u + epsilon). Kingma and Ba 2015."""

    code = 3

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7,
        weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_1, self.beta_2 = real(beta_1, "beta_1"), real(beta_2, "beta_2")
        self.epsilon = real(epsilon, "epsilon")

    def _arguments(self) -> tuple[str, ...]:
        return "beta_1", "beta_2", "epsilon"


class Nadam(Adamax):
    """Adam with Nesterov momentum, m and v as in Adam; u_t = beta_1 (1 - 0.96^t / 2), p_t = u_1 u_2 ... u_t;

    w -= lr (u_(t+1) m / (1 - p_(t+1)) + (1 - u_t) g / (1 - p_t)) / (sqrt(v / (1 - beta_2^t)) + epsilon). Dozat 2016.
    """

    code = 4


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2, d = lr g / sqrt(v + epsilon), w -= d; with momentum: m = momentum m + d, w -= m.

    centered: v - a^2 below the root, where a = rho a + (1 - rho) g.
    """

    code = 5

    def __init__(
        self, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7,
        centered: bool = False, weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.rho, self.momentum = real(rho, "rho"), real(momentum, "momentum")
        self.epsilon = real(epsilon, "epsilon")
        self.centered = bool(centered)

    def _arguments(self) -> tuple[str, ...]:
        return "rho", "momentum", "epsilon", "centered"


class Adagrad(Optimizer):
    """v += g^2, w -= lr g / sqrt(v + epsilon); v begins as initial_accumulator_value. Duchi et al. 2011."""

    code = 6

    def __init__(
        self, learning_rate: float = 0.001, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7,
        weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.initial_accumulator_value = real(initial_accumulator_value, "initial_accumulator_value")
        self.epsilon = real(epsilon, "epsilon")

    def _arguments(self) -> tuple[str, ...]:
        return "initial_accumulator_value", "epsilon"


class Adadelta(Optimizer):
    """v = rho v + (1 - rho) g^2, d = g sqrt(x + epsilon) / sqrt(v + epsilon), x = rho x + (1 - rho) d^2, w -= lr d.

    Zeiler 2012, who has lr = 1.
    """

    code = 7

    def __init__(
        self, learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7,
        weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.rho, self.epsilon = real(rho, "rho"), real(epsilon, "epsilon")

    def _arguments(self) -> tuple[str, ...]:
        return "rho", "epsilon"


class Lion(Optimizer):
    """w -= lr sign(beta_1 m + (1 - beta_1) g), m = beta_2 m + (1 - beta_2) g. Chen et al. 2023."""

    code = 8

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.99,
        weight_decay: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_1, self.beta_2 = real(beta_1, "beta_1"), real(beta_2, "beta_2")

    def _arguments(self) -> tuple[str, ...]:
        return "beta_1", "beta_2"


_CLASSES = (SGD, Adam, AdamW, Adamax, Nadam, RMSprop, Adagrad, Adadelta, Lion)
_NAMES = {each.__name__.lower(): each for each in _CLASSES}


def get(identifier: Any) -> Optimizer:
    """The optimiser that a name, class or object stands for. ValueError lists the names."""
    name = identifier.lower() if isinstance(identifier, str) else identifier
    return lookup(name, Optimizer, _NAMES, "optimizer")
