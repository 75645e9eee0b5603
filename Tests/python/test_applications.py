"""Keras' image networks, at a reduced size: made here as Keras makes them, with the weights of its files; and others,
with random weights and statistics, from Keras to Martlet and back."""

import inspect
import json
import re

import h5py
import numpy as np
import pytest
from conftest import ROOT

import martlet
from martlet import applications

keras = pytest.importorskip("keras", reason="Keras is not installed")

# The least size that each takes without its head, or a little more.
SIZES = {
    "ResNet50": 40,
    "Xception": 75,
    "VGG16": 32,
    "MobileNetV2": 40,
    "DenseNet121": 40,
    "InceptionV3": 75,
    "EfficientNetB0": 40,
}
OURS = applications.__all__
ENDS = [
    {"include_top": True, "classes": 7},
    {"include_top": True, "classes": 3, "classifier_activation": None},
    {"include_top": False},
    {"include_top": False, "pooling": "avg"},
    {"include_top": False, "pooling": "max"},
]


def theirs(name, **options):
    """Keras' network, with the automatic names of a fresh session."""
    keras.backend.clear_session()
    return getattr(keras.applications, name)(weights=None, **options)


def network(name, random, **options):
    """With statistics and factors that keep the signal at one scale through all layers."""
    size = SIZES[name]
    model = theirs(name, **{"include_top": False, "pooling": "avg", "input_shape": (size, size, 3), **options})
    for variable in model.weights:
        shape = variable.shape
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(random.uniform(0.5, 1.5, shape))
        elif variable.name in ("moving_mean", "beta", "bias"):
            variable.assign(random.normal(0, 0.1, shape))
    return model


def assert_same(ours, theirs):
    """Within 1e-4 of the output's scale, after up to 160 layers of float32."""
    scale = np.abs(theirs).max()
    assert scale > 0
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * scale)


def published(model, path):
    """The weights of a model in the layout of the files that Keras publishes."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
    return path


def counts(model):
    """All parameters of Keras' model, and those that are trained."""
    return model.count_params(), sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize("name", SIZES)
def test_from_keras_and_back(name, tmp_path, random):
    model = network(name, random)
    model.save(tmp_path / "theirs.h5")
    x = random.uniform(0, 255 if name == "EfficientNetB0" else 1, size=(2, *model.input_shape[1:])).astype(np.float32)
    expected = model.predict(x, verbose=0)
    ours = martlet.load_model(tmp_path / "theirs.h5")
    assert_same(ours.predict(x), expected)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in model.layers]
    ours.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    assert_same(again.predict(x, verbose=0), expected)


def settings(layer):
    """The configuration of a layer of Keras, with the last axis of images called -1."""
    config = layer.get_config()
    return config | {"axis": -1} if config.get("axis") == 3 else config


@pytest.mark.parametrize("end", ENDS, ids=str)
@pytest.mark.parametrize("name", OURS)
def test_layers_are_those_of_keras(name, end):
    size = SIZES[name]
    for shape in [(size, size, 3), (size + 1, size + 4, 1)]:
        expected = theirs(name, input_shape=shape, **end)
        ours = getattr(applications, name)(input_shape=shape, **end)
        assert ours.name == expected.name
        assert ours.output_shape == expected.output_shape
        assert [layer.name for layer in ours.layers] == [layer.name for layer in expected.layers]
        assert ours.built_engine().parameter_count() == counts(expected)
        assert ours.input_shape == expected.input_shape
        # Keras' own reading of our layers: every option, initialisers and momenta too.
        read = keras.models.model_from_json(ours.to_json())
        for layer in expected.layers[1:]:
            mine = read.get_layer(layer.name)
            assert type(mine) is type(layer)
            assert settings(mine) == settings(layer)


@pytest.mark.parametrize("name", OURS)
def test_totals_at_the_default_size(name):
    expected = theirs(name)
    ours = getattr(applications, name)()
    assert ours.name == expected.name and ours.input_shape == expected.input_shape
    assert ours.built_engine().parameter_count() == counts(expected)


@pytest.mark.parametrize("alpha", [0.05, 0.35, 0.5, 0.75, 1.3, 1.4])
def test_alpha(alpha):
    for end in ({"include_top": True}, {"include_top": False}):
        expected = theirs("MobileNetV2", alpha=alpha, input_shape=(96, 96, 3), **end)
        ours = applications.MobileNetV2((96, 96, 3), alpha, **end)
        assert ours.name == expected.name
        assert [layer.name for layer in ours.layers] == [layer.name for layer in expected.layers]
        assert [w.shape for w in ours.get_weights()] == [w.shape for w in expected.get_weights()]


