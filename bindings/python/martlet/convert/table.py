"""CSV tables: one column holds the label, every other a number."""

from __future__ import annotations

import csv as csv_format
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .hdf5 import Contents, Part, write

_MAX_FLOAT = float(np.finfo(np.float32).max)


@dataclass
class _Table:
    """Numbers [N, I] and the labels as they stand in the file; lines: where each row was."""

    x: np.ndarray
    labels: list[str]
    lines: list[int]
    path: str


def csv(
    path: str | os.PathLike,
    output: str | os.PathLike,
    label: str | int = -1,
    header: bool | None = None,
    delimiter: str = ",",
    test: str | os.PathLike | None = None,
    scale: float | None = None,
    title: str | None = None,
) -> None:
    """Convert a table to HDF5: x [N, I] float32 and y [N], or with a test table x_train, y_train, x_test, y_test.

    label: name of the label column, or its index (negative from the end). header: whether the first line holds names;
    None: it does if one of its columns (the label's apart) is no number. Labels that are all whole numbers >= 0 become
    int64 classes; all numbers otherwise, float32 values to regress; texts, classes in sorted order with class_names.
    scale: kept as an attribute of x, such as 1/255. ValueError names file, line and column of what is wrong.
    """
    tables = [_read(path, label, header, delimiter)]
    if test is not None:
        tables.append(_read(test, label, header, delimiter))
        if tables[0].x.shape[1] != tables[1].x.shape[1]:
            raise ValueError(f"{test} has {tables[1].x.shape[1]} number columns, {path} has {tables[0].x.shape[1]}")
    targets, class_names = _targets(tables)
    suffixes = ("",) if test is None else ("_train", "_test")
    parts = [Part(suffix, table.x, y) for suffix, table, y in zip(suffixes, tables, targets)]
    source = "CSV: " + ", ".join(Path(table.path).name for table in tables)
    write(output, Contents(parts, title or Path(path).stem, source, scale=scale, class_names=class_names))


def _read(path: str | os.PathLike, label: str | int, header: bool | None, delimiter: str) -> _Table:
    name = os.fspath(path)
    rows: list[np.ndarray] = []
    labels: list[str] = []
    lines: list[int] = []
    names: list[str] | None = None
    column = -1
    width = 0
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv_format.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                if not cells:
                    continue
                if not width:
                    width = len(cells)
                    names = cells if _is_header(cells, label, header) else None
                    column = _column(names, width, label, name)
                    if names:
                        continue
                if len(cells) != width:
                    raise ValueError(f"{name}, line {reader.line_num}: {len(cells)} columns, expected {width}")
                labels.append(cells.pop(column).strip())
                rows.append(_numbers(cells, names, column, name, reader.line_num))
                lines.append(reader.line_num)
    except csv_format.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error}") from None
    if not rows:
        raise ValueError(f"{name} has no rows")
    return _Table(np.stack(rows), labels, lines, name)


def _is_header(cells: list[str], label: str | int, header: bool | None) -> bool:
    if header is not None:
        return header
    if isinstance(label, str):
        return True
    index = label + len(cells) if label < 0 else label
    return any(not _is_number(cell) for position, cell in enumerate(cells) if position != index)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _column(names: list[str] | None, width: int, label: str | int, path: str) -> int:
    """Index of the label column."""
    if width < 2:
        raise ValueError(f"{path} has one column; expected a label and at least one number")
    if isinstance(label, str):
        if names is None or label not in names:
            raise ValueError(f"{path} has no column {label!r}; its columns: {', '.join(names or ['(no header)'])}")
        return names.index(label)
    if not -width <= label < width:
        raise ValueError(f"{path} has {width} columns; there is no column {label}")
    return label % width


def _numbers(cells: list[str], names: list[str] | None, column: int, path: str, line: int) -> np.ndarray:
    try:
        numbers = np.array(cells, dtype=np.float64)
        if np.isfinite(numbers).all() and np.abs(numbers).max() <= _MAX_FLOAT:
            return numbers.astype(np.float32)
    except ValueError:
        pass
    for position, cell in enumerate(cells):
        if not _is_number(cell) or not abs(float(cell)) <= _MAX_FLOAT:
            original = position + (position >= column)
            where = f"column {names[original]!r}" if names else f"column {original}"
            raise ValueError(f"{path}, line {line}, {where}: {cell!r} is not a finite number")
    raise ValueError(f"{path}, line {line}: not numbers")


def _targets(tables: list[_Table]) -> tuple[list[np.ndarray], list[str]]:
    """The labels of every table as numbers, and class names if they were texts."""
    everything = [text for table in tables for text in table.labels]
    for table in tables:
        if "" in table.labels:
            raise ValueError(f"{table.path}, line {table.lines[table.labels.index('')]}: the label is empty")
    if all(text.isascii() and text.isdigit() and len(text) < 19 for text in everything):
        return [np.array([int(text) for text in table.labels], np.int64) for table in tables], []
    if all(_is_number(text) and math.isfinite(float(text)) for text in everything):
        return [np.array([float(text) for text in table.labels], np.float32) for table in tables], []
    names = sorted({text for text in tables[0].labels})
    index = {text: number for number, text in enumerate(names)}
    for table in tables:
        for text, line in zip(table.labels, table.lines):
            if text not in index:
                raise ValueError(f"{table.path}, line {line}: class {text!r} is not in {tables[0].path}")
    return [np.array([index[text] for text in table.labels], np.int64) for table in tables], names
