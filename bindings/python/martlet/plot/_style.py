"""What all pictures look like: sizes, colours, line styles; and files that hold the same bytes every time."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

try:
    import matplotlib.style
except ImportError as error:
    raise ImportError("martlet.plot needs matplotlib: pip install 'martlet[plot]'") from error
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image  # matplotlib needs Pillow itself

# Okabe and Ito's palette without its yellow, which is no line on white paper.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GRAY = "#555555"

# Inches of one panel: half of a page's width, so that 9 points stay legible where two stand side by side.
PANEL = (4.2, 2.9)
DOTS_PER_INCH = 150
# Points that an entry of the legend needs without its text, for each letter, and in height.
_LEGEND_HANDLE, _LEGEND_LETTER, _LEGEND_LINE = 44, 4.6, 13

_SETTINGS = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "axes.xmargin": 0.02,
    "figure.titlesize": 10,
    "font.size": 9,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.edgecolor": "none",
    "legend.fontsize": 8,
    "legend.handlelength": 2.6,  # a whole period of every line style
    "legend.title_fontsize": 8,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "martlet",  # of the ids in an SVG, else random
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}

# Decorates a function that draws: its picture is in this style, whatever the program has set for its own.
in_style = matplotlib.style.context(["default", _SETTINGS])

# What would differ from day to day, by the endings of files.
_METADATA: dict[str, dict[str, Any]] = {".pdf": {"CreationDate": None}, ".png": {}, ".svg": {"Date": None}}


def series(index: int) -> dict[str, Any]:
    """Colour and line style of the curve of this number. Among 49 no two have the same pair."""
    count = len(COLORS)
    return {"color": COLORS[index % count], "linestyle": LINE_STYLES[(index + index // count) % count]}


def panels(count: int, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows of at most `columns`."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).reshape(-1).tolist()
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def legend_below(figure: Figure, panel: list[Axes], title: str | None = None) -> None:
    """One legend for all panels, below them, where it hides nothing."""
    handles = {label: handle for axes in panel for handle, label in zip(*axes.get_legend_handles_labels())}
    room = int(72 * figure.get_figwidth() / (_LEGEND_HANDLE + _LEGEND_LETTER * max(map(len, handles))))
    rows = -(-len(handles) // max(room, 1))
    lines = rows + (title is not None)
    figure.set_figheight(figure.get_figheight() + lines * _LEGEND_LINE / 72)  # not at the cost of the panels
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=-(-len(handles) // rows), title=title
    )


def note(axes: Axes, text: str) -> None:
    """A line above a panel that says what is marked in it."""
    axes.set_title(text, color=GRAY, fontsize=8)


def meaning(counts: set[int], center: str = "median") -> str | None:
    """What a point and its spread are, for the title of a legend. counts: how many seeds there are of each point."""
    low, high = min(counts), max(counts)
    if high == 1:
        return None
    seeds = f"{high} seeds" if low == high else f"{low} to {high} seeds"
    return f"median, min and max of {seeds}" if center == "median" else f"mean ± std. deviation of {seeds}"


def finished(figure: Figure, path: str | os.PathLike | None, title: str | None) -> Figure:
    """The figure with its title, saved if there is a path."""
    if title:
        figure.suptitle(title)
    if path is not None:
        save(figure, path)
    return figure


@in_style
def save(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure as PNG, PDF or SVG by the ending of path, without times in it.

    PNG: 150 dots per inch and a palette of 256 colours, which look the same and take a third of the bytes.
    ValueError: another ending. OSError: the file cannot be written.
    """
    ending = Path(path).suffix.lower()
    if ending not in _METADATA:
        raise ValueError(f"path must end in {', '.join(_METADATA)}, received {os.fspath(path)!r}")
    if ending != ".png":
        figure.savefig(path, metadata=_METADATA[ending])
        return
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    with Image.open(buffer) as picture:
        # Maximum coverage keeps the rare colours of thin lines, which median cut, the default, blends with others; one
        # pass of k-means moves the palette onto the colours that are most frequent.
        method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
        picture.convert("RGB").quantize(256, method, kmeans=1, dither=dither).save(path, "PNG", optimize=True)
