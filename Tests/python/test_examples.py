"""The Python examples, run as a user would run them; and the accuracy that the digits must reach."""

import re

import numpy as np
import pytest
from conftest import ROOT

import martlet

EXAMPLES = ROOT / "examples" / "python"


def test_digits(run_python, tmp_path, digits):
    done = run_python(EXAMPLES / "digits.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    accuracy = float(re.search(r"test accuracy ([0-9.]+)%", done.stdout)[1])
    assert accuracy >= 97
    assert "Epoch 60/60" in done.stdout
    model = martlet.load_model(tmp_path / "digits-model.h5")
    predicted = model.predict(digits["x_test"]).argmax(axis=1)
    assert round(100 * np.mean(predicted == digits["y_test"]), 1) == accuracy
    assert model.class_names == list("0123456789")


def test_own_loop(run_python, tmp_path):
    done = run_python(EXAMPLES / "own_loop.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    losses = [float(found) for found in re.findall(r"Huber loss ([0-9.]+)", done.stdout)]
    assert len(losses) == 4
    # One point in 20 is 5 too high: a straight mean of the points would be 0.25 off.
    assert float(re.search(r"from the truth: ([0-9.]+)", done.stdout)[1]) < 0.125


def test_plot_history(run_python, tmp_path):
    header = "epoch,accuracy,loss,val_accuracy,val_loss,seconds,samples_per_second\n"
    (tmp_path / "history.csv").write_text(header + "0,0.5,1.5,0.4,1.6,0.1,1000\n1,0.7,0.9,0.6,1.0,0.1,1000\n")
    done = run_python(EXAMPLES / "plot_history.py", "history.csv", "history.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    assert run_python(EXAMPLES / "plot_history.py", "history.csv", cwd=tmp_path).stderr.startswith("usage: ")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_data(run_python, real_data, name):
    """One epoch of one seed: the published data are read and learned from. README gives the commands of the full runs."""
    arguments = name, "--seeds", "1", "--epochs", "1"
    done = run_python(EXAMPLES / "real_data.py", *arguments, MARTLET_DATA=str(real_data), timeout=900)
    assert done.returncode == 0, done.stderr
    accuracy = float(re.search(r"median of 1: best validation .*test ([0-9.]+)%", done.stdout)[1])
    # A linear model reaches 92 % and 84 % in the end; after one pass over the data these networks are near that.
    assert accuracy > {"mnist": 92, "fashion-mnist": 75}[name]


def test_transfer_learning(run_python, tmp_path):
    """On generated images: what the network has learned of other classes is worth 5 points of accuracy."""
    done = run_python(EXAMPLES / "transfer_learning.py", "--generated", "--seeds", "3", "--epochs", "6", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    scratch, frozen, tuned = (
        float(found) for found in re.search(
            r"median of 1: .*from scratch ([0-9.]+)%, new head ([0-9.]+)%, fine-tuned ([0-9.]+)%", done.stdout
        ).groups()
    )  # fmt: skip
    assert frozen > scratch and tuned >= scratch + 5
    done = run_python(EXAMPLES / "transfer_learning.py", "--generated", "--write", "a.h5", "b.h5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    few = martlet.Dataset.open(tmp_path / "b.h5")
    assert len(few) == 25 and few.x_shapes == [(16, 16, 3)]
