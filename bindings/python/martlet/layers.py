"""Layers with Keras' names. A layer object is a configuration until its model is built; then it names its part of it.

Shape letters: N batch, I features in, O features out. Calling a layer on a node, as in Keras' functional style, gives the
node of its result. Ranges are checked by the library when the model is built: ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _arrays, constraints, initializers, regularizers
from ._augmentation import (  # noqa: F401 (part of this module's interface)
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from ._check import UnsupportedError, integer, real
from ._engine import EngineModel
from ._graph import Node
from ._layer import Layer
from ._merging import (  # noqa: F401 (part of this module's interface)
    Add,
    Average,
    Concatenate,
    Maximum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    multiply,
    subtract,
)
from ._names import INTERPOLATIONS, channels_last, code, no_seed
from .data import Dataset, statistics_count

_ACTIVATIONS = {
    "linear": 0,
    "relu": 1,
    "leaky_relu": 2,
    "sigmoid": 3,
    "tanh": 4,
    "softmax": 5,
    "elu": 6,
    "selu": 7,
    "softplus": 8,
    "silu": 9,
    "gelu": 10,
    "gelu_tanh": 11,
    "hard_sigmoid": 12,
    "exponential": 13,
    "relu6": 14,
    "hard_swish": 15,
}
_ALIASES = {"swish": "silu", "hard_silu": "hard_swish"}
_KERAS_ALPHA = {"leaky_relu": 0.2, "elu": 1.0}  # where the name alone is given


def _activation_code(activation: str | None) -> int:
    if activation is None:
        return _ACTIVATIONS["linear"]
    if isinstance(activation, str):
        code = _ACTIVATIONS.get(_ALIASES.get(activation, activation))
        if code is not None:
            return code
    raise ValueError(f"Unknown activation: {activation!r}. Expected None or one of: {', '.join(_ACTIVATIONS)}")


def _integers(values: Sequence[int], name: str, minimum: int) -> tuple[int, ...]:
    if isinstance(values, int):
        raise TypeError(f"{name} must be a tuple such as ({values},), received {values!r}")
    return tuple(integer(n, name, minimum) for n in values)


class LoadedLayer(Layer):
    """A layer of a model that came from a file: it has name, class name and weights."""

    def __init__(self, engine: EngineModel, path: str, class_name: str) -> None:
        super().__init__()
        self._class_name = class_name
        self.claimed = True
        self.built(engine, path)

    @property
    def class_name(self) -> str:
        return self._class_name


class InputLayer(Layer):
    """The model's input, rows of a shape."""

    def __init__(self, shape: Sequence[int], *, name: str | None = None) -> None:
        """shape: of one row, without N, such as (784,) or (28, 28, 1)."""
        super().__init__(name=name)
        if isinstance(shape, int):
            raise ValueError(f"Input shape must be a tuple such as ({shape},), received {shape!r}")
        self.shape = tuple(integer(n, "Input shape", 1) for n in shape)
        if not self.shape:
            raise ValueError("Input shape must have at least one dimension, received ()")

    def connect(self, engine: EngineModel, nodes: Sequence[int], name: str) -> int:
        return engine.input(name, self.shape)


def Input(shape: Sequence[int] = (), *, name: str | None = None) -> Node:  # noqa: N802 (Keras' name)
    """The start of a model: Input((784,)). shape: of one row, without N."""
    return Node(InputLayer(shape, name=name))


class Dense(Layer):
    """Y = activation(X W + b), with X [N, ..., I], W "kernel" [I, O], b "bias" [O], Y [N, ..., O]; O = units.

    activation: None or a name that Activation takes. ValueError: an unknown name; units < 1.
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.units = integer(units, "units", 1)
        self.activation = activation
        self._activation = _activation_code(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        starts = (self.kernel_initializer, self.bias_initializer)
        penalties = (self.kernel_regularizer, self.bias_regularizer)
        limits = (self.kernel_constraint, self.bias_constraint)
        return engine.dense(node, self.units, self._activation, self.use_bias, starts, penalties, limits, name)


_PADDINGS = {"valid": 0, "same": 1, "causal": 2}


def _padding(padding: str, rank: int) -> int:
    names = [name for name in _PADDINGS if rank == 1 or name != "causal"]
    if not isinstance(padding, str) or padding.lower() not in names:
        raise ValueError(f"padding must be one of {', '.join(map(repr, names))}, received {padding!r}")
    return _PADDINGS[padding.lower()]


def _sizes(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """One integer for all axes, or one for each."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} of them, received {value!r}")
    return tuple(integer(n, name, 1) for n in values)


