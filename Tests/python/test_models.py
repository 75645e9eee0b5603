"""Building, names, weights, files, and what is said when they are wrong."""

import copy
import pickle

import h5py
import numpy as np
import pytest

import martlet
from martlet import layers, regularizers


def small(**arguments):
    return martlet.Sequential([martlet.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)], **arguments)


def test_sequential_is_built_when_its_input_is_known():
    x = np.ones((5, 4))
    for model in (
        small(),
        martlet.Sequential([layers.Dense(3, "relu", input_shape=(4,)), layers.Dense(2)]),
        martlet.Sequential([layers.Dense(3, "relu", input_dim=4), layers.Dense(2)]),
        martlet.Sequential([layers.InputLayer((4,)), layers.Dense(3, "relu"), layers.Dense(2)]),
        martlet.Sequential([layers.Dense(3, "relu"), layers.Dense(2)]),  # by the data
    ):
        assert model.predict(x).shape == (5, 2)
        assert model.input_shape == (None, 4) and model.output_shape == (None, 2)
        assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
        assert model.count_params() == 4 * 3 + 3 + 3 * 2 + 2
    later = martlet.Sequential([layers.Dense(3), layers.Dense(2)])
    with pytest.raises(ValueError, match="is not built: its input shape is not known"):
        later.get_weights()
    later.build((None, 4))
    assert [w.shape for w in later.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    with pytest.raises(ValueError, match="is built already; add all layers before"):
        later.add(layers.Dense(1))


def test_names_are_keras_names():
    model = martlet.Sequential(name="net")
    model.add(martlet.Input((2, 2)))
    for layer in (
        layers.Flatten(),
        layers.Dense(3),
        layers.ReLU(),
        layers.LeakyReLU(0.1),
        layers.Dense(3, name="mine"),
        layers.Dense(3),
        layers.Softmax(),
    ):
        model.add(layer)
    model.build()
    assert [layer.name for layer in model.layers] == [
        "flatten",
        "dense",
        "re_lu",
        "leaky_re_lu",
        "mine",
        "dense_1",
        "softmax",
    ]
    assert model.name == "net" and "net" in summary(model)
    assert model.get_layer("mine").units == 3 and model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match=r"No such layer: 'yours'. Existing layers are: \['flatten', 'dense'"):
        model.get_layer("yours")
    with pytest.raises(ValueError, match="get_layer received index 7, but the model has 7 layers"):
        model.get_layer(index=7)


def summary(model):
    lines = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


def test_summary(capsys):
    model = small()
    model.summary()
    text = capsys.readouterr().out
    assert summary(model) + "\n" == text
    for word in ("dense_1", "Dense", "15", "8", "23"):
        assert word in text


def test_functional_model():
    inputs = martlet.Input((4,), name="in")
    hidden = layers.Dense(3, "relu", name="hidden")(inputs)
    model = martlet.Model(inputs=[inputs], outputs=layers.Dense(2)(hidden), name="graph", seed=1)
    assert [layer.name for layer in model.layers] == ["in", "hidden", "dense"]
    same = small(seed=1)
    np.testing.assert_array_equal(model.predict(np.eye(4)), same.predict(np.eye(4)))
    with pytest.raises(ValueError, match="outputs do not come from inputs"):
        martlet.Model(martlet.Input((4,)), layers.Dense(2)(martlet.Input((4,))))
    with pytest.raises(ValueError, match="inputs must be a result of Input.. or of a layer, or a list of them, received 3"):
        martlet.Model(3, hidden)
    with pytest.raises(ValueError, match="layer 'hidden' is in use already"):
        model.get_layer("hidden")(inputs)
    with pytest.raises(TypeError, match="is called on what Input.. or another layer returned, received ndarray"):
        layers.Dense(2)(np.ones((3, 4)))


