"""Models with Keras' vocabulary: Sequential, the functional Model, and load_model.

A model is a chain of layer objects until it is built; from then on the library holds it, and this class only names
things. Sequential is built when its input shape is known and something needs the weights, at the latest by fit.
"""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _compiled, _editing, _fit, _gradients, _graph, _inputs, _objectives, optimizers
from ._check import integer
from ._engine import Cost, EngineModel
from ._gradients import GradientCheck
from ._graph import Node
from ._objectives import Objective
from .callbacks import History
from .data import Dataset
from .layers import Input, InputLayer, Layer, LoadedLayer
from .metrics import Metric
from .trainer import Metrics, Trainer
from .utils import next_seed

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_bytes",
    "model_from_json",
]


class Model:
    """A functional model: Model(inputs, outputs), where outputs were made by calling layers.

        x = martlet.Input((784,))
        y = martlet.layers.Dense(10, "softmax")(martlet.layers.Dense(64, "relu")(x))
        model = martlet.Model(x, y)

    Both may be lists: a model with several inputs or outputs. A dict of inputs names them for a dict of arrays; otherwise
    inputs and outputs have the names of their layers.

    seed: of the weights, shuffling and dropout; without one they follow utils.set_random_seed. ValueError: outputs that do
    not come from inputs, a layer out of range, two layers of one name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, seed: int | None = None) -> None:
        self._start(name, seed)
        starts = _nodes(list(inputs.values()) if isinstance(inputs, Mapping) else inputs, "inputs")
        ends = _nodes(outputs, "outputs")
        for start in starts:
            if not isinstance(start.layer, InputLayer):
                raise ValueError(f"inputs must be results of Input(), received {start!r}")
        nodes = _graph.ordered(starts, ends)
        layers = list(dict.fromkeys(node.layer for node in nodes))
        for layer in layers:
            if layer.claimed:
                raise ValueError(f"layer {layer.name!r} is in use already by a model; make a new layer")
        # The library numbers inputs as they are added.
        nodes = starts + [node for node in nodes if node not in starts]
        self._assemble(nodes, ends, _graph.layer_names(sorted(layers, key=lambda layer: layer.serial)))
        for layer in layers:
            layer.claim()
        self._chain = layers
        if isinstance(inputs, Mapping):
            self._input_keys = [str(key) for key in inputs]

    def _start(self, name: str | None, seed: int | None) -> None:
        self._name = name
        self._seed = None if seed is None else integer(seed, "seed", 0, 2**64 - 1)
        self._chain: list[Layer] = []
        self._engine: EngineModel | None = None
        self._input_keys: list[str] = []
        self._input_names: list[str] = []
        self._output_names: list[str] = []
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

    def _assemble(self, nodes: Sequence[Node], outputs: Sequence[Node], names: dict[Layer, str]) -> EngineModel:
        engine = EngineModel.create(self.name, next_seed() if self._seed is None else self._seed)
        made: dict[Node, int] = {}
        first: dict[Layer, int] = {}
        for node in nodes:
            sources = [made[source] for source in node.sources]
            if node.layer in first:
                made[node] = engine.share(first[node.layer], sources)
            else:
                made[node] = first[node.layer] = node.layer.connect(engine, sources, names[node.layer])
        engine.build([made[output] for output in outputs])
        for layer, name in names.items():
            layer.built(engine, name)
        self._adopt(engine)
        return engine

    def _adopt(self, engine: EngineModel) -> None:
        """The model is built."""
        self._engine = engine
        self._input_names, self._output_names = engine.input_names(), engine.output_names()
        for objective, name in zip(self._objectives, self._output_names):
            objective.name = name

    def built_engine(self, row_shape: Sequence[Any] | None = None) -> EngineModel:
        if self._engine is None:
            raise RuntimeError(f"model {self.name!r} is not built")
        return self._engine

    # Looking inside.

    @property
    def name(self) -> str:
        return self._name or "model"

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, the input included."""
        return list(self._chain)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: what a dict of arrays is keyed by."""
        return self._input_keys or self._input_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: their layers', as in a dict of targets or losses, and in the logs."""
        return self._output_names

    @property
    def input_shape(self) -> Any:
        """(None, ...): shape of the input, None for any number of rows. A list of them if there are several."""
        return _one_or_all([(None, *shape) for shape in self.built_engine().input_shapes()])

    @property
    def output_shape(self) -> Any:
        """(None, ...): shape of the output. A list of them if there are several."""
        return _one_or_all([(None, *shape) for shape in self.built_engine().output_shapes()])

    @property
    def class_names(self) -> list[str]:
        """What the outputs 0, 1, ... stand for; kept in the model file. Empty if not set."""
        return self.built_engine().class_names()

    @class_names.setter
    def class_names(self, names: Sequence[str]) -> None:
        self.built_engine().set_class_names(names)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """One layer, by name or by index. ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("get_layer expects a name or an index")
        self.built_engine()
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"get_layer received index {index}, but the model has {len(layers)} layers")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name!r}. Existing layers are: {[layer.name for layer in layers]}")

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print a table of layers, output shapes and numbers of weights."""
        print_fn(self.built_engine().summary().rstrip("\n"))

    def cost(self, batch_size: int = 32) -> Cost:
        """Memory for a batch, beside the weights, and flops of the matrix products for one row."""
        return self.built_engine().cost(integer(batch_size, "batch_size", 1))

    def count_params(self) -> int:
        """Number of weights."""
        return self.built_engine().parameter_count()[0]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weight arrays, layer by layer, in Keras' order."""
        self.built_engine()
        return [array for layer in self.layers for array in layer.get_weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weight arrays. ValueError for a wrong number or shape, before anything is changed."""
        self.built_engine()
        counts = [len(layer.weight_names) for layer in self.layers]
        if len(weights) != sum(counts):
            raise ValueError(
                f"model {self.name!r} has {sum(counts)} weight arrays, set_weights received {len(weights)}"
            )
        remaining = iter(weights)
        fitting = [layer.fitting([next(remaining) for _ in range(count)]) for layer, count in zip(self.layers, counts)]
        for layer, arrays in zip(self.layers, fitting):
            layer.replace(arrays)

    def save(self, filepath: str | os.PathLike, overwrite: bool = True, include_optimizer: bool = True) -> None:
        """Save as a Keras HDF5 file, which keras.models.load_model opens. The file appears whole or not at all.

        include_optimizer: of a compiled model, write optimiser with its state, loss and metrics too, as Keras does; then
        load_model gives a compiled model, whose training goes on where it was.
        ValueError: a name that ends in .keras, Keras' zip format. FileExistsError with overwrite=False. NotFoundError (a
        FileNotFoundError): no such folder. FileError (an OSError): cannot be written.
        """
        path = os.fspath(filepath)
        if os.fsdecode(path).endswith(".keras"):
            raise ValueError(f"save writes Keras' HDF5 format: expected a name such as 'model.h5', received {path!r}")
        if not overwrite and os.path.exists(path):
            raise FileExistsError(f"{path!r} exists already")
        engine = self.built_engine()
        if include_optimizer and self.optimizer is not None:
            self.trainer().save(path, _compiled.metrics_text(self.objectives))
        else:
            engine.save(path)

    def save_weights(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Save the weights alone: in Keras 3's layout if the name ends in .weights.h5, otherwise in that of Keras 2.

        Raises what save raises.
        """
        path = os.fspath(filepath)
        if not overwrite and os.path.exists(path):
            raise FileExistsError(f"{path!r} exists already")
        self.built_engine().save_weights(path)

    def load_weights(
        self, filepath: str | os.PathLike, by_name: bool = False, skip_mismatch: bool = False
    ) -> None:
        """Take the weights of a file of save_weights, of Keras' or this one, or of a whole model's file.

        By order, all layers with weights must be in the file and no others; by_name, those that are not keep theirs.
        skip_mismatch: layers whose weights have other shapes keep theirs too. FormatError (a ValueError): what does not
        fit, with layer, expected and found; then no weight is changed. Otherwise raises what load_model raises.
        """
        self.built_engine().load_weights(filepath, bool(by_name), bool(skip_mismatch))

    def to_json(self) -> str:
        """The layers as JSON, without weights, which model_from_json of this package and of Keras read."""
        return self.built_engine().to_json()

    def to_bytes(self) -> bytes:
        """The bytes of the file that save would write; model_from_bytes makes a model of them."""
        return self.built_engine().to_bytes()

    # Copies and changes.

    def copy(self) -> Model:
        """A model of the same layers and weights, compiled alike but without the optimiser's state."""
        twin = _loaded(self.built_engine().copy())
        twin.__dict__.update(copy.deepcopy(self._compiled_with()))
        return twin

    def rename_layer(self, name: str, new_name: str) -> None:
        """Give a layer another name. A Trainer made before cannot be used any more, as after every change.

        ValueError: the name is in use or cannot be used. NotFoundError (a LookupError): no such layer.
        """
        _editing.rename(self, name, new_name)

    def remove_layer(self, name: str) -> None:
        """Take a layer out: what read it reads its input; if it was an output, its input becomes one.

        ValueError, and nothing has changed: a layer that reads other than one input, or without which a weight array of
        another would need another shape. NotFoundError (a LookupError): no such layer.
        """
        _editing.remove(self, name)

    def replace_layer(self, name: str, layer: Layer) -> None:
        """Put a new layer, with new weights, in the place of one. The other layers keep theirs.

        A layer without a name of its own gets that of the old one. ValueError, and nothing has changed: the shapes do not
        fit, or a weight array of another layer would need another shape. NotFoundError (a LookupError): no such layer.
        """
        _editing.replace(self, name, layer)

    def all_layers(self) -> list[Layer]:
        """The layers in order, the inputs included."""
        return list(self._chain)

    def layers_changed(self, layers: Sequence[Layer]) -> None:
        """These are the layers now. fit begins with a new trainer, as the old one is of the layers before."""
        self._chain = list(layers)
        self._trainer = None
        self._adopt(self.built_engine())

    def __reduce__(self) -> tuple:
        """For pickle and copy: the bytes of the file and what compile was given, without the optimiser's state."""
        return model_from_bytes, (self.to_bytes(),), self._compiled_with()

    def _compiled_with(self) -> dict[str, Any]:
        """What a copy takes over beside the library's model."""
        return {name: getattr(self, name) for name in ("_seed", "_input_keys", "optimizer", "loss", "_objectives")}

    # Training.

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

    def check_gradients(
        self, x: Any, y: Any = None, sample: int = 100, step: float = 1e-5, sample_weight: Any = None, seed: int = 0
    ) -> GradientCheck:
        """Compare the gradients of compile's loss by the weights with difference quotients, in double.

        x, y: a few rows, as for fit; they are one batch. sample: weights to check in each array, 0 for all. step: of the
        quotients. seed: of the sample and of dropout. Nothing changes. Two forward passes for each weight, slowly.
        """
        self._compiled()
        data = _inputs.dataset(self, x, y, sample_weight, "x", "y")
        return _gradients.check_gradients(self, data, sample, step, seed)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = 0,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over arrays or a Dataset: a number, a list (loss first) with metrics, or a dict.

        batch_size has no effect: it is batched inside.
        """
        self._compiled()
        data = _inputs.dataset(self, x, y, sample_weight, "x", "y")
        logs = self.logs(self.trainer().evaluate(data))
        if verbose not in (0, "auto"):
            print(_fit.text_of(logs))
        return logs if return_dict else _one_or_all(list(logs.values()))

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
        return logs if return_dict else _one_or_all(list(logs.values()))

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """evaluate on one batch."""
        return self.evaluate(x, y, sample_weight=sample_weight, return_dict=return_dict)

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """The output [N, ...] for any number of rows, float32, or a list of all outputs if there are several.

        x: an array, a list or dict of arrays for several inputs, or a Dataset, whose scaling is applied. batch_size and
        verbose have no effect: it is batched inside.
        """
        return _one_or_all(self._predictions(x))

    def _predictions(self, x: Any) -> list[np.ndarray]:
        if isinstance(x, Dataset):
            return self.built_engine(x.x_shapes[0] if x.x_shapes else None).predict_dataset(x.handle, len(x))
        arrays = _inputs.inputs(self, x)
        return self.built_engine().predict(arrays)

    def predict_on_batch(self, x: Any) -> Any:
        """predict."""
        return self.predict(x)

    def write_predictions(self, x: Any, path: str | os.PathLike, first_id: int = 0, output: int | str = 0) -> None:
        """Predict the classes of rows and write them to a file, which appears whole or not at all.

        path ends in .csv: lines "Id,Category", with ids from first_id on and the class names of the model, if it has some,
        else the index of the largest output (of one output alone: 1 above 0.5). Or in .h5 or .hdf5: arrays `predictions`
        and `labels`. x: as in predict. output: index or name, if there are several. ValueError: another ending.
        """
        if isinstance(output, str):
            if output not in self.output_names:
                raise ValueError(f"output {output!r} is none of {self.output_names}")
            output = self.output_names.index(output)
        data = x if isinstance(x, Dataset) else _inputs.joined(_inputs.inputs(self, x), [])
        engine = self.built_engine(data.x_shapes[0] if data.x_shapes else None)
        index, begin = integer(output, "output", 0, 2**31 - 1), integer(first_id, "first_id", -(2**63))
        engine.write_predictions(data.handle, index, path, begin)

    # What fit and evaluate share.

    def _compiled(self) -> None:
        if not self._objectives:
            raise ValueError("You must call `compile()` before using the model for training or evaluation.")

    def logs(self, numbers: Metrics, prefix: str = "") -> dict[str, float]:
        """The loss and the metrics of compile, by their names."""
        return _objectives.logs(self._objectives, numbers, prefix)


class Sequential(Model):
    """Layers one after another.

        model = martlet.Sequential([martlet.layers.Dense(64, "relu"), martlet.layers.Dense(10, "softmax")])

    The input shape comes from an Input first in the list, from input_shape= of the first layer, or from the first data.
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None, seed: int | None = None) -> None:
        self._start(name, seed)
        self._input_names, self._output_names = ["x"], ["y"]  # until it is built
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer | Node) -> None:
        """Append a layer, or an Input as the first. TypeError for anything else; ValueError once the model is built."""
        if self._engine is not None:
            raise ValueError(f"model {self.name!r} is built already; add all layers before it is used")
        if isinstance(layer, Node) and isinstance(layer.layer, InputLayer):
            layer = layer.layer
        elif isinstance(layer, Layer):
            layer.claim()
        else:
            raise TypeError(f"Sequential expects layers, received {layer!r}")
        if isinstance(layer, InputLayer) and self._chain:
            raise ValueError("Input must be the first of a Sequential's layers")
        self._chain.append(layer)

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Build now. input_shape: (None, ...) as in Keras, if nothing else says it."""
        self.built_engine(None if input_shape is None else tuple(input_shape)[1:])

    @property
    def name(self) -> str:
        return self._name or "sequential"

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input, as in Keras."""
        return [layer for layer in self._chain if not isinstance(layer, InputLayer)]

    def built_engine(self, row_shape: Sequence[Any] | None = None) -> EngineModel:
        if self._engine is not None:
            return self._engine
        if not self.layers:
            raise ValueError(f"model {self.name!r} has no layers")
        chain = list(self._chain)
        if not isinstance(chain[0], InputLayer):
            shape = chain[0].first_shape or row_shape
            if not shape:
                raise ValueError(
                    f"model {self.name!r} is not built: its input shape is not known. Begin it with "
                    "martlet.Input(shape), or call build, fit or predict."
                )
            chain.insert(0, InputLayer(shape))
        nodes = [Node(chain[0])]
        for layer in chain[1:]:
            nodes.append(Node(layer, nodes[-1:]))
        return self._assemble(nodes, nodes[-1:], _graph.layer_names(chain))


