"""Models as layers of models, beside Keras: in files both ways, trained, frozen, shared, edited.

Predictions agree within 2e-5 of the output's scale, what both promise for one file.
"""

import json

import h5py
import numpy as np
import pytest

import martlet
from martlet import layers

keras = pytest.importorskip("keras", reason="Keras is not installed")


def assert_same(ours, theirs, tolerance=2e-5):
    scale = np.abs(theirs).max()
    assert scale > 0
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


def their_base(frozen=()):
    """Two results, a Sequential inside, a layer that is frozen alone, and names that are in the other models too."""
    k = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    y = k.BatchNormalization(name="bn")(k.Conv2D(4, 3, name="a")(x))
    y = k.SeparableConv2D(5, 3, name="s")(y)
    inner = keras.Sequential(
        [keras.Input((4, 4, 5)), k.Conv2D(2, 1, name="a"), k.BatchNormalization(name="inner_bn")], name="inner"
    )
    base = keras.Model(x, [inner(y), y], name="base")
    for name in frozen:
        base.get_layer(name).trainable = False
    return base


def theirs_with(base, random, **call):
    k = keras.layers
    x, other = keras.Input((8, 8, 3), name="x"), keras.Input((8, 8, 3), name="other")
    p, q = base(x, **call)
    r, _ = base(other)
    joined = k.Concatenate()([k.Flatten()(p), k.Flatten()(q), k.Flatten()(r)])
    model = keras.Model([x, other], k.Dense(2, name="a")(joined), name="outer")
    for variable in model.weights:
        variable.assign(random.uniform(0.3, 1.0, variable.shape))
    return model


def rows(random, count=4):
    return [random.normal(size=(count, 8, 8, 3)).astype(np.float32) for _ in range(2)]


FROZEN = [(), ("a",), ("bn", "inner"), ("a", "bn", "s", "inner")]


@pytest.mark.parametrize("frozen", FROZEN)
def test_files_of_keras_and_back(frozen, tmp_path, random):
    theirs = theirs_with(their_base(frozen), random)
    x = rows(random)
    expected = theirs.predict(x, verbose=0)
    theirs.save(tmp_path / "theirs.h5")
    ours = martlet.load_model(tmp_path / "theirs.h5")
    assert_same(ours.predict(x), expected)
    base = ours.get_layer("base")
    assert [layer.name for layer in base.layers] == [layer.name for layer in theirs.get_layer("base").layers]
    assert [not layer.trainable for layer in base.layers if layer.name in ("a", "bn", "s", "inner")] == [
        name in frozen for name in ("a", "bn", "s", "inner")
    ]
    ours.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    assert_same(again.predict(x, verbose=0), expected)
    trained = [variable.path for variable in theirs.get_layer("base").trainable_weights]
    assert [variable.path for variable in again.get_layer("base").trainable_weights] == trained


@pytest.mark.parametrize("frozen", FROZEN)
@pytest.mark.parametrize("ending", [".h5", ".weights.h5"])
@pytest.mark.parametrize("by_name", [False, True])
def test_files_of_weights(frozen, ending, by_name, tmp_path, random):
    theirs = theirs_with(their_base(frozen), random)
    x = rows(random)
    expected = theirs.predict(x, verbose=0)
    (theirs.save if ending == ".h5" else theirs.save_weights)(tmp_path / f"theirs{ending}")
    ours = martlet.models.model_from_json(theirs.to_json())
    ours.load_weights(tmp_path / f"theirs{ending}", by_name=by_name)
    assert_same(ours.predict(x), expected)
    ours.save_weights(tmp_path / f"ours{ending}")
    for variable in theirs.weights:
        variable.assign(0 * variable)
    theirs.load_weights(tmp_path / f"ours{ending}")
    assert_same(theirs.predict(x, verbose=0), expected)