class _Convolution(Layer):
    """What convolutions have in common: an option of a weight array is an attribute named as its argument is."""

    _rank = 2
    _kind: str

    def _configure(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        activation: str | None,
        use_bias: bool,
        **weights: Any,
    ) -> None:
        channels_last(self.class_name, data_format)
        self.kernel_size = _sizes(kernel_size, self._rank, "kernel_size")
        self.strides = _sizes(strides, self._rank, "strides")
        self.padding = padding
        self._padding = _padding(padding, self._rank)
        self.dilation_rate = _sizes(dilation_rate, self._rank, "dilation_rate")
        self.activation = activation
        self._activation = _activation_code(activation)
        self.use_bias = bool(use_bias)
        getters = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}
        for name, value in weights.items():
            setattr(self, name, getters[name.rpartition("_")[2]](value))
        self._weight_names = list(weights)

    def _connect(self, engine: EngineModel, node: int, name: str, sizes: Sequence[int], **options: Any) -> int:
        weights = {
            # The library's first kernel, whatever Keras calls it.
            option.replace("depthwise_", "kernel_"): getattr(self, option)
            for option in self._weight_names
        }
        for kernel in ("kernel", "pointwise"):
            weights.setdefault(f"{kernel}_initializer", initializers.get("glorot_uniform"))
            weights.setdefault(f"{kernel}_regularizer", regularizers.get(None))
            weights.setdefault(f"{kernel}_constraint", constraints.get(None))
        return engine.convolution(
            node,
            self._kind,
            (*sizes, *self.kernel_size),
            name,
            weights=weights,
            padding=self._padding,
            strides=(*self.strides, 1)[:2],
            dilation=(*self.dilation_rate, 1)[:2],
            activation=self._activation,
            use_bias=int(self.use_bias),
            **{"groups": 1, "depth_multiplier": 1, **options},
        )


class Conv2D(_Convolution):
    """Y[n, y, x, o] = activation(b[o] + sum over i, j, c of X[n, y s + i d - p, x s + j d - p, c] W[i, j, c, o]).

    X [N, H, W, C], W "kernel" [KH, KW, C / groups, O], b "bias" [O], Y [N, H', W', O]; O = filters, s = strides, d =
    dilation_rate, p the zeros that padding "same" puts before each axis, so that H' = ceil(H / s), or 0 with "valid".
    ValueError: groups that do not divide O and C; a window larger than its input.
    """

    _kind = "conv2d"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.filters = integer(filters, "filters", 1)
        self.groups = integer(groups, "groups", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, (self.filters,), groups=self.groups)


class Conv1D(Conv2D):
    """Conv2D over sequences: X [N, L, C], W "kernel" [K, C / groups, O], b "bias" [O], Y [N, L', O].

    padding "causal" puts all zeros before the sequence, so that no output sees what comes after it.
    """

    _rank = 1
    _kind = "conv1d"


class DepthwiseConv2D(_Convolution):
    """Each channel convolved with M = depth_multiplier kernels of its own, as Conv2D does.

    X [N, H, W, C], W "kernel" [KH, KW, C, M], b "bias" [C M], Y [N, H', W', C M]; output c M + m is of channel c.
    """

    _kind = "depthwise_conv2d"

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: str | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.depth_multiplier = integer(depth_multiplier, "depth_multiplier", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, (), depth_multiplier=self.depth_multiplier)


class SeparableConv2D(_Convolution):
    """A depthwise convolution without bias, then Y = activation(T P + b) for each pixel of its result T.

    "depthwise_kernel" [KH, KW, C, M], P "pointwise_kernel" [1, 1, C M, O], b "bias" [O], Y [N, H', W', O]; O = filters.
    """

    _kind = "separable_conv2d"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.filters = integer(filters, "filters", 1)
        self.depth_multiplier = integer(depth_multiplier, "depth_multiplier", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, (self.filters,), depth_multiplier=self.depth_multiplier)


