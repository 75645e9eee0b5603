"""Reshape, Permute, GaussianNoise and ActivityRegularization beside Keras': trained weights, files, and what is refused."""

import numpy as np
import pytest
from test_keras import (
    CLASSES,
    DENSE,
    PROBABILITIES,
    ROWS,
    STEPS,
    UNIT,
    assert_same_output,
    compare_training,
    pair,
    trained_weights,
)

import martlet
from martlet import layers

keras = pytest.importorskip("keras", reason="Keras is not installed")

FLATTEN = ("Flatten", {})
IMAGE = (4, 3, 2)

# Layers, and the shape of a row they are for.
NETWORKS = {
    "Reshape": ([("Reshape", {"target_shape": (6, 4)}), DENSE, FLATTEN, PROBABILITIES], IMAGE),
    "Reshape, rest": ([("Reshape", {"target_shape": (2, -1)}), DENSE, FLATTEN, PROBABILITIES], IMAGE),
    "Reshape inside": ([DENSE, ("Reshape", {"target_shape": (8, 24)}), DENSE, FLATTEN, PROBABILITIES], IMAGE),
    "Permute, matrix": ([("Permute", {"dims": (2, 1)}), DENSE, FLATTEN, PROBABILITIES], (4, 6)),
    "Permute, channels first": ([DENSE, ("Permute", {"dims": (3, 1, 2)}), DENSE, FLATTEN, PROBABILITIES], IMAGE),
    "Permute, channels last": ([DENSE, ("Permute", {"dims": (2, 3, 1)}), DENSE, FLATTEN, PROBABILITIES], IMAGE),
    "Permute, reversed": ([DENSE, ("Permute", {"dims": (3, 2, 1)}), DENSE, FLATTEN, PROBABILITIES], IMAGE),
    "Permute, nothing": ([("Permute", {"dims": (1, 2, 3)}), FLATTEN, PROBABILITIES], IMAGE),
    "ActivityRegularization": (
        [DENSE, ("ActivityRegularization", {"l1": 0.01, "l2": 0.02}), PROBABILITIES],
        (12,),
    ),
    "ActivityRegularization, l2": (
        [DENSE, ("ActivityRegularization", {"l2": 0.05}), PROBABILITIES, ("ActivityRegularization", {"l1": 0.1})],
        (12,),
    ),
    "ActivityRegularization, images": (
        [DENSE, ("ActivityRegularization", {"l1": 0.01}), FLATTEN, PROBABILITIES],
        IMAGE,
    ),
    "GaussianNoise": ([DENSE, ("GaussianNoise", {"stddev": 0.5}), PROBABILITIES], (12,)),
}


def batches(random, shape):
    return random.normal(size=(STEPS, ROWS, *shape)).astype(np.float32), random.integers(0, CLASSES, (STEPS, ROWS))


@pytest.mark.parametrize("name", [name for name in NETWORKS if "Noise" not in name])
def test_they_train_as_in_keras(name, random):
    network, shape = NETWORKS[name]
    theirs, ours = pair(*network, shape=shape)
    loss = "sparse_categorical_crossentropy"
    # Sums over the positions of a row as well as over the rows, and a product more than a chain of two layers has.
    compare_training(theirs, ours, *batches(random, shape), loss, loss, factor=4)


def test_the_penalty_is_reported_apart(random):
    """Keras' total is data loss and penalty, in training and in evaluation over unequal batches."""
    theirs, ours = pair(*NETWORKS["ActivityRegularization"][0])
    theirs.compile("sgd", "sparse_categorical_crossentropy")
    ours.compile("sgd", "sparse_categorical_crossentropy", metrics=["data_loss", "regularization_loss"])
    x, y = random.normal(size=(20, 12)).astype(np.float32), random.integers(0, CLASSES, 20)
    logs = ours.evaluate(x, y, return_dict=True)
    hidden = np.tanh(x.astype(np.float64) @ trained_weights(theirs)[0] + trained_weights(theirs)[1])
    # Each hidden value is a sum of 12 products in float32 and its tanh.
    assert logs["regularization_loss"] == pytest.approx(
        (0.01 * np.abs(hidden).sum() + 0.02 * (hidden**2).sum()) / 20, rel=16 * UNIT
    )
    assert logs["loss"] == pytest.approx(theirs.evaluate(x, y, verbose=0), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["data_loss"] + logs["regularization_loss"], rel=4 * UNIT)


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_opens_what_martlet_saves(name, tmp_path, random):
    network, shape = NETWORKS[name]
    _, ours = pair(*network, shape=shape)
    ours.save(tmp_path / "model.h5")
    x = random.normal(size=(9, *shape)).astype(np.float32)
    theirs = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert_same_output(martlet.load_model(tmp_path / "model.h5").predict(x), ours.predict(x))
    for layer, (kind, arguments) in zip(theirs.layers, network):
        expected = getattr(keras.layers, kind)(**arguments).get_config()
        found = layer.get_config()
        assert type(layer).__name__ == kind
        for key in arguments:
            assert found[key] == expected[key] or tuple(found[key]) == tuple(expected[key])


