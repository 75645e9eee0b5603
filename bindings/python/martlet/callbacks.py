"""Callbacks of model.fit, with Keras' names and meaning.

They run in the thread that called fit, which waits. They may read and save the model, predict with it and set the
learning rate; training or evaluating it inside raises BusyError, and so does set_weights (restore weights in
on_train_end). Setting model.stop_training = True stops after the current batch.
"""

from __future__ import annotations

import csv
import inspect
import math
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ._check import integer, real

if TYPE_CHECKING:
    from .models import Model
    from .trainer import Progress

Logs = dict[str, float]


class Callback:
    """Base class: override what you need. logs: loss, the metrics, and with val_ in front those of the validation."""

    model: Model
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch of a fit."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch of a fit, stopped or not; not after an error or Ctrl-C."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch, counted from 0 in the epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; logs are the averages of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of on_train_batch_begin."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of on_train_batch_end."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation. The validation of an epoch runs inside the library: there, right after it."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation; logs are its loss and metrics, without val_."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def wants_batches(self) -> bool:
        """Whether this callback must be called after every batch, which costs a little time each."""
        methods = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
        return any(getattr(type(self), m) is not getattr(Callback, m) for m in methods)


class CallbackList:
    """Calls every callback in turn, of fit the history first."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any], history: History | None = None) -> None:
        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        for callback in given:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks must be objects of martlet.callbacks.Callback, received {callback!r}")
        self._callbacks = [history, *given] if history else given
        for callback in self._callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.wants_batches = any(c.wants_batches() for c in given)
        self.wants_layer_statistics = any(isinstance(c, LayerStatistics) for c in given)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def call(*arguments: Any) -> None:
            for callback in self._callbacks:
                getattr(callback, name)(*arguments)

        return call


class History(Callback):
    """What fit returns. `history`: lists per metric, one value per epoch; `epoch`: the epoch numbers; `progress`: per
    epoch the library's full record, with seconds, samples_per_second, learning_rate and the losses apart."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.progress: list[Progress] = []

    def record(self, progress: Progress) -> None:
        self.progress.append(progress)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LayerStatistics(Callback):
    """Keeps what every layer did in the last step of each epoch, by which one sees a network that is frozen, dying or
    about to overflow. It costs one more step in each epoch.

        watch = martlet.callbacks.LayerStatistics()
        model.fit(x, y, epochs=10, callbacks=[watch])
        watch.history["dense"]["dead_share"]     # one number per epoch

    history: {layer: {figure: [per epoch]}}, the figures of martlet.trainer.LayerStatistics.
    """

    def __init__(self) -> None:
        self.history: dict[str, dict[str, list[float]]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        trainer = self.model.trainer()
        last = trainer.epochs_done - 1
        for layer in self.model.layer_paths():
            figures = self.history.setdefault(layer, {})
            for name, value in trainer.layer_statistics(last, layer)._asdict().items():
                figures.setdefault(name, []).append(value)


class _Monitor:
    """Whether a monitored value is better than another, by Keras' rule: accuracies rise, everything else falls."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'mode must be "auto", "min" or "max", received {mode!r}')
        self.name = monitor
        self._rises = mode == "max" or (mode == "auto" and "acc" in monitor)
        self._min_delta = abs(real(min_delta, "min_delta"))
        self.worst = -math.inf if self._rises else math.inf

    def better(self, value: float, reference: float) -> bool:
        if self._rises:
            return value - self._min_delta > reference
        return value + self._min_delta < reference

    def read(self, logs: Logs | None, who: str) -> float | None:
        value = (logs or {}).get(self.name)
        if value is None:
            names = ", ".join(logs or {})
            warnings.warn(f"{who} monitors {self.name!r}, which is not available. Available: {names}", stacklevel=2)
        return value


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved by more than min_delta for `patience` epochs; Keras' rule.

    restore_best_weights: end with the weights of the best epoch. baseline: improvement counts only beyond it.
    start_from_epoch: epochs before it are not looked at. `stopped_epoch`, `best_epoch` and `best` tell afterwards.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self._monitor = _Monitor(monitor, mode, min_delta)
        self.monitor = monitor
        self.patience = integer(patience, "patience", 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else real(baseline, "baseline")
        self.restore_best_weights = bool(restore_best_weights)
        self.start_from_epoch = integer(start_from_epoch, "start_from_epoch", 0)
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self._monitor.worst
        self.best_weights: list | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self._monitor.read(logs, "EarlyStopping")
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # If no epoch ever improves, the first one is what there is to restore.
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._monitor.better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._monitor.better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(Callback):
    """Save the model after each epoch, or after those that are the best so far.

    filepath: may hold {epoch:02d} (counted from 1) and metrics such as {val_loss:.3f}. save_weights_only: with
    model.save_weights, for model.load_weights. ValueError: a save_freq other than "epoch", which this version does not have.
    """

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        if save_freq != "epoch":
            raise ValueError(f'save_freq must be "epoch", received {save_freq!r}')
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self._monitor = _Monitor(monitor, mode)
        self.verbose = verbose
        self.save_best_only = bool(save_best_only)
        self.save_weights_only = bool(save_weights_only)
        self.best = self._monitor.worst
        if initial_value_threshold is not None:
            self.best = real(initial_value_threshold, "initial_value_threshold")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        path = self._path(epoch, logs or {})
        if self.save_best_only:
            value = self._monitor.read(logs, "ModelCheckpoint")
            if value is None or not self._monitor.better(value, self.best):
                return
            self.best = value
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: saving model to {path}")
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _path(self, epoch: int, logs: Logs) -> str:
        try:
            return self.filepath.format(epoch=epoch + 1, **logs)
        except KeyError as error:
            raise KeyError(
                f"filepath {self.filepath!r} names {error.args[0]!r}; known are: epoch, {', '.join(logs)}"
            ) from None


class LambdaCallback(Callback):
    """A callback of functions: LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))."""

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        on_batch_begin: Callable | None = None,
        on_batch_end: Callable | None = None,
    ) -> None:
        batches = {
            "on_train_batch_begin": on_train_batch_begin or on_batch_begin,
            "on_train_batch_end": on_train_batch_end or on_batch_end,
        }
        rest = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        for name, function in {**batches, **rest}.items():
            if function is not None:
                setattr(self, name, function)
        self._wants_batches = any(batches.values())

    def wants_batches(self) -> bool:
        return self._wants_batches


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch to schedule(epoch, rate), or schedule(epoch); adds learning_rate to the
    logs."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        parameters = inspect.signature(schedule).parameters.values()
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._takes_rate = len(positional) > 1 or any(p.kind == p.VAR_POSITIONAL for p in parameters)
        self.verbose = verbose
        self._used = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        arguments = (epoch, optimizer.learning_rate) if self._takes_rate else (epoch,)
        optimizer.learning_rate = self.schedule(*arguments)
        self._used = optimizer.learning_rate
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {self._used}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self._used


class CSVLogger(Callback):
    """Write epoch and logs of each epoch as a line of a CSV file, which is complete after every epoch."""

    def __init__(self, filename: str | os.PathLike, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = os.fspath(filename), separator, bool(append)
        self._columns: Sequence[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._columns = None
        if self.append and os.path.exists(self.filename) and os.path.getsize(self.filename):
            with open(self.filename, newline="", encoding="utf-8") as old:
                self._columns = next(csv.reader(old, delimiter=self.separator))[1:]
        else:
            open(self.filename, "w", encoding="utf-8").close()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if self._columns is None:
                self._columns = list(logs)
                writer.writerow(["epoch", *self._columns])
            writer.writerow([epoch, *(logs.get(name, "NA") for name in self._columns)])


class TqdmProgress(Callback):
    """A tqdm bar over the epochs of a fit, for notebooks; use it with verbose=0. Needs the extra `progress`."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=self.params["epochs"], unit="epoch")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._bar.set_postfix({name: f"{value:.4f}" for name, value in (logs or {}).items()})
        self._bar.update()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._bar.close()
