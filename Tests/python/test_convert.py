"""The converters: what they write is read back with h5py and compared with arrays made here."""

import gzip
import io
import lzma
import pickle
import pickletools
import struct

import h5py
import numpy as np
import pytest

from martlet import convert
from martlet.convert.__main__ import main


def idx_bytes(array, magic=None):
    head = struct.pack(">I", 0x800 + array.ndim if magic is None else magic)
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def images(random):
    """Small sets in MNIST's shapes: {"x_train": [12, 5, 4], ...}."""
    return {
        "x_train": random.integers(0, 256, (12, 5, 4), np.uint8),
        "y_train": np.arange(12, dtype=np.uint8) % 10,
        "x_test": random.integers(0, 256, (7, 5, 4), np.uint8),
        "y_test": np.arange(7, dtype=np.uint8),
    }


FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def write_idx(folder, images, compress):
    for name, file in FILES.items():
        content = idx_bytes(images[name])
        path = folder / (file + (".gz" if compress else ""))
        path.write_bytes(gzip.compress(content) if compress else content)


@pytest.mark.parametrize("compress", [True, False])
def test_idx_becomes_hdf5(tmp_path, images, compress):
    write_idx(tmp_path, images, compress)
    convert.idx(tmp_path, tmp_path / "out.h5", "fashion-mnist")
    with h5py.File(tmp_path / "out.h5") as file:
        assert sorted(file) == sorted(FILES)
        for name in FILES:
            np.testing.assert_array_equal(file[name][:], images[name])
            assert file[name].dtype == np.uint8
        assert file["x_test"].attrs["scale"] == 1 / 255
        assert file["x_test"].attrs["offset"] == 0
        assert list(file["y_train"].attrs["class_names"]) == list(convert.CLASS_NAMES["fashion-mnist"])
        assert file.attrs["title"] == "fashion-mnist"


def test_same_input_same_bytes_and_no_litter(tmp_path, images):
    write_idx(tmp_path, images, True)
    outputs = tmp_path / "out"
    outputs.mkdir()
    convert.idx(tmp_path, outputs / "a.h5", "mnist")
    convert.idx(tmp_path, outputs / "b.h5", "mnist")
    assert (outputs / "a.h5").read_bytes() == (outputs / "b.h5").read_bytes()
    assert sorted(path.name for path in outputs.iterdir()) == ["a.h5", "b.h5"]


def test_failed_conversion_keeps_the_old_file(tmp_path, images, monkeypatch):
    write_idx(tmp_path, images, True)
    output = tmp_path / "out" / "data.h5"
    output.parent.mkdir()
    old = b"\x89HDF\r\n\x1a\n precious"
    output.write_bytes(old)

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full_disk)
    with pytest.raises(OSError, match="No space left"):
        convert.idx(tmp_path, output)
    assert output.read_bytes() == old
    assert [path.name for path in output.parent.iterdir()] == ["data.h5"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is not an IDX file: it begins with nothing"),
        (b"PK\3\4 a zip file", "is not an IDX file: it begins with 504b0304"),
        (struct.pack(">II", 0x801, 3) + b"abc", r"magic number 2049.*expected images \(magic number 2051\)"),
        (struct.pack(">II", 0xD03, 3), "elements of type 0x0d; expected 0x08"),
        (struct.pack(">II", 0x803, 3), "truncated: 8 bytes, its head alone needs 16"),
        (
            struct.pack(">IIII", 0x803, 3, 2, 2) + b"12345",
            r"truncated: shape \(3, 2, 2\) needs 28 bytes, the file has 21",
        ),
        (struct.pack(">IIII", 0x803, 1, 2, 2) + b"12345", "longer than it says"),
        (struct.pack(">IIII", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), "truncated"),
        (gzip.compress(b"x" * 100)[:-12], "damaged gzip file"),
        (b"\x1f\x8b" + b"garbage" * 5, "damaged gzip file"),
    ],
)
def test_bad_idx_files(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        convert.read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_idx_sets_that_do_not_fit(tmp_path, images):
    write_idx(tmp_path, {**images, "y_train": images["y_train"][:11]}, False)
    with pytest.raises(ValueError, match="holds 12 images, but .* holds 11 labels"):
        convert.idx(tmp_path, tmp_path / "out.h5")
    write_idx(tmp_path, images, False)
    with pytest.raises(ValueError, match="label 2 of row 2 has no class name; there are 2"):
        convert.idx(tmp_path, tmp_path / "out.h5", ["cat", "dog"])
    with pytest.raises(ValueError, match="Unknown class names: 'cifar'"):
        convert.idx(tmp_path, tmp_path / "out.h5", "cifar")
    (tmp_path / FILES["y_test"]).unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        convert.idx(tmp_path, tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


# CIFAR-10


@pytest.fixture
def photographs(random):
    """Six small batches by name: images [N, 32, 32, 3] and labels [N]."""
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    return {
        name: (random.integers(0, 256, (3, 32, 32, 3), np.uint8), random.integers(0, 10, 3).astype(np.uint8))
        for name in names
    }


def records(images, labels):
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels[:, None], planes], axis=1)


