"""Convolutions of images and sequences, with Keras' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import constraints, initializers, regularizers
from ._activations import activation_code
from ._check import UnsupportedError, integer
from ._engine import EngineModel
from ._layer import Layer
from ._names import channels_last
from ._windows import padding_code, window_sizes


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
        self.kernel_size = window_sizes(kernel_size, self._rank, "kernel_size")
        self.strides = window_sizes(strides, self._rank, "strides")
        self.padding = padding
        self._padding = padding_code(padding, self._rank)
        self.dilation_rate = window_sizes(dilation_rate, self._rank, "dilation_rate")
        self.activation = activation
        self._activation = activation_code(activation)
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
