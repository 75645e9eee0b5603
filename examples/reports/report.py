"""What the reports share: experiments that keep their figures, the pictures, and the page made of both.

A report is a program with functions marked `@report.experiment`. Each returns figures (a dict that JSON can hold),
which are kept in results/REPORT/EXPERIMENT.json with the processor seconds it took. `report.main()` runs experiments,
draws the pictures and writes REPORT.md by filling the figures into REPORT.template.md. (Pictures of what is too large
to be kept, such as weights, are drawn by the experiment that has it.)

    python cifar10_layers.py                            # everything
    python cifar10_layers.py --only dropout two_layers  # these experiments, then the page
    python cifar10_layers.py --only                     # no experiment: only the page, from the figures that are kept
    python cifar10_layers.py --short --output DIR       # few rows and epochs: does it still work?
"""

import argparse
import importlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType, SimpleNamespace

import martlet
from martlet import Dataset, Sequential

FOLDER = Path(__file__).resolve().parent
# Where the data lie if MARTLET_DATA does not say it: beside the repository.
os.environ["MARTLET_DATA"] = os.environ.get("MARTLET_DATA") or str(FOLDER.parents[2] / "shared" / "data")
# Where trainings of hours keep what they have reached (long_run.py).
CHECKPOINTS = FOLDER.parents[1] / ".build" / "reports"


class Missing(Exception):
    """What an experiment needs to compare is not here, such as a package; the page keeps its committed figures."""


class Report:
    """One report: its experiments in the order of the program, and where their figures go."""

    def __init__(self, program: str) -> None:
        self.name = Path(program).stem
        self.short = False
        self.output = FOLDER
        self.checkpoints = CHECKPOINTS
        self._experiments: dict[str, Callable[[], dict]] = {}
        self._claims: Callable[[SimpleNamespace], dict[str, bool]] = lambda results: {}
        self._page: Callable[[SimpleNamespace], dict] = lambda results: {}

    def experiment(self, function: Callable[[], dict]) -> Callable[[], dict]:
        """Mark a function without parameters that returns figures; its name is that of the experiment."""
        self._experiments[function.__name__] = function
        return function

    def claims(self, function: Callable[[SimpleNamespace], dict[str, bool]]) -> Callable:
        """Mark the function that says what the page claims and whether the figures show it.

        A page whose figures do not show it is not written. Short runs show nothing, and are not asked. Like that of
        `page` the function gets the figures of all experiments: results.EXPERIMENT.FIGURE; a dict in a figure has
        become a namespace.
        """
        self._claims = function
        return function

    def page(self, function: Callable[[SimpleNamespace], dict]) -> Callable:
        """Mark the function that draws the pictures and returns what to fill in beside the experiments' figures."""
        self._page = function
        return function

    def size(self, full: int, short: int) -> int:
        """A number of rows, epochs or seeds: `full` for the page, `short` to see that everything still works."""
        return short if self.short else full

    def picture(self, name: str) -> Path:
        """Path of a picture of this report."""
        path = self.output / "pictures" / f"{self.name}-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def parts(self) -> tuple[slice, slice, slice]:
        """Of MNIST and Fashion-MNIST the rows of training, validation (the last 10,000 training images) and test."""
        others = self.size(10_000, 1_000)
        return slice(0, self.size(50_000, 2_000)), slice(50_000, 50_000 + others), slice(0, others)

    def datasets(self, source: ModuleType) -> list[Dataset]:
        """Those rows of MNIST or Fashion-MNIST, pixels scaled to 0 ... 1."""
        given, test = (Dataset(x, y, scale=1 / 255, class_names=source.CLASS_NAMES) for x, y in source.load_data())
        return [rows[part] for rows, part in zip((given, given, test), self.parts())]

    def needs(self, package: str) -> ModuleType:
        """A package that Martlet is compared with. If it is not installed the experiment ends here, and the page keeps
        its committed figures."""
        try:
            return importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise Missing(str(error)) from None

    def main(self, arguments: list[str] | None = None) -> None:
        parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
        parser.add_argument("--only", nargs="*", choices=list(self._experiments), default=list(self._experiments))
        parser.add_argument("--short", action="store_true", help="few rows and epochs; needs --output")
        parser.add_argument("--output", type=Path, default=FOLDER, help="folder of results, pictures and page")
        parser.add_argument("--checkpoints", type=Path, help="folder of what long trainings have reached")
        parser.add_argument("--threads", type=int, help="default: one for each processor this process may use")
        options = parser.parse_args(arguments)
        options.output = options.output.resolve()
        if options.short and options.output == FOLDER:
            parser.error("--short needs --output: its figures are not those of the page")
        self.short, self.output = options.short, options.output
        self.checkpoints = options.checkpoints or (options.output / "checkpoints" if options.short else CHECKPOINTS)
        if options.threads is not None:
            martlet.set_threads(options.threads)
        begin = time.perf_counter()
        for name in options.only:
            self._run(name)
        self._write_page()
        print(f"{self.name}: {duration(time.perf_counter() - begin)}")

    def file(self, name: str) -> Path:
        """Path of a file of this report beside its figures."""
        path = self.output / "results" / self.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _result(self, name: str) -> Path:
        return self.file(f"{name}.json")

    def _run(self, name: str) -> None:
        begin = processor_seconds()
        path = self._result(name)
        try:
            figures = self._experiments[name]()
        except Missing as reason:
            committed = FOLDER / "results" / self.name / path.name
            print(f"{self.name}: {name}: not run, its committed figures stay: {reason}", flush=True)
            if path != committed and committed.exists():
                shutil.copy(committed, path)
            return
        seconds = processor_seconds() - begin
        # An experiment that goes on where it stopped counts its seconds itself.
        kept = {"seconds": seconds, **figures, "threads": martlet.threads(), "processor": processor()}
        path.write_text(json.dumps(rounded(kept), separators=(",", ":"), sort_keys=True, allow_nan=False) + "\n")
        print(f"{self.name}: {name}: {duration(kept['seconds'])}", flush=True)

    def _write_page(self) -> None:
        missing = [name for name in self._experiments if not self._result(name).exists()]
        if missing:
            sys.exit(f"{self.name}: no page yet, these experiments have not run: {', '.join(missing)}")
        results = SimpleNamespace(**{name: self.figures(name) for name in self._experiments})
        if not self.short:
            unshown = [claim for claim, holds in self._claims(results).items() if not holds]
            if unshown:
                sys.exit(f"{self.name}: the figures do not show it: {'; '.join(unshown)}")
        commands = {name: self.command([name], results) for name in self._experiments}
        more = self._page(results)
        template = (FOLDER / f"{self.name}.template.md").read_text(encoding="utf-8")
        page = template.format(**vars(results), run=SimpleNamespace(**commands), **more)
        page = re.sub(r"(?<=\d)%", " %", page)  # Python writes 97%, as no book does
        if self.short:
            page = "**A short run, of few rows and epochs: these figures mean nothing.**\n\n" + page
        (self.output / f"{self.name}.md").write_text(page, encoding="utf-8")

    def figures(self, name: str) -> SimpleNamespace:
        """The figures that an experiment has kept: of one that an experiment builds on."""
        path = self._result(name)
        if not path.exists():
            sys.exit(f"{self.name}: there is no {path}: run --only {name} first")
        text = path.read_text(encoding="utf-8")
        return json.loads(text, object_hook=lambda figures: SimpleNamespace(**figures))

    def command(self, names: list[str], results: SimpleNamespace) -> str:
        """What stands beneath figures: the command that makes them, and how much time of which processor that takes."""
        found = [getattr(results, name) for name in names]
        seconds, threads = sum(each.seconds for each in found), max(each.threads for each in found)
        command = f".venv/bin/python examples/reports/{self.name}.py --only {' '.join(names)}"
        processors = " and ".join(sorted({each.processor for each in found}))
        time = f"{duration(seconds)} of processor time, {threads} thread{'s' if threads > 1 else ''}"
        return f"`{command}` ({time}, {processors})"


