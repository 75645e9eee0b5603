"""One Python class per handle of the library, one method per function: models here, datasets in data.py, trainers in
trainer.py.

Knows no Keras: names and values are those of martlet.h. models.py puts Keras' vocabulary on top.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64
from typing import Any, NamedTuple

import numpy as np

from . import _arrays
from ._check import check, integer, real, text
from ._library import (
    MAX_RANK,
    ApplicationOptions,
    BatchNormalizationOptions,
    Constraint,
    ConvOptions,
    CostStruct,
    DatasetHandle,
    DenseOptions,
    Initializer,
    ModelHandle,
    PoolingOptions,
    PReLUOptions,
    RandomErasingOptions,
    RandomTransformOptions,
    Regularizer,
    RowNormalizationOptions,
    SubmodelOptions,
    library,
)

# Rows of one call of martlet_predict and of martlet_predict_double: between two calls Python sees Ctrl-C. A row's result
# depends on no other row.
_PREDICT_ROWS = 16384
_PREDICT_DOUBLE_ROWS = 256


class Cost(NamedTuple):
    """What a model costs: bytes for a batch, operations for one row."""

    weight_bytes: int
    prediction_bytes: int
    training_bytes: int
    prediction_flops: int
    training_flops: int


def optional_text(value: str | None, name: str) -> bytes | None:
    return None if value is None else text(value, name)


def path_text(path: str | os.PathLike) -> bytes:
    name = os.fspath(path)
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return text(name, "path")


def string_array(names: Sequence[str], name: str) -> ctypes.Array:
    if isinstance(names, str):
        raise TypeError(f"{name} must be a list of strings, received the string {names!r}")
    return (c_char_p * len(names))(*(text(n, name) for n in names))


def structure(kind: type[ctypes.Structure], source: Any) -> Any:
    """A struct of the library from an object that has its members as attributes."""
    return kind(*(getattr(source, name) for name, *_ in kind._fields_))


def read_shape(function: Callable, *arguments: Any) -> tuple[int, ...]:
    """The shape that a function of the library writes to its last two arguments, rank and dimensions."""
    rank, shape = c_int32(), (c_int64 * MAX_RANK)()
    check(function(*arguments, byref(rank), shape))
    return tuple(shape[: rank.value])


def node_array(nodes: Sequence[int]) -> ctypes.Array:
    return (c_int32 * len(nodes))(*nodes)


def read_names(count_function: Callable, name_function: Callable, handle: Any) -> list[str]:
    count = c_int32()
    check(count_function(handle, byref(count)))
    names = []
    for index in range(count.value):
        name = c_char_p()
        check(name_function(handle, index, byref(name)))
        names.append(borrowed_text(name))
    return names


def borrowed_text(pointer: c_char_p) -> str:
    """A string that the library has passed out."""
    return (pointer.value or b"").decode()


class EngineModel:
    """A martlet_model. `handle` is freed with the object, or when the interpreter ends."""

    def __init__(self, handle: ModelHandle) -> None:
        self.handle = handle
        weakref.finalize(self, library().martlet_model_destroy, handle)

    @classmethod
    def create(cls, name: str | None, seed: int) -> EngineModel:
        handle = ModelHandle()
        seed = integer(seed, "seed", 0, 2**64 - 1)
        check(library().martlet_model_create(optional_text(name, "name"), seed, byref(handle)))
        return cls(handle)

    @classmethod
    def load(cls, path: str | os.PathLike) -> EngineModel:
        handle = ModelHandle()
        check(library().martlet_model_load(path_text(path), byref(handle)))
        return cls(handle)

    @classmethod
    def load_replacing(cls, path: str | os.PathLike, layers: dict[str, str]) -> EngineModel:
        """load, with other layers, as JSON, in the place of some."""
        handle = ModelHandle()
        names, texts = string_array(list(layers), "replace"), string_array(list(layers.values()), "replace")
        check(library().martlet_model_load_replacing(path_text(path), len(layers), names, texts, byref(handle)))
        return cls(handle)

    @classmethod
    def from_bytes(cls, data: bytes) -> EngineModel:
        handle = ModelHandle()
        check(library().martlet_model_load_memory(data, len(data), byref(handle)))
        return cls(handle)

    @classmethod
    def from_json(cls, config: str, seed: int) -> EngineModel:
        handle = ModelHandle()
        check(library().martlet_model_from_json(text(config, "json_string"), seed, byref(handle)))
        return cls(handle)

    @classmethod
    def application(
        cls, kind: str, weights: str | os.PathLike | None, name: str | None, seed: int, **options: Any
    ) -> EngineModel:
        """kind: "resnet50" and the like. options: members of ApplicationOptions."""
        struct = ApplicationOptions(
            ctypes.sizeof(ApplicationOptions),
            weights=None if weights is None else path_text(weights),
            name=optional_text(name, "name"),
            seed=integer(seed, "seed", 0, 2**64 - 1),
            **options,
        )
        handle = ModelHandle()
        check(getattr(library(), f"martlet_{kind}_create")(byref(struct), byref(handle)))
        return cls(handle)

    def copy(self) -> EngineModel:
        handle = ModelHandle()
        check(library().martlet_model_copy(self.handle, byref(handle)))
        return EngineModel(handle)

    def cut(self, layer: str) -> tuple[EngineModel, EngineModel]:
        lower, upper = ModelHandle(), ModelHandle()
        check(library().martlet_model_cut(self.handle, text(layer, "layer"), byref(lower), byref(upper)))
        return EngineModel(lower), EngineModel(upper)

    def copy_submodel(self, name: str) -> EngineModel:
        handle = ModelHandle()
        check(library().martlet_model_copy_submodel(self.handle, text(name, "name"), byref(handle)))
        return EngineModel(handle)

    def clone(self, seed: int) -> EngineModel:
        handle = ModelHandle()
        check(library().martlet_model_clone(self.handle, seed, byref(handle)))
        return EngineModel(handle)

    # Building: every method takes the node it reads and returns the node it makes.

    def input(self, name: str | None, shape: Sequence[int]) -> int:
        node = c_int32()
        sizes = (c_int64 * len(shape))(*(integer(n, "shape", 0) for n in shape))
        check(library().martlet_input(self.handle, optional_text(name, "name"), len(shape), sizes, byref(node)))
        return node.value

    def dense(
        self,
        node: int,
        units: int,
        activation: int,
        use_bias: bool,
        initializers: Sequence[Any],
        regularizers: Sequence[Any],
        constraints: Sequence[Any],
        name: str | None,
    ) -> int:
        """initializers, regularizers, constraints: of the kernel, then of the bias; with the structs' members."""
        options = DenseOptions(
            ctypes.sizeof(DenseOptions),
            activation,
            int(bool(use_bias)),
            *(structure(Initializer, i) for i in initializers),
            *(structure(Regularizer, r) for r in regularizers),
            *(structure(Constraint, c) for c in constraints),
            optional_text(name, "name"),
        )
        out = c_int32()
        check(library().martlet_dense(self.handle, node, integer(units, "units", -(2**63)), byref(options), byref(out)))
        return out.value

    def convolution(
        self, node: int, kind: str, sizes: Sequence[int], name: str | None, *, weights: dict[str, Any], **options: Any
    ) -> int:
        """kind: "conv2d" and the like, whose function takes `sizes`. options: members of ConvOptions; weights: those of
        them that are structs."""
        structs = {"initializer": Initializer, "regularizer": Regularizer, "constraint": Constraint}
        structures = {key: structure(structs[key.rpartition("_")[2]], value) for key, value in weights.items()}
        fields = {"strides": (1, 1), "dilation": (1, 1), **options}
        fields = {key: (c_int64 * 2)(*value) if isinstance(value, tuple) else value for key, value in fields.items()}
        struct = ConvOptions(ctypes.sizeof(ConvOptions), name=optional_text(name, "name"), **fields, **structures)
        out = c_int32()
        function = getattr(library(), f"martlet_{kind}")
        check(function(self.handle, node, *sizes, byref(struct), byref(out)))
        return out.value

    def pooling(
        self, node: int, kind: str, pool_size: Sequence[int], strides: Sequence[int], padding: int, name: str | None
    ) -> int:
        """kind: "max" or "average". Of images, if pool_size is a pair, else of sequences."""
        options = PoolingOptions(
            ctypes.sizeof(PoolingOptions), padding, (c_int64 * 2)(*strides), optional_text(name, "name")
        )
        out = c_int32()
        function = getattr(library(), f"martlet_{kind}_pooling{len(pool_size)}d")
        check(function(self.handle, node, *pool_size, byref(options), byref(out)))
        return out.value

    def global_pooling(self, node: int, kind: str, keepdims: bool, name: str | None) -> int:
        out = c_int32()
        function = getattr(library(), f"martlet_global_{kind}_pooling")
        check(function(self.handle, node, int(keepdims), optional_text(name, "name"), byref(out)))
        return out.value

    def borders(self, node: int, kind: str, sizes: Sequence[int], name: str | None) -> int:
        """kind: "zero_padding2d" or "cropping2d"; sizes: top, bottom, left, right."""
        out = c_int32()
        label = optional_text(name, "name")
        check(getattr(library(), f"martlet_{kind}")(self.handle, node, *sizes, label, byref(out)))
        return out.value

    def resizing(self, node: int, kind: str, sizes: Sequence[int], interpolation: int, name: str | None) -> int:
        """kind: "resizing" to two sizes or "up_sampling2d" by two factors."""
        out = c_int32()
        label = optional_text(name, "name")
        check(getattr(library(), f"martlet_{kind}")(self.handle, node, *sizes, interpolation, label, byref(out)))
        return out.value

    def augmentation(self, node: int, kind: str, arguments: Sequence[Any], name: str | None, **options: Any) -> int:
        """kind: "random_flip" and the like, whose function takes `arguments`, factors among them as pairs. options: of
        RandomTransformOptions, if it takes them."""
        out, label = c_int32(), optional_text(name, "name")
        values = [(c_double * 2)(*value) if isinstance(value, tuple) else value for value in arguments]
        if options:
            label = byref(RandomTransformOptions(ctypes.sizeof(RandomTransformOptions), name=label, **options))
        check(getattr(library(), f"martlet_{kind}")(self.handle, node, *values, label, byref(out)))
        return out.value

    def random_contrast(
        self, node: int, factor: Sequence[float], value_range: Sequence[float], name: str | None
    ) -> int:
        out, label = c_int32(), optional_text(name, "name")
        values, factors = (c_float * 2)(*value_range), (c_double * 2)(*factor)
        check(library().martlet_random_contrast(self.handle, node, factors, values, label, byref(out)))
        return out.value

    def random_erasing(self, node: int, options: dict[str, Any], name: str | None) -> int:
        """options: members of RandomErasingOptions, arrays among them as tuples."""
        struct = RandomErasingOptions(ctypes.sizeof(RandomErasingOptions), name=optional_text(name, "name"), **options)
        out = c_int32()
        check(library().martlet_random_erasing(self.handle, node, byref(struct), byref(out)))
        return out.value

    def row_normalization(
        self,
        node: int,
        groups: int | None,
        center: bool,
        scale: bool,
        epsilon: float,
        initializers: Sequence[Any],
        regularizers: Sequence[Any],
        constraints: Sequence[Any],
        name: str | None,
    ) -> int:
        """groups: None for a layer normalisation. initializers, regularizers, constraints: of beta, gamma."""
        options = RowNormalizationOptions(
            ctypes.sizeof(RowNormalizationOptions),
            int(center),
            int(scale),
            epsilon,
            *(structure(Initializer, i) for i in initializers),
            *(structure(Regularizer, r) for r in regularizers),
            *(structure(Constraint, c) for c in constraints),
            optional_text(name, "name"),
        )
        out = c_int32()
        if groups is None:
            check(library().martlet_layer_normalization(self.handle, node, byref(options), byref(out)))
        else:
            check(library().martlet_group_normalization(self.handle, node, groups, byref(options), byref(out)))
        return out.value

    def prelu(
        self, node: int, shared_axes: int, initializer: Any, regularizer: Any, constraint: Any, name: str | None
    ) -> int:
        options = PReLUOptions(
            ctypes.sizeof(PReLUOptions),
            shared_axes,
            structure(Initializer, initializer),
            structure(Regularizer, regularizer),
            structure(Constraint, constraint),
            optional_text(name, "name"),
        )
        out = c_int32()
        check(library().martlet_prelu(self.handle, node, byref(options), byref(out)))
        return out.value

    def batch_normalization(
        self,
        node: int,
        center: bool,
        scale: bool,
        momentum: float,
        epsilon: float,
        initializers: Sequence[Any],
        regularizers: Sequence[Any],
        constraints: Sequence[Any],
        name: str | None,
    ) -> int:
        """initializers: of beta, gamma, the moving mean and variance; regularizers, constraints: of beta, gamma."""
        options = BatchNormalizationOptions(
            ctypes.sizeof(BatchNormalizationOptions),
            int(center),
            int(scale),
            momentum,
            epsilon,
            *(structure(Initializer, i) for i in initializers),
            *(structure(Regularizer, r) for r in regularizers),
            *(structure(Constraint, c) for c in constraints),
            optional_text(name, "name"),
        )
        out = c_int32()
        check(library().martlet_batch_normalization(self.handle, node, byref(options), byref(out)))
        return out.value

    def activation(self, node: int, activation: int, alpha: float, name: str | None) -> int:
        out = c_int32()
        label = optional_text(name, "name")
        check(library().martlet_activation(self.handle, node, activation, real(alpha, "alpha"), label, byref(out)))
        return out.value

    def relu(self, node: int, max_value: float, negative_slope: float, threshold: float, name: str | None) -> int:
        out = c_int32()
        label = optional_text(name, "name")
        check(library().martlet_relu(self.handle, node, max_value, negative_slope, threshold, label, byref(out)))
        return out.value

    def dropout(self, node: int, rate: float, name: str | None) -> int:
        out = c_int32()
        label = optional_text(name, "name")
        check(library().martlet_dropout(self.handle, node, real(rate, "rate"), label, byref(out)))
        return out.value

    def spatial_dropout(self, node: int, rate: float, name: str | None) -> int:
        out = c_int32()
        label = optional_text(name, "name")
        check(library().martlet_spatial_dropout(self.handle, node, rate, label, byref(out)))
        return out.value

    def flatten(self, node: int, name: str | None) -> int:
        out = c_int32()
        check(library().martlet_flatten(self.handle, node, optional_text(name, "name"), byref(out)))
        return out.value

    def reshape(self, node: int, shape: Sequence[int], name: str | None) -> int:
        out, label = c_int32(), optional_text(name, "name")
        sizes = (c_int64 * len(shape))(*(integer(n, "target_shape", -1) for n in shape))
        check(library().martlet_reshape(self.handle, node, len(shape), sizes, label, byref(out)))
        return out.value

    def softmax(self, node: int, axes: Sequence[int], name: str | None) -> int:
        out, label = c_int32(), optional_text(name, "name")
        numbers = (c_int32 * len(axes))(*(integer(n, "axis", -(2**31), 2**31 - 1) for n in axes))
        check(library().martlet_softmax(self.handle, node, len(axes), numbers, label, byref(out)))
        return out.value

    def permute(self, node: int, dims: Sequence[int], name: str | None) -> int:
        out, label = c_int32(), optional_text(name, "name")
        order = (c_int32 * len(dims))(*(integer(n, "dims", 1, MAX_RANK) for n in dims))
        check(library().martlet_permute(self.handle, node, len(dims), order, label, byref(out)))
        return out.value

    def gaussian_noise(self, node: int, stddev: float, name: str | None) -> int:
        out, label = c_int32(), optional_text(name, "name")
        check(library().martlet_gaussian_noise(self.handle, node, real(stddev, "stddev"), label, byref(out)))
        return out.value

    def activity_regularization(self, node: int, l1: float, l2: float, name: str | None) -> int:
        out, label = c_int32(), optional_text(name, "name")
        l1, l2 = real(l1, "l1"), real(l2, "l2")
        check(library().martlet_activity_regularization(self.handle, node, l1, l2, label, byref(out)))
        return out.value

    def rescaling(self, node: int, scale: float, offset: float, name: str | None) -> int:
        out = c_int32()
        label = optional_text(name, "name")
        scale, offset = real(scale, "scale"), real(offset, "offset")
        check(library().martlet_rescaling(self.handle, node, scale, offset, label, byref(out)))
        return out.value

    def channel_rescaling(self, node: int, scale: np.ndarray, offset: np.ndarray, name: str | None) -> int:
        """scale, offset: float64, each of one number or of one for each channel."""
        out = c_int32()
        label = optional_text(name, "name")
        factors, terms = (values.ctypes.data_as(POINTER(c_double)) for values in (scale, offset))
        check(
            library().martlet_channel_rescaling(
                self.handle, node, scale.size, factors, offset.size, terms, label, byref(out)
            )
        )
        return out.value

    def normalization(self, node: int, mean: np.ndarray, variance: np.ndarray | None, name: str | None) -> int:
        """mean, variance: float32, of equal size."""
        out = c_int32()
        spread = None if variance is None else variance.ctypes.data
        label = optional_text(name, "name")
        check(
            library().martlet_normalization(self.handle, node, mean.size, mean.ctypes.data, spread, label, byref(out))
        )
        return out.value

    def merge(self, operation: str, nodes: Sequence[int], name: str | None) -> int:
        """operation: "add", "multiply", "average" or "maximum"."""
        out = c_int32()
        function = getattr(library(), f"martlet_{operation}")
        check(function(self.handle, len(nodes), node_array(nodes), optional_text(name, "name"), byref(out)))
        return out.value

    def subtract(self, a: int, b: int, name: str | None) -> int:
        out = c_int32()
        check(library().martlet_subtract(self.handle, a, b, optional_text(name, "name"), byref(out)))
        return out.value

    def concatenate(self, nodes: Sequence[int], axis: int, name: str | None) -> int:
        out = c_int32()
        label = optional_text(name, "name")
        check(
            library().martlet_concatenate(self.handle, len(nodes), node_array(nodes), axis, label, byref(out))
        )
        return out.value

    def share(self, node: int, inputs: Sequence[int]) -> int:
        """Apply the layer that made a node to others."""
        out = c_int32()
        check(library().martlet_share(self.handle, node, len(inputs), node_array(inputs), byref(out)))
        return out.value

    def submodel(self, part: EngineModel, inputs: Sequence[int], name: str | None, inference: bool) -> list[int]:
        """Apply a model as a layer. Returns the nodes of its outputs."""
        options = SubmodelOptions(ctypes.sizeof(SubmodelOptions), inference, optional_text(name, "name"))
        out = node_array([0] * len(part.output_names()))
        arguments = (len(inputs), node_array(inputs), byref(options), len(out), out)
        check(library().martlet_submodel(self.handle, part.handle, *arguments))
        return list(out)

    def share_submodel(self, name: str, inputs: Sequence[int], inference: bool, outputs: int) -> list[int]:
        """Apply a submodel to others. outputs: how many it has."""
        out = node_array([0] * outputs)
        arguments = (len(inputs), node_array(inputs), inference, outputs, out)
        check(library().martlet_share_submodel(self.handle, text(name, "name"), *arguments))
        return list(out)

    def build(self, nodes: Sequence[int]) -> None:
        check(library().martlet_model_build(self.handle, len(nodes), node_array(nodes)))

    # Looking inside.

    def name(self) -> str:
        out = c_char_p()
        check(library().martlet_model_name(self.handle, byref(out)))
        return borrowed_text(out)

    def summary(self) -> str:
        out = c_char_p()
        check(library().martlet_model_summary(self.handle, byref(out)))
        return borrowed_text(out)

    def cost(self, batch_size: int) -> Cost:
        out = CostStruct(struct_size=ctypes.sizeof(CostStruct))
        check(library().martlet_model_cost(self.handle, batch_size, byref(out)))
        return Cost(*(getattr(out, field) for field in Cost._fields))

    def trainable(self, layer: str) -> bool:
        value = c_int32()
        check(library().martlet_model_trainable(self.handle, text(layer, "layer"), byref(value)))
        return bool(value.value)

    def set_trainable(self, layer: str | None, value: bool) -> None:
        """layer: None for all."""
        check(library().martlet_model_set_trainable(self.handle, optional_text(layer, "layer"), int(value)))

    def parameter_count(self) -> tuple[int, int]:
        total, trainable = c_int64(), c_int64()
        check(library().martlet_model_parameter_count(self.handle, byref(total), byref(trainable)))
        return total.value, trainable.value

    def input_names(self) -> list[str]:
        return read_names(library().martlet_model_input_count, library().martlet_model_input_name, self.handle)

    def output_names(self) -> list[str]:
        return read_names(library().martlet_model_output_count, library().martlet_model_output_name, self.handle)

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shape of one row of every input."""
        return self._shapes(library().martlet_model_input_count, library().martlet_model_input_shape)

    def output_shapes(self) -> list[tuple[int, ...]]:
        """Shape of one row of every output."""
        return self._shapes(library().martlet_model_output_count, library().martlet_model_output_shape)

    def _shapes(self, count_function: Callable, shape_function: Callable) -> list[tuple[int, ...]]:
        count = c_int32()
        check(count_function(self.handle, byref(count)))
        return [read_shape(shape_function, self.handle, index) for index in range(count.value)]

    def layers(self) -> list[tuple[str, str]]:
        """Name and Keras class of every layer, in topological order."""
        count = c_int32()
        check(library().martlet_model_layer_count(self.handle, byref(count)))
        return [self._name_and_class(library().martlet_model_layer, index) for index in range(count.value)]

    def submodels(self) -> list[tuple[str, str]]:
        """Name and Keras class of every submodel, each before those inside it."""
        count = c_int32()
        check(library().martlet_model_submodel_count(self.handle, byref(count)))
        return [self._name_and_class(library().martlet_model_submodel, index) for index in range(count.value)]

    def _name_and_class(self, function: Callable, index: int) -> tuple[str, str]:
        name, kind = c_char_p(), c_char_p()
        check(function(self.handle, index, byref(name), byref(kind)))
        return borrowed_text(name), borrowed_text(kind)

    def layer_input_shapes(self, layer: str) -> list[tuple[int, ...]]:
        """Shapes of one row of what a layer reads."""
        label, count = text(layer, "layer"), c_int32()
        check(library().martlet_model_layer_input_count(self.handle, label, byref(count)))
        function = library().martlet_model_layer_input_shape
        return [read_shape(function, self.handle, label, index) for index in range(count.value)]

    def weights(self, layer: str) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of every weight array of a layer, in Keras' order."""
        label, count = text(layer, "layer"), c_int32()
        check(library().martlet_model_weight_count(self.handle, label, byref(count)))
        found = []
        for index in range(count.value):
            name = c_char_p()
            shape = read_shape(library().martlet_model_weight, self.handle, label, index, byref(name))
            found.append((borrowed_text(name), shape))
        return found

    def weight_shape(self, layer: str, weight: str) -> tuple[int, ...]:
        for name, shape in self.weights(layer):
            if name == weight:
                return shape
        names = ", ".join(name for name, _ in self.weights(layer)) or "none"
        raise ValueError(f"layer {layer!r} has no weight {weight!r}; its weights: {names}")

    def get_weight(self, layer: str, weight: str) -> np.ndarray:
        values = np.empty(self.weight_shape(layer, weight), np.float32)
        label = text(layer, "layer"), text(weight, "weight")
        check(library().martlet_model_get_weight(self.handle, *label, values.ctypes.data, values.size))
        return values

    def set_weight(self, layer: str, weight: str, values: np.ndarray) -> None:
        """values: float32, of the weight's shape."""
        label = text(layer, "layer"), text(weight, "weight")
        check(library().martlet_model_set_weight(self.handle, *label, values.ctypes.data, values.size))

    def class_names(self) -> list[str]:
        return read_names(library().martlet_model_class_count, library().martlet_model_class_name, self.handle)

    def set_class_names(self, names: Sequence[str]) -> None:
        check(library().martlet_model_set_class_names(self.handle, len(names), string_array(names, "class_names")))

    def save(self, path: str | os.PathLike) -> None:
        check(library().martlet_model_save(self.handle, path_text(path)))

    def to_bytes(self) -> bytes:
        count = c_int64()
        check(library().martlet_model_save_memory(self.handle, None, 0, byref(count)))
        data = ctypes.create_string_buffer(count.value)
        check(library().martlet_model_save_memory(self.handle, data, len(data), byref(count)))
        return data.raw

    def rename_layer(self, layer: str, name: str) -> None:
        check(library().martlet_model_rename_layer(self.handle, text(layer, "layer"), text(name, "name")))

    def remove_layer(self, layer: str) -> None:
        check(library().martlet_model_remove_layer(self.handle, text(layer, "layer")))

    def replace_layer(self, layer: str, config: str) -> None:
        check(library().martlet_model_replace_layer(self.handle, text(layer, "layer"), text(config, "config")))

    def training_config(self) -> str:
        out = c_char_p()
        check(library().martlet_model_training_config(self.handle, byref(out)))
        return borrowed_text(out)

    def to_json(self) -> str:
        out = c_char_p()
        check(library().martlet_model_to_json(self.handle, byref(out)))
        return borrowed_text(out)

    def save_weights(self, path: str | os.PathLike) -> None:
        check(library().martlet_model_save_weights(self.handle, path_text(path)))

    def load_weights(
        self, path: str | os.PathLike, by_name: bool, skip_mismatch: bool
    ) -> list[tuple[str, str]]:
        """The names of the layers that were skipped, and why."""
        count = c_int32()
        check(
            library().martlet_model_load_weights(
                self.handle, path_text(path), int(by_name), int(skip_mismatch), byref(count)
            )
        )
        skipped = []
        for index in range(count.value):
            name, reason = c_char_p(), c_char_p()
            check(library().martlet_model_skipped_layer(self.handle, index, byref(name), byref(reason)))
            skipped.append((name.value.decode(), reason.value.decode()))
        return skipped

    def predict(self, inputs: Sequence[np.ndarray], in_double: bool = False) -> list[np.ndarray]:
        """inputs: [N, ...] for each, from _arrays.supported. Returns every output [N, ...], float32 or float64."""
        count = max(map(len, inputs))
        dtype = np.float64 if in_double else np.float32
        function = library().martlet_predict_double if in_double else library().martlet_predict
        step = _PREDICT_DOUBLE_ROWS if in_double else _PREDICT_ROWS
        outputs = self.empty_outputs(count, dtype)
        for begin in range(0, max(count, 1), step):
            rows = [x[begin : begin + step] for x in inputs]
            out = [y[begin : begin + step] for y in outputs]
            # One output is written in place. Several follow one another in the library's buffer.
            room = out[0] if len(out) == 1 else np.empty(sum(y.size for y in out), dtype)
            arrays = _arrays.all_described(rows)
            check(function(self.handle, arrays, len(rows), room.ctypes.data_as(function.argtypes[3]), room.size))
            if len(out) > 1:
                self.part(room, out)
        return outputs

    def predict_dataset(self, dataset: DatasetHandle, count: int) -> list[np.ndarray]:
        """Every output [N, ...] for a dataset of so many rows. Ctrl-C is seen at its end."""
        outputs = self.empty_outputs(count)
        room = outputs[0] if len(outputs) == 1 else np.empty(sum(y.size for y in outputs), np.float32)
        check(library().martlet_predict_dataset(self.handle, dataset, room.ctypes.data, room.size))
        if len(outputs) > 1:
            self.part(room, outputs)
        return outputs

    def write_features(self, dataset: DatasetHandle, path: str | os.PathLike) -> None:
        check(library().martlet_write_features(self.handle, dataset, path_text(path)))

    def write_predictions(self, dataset: DatasetHandle, output: int, path: str | os.PathLike, first_id: int) -> None:
        check(library().martlet_write_predictions(self.handle, dataset, output, path_text(path), first_id))

    def empty_outputs(self, count: int, dtype: type = np.float32) -> list[np.ndarray]:
        """Arrays for the outputs of so many rows."""
        return [np.empty((count, *shape), dtype) for shape in self.output_shapes()]

    @staticmethod
    def part(values: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        """Copy what the library wrote one after another into the arrays of the outputs."""
        begin = 0
        for output in outputs:
            output[...] = values[begin : begin + output.size].reshape(output.shape)
            begin += output.size