def test_weights_in_and_out(random):
    model = small()
    weights = [random.normal(size=w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    for put, got in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(got, put.astype(np.float32))
    layer = model.layers[0]
    assert layer.weight_names == ["kernel", "bias"] and layer.count_params() == 15
    layer.set_weights([np.ones((3, 4)).T, np.zeros(3)])
    np.testing.assert_array_equal(layer.get_weights()[0], np.ones((4, 3)))
    before = model.get_weights()
    for wrong, message in [
        (before[:3], "model 'sequential' has 4 weight arrays, set_weights received 3"),
        ([*before[:3], np.ones(3)], r"weight dense_1/bias has shape \(2,\), but received shape \(3,\)"),
        ([np.full((4, 3), np.nan), *before[1:]], "weight dense/kernel must be finite"),
        ([*before[:3], ["a", "b"]], "weight dense_1/bias has dtype"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.set_weights(wrong)
        for one, two in zip(before, model.get_weights()):
            np.testing.assert_array_equal(one, two)  # nothing was changed
    with pytest.raises(RuntimeError, match="has no weights yet"):
        layers.Dense(2).get_weights()


def test_bytes_and_pickles(tmp_path, random):
    model = small(seed=3)
    model.class_names = ["no", "yes"]
    x, y = random.normal(size=(7, 4)), random.normal(size=(7, 2))
    model.save(tmp_path / "model.h5")
    data = model.to_bytes()
    assert data == (tmp_path / "model.h5").read_bytes()
    for form in (data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(martlet.models.model_from_bytes(form).predict(x), model.predict(x))
    assert pickle.loads(pickle.dumps(model)).optimizer is None  # nothing was compiled
    model.compile(martlet.optimizers.SGD(0.1, learning_rate_decay=0.5), "mse")
    model.fit(x, y, epochs=2, verbose=0)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert other.class_names == ["no", "yes"] and other.name == model.name
        np.testing.assert_array_equal(other.predict(x), model.predict(x))
        # Compiled as the original is: the rate after two epochs, and the same loss.
        assert other.optimizer.learning_rate == model.optimizer.learning_rate == 0.025
        assert other.evaluate(x, y) == model.evaluate(x, y)
        before = model.get_weights()
        other.fit(x, y, verbose=0)
        for one, two in zip(before, model.get_weights()):
            np.testing.assert_array_equal(one, two)  # the original has its own weights
    for wrong, kind, message in [
        (b"", ValueError, "count is 0"),
        (data[:100], martlet.FormatError, "'bytes'"),
        (b"text", martlet.FormatError, "'bytes' is not an HDF5 file"),
        ("text", TypeError, "model_from_bytes expects bytes, received str"),
    ]:
        with pytest.raises(kind, match=message):
            martlet.models.model_from_bytes(wrong)
    with pytest.raises(ValueError, match="is not built"):
        pickle.dumps(martlet.Sequential([layers.Dense(2)]))


def test_save_and_load(tmp_path, random):
    model = small(seed=3)
    path = tmp_path / "model.h5"
    model.save(path)
    loaded = martlet.load_model(path)
    x = random.normal(size=(7, 4))
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert [layer.name for layer in loaded.layers if layer.weight_names] == ["dense", "dense_1"]
    assert loaded.get_layer("dense").class_name == "Dense"
    assert loaded.name == model.name
    content = path.read_bytes()
    model.save(path)
    assert path.read_bytes() == content  # same model, same bytes
    loaded.save(str(tmp_path / "again.h5"))
    assert (tmp_path / "again.h5").read_bytes() == content
    with pytest.raises(FileExistsError, match="exists already"):
        model.save(path, overwrite=False)
    with pytest.raises(ValueError, match="expected a name such as 'model.h5', received .*model.keras"):
        model.save(tmp_path / "model.keras")
    loaded.compile("sgd", "mse")
    loaded.fit(x, np.zeros((7, 2)), verbose=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.h5", "model.h5"]


def test_bad_files(tmp_path):
    model = small()
    with pytest.raises(FileNotFoundError, match="absent.h5"):
        martlet.load_model(tmp_path / "absent.h5")
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "none" / "model.h5")
    (tmp_path / "text.h5").write_text("no HDF5 in here")
    with pytest.raises(martlet.FormatError, match="text.h5"):
        martlet.load_model(tmp_path / "text.h5")
    with pytest.raises(martlet.FormatError):
        martlet.Dataset.open(tmp_path / "text.h5", "x", "y")
    model.save(tmp_path / "model.h5")
    whole = (tmp_path / "model.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises((martlet.FormatError, martlet.FileError), match="cut.h5"):
        martlet.load_model(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(martlet.MartletError, match="model_config"):
        martlet.load_model(tmp_path / "foreign.h5")
    with pytest.raises(martlet.NotFoundError, match="x_train"):
        martlet.Dataset.open(tmp_path / "foreign.h5")
    with pytest.raises(ValueError, match="must not contain a NUL character"):
        martlet.load_model("a\0b.h5")


def test_a_layer_martlet_does_not_have(tmp_path):
    import keras

    keras.Sequential([keras.Input((8, 4)), keras.layers.LSTM(2, name="recalling")]).save(tmp_path / "model.h5")
    with pytest.raises(NotImplementedError, match="'recalling' is of class 'LSTM'"):
        martlet.load_model(tmp_path / "model.h5")


HARDSHIP = """
import os, resource, sys
import martlet
model = martlet.Sequential([martlet.Input((400,)), martlet.layers.Dense(100)], seed=1)
model.save("model.h5")
content = open("model.h5", "rb").read()
{hardship}
for path in ("model.h5", "new.h5"):
    try:
        model.save(path)
    except OSError as error:
        assert isinstance(error, martlet.MartletError), error
        assert path in str(error), error
    else:
        sys.exit("no error")
assert open("model.h5", "rb").read() == content
assert sorted(os.listdir(".")) == ["model.h5"], os.listdir(".")
print("fine")
"""


@pytest.mark.parametrize(
    "hardship",
    [
        # A limit on the size of files fails in the same calls as a full disk; Python ignores its signal.
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
        # Root may write everywhere, so it becomes nobody.
        "os.chmod('.', 0o555); os.getuid() or os.setuid(65534)",
    ],
    ids=["full disk", "read-only folder"],
)
def test_a_file_that_cannot_be_written(tmp_path, run_python, hardship):
    """An error, the old file as it was, nothing left behind, and the process ends as any other."""
    done = run_python("-c", HARDSHIP.format(hardship=hardship), cwd=tmp_path)
    tmp_path.chmod(0o755)
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)


def test_trainable_takes_truth_values():
    model = small()
    layer = model.layers[0]
    for no, yes in ((False, True), (np.False_, np.True_), (0, 1), (np.int32(0), np.int64(1))):
        layer.trainable = no
        assert layer.trainable is False
        model.trainable = yes
        assert layer.trainable is True
        assert layers.Dense(2, trainable=no).trainable is False


def test_a_sequential_is_frozen_before_it_has_layers():
    """As in Keras, whatever is added to it then is frozen too."""
    model = martlet.Sequential()
    assert model.trainable is True
    model.trainable = False
    assert model.trainable is False
    model.add(layers.Dense(3, "relu"))
    model.trainable = True
    assert model.layers[0].trainable is True
    model.trainable = False
    model.add(layers.Dense(2))
    assert model.trainable is False and not any(layer.trainable for layer in model.layers)
    model.compile("sgd", "mse")
    model.build((None, 4))
    before = model.get_weights()
    x, y = np.ones((5, 4)), np.ones((5, 2))
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    model.trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(before[-1], model.get_weights()[-1])


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: layers.Dense(0), ValueError, "units must be from 1 to .*, received 0"),
        (lambda: layers.Dense(2.5), TypeError, "units must be an integer, received 2.5"),
        (lambda: layers.Dense(2**63), ValueError, "units must be from 1 to"),
        (lambda: layers.Dense(2, "maxout"), ValueError, "Unknown activation: 'maxout'"),
        (lambda: layers.Dense(2, kernel_initializer="stft"), ValueError, "Unknown initializer: 'stft'"),
        (lambda: layers.Dense(2, kernel_regularizer="l3"), ValueError, "Unknown regularizer: 'l3'"),
        (lambda: layers.Dense(2, dilation=1), TypeError, "dilation"),
        (lambda: layers.Dense(2, trainable="no"), TypeError, "trainable must be True or False, received 'no'"),
        (lambda: setattr(layers.Dense(2), "trainable", None), TypeError, "True or False, received None"),
        (lambda: setattr(layers.Dense(2), "trainable", 0.0), TypeError, "True or False, received 0.0"),
        (lambda: setattr(layers.Dense(2), "trainable", 2), ValueError, "True or False, received 2"),
        (lambda: setattr(small(), "trainable", "no"), TypeError, "trainable must be True or False, received 'no'"),
        (lambda: martlet.Input(4), ValueError, r"Input shape must be a tuple such as \(4,\), received 4"),
        (lambda: martlet.Input((4, 0)), ValueError, "Input shape must be from 1"),
        (lambda: martlet.Input(()), ValueError, "at least one dimension"),
        (lambda: martlet.Input((None, 4)), TypeError, "Input shape must be an integer, received None"),
        (lambda: build(layers.Dense(2**62)), (ValueError, MemoryError), "dense"),
        (lambda: build(layers.Dropout(1.0)), ValueError, "rate is 1.0; it must be >= 0 and < 1"),
        (lambda: build(layers.Dropout(float("nan"))), ValueError, "rate"),
        (lambda: layers.Dropout("half"), TypeError, "rate must be a number, received 'half'"),
        (lambda: build(layers.LeakyReLU(-1)), ValueError, "alpha is -1.0; it must be finite and >= 0"),
        (lambda: build(layers.ELU(-0.5)), ValueError, "alpha is -0.5; it must be finite and >= 0"),
        (lambda: layers.ELU("one"), TypeError, "alpha must be a number, received 'one'"),
        (lambda: build(layers.Rescaling(float("inf"))), ValueError, "scale"),
        (lambda: build(layers.Rescaling(1, [1, 2, 3, float("nan")])), ValueError, r"offset\[3\] is nan"),
        (lambda: build(layers.Rescaling([1, 2, 3])), ValueError, r"scale_count is 3; rows of shape \[4\] take 1 or"),
        (lambda: build(layers.Rescaling([])), ValueError, "scale_count is 0"),
        (lambda: layers.Rescaling([[1], [2]]), ValueError, r"for each channel, received an array of shape \(2, 1\)"),
        (lambda: layers.Rescaling([[1, 2], [3]]), ValueError, "scale cannot be read as an array"),
        (lambda: layers.Rescaling("one"), TypeError, "scale must be a number, received 'one'"),
        (
            lambda: build(layers.Dense(2, kernel_regularizer=regularizers.L2(-1))),
            ValueError,
            "kernel_regularizer.l2 is -1.0",
        ),
        (lambda: build(layers.Normalization()), RuntimeError, "has no statistics: call adapt"),
        (lambda: build(layers.Normalization(mean=[1, 2], variance=[1, 2])), ValueError, "2.*4|4.*2"),
        (lambda: layers.Normalization(mean=[1, 2], variance=[1]), ValueError, "mean has 2 values, but variance has 1"),
        (lambda: build(layers.Dense(2, name="a"), layers.Dense(2, name="a")), ValueError, "'a'"),
        (lambda: build(layers.Dense(2, name="a/b")), ValueError, "a/b"),
        (lambda: build(layers.Dense(2, name="x" * 256)), ValueError, "255"),
        (lambda: martlet.Sequential(["dense"]), TypeError, "Sequential expects layers, received 'dense'"),
        (lambda: build(layers.Dense(2), martlet.Input((4,))), ValueError, "Input must be the first"),
        (lambda: martlet.Sequential().build(), ValueError, "has no layers"),
        (lambda: small(seed=-1), ValueError, "seed must be from 0"),
        (lambda: martlet.Dataset(np.ones((3, 2)), np.ones(4)), ValueError, "3.*4|4.*3"),
        (lambda: martlet.Dataset(np.ones((0, 2)), np.ones(0)), ValueError, r"x has shape \[0, 2\]"),
        (lambda: martlet.Dataset(np.ones((2,) * 9)), ValueError, "rank|dimension"),
        (lambda: martlet.Dataset(np.ones((3, 2))).rows(2, 2), ValueError, "2"),
        (lambda: martlet.Dataset(np.ones((3, 2)))[::2], ValueError, "steps of 1, received 2"),
        (lambda: martlet.Dataset(np.ones((3, 2))).split(1.5), ValueError, "fraction"),
    ],
)
def test_what_is_wrong_is_said(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def build(*chain):
    martlet.Sequential([martlet.Input((4,)), *chain]).build()


@pytest.fixture
def compiled():
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3, "softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


X, Y = np.ones((6, 4), np.float32), np.array([0, 1, 2, 0, 1, 2])
SPOILT = X.copy()
SPOILT[4, 2] = np.nan


@pytest.mark.parametrize(
    "x, y, message",
    [
        (np.ones((6, 5)), Y, r"x has rows of shape \[5\]; the model expects \[4\]"),
        (np.ones((6, 2, 2)), Y, r"x has rows of shape \[2, 2\]; the model expects \[4\]"),
        (X, Y[:5], "x has 6 rows, y has 5"),
        (X, np.array([0, 1, 2, 3, 0, 1]), "y has label 3 in row 3; the model has classes 0 to 2"),
        (X, np.array([0, 1, -1, 0, 0, 1]), "y has label -1 in row 2"),
        (X, np.array([0, 1, 0.5, 0, 0, 1]), r"y\[2\] is 0.5; class labels are whole numbers"),
        (X, np.eye(3)[Y], r"y has rows of shape \[3\] .* expects integer labels"),
        (SPOILT, Y, "x has a value that is NaN, infinite or too large for float32 in row 4"),
        (X[:0], Y[:0], r"x has shape \[0, 4\]; every dimension must be 1 or more"),
        (None, Y, "x and y must be given"),
        (X, None, "x and y must be given"),
        ("text", Y, "x must be an array"),
        (np.ones((6, 4), complex), Y, "x has dtype complex128"),
    ],
)
def test_data_that_do_not_fit(compiled, x, y, message):
    before = compiled.get_weights()
    with pytest.raises(ValueError, match=message):
        compiled.fit(x, y, verbose=0)
    if y is not None and x is not None and not isinstance(x, str):
        with pytest.raises(ValueError):
            compiled.evaluate(x, y)
        with pytest.raises(ValueError):
            compiled.train_on_batch(x, y)
    for one, two in zip(before, compiled.get_weights()):
        np.testing.assert_array_equal(one, two)
    compiled.fit(X, Y, verbose=0)  # a failed call leaves everything usable


@pytest.mark.parametrize(
    "x, message",
    [
        (np.ones((6, 5)), r"\[6, 5\]|rows of shape \[5\]"),
        (SPOILT, "x has a value that is NaN, infinite or too large for float32 in row 4"),
        (X[:0], r"x has shape \[0, 4\]"),
        (martlet.Dataset, "x must be"),
    ],
)
def test_predict_of_what_does_not_fit(compiled, x, message):
    with pytest.raises(ValueError, match=message):
        compiled.predict(x)
    assert compiled.predict(X).shape == (6, 3)


def test_wrong_arguments_of_fit(compiled):
    for arguments, message in [
        (dict(batch_size=7), "batch_size is 7, but the training data have 6 rows"),
        (dict(batch_size=-1), "batch_size is -1; it must be 0 or more"),
        (dict(epochs=0), "epochs must be from 1"),
        (dict(validation_split=1.0), "validation_split must be from 0 to 1, received 1.0"),
        (dict(validation_split=0.99), "leaves no row to train"),
        (dict(validation_data=X), r"validation_data must be \(x, y\), .* or a Dataset, received ndarray"),
        (dict(validation_data=(X[:, :3], Y)), r"rows of shape \[3\]; the model expects \[4\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            compiled.fit(X, Y, verbose=0, **arguments)
    with pytest.raises(TypeError, match="callbacks must be objects of martlet.callbacks.Callback"):
        compiled.fit(X, Y, verbose=0, callbacks=[print])


@pytest.mark.parametrize("rows, split", [(13, 0.1), (6, 0.5), (10, 0.3), (7, 0.7)])
def test_validation_split_of_fit_rounds_as_keras_does(rows, split):
    slicing = pytest.importorskip("keras.src.trainers.data_adapters.array_slicing", reason="Keras is not installed")
    x, y = np.arange(4.0 * rows).reshape(rows, 4), np.arange(rows) % 3
    (expected, _), (held_out, _) = slicing.train_validation_split((x, y), split)
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3, "softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(x / x.size, y, validation_split=split, batch_size=1, shuffle=False, verbose=0)
    assert history.progress[0].batches == len(expected)
    # The loss after the epoch, over the rows that Keras holds out and no others.
    own = model.evaluate(held_out / x.size, y[len(expected) :])
    assert history.history["val_loss"] == [pytest.approx(own, rel=1e-6)]


class Own(layers.Layer):
    """A layer as Keras' users write them."""

    def call(self, x):
        return x


def test_custom_layers_are_refused_by_name():
    model = martlet.Sequential([martlet.Input((4,)), Own(), layers.Dense(3)])
    with pytest.raises(NotImplementedError, match="layer 'own' is of the class Own.*custom layers are not supported"):
        model.build()
    x = martlet.Input((4,))
    with pytest.raises(martlet.UnsupportedError, match="layer 'mine' is of the class Own"):
        martlet.Model(x, Own(name="mine")(x))


def test_losses_of_ones_own_are_refused_with_the_way_to_have_them():
    class OwnLoss(martlet.losses.Loss):
        pass

    def squares(truth, prediction):
        return ((truth - prediction) ** 2).mean()

    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3)])
    for loss in (squares, OwnLoss, OwnLoss(), {"dense": squares}):
        with pytest.raises(ValueError, match=r"(squares|OwnLoss).*compile\(loss=None\).*make_trainer\(\)"):
            model.compile("sgd", [loss["dense"]] if isinstance(loss, dict) else loss)
    assert model.optimizer is None


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: martlet.optimizers.SGD("0.1"), "learning_rate"),
        (lambda: martlet.optimizers.SGD(np.str_("0.1")), "learning_rate"),
        (lambda: martlet.optimizers.Adam(beta_1=b"0.9"), "beta_1"),
        (lambda: martlet.optimizers.SGD(clipnorm="1"), "clipnorm"),
        (lambda: martlet.losses.Huber("2"), "delta"),
        (lambda: martlet.callbacks.ModelCheckpoint("m.h5", initial_value_threshold="1"), "initial_value_threshold"),
    ],
)
def test_text_is_no_number(make, name):
    with pytest.raises(TypeError, match=f"{name} must be a number, received .*'"):
        make()
    with pytest.raises(TypeError, match="units must be an integer, received '3'"):
        layers.Dense("3")


