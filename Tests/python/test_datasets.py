"""The published data sets: the real files against published figures, and small files written here."""

import gzip
import lzma
import struct

import numpy as np
import pytest

import martlet
from martlet.datasets import cifar10, fashion_mnist, mnist

IDX_FILES = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
MNIST_COUNTS = [
    [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
]


@pytest.fixture
def digits_like(random):
    """Ten training and four test images as IDX files would hold them."""
    return [
        (random.integers(0, 256, (count, 28, 28), np.uint8), random.permutation(10)[:count].astype(np.uint8))
        for count in (10, 4)
    ]


def write_idx(folder, sets, pack=lambda content: content, ending=""):
    folder.mkdir()
    for names, (x, y) in zip(IDX_FILES, sets):
        images = struct.pack(">4I", 2051, *x.shape) + x.tobytes()
        labels = struct.pack(">2I", 2049, len(y)) + y.tobytes()
        for name, content in zip(names, (images, labels)):
            (folder / (name + ending)).write_bytes(pack(content))


def same_sets(loaded, expected):
    for (x, y), (images, labels) in zip(loaded, expected, strict=True):
        assert x.dtype == y.dtype == np.uint8
        np.testing.assert_array_equal(x, images)
        np.testing.assert_array_equal(y, labels)
        x[0], y[0] = 0, 0  # as Keras': the arrays are the caller's own, to change as he likes


@pytest.mark.parametrize("where", ["argument", "argument, the very folder", "variable"])
@pytest.mark.parametrize("module, name", [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")])
def test_idx_sets(tmp_path, monkeypatch, digits_like, module, name, where):
    write_idx(tmp_path / name, digits_like, gzip.compress, ".gz")
    if where == "variable":
        monkeypatch.setenv("MARTLET_DATA", str(tmp_path))
        loaded = module.load_data()
    else:
        loaded = module.load_data(tmp_path if where == "argument" else str(tmp_path / name))
    same_sets(loaded, digits_like)


def test_argument_goes_before_variable(tmp_path, monkeypatch, digits_like):
    monkeypatch.setenv("MARTLET_DATA", str(tmp_path / "nowhere"))
    write_idx(tmp_path / "mnist", digits_like)  # plain files, not .gz
    same_sets(mnist.load_data(tmp_path), digits_like)


@pytest.mark.parametrize("pack, ending", [(bytes, ".bin"), (lzma.compress, ".bin.xz")])
def test_cifar10(tmp_path, monkeypatch, random, pack, ending):
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    # Records as published: a label byte, then the red, the green and the blue plane.
    records = random.integers(0, 256, (6, 3, 3073), np.uint8)
    records[:, :, 0] %= 10
    (tmp_path / "cifar-10").mkdir()
    for name, batch in zip(names, records):
        (tmp_path / "cifar-10" / (name + ending)).write_bytes(pack(batch.tobytes()))
    images = np.stack([records[:, :, 1 + 1024 * c : 1025 + 1024 * c].reshape(6, 3, 32, 32) for c in range(3)], axis=-1)
    expected = [
        (images[:5].reshape(15, 32, 32, 3), records[:5, :, 0].reshape(15)),
        (images[5], records[5, :, 0]),
    ]
    monkeypatch.setenv("MARTLET_DATA", str(tmp_path))
    same_sets(cifar10.load_data(), expected)
    same_sets(cifar10.load_data(tmp_path / "cifar-10"), expected)


def test_class_names_are_keras_documentation():
    assert mnist.CLASS_NAMES == tuple("0123456789")
    assert fashion_mnist.CLASS_NAMES[::9] == ("T-shirt/top", "Ankle boot") and len(fashion_mnist.CLASS_NAMES) == 10
    assert cifar10.CLASS_NAMES[::9] == ("airplane", "truck") and len(cifar10.CLASS_NAMES) == 10


def test_what_was_looked_for_is_said(tmp_path, monkeypatch, digits_like):
    monkeypatch.delenv("MARTLET_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="mnist was not found: no folder was given, and MARTLET_DATA is not"):
        mnist.load_data()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte.gz .*Nothing is downloaded"):
        fashion_mnist.load_data(tmp_path)
    with pytest.raises(FileNotFoundError, match="has none of data_batch_1.bin, .*data_batch_1 to data_batch_5"):
        cifar10.load_data(tmp_path)
    monkeypatch.setenv("MARTLET_DATA", "")
    with pytest.raises(FileNotFoundError, match="MARTLET_DATA is not set"):
        cifar10.load_data()
    monkeypatch.setenv("MARTLET_DATA", str(tmp_path / "mnist"))
    write_idx(tmp_path / "mnist", digits_like)
    # Fashion-MNIST's files have MNIST's names: the variable must not give one for the other.
    with pytest.raises(FileNotFoundError) as caught:
        fashion_mnist.load_data()
    assert str(tmp_path / "mnist" / "fashion-mnist") in str(caught.value)
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="has neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz"):
        mnist.load_data(tmp_path)


def test_damaged_files_are_named(tmp_path, digits_like):
    (x, y), test = digits_like
    write_idx(tmp_path / "mnist", [(x, y[:9]), test])
    with pytest.raises(ValueError, match="holds 10 images, but .*train-labels-idx1-ubyte holds 9 labels"):
        mnist.load_data(tmp_path)
    write_idx(tmp_path / "fashion-mnist", [(x, np.where(y == 3, 10, y).astype(np.uint8)), test])
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte: label 10 of row .* has no class name; there are 10"):
        fashion_mnist.load_data(tmp_path)


def test_modules_are_there_without_an_import_of_their_own(run_python):
    code = "import martlet; print(martlet.datasets.mnist.CLASS_NAMES[3], martlet.convert.idx.__name__); martlet.nothing"
    done = run_python("-c", code)
    assert done.stdout == "3 idx\n"
    assert done.stderr.endswith("AttributeError: module 'martlet' has no attribute 'nothing'\n")


# The published files


def mean_and_deviation(x):
    """Of bytes scaled to 0 ... 1, from how often each occurs: exact, and no array of a gigabyte."""
    shares = np.bincount(x.reshape(-1), minlength=256) / x.size
    values = np.arange(256) / 255
    mean = shares @ values
    return mean, np.sqrt(shares @ (values - mean) ** 2)


@pytest.mark.parametrize(
    "module, mean, deviation, counts",
    [
        (mnist, 0.1307, 0.3081, MNIST_COUNTS),
        (fashion_mnist, 0.2860, 0.3530, [[6000] * 10, [1000] * 10]),
    ],
)
def test_published_idx_sets(real_data, module, mean, deviation, counts):
    (x_train, y_train), (x_test, y_test) = module.load_data(real_data)
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert [np.bincount(y).tolist() for y in (y_train, y_test)] == counts
    # Published to four places.
    np.testing.assert_allclose(mean_and_deviation(x_train), (mean, deviation), atol=5e-5, rtol=0)


def test_published_cifar10(real_data):
    (x_train, y_train), (x_test, y_test) = cifar10.load_data(real_data)
    assert x_train.shape == (50000, 32, 32, 3) and x_test.shape == (10000, 32, 32, 3)
    assert np.bincount(y_train).tolist() == [5000] * 10 and np.bincount(y_test).tolist() == [1000] * 10
    # Published to four places, for red, green and blue.
    found = [mean_and_deviation(x_train[..., channel]) for channel in range(3)]
    published = [(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)]
    np.testing.assert_allclose(found, published, atol=6e-5, rtol=0)
    data = martlet.Dataset(x_train, y_train, scale=1 / 255, class_names=cifar10.CLASS_NAMES)
    assert len(data) == 50000 and data.class_names[int(y_train[0])] == "frog"
