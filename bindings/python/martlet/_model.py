"""The functional Model: what it is built of, its layers, weights and files; _training.py has the other half.

A model is a graph of layer objects until it is built; from then on the library holds it, and this class only names things.
"""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _compiled, _editing, _gradients, _graph, _inputs
from ._check import flag, integer
from ._engine import Cost, EngineModel
from ._gradients import GradientCheck
from ._graph import Node
from ._submodel import Submodel
from ._training import TrainableModel, one_or_all
from .callbacks import CallbackList
from .data import Dataset
from .layers import InputLayer, Layer, LoadedLayer
from .utils import next_seed


class Model(TrainableModel):
    """A functional model: Model(inputs, outputs), where outputs were made by calling layers.

        x = martlet.Input((784,))
        y = martlet.layers.Dense(10, "softmax")(martlet.layers.Dense(64, "relu")(x))
        model = martlet.Model(x, y)

    Both may be lists: a model with several inputs or outputs. A dict of inputs names them for a dict of arrays; otherwise
    inputs and outputs have the names of their layers.

    seed: of the weights, shuffling and dropout; without one they follow utils.set_random_seed. ValueError: outputs that do
    not come from inputs, a layer out of range, two layers of one name.
    """

    _chain: list[Layer]
    _engine: EngineModel | None
    _input_keys: list[str]  # of a dict of inputs
    _input_names: list[str]
    _output_names: list[str]

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

    @classmethod
    def of_engine(cls, engine: EngineModel) -> Model:
        """A model that the library has built already, such as one from a file."""
        model = cls.__new__(cls)
        model._start(engine.name(), None)
        model._adopt(engine)
        model._chain = _loaded(engine, "")
        return model

    @classmethod
    def of_submodel(cls, engine: EngineModel, path: str, class_name: str) -> Model:
        """What the submodel of that path is in a model that the library has built."""
        model = cls.__new__(cls)
        model._start(path.rpartition("/")[2], None)
        model._class_name = class_name
        model._chain = _loaded(engine, path + "/")
        model._part = (engine, path)
        part = model.built_engine()
        model._input_names, model._output_names = part.input_names(), part.output_names()
        return model

    def _start(self, name: str | None, seed: int | None) -> None:
        self._name = name
        self._seed = None if seed is None else integer(seed, "seed", 0, 2**64 - 1)
        self._class_name = "Functional"
        self._chain = []
        self._engine = None
        self._part: tuple[EngineModel, str] | None = None  # the model that this one is in, and its name there
        self._as_layer: Submodel | None = None
        self._input_keys = []
        self._input_names, self._output_names = [], []
        self._begin_untrained()

    def _assemble(self, nodes: Sequence[Node], outputs: Sequence[Node], names: dict[Layer, str]) -> EngineModel:
        engine = EngineModel.create(self.name, next_seed() if self._seed is None else self._seed)
        made: dict[object, list[int]] = {}
        first: dict[Layer, list[int]] = {}
        for node in nodes:
            if node.call in made:
                continue
            layer = node.layer
            sources = [made[source.call][source.output] for source in node.sources]
            made[node.call] = layer.add_call(engine, node, sources, names[layer], first.get(layer, []))
            first.setdefault(layer, made[node.call])
        engine.build([made[output.call][output.output] for output in outputs])
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
        if self._part is not None:
            engine, path = self._part
            return engine.copy_submodel(path)
        if self._engine is None:
            raise RuntimeError(f"model {self.name!r} is not built")
        return self._engine

    # In other models.

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Apply the model as a layer: the node of its result, or a list of them.

        Once the other model is built, this one is part of it: its layers, weights and `trainable` are those of the other's
        part, predict and save work on them, and it is trained there. training=False: its layers do in training what they do
        in prediction, so that batch normalisation keeps to its moving statistics even where it is trained. Called again, it
        is shared. TypeError: inputs that are no results. ValueError: the model is part of a built model already.
        """
        return self.as_layer().results(inputs, training)

    def as_layer(self) -> Submodel:
        """This model as a layer of others."""
        self.refuse_if_part("cannot be part of another")
        if self._as_layer is None:
            self.built_engine()
            self._as_layer = Submodel(self)
        return self._as_layer

    def become_part(self, engine: EngineModel, path: str) -> None:
        """From now on this is the submodel of that path in another model."""
        for layer in self._chain:
            layer.built(engine, f"{path}/{layer.name}")
        self._part, self._name, self._trainer = (engine, path), path.rpartition("/")[2], None

    def refuse_if_part(self, what: str) -> None:
        """ValueError if this model is part of another."""
        if self._part is not None:
            raise ValueError(f"model {self.name!r} is part of model {self._part[0].name()!r} and {what}; use a copy()")

    @property
    def class_name(self) -> str:
        """Keras' name of the kind of model, "Functional" or "Sequential"."""
        return self._class_name

    # Looking inside.

    @property
    def name(self) -> str:
        return self._name or "model"

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, the input included; models that are layers among them."""
        return _shown(self._chain)

    def layer_paths(self) -> list[str]:
        """The library's names of the layers, those in submodels after their submodel's: "base/conv1"."""
        return [path for layer in self.layers for path in (layer.layer_paths() if isinstance(layer, Model) else [layer.path])]

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
        return one_or_all([(None, *shape) for shape in self.built_engine().input_shapes()])

    @property
    def output_shape(self) -> Any:
        """(None, ...): shape of the output. A list of them if there are several."""
        return one_or_all([(None, *shape) for shape in self.built_engine().output_shapes()])

    @property
    def class_names(self) -> list[str]:
        """What the outputs 0, 1, ... stand for; kept in the model file. Empty if not set."""
        return self.built_engine().class_names()

    @class_names.setter
    def class_names(self, names: Sequence[str]) -> None:
        self.refuse_if_part("has no class names of its own")
        self.built_engine().set_class_names(names)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """One layer, by name or by index. ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("get_layer expects a name or an index")
        self._build()
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

    def _build(self) -> None:
        if self._part is None:
            self.built_engine()

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weight arrays, layer by layer, in Keras' order."""
        self._build()
        return [array for layer in self._chain for array in layer.get_weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weight arrays. ValueError for a wrong number or shape, before anything is changed."""
        self.replace(self.fitting(weights))

    def fitting(self, weights: Sequence[Any]) -> list[np.ndarray]:
        """weights as float32 arrays of this model's shapes; ValueError otherwise, before anything is changed."""
        self._build()
        counts = [len(layer.weight_names) for layer in self._chain]
        if len(weights) != sum(counts):
            raise ValueError(
                f"model {self.name!r} has {sum(counts)} weight arrays, set_weights received {len(weights)}"
            )
        remaining = iter(weights)
        return [
            array
            for layer, count in zip(self._chain, counts)
            for array in layer.fitting([next(remaining) for _ in range(count)])
        ]

    def replace(self, arrays: Sequence[np.ndarray]) -> None:
        """Copy in what `fitting` returned."""
        remaining = iter(arrays)
        for layer in self._chain:
            layer.replace([next(remaining) for _ in layer.weight_names])

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
        skip_mismatch: layers whose weights have other shapes keep theirs too, and a warning names each. FormatError (a
        ValueError): what does not fit, with layer, expected and found; then no weight is changed. Otherwise raises what
        load_model raises.
        """
        engine = self.built_engine()
        skipped = engine.load_weights(filepath, flag(by_name, "by_name"), flag(skip_mismatch, "skip_mismatch"))
        if self._part is not None:  # what has been loaded into is a copy
            self.set_weights(Model.of_engine(engine).get_weights())
        for name, reason in skipped:
            warnings.warn(f"Layer {name!r} keeps its weights: {reason}", stacklevel=2)

    def to_json(self) -> str:
        """The layers as JSON, without weights, which model_from_json of this package and of Keras read."""
        return self.built_engine().to_json()

    def to_bytes(self) -> bytes:
        """The bytes of the file that save would write; model_from_bytes makes a model of them."""
        return self.built_engine().to_bytes()

    # Copies and changes.

    def copy(self) -> Model:
        """A model of the same layers and weights, compiled alike but without the optimiser's state."""
        twin = Model.of_engine(self.built_engine().copy())
        twin.__dict__.update(copy.deepcopy(self._compiled_with()))
        return twin

    def cut(self, name: str) -> tuple[Model, Model]:
        """The model up to the result of a layer, and the rest of it, with copies of the weights.

        ValueError: an output that is no later than the layer, a layer after it that reads one before it, or one that is
        applied on both sides. NotFoundError (a LookupError): no such layer.
        """
        lower, upper = self.built_engine().cut(name)
        return Model.of_engine(lower), Model.of_engine(upper)

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

    def keep_layers(self, layers: Sequence[Layer]) -> None:
        """These are the layers now."""
        self._chain = list(layers)

    def layers_changed(self) -> None:
        """fit begins with a new trainer, as the old one is of the layers before."""
        self._trainer = None
        self._adopt(self.built_engine())

    def __reduce__(self) -> tuple:
        """For pickle and copy: the bytes of the file and what compile was given, without the optimiser's state."""
        return _unpickled, (self.to_bytes(),), self._compiled_with()

    def _compiled_with(self) -> dict[str, Any]:
        """What a copy takes over beside the library's model."""
        return {name: getattr(self, name) for name in ("_seed", "_input_keys", "optimizer", "loss", "_objectives")}

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

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = 0, callbacks: Any = None, dtype: Any = "float32"
    ) -> Any:
        """The output [N, ...] for any number of rows, or a list of all outputs if there are several.

        x: an array, a list or dict of arrays for several inputs, or a Dataset, whose scaling is applied. batch_size and
        verbose have no effect: it is batched inside. dtype: "float32", or "float64" to compute arrays (no Dataset) in
        double throughout, with the float32 weights; slow, for checks of formulas and rounding. ValueError: neither.
        """
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f'dtype must be "float32" or "float64", received {dtype!r}')
        in_double = np.dtype(dtype) == np.float64
        listeners = CallbackList(callbacks, self, {"verbose": verbose})
        listeners.on_predict_begin({})
        found = one_or_all(self._predictions(x, in_double))
        listeners.on_predict_end({})
        return found

    def _predictions(self, x: Any, in_double: bool) -> list[np.ndarray]:
        if isinstance(x, Dataset):
            if in_double:
                raise ValueError("float64 predictions take arrays, received a Dataset, which scales its rows in float32")
            return self.built_engine(x.x_shapes[0] if x.x_shapes else None).predict_dataset(x.handle, len(x))
        arrays = _inputs.inputs(self, x)
        return self.built_engine().predict(arrays, in_double)

    def predict_on_batch(self, x: Any) -> Any:
        """predict."""
        return self.predict(x)

    def write_features(self, x: Any, path: str | os.PathLike, y: Any = None) -> None:
        """Compute the output once for all rows and write it as an HDF5 file with "x", and "y" if there are targets.

        Dataset.open(path, "x", "y") reads it: a head that is trained on it costs nothing of this model. x: as in fit;
        y: its targets, unless x is a Dataset. ValueError: layers that are trained, or random in training; several outputs.
        """
        engine = self.built_engine()
        data = x if isinstance(x, Dataset) else _inputs.joined(_inputs.inputs(self, x), [] if y is None else [y])
        engine.write_features(data.handle, path)

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


