"""Image files in folders: one folder for each class, as ImageNet and most collections of one's own are kept.

Files come from anywhere, so only formats that Pillow decodes itself are opened (PostScript would start a program), and
an image's size is compared with a limit before its pixels are decoded.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .hdf5 import Contents, Part, write

# The formats by Pillow's names, and the endings that say that a file means to be an image.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}

# Pillow's modes with 8 bits or fewer to a channel. Deeper ones it would cut off at 255.
_GRAYSCALE_MODES = {"1", "L", "LA"}
_COLOUR_MODES = {"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}

# More than any photograph to train with has; a compressed image of this size can still be decoded in memory.
_MAX_PIXELS = 1 << 26


@dataclass
class _Image:
    """A file, what its head says of it, and its class."""

    path: Path
    label: int
    size: tuple[int, int]  # width, height
    grayscale: bool


def images(
    folder: str | os.PathLike,
    output: str | os.PathLike,
    size: tuple[int, int] | None = None,
    color: str | None = None,
    test: str | os.PathLike | None = None,
    title: str | None = None,
) -> None:
    """Convert folders of images to HDF5: x [N, H, W] or [N, H, W, 3] uint8 with scale 1/255, y [N] classes.

    folder: holds one folder for each class, and that the images of the class: BMP, GIF (its first picture), JPEG, PNG,
    PPM, TIFF or WebP files with 8 bits to a channel. Other files, and names that begin with a dot, are passed over. The
    folders' names in sorted order are the class names. size: (width, height) to resize to, bilinear and without keeping
    proportions; None: all images must have one size. color: "grayscale" or "rgb", to convert to; None: as the images
    are, which must then be all of one kind. Transparency is dropped. test: a folder like the first with the test images;
    then the arrays are x_train, y_train, x_test, y_test.

    Rows come in the order of a hash of their names: mixed, so that any first or last part holds all classes, and the
    same every time. ImportError without Pillow (extra `images`). FileNotFoundError: no such folder. ValueError names the
    file or folder and what is wrong with it.
    """
    if color not in (None, "grayscale", "rgb"):
        raise ValueError(f'color must be "grayscale", "rgb" or None, received {color!r}')
    if size is not None and not (len(size) == 2 and all(1 <= n <= 65535 for n in size)):
        raise ValueError(f"size must be (width, height), each from 1 to 65535, received {size!r}")
    names = _class_names(folder)
    sources = [_scan(folder, names)]
    if test is not None:
        if unknown := sorted(set(_class_names(test)) - set(names)):
            raise ValueError(f"{test}: class {unknown[0]!r} is not in {folder}")
        sources.append(_scan(test, names))
    everything = [image for source in sources for image in source]
    size = size or _common_size(everything)
    grayscale = _is_grayscale(everything) if color is None else color == "grayscale"
    suffixes = ("",) if test is None else ("_train", "_test")
    parts = [_decoded(source, suffix, size, grayscale) for source, suffix in zip(sources, suffixes)]
    title = title or Path(folder).resolve().name
    source = "images in folders: " + ", ".join(Path(f).resolve().name for f in (folder, test) if f is not None)
    write(output, Contents(parts, title, source, scale=1 / 255, class_names=names))


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("reading images needs Pillow: pip install 'martlet[images]'") from error
    return Image


def _entries(folder: str | os.PathLike) -> list[Path]:
    return sorted((path for path in Path(folder).iterdir() if not path.name.startswith(".")), key=lambda p: p.name)


def _class_names(folder: str | os.PathLike) -> list[str]:
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"there is no folder {os.fspath(folder)!r}")
    names = []
    for path in _entries(folder):
        if path.is_dir():
            names.append(path.name)
        elif path.suffix.lower() in _ENDINGS:
            raise ValueError(f"{path} is in no folder of a class")
    if not names:
        raise ValueError(f"{folder} holds no folders; expected one for each class")
    for name in names:
        if not name.isprintable():
            raise ValueError(f"{folder} holds a folder with the name {name!r}, which no class can have")
    return names


def _scan(folder: str | os.PathLike, names: list[str]) -> list[_Image]:
    """What the heads of all files say, in the order of the rows."""
    found: list[_Image] = []
    for label, name in enumerate(names):
        if not (Path(folder) / name).is_dir():
            continue  # no test images of this class
        before = len(found)
        for path in _entries(Path(folder) / name):
            if path.is_dir():
                raise ValueError(f"{path} is a folder within a class; expected images")
            if path.suffix.lower() in _ENDINGS:
                found.append(_head(path, label))
        if len(found) == before:
            raise ValueError(f"{Path(folder) / name} holds no images")
    return sorted(found, key=lambda image: _hash(image.path))


def _hash(path: Path) -> bytes:
    return hashlib.sha256(f"{path.parent.name}/{path.name}".encode("utf-8", "surrogateescape")).digest()


def _open(path: Path) -> Any:
    """Pillow's image, not decoded yet. ValueError names the file."""
    image_module = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            image = image_module.open(path, formats=_FORMATS)
        width, height = image.size
        if width * height > _MAX_PIXELS:
            image.close()
            raise image_module.DecompressionBombError(f"{width} x {height}")
        return image
    except (image_module.DecompressionBombError, image_module.DecompressionBombWarning) as error:
        raise ValueError(f"{path} has more than {_MAX_PIXELS} pixels and is refused: {error}") from None
    except Exception as error:  # Pillow's readers fail in any way on damaged files
        raise ValueError(f"{path} is not a readable image: {error}") from error


def _head(path: Path, label: int) -> _Image:
    with _open(path) as image:
        mode, size = image.mode, image.size
    if mode not in _GRAYSCALE_MODES | _COLOUR_MODES:
        raise ValueError(f"{path} has pixels of Pillow's mode {mode!r}; expected 8 bits to a channel")
    return _Image(path, label, size, mode in _GRAYSCALE_MODES)


def _common_size(found: list[_Image]) -> tuple[int, int]:
    first = found[0]
    for image in found:
        if image.size != first.size:
            raise ValueError(
                f"{image.path} is {image.size[0]} x {image.size[1]}, {first.path} is {first.size[0]} x {first.size[1]}; "
                "give a size to resize to"
            )
    return first.size


def _is_grayscale(found: list[_Image]) -> bool:
    first = found[0]
    for image in found:
        if image.grayscale != first.grayscale:
            kinds = {True: "grayscale", False: "coloured"}
            raise ValueError(
                f"{image.path} is {kinds[image.grayscale]}, {first.path} is {kinds[first.grayscale]}; choose "
                "grayscale or rgb"
            )
    return first.grayscale


def _decoded(found: list[_Image], suffix: str, size: tuple[int, int], grayscale: bool) -> Part:
    resampling = _pillow().Resampling.BILINEAR
    width, height = size
    x = np.empty((len(found), height, width) if grayscale else (len(found), height, width, 3), np.uint8)
    for row, source in zip(x, found):
        with _open(source.path) as image:
            try:
                pixels = image.convert("L" if grayscale else "RGB")
                row[...] = np.asarray(pixels if pixels.size == size else pixels.resize(size, resampling))
            except Exception as error:  # as in _open
                raise ValueError(f"{source.path} is not a readable image: {error}") from error
    classes = np.array([image.label for image in found], np.int64)
    return Part(suffix, x, classes)
