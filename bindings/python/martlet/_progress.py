"""What the library reports while it works, and Ctrl-C meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ._check import OK, exception
from ._library import PROGRESS_CALLBACK, MetricsStruct, ProgressStruct

_STOPPED, _INTERRUPTED = 9, 10
_EPOCH_END, _EVALUATION = 2, 3


@dataclass(frozen=True)
class Metrics:
    """Averages over the rows seen. What does not apply is NaN. loss = data_loss + regularization_loss.

    Of a model with several outputs `outputs` holds the numbers of each: its data_loss without its weight, and accuracies.
    """

    loss: float
    data_loss: float
    regularization_loss: float
    accuracy: float
    top_k_accuracy: float
    outputs: tuple[Metrics, ...] = ()

    @classmethod
    def of(cls, struct: MetricsStruct, outputs: Sequence[Metrics] = ()) -> Metrics:
        numbers = {field[0]: getattr(struct, field[0]) for field in MetricsStruct._fields_}
        return cls(**numbers, outputs=tuple(outputs))


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
    def of(cls, struct: ProgressStruct, outputs: Sequence[tuple[Metrics, Metrics]] = ()) -> Progress:
        """outputs: of every output the numbers of training and of validation."""
        plain = {field[0]: getattr(struct, field[0]) for field in ProgressStruct._fields_[2:-2]}
        training = Metrics.of(struct.training, [of_training for of_training, _ in outputs])
        validation = Metrics.of(struct.validation, [of_validation for _, of_validation in outputs])
        return cls(
            epoch_end=struct.event == _EPOCH_END,
            evaluation=struct.event == _EVALUATION,
            training=training,
            validation=validation,
            **plain,
        )


def run(
    call: Callable[[Any], int],
    callback: Callable[[Progress], Any] | None,
    progress_of: Callable[[ProgressStruct], Progress],
) -> str:
    """Make a call of the library that reports progress, call(report). Says how it ended: "complete", "stopped" or
    "interrupted". Raises what the callback raised, KeyboardInterrupt after Ctrl-C, or the exception of the status."""
    raised: list[BaseException] = []

    def report(progress: Any, _payload: Any) -> int:
        try:
            return int(bool(ctrl_c.pressed or (callback and callback(progress_of(progress.contents)))))
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
