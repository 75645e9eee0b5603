"""Tables, in Markdown that can be read as it is, of the lines that compare.py has written."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import images
import picture
import workloads
from participants import HDF5, OUR_GEMM, OURS, PEAK, READ

Row = dict[str, Any]

HERE = Path(__file__).resolve().parent
OPERATIONS = {"fwd": "forward", "dx": "dX", "dw": "dW"}
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


class Results:
    """The lines of results.jsonl, and what they say of one comparison."""

    def __init__(self, path: Path) -> None:
        self.rows: list[Row] = [json.loads(line) for line in path.read_text().splitlines()]

    def of(self, kind: str, **wanted: object) -> list[Row]:
        return [row for row in self.rows if row["kind"] == kind and all(row.get(k) == v for k, v in wanted.items())]

    def threads(self, kind: str) -> list[int]:
        return sorted({row["threads"] for row in self.of(kind)})

    def cases(self, kind: str, threads: int) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(row["case"] for row in self.of(kind, threads=threads)))

    def comparison(self, kind: str, case: str, threads: int) -> dict[str, Row]:
        return {row["peer"]: row for row in self.of(kind, case=case, threads=threads)}


def ours(case: dict[str, Row]) -> Row | None:
    return case.get(OURS) or case.get(OUR_GEMM)


def best_peer(case: dict[str, Row]) -> Row | None:
    """The fastest by its median that is not Martlet."""
    others = [row for name, row in case.items() if name not in (PEAK, READ) and not name.startswith(OURS)]
    return max(others, key=rate, default=None)


def rate(row: Row) -> float:
    """Repetitions per second: the median of the rounds."""
    return statistics.median(row["rates"])


def ratios(row: Row | None, other: Row | None, amount: str | None = None) -> list[float]:
    """How many times as fast `row` was as `other`, round by round; with an amount, what share of the other's it had."""
    if row is None or other is None:
        return []
    factor = row[amount] / other[amount] if amount else 1.0
    return [factor * a / b for a, b in zip(row["rates"], other["rates"])]


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Columns are as wide as they must be; the first is aligned left, the others right."""
    lines = [list(line) for line in lines]
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def text(line: Sequence[str]) -> str:
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        return "| " + " | ".join(cells) + " |"

    return "\n".join(map(text, [head, rule, *lines]))


def percent(values: Sequence[float]) -> str:
    return f"{100 * statistics.median(values):.0f} %" if values else "-"


def count_of(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def summary(
    results: Results,
    kind: str,
    threads: int,
    cases: Sequence[str],
    speed: Callable[[Row], float],
    share: str,
    head: str,
    asked: Mapping[str, float] | None = None,
) -> str:
    """A line for each case: Martlet, the best peer, and the ratio of their rates in the same rounds.

    share: of which amount the share of what the machine can do is said, "flops" or "bytes". asked: the least ratio that
    the project wants, where it wants one.
    """
    lines = []
    for name in cases:
        case = results.comparison(kind, name, threads)
        own, peer = ours(case), best_peer(case)
        ceiling = ratios(own, case.get(PEAK if share == "flops" else READ), share)
        paired = ratios(own, peer)
        lines.append(
            [
                name,
                number(speed(own)) if own else "-",
                percent(ceiling),
                peer["peer"] if peer else "-",
                number(speed(peer)) if peer else "-",
                f"**{statistics.median(paired):.2f}**" if paired else "-",
                f"{min(paired):.2f} - {max(paired):.2f}" if paired else "-",
            ]
        )
        if asked is not None:
            lines[-1].append(f"{asked[name]:.2f}" if name in asked else "-")
    of = "of the FMA peak" if share == "flops" else "of the read bandwidth"
    columns = [head, "Martlet", of, "best peer", "its", "ratio", "in all rounds"]
    return table(columns + ([] if asked is None else ["asked"]), lines)


def everybody(
    results: Results,
    kind: str,
    threads: int,
    cases: Sequence[str],
    speed: Callable[[Row], float],
    by_participant: bool = True,
) -> str:
    """Medians of all participants, the best in bold."""
    comparisons = {case: results.comparison(kind, case, threads) for case in cases}
    names = [name for name in dict.fromkeys(n for c in comparisons.values() for n in c) if name not in (PEAK, READ)]
    cells = {}
    for case, found in comparisons.items():
        best = max((rate(row) for name, row in found.items() if name in names), default=0)
        for name in names:
            row = found.get(name)
            text = number(speed(row)) if row else "-"
            cells[name, case] = f"**{text}**" if row and rate(row) == best else text
    if by_participant:
        return table(["", *cases], [[name, *(cells[name, case] for case in cases)] for name in names])
    return table(["", *names], [[case, *(cells[name, case] for name in names)] for case in cases])


def samples_per_second(row: Row) -> float:
    return row["work"] * rate(row)


def microseconds(row: Row) -> float:
    return 1e6 / rate(row)


def gigaflops(row: Row) -> float:
    return 1e-9 * row["flops"] * rate(row)


def head(results: Results) -> str:
    about = results.of("machine")[0]
    peers: dict[str | None, list[str]] = {}
    for row in results.of("participant"):
        peers.setdefault(row["version"], []).append(row["peer"])
    missing = peers.pop(None, [])
    text = "**A quick run: it shows that all works; its figures are worth nothing.**\n\n" if about["quick"] else ""
    text += (
        f"{about['processor']}, processors used: {about['processors']}, {about['caches']}, {about['memory']}; "
        f"{about['system']}, Linux {about['kernel'].split('-')[0]}, Python {about['python']}; "
        f"commit {about['commit']}, {about['date']}. "
        f"Medians of {about['rounds']} rounds of {about['block_seconds']} s"
        + (", processor time at one thread" if about["clock"] == "cpu" else "")
        + f"; load of the machine before: {about['load']:.1f}"
        + "".join(f"; {setting}" for setting in about.get("openblas", []))
        + ".\n\n"
    )
    if peers:
        text += "; ".join(f"{', '.join(names)}: {version}" for version, names in peers.items()) + "."
    return text + (f" Not installed: {', '.join(missing)}." if missing else "")


def training(results: Results) -> Iterable[str]:
    for threads in results.threads("training"):
        cases = results.cases("training", threads)
        yield f"### Training, samples/s, {count_of(threads)}"
        yield summary(results, "training", threads, cases, samples_per_second, "flops", "workload")
        yield everybody(results, "training", threads, cases, samples_per_second)


def content(results: Results) -> Iterable[str]:
    for threads in results.threads("content"):
        (name,) = results.cases("content", threads)
        rows = results.comparison("content", name, threads)
        yield f"### The same steps on other rows ({name}), samples/s, {count_of(threads)}"
        lines = []
        for label, row in rows.items():
            paired = ratios(row, next(iter(rows.values())))
            spread = f"{min(paired):.2f} - {max(paired):.2f}"
            lines.append([label, number(samples_per_second(row)), f"{statistics.median(paired):.2f}", spread])
        yield table(["", "samples/s", "ratio to the first", "in all rounds"], lines)


def predict(results: Results) -> Iterable[str]:
    for rows in workloads.PREDICT_ROWS:
        for threads in results.threads(f"predict {rows}"):
            one = rows == 1
            what = "one row, microseconds" if one else f"{rows} rows, samples/s"
            given = results, f"predict {rows}", threads, results.cases(f"predict {rows}", threads)
            speed = microseconds if one else samples_per_second
            yield f"### Prediction of {what}, {count_of(threads)}"
            yield summary(*given, speed, "bytes" if one else "flops", "network")
            yield everybody(*given, speed)


def image_networks(results: Results) -> Iterable[str]:
    for kind, unit in (("training", "samples/s"), ("predict", "images/s")):
        what = "Training" if kind == "training" else "Prediction"
        wanted = {workload.name: workload.asked.get(kind) for workload in images.WORKLOADS}
        for threads in results.threads(f"image {kind}"):
            cases = results.cases(f"image {kind}", threads)
            given = results, f"image {kind}", threads, cases, samples_per_second
            asked = {case: ratio for case in cases if (ratio := wanted[case.split(",")[0]])}
            yield f"### Networks for images: {what}, {unit}, {count_of(threads)}"
            yield summary(*given, "flops", "network" if kind == "training" else "network, images at once", asked)
            yield everybody(*given)


def image_memory(results: Results) -> Iterable[str]:
    rows = results.of("image memory")
    if not rows:
        return
    cases = results.cases("image memory", 1)
    found = {case: {row["peer"]: row["bytes"] for row in rows if row["case"] == case} for case in cases}
    yield "### Networks for images: the most memory that a process had while it trained, MB, 1 thread"
    lines = []
    for name in dict.fromkeys(row["peer"] for row in rows):
        cells = []
        for amounts in found.values():
            amount, own = amounts.get(name), amounts.get(OURS)
            cells.append(f"{amount / 1e6:,.0f}" if amount else "-")
            cells.append(f"{100 * own / amount:.0f} %" if amount and own else "-")
        lines.append([name, *cells])
    yield table(["", *(head for case in cases for head in (case, "Martlet needs"))], lines)
    yield f"Asked of {images.MEMORY_WORKLOAD}: at most {100 * images.ASKED_MEMORY:.0f} % of torch."


def convolutions(results: Results) -> Iterable[str]:
    """Shares of the peak: of each operation, and beside them those of the peers."""
    cases = list(dict.fromkeys(case for name in OPERATIONS for case in results.cases(f"convolution {name}", 1)))
    for network in dict.fromkeys(case.split(": ")[0] for case in cases):
        own_cases = [case for case in cases if case.startswith(f"{network}: ")]
        found = {
            (case, name): results.comparison(f"convolution {name}", case, 1)
            for case in own_cases
            for name in OPERATIONS
        }
        peers = [peer for peer in dict.fromkeys(peer for rows in found.values() for peer in rows) if peer != PEAK]
        yield f"### Convolutions of {network}, share of the FMA peak, 1 thread"
        lines = []
        for case in own_cases:
            flops = next(row["flops"] for name in OPERATIONS for peer, row in found[case, name].items() if peer != PEAK)
            shares = (
                percent(ratios(found[case, name].get(peer), found[case, name].get(PEAK), "flops"))
                for peer in peers
                for name in OPERATIONS
            )
            lines.append([case.split(": ")[1], f"{1e-6 * flops:,.0f}", *shares])
        heads = [f"{peer} {OPERATIONS[name]}" for peer in peers for name in OPERATIONS]
        yield table(["images, windows", "MFLOP", *heads], lines)


def gemm(results: Results) -> Iterable[str]:
    for threads in results.threads("gemm"):
        cases = results.cases("gemm", threads)
        yield f"### Matrix product, GFLOP/s, {count_of(threads)}"
        yield summary(results, "gemm", threads, cases, gigaflops, "flops", "M x N x K")
        yield everybody(results, "gemm", threads, cases, gigaflops, by_participant=False)


def growth(results: Results) -> Iterable[str]:
    for threads in results.threads("growth"):
        cases = results.cases("growth", threads)
        yield f"### How the cost of training grows, GFLOP/s, {count_of(threads)}"
        yield summary(results, "growth", threads, cases, gigaflops, "flops", "width, depth or batch")


def roofline(results: Results) -> Iterable[str]:
    lines = []
    for threads in results.threads("bandwidth read"):
        peaks = [gigaflops(row) for row in results.rows if row.get("peer") == PEAK and row.get("threads") == threads]
        peak = number(statistics.median(peaks)) if peaks else "-"
        for operation in ("triad", "read"):
            rows = results.of(f"bandwidth {operation}", threads=threads)
            speeds = (number(1e-9 * row["bytes"] * rate(row)) for row in rows)
            lines.append([f"{count_of(threads)}, {operation}", peak, *speeds])
    if lines:
        yield "### Roofline"
        sizes = results.cases("bandwidth read", results.threads("bandwidth read")[0])
        yield table(["GB/s by bytes in use", "GFLOP/s", *(f"{size / 2**20:.2f} MiB" for size in sizes)], lines)


def startup(results: Results) -> Iterable[str]:
    rows = {row["peer"]: statistics.median(row["seconds"]) for row in results.of("startup")}
    if not rows:
        return
    yield "### From the start of a process to the first prediction (seed1)"
    lines = []
    for name, seconds in rows.items():
        base = rows.get(HDF5 if name == OURS else "numpy")
        beyond = f"{1000 * (seconds - base):.1f}" if base and name not in (HDF5, "numpy") else "-"
        lines.append([name, f"{1000 * seconds:.1f}", beyond])
    yield table(["", "ms", "beyond libhdf5 (C) or NumPy (Python)"], lines)


def memory(results: Results) -> Iterable[str]:
    rows = {row["peer"]: row for row in results.of("memory")}
    if not rows:
        return
    yield "### Resident memory of training seed1"
    lines = []
    for name, row in rows.items():
        base = rows.get(HDF5 if name == OURS else "numpy")
        total = row["bytes"] - row["data_bytes"] if "bytes" in row else None
        lines.append(
            [
                name,
                f"{row['start_bytes'] / 1e6:.1f}",
                f"{total / 1e6:.1f}" if total else "-",
                f"{(total - base['start_bytes']) / 1e6:.1f}" if total and base else "-",
            ]
        )
    yield table(["", "at start, MB", "in training, without the rows", "beyond libhdf5 (C) or NumPy (Python)"], lines)


def left_out(results: Results) -> Iterable[str]:
    if failures := results.of("failed"):
        yield "### Left out"
        yield "\n".join(f"- {row['case']}: {row['peer']}: {row['reason']}" for row in failures)


SECTIONS = (
    training,
    content,
    predict,
    image_networks,
    image_memory,
    convolutions,
    gemm,
    growth,
    roofline,
    startup,
    memory,
    left_out,
)


def text_of(results: Results) -> str:
    parts = [head(results)]
    for section in SECTIONS:
        parts += section(results)
    return "\n\n".join(parts) + "\n"


def write(folder: Path, into_readme: bool) -> None:
    """tables.md and growth.png beside results.jsonl; the tables are printed, and on demand put into README.md."""
    results = Results(folder / "results.jsonl")
    text = text_of(results)
    (folder / "tables.md").write_text(text)
    print(text, end="")
    drawn = picture.draw(results, folder / "growth.png")
    if into_readme:
        readme = HERE / "README.md"
        if drawn:
            (HERE / "growth.png").write_bytes((folder / "growth.png").read_bytes())
            text += "\n![Speed of training over width, depth and batch](growth.png)\n"
        pattern = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
        readme.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{text}\n{END}", readme.read_text()))
