"""Beside Keras: files in both directions, and weights after k steps of training from the same start.

How near two float32 trainings must stay, compared by norm: the roundings of a sum of n terms, which scatter, add up to a
relative error of about sqrt(n) u, with u = 2^-24. A step has a forward sum, a backward sum and a sum over the batch, one
after another, so its update is off by about 3 sqrt(n) u. Errors of k steps add up, and do not grow by themselves in so
few steps. So after k steps

    |W_ours - W_keras| <= k * 3 sqrt(n) u * |W_keras - W_start|,   n the longest sum of the network.

Adam and its like divide the gradient by its own size: there, what is a small error of a large array is a large one of its small
elements, which move as far as all others. 4 times as much is allowed for them.
"""

import numpy as np
import pytest

import martlet
from martlet import layers, losses, optimizers

keras = pytest.importorskip("keras", reason="Keras is not installed")

STEPS = 6
ROWS, FEATURES, CLASSES = 24, 12, 5
LONGEST_SUM = 32  # at most: rows of a batch, or units of a layer
UNIT = 2.0**-24
STEP_ERROR = 3 * np.sqrt(LONGEST_SUM) * UNIT


def pair(*names_and_arguments, shape=(FEATURES,), deviation=0.3):
    """The same Sequential in Keras and in Martlet, with the same weights: names of layer classes and their arguments."""
    models = []
    for library in (keras, martlet):
        model = library.Sequential([library.Input(shape)])
        for name, arguments in names_and_arguments:
            model.add(
                getattr(library.layers, name)(**{key: in_library(value, library) for key, value in arguments.items()})
            )
        models.append(model)
    theirs, ours = models
    random = np.random.default_rng(3)
    start = [random.normal(0, deviation, w.shape).astype(np.float32) for w in trained_weights(theirs)]
    for array, variable in zip(start, kept_variables(theirs)):
        if variable.name == "moving_variance":
            array[...] = 0.5 + abs(array)
    put(theirs, start)
    ours.set_weights(start)
    return theirs, ours


def in_library(value, library):
    """A regulariser written as ("L2", 0.1), and the like, in either library."""
    return (
        getattr(library.regularizers, value[0])(*value[1:])
        if isinstance(value, tuple) and isinstance(value[0], str)
        else value
    )


def kept_variables(model):
    """What training changes, in the order of the layers: weights, and moving statistics."""
    return [v for v in model.weights if v.trainable or v.name.startswith("moving_")]


def trained_weights(model):
    return [np.asarray(v) for v in kept_variables(model)]


def put(model, arrays):
    for variable, array in zip(kept_variables(model), arrays):
        variable.assign(array)


def assert_near(ours, theirs, start, steps, factor=1):
    bound = steps * STEP_ERROR * factor
    for a, b, w in zip(ours, theirs, start, strict=True):
        moved = np.linalg.norm(b - w)
        assert moved > 0
        assert np.linalg.norm(a - b) <= bound * moved, np.linalg.norm(a - b) / moved / bound


DENSE = ("Dense", {"units": 16, "activation": "tanh"})
LOGITS = ("Dense", {"units": CLASSES})
PROBABILITIES = ("Dense", {"units": CLASSES, "activation": "softmax"})
ROW_SHAPE = (3, 4)
ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "sigmoid", "tanh", "softmax", "elu", "selu", "softplus", "silu", "gelu", "hard_sigmoid",
    "exponential", "relu6", "hard_silu",
)  # fmt: skip

