"""Write the files that the C tests open: make_files.py FOLDER.

Foreign, damaged and hostile HDF5 files that no function of the library would write, and one model that Keras wrote.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np


def config(layers):
    return json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": layers}})


def layer(kind, **options):
    return {"class_name": kind, "config": options}


INPUT = layer("InputLayer", batch_input_shape=[None, 4], dtype="float32", name="x")
DENSE = layer("Dense", name="d", units=3, activation="linear", use_bias=True)


def write_model(path, model_config, weights=None, names=("d/kernel:0", "d/bias:0")):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = model_config
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"x", b"d"])
        group.create_group("x").attrs["weight_names"] = np.zeros(0)
        dense = group.create_group("d")
        dense.attrs["weight_names"] = np.array([name.encode() for name in names])
        for name, value in zip(names, weights or (np.ones((4, 3), "f4"), np.zeros(3, "f4"))):
            if value is not None:
                dense[name] = value


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)

    good = config([INPUT, DENSE])
    write_model(folder / "good.h5", good)
    write_model(folder / "deep.h5", "[" * 1_000_000)
    write_model(folder / "deep_objects.h5", '{"a":' * 200_000 + "1" + "}" * 200_000)
    write_model(folder / "not_json.h5", good[:-5])
    write_model(folder / "nan_in_json.h5", good.replace('"units": 3', '"units": NaN'))
    write_model(folder / "lambda.h5", config([INPUT, layer("Lambda", name="evil", function="code")]))
    write_model(folder / "unknown_layer.h5", config([INPUT, layer("Quantum", name="q")]))
    write_model(folder / "huge_units.h5", config([INPUT, dict(DENSE, config={**DENSE["config"], "units": 2**62})]))
    write_model(folder / "negative_units.h5", config([INPUT, dict(DENSE, config={**DENSE["config"], "units": -3})]))
    write_model(folder / "wrong_shape.h5", good, (np.ones((4, 2), "f4"), np.zeros(3, "f4")))
    write_model(folder / "missing_weight.h5", good, (np.ones((4, 3), "f4"), None))
    write_model(folder / "nan_weight.h5", good, (np.full((4, 3), np.nan, "f4"), np.zeros(3, "f4")))
    write_model(folder / "string_weight.h5", good, (np.array([[b"a"] * 3] * 4), np.zeros(3, "f4")))

    whole = (folder / "good.h5").read_bytes()
    (folder / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    (folder / "signature_only.h5").write_bytes(whole[:8])
    (folder / "zip.keras").write_bytes(b"PK\x03\x04" + bytes(100))
    (folder / "empty.h5").write_bytes(b"")
    (folder / "not_hdf5.h5").write_bytes(b"This is a text file, not HDF5.\n" * 100)
    (folder / "folder.h5").mkdir(exist_ok=True)
    with h5py.File(folder / "foreign.h5", "w") as file:
        file["temperatures"] = np.arange(10.0)

    rng = np.random.default_rng(0)
    with h5py.File(folder / "data.h5", "w") as file:
        x = file.create_dataset("x", data=rng.integers(0, 256, (50, 4), dtype="u1"), chunks=(7, 4), compression="gzip")
        x.attrs["scale"] = 1 / 255
        y = file.create_dataset("y", data=(np.arange(50) % 3).astype("i2"))
        y.attrs["class_names"] = ["red", "green", "blue"]
        file["big_endian"] = x[...].astype(">f8")
        file["text"] = np.array([b"a", b"b"])
        file["compound"] = np.zeros(50, dtype=[("a", "f4"), ("b", "i4")])
        file["short_y"] = np.zeros(49, "i4")
        file["no_rows"] = np.zeros((0, 4), "f4")
        file["scalar"] = 3.0
        file["label_9"] = np.full(50, 9, "i4")
        file.create_group("group")
        file["outside"] = h5py.ExternalLink("good.h5", "/model_weights/d/d/kernel:0")
        file["loop"] = h5py.SoftLink("/loop")
        file.create_dataset("claims_much", shape=(2**40, 4), dtype="f4", chunks=(1024, 4))
        file.create_dataset("external", shape=(50, 4), dtype="f4", external=[("raw.bin", 0, 800)])
        layout = h5py.VirtualLayout(shape=(50, 4), dtype="u1")
        layout[...] = h5py.VirtualSource("data.h5", "x", shape=(50, 4))
        file.create_virtual_dataset("virtual", layout)
    (folder / "raw.bin").write_bytes(b"\0" * 800)

    import keras  # after the rest: it takes seconds

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(3, "softmax")]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    model.fit(np.ones((4, 6), "f4"), np.zeros(4), verbose=0)
    model.save(folder / "keras.h5")

    near, far = keras.Input((4,), name="near"), keras.Input((4,), name="far")
    shared = keras.layers.Dense(4, "tanh", name="shared")
    total = keras.layers.Add(name="total")([shared(near), shared(shared(far))])
    ends = [keras.layers.Dense(2, name="head")(total), keras.layers.Concatenate(name="all")([total, near])]
    keras.Model([near, far], ends, name="graph").save(folder / "keras_graph.h5")

    layers = keras.layers
    image = keras.Input((6, 5, 2), name="image")
    x = layers.ZeroPadding2D(((1, 0), (0, 1)))(image)
    x = layers.Conv2D(4, (3, 2), strides=2, padding="same", activation="relu", name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    gate = layers.Conv2D(4, 1, groups=2, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply()([x, gate])
    x = layers.ReLU(max_value=6, negative_slope=0.1)(layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2)(x))
    x = layers.MaxPooling2D((2, 1), padding="same")(layers.SeparableConv2D(3, 2, padding="same")(x))
    x = layers.GroupNormalization(3)(layers.Conv2DTranspose(3, 2, strides=2)(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Resizing(4, 3)(layers.UpSampling2D((1, 2))(x)))
    x = layers.AveragePooling2D((1, 2), strides=1)(layers.Cropping2D(((0, 1), (1, 0)))(x))
    x = layers.SpatialDropout2D(0.2)(layers.LayerNormalization()(x))
    x = layers.Conv1D(4, 2, padding="causal", dilation_rate=2)(layers.Reshape((-1, 3))(x))
    x = layers.Dense(3, "softmax")(layers.GlobalMaxPooling1D()(layers.MaxPooling1D()(x)))
    keras.Model(image, x, name="images").save(folder / "keras_images.h5")


if __name__ == "__main__":
    main()
