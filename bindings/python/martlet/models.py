"""Models with Keras' vocabulary: Sequential, the functional Model, and loading.

Sequential is built when its input shape is known and something needs the weights, at the latest by fit.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from . import _compiled, _editing, _graph
from ._check import flag, integer
from ._engine import EngineModel
from ._graph import Node
from ._model import Model, _shown
from ._submodel import Submodel
from .layers import Input, InputLayer, Layer
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


class Sequential(Model):
    """Layers one after another.

        model = martlet.Sequential([martlet.layers.Dense(64, "relu"), martlet.layers.Dense(10, "softmax")])

    The input shape comes from an Input first in the list, from input_shape= of the first layer, or from the first data.
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None, seed: int | None = None) -> None:
        self._start(name, seed)
        self._class_name = "Sequential"
        self._input_names, self._output_names = ["x"], ["y"]  # until it is built
        self._freezes = False  # what is added
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer | Node | Model) -> None:
        """Append a layer or a model, or an Input as the first; frozen, if the model was frozen before.

        TypeError for anything else; ValueError once it is built.
        """
        if self._engine is not None:
            raise ValueError(f"model {self.name!r} is built already; add all layers before it is used")
        if isinstance(layer, Node) and isinstance(layer.layer, InputLayer):
            layer = layer.layer
        elif isinstance(layer, Model):
            if layer is self:
                raise ValueError(f"model {self.name!r} cannot be its own layer")
            layer = layer.as_layer()
            layer.claim()
        elif isinstance(layer, Layer):
            layer.claim()
        else:
            raise TypeError(f"Sequential expects layers, received {layer!r}")
        if isinstance(layer, InputLayer) and self._chain:
            raise ValueError("Input must be the first of a Sequential's layers")
        if self._freezes:
            layer.trainable = False
        self._chain.append(layer)

    @property
    def trainable(self) -> bool:
        """As in any model; before it is built, it holds for the layers that are added later too."""
        return super().trainable if self.layers else not self._freezes

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._freezes = not flag(value, "trainable")
        Model.trainable.fset(self, value)

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Build now. input_shape: (None, ...) as in Keras, if nothing else says it."""
        self.built_engine(None if input_shape is None else tuple(input_shape)[1:])

    @property
    def name(self) -> str:
        return self._name or "sequential"

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input, as in Keras; models that are layers among them."""
        return _shown([layer for layer in self._chain if not isinstance(layer, InputLayer)])

    def built_engine(self, row_shape: Sequence[Any] | None = None) -> EngineModel:
        if self._engine is not None or self._part is not None:
            return super().built_engine()
        if not self.layers:
            raise ValueError(f"model {self.name!r} has no layers")
        chain = list(self._chain)
        if not isinstance(chain[0], InputLayer):
            shape = chain[0].first_shape or row_shape
            if isinstance(chain[0], Submodel):
                shape = chain[0].model.built_engine().input_shapes()[0]
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


def load_model(
    filepath: str | os.PathLike,
    compile: bool = True,  # noqa: A002 (Keras' name)
    replace: Mapping[str, Layer] | None = None,
) -> Model:
    """Load a model from a Keras HDF5 file: one of model.save, or of Keras 2 or 3 (model.save("m.h5")); or from a .keras.

    Raises NotFoundError (a FileNotFoundError), FileError (an OSError), FormatError (a ValueError: not HDF5, truncated,
    inconsistent) and UnsupportedError (a layer or option that this version does not have, named).

    replace: layers to take in the place of some of the file, by the names of these: {"lambda": layers.Resizing(224, 224)}
    for one that holds code; of a layer in a submodel, "submodel/lambda". NotFoundError: the file has no such layer.

    compile: if the file holds optimiser, loss and metrics, compile the model with them and give the optimiser its state,
    so that training goes on where it was. A UserWarning names the metrics that there are not here, which are left out;
    or says what else is not understood: then compile() it yourself.
    """
    if replace:
        configurations = {name: _editing.configuration(layer, name.rpartition("/")[2]) for name, layer in replace.items()}
        model = Model.of_engine(EngineModel.load_replacing(filepath, configurations))
    else:
        model = Model.of_engine(EngineModel.load(filepath))
    if compile:
        _compile(model, filepath)
    return model


def _compile(model: Model, filepath: str | os.PathLike) -> None:
    """Compile a model with what its file says, if anything."""
    engine = model.built_engine()
    text = engine.training_config()
    if not text:
        return
    try:
        columns = [shape[-1] for shape in engine.output_shapes()]
        arguments, left_out = _compiled.read(text, dict(zip(model.output_names, columns)))
        model.compile(**arguments)
        trainer = model.trainer()
    except (ValueError, TypeError, KeyError) as error:
        model._uncompile()
        warnings.warn(
            f"{os.fspath(filepath)!r} says how the model was compiled, but that is not understood ({error}); call "
            "compile() before training it.",
            stacklevel=3,
        )
        return
    if left_out:
        warnings.warn(
            f"{os.fspath(filepath)!r} has metrics that cannot be computed here and are left out: "
            f"{', '.join(left_out)}.",
            stacklevel=3,
        )
    try:
        trainer.load_state(filepath)
    except (ValueError, NotImplementedError) as error:
        warnings.warn(f"The model starts with a fresh optimiser, as its state cannot be used: {error}", stacklevel=3)


def model_from_bytes(data: bytes) -> Model:
    """Load a model from the bytes of a Keras HDF5 file, such as those of model.to_bytes. Raises what load_model does."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"model_from_bytes expects bytes, received {type(data).__name__}")
    return Model.of_engine(EngineModel.from_bytes(bytes(data)))


def model_from_json(json_string: str, seed: int | None = None) -> Model:
    """A model of the layers that model.to_json of Keras or of this package has written, with new weights.

    seed: as in Model. FormatError (a ValueError): not JSON, or not a model. UnsupportedError: a layer or option that this
    version does not have, named.
    """
    engine = EngineModel.from_json(json_string, next_seed() if seed is None else integer(seed, "seed", 0, 2**64 - 1))
    model = Model.of_engine(engine)
    model._seed = seed
    return model


def clone_model(model: Model, seed: int | None = None) -> Model:
    """A model of the same layers, with new weights.

    seed: as in Model. Layers come without the arguments they were made with, as those of load_model do.
    """
    number = next_seed() if seed is None else integer(seed, "seed", 0, 2**64 - 1)
    twin = Model.of_engine(model.built_engine().clone(number))
    twin._seed = seed
    return twin
