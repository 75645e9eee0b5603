"""Predictions in double against NumPy; predictions of datasets and the files of them, read back with csv and h5py."""

import csv
import math

import h5py
import numpy as np
import pytest

import martlet
from martlet import layers


@pytest.fixture
def model():
    made = martlet.Sequential([martlet.Input((4,)), layers.Dense(3, "softmax")], seed=1)
    made.class_names = ["ant", 'the "big" bee, flying', "cow\nand calf"]
    return made


@pytest.fixture
def x(random):
    return random.integers(0, 256, (600, 4)).astype(np.uint8)  # several batches of the library


def softmax(z):
    shifted = np.exp(z - z.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def test_in_double_against_numpy(random):
    mean, variance = random.normal(size=(2, 20)).astype(np.float32)
    variance = variance**2 + np.float32(0.1)
    model = martlet.Sequential(
        [
            martlet.Input((4, 5)),
            layers.Rescaling(1 / 255, offset=-0.1),
            layers.Flatten(),
            layers.Normalization(mean=mean, variance=variance),
            layers.Dense(50, "tanh", bias_initializer="random_normal"),
            layers.Dropout(0.5),
            layers.Dense(30, "leaky_relu"),
            layers.Dense(10, "softmax"),
        ],
        seed=1,
    )
    x = random.uniform(0, 255, (600, 4, 5))  # several calls of the library
    weights = [array.astype(np.float64) for array in model.get_weights()]
    z = ((x / 255 - 0.1).reshape(600, 20) - mean.astype(np.float64)) / np.sqrt(variance.astype(np.float64))
    z = np.tanh(z @ weights[0] + weights[1]) @ weights[2] + weights[3]
    # The slope is an option of the layer, which the library keeps as a float.
    z = np.where(z < 0, float(np.float32(0.2)) * z, z)
    expected = softmax(z @ weights[4] + weights[5])
    found = model.predict(x, dtype="float64")
    assert found.dtype == np.float64
    # 50 products at most in a sum, each rounded by 1.1e-16 of terms below 10.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    assert np.abs(model.predict(x) - expected).max() > 1e-9  # which float32 cannot do


def test_in_double_with_several_inputs_and_outputs(random):
    a, b = martlet.Input((7,), name="a"), martlet.Input((7,), name="b")
    both = layers.Multiply()([a, layers.Dense(7, "gelu")(b)])
    model = martlet.Model([a, b], [both, layers.Dense(2, name="two")(both)], seed=2)
    x = [random.normal(size=(300, 7)), random.integers(-5, 5, (300, 7))]
    w, bias, w2, bias2 = (array.astype(np.float64) for array in model.get_weights())
    z = x[1] @ w + bias
    product = x[0] * z * np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)))(z)
    for dtype in (np.float64, np.dtype("float64")):
        found = model.predict({"a": x[0], "b": x[1]}, dtype=dtype)
        for one, expected in zip(found, (product, product @ w2 + bias2)):
            np.testing.assert_allclose(one, expected, rtol=1e-12, atol=1e-12)


