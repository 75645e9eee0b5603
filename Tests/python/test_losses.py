"""Every loss, its options and the weights of rows and classes, beside Keras.

Tolerances are those of test_keras.py, where they are derived.
"""

import numpy as np
import pytest
from test_keras import (
    CLASSES,
    DENSE,
    LOGITS,
    PROBABILITIES,
    ROWS,
    STEP_ERROR,
    STEPS,
    assert_near,
    batches,  # noqa: F401 (a fixture)
    compare_training,
    one_hot,
    pair,
    trained_weights,
)

import martlet
from martlet import losses, metrics

keras = pytest.importorskip("keras", reason="Keras is not installed")

SIGMOIDS = ("Dense", {"units": CLASSES, "activation": "sigmoid"})
POSITIVE = ("Dense", {"units": CLASSES, "activation": "softplus"})


def numbers(y):
    return 2 * one_hot(y) - 0.5


def soft(y):
    """Probabilities with no zero among them."""
    return (0.8 * one_hot(y) + 0.2 / CLASSES).astype(np.float32)


# Network, class, arguments of the class, targets from labels.
LOSSES = {
    "mean absolute error": ([DENSE, LOGITS], "MeanAbsoluteError", {}, numbers),
    "Huber": ([DENSE, LOGITS], "Huber", {}, numbers),
    "Huber, delta": ([DENSE, LOGITS], "Huber", {"delta": 0.3}, numbers),
    "log cosh": ([DENSE, LOGITS], "LogCosh", {}, numbers),
    "Poisson": ([DENSE, SIGMOIDS], "Poisson", {}, one_hot),
    "KL divergence": ([DENSE, PROBABILITIES], "KLDivergence", {}, soft),
    "KL divergence, one-hot": ([DENSE, PROBABILITIES], "KLDivergence", {}, one_hot),
    "cosine similarity": ([DENSE, LOGITS], "CosineSimilarity", {}, numbers),
    "smooth categorical": ([DENSE, PROBABILITIES], "CategoricalCrossentropy", {"label_smoothing": 0.1}, one_hot),
    "smooth categorical, logits": (
        [DENSE, LOGITS], "CategoricalCrossentropy", {"label_smoothing": 0.3, "from_logits": True}, one_hot,
    ),
    "smooth binary": ([DENSE, SIGMOIDS], "BinaryCrossentropy", {"label_smoothing": 0.2}, one_hot),
    "smooth binary, logits": (
        [DENSE, LOGITS], "BinaryCrossentropy", {"label_smoothing": 0.2, "from_logits": True}, one_hot,
    ),
    "categorical focal": ([DENSE, PROBABILITIES], "CategoricalFocalCrossentropy", {}, one_hot),
    "categorical focal, logits": (
        [DENSE, LOGITS], "CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 1.5, "from_logits": True}, one_hot,
    ),
    "categorical focal, smooth": (
        [DENSE, PROBABILITIES], "CategoricalFocalCrossentropy", {"label_smoothing": 0.1}, one_hot,
    ),
    "binary focal": ([DENSE, SIGMOIDS], "BinaryFocalCrossentropy", {}, one_hot),
    "binary focal, logits": ([DENSE, LOGITS], "BinaryFocalCrossentropy", {"gamma": 3.0, "from_logits": True}, one_hot),
    "binary focal, balanced": (
        [DENSE, SIGMOIDS], "BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3}, one_hot,
    ),
    "binary focal, smooth": ([DENSE, SIGMOIDS], "BinaryFocalCrossentropy", {"label_smoothing": 0.1}, one_hot),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_train_as_in_keras(name, batches):  # noqa: F811
    network, kind, arguments, targets = LOSSES[name]
    theirs, ours = pair(*network)
    x, y = batches
    compare_training(
        theirs, ours, x, targets(y), getattr(keras.losses, kind)(**arguments), getattr(losses, kind)(**arguments)
    )


NAMES = [
    "mean_squared_error", "mse", "MSE", "mean_absolute_error", "mae", "MAE", "huber", "log_cosh", "poisson",
    "kl_divergence", "kld", "KLD", "cosine_similarity", "categorical_crossentropy", "binary_crossentropy", "bce", "BCE",
    "categorical_focal_crossentropy", "binary_focal_crossentropy", "categorical_hinge",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_and_values_are_keras(name, batches):  # noqa: F811
    theirs, ours = pair(DENSE, PROBABILITIES)
    x, y = batches
    for model in (theirs, ours):
        model.compile("sgd", name)
    found, expected = ours.evaluate(x[0], soft(y[0])), theirs.evaluate(x[0], soft(y[0]), verbose=0)
    assert found == pytest.approx(expected, rel=4 * STEP_ERROR)


def test_classes_by_name_and_by_class():
    for kind in losses._ALL:
        assert isinstance(losses.get(kind.__name__), kind) and isinstance(losses.get(kind), kind)
        assert kind.name == getattr(keras.losses, kind.__name__)().name or kind is losses.Huber
    with pytest.raises(ValueError, match="Unknown loss: 'ctc'"):
        losses.get("ctc")
    with pytest.raises(ValueError, match='reduction must be "sum_over_batch_size", received \'sum\''):
        losses.MeanSquaredError(reduction="sum")
    assert losses.Poisson(name="mine").name == "mine"


@pytest.mark.parametrize(
    "loss, word",
    [
        (losses.Huber(delta=0), "delta is 0.0; it must be"),
        (losses.CategoricalCrossentropy(label_smoothing=1.5), "label_smoothing is 1.5; it must be"),
        (losses.BinaryFocalCrossentropy(gamma=-1), "gamma is -1.0; it must be"),
        (losses.CategoricalFocalCrossentropy(alpha=float("nan")), "alpha is nan; it must be"),
        (losses.SparseCategoricalCrossentropy(class_weights=[1, 2]), "class_count is 2"),
        (losses.SparseCategoricalCrossentropy(class_weights=[1, 2, 3, 4, -1]), r"class_weights\[4\] is -1"),
    ],
)
def test_options_out_of_range(loss, word):
    _, ours = pair(DENSE, LOGITS)
    with pytest.raises(ValueError, match=word):
        martlet.Trainer(ours, "sgd", loss)


# Weights of rows and classes


def compiled(*network, loss="sparse_categorical_crossentropy", shown=("accuracy",)):
    theirs, ours = pair(*network)
    theirs.compile(keras.optimizers.SGD(0.1), loss, metrics=list(shown))
    ours.compile(martlet.optimizers.SGD(0.1), loss, metrics=list(shown))
    return theirs, ours


CLASS_WEIGHT = {0: 0.5, 1: 2.0, 3: 0.0, 4: 1.25}  # class 2: 1


@pytest.mark.parametrize("weights", ["sample_weight", "class_weight"])
def test_weights_on_batches(weights, batches, random):  # noqa: F811
    theirs, ours = compiled(DENSE, PROBABILITIES)
    start = trained_weights(theirs)
    x, y = batches
    for batch, labels in zip(x, y):
        given = {"sample_weight": random.random(ROWS).astype(np.float32)}
        if weights == "class_weight":
            given = {"class_weight": CLASS_WEIGHT}
        expected = theirs.train_on_batch(batch, labels, **given)
        assert ours.train_on_batch(batch, labels, **given) == pytest.approx(
            [float(v) for v in expected], rel=STEPS * STEP_ERROR
        )
    assert_near(ours.get_weights(), trained_weights(theirs), start, STEPS)


@pytest.mark.parametrize("targets", ["labels", "one-hot"])
def test_weights_in_fit_and_evaluate(targets, random):
    loss = "sparse_categorical_crossentropy" if targets == "labels" else "categorical_crossentropy"
    theirs, ours = compiled(DENSE, PROBABILITIES, loss=loss)
    start = trained_weights(theirs)
    x = random.normal(size=(70, 12)).astype(np.float32)
    y = random.integers(0, CLASSES, 70)
    y = y if targets == "labels" else one_hot(y)
    weights = random.random(70).astype(np.float32)
    arguments = dict(batch_size=16, epochs=3, shuffle=False, verbose=0)
    runs = [
        dict(sample_weight=weights[:50], validation_data=(x[50:], y[50:], weights[50:])),
        dict(class_weight=CLASS_WEIGHT, validation_data=(x[50:], y[50:])),
    ]
    for run in runs:
        expected = theirs.fit(x[:50], y[:50], **run, **arguments).history
        found = ours.fit(x[:50], y[:50], **run, **arguments).history
        assert found.keys() == expected.keys()
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name], rtol=24 * STEP_ERROR, err_msg=name)
    assert_near(ours.get_weights(), trained_weights(theirs), start, 24)
    expected = theirs.evaluate(x, y, sample_weight=weights, verbose=0)
    assert ours.evaluate(x, y, sample_weight=weights) == pytest.approx(expected, rel=24 * STEP_ERROR)


