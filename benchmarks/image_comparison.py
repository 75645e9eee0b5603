"""The comparisons of networks for images: training, prediction and memory, and their convolutions alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import images
import workloads
from comparison import Case, Comparison, say
from images import ImageWorkload
from peers import by_numpy
from rounds import WALL, WorkerError

Known = Mapping[str, Mapping[str, Any]]  # what models.py says of a network, by its name


def run(comparison: Comparison) -> None:
    options = comparison.options
    chosen = [workload for workload in images.WORKLOADS if workload.name in (options.workloads or [workload.name])]
    if not chosen:
        return
    say(f"model files: {', '.join(workload.network for workload in chosen)}")
    try:
        with images.models(chosen, comparison.participants.data) as known:
            if "images" in options.only:
                for threads in options.threads:
                    networks(comparison, threads, chosen, known)
                memory(comparison, chosen)
            if "convolutions" in options.only:
                convolutions(comparison, chosen, known)
    except images.NoModels as reason:
        say(f"networks for images are left out: {reason}")
        comparison.emit(kind="failed", case="networks for images", peer="keras-jax", reason=str(reason))


def networks(comparison: Comparison, threads: int, chosen: Iterable[ImageWorkload], known: Known) -> None:
    """Training and prediction of networks in model files."""

    def cases() -> Iterable[Case]:
        for workload in chosen:
            about = known[workload.network]
            with workloads.files(workload, comparison.participants.data):
                if workload.batch:
                    request = "training", *workload.words, workloads.CHECKED_STEPS
                    flops = workload.batch * about["training_flops"]
                    yield Case("image training", workload.name, request, about["losses"], workload.batch, flops)
                for rows in workload.predict_rows:
                    request, outputs = ("predict", workload.network, rows), about["outputs"]
                    given = f"{workload.name}, {rows}", request, outputs, rows, rows * about["predict_flops"]
                    yield Case("image predict", *given, scale=max(map(abs, outputs)))

    comparison.compare(threads, cases(), comparison.participants.names("images"))


def memory(comparison: Comparison, chosen: Iterable[ImageWorkload]) -> None:
    """The most that a process had resident, from its start to the end of some steps of training."""
    for workload in chosen:
        if not workload.batch:
            continue
        with workloads.files(workload, comparison.participants.data):
            for name in comparison.participants.names("images"):
                if (worker := comparison.start(name, 1)) is None:
                    continue
                say(f"image memory: {workload.name}, {name}")
                row = {"kind": "image memory", "case": workload.name, "threads": 1, "peer": name}
                try:
                    worker.ask("training", *workload.words, workloads.CHECKED_STEPS)
                    worker.run(4, WALL)
                    comparison.emit(**row, bytes=worker.peak_bytes())
                except WorkerError as reason:
                    comparison.failed("image memory", worker, str(reason))
                worker.close()


def convolutions(comparison: Comparison, chosen: Iterable[ImageWorkload], known: Known) -> None:
    """Each convolution of the networks alone, with one thread."""

    def cases() -> Iterable[Case]:
        for workload in chosen:
            for shape in images.convolutions(workload, known[workload.network]):
                for operation in shape.operations:
                    expected = by_numpy.convolution_values(operation, shape)
                    request = "convolution", operation, *shape.words
                    name = f"{workload.name}: {shape.name}"
                    yield Case(f"convolution {operation}", name, request, expected, 1, shape.flops)

    comparison.compare(1, cases(), comparison.participants.names("convolution"))
