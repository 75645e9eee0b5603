"""Folders of images: what the converter writes is compared with the pixels that Pillow wrote or resizes."""

import struct
import sys
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

from martlet import convert
from martlet.convert.__main__ import main


@pytest.fixture
def folder(tmp_path, random):
    """PNG images 6 wide and 4 high: two cats, three dogs, one Ant; the pixels by class and file name."""
    pixels = {}
    for name in ("cat/b.png", "cat/a.png", "dog/1.png", "dog/2.png", "dog/3.PNG", "Ant/x.png"):
        path = tmp_path / "animals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels[name] = random.integers(0, 256, (4, 6, 3), np.uint8)
        Image.fromarray(pixels[name]).save(path, format="PNG")
    (tmp_path / "animals" / ".hidden").mkdir()
    (tmp_path / "animals" / "cat" / "Thumbs.db").write_bytes(b"no image")
    (tmp_path / "animals" / "notes.txt").write_text("no class")
    return tmp_path / "animals", pixels


def read(path):
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}, list(file[sorted(file)[-1]].attrs["class_names"])


def test_folders_become_hdf5(folder, tmp_path):
    source, pixels = folder
    convert.images(source, tmp_path / "out.h5")
    arrays, class_names = read(tmp_path / "out.h5")
    assert class_names == ["Ant", "cat", "dog"]
    assert arrays["x"].shape == (6, 4, 6, 3) and arrays["x"].dtype == np.uint8
    assert sorted(arrays) == ["x", "y"]
    # Every image is there once, with its class.
    found = sorted((image.tobytes(), int(label)) for image, label in zip(arrays["x"], arrays["y"]))
    assert found == sorted((image.tobytes(), class_names.index(name.split("/")[0])) for name, image in pixels.items())
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["x"].attrs["scale"] == 1 / 255 and file["x"].attrs["offset"] == 0
        assert file.attrs["title"] == "animals" and file.attrs["source"] == "images in folders: animals"


def test_same_folder_same_bytes(folder, tmp_path):
    for name in ("a.h5", "b.h5"):
        assert main(["images", str(folder[0]), str(tmp_path / name)]) == 0
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_rows_are_mixed(tmp_path):
    """With 40 files a class an order by class would leave the first half without the second class."""
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(40):
            Image.new("L", (1, 1)).save(tmp_path / "in" / name / f"{number}.png")
    convert.images(tmp_path / "in", tmp_path / "out.h5")
    y = read(tmp_path / "out.h5")[0]["y"]
    assert set(y[:40]) == set(y[40:]) == {0, 1}


def test_grayscale_and_size(folder, tmp_path):
    source, pixels = folder
    assert main(["images", str(source), str(tmp_path / "out.h5"), "--size", "3x2", "--grayscale"]) == 0
    arrays, _ = read(tmp_path / "out.h5")
    assert arrays["x"].shape == (6, 2, 3)
    expected = [
        np.asarray(Image.fromarray(image).convert("L").resize((3, 2), Image.Resampling.BILINEAR)).tobytes()
        for image in pixels.values()
    ]
    assert sorted(image.tobytes() for image in arrays["x"]) == sorted(expected)


def test_grayscale_images_stay_so(tmp_path, random):
    (tmp_path / "in" / "a").mkdir(parents=True)
    image = random.integers(0, 256, (5, 4), np.uint8)
    Image.fromarray(image).save(tmp_path / "in" / "a" / "1.pgm")
    convert.images(tmp_path / "in", tmp_path / "out.h5")
    np.testing.assert_array_equal(read(tmp_path / "out.h5")[0]["x"], image[None])
    convert.images(tmp_path / "in", tmp_path / "out.h5", color="rgb")
    np.testing.assert_array_equal(read(tmp_path / "out.h5")[0]["x"], np.repeat(image[None, ..., None], 3, axis=3))


def test_test_folder(folder, tmp_path):
    source, _ = folder
    (tmp_path / "later" / "dog").mkdir(parents=True)
    Image.new("RGB", (6, 4), (1, 2, 3)).save(tmp_path / "later" / "dog" / "9.png")
    assert main(["images", str(source), str(tmp_path / "out.h5"), "--test", str(tmp_path / "later")]) == 0
    arrays, class_names = read(tmp_path / "out.h5")
    assert sorted(arrays) == ["x_test", "x_train", "y_test", "y_train"]
    assert arrays["x_test"].shape == (1, 4, 6, 3) and (arrays["x_test"] == [1, 2, 3]).all()
    assert arrays["y_test"].tolist() == [class_names.index("dog")]
    (tmp_path / "later" / "emu").mkdir()
    with pytest.raises(ValueError, match="class 'emu' is not in"):
        convert.images(source, tmp_path / "out.h5", test=tmp_path / "later")