class Conv2DTranspose(_Convolution):
    """Each element of X [N, H, W, C] adds its multiple of "kernel" [KH, KW, O, C] to Y [N, H', W', O], strides apart.

    Then "bias" [O] and activation. H' = H s with padding "same", H s + max((KH - 1) d + 1 - s, 0) with "valid".
    """

    _kind = "conv2d_transpose"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if output_padding is not None:
            raise UnsupportedError(f"Conv2DTranspose received output_padding={output_padding!r}; None is supported")
        self._configure(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.filters = integer(filters, "filters", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, (self.filters,))


class _Pooling(Layer):
    """What poolings with a window have in common."""

    _rank: int
    _kind: str

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        channels_last(self.class_name, data_format)
        self.pool_size = _sizes(pool_size, self._rank, "pool_size")
        self.strides = self.pool_size if strides is None else _sizes(strides, self._rank, "strides")
        self.padding = padding
        self._padding = _padding(padding, 2)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.pooling(node, self._kind, self.pool_size, self.strides, self._padding, name)


class MaxPooling2D(_Pooling):
    """The greatest element of each channel in each window: X [N, H, W, C], Y [N, H', W', C].

    strides: None for pool_size. padding "same": windows at ceil(H / stride) places; what is outside does not count.
    """

    _rank, _kind = 2, "max"


class MaxPooling1D(_Pooling):
    """The greatest element of each channel in each window: X [N, L, C], Y [N, L', C]. As MaxPooling2D."""

    _rank, _kind = 1, "max"


class AveragePooling2D(_Pooling):
    """The average element of each channel in each window: X [N, H, W, C], Y [N, H', W', C]. As MaxPooling2D."""

    _rank, _kind = 2, "average"


class AveragePooling1D(_Pooling):
    """The average element of each channel in each window: X [N, L, C], Y [N, L', C]. As MaxPooling2D."""

    _rank, _kind = 1, "average"


class _GlobalPooling(Layer):
    """What global poolings have in common."""

    _kind: str

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **base: Any) -> None:
        super().__init__(**base)
        channels_last(self.class_name, data_format)
        self.keepdims = bool(keepdims)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.global_pooling(node, self._kind, self.keepdims, name)


class GlobalMaxPooling2D(_GlobalPooling):
    """The greatest element of each channel: X [N, H, W, C], Y [N, C], or [N, 1, 1, C] with keepdims."""

    row_rank = 3
    _kind = "max"


class GlobalMaxPooling1D(_GlobalPooling):
    """The greatest element of each channel: X [N, L, C], Y [N, C], or [N, 1, C] with keepdims."""

    row_rank = 2
    _kind = "max"


class GlobalAveragePooling2D(_GlobalPooling):
    """The average element of each channel: X [N, H, W, C], Y [N, C], or [N, 1, 1, C] with keepdims."""

    row_rank = 3
    _kind = "average"


class GlobalAveragePooling1D(_GlobalPooling):
    """The average element of each channel: X [N, L, C], Y [N, C], or [N, 1, C] with keepdims."""

    row_rank = 2
    _kind = "average"


class _Borders(Layer):
    """What ZeroPadding2D and Cropping2D have in common."""

    _kind: str

    def _configure(self, sizes: int | Sequence[int | Sequence[int]], name: str, data_format: str | None) -> None:
        channels_last(self.class_name, data_format)
        axes = (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)
        pairs = [(axis, axis) if isinstance(axis, int) else tuple(axis) for axis in axes]
        if len(pairs) != 2 or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"{name} must be an integer, two of them, or ((top, bottom), (left, right)), received {sizes!r}"
            )
        self._borders = tuple(integer(n, name, 0) for pair in pairs for n in pair)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.borders(node, self._kind, self._borders, name)


