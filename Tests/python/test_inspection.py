"""Looking at a model that trains: gradient checks, and what each layer does."""

import h5py
import martlet
import numpy as np
import pytest
from martlet import layers

ROWS = 12


def data(seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, 5)).astype(np.float32), rng.integers(0, 3, ROWS)


def graph(activation="tanh"):
    x = martlet.Input((5,))
    shared = layers.Dense(5, activation, kernel_regularizer="l2")
    a = shared(x)
    y = layers.Dense(3, "softmax", name="head")(layers.Dropout(0.3)(layers.Add()([a, shared(a)])))
    return martlet.Model(x, [y, a], seed=4)


def test_gradients_of_a_graph_are_right():
    x, y = data()
    model = graph()
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], loss_weights=[1, 0.3])
    before = model.get_weights()
    found = model.check_gradients(x, [y, x], sample=0)
    assert found.largest_error < 1e-6 and found.weight_count == model.count_params()
    assert [errors.shape for errors in found.errors] == [weight.shape for weight in before]
    assert max(errors.max() for errors in found.errors) == found.largest_error
    worst = dict(zip(["kernel", "bias"], found.errors[:2] if found.layer != "head" else found.errors[2:]))
    assert worst[found.weight][found.position] == found.largest_error
    assert f"at={found.layer}/{found.weight}[" in repr(found) and len(repr(found)) < 200
    assert all((a == b).all() for a, b in zip(before, model.get_weights()))


