"""Trainer: optimiser, loss and loop for one model, with everything the library offers and nothing of Keras.

model.fit stands on it. Use it directly to own the loop (forward, backward, gradients, apply), or for the library's own
early stopping and bounds in steps.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import weakref
from collections.abc import Callable
from ctypes import byref, c_double, c_int64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, losses, optimizers
from ._check import OK, check, exception, integer, real, text
from ._library import (
    PROGRESS_CALLBACK,
    FitOptions,
    LossStruct,
    MetricsStruct,
    ProgressStruct,
    TrainerHandle,
    TrainerOptions,
    library,
)
from .data import Dataset

if TYPE_CHECKING:
    from .models import Model

_STOPPED, _INTERRUPTED = 9, 10
_EPOCH_END, _EVALUATION = 2, 3
_MONITORS = {None: 0, "val_loss": 1, "val_accuracy": 2, "loss": 3, "accuracy": 4}


@dataclass(frozen=True)
class Metrics:
    """Averages over the rows seen. What does not apply is NaN. loss = data_loss + regularization_loss."""

    loss: float
    data_loss: float
    regularization_loss: float
    accuracy: float
    top_k_accuracy: float

    @classmethod
    def _of(cls, struct: MetricsStruct) -> Metrics:
        return cls(*(getattr(struct, field[0]) for field in MetricsStruct._fields_))


@dataclass(frozen=True)
class Progress:
    """What a progress callback is told, and what the history keeps of each epoch."""

    epoch_end: bool  # the epoch is complete, validation included; False after a batch
    evaluation: bool  # within an evaluation, or the validation of an epoch
    epoch: int  # 0 for the first of the trainer
    epochs: int  # where this call of fit ends
    batch: int  # batches done in this epoch
    batches: int  # batches in this epoch
    iteration: int  # steps done by the trainer
    samples: int  # rows seen in this epoch
    seconds: float  # since the epoch began
    samples_per_second: float  # of training, validation not counted
    learning_rate: float  # used in this epoch
    training: Metrics
    validation: Metrics

    @classmethod
    def _of(cls, struct: ProgressStruct) -> Progress:
        plain = {field[0]: getattr(struct, field[0]) for field in ProgressStruct._fields_[2:-2]}
        training, validation = Metrics._of(struct.training), Metrics._of(struct.validation)
        return cls(
            epoch_end=struct.event == _EPOCH_END,
            evaluation=struct.event == _EVALUATION,
            training=training,
            validation=validation,
            **plain,
        )


class Trainer:
    """Optimiser, loss and loop for one built model.

    seed: of shuffling and dropout. top_k: the k of Metrics.top_k_accuracy. Targets of a loss on class labels may be floats
    that hold whole numbers. ValueError: an option out of range, a loss that does not fit the model's output.
    """

    def __init__(
        self, model: Model, optimizer: Any = "sgd", loss: Any = None, *, seed: int = 0, top_k: int = 5
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.loss = losses.get(loss)
        rule = self.optimizer
        struct = LossStruct(
            struct_size=ctypes.sizeof(LossStruct),
            kind=self.loss.code,
            from_logits=int(self.loss.from_logits),
            weight=1,
            delta=1,
            gamma=2,
            alpha=0.25,
        )
        options = TrainerOptions(
            struct_size=ctypes.sizeof(TrainerOptions),
            optimizer=rule.code,
            losses=ctypes.pointer(struct),
            loss_count=1,
            learning_rate=rule.learning_rate,
            learning_rate_decay=rule.learning_rate_decay,
            momentum=rule.momentum,
            beta_1=rule.beta_1,
            beta_2=rule.beta_2,
            epsilon=rule.epsilon,
            seed=integer(seed, "seed", 0, 2**64 - 1),
            nesterov=int(rule.nesterov),
            top_k=integer(top_k, "top_k", -(2**31), 2**31 - 1),
        )
        self._engine = model.built_engine()
        handle = TrainerHandle()
        check(library().martlet_trainer_create(self._engine.handle, byref(options), byref(handle)))
        self.handle = handle
        weakref.finalize(self, library().martlet_trainer_destroy, handle)
        rule.attach(self)

    def fit(
        self,
        training: Dataset,
        validation: Dataset | None = None,
        callback: Callable[[Progress], Any] | None = None,
        *,
        batch_size: int = 32,
        epochs: int = 1,
        iterations: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        stop_on_nan: bool = True,
        monitor: str | None = None,
        patience: int = 0,
        min_delta: float = 0.0,
        restore_best: bool = False,
        every_batch: bool = False,
    ) -> str:
        """Train for `epochs` more epochs, or `iterations` steps if not 0, going on with the optimiser's state.

        The options are those of martlet_fit_options: batch_size 0 takes all rows at once; `monitor` ("loss", "accuracy",
        "val_loss", "val_accuracy") with `patience`, `min_delta` and `restore_best` stops early; with every_batch the
        callback runs after every batch, otherwise at most every 100 ms.

        callback(progress) may return something true to stop after this batch; an exception in it stops too and is
        raised here. Ctrl-C stops after the current batch and raises KeyboardInterrupt; weights are kept.

        Returns "complete" (early stopping included), "stopped" (by the callback) or "interrupted" (by interrupt()).
        Raises ValueError (data that do not fit, a label out of range, NaN input, batch_size larger than the data),
        NotFiniteError (the loss became NaN; the weights are those before that step), RuntimeError (no loss), MemoryError.
        """
        if monitor not in _MONITORS:
            raise ValueError(f"Unknown monitor: {monitor!r}. Expected one of: {', '.join(filter(None, _MONITORS))}")
        options = FitOptions(
            struct_size=ctypes.sizeof(FitOptions),
            shuffle=int(bool(shuffle)),
            batch_size=integer(batch_size, "batch_size", -(2**63)),
            epochs=integer(epochs, "epochs", -(2**63)),
            iterations=integer(iterations, "iterations", -(2**63)),
            drop_last=int(bool(drop_last)),
            stop_on_nan=int(bool(stop_on_nan)),
            monitor=_MONITORS[monitor],
            restore_best=int(bool(restore_best)),
            patience=integer(patience, "patience", -(2**63)),
            min_delta=real(min_delta, "min_delta"),
            every_batch=int(bool(every_batch)),
        )
        rows = training.handle, None if validation is None else validation.handle
        return _run(
            lambda report: library().martlet_trainer_fit(self.handle, *rows, byref(options), report, None), callback
        )

    def evaluate(self, dataset: Dataset, callback: Callable[[Progress], Any] | None = None) -> Metrics:
        """Loss and metrics over a dataset, as in prediction: no dropout.

        callback(progress) hears of the averages so far (progress.validation) at most every 100 ms; if it returns
        something true, or interrupt() is called, InterruptedError is raised. Ctrl-C raises KeyboardInterrupt.
        """
        out = MetricsStruct()
        outcome = _run(
            lambda report: library().martlet_trainer_evaluate(self.handle, dataset.handle, report, None, byref(out)),
            callback,
        )
        if outcome != "complete":
            raise InterruptedError(f"evaluate was {outcome}")
        return Metrics._of(out)

    def interrupt(self) -> None:
        """Ask the fit that runs, or else the next one, to stop after its current batch. Any thread."""
        library().martlet_trainer_interrupt(self.handle)

    @property
    def history(self) -> list[Progress]:
        """What every complete epoch ended with, over all calls of fit."""
        count = c_int64()
        check(library().martlet_trainer_history_length(self.handle, byref(count)))
        epochs = []
        for index in range(count.value):
            struct = ProgressStruct(struct_size=ctypes.sizeof(ProgressStruct))
            check(library().martlet_trainer_history(self.handle, index, byref(struct)))
            epochs.append(Progress._of(struct))
        return epochs

    @property
    def best_epoch(self) -> int:
        """The epoch (0-based) whose monitored value was the best so far; -1 without early stopping."""
        epoch = c_int64()
        check(library().martlet_trainer_best_epoch(self.handle, byref(epoch)))
        return epoch.value

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        rate = c_double()
        check(library().martlet_trainer_learning_rate(self.handle, byref(rate)))
        return rate.value

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        check(library().martlet_trainer_set_learning_rate(self.handle, real(value, "learning_rate")))

    # Step by step.

    def train_step(self, x: Any, y: Any) -> Metrics:
        """One step on one batch of any number of rows. Returns its metrics before the update."""
        inputs, targets = _arrays.supported(x, "x"), self.targets(y)
        out = MetricsStruct()
        arrays = _arrays.described(inputs), _arrays.described(targets)
        check(library().martlet_trainer_train_step(self.handle, byref(arrays[0]), 1, byref(arrays[1]), 1, None, byref(out)))
        return Metrics._of(out)

    def forward(self, x: Any) -> np.ndarray:
        """Output [N, ...] in training mode (dropout active), float32, for a loss of the caller's own."""
        inputs = _arrays.supported(x, "x")
        y = np.empty((len(inputs), *self._engine.output_shape()), np.float32)
        array = _arrays.described(inputs)
        check(library().martlet_trainer_forward(self.handle, byref(array), 1, y.ctypes.data, y.size))
        return y

    def backward(self, dy: Any) -> None:
        """Gradients of all weights from dL/dy [N, ...] for the last forward; any 1/N must be in dy already."""
        gradient = _arrays.floats(dy, "dy")
        check(library().martlet_trainer_backward(self.handle, gradient.ctypes.data, gradient.size))

    def gradient(self, layer: str, weight: str) -> np.ndarray:
        """The gradient of one weight array after backward, such as gradient("dense", "kernel")."""
        values = np.empty(self._engine.weight_shape(layer, weight), np.float32)
        label = text(layer, "layer"), text(weight, "weight")
        check(library().martlet_trainer_get_gradient(self.handle, *label, values.ctypes.data, values.size))
        return values

    def set_gradient(self, layer: str, weight: str, values: Any) -> None:
        """Replace one gradient array before apply, for clipping or averaging of the caller's own."""
        gradient = _arrays.floats(values, "values")
        shape = self._engine.weight_shape(layer, weight)
        if gradient.shape != shape:
            raise ValueError(f"values has shape {gradient.shape}; {layer}/{weight} has shape {shape}")
        label = text(layer, "layer"), text(weight, "weight")
        check(library().martlet_trainer_set_gradient(self.handle, *label, gradient.ctypes.data, gradient.size))

    def apply(self) -> None:
        """Update the weights with the gradients of backward, which are used up."""
        check(library().martlet_trainer_apply(self.handle))

    def targets(self, y: Any) -> np.ndarray:
        """y as the library takes it for this loss: labels that came as floats become integers."""
        array = _arrays.supported(y, "y")
        return _arrays.labels(array) if self.loss.takes_labels else array


