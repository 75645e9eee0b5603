"""What all layers have in common: a name, being called, and weights once their model is built."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _arrays
from ._check import UnsupportedError, flag
from ._engine import EngineModel
from ._graph import Node
from ._names import snake_case

_serials = itertools.count()


class Layer:
    """Base class: a name, and weights once the model is built.

    input_shape (or input_dim) on the first layer of a Sequential stands for an Input before it.
    """

    # Whether the layer is called on a list of nodes, as those that merge are.
    takes_list = False
    # Axes of the rows it takes, where the library has one function for rows of several ranks.
    row_rank: int | None = None

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        input_shape: Sequence[int] | None = None,
        input_dim: int | None = None,
    ) -> None:
        self.own_name = name
        self.serial = next(_serials)  # layers without a name are numbered in the order they were made
        self._engine: EngineModel | None = None
        self.path = ""  # what the library calls the layer: its name, after that of the submodel it is in
        self.claimed = False  # by a model
        self._trainable = flag(trainable, "trainable")  # until the model is built
        self.first_shape = tuple(input_shape) if input_shape is not None else None
        if input_dim is not None:
            self.first_shape = (input_dim,)

    @property
    def name(self) -> str:
        """The layer's name; without one given, its class in snake case, with a number where that is taken."""
        return self.own_name or snake_case(self.class_name)

    @property
    def class_name(self) -> str:
        """Keras' name of the kind of layer, such as "Dense"."""
        return type(self).__name__

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights. May be set at any time, for the next step on.

        A frozen BatchNormalization runs on its moving statistics.
        """
        return self._trainable if self._engine is None else self._engine.trainable(self.path)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = flag(value, "trainable")
        if self._engine is not None:
            self._engine.set_trainable(self.path, self._trainable)

    def __call__(self, inputs: Any) -> Node:
        """The node of the result; called again, the layer makes another result with the same weights."""
        if self.claimed:
            raise ValueError(
                f"layer {self.name!r} is in use already: it belongs to a model, which has been built; make a new layer"
            )
        sources = list(inputs) if isinstance(inputs, (list, tuple)) and self.takes_list else [inputs]
        if self.takes_list and not isinstance(inputs, (list, tuple)):
            raise TypeError(f"layer {self.name!r} is called on a list of results, received {type(inputs).__name__}")
        for source in sources:
            if not isinstance(source, Node):
                raise TypeError(
                    f"layer {self.name!r} is called on what Input() or another layer returned, received "
                    f"{type(source).__name__}; to compute with numbers, use model.predict"
                )
        return Node(self, sources)

    def claim(self) -> None:
        """From now on the layer is part of a model. ValueError if it is part of one already."""
        if self.claimed:
            raise ValueError(f"layer {self.name!r} is in use already by a model; make a new layer")
        self.claimed = True

    def connect(self, engine: EngineModel, nodes: Sequence[int], name: str) -> int:
        """Add this layer to a model that is being built, reading the given nodes of it. Returns its own."""
        return self.add(engine, nodes[0], name)

    def add_call(
        self, engine: EngineModel, node: Node, sources: Sequence[int], name: str, first: Sequence[int]
    ) -> list[int]:
        """Add one call of this layer, that of `node`. first: what the first call returned, empty for that itself."""
        return [engine.share(first[0], sources) if first else self.connect(engine, sources, name)]

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        """connect, for a layer that reads one node."""
        raise UnsupportedError(
            f"layer {self.name!r} is of the class {type(self).__name__}, which is none of martlet.layers: custom "
            "layers are not supported"
        )

    def built(self, engine: EngineModel, path: str) -> None:
        """The model is built, and this layer is the one of that name in it, or of that path in one of its submodels."""
        for shape in engine.layer_input_shapes(path) if self.row_rank else ():
            if len(shape) != self.row_rank:
                raise ValueError(
                    f"layer {path!r} ({self.class_name}) takes rows of {self.row_rank} axes, received rows of shape {shape}"
                )
        self._engine, self.path, self.own_name = engine, path, path.rpartition("/")[2]
        if not self._trainable:
            engine.set_trainable(path, False)

    def _built_engine(self) -> EngineModel:
        if self._engine is None:
            raise RuntimeError(f"layer {self.name!r} has no weights yet: its model is not built")
        return self._engine

    def _weights(self) -> list[tuple[str, tuple[int, ...]]]:
        return self._built_engine().weights(self.path)

    @property
    def weight_names(self) -> list[str]:
        """Names of the weight arrays, in Keras' order; Dense: "kernel", "bias"."""
        return [name for name, _ in self._weights()]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weight arrays, in Keras' order."""
        return [self._built_engine().get_weight(self.path, name) for name, _ in self._weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weight arrays, in Keras' order. ValueError for a wrong number, shape, or a value not finite."""
        self.replace(self.fitting(weights))

    def fitting(self, weights: Sequence[Any]) -> list[np.ndarray]:
        """weights as float32 arrays of this layer's shapes; ValueError otherwise, before anything is changed."""
        expected = self._weights()
        if len(weights) != len(expected):
            raise ValueError(
                f"layer {self.name!r} has {len(expected)} weight arrays, but set_weights received {len(weights)}"
            )
        arrays = []
        for (name, shape), value in zip(expected, weights):
            array = _arrays.floats(value, f"weight {self.name}/{name}")
            if array.shape != shape:
                raise ValueError(f"weight {self.name}/{name} has shape {shape}, but received shape {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"weight {self.name}/{name} must be finite, but received NaN or infinity")
            arrays.append(array)
        return arrays

    def replace(self, arrays: Sequence[np.ndarray]) -> None:
        """Copy in what `fitting` returned."""
        for (name, _), array in zip(self._weights(), arrays):
            self._built_engine().set_weight(self.path, name, array)

    def count_params(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(shape)) for _, shape in self._weights())

    def __repr__(self) -> str:
        return f"<{self.class_name} {self.name!r}>"
