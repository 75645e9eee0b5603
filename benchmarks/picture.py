"""The picture of how the cost grows: speed of training over width, depth and batch, beside peers and the roofline."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import workloads
from participants import OURS, PEAK, READ
from workloads import Workload

if TYPE_CHECKING:
    from tables import Results

# Okabe and Ito: told apart with any colour vision.
BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#666666",
)
STYLES = {
    OURS: {"color": BLUE, "marker": "o", "linewidth": 2.5, "zorder": 3},
    "jax-scan": {"color": VERMILION, "marker": "s"},
    "jax": {"color": ORANGE, "marker": "^"},
    "torch": {"color": GREEN, "marker": "D"},
    "numpy": {"color": PINK, "marker": "v"},
}
AXES = {"width": "units of the two hidden layers", "depth": "hidden layers of 512 units", "batch": "rows of a batch"}
NETWORKS = {"width": "784-w-w-10, batch 128", "depth": "784-512-...-10, batch 128", "batch": "784-1024-1024-10"}

TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]

# Least traffic of a step of gradient descent with a fused update: weights are read forward, and read and written
# backward.
PASSES = 3


def roof(workload: Workload, peak: float, bandwidth: list[tuple[float, float]]) -> float:
    """GFLOP/s that no step can exceed: bound by multiply-adds (`peak`, GFLOP/s) or by moving the weights.

    bandwidth: bytes in use and GB/s there, ascending; empty if it was not measured.
    """
    flops, moved = workload.batch * workload.training_flops, PASSES * 4 * workload.weight_count
    seconds = 1e-9 * flops / peak
    if bandwidth:
        sizes, speeds = zip(*bandwidth)
        speed = float(np.interp(np.log(4 * workload.weight_count), np.log(sizes), speeds))
        seconds = max(seconds, 1e-9 * moved / speed)
    return 1e-9 * flops / seconds


def draw(results: Results, path: Path) -> bool:
    """Draws what there is; False if growth was not measured or matplotlib is missing."""
    threads = results.threads("growth")
    if not threads:
        return False
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no picture", file=sys.stderr)
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(
        len(threads), len(workloads.SWEEPS), figsize=(13, 4.2 * len(threads)), sharey="row", squeeze=False
    )
    for row, count in zip(grid, threads):
        for axes, (name, sweep) in zip(row, workloads.SWEEPS.items()):
            draw_sweep(results, axes, name, sweep, count)
        drawn = np.concatenate([line.get_ydata() for axes in row for line in axes.lines])
        row[0].set_ylim(0.8 * drawn.min(), 1.25 * drawn.max())
        row[0].set_ylabel(f"GFLOP/s of training, {count} thread{'s' if count > 1 else ''}")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.1 / len(threads), 1, 1))
    figure.savefig(path, dpi=110)
    return True


def draw_sweep(results: Results, axes: Any, name: str, sweep: Any, threads: int) -> None:
    lines: dict[str, list[tuple[int, float]]] = {}
    roofs = []
    triads = results.of("bandwidth triad", threads=threads)
    bandwidth = [(row["bytes"], 1e-9 * row["bytes"] * statistics.median(row["rates"])) for row in triads]
    for value, workload in sweep:
        for peer, row in results.comparison("growth", workload.name, threads).items():
            speed = 1e-9 * row["flops"] * statistics.median(row["rates"])
            if peer == PEAK:
                roofs.append((value, roof(workload, speed, bandwidth)))
            elif peer != READ:
                lines.setdefault(peer, []).append((value, speed))
    for peer, points in lines.items():
        axes.plot(*zip(*points), label=peer, markersize=5, **STYLES.get(peer, {"color": SKY}))
    if roofs:
        axes.plot(*zip(*roofs), label="roofline", color=GREY, linestyle="--", linewidth=1.2)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([value for value, _ in sweep], [str(value) for value, _ in sweep])
    axes.set_yticks(TICKS, list(map(str, TICKS)))
    axes.minorticks_off()
    axes.set_xlabel(AXES[name])
    axes.set_title(NETWORKS[name], fontsize=10)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