def pickled(images, labels, protocol=2):
    """As the published files: keys and labels of Python 2 become bytes and a list."""
    batch = {
        b"data": records(images, labels)[:, 1:].copy(),
        b"labels": labels.tolist(),
        b"batch_label": b"batch 1 of 5",
    }
    return pickle.dumps(batch, protocol)


@pytest.mark.parametrize("form", ["bin", "xz", "pickle"])
def test_cifar10_becomes_hdf5(tmp_path, photographs, form):
    for name, (images, labels) in photographs.items():
        if form == "pickle":
            (tmp_path / name).write_bytes(pickled(images, labels))
        elif form == "xz":
            (tmp_path / f"{name}.bin.xz").write_bytes(lzma.compress(records(images, labels).tobytes()))
        else:
            (tmp_path / f"{name}.bin").write_bytes(records(images, labels).tobytes())
    convert.cifar10(tmp_path, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        training = [photographs[f"data_batch_{number}"] for number in range(1, 6)]
        np.testing.assert_array_equal(file["x_train"][:], np.concatenate([images for images, _ in training]))
        np.testing.assert_array_equal(file["y_train"][:], np.concatenate([labels for _, labels in training]))
        np.testing.assert_array_equal(file["x_test"][:], photographs["test_batch"][0])
        assert list(file["y_test"].attrs["class_names"]) == list(convert.CIFAR10_CLASSES)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_is_read(tmp_path, photographs, protocol):
    images, labels = photographs["test_batch"]
    path = tmp_path / "test_batch"
    path.write_bytes(pickled(images, labels, protocol))
    read = convert.read_cifar10_batch(path)
    np.testing.assert_array_equal(read[0], images)
    np.testing.assert_array_equal(read[1], labels)


def test_pickle_of_python_2(tmp_path):
    """Written by hand as Python 2 with old NumPy did: str keys, numpy.core.multiarray."""
    pixels = bytes(range(256)) * 12
    content = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", len(pixels))
        + pixels
        + b"tbU\x06labels]K\x07au."
    )
    pickletools.dis(content, io.StringIO())  # it is a pickle
    path = tmp_path / "data_batch_1"
    path.write_bytes(content)
    images, labels = convert.read_cifar10_batch(path)
    assert labels.tolist() == [7]
    np.testing.assert_array_equal(images[0, :, :, 0].reshape(-1), np.frombuffer(pixels[:1024], np.uint8))


class Dangerous:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_pickles_that_run_things_are_refused(tmp_path):
    path = tmp_path / "data_batch_1"
    mark = tmp_path / "was-run"
    for thing, name in [
        (Dangerous(__import__("os").system, f"touch {mark}"), "posix.system"),
        (Dangerous(eval, f"open({str(mark)!r}, 'w')"), "builtins.eval"),
        (Dangerous(np.load, str(mark)), "numpy.load"),
        (Dangerous(np.ndarray, (4,)), "numpy.ndarray"),
        (Dangerous(getattr, "", "join"), "builtins.getattr"),
        (np.array([object()]), "builtins.object"),
    ]:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            path.write_bytes(pickle.dumps({b"data": thing}, protocol))
            with pytest.raises(pickle.UnpicklingError, match="refused") as caught:
                convert.read_cifar10_batch(path)
            assert str(path) in str(caught.value)
            # Protocols name a thing in different ways ("nt.system", "__builtin__.eval"): the last part is the same.
            assert name.split(".")[-1] in str(caught.value) or "array" in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "batch, message",
    [
        ([1, 2], "holds a list; expected a dictionary"),
        ({b"labels": [1]}, r"data is NoneType; expected uint8 \(N, 3072\)"),
        ({b"data": np.zeros((2, 3072), np.float32), b"labels": [1, 1]}, "data is float32"),
        ({b"data": np.zeros((2, 3071), np.uint8), b"labels": [1, 1]}, r"data is uint8 \(2, 3071\)"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}, "holds 2 images, but .* holds 1 labels"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 10]}, "label 10 of row 1 has no class name"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, "a"]}, "labels must be a list of numbers"),
    ],
)
def test_pickles_of_other_things(tmp_path, batch, message):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(batch))
    with pytest.raises(ValueError, match=message):
        convert.read_cifar10_batch(path)


