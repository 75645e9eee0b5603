"""Makes digits.h5 from the copy of the UCI optical digits that scikit-learn carries.

    python examples/data/make_digits.py [OUTPUT]

1,437 training and 360 test images, the classes in equal shares in both. The split is fixed: same script, same bytes.
Needs scikit-learn, and the package's writer of datasets (h5py).
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from martlet.convert.hdf5 import Contents, Part, write

TEST_ROWS = 360
SEED = 0

SOURCE = (
    "Alpaydin, E. and Kaynak, C. (1998). Optical Recognition of Handwritten Digits. UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C50P49. CC BY 4.0. Test set of 1,797 images as scikit-learn carries it; split and stored as "
    "HDF5 by examples/data/make_digits.py."
)


def stratified_split(labels):
    """Row numbers for training and for testing, each in a random order; every class gives its share of the test rows."""
    # RandomState's stream is frozen: it is the same in every version of NumPy.
    random = np.random.RandomState(SEED)
    order = random.permutation(len(labels))
    # Position of each row among its class, as a share of the class: the smallest shares are the test rows.
    shares = np.empty(len(labels))
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        shares[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    test = np.sort(np.argsort(shares, kind="stable")[:TEST_ROWS])
    in_test = np.isin(order, test)
    return order[~in_test], order[in_test]


def main():
    output = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("digits.h5")
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    train, test = stratified_split(labels)
    parts = [Part("_train", images[train], labels[train]), Part("_test", images[test], labels[test])]
    write(
        output,
        Contents(
            parts,
            title="UCI optical recognition of handwritten digits",
            source=SOURCE,
            scale=1 / 16,  # pixels count the dark points of 4x4 blocks: 0 to 16
            class_names=[str(digit) for digit in range(10)],
        ),
    )


if __name__ == "__main__":
    main()
