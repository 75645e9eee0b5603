"""Trainer: optimiser, loss and loop for one model, with everything the library offers and nothing of Keras.

model.fit stands on it. Use it directly to own the loop (forward, backward, gradients, apply), or for the library's own
early stopping and bounds in steps.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Sequence
from ctypes import byref, c_double, c_int64
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arrays, losses, optimizers
from ._check import check, integer, real, text
from ._engine import path_text
from ._library import (
    FitOptions,
    LayerStatisticsStruct,
    LossStruct,
    MetricsStruct,
    ProgressStruct,
    TrainerHandle,
    TrainerOptions,
    library,
)
from ._progress import Metrics, Progress, run
from .data import Dataset

if TYPE_CHECKING:
    from ._training import TrainableModel

_MONITORS = {None: 0, "val_loss": 1, "val_accuracy": 2, "loss": 3, "accuracy": 4}


class LayerStatistics(NamedTuple):
    """One layer in the last step of an epoch; NaN where a figure does not apply. See martlet_layer_statistics."""

    activation_mean: float  # over all elements of the output in the batch
    activation_deviation: float
    dead_share: float  # of the units of a ReLU: 0 for every row
    saturated_share: float  # of the elements of a sigmoid, tanh or hard sigmoid: derivative below 5 % of its largest
    gradient_norm: float  # of the gradient by all weights of the layer
    update_ratio: float  # size of the update over size of the weights; about 1e-3 is healthy


class Trainer:
    """Optimiser, losses and loop for one built model.

    loss: one for every output, or a list of one for each; loss_weights: their factors in the total. accuracies: for every
    output 0 for the accuracy that its loss means, 1 for that of the largest output, 2 for that of each output against 0.5.
    seed: of shuffling and dropout. top_k: the k of Metrics.top_k_accuracy. ValueError: an option out of range, a loss that
    does not fit the model's output.
    """

    def __init__(
        self,
        model: TrainableModel,
        optimizer: Any = "sgd",
        loss: Any = None,
        *,
        loss_weights: Sequence[float] | None = None,
        accuracies: Sequence[int] | None = None,
        seed: int = 0,
        top_k: int = 5,
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self._engine = model.built_engine()
        self._output_count = len(self._engine.output_shapes())
        given = list(loss) if isinstance(loss, (list, tuple)) else [loss] * self._output_count
        self.losses = [losses.get(one) for one in given]
        structs = loss_structs(self.losses, loss_weights, accuracies)
        rule = self.optimizer
        options = TrainerOptions(
            struct_size=ctypes.sizeof(TrainerOptions),
            losses=structs,
            loss_count=len(given),
            learning_rate=rule.learning_rate,
            seed=integer(seed, "seed", 0, 2**64 - 1),
            top_k=integer(top_k, "top_k", -(2**31), 2**31 - 1),
            **rule.options(),
        )
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
        layer_statistics: bool = False,
    ) -> str:
        """Train for `epochs` more epochs, or `iterations` steps if that is earlier and not 0.

        The optimiser's state goes on. The options are those of martlet_fit_options: batch_size 0 takes all rows at
        once; `monitor` ("loss", "accuracy", "val_loss", "val_accuracy") with `patience`, `min_delta` and `restore_best`
        stops early; with every_batch the callback runs after every batch, otherwise at most every 100 ms;
        layer_statistics keeps what the method of that name gives.

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
            layer_statistics=int(bool(layer_statistics)),
        )
        rows = training.handle, None if validation is None else validation.handle
        return run(
            lambda report: library().martlet_trainer_fit(self.handle, *rows, byref(options), report, None),
            callback,
            self._progress,
        )

    def evaluate(self, dataset: Dataset, callback: Callable[[Progress], Any] | None = None) -> Metrics:
        """Loss and metrics over a dataset, as in prediction: no dropout.

        callback(progress) hears of the averages so far (progress.validation) at most every 100 ms; if it returns
        something true, or interrupt() is called, InterruptedError is raised. Ctrl-C raises KeyboardInterrupt.
        """
        out = MetricsStruct()
        outcome = run(
            lambda report: library().martlet_trainer_evaluate(self.handle, dataset.handle, report, None, byref(out)),
            callback,
            self._progress,
        )
        if outcome != "complete":
            raise InterruptedError(f"evaluate was {outcome}")
        return Metrics.of(out, [of_validation for _, of_validation in self._output_metrics()])

    def _progress(self, struct: ProgressStruct) -> Progress:
        return Progress.of(struct, self._output_metrics())

    def _output_metrics(self) -> list[tuple[Metrics, Metrics]]:
        """Of every output the latest numbers of training and of validation; empty if there is one output."""
        return self._pairs(library().martlet_trainer_output_metrics)

    def _pairs(self, function: Callable, *arguments: int) -> list[tuple[Metrics, Metrics]]:
        if self._output_count == 1:
            return []
        pairs = []
        for output in range(self._output_count):
            training, validation = MetricsStruct(), MetricsStruct()
            check(function(self.handle, *arguments, output, byref(training), byref(validation)))
            pairs.append((Metrics.of(training), Metrics.of(validation)))
        return pairs

    def interrupt(self) -> None:
        """Ask the fit that runs, or else the next one, to stop after its current batch. Any thread."""
        library().martlet_trainer_interrupt(self.handle)

    @property
    def epochs_done(self) -> int:
        """Complete epochs, over all calls of fit."""
        count = c_int64()
        check(library().martlet_trainer_history_length(self.handle, byref(count)))
        return count.value

    @property
    def history(self) -> list[Progress]:
        """What every complete epoch ended with, over all calls of fit."""
        epochs = []
        for index in range(self.epochs_done):
            struct = ProgressStruct(struct_size=ctypes.sizeof(ProgressStruct))
            check(library().martlet_trainer_history(self.handle, index, byref(struct)))
            epochs.append(Progress.of(struct, self._pairs(library().martlet_trainer_history_output, index)))
        return epochs

    def layer_statistics(self, epoch: int, layer: str) -> LayerStatistics:
        """What a layer did in the last step of an epoch that was trained with layer_statistics=True.

        Raises ValueError for an epoch that is not complete, NotFoundError for an unknown layer or an epoch
        without statistics.
        """
        out = LayerStatisticsStruct(struct_size=ctypes.sizeof(LayerStatisticsStruct))
        index = integer(epoch, "epoch", -(2**63))
        check(library().martlet_trainer_layer_statistics(self.handle, index, text(layer, "layer"), byref(out)))
        return LayerStatistics(*(getattr(out, name) for name in LayerStatistics._fields))

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

    def train_step(self, x: Any, y: Any, sample_weights: Any = None) -> Metrics:
        """One step on one batch of any number of rows. Returns its metrics before the update.

        x, y: an array, or a list of arrays for several inputs or outputs. Targets of a loss on class labels may be floats
        that hold whole numbers. sample_weights: factors [N] of the rows' losses.
        """
        return self.step(_arrays_of(x, "x"), self.targets(y), sample_weights)

    def step(self, inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], sample_weights: Any) -> Metrics:
        """train_step on what _arrays.supported and `targets` return."""
        weights = None if sample_weights is None else _arrays.floats(sample_weights, "sample_weights").reshape(-1)
        if weights is not None and weights.size != len(inputs[0]):
            raise ValueError(f"sample_weights has {weights.size} values, but there are {len(inputs[0])} rows")
        out = MetricsStruct()
        check(
            library().martlet_trainer_train_step(
                self.handle,
                _arrays.all_described(inputs),
                len(inputs),
                _arrays.all_described(targets),
                len(targets),
                None if weights is None else weights.ctypes.data,
                byref(out),
            )
        )
        return Metrics.of(out, [of_training for of_training, _ in self._output_metrics()])

    def forward(self, x: Any) -> Any:
        """Output [N, ...] in training mode (dropout active), float32, for a loss of the caller's own; a list of several."""
        inputs = _arrays_of(x, "x")
        outputs = self._engine.empty_outputs(len(inputs[0]))
        room = outputs[0] if len(outputs) == 1 else np.empty(sum(y.size for y in outputs), np.float32)
        arrays = _arrays.all_described(inputs)
        check(library().martlet_trainer_forward(self.handle, arrays, len(inputs), room.ctypes.data, room.size))
        if len(outputs) == 1:
            return outputs[0]
        self._engine.part(room, outputs)
        return outputs

    def backward(self, dy: Any) -> None:
        """Gradients of all weights from dL/dy [N, ...] for the last forward; any 1/N must be in dy already.

        dy: a list of arrays for several outputs.
        """
        several = self._output_count > 1
        parts = [_arrays.floats(one, f"dy[{index}]") for index, one in enumerate(dy)] if several else []
        gradient = np.concatenate([part.reshape(-1) for part in parts]) if several else _arrays.floats(dy, "dy")
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
        """Update the weights with the gradients of backward, which are used up; clipped and accumulated as the optimiser
        is asked to."""
        check(library().martlet_trainer_apply(self.handle))

    def use_average(self) -> None:
        """Give the weights the values of their moving average, as fit does when it ends. RuntimeError without use_ema."""
        check(library().martlet_trainer_use_average(self.handle))

    # Files.

    def save(self, filepath: str | os.PathLike, metrics: str | None = None) -> None:
        """Save model, optimiser and loss as a Keras HDF5 file. metrics: a JSON list for training_config. Raises what
        model.save raises."""
        label = None if metrics is None else text(metrics, "metrics")
        check(library().martlet_trainer_save(self.handle, path_text(filepath), label))

    def load_state(self, filepath: str | os.PathLike) -> None:
        """Take the optimiser's state of a file of save or of Keras. FormatError (a ValueError): the file has none, or that
        of another optimiser or model; nothing has changed then. Otherwise raises what load_model raises."""
        check(library().martlet_trainer_load_state(self.handle, path_text(filepath)))

    def targets(self, y: Any) -> list[np.ndarray]:
        """y as the library takes it for these losses: labels that came as floats become integers."""
        arrays = _arrays_of(y, "y") if self._output_count > 1 else [_arrays.supported(y, "y")]
        expecting = [loss for loss in self.losses if not isinstance(loss, losses.NoLoss)]
        if len(arrays) != len(expecting):
            raise ValueError(f"y has {len(arrays)} arrays, but {len(expecting)} outputs have a loss")
        return [_arrays.labels(array) if loss.takes_labels else array for array, loss in zip(arrays, expecting)]


