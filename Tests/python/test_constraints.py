"""Constraints of weights beside Keras': trained weights, files, and what is refused. And regularisers by name."""

import json

import h5py
import numpy as np
import pytest
from test_keras import CLASSES, FEATURES, ROWS, STEPS, compare_training, put, trained_weights

import martlet
from martlet import constraints, layers, regularizers

keras = pytest.importorskip("keras", reason="Keras is not installed")

# Of the kernel and of the bias. The bias is a vector: it has axis 0 only.
CASES = {
    "max norm": (("MaxNorm", {"max_value": 0.5}), None),
    "max norm, default": (("MaxNorm", {}), ("MaxNorm", {})),
    "max norm, rows": (("MaxNorm", {"max_value": 0.75, "axis": 1}), ("MaxNorm", {"max_value": 0.1})),
    "max norm, last axis": (("MaxNorm", {"max_value": 0.75, "axis": -1}), None),
    "max norm, all": (("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}), None),
    "max norm 0": (("MaxNorm", {"max_value": 1.0}), ("MaxNorm", {"max_value": 0.0})),
    "non-negative": (("NonNeg", {}), ("NonNeg", {})),
    "unit norm": (("UnitNorm", {}), ("UnitNorm", {})),
    "unit norm, rows": (("UnitNorm", {"axis": 1}), ("NonNeg", {})),
}


def of(library, spec):
    return spec and getattr(library.constraints, spec[0])(**spec[1])


def constrained_pair(kernel, bias):
    """The same networks with the same start: pair() of test_keras makes no constraints, so they are made here."""
    models = []
    for library in (keras, martlet):
        hidden = library.layers.Dense(
            16, "tanh", kernel_constraint=of(library, kernel), bias_constraint=of(library, bias)
        )
        models.append(library.Sequential([library.Input((FEATURES,)), hidden, library.layers.Dense(CLASSES, "softmax")]))
    theirs, ours = models
    random = np.random.default_rng(3)
    start = [random.normal(0, 0.3, w.shape).astype(np.float32) for w in trained_weights(theirs)]
    put(theirs, start)
    ours.set_weights(start)
    return theirs, ours


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", CASES)
def test_weights_are_those_of_keras(name, optimizer, random):
    theirs, ours = constrained_pair(*CASES[name])
    x = random.normal(size=(STEPS, ROWS, FEATURES)).astype(np.float32)
    y = random.integers(0, CLASSES, (STEPS, ROWS))
    loss = "sparse_categorical_crossentropy"
    rates = {"sgd": 0.1, "adam": 0.01}
    both = tuple(library.optimizers.get(optimizer) for library in (keras, martlet))
    both[0].learning_rate = both[1].learning_rate = rates[optimizer]
    # A norm is one more sum in a step, and spreads the error of one weight over its vector: twice what test_keras allows.
    compare_training(theirs, ours, x, y, loss, loss, both, factor=8 if optimizer == "adam" else 2)


def configurations(path):
    with h5py.File(path) as file:
        found = json.loads(file.attrs["model_config"])["config"]["layers"]
    return [
        (layer["config"]["kernel_constraint"], layer["config"]["bias_constraint"])
        for layer in found
        if layer["class_name"] == "Dense"
    ]


@pytest.mark.parametrize("name", CASES)
def test_files_keep_them(name, tmp_path):
    """Ours, read and written again by Keras, read and written again by us."""
    _, ours = constrained_pair(*CASES[name])
    ours.save(tmp_path / "ours.h5")
    theirs = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    for found, spec in zip((theirs.layers[0].kernel_constraint, theirs.layers[0].bias_constraint), CASES[name]):
        expected = of(keras, spec)
        assert type(found) is type(expected)
        assert found is None or found.get_config() == expected.get_config()
    theirs.save(tmp_path / "theirs.h5")
    martlet.load_model(tmp_path / "theirs.h5").save(tmp_path / "again.h5")
    assert configurations(tmp_path / "again.h5") == configurations(tmp_path / "ours.h5")
    # And it is the loaded model that is constrained.
    again = martlet.load_model(tmp_path / "again.h5")
    again.compile("sgd", "sparse_categorical_crossentropy")
    ours.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.ones((4, FEATURES)), np.arange(4)
    assert again.train_on_batch(x, y) == ours.train_on_batch(x, y)
    for a, b in zip(again.get_weights(), ours.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_names():
    for name, kind in constraints._NAMES.items():
        assert type(constraints.get(name)) is kind
        assert type(constraints.get(kind.__name__)) is kind
        assert type(keras.constraints.get(name)).__name__ == kind.__name__
    assert constraints.get(None).kind == 0
    with pytest.raises(ValueError, match="Unknown constraint: 'max'.*max_norm, non_neg, unit_norm"):
        constraints.get("max")


def build(**arguments):
    martlet.Sequential([martlet.Input((4,)), layers.Dense(3, **arguments)]).build()


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: build(kernel_constraint=constraints.MaxNorm(-1)), ValueError, "kernel_constraint.value is -1.0"),
        (lambda: build(bias_constraint=constraints.MaxNorm(np.nan)), ValueError, "bias_constraint.value is nan"),
        (lambda: constraints.MaxNorm("big"), TypeError, "max_value must be a number, received 'big'"),
        (lambda: constraints.UnitNorm(axis=0.5), TypeError, "axis must be an integer, received 0.5"),
        (lambda: constraints.UnitNorm(axis=[0, 2]), ValueError, r"several adjacent ones.*received \[0, 2\]"),
        (lambda: constraints.UnitNorm(axis=[]), ValueError, r"received \[\]"),
        (lambda: constraints.UnitNorm(axis=2**31), ValueError, "axis must be from"),
        (
            lambda: build(kernel_constraint=constraints.UnitNorm(axis=2)),
            ValueError,
            r"layer 'dense'.*the constraint of weight 'kernel' is over axis 2; the weight has shape \[4, 3\]",
        ),
        (lambda: build(bias_constraint=constraints.UnitNorm(axis=-2)), ValueError, "'bias' is over axis -2"),
    ],
)
def test_bad_arguments(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("name, l1, l2", [("l1", 0.01, 0), ("l2", 0, 0.01), ("l1_l2", 0.01, 0.01)])
def test_regularizers_by_name(name, l1, l2, tmp_path):
    """The strengths that Keras 2 and 3 give them; and "l1_l2" is Keras' only as a function."""
    found = regularizers.get(name)
    assert (found.l1, found.l2) == (l1, l2)
    ours = martlet.Sequential([martlet.Input((4,)), layers.Dense(3, kernel_regularizer=name)])
    ours.save(tmp_path / "model.h5")
    theirs = keras.models.load_model(tmp_path / "model.h5", compile=False).layers[0].kernel_regularizer
    assert (getattr(theirs, "l1", 0), getattr(theirs, "l2", 0)) == pytest.approx((l1, l2))
    if name != "l1_l2":
        assert type(theirs) is type(keras.regularizers.get(name))


@pytest.mark.parametrize(("first", "last", "written"), [(0, -1, [0, 1]), (-2, 1, [0, 1]), (-1, 1, 1), (-1, -1, -1)])
def test_axes_counted_from_both_ends_are_kept_in_files(first, last, written):
    """The members of martlet_constraint may count from different ends; a file has the axes that were meant."""
    constraint = constraints.UnitNorm()
    constraint.first_axis, constraint.last_axis = first, last
    model = martlet.Sequential([martlet.Input((3,)), layers.Dense(2, kernel_constraint=constraint)])
    dense = json.loads(model.to_json())["config"]["layers"][-1]["config"]
    assert dense["kernel_constraint"]["config"]["axis"] == written
