"""Puts libmartlet.so into the installed package when the repository has built it.

An install without the library is allowed: it is then found through MARTLET_LIBRARY (martlet/_library.py). With it
the wheel belongs to one platform, but to any Python 3, because ctypes needs no Python headers.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent


def built_library() -> "Path | None":
    """The library to ship: what MARTLET_LIBRARY names, else what `make build` left, else none."""
    named = os.environ.get("MARTLET_LIBRARY")
    path = Path(named) if named else HERE.parents[1] / ".build" / "martlet" / "libmartlet.so"
    return path if path.is_file() else None


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        library = built_library()
        if library and not self.editable_mode:
            shutil.copyfile(library, Path(self.build_lib) / "martlet" / "libmartlet.so")


class PlatformWheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = built_library() is None

    def get_tag(self):
        python, abi, platform = super().get_tag()
        return (python, abi, platform) if self.root_is_pure else ("py3", "none", platform)


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
