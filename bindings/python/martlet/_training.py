"""The half of a model that trains: compile, fit, evaluate and steps, with Keras' arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _fit, _inputs, _objectives, optimizers
from ._check import flag, integer
from ._objectives import Objective
from .callbacks import CallbackList, History
from .metrics import Metric
from .trainer import Metrics, Trainer
from .utils import next_seed

if TYPE_CHECKING:
    from ._engine import EngineModel


class TrainableModel:
    """What models.Model has from here. A subclass calls _begin_untrained, and says what it is built of."""

    _seed: int | None

    def refuse_if_part(self, what: str) -> None:
        raise NotImplementedError

    def built_engine(self, row_shape: Sequence[Any] | None = None) -> EngineModel:
        """The library's model, built for rows of this shape if it is not yet and nothing else says the shape."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The model's name, for messages."""
        raise NotImplementedError

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        raise NotImplementedError

    def _begin_untrained(self) -> None:
        self.history: History | None = None
        self.stop_training = False
        self._trainers_made = 0
        self._uncompile()

    def _uncompile(self) -> None:
        # None until compile; annotated as what every later reader finds.
        self.optimizer: optimizers.Optimizer = None  # type: ignore[assignment]
        self.loss: Any = None
        self._objectives: list[Objective] = []
        self._trainer: Trainer | None = None

    def compile(
        self,
        optimizer: Any,
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
    ) -> None:
        """Choose optimiser, loss and metrics, by name ("sgd", "adam"; "mse", ...) or as objects.

        With several outputs loss, metrics and loss_weights are lists in their order or dicts by their names; one loss alone
        is that of every output. The total is the sum of the losses times their weights. loss None: the loss is the
        caller's own, see make_trainer. ValueError: an unknown name, or a metric that means nothing for the loss.
        """
        rule = optimizers.get(optimizer)
        self._objectives = _objectives.objectives(loss, loss_weights, metrics, self.output_names)
        self.optimizer, self.loss = rule, loss
        self._trainer = None

    @property
    def trainable(self) -> bool:
        """Whether training changes weights of any layer. Set it to freeze or unfreeze all layers, for the next step on."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = flag(value, "trainable")
        for layer in self.layers:
            layer.trainable = value

    @property
    def objectives(self) -> list[Objective]:
        """Loss, weight and metrics of every output, as compile has understood them."""
        return self._objectives

    @property
    def metrics(self) -> list[Metric]:
        """The metrics of all outputs."""
        return [metric for objective in self._objectives for metric in objective.metrics]

    def make_trainer(self, seed: int | None = None) -> Trainer:
        """A Trainer of this model with compile's optimiser and loss, for a loop of the caller's own.

        seed: of shuffling and dropout; None: it follows the model's.
        """
        self._compiled()
        self.refuse_if_part("is trained there")
        if seed is None:
            # Later trainers of a model do not repeat the order of the first.
            seed = next_seed() if self._seed is None else (self._seed + self._trainers_made) % 2**64
            self._trainers_made += 1
        chosen = {metric.k for metric in self.metrics if metric.k is not None}
        return Trainer(
            self,
            self.optimizer,
            [objective.loss for objective in self._objectives],
            loss_weights=[objective.weight for objective in self._objectives],
            accuracies=[
                objective.accuracy_code(shape[-1])
                for objective, shape in zip(self._objectives, self.built_engine().output_shapes())
            ],
            seed=seed,
            top_k=chosen.pop() if chosen else 5,
        )

    def trainer(self) -> Trainer:
        """The trainer behind fit, evaluate and train_on_batch; compile drops it, and the optimiser's state with it."""
        if self._trainer is None:
            self._trainer = self.make_trainer()
        return self._trainer

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
    ) -> History:
        """Train for `epochs` passes over the data; again goes on where the last call ended.

        x, y: arrays of any number type (used in place if contiguous), or x a Dataset; with several inputs or outputs,
        lists or dicts of arrays. batch_size: None for 32, or all rows if there are fewer; 0 for all rows.
        validation_split takes the last rows; validation_data is (x, y), (x, y, sample_weight) or a Dataset.
        sample_weight [N] and class_weight {class: weight} multiply the losses of the rows; validation is not weighted by
        class. verbose: 0 silent, 1 a progress line, 2 one line per epoch.

        Ctrl-C stops after the current batch, keeps the weights and raises KeyboardInterrupt; an exception in a callback
        does the same. ValueError: data that do not fit, a label out of range, NaN input, batch_size larger than the
        data. NotFiniteError: the loss became NaN; the weights are those before that step.
        """
        self._compiled()
        training, validation = _inputs.of_fit(
            self, x, y, validation_split, validation_data, sample_weight, class_weight
        )
        if batch_size is None:
            batch_size = min(32, len(training))
        first = integer(initial_epoch, "initial_epoch", 0)
        last = integer(epochs, "epochs", 1)
        self.history = _fit.fit(self, training, validation, batch_size, bool(shuffle), first, last, verbose, callbacks)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = 0,
        sample_weight: Any = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over arrays or a Dataset: a number, a list (loss first) with metrics, or a dict.

        batch_size has no effect: it is batched inside.
        """
        self._compiled()
        data = _inputs.dataset(self, x, y, sample_weight, "x", "y")
        listeners = CallbackList(callbacks, self, {"verbose": verbose})
        listeners.on_test_begin({})
        logs = self.logs(self.trainer().evaluate(data))
        listeners.on_test_end(dict(logs))
        if verbose not in (0, "auto"):
            print(_fit.text_of(logs))
        return logs if return_dict else one_or_all(list(logs.values()))

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step on one batch of any number of rows. Its loss and metrics before the update, as evaluate gives them."""
        self._compiled()
        inputs = _inputs.inputs(self, x)
        weights = None if sample_weight is None else _inputs.sample_weights(sample_weight, len(inputs[0]))
        if class_weight is not None:
            factors = _inputs.class_weights(self, class_weight, y)
            weights = factors if weights is None else factors * weights
        logs = self.logs(self.trainer().step(inputs, _inputs.targets(self, y), weights))
        return logs if return_dict else one_or_all(list(logs.values()))

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """evaluate on one batch."""
        return self.evaluate(x, y, sample_weight=sample_weight, return_dict=return_dict)

    def _compiled(self) -> None:
        if not self._objectives:
            raise ValueError("You must call `compile()` before using the model for training or evaluation.")

    def logs(self, numbers: Metrics, prefix: str = "") -> dict[str, float]:
        """The loss and the metrics of compile, by their names."""
        return _objectives.logs(self._objectives, numbers, prefix)


def one_or_all(values: list[Any]) -> Any:
    """The only value, or all of them: what models give for one input or output, and for several."""
    return values[0] if len(values) == 1 else values
