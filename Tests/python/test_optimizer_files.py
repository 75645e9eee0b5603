"""The state of optimisers in files: training goes on in Keras, in Martlet, and from one to the other.

Keras 3.15 itself builds the optimiser of a legacy HDF5 file without the model's weights, so that fit fails after
load_model for its own files too. Here its optimiser is built for them, and set_weights gets what Keras' own reader of these
files finds.
"""

import json

import h5py
import numpy as np
import pytest

import martlet
from martlet import layers, optimizers
from test_optimizers import OPTIMIZERS, UNIT

keras = pytest.importorskip("keras", reason="Keras is not installed")

ROWS, FEATURES, OUTPUTS = 20, 7, 3
ALL = {
    "weight_decay": 0.1,
    "clipnorm": 0.5,
    "gradient_accumulation_steps": 3,
    "use_ema": True,
    "ema_momentum": 0.6,
    "ema_overwrite_frequency": 2,
}
STATES = {
    **OPTIMIZERS,
    "Nadam all": ("Nadam", {"learning_rate": 0.01, **ALL}),
    "RMSprop all and more": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True, **ALL}),
}


@pytest.fixture
def data(random):
    x = random.normal(size=(10, ROWS, FEATURES)).astype(np.float32)
    return x, random.normal(size=(10, ROWS, OUTPUTS)).astype(np.float32)


def network(library, seed=None):
    arguments = {} if seed is None else {"seed": seed}
    return library.Sequential(
        [library.Input((FEATURES,)), library.layers.Dense(6, "tanh"), library.layers.Dense(OUTPUTS)], **arguments
    )


def steps(model, data, numbers):
    for number in numbers:
        model.train_on_batch(data[0][number], data[1][number])


def continued_in_keras(path, kind, arguments):
    from keras.src.legacy.saving.legacy_h5_format import load_optimizer_weights_from_hdf5_group

    model = keras.models.load_model(path, compile=False)
    optimizer = getattr(keras.optimizers, kind)(**arguments)
    optimizer.build(model.trainable_variables)
    with h5py.File(path) as file:
        values = [value[()] for value in load_optimizer_weights_from_hdf5_group(file)]
        names = [name.split("/")[-1] for name in file["optimizer_weights"].attrs["weight_names"]]
    expected = [variable.path.split("/")[-1].removeprefix("sequential_") for variable in optimizer.variables]
    assert [value.shape for value in values] == [tuple(variable.shape) for variable in optimizer.variables]
    # The same arrays by name, without the model's that Keras puts before; Nadam's product has no name of its own.
    assert [n for n in names if n != "variable"] == [n for n in expected if not n.startswith("variable")]
    optimizer.set_weights(values)
    model.compile(optimizer, "mse")
    return model


def assert_as_trained_at_once(model, reference, start, learning_rate):
    """test_keras.py explains the bound, and its factor 4 for optimisers that divide by the size of the gradient; sums
    have at most 20 terms, and 10 steps are done. Weights that hardly move are at least rounded to float."""
    for ours, theirs, before in zip(model.get_weights(), reference.get_weights(), start, strict=True):
        bound = 10 * UNIT * (4 * 3 * np.sqrt(20) * np.linalg.norm(theirs - before) + np.linalg.norm(theirs))
        assert np.linalg.norm(np.asarray(ours) - theirs) <= bound


@pytest.mark.parametrize("name", STATES)
def test_training_goes_on(name, data, tmp_path):
    kind, arguments = STATES[name]
    reference = network(keras)
    start = reference.get_weights()
    reference.compile(getattr(keras.optimizers, kind)(**arguments), "mse")
    steps(reference, data, range(5))
    reference.save(tmp_path / "theirs.h5")
    steps(reference, data, range(5, 10))

    # Begun in Martlet: ended in Martlet bit by bit as without a break, and in Keras.
    ours = network(martlet, seed=1)
    ours.set_weights(start)
    ours.compile(getattr(optimizers, kind)(**arguments), "mse")
    steps(ours, data, range(5))
    ours.save(tmp_path / "ours.h5")
    theirs = continued_in_keras(tmp_path / "ours.h5", kind, arguments)
    again = martlet.load_model(tmp_path / "ours.h5")
    assert type(again.optimizer) is getattr(optimizers, kind)
    assert again.optimizer.get_config() == ours.optimizer.get_config()
    for model in (ours, theirs, again):
        steps(model, data, range(5, 10))
    assert_as_trained_at_once(ours, reference, start, arguments)
    assert_as_trained_at_once(theirs, reference, start, arguments)
    for one, two in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)

    # Begun in Keras.
    back = martlet.load_model(tmp_path / "theirs.h5")
    assert back.optimizer.learning_rate == pytest.approx(arguments["learning_rate"], rel=1e-7)
    steps(back, data, range(5, 10))
    assert_as_trained_at_once(back, reference, start, arguments)