def load_model(filepath: str | os.PathLike, compile: bool = True) -> Model:  # noqa: A002 (Keras' name)
    """Load a model from a Keras HDF5 file: one of model.save, or of Keras 2 or 3 (model.save("m.h5")).

    Raises NotFoundError (a FileNotFoundError), FileError (an OSError), FormatError (a ValueError: not HDF5, truncated,
    inconsistent) and UnsupportedError (a layer or option that this version does not have, named).

    compile: if the file holds optimiser, loss and metrics, compile the model with them and give the optimiser its state,
    so that training goes on where it was. What is not understood is a UserWarning: then compile() it yourself.
    """
    model = _loaded(EngineModel.load(filepath))
    if compile:
        _compile(model, filepath)
    return model


def _compile(model: Model, filepath: str | os.PathLike) -> None:
    """Compile a model with what its file says, if anything."""
    text = model.built_engine().training_config()
    if not text:
        return
    try:
        model.compile(**_compiled.read(text))
        trainer = model.trainer()
    except (ValueError, TypeError, KeyError) as error:
        model._uncompile()
        warnings.warn(
            f"{os.fspath(filepath)!r} says how the model was compiled, but that is not understood ({error}); call "
            "compile() before training it.",
            stacklevel=3,
        )
        return
    try:
        trainer.load_state(filepath)
    except (ValueError, NotImplementedError) as error:
        warnings.warn(f"The model starts with a fresh optimiser, as its state cannot be used: {error}", stacklevel=3)


