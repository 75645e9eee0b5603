"""Transfer learning: a network that knows some classes learns others from few images.

    python transfer_learning.py [--seeds 1 2 3] [--epochs 12]          classes 0 to 4 of CIFAR-10, then 5 to 9
    python transfer_learning.py --generated                           the same on images that are made here
    python transfer_learning.py --network xception --weights FILE.h5  a network of Keras on all of CIFAR-10
    python transfer_learning.py --write SOURCE.h5 TARGET.h5           the sets of images, for transfer_learning.c

The network is saved as a Keras file; the file is loaded, its head cut off, the rest frozen, what it computes of the few
images is written to an HDF5 file once, a new head is trained on that, and then the whole is fine-tuned at a lower rate. The
same network trained from scratch on the few images is what it must beat. CIFAR-10 is looked for in the folder that
MARTLET_DATA names, or in ../shared/data beside the repository; where it is not, images are generated.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

import martlet
from martlet import applications, datasets, layers, optimizers


def cifar10():
    """(x, y) for training and for the test; None where the files are not."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    try:
        return datasets.cifar10.load_data(os.environ.get("MARTLET_DATA", beside))
    except FileNotFoundError:
        return None


def generated(seed=0):
    """Five patterns, wide and narrow, in noise: images of 16 x 16 pixels as bytes. Mirrored ones are of the same kind."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:16, 0:16]

    def images(count):
        y = np.arange(count) % 10
        f = np.where(y < 5, 0.8, 1.3)[:, None, None]
        p, q = random.uniform(0, 2 * np.pi, (2, count, 1, 1))
        patterns = np.stack(
            [
                np.sin(f * across + p),
                np.sin(f * down + p),
                np.sin(f * across + p) * np.sin(f * down + q),
                np.sin(f * np.hypot(across - 7.5, down - 7.5) + p),
                np.sin(f * (across + down) + p) * np.sin(f * (across - down) + q),
            ]
        )
        x = 128 + 40 * patterns[y % 5, np.arange(count), ..., None] + random.normal(0, 130, (count, 16, 16, 3))
        return x.clip(0, 255).astype(np.uint8), y

    return images(4000), images(1000)


def sources(published, few):
    """The sets: images of classes 0 to 4, and `few` of each of 5 to 9; as ((x, y) for training, (x, y) for the test)."""
    (x, y), (x_test, y_test) = published
    old, old_test = y < 5, y_test < 5
    new = np.concatenate([np.flatnonzero(y == label)[:few] for label in range(5, 10)])
    return (
        ((x[old], y[old]), (x_test[old_test], y_test[old_test])),
        ((x[new], y[new] - 5), (x_test[~old_test], y_test[~old_test] - 5)),
    )


def residual_network(shape, seed):
    """Three stages of a residual block each, down to 64 numbers, "features", and a classifier of 5.

    Few images make few steps: the moving statistics must follow them faster than by Keras' default of 0.99.
    """
    x = martlet.Input(shape)
    y = layers.Rescaling(1 / 127.5, offset=-1)(x)
    y = convolved(y, 16)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        shortcut = y if stride == 1 else layers.Conv2D(filters, 1, strides=stride)(y)
        y = convolved(y, filters, stride)
        y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
        y = layers.BatchNormalization(momentum=0.9)(y)
        y = layers.ReLU()(layers.Add()([shortcut, y]))
    y = layers.GlobalAveragePooling2D(name="features")(y)
    return martlet.Model(x, layers.Dense(5, "softmax", name="classes")(y), name="residual", seed=seed)


def convolved(x, filters, stride=1):
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def train(model, data, rate, epochs, batch_size, test=None):
    """Train a model; the accuracy on the test images."""
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(*data, epochs=epochs, batch_size=batch_size, verbose=0)
    return 100 * model.evaluate(*test, verbose=0)[1] if test else None


def with_flips(network, seed):
    """In training a random half of the images is mirrored, and all are moved a little."""
    x = martlet.Input(network.input_shape[1:])
    moved = layers.RandomTranslation(0.1, 0.1)(layers.RandomFlip("horizontal")(x))
    return martlet.Model(x, network(moved), name="augmented", seed=seed)


def transfer(file, few, test, folder, seed):
    """The accuracy of a new head on the frozen base of a Keras file, and after fine-tuning all of it."""
    base, _ = martlet.load_model(file, compile=False).cut("features")
    base.trainable = False
    base.write_features(few[0], folder / "features.h5", few[1])
    head = martlet.Sequential([martlet.Input(base.output_shape[1:]), layers.Dense(5, "softmax")], name="head", seed=seed)
    train(head, (martlet.Dataset.open(folder / "features.h5", "x", "y"),), 0.01, 60, 25)

    x = martlet.Input(base.input_shape[1:])
    model = martlet.Model(x, head(base(x, training=False)), name="transferred", seed=seed)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    frozen = 100 * model.evaluate(*test, verbose=0)[1]
    base.trainable = True
    tuned = train(model, few, 0.0003, 20, 25, test)
    model.save(folder / "transferred.h5")
    return frozen, tuned


def compare(sets, seeds, epochs):
    """One line for each seed, and the medians."""
    (many, many_test), (few, few_test) = sets
    rows = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            network = residual_network(many[0].shape[1:], seed)
            known = train(with_flips(network, seed), many, 0.002, epochs, 64, many_test)
            network.save(folder / "base.h5", include_optimizer=False)
            frozen, tuned = transfer(folder / "base.h5", few, few_test, folder, seed)
            fresh = residual_network(many[0].shape[1:], seed + 1000)
            scratch = train(with_flips(fresh, seed), few, 0.002, 60, 25, few_test)
        rows.append((known, scratch, frozen, tuned))
        print(
            f"seed {seed}: classes 0 to 4 {known:.2f}%; classes 5 to 9 from scratch {scratch:.2f}%, new head "
            f"{frozen:.2f}%, fine-tuned {tuned:.2f}%",
            flush=True,
        )
    known, scratch, frozen, tuned = (statistics.median(column) for column in zip(*rows))
    print(
        f"median of {len(rows)}: classes 0 to 4 {known:.2f}%; classes 5 to 9 from scratch {scratch:.2f}%, new head "
        f"{frozen:.2f}%, fine-tuned {tuned:.2f}%"
    )


def with_published_weights(name, weights, published, epochs):
    """The reports' networks on all of CIFAR-10: Xception at 224 x 224 with one layer, ResNet50 at 32 x 32 with five."""
    make, side, units = {
        "xception": (applications.Xception, 224, ()),
        "resnet50": (applications.ResNet50, 32, (1024, 512, 256, 128)),
    }[name]
    base = make(include_top=False, weights=weights, input_shape=(side, side, 3), pooling="avg", preprocessing=True)
    base.trainable = False
    (x, y), (x_test, y_test) = published
    resized = martlet.Sequential([martlet.Input((32, 32, 3)), layers.Resizing(side, side), base], name="resized")
    resized.trainable = False
    resized.write_features(x, "features-train.h5", y)
    resized.write_features(x_test, "features-test.h5", y_test)
    sets = [martlet.Dataset.open(f"features-{part}.h5", "x", "y") for part in ("train", "test")]
    chain = [layers.Dense(count, "relu") for count in units] + [layers.Dense(10, "softmax")]
    head = martlet.Sequential([martlet.Input((2048,)), *chain], name="head", seed=1)
    head.compile(optimizers.Adam(1e-3), "sparse_categorical_crossentropy", ["accuracy"])
    history = head.fit(sets[0], validation_data=sets[1], epochs=epochs, batch_size=100, verbose=0).history
    print(f"{name}, frozen: validation {100 * max(history['val_accuracy']):.2f}%")
    if name == "resnet50":
        image = martlet.Input((32, 32, 3))
        whole = martlet.Model(image, head(resized(image)))
        resized.trainable = True
        resized.get_layer("resnet50").get_layer("preprocessing").trainable = False
        tuned = train(whole, (x, y), 1e-4, epochs, 100, (x_test, y_test))
        print(f"{name}, fine-tuned: validation {tuned:.2f}%")


def write(path, data):
    with h5py.File(path, "w") as file:
        for part, (x, y) in zip(("train", "test"), data):
            file[f"x_{part}"], file[f"y_{part}"] = x, y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--network", choices=("xception", "resnet50"))
    parser.add_argument("--weights")
    parser.add_argument("--write", nargs=2, metavar=("SOURCE", "TARGET"))
    arguments = parser.parse_args()
    published = None if arguments.generated else cifar10()
    if arguments.network:
        if published is None:
            sys.exit("CIFAR-10 was not found: set MARTLET_DATA")
        with_published_weights(arguments.network, arguments.weights, published, arguments.epochs)
        return
    sets = sources(published, 50) if published else sources(generated(), 5)
    print(f"{'CIFAR-10' if published else 'generated images'}: {len(sets[1][0][1])} of classes 5 to 9", flush=True)
    if arguments.write:
        for path, data in zip(arguments.write, sets):
            write(path, data)
    else:
        compare(sets, arguments.seeds, arguments.epochs)


if __name__ == "__main__":
    main()
