"""Writes Keras' model files for the comparison, and what their networks compute in double: `models.py NETWORK ...`.

NETWORK.h5 has random weights and random statistics of batch normalisation, NETWORK.json the losses of the first steps
on the first batch, the outputs of the first image, the distinct shapes of convolutions, and multiply-adds. Nothing in
the peers computes what is written here, so what all agree on is Keras' own.
"""

from __future__ import annotations

import json
import sys

import images
import keras
import numpy as np
import workloads
from images import ImageWorkload

HEAD = (1024, 512, 256, 128)

layers = keras.layers


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu", name="conv1"),
            layers.Conv2D(64, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, "relu", name="dense1"),
            layers.Dense(10, "softmax", name="dense2"),
        ]
    )


def resnet50_for_training() -> keras.Model:
    base = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    x = base.output
    for number, units in enumerate(HEAD, 1):
        x = layers.Dense(units, "relu", name=f"dense{number}")(x)
    return keras.Model(base.input, layers.Dense(10, "softmax", name=f"dense{len(HEAD) + 1}")(x))


def xception() -> keras.Model:
    return keras.applications.Xception(weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3))


BUILDERS = {
    "cnn": cnn,
    "resnet50-32": resnet50_for_training,
    "resnet50-224": lambda: keras.applications.ResNet50(weights=None),
    "xception-224": xception,
}


def made(network: str, scalar: str) -> keras.Model:
    """The network with Keras' own initial weights, always the same."""
    keras.utils.clear_session()
    keras.backend.set_floatx(scalar)
    keras.utils.set_random_seed(1)
    return BUILDERS[network]()


def normalizations(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def randomize(model: keras.Model) -> None:
    """Batch normalisation starts as the identity, which would hide who leaves it out or takes it for another's."""
    random = np.random.default_rng(1)
    for layer in normalizations(model):
        shape = layer.gamma.shape
        factors = [random.uniform(0.5, 1.5, shape) for _ in range(2)]
        offsets = [random.normal(0, 0.1, shape) for _ in range(2)]
        layer.set_weights([factors[0], offsets[0], offsets[1], factors[1]])


def losses(model: keras.Model, workload: ImageWorkload) -> list[float]:
    """Of the first batch, before each of some steps on it."""
    betas = workloads.BETA_1, workloads.BETA_2
    optimizer = keras.optimizers.Adam(workload.learning_rate, *betas, epsilon=workloads.EPSILON)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = (array[: workload.batch] for array in workload.data())
    values = []
    for _ in range(workloads.CHECKED_STEPS):
        model.reset_metrics()  # what train_on_batch returns is the mean since then
        values.append(float(model.train_on_batch(x, y)))
    return values


def convolutions(model: keras.Model) -> list[list[int]]:
    """Size, channels, filters, kernel, stride, padding and whether depthwise, of each; all are square."""
    shapes = []
    for layer in model.layers:
        if not isinstance(layer, layers.Conv2D | layers.SeparableConv2D):
            continue
        (_, size, _, channels), (_, result, _, filters) = layer.input.shape, layer.output.shape
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        # Zeros before and after are equal here: strides are 1, or kernels 1x1, where padding is "same".
        padding = (kernel - 1) // 2 if layer.padding == "same" else 0
        assert result == (size + 2 * padding - kernel) // stride + 1
        if isinstance(layer, layers.SeparableConv2D):
            shapes.append([size, channels, channels, kernel, stride, padding, 1])
            shapes.append([result, channels, filters, 1, 1, 0, 0])
        else:
            shapes.append([size, channels, filters, kernel, stride, padding, 0])
    return shapes


def flops(model: keras.Model, shapes: list[list[int]]) -> tuple[int, int]:
    """Of one image, in prediction and in training: two per multiply-add of convolutions and dense layers. The first
    layer has no input gradient."""
    counts = [images.Convolution(1, *shape).flops for shape in shapes]
    counts += [2 * layer.kernel.shape[0] * layer.units for layer in model.layers if isinstance(layer, layers.Dense)]
    return sum(counts), 3 * sum(counts) - counts[0]


def write(network: str) -> None:
    workload = images.NETWORKS[network]
    model = made(network, "float32")
    randomize(model)
    model.save(workload.file)
    weights = [array.astype(np.float64) for array in model.get_weights()]
    in_double = made(network, "float64")
    in_double.set_weights(weights)
    shapes = convolutions(model)
    predict_flops, training_flops = flops(model, shapes)
    about = {
        "outputs": in_double.predict_on_batch(workload.inputs(1))[0].tolist(),
        "losses": losses(in_double, workload) if workload.batch else [],
        "convolutions": [list(shape) for shape in dict.fromkeys(map(tuple, shapes))],
        "predict_flops": predict_flops,
        "training_flops": training_flops,
    }
    workload.file.with_suffix(".json").write_text(json.dumps(about))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
