"""Files of weights alone, beside Keras: both layouts, both directions, by order and by name, and what does not fit."""

import h5py
import numpy as np
import pytest

import martlet
from martlet import layers

FEATURES, CLASSES = 6, 3


def ours(*, names=("hidden", "head"), units=5, bias=True, seed=1):
    return martlet.Sequential(
        [
            martlet.Input((FEATURES,)),
            layers.Dense(units, "relu", name=names[0]),
            layers.Dropout(0.3),
            layers.Dense(CLASSES, use_bias=bias, name=names[1]),
        ],
        seed=seed,
    )


@pytest.fixture
def theirs():
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(5, "relu", name="hidden"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(CLASSES, name="head"),
        ]
    )
    for variable in model.trainable_variables:  # biases too
        variable.assign(np.random.default_rng(len(variable.shape)).normal(size=variable.shape))
    return model


def save_as_keras_2(model, path, *groups):
    """What save_weights("w.h5") wrote, by Keras' own code, which Keras 3 calls for files of whole models only."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file.create_group(groups[0]) if groups else file, model)


def assert_equal_weights(model, arrays):
    for one, two in zip(model.get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(one, np.asarray(two))


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
@pytest.mark.parametrize("by_name", [False, True])
def test_round_trip(name, by_name, tmp_path):
    model = ours()
    model.save_weights(tmp_path / name)
    other = ours(seed=2)
    other.load_weights(tmp_path / name, by_name=by_name)
    assert_equal_weights(other, model.get_weights())
    content = (tmp_path / name).read_bytes()
    other.save_weights(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content  # same weights, same bytes
    with pytest.raises(FileExistsError, match=name):
        model.save_weights(tmp_path / name, overwrite=False)


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_keras_loads_weights_of_martlet(name, tmp_path, theirs):
    model = ours()
    model.save_weights(tmp_path / name)
    theirs.load_weights(tmp_path / name)
    assert_equal_weights(model, theirs.trainable_variables)
    if name == "w.h5":
        theirs.load_weights(tmp_path / name, by_name=True)


@pytest.mark.parametrize("kind", ["Keras 3", "Keras 2", "Keras 2, inside a group", "a whole model"])
@pytest.mark.parametrize("by_name", [False, True])
def test_martlet_loads_weights_of_keras(kind, by_name, tmp_path, theirs):
    path = tmp_path / ("w.weights.h5" if kind == "Keras 3" else "w.h5")
    if kind == "Keras 3":
        theirs.save_weights(path)
    elif kind == "a whole model":
        theirs.compile("adam", "mse")
        theirs.fit(np.ones((8, FEATURES)), np.ones((8, CLASSES)), verbose=0)
        theirs.save(path)
    else:
        save_as_keras_2(theirs, path, *(["model_weights"] if "group" in kind else []))
    model = ours()
    model.load_weights(path, by_name=by_name)
    assert_equal_weights(model, theirs.trainable_variables)
    # By order names do not matter; by name the layers that are not there keep their weights.
    renamed = ours(names=("other", "head"))
    before = renamed.get_weights()
    renamed.load_weights(path, by_name=by_name)
    expected = list(theirs.trainable_variables)
    assert_equal_weights(renamed, [*before[:2], *expected[2:]] if by_name else expected)


def test_skip_mismatch(tmp_path):
    model, narrow = ours(), ours(units=4, seed=2)
    model.save_weights(tmp_path / "w.h5")
    before = narrow.get_weights()
    with pytest.warns(UserWarning) as warned:  # no array of them has the same shape but the last
        narrow.load_weights(tmp_path / "w.h5", skip_mismatch=True)
    texts = [str(one.message) for one in warned]
    assert [text[: text.index(":")] for text in texts] == [f"Layer '{n}' keeps its weights" for n in ("hidden", "head")]
    assert "/hidden/hidden/kernel:0 has shape [6, 5]; expected [6, 4], that of 'kernel' of layer 'hidden'" in texts[0]
    assert {one.filename for one in warned} == {__file__}
    assert_equal_weights(narrow, before)
    wide = martlet.Sequential(
        [martlet.Input((FEATURES,)), layers.Dense(5, name="hidden"), layers.Dense(7, name="head")], seed=3
    )
    before = wide.get_weights()
    with pytest.warns(UserWarning, match=r"Layer 'head' keeps .*\[5, 3\]; expected \[5, 7\]") as warned:
        wide.load_weights(tmp_path / "w.h5", by_name=True, skip_mismatch=True)
    assert len(warned) == 1
    assert_equal_weights(wide, [*model.get_weights()[:2], *before[2:]])


@pytest.mark.parametrize("option", ["by_name", "skip_mismatch"])
def test_options_are_true_or_false(option, tmp_path):
    model = ours()
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(TypeError, match=f"{option} must be True or False, received 'no'"):
        model.load_weights(tmp_path / "w.h5", **{option: "no"})


def chain(*names):
    return martlet.Sequential([martlet.Input((FEATURES,)), *(layers.Dense(5, name=name) for name in names)])


SHALLOW, DEEP = chain("hidden"), chain("dense", "dense_1", "dense_2")
SHAPES = r"has shape \[6, 5\]; expected \[6, 4\], that of 'kernel' of layer 'hidden'"
MISFITS = [
    ("w.h5", ours(units=4), False, f"/hidden/hidden/kernel:0 {SHAPES}"),
    ("w.h5", ours(units=4), True, f"/hidden/hidden/kernel:0 {SHAPES}"),
    ("w.h5", ours(bias=False), False, r"2 weights \('head/kernel:0', 'head/bias:0'\); layer 'head' has 1 \('kernel'\)"),
    ("w.h5", DEEP, False, r"2 layers with weights \('hidden', 'head'\); .* has 3 \('dense', 'dense_1', 'dense_2'\)"),
    ("w.h5", SHALLOW, False, r"2 layers with weights \('hidden', 'head'\); model 'sequential' has 1 \('hidden'\)"),
    ("w.h5", ours(names=("a", "b")), True, "has no layer of a name .* it names 'dropout', 'head', 'hidden'"),
    ("w.weights.h5", ours(units=4), False, f"/layers/dense/vars/0 {SHAPES}"),
    ("w.weights.h5", ours(units=4), True, f"/layers/dense/vars/0 {SHAPES}"),
    ("w.weights.h5", ours(bias=False), False, r"dense_1/vars holds 2 weights .*; layer 'head' has 1 \('kernel'\)"),
    ("w.weights.h5", DEEP, False, "has no 'dense_2/vars'; it holds 'dense', 'dense_1'"),
    ("w.weights.h5", SHALLOW, False, "holds weights in 'dense_1', for which model 'sequential' has no layer"),
    ("w.weights.h5", ours(names=("a", "b")), True, "has no layer of a name .* it names 'head', 'hidden'"),
]


@pytest.mark.parametrize("name, model, by_name, message", MISFITS)
def test_weights_that_do_not_fit(name, model, by_name, message, tmp_path):
    ours().save_weights(tmp_path / name)
    before = model.get_weights()
    with pytest.raises(martlet.FormatError, match=message) as caught:
        model.load_weights(tmp_path / name, by_name=by_name)
    assert name in str(caught.value)
    assert_equal_weights(model, before)


def test_checkpoints_of_weights(tmp_path, random):
    model = ours()
    model.compile("sgd", "mse")
    path = tmp_path / "w{epoch}.weights.h5"
    x, y = random.normal(size=(8, FEATURES)), random.normal(size=(8, CLASSES))
    model.fit(
        x, y, epochs=2, verbose=0, callbacks=[martlet.callbacks.ModelCheckpoint(path, save_weights_only=True)]
    )
    last, first = ours(seed=2), ours(seed=2)
    last.load_weights(tmp_path / "w2.weights.h5")
    assert_equal_weights(last, model.get_weights())
    first.load_weights(tmp_path / "w1.weights.h5")
    assert not np.array_equal(first.get_weights()[0], model.get_weights()[0])


def test_a_failed_load_changes_nothing(tmp_path):
    """The last array is not finite: those before it have been read by then."""
    path = tmp_path / "w.h5"
    ours().save_weights(path)
    with h5py.File(path, "r+") as file:
        file["head/head/bias:0"][1] = np.nan
    model = ours(seed=2)
    before = model.get_weights()
    with pytest.raises(martlet.FormatError, match="/head/head/bias:0 holds NaN or infinite weights"):
        model.load_weights(path)
    assert_equal_weights(model, before)


def test_files_without_weights(tmp_path):
    model = ours()
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        for number in range(12):
            file[f"x{number:02}"] = number
    for name, kind, message in [
        ("missing.h5", FileNotFoundError, "missing.h5"),
        ("foreign.h5", martlet.FormatError, "there are no weights of Keras; it holds 'x00', 'x01', .*'x09' and 2 more"),
    ]:
        with pytest.raises(kind, match=message):
            model.load_weights(tmp_path / name)
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(martlet.UnsupportedError, match="with load_weights"):
        martlet.load_model(tmp_path / "w.h5")
    with pytest.raises(martlet.FormatError, match="no attribute 'model_config'.*it holds 'x00'"):
        martlet.load_model(tmp_path / "foreign.h5")
    with pytest.raises(ValueError, match="is not built"):
        martlet.Sequential([layers.Dense(2)]).load_weights(tmp_path / "w.h5")