@pytest.mark.parametrize("name", NETWORKS)
def test_martlet_opens_what_keras_saves(name, tmp_path, random):
    network, shape = NETWORKS[name]
    theirs, _ = pair(*network, shape=shape)
    theirs.save(tmp_path / "model.h5")
    x = random.normal(size=(9, *shape)).astype(np.float32)
    ours = martlet.load_model(tmp_path / "model.h5")
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert [layer.class_name for layer in ours.layers[1:]] == [kind for kind, _ in network]


def test_noise_is_noise():
    """Of n numbers with deviation s the mean has deviation s / sqrt(n), the deviation less than that: five of each."""
    model = martlet.Sequential(
        [martlet.Input((400,)), layers.GaussianNoise(0.5), layers.Dense(1, kernel_initializer="ones")]
    )
    x = np.zeros((200, 400), np.float32)
    np.testing.assert_array_equal(model.predict(x), np.zeros((200, 1)))
    trainer = martlet.Trainer(model, loss=None, seed=4)
    first = np.asarray(trainer.forward(x)).ravel() / 20  # a sum of 400 numbers has 20 times their deviation
    assert abs(first.mean()) < 5 * 0.5 / np.sqrt(200)
    assert abs(first.std() - 0.5) < 5 * 0.5 / np.sqrt(200)
    again = martlet.Trainer(model, loss=None, seed=4)
    np.testing.assert_array_equal(np.asarray(again.forward(x)).ravel() / 20, first)
    other = martlet.Trainer(model, loss=None, seed=5)
    assert (np.asarray(other.forward(x)).ravel() / 20 != first).any()


def build(layer, shape=(4, 3)):
    return martlet.Sequential([martlet.Input(shape), layer]).build()


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: layers.Reshape(12), TypeError, r"target_shape must be a tuple such as \(12,\), received 12"),
        (lambda: layers.Reshape((2, "x")), TypeError, "target_shape must be an integer, received 'x'"),
        (lambda: layers.Reshape((2, -2)), ValueError, "target_shape must be from -1"),
        (lambda: build(layers.Reshape((5, 2))), ValueError, r"'reshape'.*rows of shape \[4, 3\] have 12 elements"),
        (lambda: build(layers.Reshape((-1, -1))), ValueError, "one may be -1"),
        (lambda: build(layers.Reshape(())), ValueError, "rank is 0; it must be 1 to 7"),
        (lambda: layers.Permute(1), TypeError, r"dims must be a tuple such as \(1,\), received 1"),
        (lambda: layers.Permute((0, 1)), ValueError, "dims must be from 1"),
        (lambda: build(layers.Permute((2, 2))), ValueError, r"rows of shape \[4, 3\] take each of 1 to 2 once"),
        (lambda: build(layers.Permute((1, 2, 3))), ValueError, "'permute'.*take each of 1 to 2 once"),
        (lambda: layers.GaussianNoise("much"), TypeError, "stddev must be a number, received 'much'"),
        (lambda: layers.GaussianNoise(0.1, seed=1), ValueError, "GaussianNoise takes no seed of its own"),
        (lambda: build(layers.GaussianNoise(-1)), ValueError, "stddev is -1.0; it must be finite and >= 0"),
        (lambda: build(layers.ActivityRegularization(l1=-1)), ValueError, "l1 is -1.0; it must be finite and >= 0"),
        (lambda: build(layers.ActivityRegularization(l2=np.nan)), ValueError, "l2 is nan"),
    ],
)
def test_bad_arguments(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