def test_arrays_are_found_by_order_where_names_do_not_tell(tmp_path, random):
    theirs = theirs_with(their_base(("a",)), random)
    theirs.save(tmp_path / "named.h5")
    x = rows(random)
    with h5py.File(tmp_path / "named.h5", "r+") as file:
        group = file["model_weights/base"]
        names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]]
        for number, name in enumerate(names):
            group.move(name, f"array_{number}")
        group.attrs["weight_names"] = [f"array_{number}".encode() for number in range(len(names))]
    assert_same(martlet.load_model(tmp_path / "named.h5").predict(x), theirs.predict(x, verbose=0))
    with h5py.File(tmp_path / "named.h5", "r+") as file:
        group = file["model_weights/base"]
        group.attrs["weight_names"] = group.attrs["weight_names"][:-1]
    with pytest.raises(martlet.FormatError, match="holds 14 weights in 'base'; submodel 'base' has 15"):
        martlet.load_model(tmp_path / "named.h5")


def keras_2(config, counts_from_one):
    """A Functional configuration with calls as Keras 2 lists them, those of models counted from 1."""
    models = {entry["config"]["name"] for entry in config["layers"] if entry["class_name"] in counts_from_one}

    def tensor(layer, call, output):
        return [layer, call + (layer in models), output]

    for entry in config["layers"]:
        entry["name"] = entry["config"]["name"]
        entry["inbound_nodes"] = [
            [tensor(*source[:3]) + [source[3]] for source in call] for call in entry["inbound_nodes"]
        ]
        if entry["class_name"] == "Functional":
            keras_2(entry["config"], counts_from_one)
    listed = config["output_layers"]
    config["output_layers"] = [
        tensor(layer, call - (layer in models and "Functional" in counts_from_one), output)
        for layer, call, output in (listed if isinstance(listed[0], list) else [listed])
    ]


@pytest.mark.parametrize("output", ["head", "model", "both"])
@pytest.mark.parametrize("kind", ["Functional", "Sequential"])
def test_calls_that_keras_2_counts_from_one(output, kind, random):
    k = keras.layers
    if kind == "Functional":
        start = keras.Input((3,))
        base = keras.Model(start, k.Dense(3, "tanh", name="d")(start), name="base")
    else:
        base = keras.Sequential([keras.Input((3,)), k.Dense(3, "tanh", name="d")], name="base")
    x = keras.Input((3,), name="x")
    first, second = base(x), base(base(x))
    outputs = {"head": k.Dense(1)(k.Add()([first, second])), "model": second, "both": [k.Dense(1)(first), second]}
    theirs = keras.Model(x, outputs[output], name="outer")
    reference = martlet.models.model_from_json(theirs.to_json(), seed=1)
    data = random.normal(size=(5, 3)).astype(np.float32)
    text = json.loads(reference.to_json())
    keras_2(text["config"], {kind})
    old = martlet.models.model_from_json(json.dumps(text), seed=1)
    assert old.to_json() == reference.to_json()
    again = keras.models.model_from_json(reference.to_json())
    again.set_weights(reference.get_weights())

    def results(predicted):
        return predicted if output == "both" else [predicted]

    for ours, expected in zip(results(old.predict(data)), results(again.predict(data, verbose=0))):
        assert_same(ours, expected)


def our_base(name="base"):
    x = martlet.Input((8, 8, 3))
    y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="a")(x))
    return martlet.Model(x, [layers.GlobalAveragePooling2D()(y), y], name=name)


def our_outer(base, **call):
    x, other = martlet.Input((8, 8, 3)), martlet.Input((8, 8, 3))
    p, q = base(x, **call)
    r, _ = base(other, **call)
    return martlet.Model([x, other], layers.Dense(2)(layers.Concatenate()([p, layers.Flatten()(q), r])), name="outer")


