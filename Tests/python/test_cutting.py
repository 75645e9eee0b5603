"""Models cut in two, and features that a frozen part computes once."""

import h5py
import numpy as np
import pytest

import martlet
from martlet import layers


def network(*before, name="m"):
    """Two branches that meet in "features", then a head."""
    x = martlet.Input((6,))
    y = x
    for layer in before:
        y = layer(y)
    y = layers.Add(name="sum")([layers.Dense(4, "tanh", name="a")(y), layers.Dense(4, name="b")(y)])
    y = layers.Dense(5, "relu", name="features")(y)
    return martlet.Model(x, layers.Dense(3, "softmax", name="head")(y), name=name)


@pytest.fixture
def rows(random):
    return random.normal(size=(20, 6)).astype(np.float32)


@pytest.mark.parametrize("place", ["sum", "features", "input"])
def test_parts_make_the_whole(place, rows):
    model = network()
    lower, upper = model.cut(place)
    np.testing.assert_allclose(upper.predict(lower.predict(rows)), model.predict(rows), rtol=0, atol=1e-6)
    assert (lower.name, upper.name) == ("m", "m_head")
    assert upper.layers[0].name == place and upper.input_shape == lower.output_shape
    assert lower.count_params() + upper.count_params() == model.count_params()
    x = martlet.Input((6,))
    again = martlet.Model(x, upper(lower(x)))
    np.testing.assert_array_equal(again.predict(rows), upper.predict(lower.predict(rows)))


def test_parts_with_submodels(rows):
    base = network(name="base")
    x = martlet.Input((6,))
    y = layers.Dense(6, name="first")(x)
    whole = martlet.Model(x, layers.Dense(2, name="last")(base(y)))
    expected = whole.predict(rows)
    for place, kept in (("base", "last"), ("first", "base")):
        lower, upper = whole.cut(place)
        np.testing.assert_allclose(upper.predict(lower.predict(rows)), expected, rtol=0, atol=1e-6)
        assert kept in [layer.name for layer in upper.layers]
    with pytest.raises(ValueError, match="inside a submodel; get_layer makes a model"):
        whole.cut("base/features")
    assert whole.get_layer("base").cut("features")[1].layers[0].name == "features"


def test_where_models_cannot_be_cut(rows):
    model = network()
    with pytest.raises(ValueError, match="'b' reads 'input', which is before it"):
        model.cut("a")
    with pytest.raises(ValueError, match="it has an output before or there"):
        model.cut("head")
    with pytest.raises(martlet.NotFoundError, match="has no layer 'tail'"):
        model.cut("tail")
    x = martlet.Input((3,))
    shared = layers.Dense(3, name="shared")
    y = layers.Dense(3, name="between")(shared(x))
    twice = martlet.Model(x, layers.Dense(1)(shared(y)))
    with pytest.raises(ValueError, match="layer 'shared' is applied on both sides"):
        twice.cut("between")
    with pytest.raises(ValueError, match="it is applied 2 times"):
        twice.cut("shared")


@pytest.mark.parametrize("labels", ["uint8", "int64", "float32", None])
def test_features_are_written(labels, rows, random, tmp_path):
    lower, upper = network().cut("features")
    lower.trainable = False
    y = None if labels is None else random.integers(0, 3, 20).astype(labels)
    lower.write_features(rows, tmp_path / "features.h5", y)
    with h5py.File(tmp_path / "features.h5") as file:
        np.testing.assert_array_equal(file["x"][:], lower.predict(rows))
        assert (labels is None) == ("y" not in file)
        if labels is not None:
            np.testing.assert_array_equal(file["y"][:], y)
            assert file["y"].dtype == ("float32" if labels == "float32" else "int64")
    if labels == "int64":
        data = martlet.Dataset.open(tmp_path / "features.h5", "x", "y")
        upper.compile("sgd", "sparse_categorical_crossentropy")
        assert np.isfinite(upper.fit(data, epochs=2, verbose=0).history["loss"]).all()


def test_features_of_chosen_rows(rows, tmp_path):
    """Rows, scaling and names are those of the dataset."""
    lower, _ = network().cut("sum")
    lower.trainable = False
    data = martlet.Dataset(rows, np.arange(20) % 3, scale=0.5, class_names=["a", "b", "c"]).split(0.25, seed=3)[0]
    lower.write_features(data, tmp_path / "features.h5")
    with h5py.File(tmp_path / "features.h5") as file:
        x, y = file["x"][:], file["y"][:]
        assert list(file["y"].attrs["class_names"]) == ["a", "b", "c"]
    places = [int(np.argmin(np.abs(lower.predict(rows * 0.5) - row).max(axis=1))) for row in x]
    assert len(set(places)) == 15
    np.testing.assert_array_equal(y, np.array(places) % 3)


RANDOM = [
    layers.Dropout(0.5), layers.GaussianNoise(0.1),
]  # fmt: skip


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: layer.class_name)
def test_features_that_would_differ_are_refused(layer, rows, tmp_path):
    lower, _ = network(layer).cut("features")
    lower.trainable = False
    with pytest.raises(ValueError, match=rf"\({layer.class_name}\) of model 'm' is random in training"):
        lower.write_features(rows, tmp_path / "f.h5")
    assert not (tmp_path / "f.h5").exists()


def test_what_is_refused(rows, tmp_path):
    lower, _ = network(layers.Dropout(0.0)).cut("features")
    with pytest.raises(ValueError, match=r"layer 'a' \(Dense\) of model 'm' is trained.*with trainable = False"):
        lower.write_features(rows, tmp_path / "f.h5")
    lower.trainable = False
    with pytest.raises(martlet.UnsupportedError, match="whole numbers below 2\\^24"):
        lower.write_features(rows, tmp_path / "f.h5", np.full(20, 2**25))
    with pytest.raises(ValueError, match="y holds NaN"):
        lower.write_features(rows, tmp_path / "f.h5", np.full(20, np.nan, np.float32))
    with pytest.raises(FileNotFoundError):
        lower.write_features(rows, tmp_path / "no" / "f.h5")
    x = martlet.Input((6,))
    two = martlet.Model(x, [layers.Flatten()(x), layers.Activation("relu")(x)])
    with pytest.raises(ValueError, match="has 2 outputs; features are those of 1"):
        two.write_features(rows, tmp_path / "f.h5")
    image = martlet.Sequential([martlet.Input((4, 4, 1)), layers.RandomFlip(), layers.Flatten()])
    with pytest.raises(ValueError, match=r"\(RandomFlip\).*is random"):
        image.write_features(np.zeros((2, 4, 4, 1), np.float32), tmp_path / "f.h5")
    assert not list(tmp_path.iterdir())
