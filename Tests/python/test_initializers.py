"""Initialisers beside Keras': the same distributions, the same configurations in files, and what is refused."""

import json

import h5py
import numpy as np
import pytest

import martlet
from martlet import initializers, layers

keras = pytest.importorskip("keras", reason="Keras is not installed")

ROWS, COLUMNS = 400, 300

# Classes and arguments, each different from its default.
KINDS = [
    ("Zeros", {}), ("Ones", {}), ("Constant", {"value": 0.25}),
    ("RandomNormal", {}), ("RandomNormal", {"mean": -0.5, "stddev": 0.2}),
    ("TruncatedNormal", {}), ("TruncatedNormal", {"mean": 0.75, "stddev": 0.1}),
    ("RandomUniform", {}), ("RandomUniform", {"minval": -0.1, "maxval": 0.7}),
    ("VarianceScaling", {}),
    *(
        ("VarianceScaling", {"scale": 0.3, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
    *((f"{who}{how}", {}) for who in ("Glorot", "He", "Lecun") for how in ("Uniform", "Normal")),
    ("Orthogonal", {}), ("Orthogonal", {"gain": 1.5}), ("Identity", {}), ("Identity", {"gain": -2.0}),
]  # fmt: skip
UNBOUNDED = ("RandomNormal", "Orthogonal")


def pair(kind, arguments):
    return (getattr(library.initializers, kind)(**arguments) for library in (keras, martlet))


def kernel_of(initializer, shape=(ROWS, COLUMNS), seed=1):
    model = martlet.Sequential(
        [martlet.Input(shape[:1]), layers.Dense(shape[1], kernel_initializer=initializer)], seed=seed
    )
    return model.get_weights()[0]


@pytest.mark.parametrize("kind, arguments", KINDS)
def test_distributions_are_keras(kind, arguments):
    """Mean, standard deviation and range of 400 x 300 numbers."""
    theirs, ours = pair(kind, arguments)
    found, expected = kernel_of(ours), np.asarray(theirs((ROWS, COLUMNS)))
    if kind in ("Zeros", "Ones", "Constant", "Identity"):
        np.testing.assert_array_equal(found, expected)
        return
    # Of n numbers with deviation s the mean scatters by s / sqrt(n) and the deviation by less than s / sqrt(n); two samples
    # are compared, at six standard errors.
    scatter = 6 * np.sqrt(2 / found.size) * expected.std()
    assert abs(found.mean() - expected.mean()) <= scatter
    assert abs(found.std() - expected.std()) <= scatter
    if kind not in UNBOUNDED and arguments.get("distribution") != "untruncated_normal":
        # The others have bounded values, which so many numbers come near to.
        assert found.max() == pytest.approx(expected.max(), rel=2e-3)
        assert found.min() == pytest.approx(expected.min(), rel=2e-3)


@pytest.mark.parametrize("shape", [(5, 5), (40, 12), (12, 40), (1, 7), (7, 1), (130, 129)])
def test_orthogonal_is_orthogonal(shape):
    """Elements of Q are rounded once, by u of themselves at most: a product of two vectors of length 1 is off by 2 u."""
    q = kernel_of(initializers.Orthogonal(2.0), shape).astype(np.float64) / 2
    product = q @ q.T if shape[0] < shape[1] else q.T @ q
    np.testing.assert_allclose(product, np.eye(min(shape)), rtol=0, atol=2.02 * 2.0**-24)


def test_a_seed_decides():
    for initializer in ("lecun_normal", "random_uniform", "orthogonal"):
        np.testing.assert_array_equal(kernel_of(initializer, seed=3), kernel_of(initializer, seed=3))
        assert (kernel_of(initializer, seed=3) != kernel_of(initializer, seed=4)).any()


def configurations(path):
    """The initialisers of the Dense layers in a model file: class and what it is made with."""
    with h5py.File(path) as file:
        found = json.loads(file.attrs["model_config"])["config"]["layers"]
    return [layer["config"]["kernel_initializer"] for layer in found if layer["class_name"] == "Dense"]


@pytest.mark.parametrize("kind, arguments", KINDS)
def test_files_keep_class_and_configuration(kind, arguments, tmp_path):
    """Ours, read and written again by Keras, read and written again by us."""
    _, ours = pair(kind, arguments)
    martlet.Sequential([martlet.Input((4,)), layers.Dense(3, kernel_initializer=ours)]).save(tmp_path / "ours.h5")
    theirs = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    expected = getattr(keras.initializers, kind)(**arguments)
    assert type(theirs.layers[0].kernel_initializer) is type(expected)
    assert theirs.layers[0].kernel_initializer.get_config() == expected.get_config()
    theirs.save(tmp_path / "theirs.h5")
    if kind == "Identity" and arguments:
        assert theirs.layers[0].kernel_initializer.gain == arguments["gain"]
        pytest.skip("Keras reads Identity's gain but does not write it")
    martlet.load_model(tmp_path / "theirs.h5").save(tmp_path / "again.h5")
    assert configurations(tmp_path / "again.h5") == configurations(tmp_path / "ours.h5")


def test_names():
    for name, kind in initializers._NAMES.items():
        assert type(initializers.get(name)) is kind
        assert type(initializers.get(kind.__name__)) is kind
        assert getattr(keras.initializers, name).__name__ == kind.__name__
        assert getattr(initializers, name) is kind
    for name, kind in initializers._ALIASES.items():
        assert type(initializers.get(name)) is kind
        assert type(keras.initializers.get(name)).__name__ == kind.__name__
    with pytest.raises(ValueError, match="Unknown initializer: 'stft'.*glorot_uniform.*identity"):
        initializers.get("stft")


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: initializers.RandomNormal(stddev=-1), ValueError, "kernel_initializer.value is -1.0"),
        (lambda: initializers.RandomNormal(mean=np.nan), ValueError, "kernel_initializer.mean is nan"),
        (lambda: initializers.TruncatedNormal(stddev=np.inf), ValueError, "kernel_initializer.value is inf"),
        (lambda: initializers.RandomUniform(1, -1), ValueError, "kernel_initializer.maximum is -1.0; it must be .*>= 1.0"),
        (lambda: initializers.RandomUniform("low"), TypeError, "minval must be a number, received 'low'"),
        (lambda: initializers.VarianceScaling(0), ValueError, "the scale must not be 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "mode must be one of fan_in, .*received 'fan'"),
        (lambda: initializers.VarianceScaling(distribution="t"), ValueError, "distribution must be one of .*received 't'"),
        (lambda: initializers.Orthogonal(0), ValueError, "the gain must not be 0"),
        (lambda: initializers.Identity("one"), TypeError, "gain must be a number, received 'one'"),
        (lambda: initializers.Orthogonal(seed=1), ValueError, "Orthogonal takes no seed of its own"),
        (lambda: initializers.VarianceScaling(seed=1), ValueError, "VarianceScaling takes no seed of its own"),
    ],
)  # fmt: skip
def test_bad_arguments(make, kind, message):
    with pytest.raises(kind, match=message):
        kernel_of(make(), (4, 3))


@pytest.mark.parametrize("name", ["orthogonal", "identity"])
def test_matrices_do_not_fit_vectors(name):
    with pytest.raises(ValueError, match=f"layer 'dense'.*{name} initializer of weight 'bias' needs 2 dimensions"):
        martlet.Sequential([martlet.Input((4,)), layers.Dense(3, bias_initializer=name)]).build()