def _run(call: Callable[[Any], int], callback: Callable[[Progress], Any] | None = None) -> str:
    """Make a call of the library that reports progress, call(report). Says how it ended: "complete", "stopped" or
    "interrupted". Raises what the callback raised, KeyboardInterrupt after Ctrl-C, or the exception of the status."""
    raised: list[BaseException] = []

    def report(progress: Any, _payload: Any) -> int:
        try:
            return int(bool(ctrl_c.pressed or (callback and callback(Progress._of(progress.contents)))))
        except BaseException as error:  # ctypes would print it and go on
            raised.append(error)
            return 1

    c_callback = PROGRESS_CALLBACK(report)
    with _CtrlC() as ctrl_c:
        status = call(c_callback)
        failure = None if status in (OK, _STOPPED, _INTERRUPTED) else exception(status)
    if raised:
        raise raised[0]
    if failure:
        raise failure
    if ctrl_c.pressed:
        raise KeyboardInterrupt
    return {OK: "complete", _STOPPED: "stopped", _INTERRUPTED: "interrupted"}[status]


class _CtrlC:
    """Inside this context Ctrl-C sets `pressed`, which the progress callback looks at, instead of raising at a place
    where ctypes would swallow the exception.

    Only where Python's own handler is installed, and in the main thread: signal handlers belong to the program
    otherwise, and what they raise comes through the callback.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._previous: Any = None

    def __enter__(self) -> _CtrlC:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, _number: int, _frame: Any) -> None:
        self.pressed = True
