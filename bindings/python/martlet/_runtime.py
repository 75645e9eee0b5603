"""What concerns the library as a whole: version, instruction set, threads."""

from __future__ import annotations

from ._check import check, integer
from ._library import library, library_path

__all__ = ["instruction_set", "library_path", "set_threads", "threads", "version"]


def version() -> str:
    """Version of the library that is running, such as "0.1.0"; martlet.__version__ is the package's."""
    return library().martlet_version_string().decode()


def instruction_set() -> str:
    """Instruction set the kernels were chosen for: "avx512", "avx2", "baseline"; on arm64 "neon"."""
    return library().martlet_instruction_set().decode()


def set_threads(count: int) -> None:
    """Compute with this many threads, the caller's included; 0 for as many as the process may use.

    Results do not depend on it, bit for bit. ValueError unless 0 <= count <= 1024.
    """
    check(library().martlet_set_threads(integer(count, "count", -(2**31), 2**31 - 1)))


def threads() -> int:
    """How many threads one call may compute with."""
    return library().martlet_threads()