def _arrays_of(value: Any, name: str) -> list[np.ndarray]:
    """An array, or the arrays of a list or tuple of NumPy arrays."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, np.ndarray) for one in value):
        return [_arrays.supported(one, f"{name}[{index}]") for index, one in enumerate(value)]
    return [_arrays.supported(value, name)]


def loss_structs(
    given: Sequence[losses.Loss], weights: Sequence[float] | None = None, accuracies: Sequence[int] | None = None
) -> ctypes.Array:
    """The library's losses, with their weights and kinds of accuracy. ValueError: not one of these for each loss."""
    factors = weights or [1.0] * len(given)
    kinds = accuracies or [0] * len(given)
    if not len(factors) == len(kinds) == len(given):
        raise ValueError(f"there are {len(given)} losses, but {len(factors)} loss_weights and {len(kinds)} accuracies")
    return (LossStruct * len(given))(*map(_loss_struct, given, factors, kinds))


def _loss_struct(loss: losses.Loss, weight: float, accuracy: int) -> LossStruct:
    factors = loss.class_weights
    return LossStruct(
        struct_size=ctypes.sizeof(LossStruct),
        kind=loss.code,
        from_logits=int(loss.from_logits),
        apply_class_balancing=int(loss.apply_class_balancing),
        weight=real(weight, "loss_weights"),
        label_smoothing=loss.label_smoothing,
        delta=loss.delta,
        gamma=loss.gamma,
        alpha=loss.alpha,
        class_weights=None if factors is None else (ctypes.c_float * len(factors))(*factors),
        class_count=len(factors or ()),
        accuracy=accuracy,
    )
