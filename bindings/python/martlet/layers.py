"""Layers with Keras' names. A layer object is a configuration until its model is built; then it names its part of it.

Shape letters: N batch, I features in, O features out. Calling a layer on a node, as in Keras' functional style, gives the
node of its result. Ranges are checked by the library when the model is built: ValueError.
"""

# ruff: noqa: F401 (this module is its interface)

from __future__ import annotations

from ._activations import Activation, ELU, LeakyReLU, PReLU, ReLU, Softmax
from ._augmentation import (
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from ._convolutions import Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D
from ._core import Dense, Input, InputLayer, LoadedLayer
from ._dropout import ActivityRegularization, Dropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D
from ._image_sizes import Cropping2D, Resizing, UpSampling2D, ZeroPadding2D
from ._layer import Layer
from ._merging import (
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
from ._normalization import BatchNormalization, GroupNormalization, LayerNormalization, Normalization, Rescaling
from ._pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from ._shaping import Flatten, Permute, Reshape
