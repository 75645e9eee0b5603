"""Keras 3's .keras archives, and the state of optimisers in its own layout."""

import io
import json
import warnings
import zipfile

import numpy as np
import pytest

import martlet

keras = pytest.importorskip("keras", reason="Keras is not installed")


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())


def network():
    """Two inputs, a model in the model, and statistics that are weights in two places."""
    k = keras.layers
    start = keras.Input((4,))
    inside = k.Normalization(name="norm")
    inside.adapt(np.arange(12.0).reshape(3, 4))
    base = keras.Model(start, k.Dense(5, "tanh")(inside(start)), name="base")
    x, z = keras.Input((4,), name="x"), keras.Input((3,), name="z")
    outside = k.Normalization()
    outside.adapt(np.arange(9.0).reshape(3, 3))
    joined = k.Concatenate()([base(x), k.BatchNormalization()(outside(z))])
    return keras.Model([x, z], k.Dense(2)(joined))


@pytest.fixture
def rows(random):
    return [random.normal(size=(8, 4)).astype(np.float32), random.normal(size=(8, 3)).astype(np.float32)]


def test_model_and_weights(tmp_path, rows):
    theirs = network()
    theirs.save(tmp_path / "m.keras")
    expected = theirs.predict(rows, verbose=0)
    ours = martlet.load_model(tmp_path / "m.keras")
    assert_same(ours.predict(rows), expected)
    assert_same(martlet.models.model_from_bytes((tmp_path / "m.keras").read_bytes()).predict(rows), expected)
    ours.set_weights([0 * array for array in ours.get_weights()])
    ours.load_weights(tmp_path / "m.keras")
    assert_same(ours.predict(rows), expected)
    ours.save(tmp_path / "m.h5")
    assert_same(keras.models.load_model(tmp_path / "m.h5").predict(rows, verbose=0), expected)


def test_training_goes_on(tmp_path, rows, random):
    """Optimiser, loss and Adam's moments come along: the next steps are those of Keras."""
    theirs = network()
    theirs.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    y = random.normal(size=(8, 2)).astype(np.float32)
    for _ in range(3):
        theirs.train_on_batch(rows, y)
    theirs.save(tmp_path / "m.keras")
    theirs.save_weights(tmp_path / "m.weights.h5")
    ours = martlet.load_model(tmp_path / "m.keras")
    assert ours.optimizer.learning_rate == pytest.approx(0.01)
    again = martlet.load_model(tmp_path / "m.keras", compile=False)
    again.compile(martlet.optimizers.Adam(0.01), "mse")
    again.trainer().load_state(tmp_path / "m.weights.h5")
    for _ in range(3):
        theirs.train_on_batch(rows, y)
        ours.train_on_batch(rows, y)
        again.train_on_batch(rows, y)
    # Moments that were lost would change weights by the rate, 0.01.
    for array, other, expected in zip(ours.get_weights(), again.get_weights(), theirs.trainable_weights):
        assert array.shape == other.shape == tuple(expected.shape) or array.ndim == 1
    assert_same(ours.predict(rows), theirs.predict(rows, verbose=0))
    assert_same(again.predict(rows), theirs.predict(rows, verbose=0))


@pytest.mark.parametrize("inner", ["RandomFlip", "Dropout"])
def test_submodels_without_weights(inner, tmp_path, random):
    """Keras writes groups for them, which are empty."""
    k = keras.layers
    layer = k.RandomFlip() if inner == "RandomFlip" else k.Dropout(0.5)
    x = keras.Input((4, 4, 3))
    y = keras.Sequential([keras.Sequential([layer])])(x)
    theirs = keras.Model(x, k.Dense(2)(k.Flatten()(y)))
    images = random.normal(size=(3, 4, 4, 3)).astype(np.float32)
    for name in ("m.keras", "m.h5"):
        theirs.save(tmp_path / name)
        assert_same(martlet.load_model(tmp_path / name).predict(images), theirs.predict(images, verbose=0))
    theirs.save_weights(tmp_path / "m.weights.h5")
    ours = martlet.models.model_from_json(theirs.to_json())
    ours.load_weights(tmp_path / "m.weights.h5")
    assert_same(ours.predict(images), theirs.predict(images, verbose=0))


