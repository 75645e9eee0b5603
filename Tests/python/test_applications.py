"""Keras' image networks, at a reduced size and with random weights and statistics: from Keras to Martlet and back."""

import numpy as np
import pytest

import martlet

keras = pytest.importorskip("keras", reason="Keras is not installed")

# The least size that each takes without its head, or a little more.
SIZES = {
    "ResNet50": 40,
    "Xception": 75,
    "VGG16": 32,
    "MobileNetV2": 40,
    "DenseNet121": 40,
    "InceptionV3": 75,
    "EfficientNetB0": 40,
}


def network(name, random):
    """With statistics and factors that keep the signal at one scale through all layers."""
    size = SIZES[name]
    model = getattr(keras.applications, name)(
        weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3)
    )
    for variable in model.weights:
        shape = variable.shape
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(random.uniform(0.5, 1.5, shape))
        elif variable.name in ("moving_mean", "beta", "bias"):
            variable.assign(random.normal(0, 0.1, shape))
    return model


def assert_same(ours, theirs):
    """Within 1e-4 of the output's scale, after up to 160 layers of float32."""
    scale = np.abs(theirs).max()
    assert scale > 0
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("name", SIZES)
def test_from_keras_and_back(name, tmp_path, random):
    theirs = network(name, random)
    theirs.save(tmp_path / "theirs.h5")
    x = random.uniform(0, 255 if name == "EfficientNetB0" else 1, size=(2, *theirs.input_shape[1:])).astype(np.float32)
    expected = theirs.predict(x, verbose=0)
    ours = martlet.load_model(tmp_path / "theirs.h5")
    assert_same(ours.predict(x), expected)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    ours.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    assert_same(again.predict(x, verbose=0), expected)
