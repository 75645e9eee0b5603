"""The process of one Python peer: `worker.py MODULE VARIANT THREADS`.

It reads requests, lines of words, and answers each with one line:

    (at its start)                             missing REASON   or   ok VERSION
    training NETWORK OPTIMIZER LEARNING_RATE BATCH ROWS L2 STEPS
                                               ok VALUE ...     prepare what `run` does (see peers/__init__.py)
    predict NETWORK ROWS                       ok VALUE ...
    gemm OPERATION M N K                       ok VALUE ...
    convolution OPERATION BATCH SIZE CHANNELS FILTERS KERNEL STRIDE PADDING DEPTHWISE
                                               ok VALUE ...     (images.Convolution)
    run COUNT                                  ok WALL CPU      seconds of COUNT repetitions, after a tenth of them
                                                                unmeasured: passed, and of processors
    anything that fails                        error REASON

NETWORK is the sizes of layers (workloads.py) or the name of a model file (images.py). The programs in programs/ and
kernels/ speak the same.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable

import images
import workloads
from images import ImageWorkload
from workloads import Workload


def workload_of(*words: str) -> Workload | ImageWorkload:
    return images.NETWORKS[words[0]] if words[0] in images.NETWORKS else workloads.parse(*words)


class Requests:
    """Answers of one peer; the last thing prepared is what `run` runs."""

    def __init__(self, peer) -> None:
        self.peer = peer
        self.repeat: Callable[[int], None] | None = None

    def answer(self, word: str, *arguments: str) -> list[float]:
        if word == "run":
            return self.run(int(arguments[0]))
        self.repeat = None  # what was prepared before is freed first
        values, self.repeat = getattr(self, word)(*arguments)
        return values

    def training(self, *words: str):
        return self.peer.training(workload_of(*words[:-1]), int(words[-1]))

    def predict(self, network: str, rows: str):
        return self.peer.predict(workload_of(network), int(rows))

    def gemm(self, operation: str, *sizes: str):
        return self.peer.gemm(operation, *map(int, sizes))

    def convolution(self, operation: str, *sizes: str):
        return self.peer.convolution(operation, images.Convolution(*map(int, sizes)))

    def run(self, count: int) -> list[float]:
        assert self.repeat is not None, "nothing is prepared"
        self.repeat(count // 10 + 1)
        wall, cpu = time.perf_counter(), time.process_time()
        self.repeat(count)
        return [time.perf_counter() - wall, time.process_time() - cpu]


def main(module: str, variant: str, threads: str) -> None:
    # What libraries print goes to stderr; only answers go to the driver.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(*words: object) -> None:
        print(*(" ".join(str(word).split()) for word in words), file=answers, flush=True)

    try:
        peer = importlib.import_module(f"peers.{module}").Peer(variant, int(threads))
    except (ImportError, OSError) as reason:
        return say("missing", reason)
    say("ok", peer.version)
    requests = Requests(peer)
    for line in sys.stdin:
        try:
            say("ok", *map(repr, requests.answer(*line.split())))
        except Exception as reason:  # of a library that is none of ours: the driver says so and goes on without it
            traceback.print_exc()
            say("error", f"{type(reason).__name__}: {reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