@pytest.mark.parametrize("trainable", ["all", "head", "head, then all"])
def test_training_follows_keras(trainable, tmp_path, random):
    """Five steps of SGD, whose weights differ by what their gradients do, times the rate."""
    ours = our_outer(our_base())
    ours.save(tmp_path / "start.h5")
    theirs = keras.models.load_model(tmp_path / "start.h5", compile=False)
    x, y = rows(random, 16), random.normal(size=(16, 2)).astype(np.float32)
    for model in (ours, theirs):
        model.get_layer("base").trainable = trainable == "all"
    for step in range(5):
        if step == 3 and trainable == "head, then all":
            ours.get_layer("base").trainable = theirs.get_layer("base").trainable = True
        if step in (0, 3):
            ours.compile("sgd", "mse")
            theirs.compile("sgd", "mse")
        loss, expected = ours.train_on_batch(x, y), theirs.train_on_batch(x, y)
        np.testing.assert_allclose(np.ravel(loss)[0], np.ravel(expected)[0], rtol=2e-5)
    ours.save(tmp_path / "end.h5")
    end = keras.models.load_model(tmp_path / "end.h5", compile=False)
    for array, expected in zip(end.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(array, expected, rtol=2e-5, atol=2e-5)


def test_inference_keeps_moving_statistics(random, tmp_path):
    x, y = rows(random, 16), np.zeros((16, 2), np.float32)
    changes = {}
    for training in (None, False):
        base = our_base()
        model = our_outer(base, training=training)
        model.compile("sgd", "mse")
        before = base.get_weights()
        model.fit(x, y, verbose=0)
        changes[training] = [not np.array_equal(a, b) for a, b in zip(before, base.get_weights())]
    # Kernel, bias, gamma, beta are trained in both; the statistics move only where the batch's are used.
    assert changes[None] == [True] * 6
    assert changes[False] == [True] * 4 + [False] * 2
    model.save(tmp_path / "m.h5")
    assert '"training": false' in json.dumps(json.loads(martlet.load_model(tmp_path / "m.h5").to_json()))


def test_a_model_becomes_part_of_another(random):
    base = our_base()
    before = base.get_weights()
    outer = our_outer(base)
    assert outer.get_layer("base") is base
    assert outer.count_params() == base.count_params() + outer.get_layer("dense").count_params()
    for array, old in zip(base.get_weights(), before):
        np.testing.assert_array_equal(array, old)
    x = rows(random, 8)
    outer.compile("sgd", "mse")
    outer.fit(x, np.zeros((8, 2), np.float32), verbose=0)
    assert not np.array_equal(base.get_weights()[0], before[0])
    np.testing.assert_array_equal(outer.get_layer("base").get_layer("a").get_weights()[0], base.get_weights()[0])
    assert [part.shape for part in base.predict(x[0])] == [(8, 4), (8, 6, 6, 4)]
    base.set_weights(before)
    np.testing.assert_array_equal(outer.get_weights()[0], before[0])
    base.trainable = False
    assert outer.get_layer("base").trainable is False and outer.get_layer("dense").trainable
    with pytest.raises(ValueError, match="model 'base' is part of model 'outer' and cannot be part of another"):
        base(martlet.Input((8, 8, 3)))
    base.compile("sgd", "mse")
    with pytest.raises(ValueError, match="model 'base' is part of model 'outer' and is trained there"):
        base.fit(x[0], base.predict(x[0]))
    twin = our_outer(base.copy())
    np.testing.assert_array_equal(twin.get_layer("base").get_weights()[0], before[0])


def test_submodels_stay_whole():
    base = our_base()
    outer = our_outer(base)
    for change in (
        lambda: outer.remove_layer("base"),
        lambda: outer.rename_layer("base", "other"),
        lambda: outer.replace_layer("base", layers.Dense(2)),
    ):
        with pytest.raises(martlet.NotFoundError, match="'base' is a submodel of model 'outer', which cannot be asked"):
            change()
    assert outer.get_layer("base") is base


def test_a_model_in_itself():
    model = martlet.Sequential([martlet.Input((4,)), layers.Dense(4)], name="ring")
    with pytest.raises(ValueError, match="model 'ring' cannot be its own layer"):
        model.add(model)
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)


def test_weights_of_a_file_into_a_part(tmp_path, random):
    base = our_base()
    base.save_weights(tmp_path / "base.h5")
    saved = base.get_weights()
    our_outer(base)
    base.set_weights([array + 1 for array in saved])
    base.load_weights(tmp_path / "base.h5")
    for array, expected in zip(base.get_weights(), saved):
        np.testing.assert_array_equal(array, expected)