NETWORKS = {
    "linear": [PROBABILITIES],
    "no bias": [("Dense", {"units": 16, "use_bias": False}), PROBABILITIES],
    **{
        f"Dense {name}": [DENSE, ("Dense", {"units": 16, "activation": name}), PROBABILITIES]
        for name in ACTIVATIONS
    },
    **{
        f"Activation {name}": [DENSE, ("Dense", {"units": 16}), ("Activation", {"activation": name}), PROBABILITIES]
        for name in ACTIVATIONS
    },
    "ReLU": [("Dense", {"units": 16}), ("ReLU", {}), PROBABILITIES],
    **{
        f"ReLU {options}": [("Dense", {"units": 16}), ("ReLU", options), PROBABILITIES]
        for options in (
            {"max_value": 0.5},
            {"max_value": 0.75, "negative_slope": 0.1},
            {"threshold": 0.25},
            {"max_value": 0.75, "negative_slope": 0.1, "threshold": 0.25},
        )
    },
    "LeakyReLU": [("Dense", {"units": 16}), ("LeakyReLU", {"negative_slope": 0.1}), PROBABILITIES],
    "LeakyReLU default": [("Dense", {"units": 16}), ("LeakyReLU", {}), PROBABILITIES],
    "ELU": [("Dense", {"units": 16}), ("ELU", {"alpha": 0.5}), PROBABILITIES],
    "ELU default": [("Dense", {"units": 16}), ("ELU", {}), PROBABILITIES],
    "Softmax": [DENSE, LOGITS, ("Softmax", {})],
    "Rescaling": [("Rescaling", {"scale": 0.5, "offset": -0.25}), DENSE, PROBABILITIES],
    "Rescaling inside": [DENSE, ("Rescaling", {"scale": 1.5, "offset": 0.25}), PROBABILITIES],
    "Rescaling channels": [
        ("Rescaling", {"scale": np.linspace(0.5, 2, 12).tolist(), "offset": np.linspace(-1, 1, 12)}),
        ("Dense", {"units": 12, "activation": "tanh"}),
        ("Rescaling", {"scale": np.linspace(-1, 2, 12), "offset": 0.25}), PROBABILITIES,
    ],
    "Normalization": [("Normalization", {"mean": np.linspace(-1, 1, 12), "variance": np.linspace(0.5, 2, 12)}), PROBABILITIES],
    "Dropout 0": [DENSE, ("Dropout", {"rate": 0.0}), PROBABILITIES],
    "L1": [("Dense", {"units": 16, "activation": "tanh", "kernel_regularizer": ("L1", 0.01)}), PROBABILITIES],
    "L2": [("Dense", {"units": 16, "activation": "tanh", "kernel_regularizer": ("L2", 0.02)}), PROBABILITIES],
    "L1L2 on both": [
        ("Dense", {"units": 16, "kernel_regularizer": ("L1L2", 0.01, 0.02), "bias_regularizer": ("L2", 0.03)}),
        ("Dense", {"units": CLASSES, "activation": "softmax", "kernel_regularizer": ("L2", 0.01)}),
    ],
    "deep": [DENSE, ("Dense", {"units": 32, "activation": "relu"}), DENSE, PROBABILITIES],
}  # fmt: skip


@pytest.fixture
def batches(random):
    x = random.normal(size=(STEPS, ROWS, FEATURES)).astype(np.float32)
    return x, random.integers(0, CLASSES, (STEPS, ROWS))


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_train_as_in_keras(name, batches):
    theirs, ours = pair(*NETWORKS[name])
    compare_training(theirs, ours, *batches, "sparse_categorical_crossentropy", "sparse_categorical_crossentropy")


def compare_training(theirs, ours, x, y, keras_loss, loss, optimizer=None, factor=1):
    keras_optimizer, our_optimizer = optimizer or (keras.optimizers.SGD(0.1), optimizers.SGD(0.1))
    start = trained_weights(theirs)
    theirs.compile(keras_optimizer, keras_loss)
    ours.compile(our_optimizer, loss)
    for batch, labels in zip(x, y):
        expected = float(theirs.train_on_batch(batch, labels))
        found = ours.train_on_batch(batch, labels)
        # The loss is one more sum, over the rows, of what the weights have by then.
        assert found == pytest.approx(expected, rel=len(x) * STEP_ERROR * factor)
    assert_near(ours.get_weights(), trained_weights(theirs), start, len(x), factor)


def gelu_approximate(x):
    return keras.activations.gelu(x, approximate=True)


def test_approximate_gelu_trains_as_in_keras_and_goes_through_files(batches, tmp_path):
    """Keras has no name for it: a file calls it as KerasHub does, and Keras is told the function."""
    ours = martlet.Sequential(
        [
            martlet.Input((FEATURES,)),
            layers.Dense(16, "gelu_tanh"),
            layers.Activation("gelu_tanh"),
            layers.Dense(CLASSES, "softmax"),
        ]
    )
    ours.save(tmp_path / "ours.h5")
    with pytest.raises((TypeError, ValueError), match="gelu_approximate"):
        keras.models.load_model(tmp_path / "ours.h5", compile=False)
    known = {"gelu_approximate": gelu_approximate}
    theirs = keras.models.load_model(tmp_path / "ours.h5", custom_objects=known, compile=False)
    x, y = batches
    name = "sparse_categorical_crossentropy"
    compare_training(theirs, ours, x, y, name, name)
    registered = keras.saving.register_keras_serializable(package="keras_hub")(gelu_approximate)
    theirs = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(4, registered)])
    theirs.save(tmp_path / "theirs.h5")
    assert_same_output(martlet.load_model(tmp_path / "theirs.h5").predict(x[0]), theirs.predict(x[0], verbose=0))