def test_a_split_takes_its_weights_along(random):
    theirs, ours = compiled(DENSE, PROBABILITIES)
    x, y = random.normal(size=(60, 12)).astype(np.float32), random.integers(0, CLASSES, 60)
    arguments = dict(
        batch_size=15, epochs=2, shuffle=False, verbose=0, validation_split=0.25,
        sample_weight=random.random(60).astype(np.float32),
    )  # fmt: skip
    expected = theirs.fit(x, y, **arguments).history
    for name, values in ours.fit(x, y, **arguments).history.items():
        np.testing.assert_allclose(values, expected[name], rtol=6 * STEP_ERROR, err_msg=name)


def test_both_weights_are_multiplied(random):
    """Keras refuses both at once; the product is what one would compute by hand."""
    results = []
    x, y = random.normal(size=(40, 12)).astype(np.float32), random.integers(0, CLASSES, 40)
    weights = random.random(40).astype(np.float32)
    by_class = np.array([CLASS_WEIGHT.get(label, 1) for label in y], np.float32)
    for given in (
        dict(sample_weight=weights, class_weight=CLASS_WEIGHT),
        dict(sample_weight=weights * by_class),
    ):
        _, ours = compiled(DENSE, PROBABILITIES)
        ours.fit(x, y, verbose=0, shuffle=False, validation_split=0.2, **given)
        results.append(ours.get_weights())
    for one, two in zip(*results):
        np.testing.assert_array_equal(one, two)