def test_fit_goes_on_with_the_same_rows_and_masks(data, tmp_path):
    """The order of the rows and dropout are those of the training that was saved, whatever seed is the next one here."""
    x, y = data[0].reshape(-1, FEATURES), data[1].reshape(-1, OUTPUTS)

    def compiled(seed):
        chain = [martlet.Input((FEATURES,)), layers.Dense(6, "tanh"), layers.Dropout(0.5), layers.Dense(OUTPUTS)]
        model = martlet.Sequential(chain, seed=seed)
        model.compile("adam", "mse")
        return model

    model = compiled(5)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "model.h5")
    begun = model.get_weights()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    again = martlet.load_model(tmp_path / "model.h5")
    again.fit(x, y, batch_size=8, epochs=2, verbose=0)
    for one, two, before in zip(model.get_weights(), again.get_weights(), begun, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, before)
    # A trainer that has made a step already changes its masks too.
    other = compiled(6)
    other.fit(x, y, batch_size=8, epochs=1, verbose=0)
    other.load_weights(tmp_path / "model.h5")
    other.trainer().load_state(tmp_path / "model.h5")
    other.fit(x, y, batch_size=8, epochs=2, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_keras_loads_what_the_model_was_compiled_with(tmp_path):
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3)])
    model.compile(
        optimizers.AdamW(0.002, global_clipnorm=1.5),
        martlet.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", martlet.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    model.fit(np.eye(4, dtype=np.float32), [0, 1, 2, 0], verbose=0)
    model.save(tmp_path / "model.h5")
    theirs = keras.models.load_model(tmp_path / "model.h5")
    assert isinstance(theirs.optimizer, keras.optimizers.AdamW)
    assert theirs.optimizer.global_clipnorm == 1.5 and theirs.optimizer.weight_decay == 0.004
    assert theirs.loss.from_logits is True
    found = theirs.evaluate(np.eye(4, dtype=np.float32), np.array([0, 1, 2, 0]), verbose=0)
    # A mean of four losses, each a handful of operations on numbers of its size.
    np.testing.assert_allclose(found, model.evaluate(np.eye(4), [0, 1, 2, 0]), rtol=20 * UNIT)
    again = martlet.load_model(tmp_path / "model.h5")
    assert [metric.name for metric in again.metrics] == ["accuracy", "sparse_top_k_categorical_accuracy"]
    assert again.metrics[1].k == 2 and again.loss.from_logits
    assert martlet.load_model(tmp_path / "model.h5", compile=False).optimizer is None
    model.save(tmp_path / "plain.h5", include_optimizer=False)
    with h5py.File(tmp_path / "plain.h5") as file:
        assert "training_config" not in file.attrs and "optimizer_weights" not in file
    assert martlet.load_model(tmp_path / "plain.h5").optimizer is None


@pytest.mark.parametrize(
    "optimizer", ["sgd", optimizers.SGD(1.0, momentum=1.0), optimizers.Adam(1.0), optimizers.Adadelta(1), "rmsprop"]
)
def test_keras_loads_whole_numbers_as_floats(optimizer, data, tmp_path):
    """Keras asks whether momentum and learning rate are floats: 0 is not one, 0.0 is."""
    model = network(martlet, seed=1)
    model.compile(optimizer, "mse")
    steps(model, data, range(1))
    model.save(tmp_path / "model.h5")
    loaded = keras.models.load_model(tmp_path / "model.h5")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(model.optimizer.learning_rate)
    with h5py.File(tmp_path / "model.h5") as file:
        configuration = json.loads(file.attrs["training_config"])["optimizer_config"]["config"]
    assert isinstance(configuration["learning_rate"], float)


def test_several_outputs(tmp_path, random):
    x = martlet.Input((4,), name="x")
    model = martlet.Model(x, [layers.Dense(3, name="a")(x), layers.Dense(2, name="b")(x)])
    smooth = martlet.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    model.compile("lion", ["mse", smooth], metrics=[["mse"], ["accuracy"]], loss_weights=[0.5, 2.0])
    rows = random.normal(size=(6, 4)).astype(np.float32)
    y = [random.normal(size=(6, 3)).astype(np.float32), np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1, 0]]]
    model.fit(rows, y, verbose=0)
    model.save(tmp_path / "model.h5")
    again = martlet.load_model(tmp_path / "model.h5")
    theirs = keras.models.load_model(tmp_path / "model.h5")
    expected = model.evaluate(rows, y, return_dict=True)
    assert again.evaluate(rows, y, return_dict=True) == expected
    found = theirs.evaluate(rows, y, return_dict=True, verbose=0)
    assert set(found) >= {"loss", "a_mse", "b_accuracy"}
    # Sums of a few dozen operations on numbers of their size.
    assert found["loss"] == pytest.approx(expected["loss"], rel=100 * UNIT)
    model.fit(rows, y, verbose=0, shuffle=False)
    again.fit(rows, y, verbose=0, shuffle=False)
    for one, two in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_same_training_gives_the_same_bytes(tmp_path, data):
    for name in ("one.h5", "two.h5"):
        model = network(martlet, seed=4)
        model.compile("nadam", "mse", metrics=["mse"])
        steps(model, data, range(3))
        model.save(tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def saved(path, data, **changes):
    model = network(martlet, seed=2)
    model.compile(optimizers.Adam(0.01, **changes), "mse")
    steps(model, data, range(2))
    model.save(path)
    return model


def corrupt(path, change):
    with h5py.File(path, "r+") as file:
        change(file, file["optimizer_weights"])


def drop(file, group):
    del file["optimizer_weights"]


def reshape(file, group):
    del group["adam/dense_kernel_momentum"]
    group["adam/dense_kernel_momentum"] = np.zeros((6, 7), np.float32)


def lose(file, group):
    del group["adam/dense_bias_velocity"]


def spoil(file, group):
    group["adam/dense_1_bias_momentum"][1] = np.nan


def rewind(file, group):
    del group["adam/iteration"]
    group["adam/iteration"] = np.int64(-1)


def shorten(file, group):
    names = group.attrs["weight_names"][:-1]
    group.attrs["weight_names"] = names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, "has no group 'optimizer_weights': it holds no state of an optimiser"),
        (reshape, r"dense_kernel_momentum has shape \[6, 7\]; expected \[7, 6\]"),
        (lose, "lists 'adam/dense_bias_velocity' but does not hold it"),
        (spoil, "dense_1_bias_momentum holds NaN or infinite numbers"),
        (rewind, "iteration is -1; steps are counted from 0"),
        (shorten, "lists 9 variables .*; optimiser Adam of model 'sequential' has 10"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message, data, tmp_path):
    model = saved(tmp_path / "model.h5", data)
    corrupt(tmp_path / "model.h5", change)
    trainer = model.trainer()
    with pytest.raises(ValueError, match=message):
        trainer.load_state(tmp_path / "model.h5")
    with pytest.warns(UserWarning, match="fresh optimiser.*" + message):
        fresh = martlet.load_model(tmp_path / "model.h5")
    assert fresh.trainer().learning_rate == 0.01
    # The refused state left the old one as it was.
    twin = saved(tmp_path / "twin.h5", data)
    for each in (model, twin):
        steps(each, data, range(2, 4))
    for one, two in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_states_of_others(data, tmp_path):
    saved(tmp_path / "model.h5", data)
    other = network(martlet)
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="holds the state of an optimiser Adam; the trainer's is SGD"):
        other.trainer().load_state(tmp_path / "model.h5")
    other.compile(optimizers.Adam(use_ema=True), "mse")
    with pytest.raises(ValueError, match="lists 10 variables.*has 14"):
        other.trainer().load_state(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError):
        other.trainer().load_state(tmp_path / "absent.h5")
    with pytest.raises(ValueError, match="metrics must be a list of Keras' metrics as JSON: not a list"):
        other.trainer().save(tmp_path / "bad.h5", "{}")
    assert not (tmp_path / "bad.h5").exists()