@pytest.mark.parametrize(
    "rows", [(ROW_SHAPE, ()), (ROW_SHAPE, (("Flatten", {}),))], ids=["on the last axis", "flattened"]
)
def test_rows_of_higher_rank(rows, random):
    shape, chain = rows
    head = [*chain, DENSE, ("Flatten", {}), PROBABILITIES]
    theirs, ours = pair(*head, shape=shape)
    x = random.normal(size=(STEPS, ROWS, *shape)).astype(np.float32)
    name = "sparse_categorical_crossentropy"
    # Summed over the positions of the last axis as well as over the rows.
    compare_training(theirs, ours, x, random.integers(0, CLASSES, (STEPS, ROWS)), name, name, factor=shape[0])


def one_hot(y):
    return np.eye(CLASSES, dtype=np.float32)[y]


LOSSES = {
    "sparse, logits": ([DENSE, LOGITS], "SparseCategoricalCrossentropy", {"from_logits": True}, lambda y: y),
    "categorical": ([DENSE, PROBABILITIES], "CategoricalCrossentropy", {}, one_hot),
    "categorical, logits": ([DENSE, LOGITS], "CategoricalCrossentropy", {"from_logits": True}, one_hot),
    "categorical, soft targets": (
        [DENSE, PROBABILITIES], "CategoricalCrossentropy", {}, lambda y: 0.9 * one_hot(y) + np.float32(0.1 / CLASSES),
    ),
    "mean squared error": ([DENSE, LOGITS], "MeanSquaredError", {}, lambda y: 2 * one_hot(y) - 0.5),
    "binary": ([DENSE, ("Dense", {"units": CLASSES, "activation": "sigmoid"})], "BinaryCrossentropy", {}, one_hot),
    "binary, logits": ([DENSE, LOGITS], "BinaryCrossentropy", {"from_logits": True}, one_hot),
    "binary, one output": (
        [DENSE, ("Dense", {"units": 1, "activation": "sigmoid"})], "BinaryCrossentropy", {}, lambda y: (y > 2)[..., None],
    ),
    "hinge": ([DENSE, LOGITS], "CategoricalHinge", {}, one_hot),
    "linear support vector machine": (
        [("Dense", {"units": CLASSES, "kernel_regularizer": ("L2", 0.01)})], "CategoricalHinge", {}, one_hot,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_train_as_in_keras(name, batches):
    network, kind, arguments, targets = LOSSES[name]
    theirs, ours = pair(*network)
    x, y = batches
    y = targets(y)
    compare_training(theirs, ours, x, y, getattr(keras.losses, kind)(**arguments), getattr(losses, kind)(**arguments))


def test_hinge_takes_labels(batches):
    """Keras wants one-hot targets for it; labels must give the same."""
    theirs, ours = pair(DENSE, LOGITS)
    x, y = batches
    start = trained_weights(theirs)
    theirs.compile(keras.optimizers.SGD(0.1), "categorical_hinge")
    ours.compile(optimizers.SGD(0.1), "categorical_hinge")
    for batch, labels in zip(x, y):
        theirs.train_on_batch(batch, one_hot(labels))
        ours.train_on_batch(batch, labels)
    assert_near(ours.get_weights(), trained_weights(theirs), start, STEPS)


OPTIMIZERS = {
    "SGD": ("SGD", {"learning_rate": 0.05}, 1),
    "SGD default": ("SGD", {}, 1),
    "momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}, 1),
    "Nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}, 1),
    "Adam": ("Adam", {"learning_rate": 0.01}, 4),
    "Adam default": ("Adam", {}, 4),
    "Adam other": ("Adam", {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}, 4),
    "AMSGrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True}, 4),
    "AdamW": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}, 4),
    "Adamax": ("Adamax", {"learning_rate": 0.01}, 4),
    "Nadam": ("Nadam", {"learning_rate": 0.01}, 4),
    "RMSprop": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}, 4),
    "Adagrad": ("Adagrad", {"learning_rate": 0.1}, 4),
    "Adadelta": ("Adadelta", {"learning_rate": 1.0}, 4),
    "Lion": ("Lion", {"learning_rate": 0.01}, 4),
    "clipvalue": ("SGD", {"learning_rate": 0.5, "clipvalue": 0.01}, 1),
    "clipnorm": ("SGD", {"learning_rate": 0.5, "clipnorm": 0.1}, 1),
    "global_clipnorm": ("SGD", {"learning_rate": 0.5, "global_clipnorm": 0.1, "weight_decay": 0.01}, 1),
    "accumulation": ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 3}, 1),
    "EMA": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}, 1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_train_as_in_keras(name, batches):
    kind, arguments, factor = OPTIMIZERS[name]
    theirs, ours = pair(
        ("Dense", {"units": 16, "activation": "relu", "kernel_regularizer": ("L2", 0.01)}), PROBABILITIES
    )
    both = getattr(keras.optimizers, kind)(**arguments), getattr(optimizers, kind)(**arguments)
    loss = "sparse_categorical_crossentropy"
    compare_training(theirs, ours, *batches, loss, loss, both, factor)


