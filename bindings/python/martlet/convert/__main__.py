"""The command line of martlet.convert: one sub-command for each format."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Sequence

from . import CLASS_NAMES, cifar10, csv, idx, images


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m martlet.convert", description="Convert data files to HDF5.")
    formats = parser.add_subparsers(dest="format", required=True, metavar="{idx,cifar10,csv,images}")

    digits = formats.add_parser("idx", help="MNIST, Fashion-MNIST and sets like them: IDX files, plain or .gz")
    digits.add_argument("folder", help="holds train-images-idx3-ubyte[.gz] and the other three files")
    digits.add_argument("output", help="HDF5 file to write")
    digits.add_argument(
        "--class-names",
        default=(),
        type=_class_names,
        metavar="NAMES",
        help=f"{', '.join(CLASS_NAMES)}, or the names separated by commas",
    )

    photographs = formats.add_parser("cifar10", help="CIFAR-10: .bin, .bin.xz or pickled batches")
    photographs.add_argument("folder", help="holds data_batch_1 ... data_batch_5 and test_batch")
    photographs.add_argument("output", help="HDF5 file to write")

    table = formats.add_parser("csv", help="a table of numbers with a label column")
    table.add_argument("file", help="CSV file")
    table.add_argument("output", help="HDF5 file to write")
    table.add_argument("--label", default="-1", help="name or index of the label column (default: the last)")
    table.add_argument("--test", help="a second table with the test rows")
    table.add_argument("--delimiter", default=",", help="what separates columns (default: a comma)")
    table.add_argument("--scale", type=float, help="factor to apply to the numbers when they are read")
    table.add_argument("--no-header", dest="header", action="store_const", const=False, help="line 1 holds data")

    folders = formats.add_parser("images", help="image files, in one folder for each class")
    folders.add_argument("folder", help="holds one folder for each class")
    folders.add_argument("output", help="HDF5 file to write")
    folders.add_argument("--size", type=_size, metavar="WxH", help="resize to this width and height")
    colors = folders.add_mutually_exclusive_group()
    colors.add_argument("--grayscale", dest="color", action="store_const", const="grayscale", help="one channel")
    colors.add_argument("--rgb", dest="color", action="store_const", const="rgb", help="three channels")
    folders.add_argument("--test", metavar="FOLDER", help="a second folder with the test images")
    return parser


def _class_names(text: str) -> str | tuple[str, ...]:
    return text if text in CLASS_NAMES else tuple(name.strip() for name in text.split(","))


def _size(text: str) -> tuple[int, int]:
    width, times, height = text.lower().partition("x")
    if not (times and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected a width and a height such as 64x48, received {text!r}")
    return int(width), int(height)


def _index_or_name(text: str) -> str | int:
    try:
        return int(text)
    except ValueError:
        return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, or 1 after a message about the files."""
    options = _parser().parse_args(arguments)
    try:
        if options.format == "idx":
            idx(options.folder, options.output, options.class_names)
        elif options.format == "cifar10":
            cifar10(options.folder, options.output)
        elif options.format == "images":
            images(options.folder, options.output, options.size, options.color, options.test)
        else:
            csv(
                options.file,
                options.output,
                label=_index_or_name(options.label),
                header=options.header,
                delimiter=options.delimiter,
                test=options.test,
                scale=options.scale,
            )
    except (OSError, ValueError, ImportError, MemoryError, pickle.UnpicklingError) as error:
        print(f"martlet.convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
