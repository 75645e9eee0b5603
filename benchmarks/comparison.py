"""How one comparison is made: all participants are asked for the same, their numbers are compared with those computed
in double, and then they are measured in turn."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from participants import HDF5, OURS, PEAK, READ, Participants
from rounds import CPU, WALL, Series, Worker, WorkerError, measure

# How far a participant's numbers may be from those computed in double, relative and absolute. Losses: float32 is
# within 1e-6, and PyTorch, whose Adam adds epsilon after the correction of bias, within 1e-5; who leaves out an update
# is 3e-3 off or more. Products are exact.
#
# Networks for images: the first steps of Adam move a weight whose gradient is lost in rounding as far as any other,
# and PyTorch's epsilon makes a difference: all are within 3e-5, and an update left out is 1.5e-2 off. Outputs pass
# through 50 layers, each of which adds a rounding or two of 6e-8 of the largest: 2 sqrt(50) of them are 1e-6, which all
# keep; ten times that is allowed.
TOLERANCE = {
    "training": 1e-4,
    "content": 1e-4,
    "growth": 1e-4,
    "predict": 1e-4,
    "gemm": 0.0,
    "image training": 1e-4,
    "image predict": 1e-5,
    "convolution": 0.0,
}

# Rounds at most, and what part of the time of a block, where cases are many or take seconds.
MOST_ROUNDS = {"growth": 5, "image": 7, "convolution": 3}
PART_OF_BLOCK = {"convolution": 0.25}

MOST_SHOWN = 5  # of the numbers that were wrong


@dataclass
class Case:
    """One comparison: what is asked for, what must come out, and what one repetition amounts to."""

    kind: str
    name: str
    request: Sequence[object]
    expected: Sequence[float]
    work: float  # samples; products
    flops: float
    read_bytes: float = 0.0  # that at least must be read, where that is what takes the time
    scale: float = 1.0  # of what is expected: what an absolute error is compared with

    @property
    def family(self) -> str:
        return self.kind.split()[0]

    @property
    def tolerance(self) -> float:
        return TOLERANCE[self.kind if self.kind in TOLERANCE else self.family]


class Comparison:
    """Runs cases and writes a line for each participant of each."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.participants = Participants(folder)
        results = folder / "results.jsonl"
        if results.exists():
            results.replace(folder / "results.previous.jsonl")
        self.results = open(results, "w")
        self.told: set[str] = set()

    def emit(self, **row: object) -> None:
        print(json.dumps(row), file=self.results, flush=True)

    def start(self, name: str, threads: int) -> Worker | None:
        """The participant's process; the first time, what it is, or what it lacks, is said and written."""
        if self.options.peers and not name.startswith((*self.options.peers, OURS, PEAK, READ, HDF5)):
            return None
        worker = self.participants.start(name, threads)
        if name not in self.told:
            self.told.add(name)
            self.emit(kind="participant", peer=name, version=worker and worker.version)
            say(f"{name}: {worker.version if worker else self.participants.missing[name]}")
        return worker

    def compare(self, threads: int, cases: Iterable[Case], names: Iterable[str]) -> None:
        """All cases, with one process for each participant."""
        workers = [worker for name in [*names, PEAK, READ] if (worker := self.start(name, threads))]
        try:
            for case in cases:
                say(f"{case.kind}: {case.name}, {threads} thread{'s' if threads > 1 else ''}")
                self.compare_case(case, threads, workers)
        finally:
            for worker in workers:
                worker.close()

    def compare_case(self, case: Case, threads: int, workers: Sequence[Worker]) -> None:
        amounts: dict[str, dict[str, float]] = {}
        ready = []
        for worker in workers:
            try:
                if amount := self.prepare(case, worker):
                    amounts[worker.name] = amount
                    ready.append(worker)
            except WorkerError as reason:
                self.failed(f"{case.kind} {case.name}", worker, str(reason))
        rounds = min(self.options.rounds, MOST_ROUNDS.get(case.family, self.options.rounds))
        block = self.options.block * PART_OF_BLOCK.get(case.family, 1.0)
        row = {"kind": case.kind, "case": case.name, "threads": threads}
        for name, series in self.measured(ready, rounds, f"{case.kind} {case.name}", threads, block).items():
            self.emit(**row, peer=name, rates=series.rates, **amounts[name])

    def measured(
        self, workers: Sequence[Worker], rounds: int, what: str, threads: int, block: float | None = None
    ) -> dict[str, Series]:
        def failed(worker: Worker, reason: str) -> None:
            self.failed(what, worker, reason)

        return measure(workers, rounds, block or self.options.block, failed, self.clock(threads))

    def clock(self, threads: int) -> int:
        """Time of several threads is not what they work together."""
        return CPU if self.options.clock == "cpu" and threads == 1 else WALL

    def prepare(self, case: Case, worker: Worker) -> dict[str, float] | None:
        """What one repetition amounts to, if the participant computes what it should and has a part in this case."""
        if worker.name == PEAK:
            return {"flops": worker.ask("fma")[0]}
        if worker.name == READ:
            return {"bytes": worker.ask("read", int(case.read_bytes))[0]} if case.read_bytes else None
        values, tolerance = worker.ask(*case.request), case.tolerance
        if len(values) != len(case.expected):
            self.failed(f"{case.kind} {case.name}", worker, f"gives {len(values)} numbers, not {len(case.expected)}")
            return None
        if not np.allclose(values, case.expected, tolerance, tolerance * case.scale):
            shown = slice(MOST_SHOWN)
            self.failed(
                f"{case.kind} {case.name}", worker, f"computes {values[shown]}, not {list(case.expected[shown])}"
            )
            return None
        return {"work": case.work, "flops": case.flops, "bytes": case.read_bytes}

    def failed(self, what: str, worker: Worker, reason: str) -> None:
        say(f"  {worker.name} is left out: {reason}")
        self.emit(kind="failed", case=what, peer=worker.name, reason=reason)


def say(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)
