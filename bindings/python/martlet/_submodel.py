"""A model as a layer of another one.

When the other is built, its part in the library takes copies of the model's weights, and from then on the model's own
objects, its layers among them, stand for that part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._engine import EngineModel
from ._graph import Node
from ._layer import Layer

if TYPE_CHECKING:
    from ._model import Model


class Submodel(Layer):
    """The layer that a model is in another."""

    def __init__(self, model: Model) -> None:
        super().__init__(name=model.name)
        self.model = model

    @property
    def class_name(self) -> str:
        return self.model.class_name

    @property
    def trainable(self) -> bool:
        return self.model.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.model.trainable = value

    def results(self, inputs: Any, training: bool | None) -> Any:
        """The node of the result, or those of all results, of one more call."""
        if training:
            raise ValueError("a model is called on results of layers with training=None or False, received True")
        if self.claimed:
            raise ValueError(f"model {self.name!r} is part of a model already, which has been built; use a copy()")
        sources = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        for source in sources:
            if not isinstance(source, Node):
                raise TypeError(
                    f"model {self.name!r} is called on what Input() or a layer returned, received "
                    f"{type(source).__name__}; to compute with numbers, use predict"
                )
        call = object()
        nodes = []
        for output in range(len(self.model.built_engine().output_names())):
            node = Node(self, sources)
            node.call, node.output, node.inference = call, output, training is False
            nodes.append(node)
        return nodes[0] if len(nodes) == 1 else nodes

    def add_call(
        self, engine: EngineModel, node: Node, sources: Sequence[int], name: str, first: Sequence[int]
    ) -> list[int]:
        if first:
            return engine.share_submodel(name, sources, node.inference, len(first))
        return engine.submodel(self.model.built_engine(), sources, name, node.inference)

    def built(self, engine: EngineModel, path: str) -> None:
        self._engine, self.path, self.own_name = engine, path, path.rpartition("/")[2]
        self.model.become_part(engine, path)

    @property
    def weight_names(self) -> list[str]:
        return [name for layer in self.model.all_layers() for name in layer.weight_names]

    def get_weights(self) -> list[np.ndarray]:
        return self.model.get_weights()

    def fitting(self, weights: Sequence[Any]) -> list[np.ndarray]:
        return self.model.fitting(weights)

    def replace(self, arrays: Sequence[np.ndarray]) -> None:
        self.model.replace(arrays)

    def count_params(self) -> int:
        return self.model.count_params()
