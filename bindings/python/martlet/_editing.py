"""Changes of the layers of a built model: the library changes its part, and here the layer objects follow."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ._submodel import Submodel
from .layers import Input, Layer

if TYPE_CHECKING:
    from .models import Model


def rename(model: Model, name: str, new_name: str) -> None:
    model.refuse_if_part("is changed there")
    engine = model.built_engine()
    engine.rename_layer(name, new_name)
    for part in _parts(model):
        for layer in part.all_layers():
            if layer.path == name:
                layer.built(engine, name[: len(name) - len(layer.name)] + new_name)
    model.layers_changed()


def remove(model: Model, name: str) -> None:
    model.refuse_if_part("is changed there")
    model.built_engine().remove_layer(name)
    for part in _parts(model):
        part.keep_layers([layer for layer in part.all_layers() if layer.path != name])
    model.layers_changed()


def replace(model: Model, name: str, layer: Layer) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, received {name!r}")
    if not isinstance(layer, Layer):
        raise TypeError(f"replace_layer expects a layer, received {layer!r}")
    model.refuse_if_part("is changed there")
    if layer.claimed:
        raise ValueError(f"layer {layer.name!r} is in use already by a model; make a new layer")
    engine = model.built_engine()
    old_name = name.rpartition("/")[2]
    new_name = layer.own_name or old_name
    engine.replace_layer(name, _config(layer, new_name, engine.layer_input_shapes(name)))
    layer.claim()
    layer.built(engine, name[: len(name) - len(old_name)] + new_name)
    for part in _parts(model):
        part.keep_layers([layer if old.path == name else old for old in part.all_layers()])
    model.layers_changed()


def _parts(model: Model) -> Iterator[Model]:
    """The model and the models in it."""
    yield model
    for layer in model.all_layers():
        if isinstance(layer, Submodel):
            yield from _parts(layer.model)


def configuration(layer: Layer, name: str) -> str:
    """The layer in Keras' JSON, where it is not known what it will read: no option that Keras writes depends on that."""
    if not isinstance(layer, Layer):
        raise TypeError(f"replace expects layers, received {layer!r} for {name!r}")
    shapes = [(_LARGE, _LARGE, 3), (_LARGE, 3), (_LARGE,)]
    for shape in shapes[:-1]:
        with contextlib.suppress(ValueError):
            return _config(layer, name, [shape])
    return _config(layer, name, shapes[-1:])


# A size into which every window fits.
_LARGE = 1024


def _config(layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> str:
    """The layer in Keras' JSON, which the library writes of a model that has nothing but this layer."""
    from .models import Model

    twin = copy.copy(layer)  # the layer itself belongs to no model yet
    twin.own_name = name
    inputs = [Input(shape, name=f"{name}_input_{index}") for index, shape in enumerate(shapes)]
    if not inputs:
        raise ValueError(f"layer {name!r} is an input, which cannot be replaced")
    described = Model(inputs, twin(inputs if twin.takes_list else inputs[0]), seed=0)
    layers = json.loads(described.to_json())["config"]["layers"]
    return json.dumps(next(entry for entry in layers if entry["config"]["name"] == name))