class ZeroPadding2D(_Borders):
    """Zeros around images: X [N, H, W, C], Y [N, top + H + bottom, left + W + right, C].

    padding: one integer, one for each axis, or ((top, bottom), (left, right)).
    """

    _kind = "zero_padding2d"

    def __init__(
        self, padding: int | Sequence[int | Sequence[int]] = 1, data_format: str | None = None, **base: Any
    ) -> None:
        super().__init__(**base)
        self._configure(padding, "padding", data_format)


class Cropping2D(_Borders):
    """Images without some rows and columns: X [N, H, W, C], Y [N, H - top - bottom, W - left - right, C].

    cropping: one integer, one for each axis, or ((top, bottom), (left, right)).
    """

    _kind = "cropping2d"

    def __init__(
        self, cropping: int | Sequence[int | Sequence[int]] = 0, data_format: str | None = None, **base: Any
    ) -> None:
        super().__init__(**base)
        self._configure(cropping, "cropping", data_format)


class Resizing(Layer):
    """Images in a given size: X [N, H, W, C], Y [N, height, width, C].

    interpolation: "bilinear" or "nearest", by the middles of pixels; pixels beyond the border are the last ones.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        data_format: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        channels_last("Resizing", data_format)
        if crop_to_aspect_ratio or pad_to_aspect_ratio:
            raise UnsupportedError("Resizing received an option about the aspect ratio; images are stretched")
        self.height, self.width = integer(height, "height", 1), integer(width, "width", 1)
        self.interpolation = interpolation
        self._interpolation = code(INTERPOLATIONS, interpolation, "interpolation")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.resizing(node, "resizing", (self.height, self.width), self._interpolation, name)


class UpSampling2D(Layer):
    """Images so many times as high and as wide: X [N, H, W, C], Y [N, H size[0], W size[1], C]. As Resizing."""

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **base: Any,
    ) -> None:
        super().__init__(**base)
        channels_last("UpSampling2D", data_format)
        self.size = _sizes(size, 2, "size")
        self.interpolation = interpolation
        self._interpolation = code(INTERPOLATIONS, interpolation, "interpolation")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.resizing(node, "up_sampling2d", self.size, self._interpolation, name)


class _RowNormalization(Layer):
    """What LayerNormalization and GroupNormalization have in common."""

    def _configure(self, axis: int, epsilon: float, center: bool, scale: bool, **weights: Any) -> None:
        if axis != -1:
            raise UnsupportedError(f"{self.class_name} received axis={axis!r}; the last, -1, is supported")
        self.epsilon, self.center, self.scale = real(epsilon, "epsilon"), bool(center), bool(scale)
        getters = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}
        for name, value in weights.items():
            setattr(self, name, getters[name.rpartition("_")[2]](value))

    def _connect(self, engine: EngineModel, node: int, name: str, groups: int | None) -> int:
        return engine.row_normalization(
            node,
            groups,
            self.center,
            self.scale,
            self.epsilon,
            (self.beta_initializer, self.gamma_initializer),
            (self.beta_regularizer, self.gamma_regularizer),
            (self.beta_constraint, self.gamma_constraint),
            name,
        )


class LayerNormalization(_RowNormalization):
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, with mean and variance over the last axis.

    X and Y [N, ..., C]. Weights: "gamma" [C] (scale), "beta" [C] (center).
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, None)


class GroupNormalization(_RowNormalization):
    """LayerNormalization with mean and variance over all places of a row, and over the channels of one group.

    groups: divides the channels; -1 is a group for each.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._configure(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.groups = integer(groups, "groups", -1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return self._connect(engine, node, name, self.groups)


class BatchNormalization(Layer):
    """Y = gamma (X - mean) / sqrt(variance + epsilon) + beta for each channel; X and Y [N, ..., C].

    In training mean and variance are the batch's, over all axes but the last, and "moving_mean" and "moving_variance" come
    nearer to them: moving = momentum * moving + (1 - momentum) * batch. In prediction and evaluation they are the moving
    ones. Weights: "gamma" [C] (scale), "beta" [C] (center), "moving_mean" [C], "moving_variance" [C]. axis: the last only.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if axis != -1:
            raise UnsupportedError(f"BatchNormalization received axis={axis!r}; the last, -1, is supported")
        self.momentum, self.epsilon = real(momentum, "momentum"), real(epsilon, "epsilon")
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        starts = (
            self.beta_initializer,
            self.gamma_initializer,
            self.moving_mean_initializer,
            self.moving_variance_initializer,
        )
        penalties = (self.beta_regularizer, self.gamma_regularizer)
        limits = (self.beta_constraint, self.gamma_constraint)
        return engine.batch_normalization(
            node, self.center, self.scale, self.momentum, self.epsilon, starts, penalties, limits, name
        )


class Activation(Layer):
    """A function by its name in Keras.

    Element-wise "linear", "relu", "leaky_relu" (slope 0.2), "elu" (alpha 1), "selu", "sigmoid", "hard_sigmoid", "tanh",
    "softplus", "silu" or "swish", "gelu", "exponential", "relu6", "hard_swish" or "hard_silu"; "softmax" over the last axis. "gelu_tanh" is Keras'
    gelu(x, approximate=True), which has no name there: files call it "gelu_approximate", and Keras opens them with
    custom_objects={"gelu_approximate": ...}.
    """

    def __init__(self, activation: str, **base: Any) -> None:
        super().__init__(**base)
        self.activation = activation
        self._activation = _activation_code(activation)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, self._activation, _KERAS_ALPHA.get(self.activation, 0.0), name)


class ReLU(Layer):
    """y = max_value for x >= max_value, x from threshold to there, negative_slope * (x - threshold) below.

    By itself y = max(x, 0). ValueError: a parameter below 0.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **base: Any
    ) -> None:
        super().__init__(**base)
        self.max_value = None if max_value is None else real(max_value, "max_value")
        self.negative_slope, self.threshold = real(negative_slope, "negative_slope"), real(threshold, "threshold")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        if self.max_value is None and self.negative_slope == self.threshold == 0:
            return engine.activation(node, _ACTIVATIONS["relu"], 0.0, name)
        maximum = np.inf if self.max_value is None else self.max_value
        return engine.relu(node, maximum, self.negative_slope, self.threshold, name)


class LeakyReLU(Layer):
    """y = x for x > 0, negative_slope * x otherwise. ValueError: a slope below 0."""

    def __init__(self, negative_slope: float = 0.3, **base: Any) -> None:
        super().__init__(**base)
        self.negative_slope = real(negative_slope, "negative_slope")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, _ACTIVATIONS["leaky_relu"], self.negative_slope, name)


