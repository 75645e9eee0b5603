"""Draws the curves of a training from its CSV file.

    python plot_history.py history.csv history.png

The file has a line for each epoch and the columns loss, accuracy, val_loss and val_accuracy (as far as there are): what
callbacks.CSVLogger and examples/c/train.c write.
"""

import csv
import sys

from martlet.plot import plot_history


def read_history(path):
    """The columns of numbers by name; what is no number (an empty field) becomes NaN."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        sys.exit(f"{path} has no epochs")

    def number(text):
        try:
            return float(text)
        except ValueError:
            return float("nan")

    curves = {name: [number(row[name]) for row in rows] for name in rows[0]}
    return {name: values for name, values in curves.items() if any(value == value for value in values)}


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: plot_history.py history.csv history.png")
    plot_history(read_history(sys.argv[1]), sys.argv[2])
    print(f"curves written to {sys.argv[2]}")


if __name__ == "__main__":
    main()
