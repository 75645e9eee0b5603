"""The body of model.fit: turns the library's progress reports into Keras' callbacks and a progress line.

A trainer of the library numbers its epochs over all calls; Keras numbers them per call, so they are counted here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .callbacks import CallbackList, History
from .data import Dataset
from ._progress import Progress

if TYPE_CHECKING:
    from ._training import TrainableModel

_BAR_WIDTH = 20


def fit(
    model: TrainableModel,
    training: Dataset,
    validation: Dataset | None,
    batch_size: int,
    shuffle: bool,
    first_epoch: int,
    last_epoch: int,
    verbose: Any,
    callbacks: Any,
) -> History:
    """Train from first_epoch to before last_epoch. Returns the history of these epochs."""
    history = History()
    listeners = CallbackList(callbacks, model, {"epochs": last_epoch, "verbose": verbose}, history)
    line = _ProgressLine(verbose, last_epoch, sys.stdout)
    if first_epoch >= last_epoch:
        return history
    trainer = model.trainer()
    model.history = history  # also if the training ends with an exception
    epoch = first_epoch
    last_logs: dict[str, float] = {}
    model.stop_training = False

    def logs_of(progress: Progress) -> dict[str, float]:
        logs = model.logs(progress.training)
        if progress.epoch_end and validation is not None:
            logs.update(model.logs(progress.validation, "val_"))
        return logs

    def report(progress: Progress) -> bool:
        nonlocal epoch
        if progress.evaluation:
            return model.stop_training
        logs = logs_of(progress)
        if not progress.epoch_end:
            line.update(progress, logs)
            if listeners.wants_batches:
                listeners.on_train_batch_end(progress.batch - 1, logs)
                if not model.stop_training and progress.batch < progress.batches:
                    listeners.on_train_batch_begin(progress.batch, {})
            return model.stop_training
        line.end_epoch(progress, logs)
        history.record(progress)
        if validation is not None:
            listeners.on_test_begin({})
            listeners.on_test_end(model.logs(progress.validation))
        listeners.on_epoch_end(epoch, logs)
        last_logs.update(logs)
        epoch += 1
        if not model.stop_training and epoch < last_epoch:
            begin_epoch()
        return model.stop_training

    def begin_epoch() -> None:
        line.begin_epoch(epoch)
        listeners.on_epoch_begin(epoch, {})
        if listeners.wants_batches:
            listeners.on_train_batch_begin(0, {})

    listeners.on_train_begin({})
    begin_epoch()
    try:
        if not model.stop_training:
            trainer.fit(
                training,
                validation,
                report,
                batch_size=batch_size,
                epochs=last_epoch - first_epoch,
                shuffle=shuffle,
                every_batch=listeners.wants_batches,
                layer_statistics=listeners.wants_layer_statistics,
            )
    except BaseException:
        line.close()
        raise
    listeners.on_train_end(last_logs)
    return history


def text_of(logs: dict[str, float]) -> str:
    """Metrics as Keras prints them: "loss: 0.1234 - accuracy: 0.9712"."""
    return " - ".join(f"{name}: {_number(value)}" for name, value in logs.items())


def _number(value: float) -> str:
    return f"{value:.4f}" if value == 0 or abs(value) > 1e-3 or value != value else f"{value:.4e}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f}s" if seconds >= 1 else f"{seconds * 1000:.0f}ms"


class _ProgressLine:
    """What fit prints. verbose 0: nothing; 1: a line per epoch, which moves if the output is a terminal; 2: as 1 without
    the movement; "auto": 1."""

    def __init__(self, verbose: Any, epochs: int, stream: Any) -> None:
        if verbose not in ("auto", 0, 1, 2):  # True and False are 1 and 0
            raise ValueError(f'verbose must be "auto", 0, 1 or 2, received {verbose!r}')
        self._on = verbose != 0
        self._moves = self._on and verbose != 2 and hasattr(stream, "isatty") and stream.isatty()
        self._epochs, self._stream = epochs, stream
        self._written = 0  # characters of an unfinished line

    def begin_epoch(self, epoch: int) -> None:
        if self._on:
            self._stream.write(f"Epoch {epoch + 1}/{self._epochs}\n")
            self._stream.flush()

    def update(self, progress: Progress, logs: dict[str, float]) -> None:
        if self._moves:
            self._write(progress, logs)

    def end_epoch(self, progress: Progress, logs: dict[str, float]) -> None:
        if self._on:
            self._write(progress, logs)
            self.close(force=True)

    def close(self, force: bool = False) -> None:
        """Finish an unfinished line."""
        if self._written or force:
            self._stream.write("\n")
            self._stream.flush()
            self._written = 0

    def _write(self, progress: Progress, logs: dict[str, float]) -> None:
        done = progress.batch / max(progress.batches, 1)
        bar = ""
        if self._moves:
            filled = int(done * _BAR_WIDTH)
            bar = "━" * filled + "─" * (_BAR_WIDTH - filled) + " "
        text = (
            f"{progress.batch}/{progress.batches} {bar}- {_duration(progress.seconds)} - "
            f"{progress.samples_per_second:,.0f} samples/s - {text_of(logs)}"
        )
        self._stream.write(("\r" if self._moves else "") + text.ljust(self._written))
        self._stream.flush()
        self._written = len(text)
