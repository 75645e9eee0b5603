#!/usr/bin/env python3
"""Measure Martlet beside its peers, in turn on the same processors, and show medians, ratios and the roofline.

    make bench                                      everything, about an hour and a quarter on a machine left alone
    make bench BENCH='--only training --workloads seed1 seed3 --threads 1 --rounds 5'
    make bench BENCH=--quick                        a minute: shows that all works, measures nothing of worth

The folder of --output gets results.jsonl, a line for each participant of each comparison with its rate in every round;
tables.md, which is also printed; and growth.png. A run that is stopped leaves the lines it has, which --report shows; the
results before it are kept as results.previous.jsonl.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import image_comparison
import images
import machine
import numpy as np
import peers
import tables
import workloads
from comparison import Case, Comparison, say
from participants import HDF5, OURS, READ, ROOT
from peers import by_numpy
from rounds import WALL, WorkerError
from workloads import Workload

GROWTH_PEERS = {OURS, "torch", "jax", "jax-scan", "numpy"}
STARTED = [HDF5, OURS, "numpy", "martlet-python", "sklearn", "torch", "jax", "keras-jax", "keras-tensorflow"]


class Dense(Comparison):
    """The kinds of comparison of fully connected networks, of products, and of the machine."""

    def training(self, threads: int, kind: str, chosen: Iterable[Workload], names: Iterable[str]) -> None:
        def cases() -> Iterable[Case]:
            for workload in chosen:
                expected = by_numpy.losses(by_numpy.Network(workload, np.float64), workloads.CHECKED_STEPS)
                request = "training", *workload.words, workloads.CHECKED_STEPS
                flops = workload.batch * workload.training_flops
                with workloads.files(workload, self.participants.data):
                    yield Case(kind, workload.name, request, expected, workload.batch, flops)

        self.compare(threads, cases(), names)

    def content(self, threads: int, workload: Workload) -> None:
        """Martlet's own steps on rows of other contents."""
        with contextlib.ExitStack() as stack:
            workers = []
            for number, (label, factor) in enumerate(workloads.CONTENTS.items()):
                changed, folder = dataclasses.replace(workload, rows_times=factor), self.participants.data / str(number)
                stack.enter_context(workloads.files(changed, folder))
                expected = by_numpy.losses(by_numpy.Network(changed, np.float64), workloads.CHECKED_STEPS)
                request = "training", *workload.words, workloads.CHECKED_STEPS
                try:
                    worker = self.participants.ours(label, threads, folder)
                    stack.callback(worker.close)
                    if self.prepare(Case("content", label, request, expected, workload.batch, 0), worker):
                        workers.append(worker)
                except WorkerError as reason:
                    self.emit(kind="failed", case="content", peer=label, reason=str(reason))
            say(f"content: {workload.name}, {threads} thread{'s' if threads > 1 else ''}")
            row = {"kind": "content", "case": workload.name, "threads": threads, "work": workload.batch}
            for label, series in self.measured(workers, self.options.rounds, "content", threads).items():
                self.emit(**row, peer=label, rates=series.rates)

    def predict(self, threads: int, chosen: Iterable[Workload]) -> None:
        networks: dict[str, Workload] = {}
        for workload in chosen:
            networks.setdefault(workload.network, workload)

        def cases() -> Iterable[Case]:
            for workload in networks.values():
                expected = by_numpy.probabilities(workload)
                with workloads.files(workload, self.participants.data):
                    for rows in workloads.PREDICT_ROWS:
                        request = "predict", workload.network, rows
                        flops, least = rows * workload.predict_flops, 4 * workload.weight_count if rows == 1 else 0
                        yield Case(f"predict {rows}", workload.name, request, expected, rows, flops, least)

        self.compare(threads, cases(), self.participants.names("predict"))

    def gemm(self, threads: int, shapes: Iterable[tuple[int, int, int]]) -> None:
        def cases() -> Iterable[Case]:
            for m, n, k in shapes:
                for operation in workloads.GEMM_OPERATIONS:
                    a, b = workloads.operands(operation, m, n, k)
                    expected = workloads.product_values(a.astype(np.float64) @ b.astype(np.float64))
                    request = "gemm", operation, m, n, k
                    yield Case("gemm", f"{m}x{n}x{k} {operation}", request, expected, 1, 2 * m * n * k)

        self.compare(threads, cases(), self.participants.names("gemm"))

    def growth(self, threads: int, points: int | None) -> None:
        names = [name for name in self.participants.names("training") if name in GROWTH_PEERS]
        chosen = [workload for sweep in workloads.SWEEPS.values() for _, workload in list(sweep)[:points]]
        self.training(threads, "growth", chosen, names)

    def bandwidth(self, threads: int, sizes: Iterable[int]) -> None:
        if (worker := self.start(READ, threads)) is None:
            return
        for operation in ("triad", "read"):
            for size in sizes:
                say(f"bandwidth: {operation} of {size} bytes, {threads} thread{'s' if threads > 1 else ''}")
                row = {"kind": f"bandwidth {operation}", "case": size, "threads": threads, "peer": READ}
                row["bytes"] = worker.ask(operation, size)[0]
                for series in self.measured([worker], self.options.rounds, row["kind"], threads).values():
                    self.emit(**row, rates=series.rates)
        worker.close()

    def startup(self, workload: Workload) -> None:
        """Seconds from the start of a process to its first prediction, of a model whose weights are at hand."""
        seconds: dict[str, list[float]] = {}
        with workloads.files(workload, self.participants.data):
            for number in range(1 + min(self.options.rounds, 5)):
                say(f"startup: round {number}")
                for name in STARTED:
                    if (worker := self.start(name, 1)) is None:
                        continue
                    try:
                        worker.ask("predict", workload.network, 1)
                        if number > 0:  # the first round brings files into the page cache
                            seconds.setdefault(name, []).append(worker.age(self.clock(1)))
                    except WorkerError as reason:
                        self.failed("startup", worker, str(reason))
                    worker.close()
        for name, rounds in seconds.items():
            self.emit(kind="startup", case=workload.name, threads=1, peer=name, seconds=rounds)

    def memory(self, workload: Workload) -> None:
        """Resident bytes of a process at its start, and when it has trained for some steps."""
        with workloads.files(workload, self.participants.data):
            for name in STARTED:
                if (worker := self.start(name, 1)) is None:
                    continue
                say(f"memory: {name}")
                row = {"kind": "memory", "case": workload.name, "threads": 1, "peer": name}
                row |= {"start_bytes": worker.resident_bytes(), "data_bytes": workload.data_bytes}
                try:
                    if name != HDF5:
                        worker.ask("training", *workload.words, workloads.CHECKED_STEPS)
                        worker.run(10, WALL)
                        row["bytes"] = worker.resident_bytes()
                    self.emit(**row)
                except WorkerError as reason:
                    self.failed("memory", worker, str(reason))
                worker.close()


