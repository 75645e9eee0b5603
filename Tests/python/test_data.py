"""Dataset: arrays in place, HDF5 files, parts, statistics, class names."""

import gc

import h5py
import numpy as np
import pytest
from conftest import DIGITS

import martlet
from martlet import layers


def losses_of(dataset):
    """Something that depends on every number of a dataset."""
    model = martlet.Sequential([martlet.Input(dataset.x_shape), layers.Flatten(), layers.Dense(10, "softmax")], seed=2)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model.evaluate(dataset)


def test_arrays_are_used_in_place(random):
    x, y = random.random((6, 4), np.float32), np.arange(6)
    dataset = martlet.Dataset(x, y)
    before = losses_of(dataset)
    x *= 2
    changed = losses_of(dataset)
    assert changed != before
    assert changed == losses_of(martlet.Dataset(x.copy(), y))


def test_arrays_live_as_long_as_a_part_of_them(random):
    x, y = random.random((2000, 50)), random.integers(0, 10, 2000)
    expected = losses_of(martlet.Dataset(x[:1000].copy(), y[:1000].copy()))
    part = martlet.Dataset(x.copy(), y.copy()).rows(0, 1000)
    gc.collect()
    filler = [np.full((2000, 50), 7.0) for _ in range(20)]  # would lie where freed arrays were
    assert losses_of(part) == expected
    del filler


def test_shapes_and_parts(digits):
    dataset = martlet.Dataset(digits["x_train"], digits["y_train"])
    assert len(dataset) == 1437 and dataset.x_shape == (8, 8) and dataset.y_shape == ()
    assert len(dataset[100:300]) == 200 and len(dataset[-37:]) == 37
    assert losses_of(dataset[100:300]) == losses_of(
        martlet.Dataset(digits["x_train"][100:300], digits["y_train"][100:300])
    )
    first, last = dataset.split(0.25, shuffle=False)
    assert (len(first), len(last)) == (1437 - 359, 359)
    assert losses_of(last) == losses_of(dataset[-359:])
    one, again, other = (dataset.split(0.25, seed=seed)[1] for seed in (1, 1, 2))
    assert losses_of(one) == losses_of(again) != losses_of(other)
    assert martlet.Dataset(np.ones((3, 2)), np.ones((3, 4))).y_shape == (4,)
    with pytest.raises(martlet.NotFoundError):
        _ = martlet.Dataset(np.ones((3, 2))).y_shape


def test_hdf5_is_what_h5py_reads(digits):
    """Scaling comes from the attributes: 1/16 is exact, so the numbers are the same."""
    for part in ("train", "test"):
        dataset = martlet.Dataset.open(DIGITS, f"x_{part}", f"y_{part}")
        assert losses_of(dataset) == losses_of(martlet.Dataset(digits[f"x_{part}"], digits[f"y_{part}"]))
        assert dataset.class_names == list("0123456789")
    assert len(martlet.Dataset.open(DIGITS, "x_test", None)) == 360


@pytest.mark.parametrize("kind", ["i1", "u2", ">i4", "u8", "f4", ">f8"])
def test_hdf5_types_and_storage(tmp_path, random, kind):
    x = random.integers(0, 100, (50, 3, 4)).astype(kind)
    y = random.integers(0, 10, 50).astype("u1")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.create_dataset("group/x", data=x, chunks=(7, 3, 4), compression="gzip", shuffle=True)
        file["group/y"] = y
    dataset = martlet.Dataset.open(tmp_path / "data.h5", "group/x", "group/y")
    assert losses_of(dataset) == losses_of(martlet.Dataset(x, y))


def test_scaling(random):
    x, y = random.integers(0, 256, (40, 3), np.uint8), random.integers(0, 10, 40)
    scaled = martlet.Dataset(x, y, scale=0.25, offset=-1)
    assert losses_of(scaled) == losses_of(martlet.Dataset(x * np.float32(0.25) - 1, y))
    scaled.set_scaling(1)
    assert losses_of(scaled) == losses_of(martlet.Dataset(x, y))


@pytest.mark.parametrize(
    "axis, numpy_axis", [(-1, (0, 1, 2)), (3, (0, 1, 2)), (None, None), ((1, 2, 3), 0), ((-3, -2, -1), 0)]
)
def test_statistics_are_numpys(random, axis, numpy_axis):
    x = random.normal(3, 2, (100, 4, 3, 2)).astype(np.float32)
    mean, variance = martlet.Dataset(x).statistics(axis)
    exact = x.astype(np.float64)
    # Computed in float64 and rounded to float32 once.
    np.testing.assert_allclose(mean, exact.mean(numpy_axis), rtol=2.0**-23)
    np.testing.assert_allclose(variance, exact.var(numpy_axis), rtol=2.0**-23)
    assert mean.shape == exact.mean(numpy_axis).shape


@pytest.mark.parametrize("axis", [0, 1, (1, 2), 4])
def test_statistics_over_other_axes_are_refused(axis):
    with pytest.raises(ValueError, match=r"axis=.* is not supported for rows of shape \(4, 3, 2\): expected None"):
        martlet.Dataset(np.ones((5, 4, 3, 2))).statistics(axis)


def test_class_names(tmp_path, random):
    x, y = random.random((6, 4)), np.arange(6) % 3
    dataset = martlet.Dataset(x, y, class_names=["Äpfel", "b", "c"])
    assert dataset.class_names == ["Äpfel", "b", "c"]
    assert dataset[:3].class_names == ["Äpfel", "b", "c"]
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(3)], seed=1)
    assert model.class_names == []
    model.class_names = dataset.class_names
    model.save(tmp_path / "model.h5")
    assert martlet.load_model(tmp_path / "model.h5").class_names == ["Äpfel", "b", "c"]
    with pytest.raises(ValueError, match="count is 2; the first output of model 'sequential' has 3 classes"):
        model.class_names = ["a", "b"]
    with pytest.raises(TypeError, match="class_names must be a list of strings, received the string 'abc'"):
        model.class_names = "abc"


def test_normalization_adapts_as_keras_does(random):
    import keras

    x = random.normal(3, 2, (60, 4, 3, 2)).astype(np.float32)
    for axis in (-1, None, (1, 2, 3)):
        theirs = keras.layers.Normalization(axis=axis)
        theirs.adapt(x)
        ours = layers.Normalization(axis=axis)
        ours.adapt(martlet.Dataset(x) if axis is None else x)
        found = martlet.Sequential([martlet.Input((4, 3, 2)), ours]).predict(x)
        # Keras sums in float32 over up to 1,440 numbers; the outputs are of size 1.
        np.testing.assert_allclose(found, np.asarray(theirs(x)), atol=1440 * 2.0**-24)
    subtracting = martlet.Sequential([martlet.Input((4, 3, 2)), layers.Normalization(mean=x[0])])
    np.testing.assert_array_equal(subtracting.predict(x), x - x[0])
