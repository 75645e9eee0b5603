"""How the process of each participant is made: Martlet and the measures of the machine are programs, compiled here;
peers are Python (peers/)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import images
import peers
from rounds import Worker, WorkerError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LIBRARY = Path(os.environ.get("MARTLET_LIBRARY", ROOT / ".build" / "martlet" / "libmartlet.so")).resolve()
GEMM_SERVER = ROOT / ".build" / "release" / "martlet-gemm-server"

OURS, OUR_GEMM = "martlet", "martlet-gemm"
# The multiply-adds and the bandwidth of this machine take part in comparisons like everybody, so that the share that
# somebody reaches is measured under the same noise too.
PEAK, READ = "peak", "read"
HDF5 = "libhdf5"


class Participants:
    """Starts processes whose logs, programs and data are in `folder`. missing, versions: what was found out so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.missing: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self._programs: dict[str, Path] = {}

    def names(self, kind: str) -> list[str]:
        """Martlet and the peers that take part in a kind of comparison, by name."""
        ours = OUR_GEMM if kind in ("gemm", "convolution") else OURS
        return [ours] + [entry.name for entry in peers.ENTRIES if kind in entry.kinds]

    def start(self, name: str, threads: int) -> Worker | None:
        """The process of a participant; None if it lacks something, see `missing`."""
        if name in self.missing:
            return None
        environment = {
            "PYTHONPATH": str(ROOT / "bindings" / "python"),
            "PYTHONDONTWRITEBYTECODE": "",  # as installed packages, those of a checkout are compiled once only
            "MARTLET_LIBRARY": str(LIBRARY),
            images.FOLDER_VARIABLE: str(self.data),
        }
        try:
            entry = next((entry for entry in peers.ENTRIES if entry.name == name), None)
            if entry is None:
                command = self._program_command(name, threads)
            else:
                command = [sys.executable, HERE / "worker.py", entry.module, entry.variant, threads]
                environment |= entry.environment
            worker = Worker(name, command, threads, self.folder / f"{name}.log", environment)
        except WorkerError as reason:
            self.missing[name] = str(reason)
            return None
        self.versions.setdefault(name, worker.version)
        return worker

    def ours(self, label: str, threads: int, data: Path) -> Worker:
        """A process of Martlet's, named `label`, with data of its own."""
        command = [*self._program_command(OURS, threads)[:1], data, threads]
        return Worker(label, command, threads, self.folder / f"{label}.log")

    def _program_command(self, name: str, threads: int) -> list[object]:
        if name == OUR_GEMM:
            if not GEMM_SERVER.exists():
                raise WorkerError(f"not built: swift build -c release --product {GEMM_SERVER.name}")
            return [GEMM_SERVER, threads]
        if name == OURS:
            if not LIBRARY.exists():
                raise WorkerError(f"not built: make build ({LIBRARY})")
            folder = LIBRARY.parent
            linking = ["-I", ROOT / "include", f"-L{folder}", f"-l:{LIBRARY.name}", f"-Wl,-rpath,{folder}"]
            return [self._compiled("martlet", *linking), self.data, threads]
        if name == HDF5:
            found = subprocess.run(["pkg-config", "--cflags", "--libs", "hdf5"], capture_output=True, text=True)
            return [self._compiled("libhdf5", *found.stdout.split())]
        peak = HERE / "kernels" / "CFMAPeak"
        flags = ["-O3", "-march=native", "-I", peak / "include", peak / "fma_peak.c", "-pthread"]
        return [self._compiled("roofline", *flags), threads]

    def _compiled(self, name: str, *flags: str | Path) -> Path:
        """The program programs/NAME.c."""
        if name not in self._programs:
            target = self.folder / "programs" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            compiler = os.environ.get("CC", "cc")
            command = [compiler, "-std=c11", "-O2", HERE / "programs" / f"{name}.c", "-o", target, *flags]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode != 0:
                raise WorkerError(f"does not compile: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            self._programs[name] = target
        return self._programs[name]