@pytest.mark.parametrize("include_top", [True, False])
@pytest.mark.parametrize("name", OURS)
def test_published_weights(name, include_top, tmp_path, random):
    options = {"include_top": include_top, "pooling": None if include_top else "avg", "classes": 5}
    model = network(name, random, **options)
    path = published(model, tmp_path / "weights.h5")
    pixels = random.integers(0, 256, size=(3, *model.input_shape[1:]), dtype=np.uint8)
    module = inspect.getmodule(getattr(keras.applications, name))
    # In Keras, the module of each function, but that of ResNet50, has the name of the network.
    x = getattr(keras.applications, module.__name__.rpartition(".")[2]).preprocess_input(pixels.astype(np.float32))
    expected = model.predict(x, verbose=0)
    make = getattr(applications, name)
    plain = make(weights=path, input_shape=model.input_shape[1:], **options)
    assert_same(plain.predict(x), expected)
    prepared = make(weights=path, input_shape=model.input_shape[1:], preprocessing=True, **options)
    assert_same(prepared.predict(pixels), expected)
    assert prepared.built_engine().parameter_count()[1] == plain.built_engine().parameter_count()[1]
    # Its own file keeps what no initialiser makes, for Keras too.
    prepared.save(tmp_path / "prepared.h5")
    assert np.array_equal(martlet.load_model(tmp_path / "prepared.h5").predict(pixels), prepared.predict(pixels))
    again = keras.models.load_model(tmp_path / "prepared.h5", compile=False)
    assert_same(again.predict(pixels.astype(np.float32), verbose=0), expected)


def preprocessing_alone(model):
    """The input and the layer after it."""
    config = json.loads(model.to_json())
    config["config"]["layers"] = config["config"]["layers"][:2]
    config["config"]["output_layers"] = [["preprocessing", 0, 0]]
    part = martlet.models.model_from_json(json.dumps(config))
    part.set_weights(model.get_layer("preprocessing").get_weights())
    return part


MODES = {"ResNet50": "caffe", "Xception": "tf", "VGG16": "caffe", "MobileNetV2": "tf"}


@pytest.mark.parametrize("name, mode", MODES.items())
def test_preprocessing(name, mode, random):
    size = 80
    pixels = random.integers(0, 256, size=(4, size, size, 3), dtype=np.uint8)
    assert all(np.unique(pixels[..., channel]).size == 256 for channel in range(3))
    expected = keras.applications.imagenet_utils.preprocess_input(pixels.astype(np.float32), mode=mode)
    model = getattr(applications, name)(include_top=False, input_shape=(size, size, 3), preprocessing=True)
    assert model.layers[1].name == "preprocessing" and not model.layers[1].trainable
    for x in (pixels, pixels.astype(np.float32)):
        ours = preprocessing_alone(model).predict(x)
        if mode == "caffe":
            assert np.array_equal(ours, expected)
        else:
            # 1 / 127.5 is rounded by 2^-31 at most, times 255; products and quotients below 2 by 2^-24, sums up to 1
            # by 2^-25: 1.25 * 2^-22 in all.
            np.testing.assert_allclose(ours, expected, rtol=0, atol=2**-21)


def test_training_leaves_the_preprocessing(random):
    pixels = random.integers(0, 256, size=(4, 32, 32, 3), dtype=np.uint8)
    model = applications.VGG16(include_top=False, pooling="max", input_shape=(32, 32, 3), preprocessing=True, seed=1)
    before = {layer: model.get_layer(layer).get_weights() for layer in ("preprocessing", "block1_conv1")}
    model.compile("adam", "mse")
    model.fit(pixels, np.zeros((4, 512), np.float32), batch_size=2, verbose=0)
    assert all(map(np.array_equal, model.get_layer("preprocessing").get_weights(), before["preprocessing"]))
    assert not np.array_equal(model.get_layer("block1_conv1").get_weights()[0], before["block1_conv1"][0])


def test_seeds():
    def weights(**options):
        model = applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, **options)
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    first = weights(seed=4)
    assert np.array_equal(first, weights(seed=4))
    assert np.array_equal(first, weights(seed=4, preprocessing=True))
    assert not np.array_equal(first, weights(seed=5))
    assert not np.array_equal(weights(), weights())
    martlet.utils.set_random_seed(3)
    second = weights()
    martlet.utils.set_random_seed(3)
    assert np.array_equal(second, weights())


