"""What the figures were measured on, for their head."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path


def description() -> dict[str, object]:
    """Processor, caches, system, this repository's commit, the day, the load, and what OpenBLAS is told."""
    return {
        "processor": _field("/proc/cpuinfo", "model name", ":"),
        "processors": len(os.sched_getaffinity(0)),
        "caches": _caches(),
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal', ':').split()[0]) // 2**20} GiB",
        "system": _field("/etc/os-release", "PRETTY_NAME", "=").strip('"'),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": _output("git", "describe", "--always", "--dirty"),
        "date": datetime.date.today().isoformat(),
        "load": os.getloadavg()[0],
        "openblas": [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("OPENBLAS_")],
    }


def _field(path: str, name: str, separator: str) -> str:
    """The value of the first line "name separator value" of a file."""
    for line in Path(path).read_text().splitlines():
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip()
    return "unknown 0"


def _caches() -> str:
    sizes = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            sizes.append(f"L{level} {size}")
    return ", ".join(sizes)


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    except OSError:
        return ""
    return done.stdout.strip()
