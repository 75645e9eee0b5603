"""One-hot labels, names, and arrays on their way to the library."""

import numpy as np
import pytest

from martlet import _arrays, initializers, layers, losses, metrics, optimizers, regularizers, utils


@pytest.mark.parametrize(
    "labels, classes", [([0, 2, 1], None), ([[1], [0]], 4), ([[0, 1], [2, 2]], 3), ([1.0, 0.0], None)]
)
def test_to_categorical_is_keras(labels, classes):
    import keras

    ours = utils.to_categorical(labels, classes)
    np.testing.assert_array_equal(ours, keras.utils.to_categorical(labels, classes))
    assert ours.dtype == np.float32


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_to_categorical_refuses_labels_out_of_range(labels):
    with pytest.raises(ValueError, match="labels must be from 0 to 2, received"):
        utils.to_categorical(labels, 3)
    with pytest.raises(ValueError, match="whole numbers"):
        utils.to_categorical([0.5])


def test_contiguous_arrays_are_not_copied():
    for kind in (np.uint8, np.int32, np.int64, np.float32, np.float64):
        array = np.zeros((4, 3), kind)
        assert _arrays.supported(array, "x") is array
        frozen = array.copy()
        frozen.flags.writeable = False
        assert _arrays.supported(frozen, "x") is frozen


@pytest.mark.parametrize(
    "value",
    [
        np.arange(24, dtype=np.float32).reshape(4, 6)[:, ::2],
        np.asfortranarray(np.arange(12, dtype=np.float64).reshape(4, 3)),
        np.arange(12, dtype=">f4").reshape(4, 3),
        np.arange(12, dtype=">i8").reshape(4, 3),
        np.arange(12, dtype=np.float16).reshape(4, 3),
        np.arange(12, dtype=np.longdouble).reshape(4, 3),
        np.arange(-6, 6, dtype=np.int8).reshape(4, 3),
        np.arange(12, dtype=np.uint16).reshape(4, 3) + 65000,
        np.arange(12, dtype=np.uint32).reshape(4, 3) + 4294967280,
        np.arange(12, dtype=np.uint64).reshape(4, 3),
        np.arange(12).reshape(4, 3) % 2 == 0,
        [[1, 2], [3, 4]],
        [[1.5, 2], [3, 4]],
    ],
    ids=lambda value: str(getattr(value, "dtype", "list")),
)
def test_other_layouts_and_types_keep_their_values(value):
    array = _arrays.supported(value, "x")
    assert array.flags.c_contiguous and array.dtype in _arrays._CODES and array.dtype.isnative
    np.testing.assert_array_equal(array.astype(np.float64), np.asarray(value).astype(np.float64))


@pytest.mark.parametrize(
    "value, message",
    [
        ([[1, 2], [3]], "x cannot be read as an array"),
        (3, r"x must be an array \[N, ...\], received the single value 3"),
        (["a"], "x has dtype <U1; expected numbers"),
        (np.array([1j]), "x has dtype complex128; expected numbers"),
        (np.array([None]), "x has dtype object; expected numbers"),
        (np.array([2**63], np.uint64), "x holds 9223372036854775808, which does not fit"),
    ],
)
def test_what_is_no_array_of_numbers(value, message):
    with pytest.raises(ValueError, match=message):
        _arrays.supported(value, "x")


def test_labels_that_came_as_floats():
    np.testing.assert_array_equal(_arrays.labels(np.array([[1.0], [0.0]])), [[1], [0]])
    assert _arrays.labels(np.array([1.0])).dtype == np.int64
    one_hot = np.eye(3)
    assert _arrays.labels(one_hot) is one_hot
    for wrong in (0.5, np.nan, np.inf, 1e300):
        with pytest.raises(ValueError, match=r"y\[1\] is .*; class labels are whole numbers"):
            _arrays.labels(np.array([1, wrong]))


@pytest.mark.parametrize(
    "get, name, words",
    [
        (initializers.get, "xavier", "Unknown initializer: 'xavier'.*glorot_uniform"),
        (regularizers.get, "l3", "Unknown regularizer: 'l3'.*l1, l2, l1_l2"),
        (losses.get, "mape", "Unknown loss: 'mape'.*mean_squared_error"),
        (metrics.get, "auc", "Unknown metric: 'auc'.*accuracy"),
        (optimizers.get, "ftrl", "Unknown optimizer: 'ftrl'.*sgd, adam"),
        (optimizers.get, 3, "Unknown optimizer: 3"),
        (layers.Activation, "mish", "Unknown activation: 'mish'.*relu"),
        (layers.Activation, ["relu"], "Unknown activation"),
    ],
)
def test_unknown_names(get, name, words):
    with pytest.raises(ValueError, match=words):
        get(name)


def test_names_classes_and_objects_are_the_same_thing():
    for given in ("glorot_uniform", "GlorotUniform", initializers.GlorotUniform, initializers.GlorotUniform()):
        assert isinstance(initializers.get(given), initializers.GlorotUniform)
    for given in ("mse", "mean_squared_error", losses.MeanSquaredError):
        assert isinstance(losses.get(given), losses.MeanSquaredError)
    for given in ("sgd", "SGD"):
        assert isinstance(optimizers.get(given), optimizers.SGD)
    assert isinstance(optimizers.get("adam"), optimizers.Adam)


def test_seeds_of_their_own_are_refused_not_ignored():
    for make in (lambda: initializers.HeNormal(seed=1), lambda: layers.Dropout(0.5, seed=1)):
        with pytest.raises(ValueError, match="takes no seed of its own.*set_random_seed"):
            make()