def test_the_networks_of_the_reports(tmp_path):
    """A base in a model with a head, their parameters, and the same opened by Keras."""
    dense = martlet.layers.Dense
    xception = applications.Xception(include_top=False, pooling="avg", input_shape=(71, 71, 3))
    model = martlet.Sequential([martlet.Input((32, 32, 3)), martlet.layers.Resizing(71, 71), xception, dense(10)])
    xception.trainable = False
    assert model.built_engine().parameter_count() == (20_881_970, 20_490)
    model.save(tmp_path / "xception.h5")
    theirs = keras.models.load_model(tmp_path / "xception.h5", compile=False)
    assert theirs.count_params() == 20_881_970
    assert sum(variable.numpy().size for variable in theirs.trainable_weights) == 20_490

    resnet = applications.ResNet50(include_top=False, pooling="avg", input_shape=(32, 32, 3))
    x = martlet.Input((32, 32, 3))
    y = resnet(x)
    for units in (1024, 512, 256, 128):
        y = dense(units, "relu")(y)
    model = martlet.Model(x, dense(10, "softmax")(y))
    total, trained = model.built_engine().parameter_count()
    assert (total, trained, total - trained) == (26_376_202, 26_323_082, 53_120)


def test_files_that_do_not_fit(tmp_path, random):
    path = published(network("MobileNetV2", random, include_top=True, classes=4), tmp_path / "weights.h5")
    shape = (40, 40, 3)
    with pytest.raises(martlet.NotFoundError, match="absent.h5"):
        applications.VGG16(weights=tmp_path / "absent.h5")
    with pytest.raises(martlet.FormatError, match="weights.h5.*holds 105 layers with weights.*'vgg16' has 13"):
        applications.VGG16(weights=path, include_top=False, input_shape=shape)
    with pytest.raises(martlet.FormatError, match="holds 105 layers with weights.*has 104"):
        applications.MobileNetV2(weights=path, include_top=False, input_shape=shape)
    with pytest.raises(martlet.FormatError, match=r"predictions.*\[1280, 4\].*\[1280, 5\]"):
        applications.MobileNetV2(weights=path, classes=5, input_shape=shape)
    with pytest.raises(martlet.FormatError, match=r"Conv1.*\[3, 3, 3, 32\]"):
        applications.MobileNetV2(weights=path, classes=4, input_shape=shape, alpha=0.5)
    with pytest.raises(ValueError, match="classifier_activation must be MARTLET_SOFTMAX or MARTLET_LINEAR"):
        applications.MobileNetV2(weights=path, classes=4, input_shape=shape, classifier_activation="sigmoid")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(martlet.FormatError, match="text.h5"):
        applications.MobileNetV2(weights=tmp_path / "text.h5")


def test_what_cannot_be_had():
    for name, least in [("ResNet50", 32), ("Xception", 71), ("VGG16", 32), ("MobileNetV2", 32)]:
        make = getattr(applications, name)
        with pytest.raises(ValueError, match=f"{name} takes .* at least {least} x {least}; height is {least - 1} "):
            make(input_shape=(least - 1, least, 3))
        with pytest.raises(ValueError, match="pooling must be None, 'avg' or 'max', received 'min'"):
            make(pooling="min")
        with pytest.raises(ValueError, match="classes must be from 1"):
            make(classes=0)
        with pytest.raises(ValueError, match=r"input_shape must be \(height, width, channels\)"):
            make(input_shape=(64, 64))
        with pytest.raises(TypeError, match="a size in input_shape must be an integer, received None"):
            make(input_shape=(None, None, 3))
        with pytest.raises(ValueError, match="Unknown activation: 'hardmax'"):
            make(classifier_activation="hardmax")
    with pytest.raises(ValueError, match="the preprocessing of VGG16 takes images of 3 channels.*channels is 1"):
        applications.VGG16(input_shape=(32, 32, 1), preprocessing=True)
    for alpha in (0, -1, 101, float("nan")):
        with pytest.raises(ValueError, match=r"alpha is .*; it must be above 0 and at most 100"):
            applications.MobileNetV2(alpha=alpha)


def test_what_keras_publishes():
    """File names and checksums, in the message and on the page, are those of Keras' sources."""
    page = (ROOT / "docs" / "applications.md").read_text()
    for name in OURS:
        source = inspect.getsource(inspect.getmodule(getattr(keras.applications, name)))
        for include_top in (True, False):
            with pytest.raises(ValueError, match="would need a download") as error:
                getattr(applications, name)(weights="imagenet", include_top=include_top)
            url = re.search(r"https://\S+/([\w.]+\.h5)", str(error.value))
            checksums = re.findall(r"\b[0-9a-f]{32}\b", str(error.value))
            if name == "MobileNetV2":
                end = "" if include_top else "_no_top"
                assert url[1] == f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224{end}.h5"
                assert not checksums and "file_hash" not in source
            else:
                end = "" if include_top else "_notop"
                assert url[1] == f"{name.lower()}_weights_tf_dim_ordering_tf_kernels{end}.h5"
                assert len(checksums) == 1 and checksums[0] in source and checksums[0] in page
            folder = url[0].removeprefix("https://storage.googleapis.com/tensorflow/").split("/")[:2]
            assert "/".join(folder) in re.sub(r'"\s+"', "", source)
            assert url[1] in page