def test_sequential_of_models(random):
    encoder = martlet.Sequential([martlet.Input((4,)), layers.Dense(3, "relu")], name="encoder")
    data = random.normal(size=(5, 4)).astype(np.float32)
    features = encoder.predict(data)
    model = martlet.Sequential([encoder, layers.Dense(2, name="head")])
    assert model.layers[0] is encoder and model.output_shape == (None, 2)
    kernel, bias = model.get_layer("head").get_weights()
    np.testing.assert_allclose(model.predict(data), features @ kernel + bias, rtol=1e-6, atol=1e-6)
    assert json.loads(model.to_json())["config"]["layers"][1]["class_name"] == "Sequential"


def test_layers_in_parts_can_be_changed(random):
    base = our_base()
    model = our_outer(base)
    x = rows(random)
    model.rename_layer("base/bn", "norm")
    assert base.get_layer("norm").path == "base/norm" and len(model.get_weights()) == 8
    model.replace_layer("base/norm", layers.ReLU())
    assert base.get_layer("norm").class_name == "ReLU"
    model.remove_layer("base/norm")
    assert [layer.path for layer in base.layers] == ["base/input", "base/a", "base/global_average_pooling2d"]
    base.trainable = False
    assert len(model.get_weights()) == 4 and not base.get_layer("a").trainable
    again = martlet.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    with pytest.raises(ValueError, match="no input layer"):
        model.remove_layer("base/input")


def test_gradients_of_parts_are_checked(random):
    x = martlet.Input((3,))
    base = martlet.Model(x, layers.Dense(4, "tanh", name="d")(x), name="base")
    start = martlet.Input((3,))
    model = martlet.Model(start, layers.Dense(2)(base(start)))
    model.compile("sgd", "mse")
    check = model.check_gradients(random.normal(size=(4, 3)), random.normal(size=(4, 2)))
    assert check.largest_error < 1e-6 and check.weight_count == model.count_params()


def test_the_optimisers_state_goes_on(tmp_path, random):
    x, y = rows(random, 8), random.normal(size=(8, 2)).astype(np.float32)
    model = our_outer(our_base())
    model.compile("adam", "mse")
    model.train_on_batch(x, y)
    model.save(tmp_path / "m.h5")
    again = martlet.load_model(tmp_path / "m.h5")
    assert again.train_on_batch(x, y) == model.train_on_batch(x, y)
    for array, expected in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(array, expected)


def test_the_optimisers_state_is_keras(tmp_path, random):
    """In the order of Keras' arrays, where parts are frozen too. Adam's first moments are 0.1 g, its second 0.001 g^2."""
    theirs = theirs_with(their_base(("bn", "inner")), random)
    theirs.save(tmp_path / "start.h5")
    ours = martlet.load_model(tmp_path / "start.h5")
    x, y = rows(random, 8), random.normal(size=(8, 2)).astype(np.float32)
    for model in (ours, theirs):
        model.compile("adam", "mse")
        model.train_on_batch(x, y)
    ours.save(tmp_path / "ours.h5")
    with h5py.File(tmp_path / "ours.h5") as file:
        group = file["optimizer_weights"]
        state = [group[path][()] for path in group.attrs["weight_names"]]
    expectations = [np.asarray(variable) for variable in theirs.optimizer.variables]
    assert len(state) == len(expectations) == 2 + 2 * len(theirs.trainable_weights)
    for array, expected in zip(state[2:], expectations[2:]):
        assert array.shape == expected.shape
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_what_is_refused():
    base = our_base()
    with pytest.raises(TypeError, match="model 'base' is called on what Input"):
        base(np.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match="received True"):
        base(martlet.Input((8, 8, 3)), training=True)
    x = martlet.Input((4, 4, 3))
    with pytest.raises(ValueError, match=r"submodel 'base' takes 1 inputs, of rows \[8, 8, 3\]; it is given \[4, 4, 3\]"):
        martlet.Model(x, base(x))
    two = martlet.Input((8, 8, 3))
    with pytest.raises(ValueError, match="it is given .* and "):
        martlet.Model(two, base([two, two]))