class PReLU(Layer):
    """y = x for x > 0, alpha * x otherwise, with "alpha" trained: of the shape of a row.

    shared_axes: None, or all axes but the last, such as (1, 2) for images: then alpha is [1, 1, C].
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())
        self.shared_axes = axes or None
        if axes and sorted(axes) != list(range(1, len(axes) + 1)):
            raise UnsupportedError(f"PReLU received shared_axes={shared_axes!r}; None or 1 to the last but one is supported")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.prelu(
            node,
            len(self.shared_axes or ()),
            self.alpha_initializer,
            self.alpha_regularizer,
            self.alpha_constraint,
            name,
        )


class ELU(Layer):
    """y = x for x > 0, alpha * (exp(x) - 1) otherwise. ValueError: an alpha below 0."""

    def __init__(self, alpha: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.alpha = real(alpha, "alpha")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activation(node, _ACTIVATIONS["elu"], self.alpha, name)


class Softmax(Layer):
    """y_j = exp(x_j) / sum_k exp(x_k) over an axis, or over several that are neighbours.

    axis: 1 is the first axis of a row, -1 the last. ValueError: an axis that rows do not have, or axes apart.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **base: Any) -> None:
        super().__init__(**base)
        self.axes = [axis] if isinstance(axis, int) else list(axis)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.softmax(node, self.axes, name)


class Dropout(Layer):
    """In training each element is zero with probability rate, otherwise multiplied by 1 / (1 - rate); else y = x.

    ValueError unless 0 <= rate < 1. The mask follows the trainer's seed.
    """

    def __init__(self, rate: float, seed: None = None, **base: Any) -> None:
        super().__init__(**base)
        no_seed("Dropout", seed)
        self.rate = real(rate, "rate")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.dropout(node, self.rate, name)