def test_wrong_arguments_of_compile():
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3, "softmax")], seed=1)
    with pytest.raises(ValueError, match="You must call `compile"):
        model.fit(X, Y)
    for arguments, message in [
        (("ftrl", "mse"), "Unknown optimizer: 'ftrl'"),
        (("sgd", "mape"), "Unknown loss: 'mape'"),
        (("sgd", "mse", ["sparse_categorical_accuracy"]), "does not apply to the loss 'mean_squared_error'"),
        (("sgd", "mse", ["precision"]), "Unknown metric: 'precision'"),
        (("sgd", "categorical_crossentropy", ["accuracy", "accuracy"]), "metrics must have different names"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.compile(*arguments)
    for optimizer, word in [
        (martlet.optimizers.SGD(-1), "learning_rate"),
        (martlet.optimizers.SGD(0.1, momentum=1.5), "momentum"),
        (martlet.optimizers.SGD(0.1, learning_rate_decay=0), "learning_rate_decay"),
        (martlet.optimizers.Adam(beta_1=1), "beta_1"),
        (martlet.optimizers.Adam(epsilon=0), "epsilon"),
        (martlet.optimizers.Adam(float("nan")), "learning_rate"),
    ]:
        model.compile(optimizer, "sparse_categorical_crossentropy")
        with pytest.raises(ValueError, match=word):
            model.fit(X, Y, verbose=0)
    model.compile("sgd", None)
    with pytest.raises(RuntimeError):
        model.fit(X, Y, verbose=0)


def test_a_loss_that_becomes_nan():
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3)], seed=1)
    model.compile(martlet.optimizers.SGD(1e30), "mse")
    with pytest.raises(martlet.NotFiniteError, match="(?i)epoch") as caught:
        model.fit(X, np.ones((6, 3)), epochs=50, verbose=0)
    assert isinstance(caught.value, FloatingPointError)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_cost_is_that_of_the_products():
    model = martlet.Sequential([martlet.Input((784,)), martlet.layers.Dense(360, "relu"), martlet.layers.Dense(10)])
    cost = model.cost(100)
    forward = 2 * (784 * 360 + 360 * 10)
    assert cost.prediction_flops == forward
    # Backward: the gradients of both kernels, and of the hidden layer; none of the input.
    assert cost.training_flops == 2 * forward + 2 * 360 * 10
    # Biases are padded to a cache line of 16 floats.
    assert cost.weight_bytes == 4 * (784 * 360 + 368 + 360 * 10 + 16)
    # Input, hidden values and output live together at least once; training keeps all of them.
    assert 4 * 100 * (784 + 10) <= cost.prediction_bytes <= 4 * 100 * (784 + 360 + 16)
    assert cost.training_bytes > cost.weight_bytes + cost.prediction_bytes
    # Three buffers, each rounded up to a cache line of 64 bytes.
    assert abs(model.cost(200).prediction_bytes - 2 * cost.prediction_bytes) <= 2 * 3 * 64
    assert f"{forward} to predict" in summary(model)
    with pytest.raises(ValueError, match="batch_size"):
        model.cost(0)
    with pytest.raises(MemoryError, match="more than memory can hold"):
        model.cost(2**60)
