"""Processes that are pinned to the same processors and asked in turn, so that what is compared is measured under the
same noise: A B C, C B A, A B C ... Whoever is not asked is stopped, because threads of some libraries go on looking for
work after their last call."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG: a stopped process would not notice that nobody will ask it again
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


# Against hangs only: compiling a step, or one step of the largest network on a busy machine, takes a minute.
PATIENCE_SECONDS = 900

# What `run` answers with: time that has passed, time that processors have worked.
WALL, CPU = 0, 1


class WorkerError(Exception):
    """A process that is missing what it needs, has failed, or has ended."""


class Worker:
    """One process that answers requests as worker.py describes."""

    def __init__(
        self, name: str, command: Sequence[str | Path], threads: int, log: Path, environment: Mapping[str, str] = {}
    ) -> None:
        self.name, self._log = name, log
        cpus = processors(threads)
        libc = ctypes.CDLL(None)

        def pin() -> None:
            os.sched_setaffinity(0, cpus)
            libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)

        variables = {variable: str(threads) for variable in THREAD_VARIABLES}
        self._begin = time.perf_counter()
        with open(log, "w") as errors:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **variables, **environment},
                preexec_fn=pin,
            )
        try:
            self.version = " ".join(self._reply())
        except WorkerError:
            self.close()
            raise

    def ask(self, *words: object) -> list[float]:
        """The numbers of the answer. WorkerError: it says why not, or has ended."""
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
            self._process.stdin.flush()
            answer = self._reply()
        except BrokenPipeError:
            raise WorkerError(self._last_words()) from None
        self._signal(signal.SIGSTOP)
        return list(map(float, answer))

    def run(self, count: int, clock: int) -> float:
        """Seconds of `count` repetitions by one of the clocks."""
        return self.ask("run", count)[clock]

    def age(self, clock: int) -> float:
        """Seconds since the process was started, or those that processors have worked for it since."""
        if clock == WALL:
            return time.perf_counter() - self._begin
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return 1e-9 * sum(int(thread.read_text().split()[0]) for thread in threads)

    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self) -> int:
        """The most that was resident at any time."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # of a request that it did not live to read
            self._process.stdin.close()
        self._process.stdout.close()

    def _reply(self) -> list[str]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE_SECONDS):
                self._process.kill()
                raise WorkerError(f"no answer for {PATIENCE_SECONDS} seconds")
        line = self._process.stdout.readline()
        kind, _, rest = line.strip().partition(" ")
        if kind != "ok":
            raise WorkerError(rest if kind in ("missing", "error") else self._last_words())
        return rest.split()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"ended: {lines[-1] if lines else 'without a word'} ({self._log})"

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


def processors(threads: int) -> list[int]:
    """The last ones that this process may use: the first serve most interrupts."""
    return sorted(os.sched_getaffinity(0))[-threads:]


@dataclass
class Series:
    """Repetitions per second of one process in every round."""

    worker: Worker
    count: int = 1
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.rates)


def measure(
    workers: Iterable[Worker],
    rounds: int,
    block_seconds: float,
    failed: Callable[[Worker, str], None],
    clock: int = WALL,
) -> dict[str, Series]:
    """Each process repeats what it prepared, in `rounds` blocks of about block_seconds; one that fails is left out."""
    series = {worker.name: Series(worker) for worker in workers}

    def attempt(one: Series, action: Callable[[Series], None]) -> None:
        try:
            action(one)
        except WorkerError as reason:
            del series[one.worker.name]
            failed(one.worker, str(reason))

    def calibrate(one: Series) -> None:
        seconds = one.worker.run(one.count, clock)
        while seconds < block_seconds / 4:
            # Not by more at a time: the first repetitions may be slower than the others by any factor.
            one.count = max(one.count + 1, int(one.count * min(block_seconds / max(seconds, 1e-9), 16)))
            seconds = one.worker.run(one.count, clock)
        one.count = max(1, round(one.count * block_seconds / seconds))

    def block(one: Series) -> None:
        one.rates.append(one.count / one.worker.run(one.count, clock))

    for one in list(series.values()):
        attempt(one, calibrate)
    for number in range(rounds):
        order = list(series.values())
        for one in order if number % 2 == 0 else reversed(order):
            attempt(one, block)
    return series