@pytest.mark.parametrize("strides", [1, 2, (1, 2)])
def test_what_is_checked_is_what_trains(strides, random):
    """Convolutions deep enough to train by tiles are checked as they train; quotients in double are within 1e-7 for
    tanh (see GradientCheck)."""
    deep = layers.Conv2D(16, 3, strides=strides, padding="same", activation="tanh")
    first = layers.Conv2D(16, 3, padding="same", activation="tanh")
    model = martlet.Sequential(
        [martlet.Input((7, 8, 16)), first, deep, layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")], seed=1
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = random.normal(size=(2, 7, 8, 16))
    assert model.check_gradients(x, np.array([0, 2]), sample=20).largest_error < 1e-5
    # The step of SGD is the gradient, in float32 and by tiles, and it leads downhill: the loss falls by its square.
    before = model.get_weights()
    rate = 1e-3
    model.compile(martlet.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    loss = model.train_on_batch(x, np.array([0, 2]))
    fall = loss - model.evaluate(x, np.array([0, 2]))
    square = sum(float(((a - b) ** 2).sum()) for a, b in zip(before, model.get_weights())) / rate
    assert fall == pytest.approx(square, rel=0.02)


def test_a_sample_leaves_the_rest_unchecked():
    x, y = data()
    model = martlet.Sequential([layers.Dense(40, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    found = model.check_gradients(x, y, sample=7)
    assert found.weight_count == 7 + 7 + 7 + 3
    assert [int(np.isfinite(errors).sum()) for errors in found.errors] == [7, 7, 7, 3]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_first_loss_is_the_logarithm_of_the_classes(classes):
    """|loss - ln C| <= 2 max |logit|; with weights of 1e-4 and 5 inputs below 5 a logit is below 5 * 5 * 5e-4."""
    x, _ = data()
    model = martlet.Sequential(
        [layers.Dense(classes, "softmax", kernel_initializer=martlet.initializers.RandomNormal(stddev=1e-4))]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    found = model.check_gradients(x, np.arange(ROWS) % classes)
    assert abs(found.loss - np.log(classes)) < 2 * 5 * 5 * 5e-4


def test_check_gradients_refuses():
    x, y = data()
    model = graph()
    with pytest.raises(ValueError, match="compile"):
        model.check_gradients(x, [y, x])
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(ValueError, match="sample is -1"):
        model.check_gradients(x, [y, x], sample=-1)
    with pytest.raises(ValueError, match="step is 2.0"):
        model.check_gradients(x, [y, x], step=2)
    with pytest.raises(ValueError, match="label 3"):
        model.check_gradients(x, [np.full(ROWS, 3), x])


def test_layer_statistics_follow_the_epochs():
    x, y = data()
    model = martlet.Sequential(
        [martlet.Input((5,)), layers.Dense(6, "relu", name="hidden"), layers.Dense(3, "softmax", name="out")], seed=1
    )
    twin = martlet.Sequential(
        [martlet.Input((5,)), layers.Dense(6, "relu", name="hidden"), layers.Dense(3, "softmax", name="out")], seed=1
    )
    for each in (model, twin):
        each.compile("sgd", "sparse_categorical_crossentropy")
    watch = martlet.callbacks.LayerStatistics()
    history = model.fit(x, y, epochs=3, batch_size=ROWS, shuffle=False, verbose=0, callbacks=[watch])
    assert set(watch.history) == {"hidden", "out"}
    assert {len(values) for figures in watch.history.values() for values in figures.values()} == {3}

    # The third epoch again: a full batch, so its one step starts from the weights after two.
    twin.fit(x, y, epochs=2, batch_size=ROWS, shuffle=False, verbose=0)
    before = twin.layers[0].get_weights()
    hidden = np.maximum(x @ before[0] + before[1], 0)
    figures = {name: values[2] for name, values in watch.history["hidden"].items()}
    # Sums of float32 activations in double: they agree to the rounding of the activations.
    assert figures["activation_mean"] == pytest.approx(hidden.mean(dtype=np.float64), rel=1e-6)
    assert figures["activation_deviation"] == pytest.approx(hidden.std(dtype=np.float64), rel=1e-6)
    assert figures["dead_share"] == (hidden.max(axis=0) <= 0).mean()
    assert np.isnan(figures["saturated_share"])
    twin.fit(x, y, epochs=1, batch_size=ROWS, shuffle=False, verbose=0)
    after = twin.layers[0].get_weights()
    change = np.sqrt(sum(((b - a).astype(np.float64) ** 2).sum() for a, b in zip(before, after)))
    size = np.sqrt(sum((a.astype(np.float64) ** 2).sum() for a in before))
    assert figures["update_ratio"] == pytest.approx(change / size, rel=1e-6)
    # Plain SGD with rate 0.01: the update is 0.01 times the gradient, each difference rounded to the weights' last bit.
    assert figures["gradient_norm"] == pytest.approx(change / 0.01, rel=1e-3)
    assert history.history["loss"][2] == pytest.approx(float(model.history.history["loss"][2]))


def test_a_dead_network_is_seen():
    x, y = data()
    model = martlet.Sequential(
        [
            layers.Dense(6, "relu", bias_initializer=martlet.initializers.Constant(-1000), name="dead"),
            layers.Dense(3, "softmax", name="out"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    watch = martlet.callbacks.LayerStatistics()
    model.fit(x, y, epochs=2, verbose=0, callbacks=watch)
    assert watch.history["dead"]["dead_share"] == [1, 1]
    assert watch.history["dead"]["gradient_norm"] == [0, 0]
    assert watch.history["dead"]["update_ratio"] == [0, 0]
    with pytest.raises(ValueError, match="index is 7"):
        model.trainer().layer_statistics(7, "dead")
    with pytest.raises(martlet.NotFoundError, match="no layer 'none'"):
        model.trainer().layer_statistics(1, "none")


def test_the_history_is_in_the_file(tmp_path):
    """Read with h5py, and damaged with it."""
    x, y = data()
    model = graph()
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    watch = martlet.callbacks.LayerStatistics()
    model.fit(x, [y, x], epochs=3, verbose=0, validation_data=(x, [y, x]), callbacks=[watch])
    path = tmp_path / "model.h5"
    model.save(path)
    trainer = model.trainer()
    with h5py.File(path) as file:
        group = file["martlet/history"]
        columns = list(group["epochs"].attrs["columns"])
        epochs, outputs = group["epochs"][...], group["outputs"][...]
        names, figures = list(group["layers"].attrs["layers"]), list(group["layers"].attrs["figures"])
        looked = group["layers"][...]
    for index, progress in enumerate(trainer.history):
        row = dict(zip(columns, epochs[index]))
        assert row["data_loss"] == progress.training.data_loss and row["iteration"] == progress.iteration
        assert row["val_regularization_loss"] == progress.validation.regularization_loss
        assert row["learning_rate"] == progress.learning_rate and np.isnan(row["accuracy"])
        assert outputs[index, 1, 0] == progress.training.outputs[1].data_loss
        assert outputs[index, 0, 6] == progress.validation.outputs[0].accuracy
    for layer, values in watch.history.items():
        for figure, numbers in values.items():
            np.testing.assert_array_equal(looked[:, names.index(layer), figures.index(figure)], numbers)

    again = martlet.load_model(path)
    # As text, in which NaN is NaN.
    assert [str(epoch.training) for epoch in again.trainer().history] == [str(e.training) for e in trainer.history]
    with h5py.File(path, "a") as file:
        file["martlet/history/epochs"][1, columns.index("samples")] = -4
    with pytest.warns(UserWarning, match="-4.0 as samples of epoch 1"):
        martlet.load_model(path)


BETWEEN = {
    "Add": lambda a, b: layers.Add()([a, b]),
    "Subtract": lambda a, b: layers.Subtract()([a, b]),
    "Multiply": lambda a, b: layers.Multiply()([a, b]),
    "Average": lambda a, b: layers.Average()([a, b]),
    "Maximum": lambda a, b: layers.Maximum()([a, b]),
    "Concatenate": lambda a, b: layers.Concatenate(axis=1)([a, b]),
    "Reshape": lambda a, b: layers.Reshape((2, 6))(layers.Add()([a, b])),
    "Permute": lambda a, b: layers.Permute((2, 1))(layers.Add()([a, b])),
    "GaussianNoise": lambda a, b: layers.GaussianNoise(0.3)(layers.Add()([a, b])),
    "ActivityRegularization": lambda a, b: layers.ActivityRegularization(0.01, 0.02)(layers.Add()([a, b])),
    "Dropout": lambda a, b: layers.Dropout(0.4)(layers.Add()([a, b])),
    "Rescaling": lambda a, b: layers.Rescaling(0.5, 1)(layers.Add()([a, b])),
    "Rescaling of channels": lambda a, b: layers.Rescaling([0.5, -1, 2, 3], [1, 2, 3, 4])(layers.Add()([a, b])),
    "Normalization": lambda a, b: layers.Normalization(mean=[0.1] * 4, variance=[2.0] * 4)(layers.Add()([a, b])),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_gradients_through_every_layer(name):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3, 4)).astype(np.float32), rng.integers(0, 3, 5)
    start = martlet.Input((3, 4))
    node = BETWEEN[name](layers.Dense(4, "tanh")(start), layers.Dense(4, "sigmoid")(start))
    model = martlet.Model(start, layers.Dense(3, "softmax")(layers.Flatten()(node)), seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    # The project's bound for a gradient that is right.
    assert model.check_gradients(x, y, sample=0).largest_error <= 1e-5
