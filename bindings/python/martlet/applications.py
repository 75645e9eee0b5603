"""Networks for images, with Keras' names: ResNet50, Xception, VGG16, MobileNetV2.

    base = martlet.applications.Xception(include_top=False, pooling="avg", preprocessing=True, weights="xception.h5")

They are Keras' own: the same layers, names and settings. What differs: images have a fixed size, the network's own
where input_shape is not given; weights are None or a file of yours, as nothing is downloaded. docs/applications.md has
sizes, and the files that Keras publishes.

What all of them take:

- include_top: whether the network ends with its classifier, of `classes` units.
- weights: None for new ones; or the path of a file of weights: one that Keras publishes, or of save_weights of a
  network without preprocessing.
- input_shape: (height, width, channels).
- pooling: without classifier, None, "avg" or "max": what comes after the last layer.
- classifier_activation: None for logits, or a name that layers.Activation takes; with weights "softmax" or None.
- name: of the model; None for Keras' name.
- preprocessing: whether a layer "preprocessing" after the input does what Keras' preprocess_input does, so that the
  network takes red, green and blue from 0 to 255.
- seed: of the new weights; without one they follow utils.set_random_seed.

ValueError for what a network cannot have, and for a file that does not fit it; NotFoundError (a FileNotFoundError) for
one that is not there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ._check import integer, real
from ._engine import EngineModel
from ._model import Model
from ._activations import activation_code
from .utils import next_seed

__all__ = ["MobileNetV2", "ResNet50", "VGG16", "Xception"]

_POOLINGS = {"NONE": 0, "AVERAGE": 1, "MAX": 2}
_POOLING_NAMES = {None: "NONE", "avg": "AVERAGE", "max": "MAX"}

_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/"
# Folder, and the md5 of the published file with classifier and without.
_PUBLISHED = {
    "resnet50": ("resnet", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "xception": ("xception", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
    "vgg16": ("vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
}


def ResNet50(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
    preprocessing: bool = False,
    seed: int | None = None,
) -> Model:
    """ResNet50 (He et al. 2016), for images of 224 x 224, at least 32 x 32. Preprocessing: BGR minus the means."""
    return _create(
        "resnet50",
        include_top,
        weights,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        name,
        preprocessing,
        seed,
    )


def Xception(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
    preprocessing: bool = False,
    seed: int | None = None,
) -> Model:
    """Xception (Chollet 2017), for images of 299 x 299, at least 71 x 71. Preprocessing: x / 127.5 - 1."""
    return _create(
        "xception",
        include_top,
        weights,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        name,
        preprocessing,
        seed,
    )


def VGG16(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
    preprocessing: bool = False,
    seed: int | None = None,
) -> Model:
    """VGG16 (Simonyan and Zisserman 2015), for images of 224 x 224, at least 32 x 32. Preprocessing as of ResNet50."""
    return _create(
        "vgg16", include_top, weights, input_shape, pooling, classes, classifier_activation, name, preprocessing, seed
    )


def MobileNetV2(
    input_shape: Sequence[int] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    *,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
    preprocessing: bool = False,
    seed: int | None = None,
) -> Model:
    """MobileNetV2 (Sandler et al. 2018), for images of 224 x 224, at least 32 x 32. Preprocessing: x / 127.5 - 1.

    alpha: what the numbers of channels are multiplied by, before they are rounded to multiples of 8.
    """
    return _create(
        "mobilenetv2",
        include_top,
        weights,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        name,
        preprocessing,
        seed,
        alpha=real(alpha, "alpha"),
    )


def _create(
    kind: str,
    include_top: bool,
    weights: str | os.PathLike | None,
    input_shape: Sequence[int] | None,
    pooling: str | None,
    classes: int,
    classifier_activation: str | None,
    name: str | None,
    preprocessing: bool,
    seed: int | None,
    alpha: float = 1.0,
) -> Model:
    if pooling not in _POOLING_NAMES:
        raise ValueError(f"pooling must be None, 'avg' or 'max', received {pooling!r}")
    height, width, channels = _image_shape(input_shape)
    if weights == "imagenet":
        raise ValueError(_how_to_get(kind, bool(include_top), alpha, height))
    engine = EngineModel.application(
        kind,
        weights,
        name,
        next_seed() if seed is None else seed,
        include_top=int(bool(include_top)),
        pooling=_POOLINGS[_POOLING_NAMES[pooling]],
        classifier_activation=activation_code(classifier_activation),
        classes=integer(classes, "classes", 1),
        height=height,
        width=width,
        channels=channels,
        preprocessing=int(bool(preprocessing)),
        alpha=alpha,
    )
    model = Model.of_engine(engine)
    model._seed = seed
    return model


def _image_shape(input_shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Height and width are 0, the library's word for the default, where nothing is given."""
    if input_shape is None:
        return 0, 0, 3
    sizes = tuple(input_shape)
    if len(sizes) != 3:
        raise ValueError(f"input_shape must be (height, width, channels), received {input_shape!r}")
    height, width, channels = (integer(size, "a size in input_shape", 1) for size in sizes)
    return height, width, channels


def _how_to_get(kind: str, include_top: bool, alpha: float, height: int) -> str:
    """What to do instead of weights="imagenet"."""
    if kind == "mobilenetv2":
        end = "" if include_top else "_no_top"
        file = f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{height or 224}{end}.h5"
        checksum = "Keras names no checksum of it"
    else:
        folder, with_top, without = _PUBLISHED[kind]
        file = f"{folder}/{kind}_weights_tf_dim_ordering_tf_kernels{'' if include_top else '_notop'}.h5"
        checksum = f"its md5 is {with_top if include_top else without}"
    return f"weights='imagenet' would need a download. Fetch {_FILES}{file} ({checksum}) and pass its path as weights."