def test_damaged_cifar10_files(tmp_path, photographs):
    content = records(*photographs["test_batch"]).tobytes()
    path = tmp_path / "test_batch.bin"
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="truncated: 9218 bytes are no multiple of a record's 3073"):
        convert.read_cifar10_batch(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="holds no images"):
        convert.read_cifar10_batch(path)
    packed = tmp_path / "test_batch.bin.xz"
    packed.write_bytes(lzma.compress(content)[:-20])
    with pytest.raises(ValueError, match="damaged xz file"):
        convert.read_cifar10_batch(packed)
    plain = tmp_path / "test_batch"
    plain.write_bytes(pickled(*photographs["test_batch"])[:-100])
    with pytest.raises(ValueError, match="not a readable pickle"):
        convert.read_cifar10_batch(plain)
    with pytest.raises(FileNotFoundError, match="data_batch_1.bin, data_batch_1.bin.xz and data_batch_1"):
        convert.cifar10(tmp_path, tmp_path / "out.h5")


# CSV


def read(path):
    with h5py.File(path) as file:
        return {name: (file[name][:], dict(file[name].attrs)) for name in file}


def test_csv_with_header_and_text_labels(tmp_path):
    (tmp_path / "iris.csv").write_text("width,kind,length\n1,setosa,2.5\n\n3,virginica,-4e-1\n5,setosa,6\n")
    convert.csv(tmp_path / "iris.csv", tmp_path / "out.h5", label="kind", scale=0.5)
    found = read(tmp_path / "out.h5")
    np.testing.assert_array_equal(found["x"][0], np.array([[1, 2.5], [3, -0.4], [5, 6]], np.float32))
    assert found["x"][0].dtype == np.float32 and found["x"][1]["scale"] == 0.5
    assert found["y"][0].tolist() == [0, 1, 0]
    assert list(found["y"][1]["class_names"]) == ["setosa", "virginica"]


def test_csv_without_header(tmp_path):
    (tmp_path / "a.csv").write_text("7;0.5;1\n3;0.25;2\n")
    convert.csv(tmp_path / "a.csv", tmp_path / "out.h5", label=0, delimiter=";")
    found = read(tmp_path / "out.h5")
    assert found["x"][0].tolist() == [[0.5, 1], [0.25, 2]]
    assert found["y"][0].tolist() == [7, 3] and found["y"][0].dtype == np.int64


def test_csv_to_regress_and_with_a_test_table(tmp_path):
    (tmp_path / "train.csv").write_text("a,b,price\n1,2,1.5\n3,4,-2\n")
    (tmp_path / "test.csv").write_text("a,b,price\n5,6,9\n")
    convert.csv(tmp_path / "train.csv", tmp_path / "out.h5", test=tmp_path / "test.csv")
    found = read(tmp_path / "out.h5")
    assert sorted(found) == ["x_test", "x_train", "y_test", "y_train"]
    assert found["y_train"][0].tolist() == [1.5, -2] and found["y_test"][0].dtype == np.float32