@pytest.mark.parametrize(
    ("metrics", "left"),
    [
        (dict(metrics=["mae"]), "'mae'"),
        (dict(metrics=["mse", keras.metrics.AUC(name="area")]), "'area'"),
        (dict(metrics=["mse", "mae", "cosine_similarity"]), "'mae', 'cosine_similarity'"),
        (dict(metrics=["mse"], weighted_metrics=["mse"]), "'mse' of weighted_metrics"),
    ],
)
def test_metrics_of_keras_that_there_are_not(metrics, left, data, tmp_path):
    """The rest of what Keras compiled the model with is kept: optimiser, its state, loss, other metrics."""
    theirs = network(keras)
    start = theirs.get_weights()
    theirs.compile("adam", "mse", **metrics)
    steps(theirs, data, range(5))
    theirs.save(tmp_path / "theirs.h5")
    with pytest.warns(UserWarning) as warned:
        ours = martlet.load_model(tmp_path / "theirs.h5")
    assert [str(warning.message).split(" has ")[1] for warning in warned] == [
        f"metrics that cannot be computed here and are left out: {left}."
    ]
    assert isinstance(ours.optimizer, optimizers.Adam)
    assert [metric.name for metric in ours.metrics] == (["mse"] if "mse" in metrics["metrics"] else [])
    for model in (ours, theirs):
        steps(model, data, range(5, 10))
    assert_as_trained_at_once(ours, theirs, start, 0.001)


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        ('"class_name":"Adam"', '"class_name":"Ftrl"', "Unknown optimizer: 'Ftrl'"),
        ('"class_name":"MeanSquaredError"', '"class_name":"CTC"', "Unknown loss: 'CTC'"),
        ('"amsgrad":false', '"strange":false', "strange"),
        ('"loss_weights":null', '"loss_weights":[1,2]', "loss_weights has 2 entries"),
        ('{"jit', '{{"jit', "not understood"),
    ],
)
def test_a_configuration_that_is_not_understood(find, replace, message, data, tmp_path):
    path = tmp_path / "model.h5"
    saved(path, data)
    with h5py.File(path, "r+") as file:
        text = file.attrs["training_config"]
        assert find in text
        file.attrs["training_config"] = text.replace(find, replace)
    with pytest.warns(UserWarning, match=message + ".*|not understood"):
        model = martlet.load_model(path)
    assert model.optimizer is None
    with pytest.raises(ValueError, match="compile"):
        model.fit(data[0][0], data[1][0])