def test_fit_is_keras_fit_without_shuffling(random):
    """Epochs with a smaller last batch, a validation split, metrics and a learning rate that falls every epoch."""
    x = random.normal(size=(70, FEATURES)).astype(np.float32)
    y = random.integers(0, CLASSES, 70)
    theirs, ours = pair(
        ("Dense", {"units": 16, "activation": "relu", "kernel_regularizer": ("L2", 0.01)}), PROBABILITIES
    )
    start = trained_weights(theirs)
    names = ["accuracy", "sparse_top_k_categorical_accuracy"]
    theirs.compile(
        keras.optimizers.SGD(0.1, momentum=0.5),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(3)],
    )
    ours.compile(
        optimizers.SGD(0.1, momentum=0.5, learning_rate_decay=0.8),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", martlet.metrics.SparseTopKCategoricalAccuracy(3)],
    )
    arguments = dict(batch_size=16, epochs=4, validation_split=0.2, shuffle=False, verbose=0)
    rates = keras.callbacks.LearningRateScheduler(lambda epoch, _: 0.1 * 0.8**epoch)
    expected = theirs.fit(x, y, callbacks=[rates], **arguments).history
    history = ours.fit(x, y, **arguments)
    steps = 4 * 4  # 56 rows are three batches of 16 and one of 8
    assert_near(ours.get_weights(), trained_weights(theirs), start, steps)
    assert list(history.history) == ["loss", *names, "val_loss", *(f"val_{name}" for name in names)]
    for name, values in history.history.items():
        np.testing.assert_allclose(values, expected[name], rtol=steps * STEP_ERROR, err_msg=name)
    np.testing.assert_allclose([p.learning_rate for p in history.progress], 0.1 * 0.8 ** np.arange(4), rtol=1e-12)
    # And evaluate, on the validation rows.
    found = ours.evaluate(x[56:], y[56:], return_dict=True)
    assert found == pytest.approx({name: expected[f"val_{name}"][-1] for name in ["loss", *names]}, rel=1e-4)


FILE_NETWORKS = {**{name: (FEATURES,) for name in NETWORKS}, "images": (4, 3, 2), "mean image": (4, 3, 2)}


def file_pair(name):
    if name == "images":
        return pair(
            ("Rescaling", {"scale": 1 / 255}), ("Normalization", {"mean": [0.4, 0.6], "variance": [0.1, 0.2]}),
            ("Flatten", {}), DENSE, ("Dropout", {"rate": 0.4}), PROBABILITIES, shape=(4, 3, 2),
        )  # fmt: skip
    if name == "mean image":
        random = np.random.default_rng(5)
        mean, variance = random.random((4, 3, 2)), random.random((4, 3, 2)) + 0.1
        theirs, ours = (
            library.Sequential(
                [
                    library.Input((4, 3, 2)),
                    library.layers.Normalization(axis=(1, 2, 3), mean=mean, variance=variance),
                    library.layers.Flatten(),
                    library.layers.Dense(CLASSES),
                ]
            )
            for library in (keras, martlet)
        )
        ours.set_weights(trained_weights(theirs))
        return theirs, ours
    return pair(*NETWORKS[name])