def _loaded(engine: EngineModel, place: str) -> list[Layer]:
    """Layers of a model that the library has built, or of the submodel whose path, with a "/", is `place`."""
    classes = dict(engine.submodels())
    chain: dict[str, Layer] = {}
    for path, class_name in engine.layers():
        name, inside, _ = path.removeprefix(place).partition("/")
        if not path.startswith(place) or name in chain:
            continue
        if inside:
            layer: Layer = Submodel(Model.of_submodel(engine, place + name, classes[place + name]))
            layer.claimed, layer._engine, layer.path = True, engine, place + name
        else:
            layer = LoadedLayer(engine, path, class_name)
        chain[name] = layer
    return list(chain.values())


def _shown(layers: Sequence[Layer]) -> list[Any]:
    """Models in the place of the layers that stand for them."""
    return [layer.model if isinstance(layer, Submodel) else layer for layer in layers]


def _unpickled(data: bytes) -> Model:
    return Model.of_engine(EngineModel.from_bytes(data))


def _nodes(value: Any, name: str) -> list[Node]:
    """The nodes of `value`, one or a list of them, each once."""
    nodes = list(value) if isinstance(value, (list, tuple)) else [value]
    if not nodes or not all(isinstance(node, Node) for node in nodes):
        raise ValueError(f"{name} must be a result of Input() or of a layer, or a list of them, received {value!r}")
    if len(set(nodes)) != len(nodes):
        raise ValueError(f"{name} has one result twice")
    return nodes