def test_weights_of_a_dataset_and_of_a_loss(random):
    """Sample weights set on a Dataset, and class weights given to the loss, are those of fit."""
    x, y = random.normal(size=(40, 12)).astype(np.float32), random.integers(0, CLASSES, 40)
    weights = random.random(40).astype(np.float32)
    results = []
    for way in ("arrays", "dataset"):
        _, ours = pair(DENSE, PROBABILITIES)
        if way == "arrays":
            ours.compile("sgd", "sparse_categorical_crossentropy")
            ours.fit(x, y, sample_weight=weights, class_weight=CLASS_WEIGHT, verbose=0, shuffle=False)
        else:
            factors = [CLASS_WEIGHT.get(label, 1.0) for label in range(CLASSES)]
            ours.compile("sgd", losses.SparseCategoricalCrossentropy(class_weights=factors))
            data = martlet.Dataset(x, y)
            data.set_sample_weights(weights)
            ours.fit(data, verbose=0, shuffle=False)
        results.append(ours.get_weights())
    for one, two in zip(*results):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)  # a factor more or less is rounded


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(sample_weight=np.ones(5)), r"sample_weight has shape \(5,\), but there are 6 rows"),
        (dict(sample_weight=[np.ones(6), np.ones(6)]), r"sample_weight must be one array \[N\]"),
        (dict(sample_weight={"y": np.ones(6)}), r"sample_weight must be one array \[N\]"),
        (dict(sample_weight=[1, 1, 1, -1, 1, 1]), r"sample_weight\[3\] is -1.0; .* must be finite and >= 0"),
        (dict(sample_weight=[1, 1, np.nan, -1, 1, 1]), r"sample_weight\[2\] is nan"),
        (
            dict(validation_data=(np.ones((2, 12)), np.zeros(2, int), [1, -np.inf])),
            r"validation_data\[2\]\[1\] is -inf; .* must be finite and >= 0",
        ),
        (dict(class_weight=[1, 2]), "class_weight must be a dict from class to weight, received list"),
        (dict(class_weight={0: "heavy"}), r"class_weight\[0\] must be a number, received 'heavy'"),
        (dict(class_weight={0: 1, 2: -1}), r"class_weight\[2\] is -1.0; .* must be finite and >= 0"),
        (dict(class_weight={0: np.inf}), r"class_weight\[0\] is inf"),
        (dict(class_weight={"0": 1}), "the key '0', which is no class; the classes are 0 to 4"),
        (dict(class_weight={1.5: 1}), "the key 1.5, which is no class; the classes are 0 to 4"),
        (dict(class_weight={5: 1}), "the key 5, which is no class; the classes are 0 to 4"),
        (dict(class_weight={-1: 1}), "the key -1, which is no class; the classes are 0 to 4"),
        (dict(validation_data=(1, 2, 3, 4)), r"validation_data must be \(x, y\), \(x, y, sample_weight\) or a Dataset"),
    ],
)
def test_wrong_weights(arguments, message):
    _, ours = compiled(DENSE, PROBABILITIES)
    before = ours.get_weights()
    with pytest.raises((ValueError, TypeError), match=message):
        ours.fit(np.ones((6, 12)), np.zeros(6, int), verbose=0, **arguments)
    for one, two in zip(before, ours.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_keys_of_class_weight():
    """Whole numbers of any type name classes; of a sigmoid's output there are two, of other numbers any may be one."""
    results = []
    for keys in (range(5), np.arange(5), np.arange(5.0), list(map(float, range(5)))):
        _, ours = compiled(DENSE, PROBABILITIES)
        weights = dict(zip(keys, [0.5, 2, 1, 0, 3]))
        ours.fit(np.ones((6, 12)), np.arange(6) % 5, verbose=0, shuffle=False, class_weight=weights)
        results.append(ours.get_weights())
    for other in results[1:]:
        for one, two in zip(results[0], other):
            np.testing.assert_array_equal(one, two)
    for loss, accepted in (("bce", False), ("mse", True)):
        model = martlet.Sequential([martlet.Input((2,)), martlet.layers.Dense(1, "sigmoid")])
        model.compile("sgd", loss)
        arguments = dict(class_weight={0: 1.0, 2: 2.0}, verbose=0)
        if accepted:
            model.fit(np.ones((4, 2)), [0, 1, 0, 2], **arguments)
        else:
            with pytest.raises(ValueError, match="the key 2, which is no class; the classes are 0 to 1"):
                model.fit(np.ones((4, 2)), [0, 1, 0, 1], **arguments)


# Metrics


@pytest.mark.parametrize(
    "network, loss, targets, shown",
    [
        ([DENSE, SIGMOIDS], "binary_crossentropy", one_hot, ["accuracy"]),
        ([DENSE, SIGMOIDS], "binary_crossentropy", one_hot, ["binary_accuracy"]),
        ([DENSE, LOGITS], "mse", one_hot, ["accuracy", "mse"]),
        ([DENSE, LOGITS], "mae", one_hot, ["acc", "mae"]),
        ([DENSE, PROBABILITIES], "kl_divergence", soft, ["categorical_accuracy", "kl_divergence"]),
        ([DENSE, ("Dense", {"units": 1, "activation": "sigmoid"})], "bce", lambda y: (y > 2).astype(int), ["accuracy"]),
        ([DENSE, ("Dense", {"units": 1, "activation": "sigmoid"})], "mse", lambda y: (y > 2).astype(int), ["accuracy"]),
    ],
)
def test_metrics_are_what_keras_takes_them_for(network, loss, targets, shown, batches):  # noqa: F811
    theirs, ours = compiled(*network, loss=loss, shown=shown)
    x, y = batches
    expected = theirs.evaluate(x[0], targets(y[0]), verbose=0, return_dict=True)
    found = ours.evaluate(x[0], targets(y[0]), return_dict=True)
    assert list(found) == ["loss", *shown]
    assert found == pytest.approx(expected, rel=4 * STEP_ERROR)


def test_metrics_that_do_not_apply():
    _, ours = pair(DENSE, LOGITS)
    for loss, shown, message in [
        ("mse", ["mae"], "metric 'mae' does not apply to the loss 'mean_squared_error'"),
        ("mse", ["sparse_categorical_accuracy"], "does not apply to the loss 'mean_squared_error'"),
        ("sparse_categorical_crossentropy", ["categorical_accuracy"], "does not apply"),
        (None, ["accuracy"], "does not apply to the loss 'no_loss'"),
        ("mse", [metrics.TopKCategoricalAccuracy(2, "a"), metrics.TopKCategoricalAccuracy(3, "b")], "agree on one k"),
    ]:
        with pytest.raises(ValueError, match=message):
            ours.compile("sgd", loss, metrics=shown)
    ours.compile("sgd", "bce", metrics=["binary_accuracy", "categorical_accuracy"])
    with pytest.raises(ValueError, match="are different kinds of accuracy; one output has one"):
        ours.evaluate(np.ones((6, 12)), np.ones((6, CLASSES)))