class SpatialDropout2D(Layer):
    """Dropout of whole channels: all elements of a channel of a row share their fate. X [N, H, W, C].

    ValueError unless 0 <= rate < 1.
    """

    row_rank = 3

    def __init__(self, rate: float, seed: None = None, data_format: str | None = None, **base: Any) -> None:
        super().__init__(**base)
        no_seed(self.class_name, seed)
        channels_last(self.class_name, data_format)
        self.rate = real(rate, "rate")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.spatial_dropout(node, self.rate, name)


class SpatialDropout1D(SpatialDropout2D):
    """SpatialDropout2D for sequences: X [N, L, C]."""

    row_rank = 2


class GaussianNoise(Layer):
    """In training y = x + N(0, stddev^2); else y = x.

    ValueError: stddev < 0. The noise follows the trainer's seed. Keras 3 opens files with a stddev of up to 1.
    """

    def __init__(self, stddev: float, seed: None = None, **base: Any) -> None:
        super().__init__(**base)
        no_seed("GaussianNoise", seed)
        self.stddev = real(stddev, "stddev")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.gaussian_noise(node, self.stddev, name)


class ActivityRegularization(Layer):
    """y = x, and the loss has (l1 * sum |x| + l2 * sum x^2) / N more, N the rows of the batch. ValueError: l1, l2 < 0."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.l1, self.l2 = real(l1, "l1"), real(l2, "l2")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.activity_regularization(node, self.l1, self.l2, name)


class Reshape(Layer):
    """Each row in another shape, its elements in the same order. One dimension of target_shape may be -1: the rest."""

    def __init__(self, target_shape: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        self.target_shape = _integers(target_shape, "target_shape", -1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.reshape(node, self.target_shape, name)


class Permute(Layer):
    """The dimensions of a row in another order, counted from 1: Permute((2, 1)) transposes matrices."""

    def __init__(self, dims: Sequence[int], **base: Any) -> None:
        super().__init__(**base)
        self.dims = _integers(dims, "dims", 1)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.permute(node, self.dims, name)


class Flatten(Layer):
    """Each row [d1, d2, ...] becomes one dimension [d1 * d2 * ...]."""

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.flatten(node, name)


class Rescaling(Layer):
    """y = x * scale + offset, such as Rescaling(1 / 255) for 8-bit images."""

    def __init__(self, scale: float, offset: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.scale, self.offset = real(scale, "scale"), real(offset, "offset")

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        return engine.rescaling(node, self.scale, self.offset, name)


class Normalization(Layer):
    """y = (x - mean) / max(sqrt(variance), 1e-7) with fixed statistics, given or from adapt().

    axis: -1 one mean per channel (the last axis), None one mean for all, (1, 2, 3) a mean image. With mean and no
    variance, only the mean is subtracted.
    """

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, **base: Any) -> None:
        super().__init__(**base)
        self.axis = axis
        self.mean = None if mean is None else np.atleast_1d(_arrays.floats(mean, "mean"))
        self.variance = None if variance is None else np.atleast_1d(_arrays.floats(variance, "variance"))
        if self.variance is None:
            return
        if self.mean is None:
            raise ValueError("Normalization received a variance without a mean")
        if self.variance.size != self.mean.size:
            raise ValueError(f"mean has {self.mean.size} values, but variance has {self.variance.size}")

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data: an array [N, ...] or a Dataset. Before the model is built."""
        if self._engine is not None:
            raise RuntimeError(f"layer {self.name!r} is built already; call adapt before the model is used")
        if not isinstance(data, Dataset):
            array = _arrays.supported(data, "data")
            statistics_count(self.axis, array.shape[1:])
            data = Dataset(array)
        mean, variance = data.statistics(self.axis)
        self.mean, self.variance = np.atleast_1d(mean), np.atleast_1d(variance)

    def add(self, engine: EngineModel, node: int, name: str) -> int:
        if self.mean is None:
            raise RuntimeError(f"layer {self.name!r} has no statistics: call adapt(data), or give mean and variance")
        return engine.normalization(node, self.mean, self.variance, name)
