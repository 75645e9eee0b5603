"""The dataset that ships with the project: what it holds, and that its script makes the same bytes."""

import h5py
import numpy as np
from conftest import DIGITS, ROOT


def test_contents():
    from sklearn.datasets import load_digits

    published = load_digits()
    with h5py.File(DIGITS) as file:
        x = np.concatenate([file["x_train"][:], file["x_test"][:]])
        y = np.concatenate([file["y_train"][:], file["y_test"][:]])
        assert len(file["x_train"]) == 1437 and len(file["x_test"]) == 360
        assert file["x_train"].attrs["scale"] == 1 / 16
        assert list(file["y_test"].attrs["class_names"]) == list("0123456789")
        # Equal shares: 360 / 1797 of every class, up to rounding.
        shares = np.bincount(file["y_test"][:]) / np.bincount(y)
        assert np.abs(shares - 360 / 1797).max() < 1 / 174  # the smallest class has 174 images
    # The same images with the same labels, in another order.
    ours = np.concatenate([x.reshape(len(x), -1), y[:, None]], axis=1)
    theirs = np.concatenate([published.data.astype(np.uint8), published.target.astype(np.uint8)[:, None]], axis=1)
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_script_makes_the_same_bytes(run_python, tmp_path):
    done = run_python(ROOT / "examples" / "data" / "make_digits.py", tmp_path / "digits.h5")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "digits.h5").read_bytes() == DIGITS.read_bytes()
