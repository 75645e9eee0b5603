"""Copies of models, and changes of their layers, from Python; Tests/c/test_editing.c has the graphs."""

import numpy as np
import pytest

import martlet
from martlet import layers
from martlet.models import clone_model

X = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def model():
    model = martlet.Sequential(
        [martlet.Input((4,)), layers.Dense(8, "tanh", name="hidden"), layers.Dropout(0.5), layers.Dense(3, "softmax")],
        name="net",
        seed=1,
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    return model


def names(model):
    return [layer.name for layer in model.layers if layer.class_name != "InputLayer"]


def test_copies(model):
    model.class_names = ["a", "b", "c"]
    copy = model.copy()
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    assert copy.class_names == ["a", "b", "c"] and names(copy) == names(model)
    assert copy.evaluate(X, Y) == model.evaluate(X, Y)  # compiled alike
    before = model.predict(X)
    copy.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.predict(X), before)  # with weights of its own
    assert not np.array_equal(copy.predict(X), before)

    clone = clone_model(model, seed=5)
    assert names(clone) == names(model) and clone.optimizer is None
    np.testing.assert_array_equal(clone.predict(X), clone_model(model, seed=5).predict(X))
    assert not np.array_equal(clone.predict(X), clone_model(model, seed=6).predict(X))
    with pytest.raises(ValueError, match="is not built"):
        clone_model(martlet.Sequential([layers.Dense(2)]))


def test_layers_are_renamed_and_removed(model):
    before = model.predict(X)
    hidden = model.get_layer("hidden")
    model.rename_layer("hidden", "first")
    model.remove_layer("dropout")
    assert names(model) == ["first", "dense"] and model.get_layer("first") is hidden
    np.testing.assert_array_equal(model.predict(X), before)
    assert hidden.get_weights()[0].shape == (4, 8) and len(model.get_weights()) == 4
    history = model.fit(X, Y, epochs=2, verbose=0).history  # with a new trainer
    assert len(history["loss"]) == 2
    model.remove_layer("dense")
    assert model.predict(X).shape == (6, 8)
    for change, kind, message in [
        (lambda: model.rename_layer("first", "a/b"), ValueError, "'a/b'"),
        (lambda: model.rename_layer("nobody", "a"), LookupError, "no layer 'nobody'"),
        (lambda: model.remove_layer("nobody"), LookupError, "no layer 'nobody'"),
        (lambda: model.remove_layer("input"), ValueError, r"layer 'input' \(InputLayer\) reads 0 inputs"),
        (lambda: model.rename_layer("first", 3), TypeError, "name must be a string"),
    ]:
        with pytest.raises(kind, match=message):
            change()
    assert names(model) == ["first"]


def test_a_layer_is_replaced(model):
    hidden = model.get_layer("hidden").get_weights()
    head = layers.Dense(5, "softmax", kernel_initializer="ones")
    model.replace_layer("dense", head)
    assert model.get_layer("dense") is head and model.output_shape == (None, 5)
    np.testing.assert_array_equal(head.get_weights()[0], np.ones((8, 5)))
    for one, two in zip(hidden, model.get_layer("hidden").get_weights()):
        np.testing.assert_array_equal(one, two)
    model.replace_layer("dropout", layers.LeakyReLU(0.1, name="leak"))
    assert names(model) == ["hidden", "leak", "dense"]
    model.fit(X, np.arange(6) % 5, verbose=0)

    before = model.get_weights()
    used = layers.Dense(5)
    martlet.Sequential([martlet.Input((8,)), used]).build()
    for layer, kind, message in [
        (used, ValueError, "layer 'dense' is in use already"),
        (layers.Dense(5, name="hidden"), ValueError, "'hidden' already"),
        ("dense", TypeError, "replace_layer expects a layer, received 'dense'"),
    ]:
        with pytest.raises(kind, match=message):
            model.replace_layer("dense", layer)
    with pytest.raises(TypeError, match="name must be a string, received None"):
        model.replace_layer(None, layers.Dense(5))
    narrow = layers.Dense(7)
    with pytest.raises(ValueError, match=r"weight 'kernel' of layer 'dense' has shape \[8, 5\].* need \[7, 5\]"):
        model.replace_layer("hidden", narrow)
    with pytest.raises(LookupError, match="no layer 'nobody'"):
        model.replace_layer("nobody", layers.Dense(5))
    with pytest.raises(ValueError, match="is an input, which cannot be replaced"):
        model.replace_layer("input", layers.Dense(4))
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    # A layer that did not fit is free for another model.
    assert martlet.Sequential([martlet.Input((4,)), narrow]).predict(X).shape == (6, 7)


def test_a_trainer_of_the_layers_before(model):
    trainer = model.make_trainer()
    model.rename_layer("hidden", "first")
    with pytest.raises(martlet.InvalidStateError, match="layers of model 'net' have changed since this trainer was made"):
        trainer.train_step(X, Y)
    model.make_trainer().train_step(X, Y)


def test_changed_models_are_saved(model, tmp_path):
    model.remove_layer("dropout")
    model.replace_layer("dense", layers.Dense(2, name="head"))
    model.save(tmp_path / "model.h5")
    loaded = martlet.load_model(tmp_path / "model.h5")
    assert names(loaded) == ["hidden", "head"]
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