def test_in_double_or_not(model, x):
    assert model.predict(x).dtype == model.predict(x, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(model.predict(x), model.predict(x, dtype="float32"))
    for dtype in ("float16", int, None, "f8"):
        with pytest.raises(ValueError, match='dtype must be "float32" or "float64"'):
            model.predict(x, dtype=dtype)
    with pytest.raises(ValueError, match="float64 predictions take arrays"):
        model.predict(martlet.Dataset(x), dtype="float64")


def test_a_dataset_is_predicted_with_its_scaling(model, x):
    data = martlet.Dataset(x, scale=1 / 255, offset=-0.5)
    # The library scales in float32 as one multiplication and one addition; softmax does not enlarge the difference.
    expected = model.predict(x * np.float32(1 / 255) + np.float32(-0.5))
    np.testing.assert_allclose(model.predict(data), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.predict(data[100:300]), model.predict(data)[100:300])


def test_csv(model, x, tmp_path):
    model.write_predictions(x, tmp_path / "out.csv", first_id=1)
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Id", "Category"]
    assert [int(row[0]) for row in rows[1:]] == list(range(1, len(x) + 1))
    names = model.class_names
    assert [row[1] for row in rows[1:]] == [names[label] for label in model.predict(x).argmax(axis=1)]
    model.class_names = []
    model.write_predictions(martlet.Dataset(x), str(tmp_path / "out.csv"))
    with open(tmp_path / "out.csv", newline="") as file:
        rows = [list(map(int, row)) for row in list(csv.reader(file))[1:]]
    assert rows == [[row, label] for row, label in enumerate(model.predict(x).argmax(axis=1))]


def test_hdf5(model, x, tmp_path):
    model.write_predictions(x, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert sorted(file) == ["labels", "predictions"]
        assert (file["predictions"].dtype, file["labels"].dtype) == (np.float32, np.int64)
        np.testing.assert_array_equal(file["predictions"][:], model.predict(x))
        np.testing.assert_array_equal(file["labels"][:], model.predict(x).argmax(axis=1))
        assert list(file["labels"].attrs["class_names"]) == model.class_names
    content = (tmp_path / "out.h5").read_bytes()
    model.write_predictions(x, tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_bytes() == content
    # The file is a dataset, with the classes as its targets.
    data = martlet.Dataset.open(tmp_path / "out.h5", "predictions", "labels")
    assert data.class_names == model.class_names and data.x_shape == (3,)


def test_several_outputs_and_rows_of_vectors(tmp_path, random):
    start = martlet.Input((5, 4))
    rows = layers.Dense(3, name="rows")(start)
    yes = layers.Dense(1, "sigmoid", name="yes")(layers.Flatten()(start))
    model = martlet.Model(start, [rows, yes], seed=1)
    x = random.normal(size=(300, 5, 4))
    of_rows, of_yes = model.predict(martlet.Dataset(x))
    for found, expected in zip((of_rows, of_yes), model.predict(x)):
        np.testing.assert_array_equal(found, expected)
    model.write_predictions(x, tmp_path / "rows.h5")
    with h5py.File(tmp_path / "rows.h5") as file:
        np.testing.assert_array_equal(file["predictions"][:], of_rows)
        np.testing.assert_array_equal(file["labels"][:], of_rows.argmax(axis=-1))
        assert not file["labels"].attrs
    model.write_predictions(x, tmp_path / "yes.csv", output="yes")
    found = np.loadtxt(tmp_path / "yes.csv", delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_array_equal(found[:, 1], of_yes[:, 0] > 0.5)
    with pytest.raises(NotImplementedError, match=r"rows of shape \[5, 3\]; write HDF5"):
        model.write_predictions(x, tmp_path / "rows.csv")
    with pytest.raises(ValueError, match="output 'no' is none of"):
        model.write_predictions(x, tmp_path / "no.csv", output="no")
    with pytest.raises(ValueError, match="output is 2; there are 2 outputs"):
        model.write_predictions(x, tmp_path / "no.csv", output=2)
    assert not (tmp_path / "rows.csv").exists()


def test_what_is_wrong_is_said(model, x, tmp_path):
    for path, data, kind, message in [
        (tmp_path / "out.txt", x, ValueError, "must end in .csv, .h5 or .hdf5"),
        (tmp_path / "none" / "out.csv", x, FileNotFoundError, "none/out.csv"),
        (tmp_path / "out.csv", x[:, :3], ValueError, r"x has rows of shape \[3\]; the model expects \[4\]"),
        (tmp_path / "out.csv", np.full((3, 4), np.nan), ValueError, "x has a value that is NaN, infinite or too large for float32 in row 0"),
        (tmp_path / "out.csv", martlet.Dataset(None, x), ValueError, "dataset has 0 x; model 'sequential' has 1 input"),
    ]:
        with pytest.raises(kind, match=message):
            model.write_predictions(data, path)
    with pytest.raises(ValueError, match="first_id is 9223372036854775807; the ids of 600 rows"):
        model.write_predictions(x, tmp_path / "out.csv", first_id=2**63 - 1)
    assert list(tmp_path.iterdir()) == []


class TestConvolutionsByTiles:
    """Kernels of 3 x 3, whose transforms a model keeps from one prediction to the next."""

    @pytest.fixture
    def model(self):
        made = martlet.Sequential(
            [
                martlet.Input((9, 10, 3)),
                layers.Conv2D(16, 3, activation="relu", padding="same"),
                layers.Conv2D(24, 3, activation="relu", padding="same", name="tiles"),
                layers.BatchNormalization(),
                layers.Conv2D(16, 3, activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(4, "softmax"),
            ],
            seed=1,
        )
        made.compile(martlet.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        return made

    @pytest.fixture
    def images(self, random):
        return random.normal(size=(20, 9, 10, 3)).astype(np.float32)

    @staticmethod
    def check(model, images, folder):
        """Expect the predictions of a model that has not predicted yet, which the weights' file makes."""
        model.save(folder / "fresh.h5")
        found = model.predict(images)
        np.testing.assert_array_equal(found, martlet.load_model(folder / "fresh.h5").predict(images))
        # Three layers of sums of 216 products at most, in float32.
        np.testing.assert_allclose(found, model.predict(images, dtype="float64"), rtol=0, atol=1e-5)
        return found

    @pytest.mark.parametrize(
        "change",
        [
            "train_on_batch",
            "accumulate",
            "fit",
            "restore",
            "apply",
            "average",
            "set_weights",
            "set_layer_weights",
            "load_weights",
        ],
    )
    def test_predictions_follow_the_weights(self, model, images, change, tmp_path):
        labels = np.arange(20) % 4
        before = self.check(model, images, tmp_path)
        if change == "train_on_batch":
            model.train_on_batch(images, labels)
        elif change == "accumulate":
            model.compile(
                martlet.optimizers.Adam(0.01, gradient_accumulation_steps=2), "sparse_categorical_crossentropy"
            )
            model.train_on_batch(images, labels)
            self.check(model, images, tmp_path)
            model.train_on_batch(images, labels)
        elif change == "fit":
            model.fit(images, labels, epochs=2, verbose=0)
        elif change == "restore":
            # A callback predicts with weights that the end of fit takes back.
            data = martlet.Dataset(images, labels)
            trainer = martlet.Trainer(model, martlet.optimizers.SGD(5.0), "sparse_categorical_crossentropy")
            seen = []
            trainer.fit(
                data,
                data,
                lambda progress: seen.append(model.predict(images)),
                batch_size=20,
                epochs=8,
                monitor="val_loss",
                patience=3,
                restore_best=True,
                every_batch=True,
            )
            assert not np.array_equal(seen[-1], model.predict(images))
        elif change == "apply":
            trainer = martlet.Trainer(model, martlet.optimizers.SGD(0.1), loss=None)
            trainer.backward((trainer.forward(images) - np.eye(4, dtype=np.float32)[labels]) / 20)
            self.check(model, images, tmp_path)
            trainer.apply()
        elif change == "average":
            model.compile(
                martlet.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5), "sparse_categorical_crossentropy"
            )
            model.fit(images, labels, epochs=2, verbose=0)
        elif change == "set_weights":
            model.set_weights([2 * array for array in model.get_weights()])
        elif change == "set_layer_weights":
            layer = model.get_layer("tiles")
            layer.set_weights([2 * array for array in layer.get_weights()])
        elif change == "load_weights":
            other = martlet.models.clone_model(model)
            other.set_weights([2 * array for array in model.get_weights()])
            other.save_weights(tmp_path / "other.weights.h5")
            model.load_weights(tmp_path / "other.weights.h5")
        after = self.check(model, images, tmp_path)
        assert not np.array_equal(before, after)

    def test_threads_and_rows_change_no_bit(self, model, images):
        threads = martlet.threads()
        found = []
        try:
            for number in (1, 2, 3):
                martlet.set_threads(number)
                found.append(model.predict(images))
                found.append(np.concatenate([model.predict(image[None]) for image in images]))
        finally:
            martlet.set_threads(threads)
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])

    def test_cost(self, model):
        cost = model.cost(1)
        # Pixels of a tile and products for it: 5 x 5 tiles of 9 x 10 pixels, and 4 x 4 of 7 x 8.
        products = 90 * 27 * 16 + 25 * 16 * 16 * 24 + 16 * 16 * 24 * 16 + 16 * 4
        assert cost.prediction_flops == 2 * products
        transformed = 4 * 16 * (16 * 24 + 24 * 16)
        tiles = 4 * 16 * (25 * 16 + 16 + 25 * 24 + 16)
        assert transformed + tiles < cost.prediction_bytes < transformed + tiles + 4 * 90 * (3 + 16 + 24 + 16)
