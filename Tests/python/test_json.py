"""Models as JSON text: to Keras and back, and text that is no model."""

import json

import numpy as np
import pytest

import martlet
from martlet import layers, regularizers
from martlet.models import model_from_json


def model(seed=1):
    return martlet.Sequential(
        [
            martlet.Input((2, 3), name="rows"),
            layers.Rescaling(0.5, 1.0),
            layers.Flatten(),
            layers.Dense(4, "tanh", kernel_regularizer=regularizers.L1L2(0.1, 0.2), name="hidden"),
            layers.LeakyReLU(0.1),
            layers.Dropout(0.25),
            layers.Dense(2, "softmax", use_bias=False),
        ],
        name="net",
        seed=seed,
    )


def test_round_trip():
    first = model(seed=5)
    text = first.to_json()
    second = model_from_json(text, seed=5)
    assert second.to_json() == text
    for one, two in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)  # the same seed for the same layers
    assert not np.array_equal(model_from_json(text, seed=6).get_weights()[0], first.get_weights()[0])
    martlet.utils.set_random_seed(3)
    unseeded = model_from_json(text)
    martlet.utils.set_random_seed(3)
    np.testing.assert_array_equal(unseeded.get_weights()[0], model_from_json(text).get_weights()[0])
    assert json.loads(text)["class_name"] == "Sequential" and json.loads(text)["keras_version"].startswith("2.")
    unseeded.compile("sgd", "mse")
    unseeded.fit(np.ones((4, 2, 3)), np.ones((4, 2)), verbose=0)


@pytest.mark.parametrize("is_functional", [False, True])
def test_beside_keras(is_functional, random):
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    ours = model()
    if is_functional:  # the same layers, as Keras writes them in a graph
        x = inputs = keras.Input((2, 3), name="rows")
        for layer in keras.models.model_from_json(ours.to_json()).layers:
            x = type(layer).from_config(layer.get_config())(x)
        theirs = keras.Model(inputs, x, name="net")
    else:
        theirs = keras.models.model_from_json(ours.to_json())
    theirs.set_weights(ours.get_weights())
    back = model_from_json(theirs.to_json())  # Keras 3's own form
    back.set_weights(theirs.get_weights())
    x = random.normal(size=(5, 2, 3)).astype(np.float32)
    expected = theirs.predict(x, verbose=0)
    for found in (ours.predict(x), back.predict(x)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())
    assert [layer.name for layer in back.layers if layer.weight_names] == ["hidden", "dense"]


KERAS_3 = '{"module": "keras", "class_name": "Sequential", "registered_name": "Sequential", "config": {"layers": [%s]}}'
INPUT = '{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, 4]}}'


@pytest.mark.parametrize(
    "text, kind, message",
    [
        ("", martlet.FormatError, "text: not JSON"),
        ("{}", martlet.FormatError, "text has no 'class_name'"),
        ("[" * 1_000_000, martlet.FormatError, "text: nested deeper than 64"),
        (KERAS_3 % "", martlet.FormatError, "text: "),
        ('{"class_name": "Net", "config": {}}', martlet.UnsupportedError, "class Net"),
        (
            KERAS_3 % (INPUT + ', {"class_name": "Mine", "config": {"name": "m"}}'),
            martlet.UnsupportedError,
            "text: layer 'm' .*Mine",
        ),
        (
            KERAS_3 % (INPUT + ', {"class_name": "Normalization", "config": {"name": "n", "axis": -1}}'),
            martlet.UnsupportedError,
            "layer 'n' .Normalization. has learned its statistics",
        ),
        (5, TypeError, "json_string must be a string"),
        ("a\0b", ValueError, "NUL"),
        (" " * (1 << 25), ValueError, "text has more than"),
    ],
    ids=range(10),
)
def test_text_that_is_no_model(text, kind, message):
    with pytest.raises(kind, match=message):
        model_from_json(text)