def packed(members, method=zipfile.ZIP_STORED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class OwnLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred - y_true)


@pytest.mark.parametrize(
    ("compiled", "change", "message"),
    [
        ({"loss": OwnLoss()}, None, "not understood .Unknown loss: 'own_loss'"),
        ({"loss": "mse"}, lambda config: config.pop("optimizer"), "not understood .it names no optimizer"),
        ({"loss": "mse"}, lambda config: config.update(optimizer=None), "not understood .it names no optimizer"),
        ({"loss": "mse"}, lambda config: config["optimizer"].pop("config"), "not understood .'config'"),
    ],
)
def test_a_compilation_that_cannot_be_used(compiled, change, message, tmp_path):
    """The model loads uncompiled, with a warning as for an .h5 file; without one if it was never compiled."""
    path = tmp_path / "m.keras"
    theirs = network()
    theirs.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert martlet.load_model(path).optimizer is None
        members = members_of(path)
        config = json.dumps({**json.loads(members["config.json"]), "compile_config": None})
        path.write_bytes(packed({**members, "config.json": config}))
        assert martlet.load_model(path).optimizer is None
    theirs.compile("adam", **compiled)
    theirs.save(path)
    if change is not None:
        members = members_of(path)
        config = json.loads(members["config.json"])
        change(config["compile_config"])
        path.write_bytes(packed({**members, "config.json": json.dumps(config)}))
    with pytest.warns(UserWarning, match=message) as warned:
        ours = martlet.load_model(path)
    assert ours.optimizer is None and [one.filename for one in warned] == [__file__]


def test_what_is_refused(tmp_path):
    network().save(tmp_path / "m.keras")
    whole = members_of(tmp_path / "m.keras")
    load = martlet.models.model_from_bytes

    def without(name):
        return {key: value for key, value in whole.items() if key != name}

    assert load(packed(whole)).output_shape == (None, 2)
    with pytest.raises(martlet.UnsupportedError, match="'config.json' packed"):
        load(packed(whole, zipfile.ZIP_DEFLATED))
    for name in ("config.json", "model.weights.h5"):
        with pytest.raises(martlet.FormatError, match=f"without '{name}'"):
            load(packed(without(name)))
    with pytest.raises(martlet.FormatError, match="not an HDF5 file"):
        load(packed({**whole, "model.weights.h5": b"x" * 2048}))
    with pytest.raises(martlet.FormatError, match="config"):
        load(packed({**whole, "config.json": b"{"}))
    with pytest.raises(martlet.FormatError, match="'config.json' is longer than a configuration may be"):
        load(packed({**whole, "config.json": b" " * (1 << 28)}))
    data = bytearray(packed(whole))
    place = data.index(b"class_name")
    data[place] ^= 1
    with pytest.raises(martlet.FormatError, match="'config.json' has another checksum"):
        load(bytes(data))


def test_damaged_archives(tmp_path, random):
    """Every cut, and bytes that are changed in what describes the members: an error, or the model as it was."""
    network().save(tmp_path / "m.keras")
    whole = packed(members_of(tmp_path / "m.keras"))
    load = martlet.models.model_from_bytes
    list_start = whole.rindex(b"PK\x01\x02", 0, whole.rindex(b"PK\x05\x06")) - 200
    cases = [whole[:length] for length in (4, 10, 21, 22, 1000, len(whole) - 22, len(whole) - 1)]
    for _ in range(300):
        data = bytearray(whole)
        place = int(random.integers(list_start, len(data)))
        data[place] = int(random.integers(256))
        cases.append(bytes(data))
    outcomes = set()
    for data in cases:
        try:
            outcomes.add(load(data).output_shape)
        except (martlet.FormatError, martlet.UnsupportedError):
            outcomes.add("refused")
    assert outcomes == {(None, 2), "refused"}