def model_from_bytes(data: bytes) -> Model:
    """Load a model from the bytes of a Keras HDF5 file, such as those of model.to_bytes. Raises what load_model does."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"model_from_bytes expects bytes, received {type(data).__name__}")
    return _loaded(EngineModel.from_bytes(bytes(data)))


def model_from_json(json_string: str, seed: int | None = None) -> Model:
    """A model of the layers that model.to_json of Keras or of this package has written, with new weights.

    seed: as in Model. FormatError (a ValueError): not JSON, or not a model. UnsupportedError: a layer or option that this
    version does not have, named.
    """
    engine = EngineModel.from_json(json_string, next_seed() if seed is None else integer(seed, "seed", 0, 2**64 - 1))
    model = _loaded(engine)
    model._seed = seed
    return model


def clone_model(model: Model, seed: int | None = None) -> Model:
    """A model of the same layers, with new weights.

    seed: as in Model. Layers come without the arguments they were made with, as those of load_model do.
    """
    number = next_seed() if seed is None else integer(seed, "seed", 0, 2**64 - 1)
    twin = _loaded(model.built_engine().clone(number))
    twin._seed = seed
    return twin


def _loaded(engine: EngineModel) -> Model:
    model = Model.__new__(Model)
    model._start(engine.name(), None)
    model._adopt(engine)
    model._chain = [LoadedLayer(engine, name, kind) for name, kind in engine.layers()]
    return model


def _nodes(value: Any, name: str) -> list[Node]:
    """The nodes of `value`, one or a list of them, each once."""
    nodes = list(value) if isinstance(value, (list, tuple)) else [value]
    if not nodes or not all(isinstance(node, Node) for node in nodes):
        raise ValueError(f"{name} must be a result of Input() or of a layer, or a list of them, received {value!r}")
    if len(set(nodes)) != len(nodes):
        raise ValueError(f"{name} has one result twice")
    return nodes


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