def run(options: argparse.Namespace, folder: Path) -> None:
    comparison = Dense(options, folder)
    about = machine.description()
    measures = {"rounds": options.rounds, "block_seconds": options.block, "clock": options.clock}
    comparison.emit(kind="machine", **about, **measures, quick=options.quick)
    if about["load"] > 0.5:
        say(f"other programs are busy (load {about['load']:.1f}): the figures will be too low, and their spread wide")
    quick, names = options.quick, options.workloads
    chosen = [workload for workload in workloads.WORKLOADS if not names or workload.name in names]
    seed1 = workloads.WORKLOADS[0]
    for threads in options.threads:
        if "bandwidth" in options.only:
            comparison.bandwidth(threads, workloads.WORKING_SETS[: 2 if quick else None])
        if "training" in options.only:
            comparison.training(threads, "training", chosen, comparison.participants.names("training"))
        if "content" in options.only:
            comparison.content(threads, seed1)
        if "predict" in options.only:
            comparison.predict(threads, chosen)
        if "gemm" in options.only:
            comparison.gemm(threads, workloads.GEMM_SHAPES[: 1 if quick else None])
        if "growth" in options.only:
            comparison.growth(threads, 2 if quick else None)
    if "startup" in options.only:
        comparison.startup(seed1)
    if "memory" in options.only:
        comparison.memory(seed1)
    if {"images", "convolutions"} & set(options.only):
        image_comparison.run(comparison)


KINDS = ("bandwidth", "training", "content", "predict", "gemm", "growth", "startup", "memory", "images", "convolutions")


def positive(number: type[int] | type[float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = number(text)
        except ValueError:
            value = 0
        if not value > 0:
            kind = "a whole number" if number is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {kind} greater than 0")
        return value

    return parse


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [workload.name for workload in [*workloads.WORKLOADS, *images.WORKLOADS]]
    everybody = sorted({*STARTED, *(entry.name for entry in peers.ENTRIES)})
    processors = len(os.sched_getaffinity(0))
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="kinds of comparison")
    parser.add_argument(
        "--workloads", nargs="+", choices=names, help="of training, predict, images and convolutions; default: all"
    )
    parser.add_argument("--peers", nargs="+", help="those whose names begin so; default: all that are installed")
    threads = [count for count in (1, 2) if count <= processors]
    parser.add_argument(
        "--threads", nargs="+", type=positive(int), default=threads, help="default: 1 2, or 1 on one processor"
    )
    parser.add_argument(
        "--rounds", type=positive(int), default=11, help="blocks of each participant (default %(default)s)"
    )
    parser.add_argument(
        "--block", type=positive(float), default=0.2, help="seconds of a block (default %(default)s)"
    )
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: count processor time at one thread, on a machine that others use too",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="rounds that measure nothing, of the smallest cases at one thread; into the folder 'quick' of the results",
    )
    parser.add_argument("--output", type=Path, help="folder of the results (default .build/benchmarks)")
    parser.add_argument("--report", action="store_true", help="measure nothing: tables and picture of the last results")
    parser.add_argument("--readme", action="store_true", help="put the tables and the picture into benchmarks/")
    options = parser.parse_args()
    if options.quick and options.readme:
        parser.error("--quick measures nothing that --readme could show")
    if options.quick:
        options.rounds, options.block, options.threads = 2, 0.002, [1]
        options.workloads = options.workloads or ["seed3", "cnn"]
    options.output = options.output or ROOT / ".build" / "benchmarks" / ("quick" if options.quick else "")
    if max(options.threads) > processors:
        parser.error(f"--threads {max(options.threads)}: this process may use {processors} processors")
    for peer in options.peers or []:
        if not any(name.startswith(peer) for name in everybody):
            parser.error(f"--peers {peer}: no name begins so; there are {', '.join(everybody)}")
    if options.report and not (options.output / "results.jsonl").exists():
        parser.error(f"--report: {options.output} has no results.jsonl")
    return options


def main() -> None:
    options = parsed()
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"compare.py: error: --output: {error}")
    if not options.report:
        run(options, options.output)
    tables.write(options.output, options.readme)


if __name__ == "__main__":
    main()
