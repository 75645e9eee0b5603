"""Losses with Keras' names. Each is the mean over the N rows of a batch; p = predicted, t = target.

Where a row of the output is more than a vector, [N, ..., O], there is a loss for each vector along the last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._check import real
from ._names import lookup


class Loss:
    """Base class. `code` is the library's number of the loss, `name` Keras' name of it.

    class_weights: factors of the losses in training by the class of the target, [C]: its label, its largest number, or of
    one number whether it is above 0.5. Fit's class_weight is the same for one call, in Keras' form. reduction: Keras'
    default, which is the mean over the rows.
    """

    code: int
    name: str
    from_logits = False
    label_smoothing = 0.0
    delta = 1.0
    gamma = 2.0
    alpha = 0.25
    apply_class_balancing = False
    # Targets are class labels: floats that hold whole numbers are taken as such.
    takes_labels = False

    def __init__(
        self,
        *,
        class_weights: Sequence[float] | None = None,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        if reduction not in ("sum_over_batch_size", "mean"):
            raise ValueError(f'reduction must be "sum_over_batch_size", received {reduction!r}')
        self.class_weights = None if class_weights is None else [real(w, "class_weights") for w in class_weights]
        if name is not None:
            self.name = name


class _CrossEntropy(Loss):
    def __init__(self, from_logits: bool = False, **base: Any) -> None:
        """from_logits: the model's output is not yet a probability (no softmax or sigmoid at its end)."""
        super().__init__(**base)
        self.from_logits = bool(from_logits)


class SparseCategoricalCrossentropy(_CrossEntropy):
    """-log p[label]; integer labels [N] or [N, 1]."""

    code = 0
    name = "sparse_categorical_crossentropy"
    takes_labels = True


class _SmoothCrossEntropy(_CrossEntropy):
    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, **base: Any) -> None:
        """label_smoothing: share of the targets that is spread evenly, 0 to 1. from_logits: see above."""
        super().__init__(from_logits, **base)
        self.label_smoothing = real(label_smoothing, "label_smoothing")


class CategoricalCrossentropy(_SmoothCrossEntropy):
    """-sum_j t_j log p_j; t [N, C], such as one-hot. Smoothed: t (1 - s) + s / C."""

    code = 1
    name = "categorical_crossentropy"


class MeanSquaredError(Loss):
    """mean_j (p_j - t_j)^2; t [N, O]."""

    code = 2
    name = "mean_squared_error"


class BinaryCrossentropy(_SmoothCrossEntropy):
    """mean_j -(t_j log p_j + (1 - t_j) log(1 - p_j)); t [N, O] or [N]. Smoothed: t (1 - s) + s / 2."""

    code = 3
    name = "binary_crossentropy"


class CategoricalHinge(Loss):
    """max(0, 1 + max_{j != c} s_j - s_c) for class c, the inner max at least 0; labels [N] or one-hot [N, C]."""

    code = 4
    name = "categorical_hinge"
    takes_labels = True


class NoLoss(Loss):
    """compile(loss=None): the loss is the caller's own, through Trainer.forward, backward and apply."""

    code = 5
    name = "no_loss"


class MeanAbsoluteError(Loss):
    """mean_j |p_j - t_j|; t [N, O]."""

    code = 6
    name = "mean_absolute_error"


class Huber(Loss):
    """mean_j of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2, with e = p_j - t_j; t [N, O]."""

    code = 7
    name = "huber"

    def __init__(self, delta: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.delta = real(delta, "delta")


class LogCosh(Loss):
    """mean_j log cosh(p_j - t_j); t [N, O]."""

    code = 8
    name = "log_cosh"


class Poisson(Loss):
    """mean_j p_j - t_j log(p_j + 1e-7); t [N, O]."""

    code = 9
    name = "poisson"


class KLDivergence(Loss):
    """sum_j t_j log(t_j / p_j), both kept between 1e-7 and 1; t [N, C]."""

    code = 10
    name = "kl_divergence"


class CosineSimilarity(Loss):
    """-sum_j p_j t_j / (|p| |t|); t [N, O]. -1 where they point the same way."""

    code = 11
    name = "cosine_similarity"


class CategoricalFocalCrossentropy(_SmoothCrossEntropy):
    """-sum_j alpha (1 - p_j)^gamma t_j log p_j; t [N, C]. Lin et al. 2017."""

    code = 12
    name = "categorical_focal_crossentropy"

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        **base: Any,
    ) -> None:
        super().__init__(from_logits, label_smoothing, **base)
        self.alpha, self.gamma = real(alpha, "alpha"), real(gamma, "gamma")


class BinaryFocalCrossentropy(_SmoothCrossEntropy):
    """Binary cross-entropy, each term times (1 - the probability of its target)^gamma; t [N, O]. Lin et al. 2017.

    apply_class_balancing: also times alpha where the target is 1 and 1 - alpha where it is 0.
    """

    code = 13
    name = "binary_focal_crossentropy"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        **base: Any,
    ) -> None:
        super().__init__(from_logits, label_smoothing, **base)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha, self.gamma = real(alpha, "alpha"), real(gamma, "gamma")


_ALL: tuple[type[Loss], ...] = (
    SparseCategoricalCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    BinaryCrossentropy,
    CategoricalHinge,
    MeanAbsoluteError,
    Huber,
    LogCosh,
    Poisson,
    KLDivergence,
    CosineSimilarity,
    CategoricalFocalCrossentropy,
    BinaryFocalCrossentropy,
)
# Keras' names of losses, long and short.
NAMES: dict[str, type[Loss]] = {
    **{kind.name: kind for kind in _ALL},
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "logcosh": LogCosh,
}


def get(identifier: Any) -> Loss:
    """The loss that a name, class, object or None stands for. ValueError lists the names."""
    if identifier is None:
        return NoLoss()
    own_class = isinstance(identifier, type) and issubclass(identifier, Loss)
    if isinstance(identifier, Loss) or own_class:
        computed = hasattr(identifier, "code")
    else:
        computed = not callable(identifier)
    if not computed:
        raise ValueError(
            f"loss {identifier!r} is none of martlet.losses, and Python functions are not called in training. For a "
            "loss of your own, compile(loss=None) and write the loop with make_trainer(): forward, backward with the "
            "gradient of your loss, apply."
        )
    return lookup(identifier, Loss, NAMES, "loss")