def png_head(width, height):
    """A PNG file that says it has this size, with the pixels of none."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_sizes_that_differ(folder, tmp_path):
    source, _ = folder
    Image.new("RGB", (7, 4)).save(source / "dog" / "odd.png")
    # Either of the two may come first in the order of the rows.
    with pytest.raises(ValueError, match=r"(7 x 4, .* is 6 x 4|6 x 4, .*odd.png is 7 x 4); give a size to resize to"):
        convert.images(source, tmp_path / "out.h5")
    convert.images(source, tmp_path / "out.h5", size=(6, 4))


def test_kinds_that_differ(folder, tmp_path):
    source, _ = folder
    Image.new("L", (6, 4)).save(source / "dog" / "grey.png")
    with pytest.raises(ValueError, match="(is coloured, .* is grayscale|is grayscale, .* is coloured); choose"):
        convert.images(source, tmp_path / "out.h5")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is not a readable image"),
        (b"\x89PNG\r\n\x1a\n garbage", "is not a readable image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n", "is not a readable image"),
        (png_head(6, 4), "is not a readable image"),
        (png_head(50_000, 50_000), "has more than 67108864 pixels and is refused"),
        (png_head(10_000, 10_000), "has more than 67108864 pixels and is refused"),
        (png_head(9_000, 9_000), "has more than 67108864 pixels and is refused"),
    ],
)
def test_bad_files_are_named(folder, tmp_path, content, message):
    source, _ = folder
    (source / "dog" / "bad.png").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        convert.images(source, tmp_path / "out.h5", size=(6, 4), color="rgb")
    assert str(source / "dog" / "bad.png") in str(caught.value)
    assert not (tmp_path / "out.h5").exists()


def test_truncated_and_deep_files(folder, tmp_path):
    source, _ = folder
    path = source / "dog" / "bad.png"
    path.write_bytes((source / "dog" / "1.png").read_bytes()[:-30])
    with pytest.raises(ValueError, match="bad.png is not a readable image"):
        convert.images(source, tmp_path / "out.h5")
    Image.fromarray(np.full((4, 6), 40_000, np.uint16)).save(path)
    with pytest.raises(ValueError, match="bad.png has pixels of Pillow's mode 'I;16'; expected 8 bits to a channel"):
        convert.images(source, tmp_path / "out.h5")


def test_folders_that_are_none(folder, tmp_path):
    source, _ = folder
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        convert.images(tmp_path / "nowhere", tmp_path / "out.h5")
    with pytest.raises(ValueError, match="holds no folders; expected one for each class"):
        convert.images(source / "cat" / ".." / ".hidden", tmp_path / "out.h5")
    with pytest.raises(ValueError, match=r"cat/[ab]\.png is in no folder of a class"):
        convert.images(source / "cat", tmp_path / "out.h5")
    with pytest.raises(ValueError, match="animals/Ant is a folder within a class"):
        convert.images(tmp_path, tmp_path / "out.h5")
    (source / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no images"):
        convert.images(source, tmp_path / "out.h5")


def test_bad_options(folder, tmp_path, capsys):
    source, _ = folder
    with pytest.raises(ValueError, match=r"size must be \(width, height\), each from 1 to 65535, received \(0, 4\)"):
        convert.images(source, tmp_path / "out.h5", size=(0, 4))
    with pytest.raises(ValueError, match='color must be "grayscale", "rgb" or None'):
        convert.images(source, tmp_path / "out.h5", color="cmyk")
    with pytest.raises(SystemExit):
        main(["images", str(source), str(tmp_path / "out.h5"), "--size", "64"])
    assert "expected a width and a height such as 64x48, received '64'" in capsys.readouterr().err


def test_without_pillow(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["images", str(folder[0]), str(tmp_path / "out.h5")]) == 1
    assert "reading images needs Pillow: pip install 'martlet[images]'" in capsys.readouterr().err