def assert_same_output(ours, theirs):
    """Within 2e-5 of the output's scale: what both promise for one file."""
    scale = np.abs(theirs).max()
    assert scale > 0
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize("name", FILE_NETWORKS)
def test_keras_opens_what_martlet_saves(name, tmp_path, random):
    _, ours = file_pair(name)
    ours.save(tmp_path / "model.h5")
    x = random.normal(size=(9, *FILE_NETWORKS[name])).astype(np.float32)
    theirs = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert_same_output(martlet.load_model(tmp_path / "model.h5").predict(x), ours.predict(x))


@pytest.mark.parametrize("name", FILE_NETWORKS)
def test_martlet_opens_what_keras_saves(name, tmp_path, random):
    theirs, _ = file_pair(name)
    theirs.save(tmp_path / "model.h5")
    x = random.normal(size=(9, *FILE_NETWORKS[name])).astype(np.float32)
    ours = martlet.load_model(tmp_path / "model.h5")
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert ours.count_params() == sum(w.size for w in trained_weights(theirs))


def test_compiled_and_trained_keras_models_open_too(tmp_path, random):
    """Their files hold the optimiser's state as well; and the functional form is another configuration."""
    inputs = keras.Input((FEATURES,), name="features")
    outputs = keras.layers.Dense(CLASSES, "softmax")(keras.layers.Dense(16, "relu", name="hidden")(inputs))
    theirs = keras.Model(inputs, outputs, name="functional_net")
    theirs.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = random.normal(size=(40, FEATURES)).astype(np.float32)
    theirs.fit(x, random.integers(0, CLASSES, 40), verbose=0)
    theirs.save(tmp_path / "model.h5")
    ours = martlet.load_model(tmp_path / "model.h5")
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert [layer.name for layer in ours.layers][:2] == ["features", "hidden"]
    assert [layer.class_name for layer in ours.layers] == ["InputLayer", "Dense", "Dense"]


def test_a_functional_martlet_model_opens_in_keras(tmp_path, random):
    inputs = martlet.Input((FEATURES,), name="features")
    outputs = layers.Dense(CLASSES, "softmax", name="head")(layers.Dense(16, "leaky_relu")(inputs))
    ours = martlet.Model(inputs, outputs, name="ours", seed=3)
    ours.save(tmp_path / "model.h5")
    theirs = keras.models.load_model(tmp_path / "model.h5", compile=False)
    x = random.normal(size=(9, FEATURES)).astype(np.float32)
    assert_same_output(ours.predict(x), theirs.predict(x, verbose=0))
    assert theirs.name == "ours" and theirs.layers[-1].name == "head"


def test_training_goes_on_in_keras_and_back(tmp_path, digits):
    """A model trained here is trained on there and comes back: each side starts with the other's accuracy."""
    martlet.utils.set_random_seed(4)
    ours = martlet.Sequential(
        [martlet.Input((8, 8)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(10, "softmax")]
    )
    ours.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    ours.fit(digits["x_train"], digits["y_train"], epochs=5, verbose=0)
    ours.save(tmp_path / "ours.h5")
    theirs = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    theirs.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    test = digits["x_test"], digits["y_test"]
    before = ours.evaluate(*test)
    assert theirs.evaluate(*test, verbose=0) == pytest.approx(before, rel=1e-4)
    theirs.fit(digits["x_train"], digits["y_train"], epochs=5, verbose=0)
    theirs.save(tmp_path / "theirs.h5")
    back = martlet.load_model(tmp_path / "theirs.h5")
    back.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    after = back.evaluate(*test)
    assert after == pytest.approx(theirs.evaluate(*test, verbose=0), rel=1e-4)
    assert after[0] < before[0]


def test_regularization_is_reported_apart(random):
    theirs, ours = pair(
        ("Dense", {"units": CLASSES, "activation": "softmax", "kernel_regularizer": ("L1L2", 0.01, 0.02)})
    )
    ours.compile("sgd", "sparse_categorical_crossentropy", metrics=["data_loss", "regularization_loss"])
    x, y = random.normal(size=(ROWS, FEATURES)), random.integers(0, CLASSES, ROWS)
    logs = ours.evaluate(x, y, return_dict=True)
    kernel = trained_weights(theirs)[0].astype(np.float64)
    # Float32 sums of 60 terms against float64.
    assert logs["regularization_loss"] == pytest.approx(
        0.01 * np.abs(kernel).sum() + 0.02 * (kernel**2).sum(), rel=60 * UNIT
    )
    assert logs["loss"] == pytest.approx(logs["data_loss"] + logs["regularization_loss"], rel=4 * UNIT)
