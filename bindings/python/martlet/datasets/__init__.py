"""Published data sets as arrays, with Keras' names: from martlet.datasets import mnist, fashion_mnist, cifar10.

    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    train = martlet.Dataset(x_train, y_train, scale=1 / 255, class_names=mnist.CLASS_NAMES)

The published files are read from a folder of yours: the argument of load_data, else the one that the environment
variable MARTLET_DATA names. Nothing is downloaded. Labels are [N] in all sets; Keras gives those of CIFAR-10 as [N, 1].
"""

from . import cifar10, fashion_mnist, mnist

__all__ = ["cifar10", "fashion_mnist", "mnist"]