def epoch_seconds(model: Sequential, training: Dataset, batch_size: int) -> float:
    """Seconds of an epoch on the clock with two threads, median of three: for trainings that ran with one thread."""
    if len(os.sched_getaffinity(0)) < 2:
        raise Missing("a second processor")
    threads = martlet.threads()
    martlet.set_threads(2)
    history = model.fit(training, batch_size=batch_size, epochs=3, verbose=0)
    martlet.set_threads(threads)
    return median(epoch.seconds for epoch in history.progress)


def processor_seconds() -> float:
    """Of this process and of those it has started that have ended: what else runs on the machine hardly changes it."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def processor() -> str:
    """Its name; of AMD's with family and model, such as AMD EPYC 26-2, as one name is that of several generations."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = known.get("model name", platform.machine())
    return f"{name} {known['cpu family']}-{known['model']}" if name.startswith("AMD") else name


def rounded(value):
    """Figures to 6 significant digits, as many as float32 has: files stay small, and nobody reads more."""
    if isinstance(value, dict):
        return {str(key): rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars
        return rounded(value.tolist())
    return float(f"{value:.6g}") if isinstance(value, float) else value


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 1 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def table(header: list[str], rows: list[list]) -> str:
    """A table in Markdown; numbers stand to the right, with their unit or without."""
    number = r"\**[-+]?\d[\d.,]*(e[-+]?\d+)?( ?%| MB| s| min \d\d s| h \d\d min)?\**"
    marks = ["---:" if re.fullmatch(number, str(cell)) else "---" for cell in rows[0]]
    lines = [header, marks, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
