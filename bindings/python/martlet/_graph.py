"""The graph that calling layers describes: nodes, and the order in which Keras lists them.

The order decides which weight array stands where in get_weights and set_weights, so it is Keras' own: by depth, the
longest way to an output, and within a depth as a walk from the outputs back meets the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._names import snake_case

if TYPE_CHECKING:
    from .layers import Layer


class Node:
    """The result of one call of a layer. A layer that is called again makes another node with the same weights."""

    def __init__(self, layer: Layer, sources: Sequence[Node] = ()) -> None:
        self.layer = layer
        self.sources = tuple(sources)
        self.call: object = self  # the same for all results of one call
        self.output = 0  # which of them this is
        self.inference = False

    def __repr__(self) -> str:
        return f"<result of {self.layer!r}>"


def ordered(inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The nodes between inputs and outputs, each after those it reads. ValueError if a way back ends elsewhere."""
    walked, met = _walk_back(inputs, outputs)
    depths: dict[Node, int] = {}
    layer_depths: dict[Layer, int] = {}
    for node in reversed(walked):
        # A layer that is called at several depths is at its greatest.
        depth = max(depths.get(node, 0), layer_depths.get(node.layer, 0))
        depths[node] = layer_depths[node.layer] = depth
        for source in node.sources:
            depths[source] = max(depths.get(source, 0), depth + 1)
    for node in inputs:
        if node not in depths:  # leads to no output: the library says so
            depths[node] = 0
            met.setdefault(node.layer, -1)
    return sorted(depths, key=lambda node: (-depths[node], met[node.layer]))


def _walk_back(inputs: Sequence[Node], outputs: Sequence[Node]) -> tuple[list[Node], dict[Layer, int]]:
    """Nodes, each after those it reads, and when the walk first met each layer. On a stack of our own: deep models."""
    ends = set(inputs)
    done: dict[Node, None] = {}
    met: dict[Layer, int] = {}
    for output in outputs:
        way = [(output, iter(output.sources))]
        while way:
            node, sources = way[-1]
            if node in done:
                way.pop()
                continue
            met.setdefault(node.layer, len(met))
            if not node.sources and node not in ends:
                raise ValueError(
                    "outputs do not come from inputs: expected what layers returned when called on Input(); "
                    f"{node.layer.name!r} is none of the inputs"
                )
            source = next(sources, None)
            if source is None:
                done[node] = None
                way.pop()
            elif source not in done:
                way.append((source, iter(source.sources)))
    return list(done), met


def layer_names(layers: Sequence[Layer]) -> dict[Layer, str]:
    """A name for every layer: its own, or its class in snake case with the first free number, as in Keras."""
    taken = {layer.own_name for layer in layers if layer.own_name}
    names = {}
    for layer in layers:
        name = layer.own_name
        if name is None:
            base = snake_case(layer.class_name) if layer.class_name != "InputLayer" else "input"
            name, number = base, 0
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            taken.add(name)
        names[layer] = name
    return names