@pytest.mark.parametrize(
    "text, label, message",
    [
        ("a,b,c\n1,2,3\n4,oops,6\n", "c", "line 3, column 'b': 'oops' is not a finite number"),
        ("1,2,3\n4,nan,6\n", 0, "line 2, column 1: 'nan' is not a finite number"),
        ("1,2,3\n4,1e39,6\n", 0, "line 2, column 1: '1e39' is not a finite number"),
        ("1,2,3\n4,,6\n", 0, "line 2, column 1: '' is not a finite number"),
        ("a,b,c\n1,2,3\n4,5\n", "c", "line 3: 2 columns, expected 3"),
        ("a,b\n1,2\n", "z", "has no column 'z'; its columns: a, b"),
        ("1,2\n", 2, "has 2 columns; there is no column 2"),
        ("1\n2\n", 0, "has one column"),
        ("a,b\n", "b", "has no rows"),
        ("", -1, "has no rows"),
        ("a,b\n1,\n", "b", "line 2: the label is empty"),
        ('a,b\n1,"x\n', "b", "line 2: unexpected end of data"),
    ],
)
def test_bad_csv(tmp_path, text, label, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        convert.csv(tmp_path / "a.csv", tmp_path / "out.h5", label=label)
    assert not (tmp_path / "out.h5").exists()


def test_csv_test_table_must_fit(tmp_path):
    (tmp_path / "a.csv").write_text("x,kind\n1,cat\n2,dog\n")
    (tmp_path / "b.csv").write_text("x,kind\n1,cow\n")
    with pytest.raises(ValueError, match="b.csv, line 2: class 'cow' is not in"):
        convert.csv(tmp_path / "a.csv", tmp_path / "out.h5", test=tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("x,z,kind\n1,1,cat\n")
    with pytest.raises(ValueError, match="has 2 number columns, .* has 1"):
        convert.csv(tmp_path / "a.csv", tmp_path / "out.h5", test=tmp_path / "c.csv")


# The command line


def test_command_line(tmp_path, images, run_python):
    write_idx(tmp_path, images, True)
    output = tmp_path / "out.h5"
    # The library is not needed to convert: an empty name for it proves that it is not loaded.
    done = run_python(
        "-m", "martlet.convert", "idx", tmp_path, output, "--class-names", "mnist", MARTLET_LIBRARY="/none"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(read(output)["x_train"][0], images["x_train"])
    failed = run_python("-m", "martlet.convert", "cifar10", tmp_path, output)
    assert failed.returncode == 1
    assert failed.stderr.startswith("martlet.convert: ") and "data_batch_1" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_command_line_of_tables(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("1,2,0\n3,4,1\n")
    arguments = ["csv", str(tmp_path / "a.csv"), str(tmp_path / "out.h5")]
    assert main([*arguments, "--label", "-1"]) == 0
    assert read(tmp_path / "out.h5")["y"][0].tolist() == [0, 1]
    assert main([*arguments, "--label", "name"]) == 1
    assert "no column 'name'" in capsys.readouterr().err
    assert main(["csv", str(tmp_path / "a.csv"), str(tmp_path / "none" / "out.h5")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_missing_h5py_is_said(tmp_path, run_python):
    code = "import sys; sys.modules['h5py'] = None; import martlet.convert as c; c.csv('a.csv', 'out.h5')"
    (tmp_path / "a.csv").write_text("1,2\n")
    done = run_python("-c", code, cwd=tmp_path)
    assert "ImportError: writing HDF5 needs h5py: pip install" in done.stderr


# The published files


def test_published_idx_files(real_data):
    for name in ("mnist", "fashion-mnist"):
        x = convert.read_idx(real_data / name / "train-images-idx3-ubyte.gz", 3)
        y = convert.read_idx(real_data / name / "train-labels-idx1-ubyte.gz", 1)
        assert x.shape == (60000, 28, 28) and y.shape == (60000,)
        # Published statistics of the pixels, given to four places.
        mean, deviation = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}[name]
        assert abs(x.mean() / 255 - mean) < 6e-5 and abs(x.std() / 255 - deviation) < 6e-5


def test_published_cifar10_batch(real_data):
    x, y = convert.read_cifar10_batch(real_data / "cifar-10" / "test_batch.bin.xz")
    assert x.shape == (10000, 32, 32, 3)
    assert np.bincount(y).tolist() == [1000] * 10
    # The first test image is a cat (3) with a warm foreground: red above blue on average, in the published order.
    assert y[0] == 3 and x[0, ..., 0].mean() > x[0, ..., 2].mean()


def test_a_source_is_not_replaced(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("1,2,0\n3,4,1\n")
    with pytest.raises(FileExistsError, match="is not an HDF5 file; it is not replaced"):
        convert.csv(table, table)
    assert table.read_text() == "1,2,0\n3,4,1\n"
    output = tmp_path / "table.h5"
    convert.csv(table, output)
    convert.csv(table, output)  # one of ours is replaced
