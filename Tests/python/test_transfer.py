"""Transfer learning beside Keras: networks at their full size, and fine-tuning step by step."""

import numpy as np
import pytest

import martlet

keras = pytest.importorskip("keras", reason="Keras is not installed")
from test_applications import assert_same  # noqa: E402

k = keras.layers


def randomized(model, random):
    """Statistics and factors that keep the signal at one scale through all layers."""
    for variable in model.weights:
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("moving_mean", "beta", "bias"):
            variable.assign(random.normal(0, 0.1, variable.shape))
    return model


@pytest.mark.parametrize("name, side", [("ResNet50", 224), ("Xception", 299)])
def test_at_full_size(name, side, tmp_path, random):
    theirs = randomized(getattr(keras.applications, name)(weights=None), random)
    theirs.save(tmp_path / "theirs.h5")
    x = random.uniform(-1, 1, (1, side, side, 3)).astype(np.float32)
    ours = martlet.load_model(tmp_path / "theirs.h5")
    assert_same(ours.predict(x), theirs.predict(x, verbose=0))


def small_resnet():
    """Three bottlenecks with their strides, as in ResNet50."""
    x = keras.Input((16, 16, 3))
    y = k.MaxPooling2D(3, 2)(k.ZeroPadding2D(1)(k.ReLU()(k.BatchNormalization()(k.Conv2D(8, 3, padding="same")(x)))))
    for filters, stride in ((4, 1), (8, 2), (8, 1)):
        shortcut = y
        if stride == 2 or filters == 4:
            shortcut = k.BatchNormalization()(k.Conv2D(4 * filters, 1, strides=stride)(y))
        y = k.ReLU()(k.BatchNormalization()(k.Conv2D(filters, 1, strides=stride)(y)))
        y = k.ReLU()(k.BatchNormalization()(k.Conv2D(filters, 3, padding="same")(y)))
        y = k.BatchNormalization()(k.Conv2D(4 * filters, 1)(y))
        y = k.ReLU()(k.Add()([shortcut, y]))
    return keras.Model(x, k.GlobalAveragePooling2D()(y), name="resnet")


def small_xception():
    """An entry block and a middle block, as in Xception."""
    x = keras.Input((16, 16, 3))
    y = k.ReLU()(k.BatchNormalization()(k.Conv2D(8, 3, strides=2, use_bias=False)(x)))
    shortcut = k.BatchNormalization()(k.Conv2D(12, 1, strides=2, padding="same", use_bias=False)(y))
    y = k.BatchNormalization()(k.SeparableConv2D(12, 3, padding="same", use_bias=False)(y))
    y = k.BatchNormalization()(k.SeparableConv2D(12, 3, padding="same", use_bias=False)(k.ReLU()(y)))
    y = k.Add()([k.MaxPooling2D(3, 2, padding="same")(y), shortcut])
    middle = y
    for _ in range(3):
        middle = k.BatchNormalization()(k.SeparableConv2D(12, 3, padding="same", use_bias=False)(k.ReLU()(middle)))
    return keras.Model(x, k.GlobalAveragePooling2D()(k.Add()([middle, y])), name="xception")


@pytest.mark.parametrize("trained", ["head", "all"])
@pytest.mark.parametrize("base", [small_resnet, small_xception])
def test_fine_tuning_follows_keras(base, trained, tmp_path, random):
    """Five steps of SGD with momentum from a saved model. The changes of each array agree to a part in a thousand: they
    are sums of thousands of rounded products, which batch normalisation divides by deviations below 1."""
    start = randomized(base(), random)
    model = keras.Sequential([keras.Input((16, 16, 3)), start, k.Dense(16, "relu"), k.Dense(5, "softmax")])
    model.layers[0].trainable = trained == "all"
    model.save(tmp_path / "start.h5")
    ours = martlet.load_model(tmp_path / "start.h5")
    before = [np.array(variable) for variable in model.weights]
    base_before = start.get_weights()
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    ours.compile(martlet.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    for _ in range(5):
        x, y = random.normal(size=(16, 16, 16, 3)).astype(np.float32), random.integers(0, 5, 16)
        model.train_on_batch(x, y)
        ours.train_on_batch(x, y)
    ours.save(tmp_path / "end.h5")
    end = keras.models.load_model(tmp_path / "end.h5", compile=False)
    for old, variable, array in zip(before, model.weights, end.weights):
        change, expected = np.array(array) - old, np.array(variable) - old
        # A bias before batch normalisation has the gradient 0 but for rounding.
        noise = 1e-6 * max(1, np.abs(np.array(variable)).max())
        assert np.abs(change - expected).max() <= 1e-3 * np.abs(expected).max() + noise, variable.path
    ours_now = ours.get_layer(start.name).get_weights()
    changed = [not np.array_equal(array, old) for array, old in zip(ours_now, base_before) if array.ndim > 1]
    assert changed and set(changed) == {trained == "all"}
