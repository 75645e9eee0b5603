"""What the Python tests share: the checkout's package, subprocesses, data folders, and a comparison by norm."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bindings" / "python"
DIGITS = ROOT / "examples" / "data" / "digits.h5"

# The checkout's package is tested, not an installed one; Keras' backend is chosen at its import.
sys.path.insert(0, str(PACKAGE))
sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np  # noqa: E402
import pytest  # noqa: E402


def pytest_configure(config):
    # Of Keras itself, with this NumPy; nothing a reader of our results can do about.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:Argument `alpha` is deprecated:UserWarning")


@pytest.fixture
def run_python():
    """Run a Python program in a process of its own, with the checkout's package; returns the finished process."""

    def run(*arguments, cwd=None, timeout=300, **environment):
        paths = [str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def real_data():
    """The folder with MNIST, Fashion-MNIST and CIFAR-10; the test is skipped where it is not."""
    named = os.environ.get("MARTLET_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (folder / "mnist").is_dir():
        pytest.skip(f"real data not found: {folder} has no folder mnist (set MARTLET_DATA)")
    return folder


@pytest.fixture
def random():
    """Numbers that are the same in every run."""
    return np.random.default_rng(20240511)


@pytest.fixture(scope="session")
def digits():
    """The digits as arrays: x_train [1437, 8, 8] and x_test float32 scaled to 0 ... 1, labels int64."""
    import h5py

    with h5py.File(DIGITS) as file:
        arrays = {name: file[name][:] for name in file}
    return {
        name: (array / np.float32(16)).astype(np.float32) if name.startswith("x") else array.astype(np.int64)
        for name, array in arrays.items()
    }
