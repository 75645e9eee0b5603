"""What units look for: the columns of a Dense layer's kernel as images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .._check import integer
from ._style import DOTS_PER_INCH, GRAY, finished, in_style

# So many tiles can still be looked at one by one.
_MAXIMUM = 400
# The scale ends at this share of the absolute weights, so that single strong pixels do not wash out all others.
_QUANTILE = 0.995

# Dots. A weight is a square of whole dots: sharp, and few bytes.
_TILE, _WIDTH = 150, 1260  # a tile and a row of tiles are at most so wide
_SPACE, _MARGIN, _LEAST = 6, 8, 420
_NAME, _TITLE, _NOTE = 24, 44, 30  # heights of a line of text
_BAR, _BAR_HEIGHT, _BAR_ROOM = 16, 420, 120


@in_style
def plot_templates(
    weights: Any,
    image_shape: Sequence[int],
    path: str | os.PathLike | None = None,
    title: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    units: Sequence[int] | None = None,
    columns: int | None = None,
    scale: str = "common",
    colormap: str = "RdBu_r",
) -> Figure:
    """Draw units' weights as images: what in an image raises (red) and lowers (blue) the unit's sum; white is 0.

    Images in colour are drawn in colour: a pixel is 1/2 + w / (2 limit) in each channel, mid-grey is 0.

    weights: [I, O], the kernel of a Dense layer that reads flattened images (layer.get_weights()[0]). image_shape:
    (H, W), (H, W, 1) or (H, W, 3) with product I. class_names: [O], above the tiles. units: which columns; None: all,
    up to 400. columns: tiles in a row; None: about twice as many as rows. scale: "common", so that strengths compare,
    from -limit to limit, where limit is the 99.5 % quantile of |w| over the units shown and stronger ones are clipped;
    "each", the same for each unit by itself, so that weak ones are seen. colormap: matplotlib's name; "gray" for print
    in grey. ValueError: shapes that do not fit, more than 400 units.
    """
    kernel = _kernel(weights, image_shape)
    shown = _units(units, kernel.shape[1])
    if class_names is not None and len(class_names) != kernel.shape[1]:
        raise ValueError(f"class_names has {len(class_names)} names, but weights have {kernel.shape[1]} columns")
    if scale not in ("common", "each"):
        raise ValueError(f'scale must be "common" or "each", received {scale!r}')
    grid = _Grid.of(len(shown), image_shape, columns, class_names is not None)
    tiles = [kernel[:, unit].reshape(*image_shape[:2], -1) for unit in shown]
    limits = [_limit(tile) for tile in tiles] if scale == "each" else [_limit(kernel[:, shown])] * len(tiles)
    figure, axes = _canvas(grid, tiles[0].shape[2] == 3, bool(title))
    for index, (tile, limit) in enumerate(zip(tiles, limits)):
        left, top = grid.corner(index)
        _draw(axes, tile, limit, (left, left + grid.width, top + grid.height, top), colormap)
        if class_names is not None:
            name = str(class_names[shown[index]])
            size = min(8, grid.width / max(1, len(name)))  # a letter of 8 points is less than 10 dots wide
            axes.text(left + grid.width / 2, top - 4, name, ha="center", va="bottom", fontsize=size)
    if tiles[0].shape[2] == 3:
        end = f"{limits[0]:.2g}" if scale == "common" else "the limit of the unit"
        figure.text(0.01, 0.01, f"mid-grey is 0, a full channel {end}", fontsize=8, color=GRAY)
    else:
        _bar(figure, grid, limits[0] if scale == "common" else None, colormap)
    return finished(figure, path, title)


class _Grid(NamedTuple):
    """Where the tiles are, in dots from the upper left corner of the first row."""

    columns: int
    rows: int
    width: int  # of a tile
    height: int
    name: int  # height of the names above each row

    @classmethod
    def of(cls, count: int, image_shape: Sequence[int], columns: int | None, named: bool) -> _Grid:
        columns = min(integer(columns, "columns", 1) if columns is not None else _wide(count), count)
        dots = max(1, min(_TILE, _WIDTH // columns - _SPACE) // image_shape[1])  # of a weight
        return cls(columns, -(-count // columns), dots * image_shape[1], dots * image_shape[0], _NAME if named else 0)

    @property
    def total(self) -> tuple[int, int]:
        width, height = self.columns * (self.width + _SPACE), self.rows * (self.name + self.height + _SPACE)
        return width - _SPACE, height - _SPACE

    def corner(self, index: int) -> tuple[int, int]:
        row, column = divmod(index, self.columns)
        return column * (self.width + _SPACE), row * (self.name + self.height + _SPACE) + self.name


def _canvas(grid: _Grid, colored: bool, titled: bool) -> tuple[Figure, Axes]:
    """A figure around the tiles with one dot to one unit of its axes; room for the title, and for what colours mean."""
    width, height = grid.total
    right, below, above = _MARGIN + (0 if colored else _BAR_ROOM), _NOTE if colored else _MARGIN, _MARGIN
    above += _TITLE if titled else 0
    size = np.array([max(_MARGIN + width + right, _LEAST), above + height + below])
    figure = Figure(figsize=tuple(size / DOTS_PER_INCH))
    axes = figure.add_axes((_MARGIN / size[0], below / size[1], width / size[0], height / size[1]))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure, axes


def _kernel(weights: Any, image_shape: Sequence[int]) -> np.ndarray:
    try:
        kernel = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"weights must be numbers [I, O], received {type(weights).__name__}") from None
    if kernel.ndim != 2 or not kernel.size:
        raise ValueError(f"weights must have shape [I, O], received {list(kernel.shape)}")
    if len(image_shape) not in (2, 3) or tuple(image_shape[2:]) not in ((), (1,), (3,)):
        raise ValueError(f"image_shape must be (H, W), (H, W, 1) or (H, W, 3), received {tuple(image_shape)}")
    if np.prod(image_shape) != len(kernel):
        raise ValueError(
            f"image_shape {tuple(image_shape)} has {np.prod(image_shape)} elements, but weights have {len(kernel)} rows"
        )
    if not np.isfinite(kernel).all():
        raise ValueError("weights must be finite")
    return kernel


def _units(units: Sequence[int] | None, count: int) -> list[int]:
    shown = list(range(count)) if units is None else [int(unit) for unit in units]
    if not 1 <= len(shown) <= _MAXIMUM:
        raise ValueError(f"there are {len(shown)} units; choose 1 to {_MAXIMUM} of them with units=")
    for unit in shown:
        if not 0 <= unit < count:
            raise ValueError(f"units must be from 0 to {count - 1}, received {unit}")
    return shown


def _wide(count: int) -> int:
    """Tiles in a row: all up to 5, else about twice as many as rows, without an incomplete row if possible."""
    if count <= 5:
        return count
    ideal = np.sqrt(2 * count)
    whole = [n for n in range(1, count + 1) if count % n == 0 and abs(np.log(n / ideal)) < np.log(1.5)]
    return min(whole, key=lambda n: abs(n - ideal)) if whole else int(np.ceil(ideal))


def _limit(weights: np.ndarray) -> float:
    """The end of the scale; all weights 0 are shown as 0."""
    return float(np.quantile(np.abs(weights), _QUANTILE)) or float(np.abs(weights).max()) or 1.0


def _draw(axes: Axes, tile: np.ndarray, limit: float, extent: tuple[float, float, float, float], colormap: str) -> None:
    place: dict[str, Any] = {"extent": extent, "interpolation": "nearest", "aspect": "auto"}
    if tile.shape[2] == 3:
        axes.imshow(np.clip(0.5 + tile / (2 * limit), 0, 1), **place)
    else:
        axes.imshow(tile[..., 0], colormap, Normalize(-limit, limit), **place)


def _bar(figure: Figure, grid: _Grid, limit: float | None, colormap: str) -> None:
    """What the colours mean, at the right. limit: the common one, or None."""
    width, height = figure.get_size_inches() * DOTS_PER_INCH
    tall = min(grid.total[1], _BAR_HEIGHT)
    bottom = _MARGIN + (grid.total[1] - tall) / 2
    axes = figure.add_axes(
        ((_MARGIN + grid.total[0] + 2 * _MARGIN) / width, bottom / height, _BAR / width, tall / height)
    )
    ends = Normalize(-1, 1) if limit is None else Normalize(-limit, limit)
    bar = figure.colorbar(ScalarMappable(ends, colormap), cax=axes, ticks=MaxNLocator(5, symmetric=True))
    bar.set_label("weight" if limit is not None else "weight / limit", fontsize=8)
    bar.outline.set_visible(False)
