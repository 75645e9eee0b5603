"""Write COUNT damaged copies of good model files: mutate_models.py FOLDER COUNT MODEL.h5 ...

The copies are FOLDER/0.h5, 1.h5, ...; the same arguments always give the same bytes. A third of them have bytes changed, a
third blocks overwritten or the end cut off, a third a change inside the structure: in the JSON of the configuration, in an
attribute or in the weights.
"""

import json
import random
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np

NUMBERS = [0, 1, -1, 2, 3, 2**31, -(2**31), 2**32 + 3, 2**53, 2**63 - 1, 2**64, 1e308, -0.5, 1e-320]
TEXTS = ["", "dense", "Dense", "Lambda", "softmax", "nonsense", "x" * 70_000, "\u0000", "💥", "../../etc", "/"]


def flip_bytes(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 2, 4, 16, 256])):
        data[rng.randrange(len(data))] = rng.choice([0, 0xFF, 0x7F, 0x80, rng.randrange(256)])
    return bytes(data)


def flip_metadata(rng, data):
    """Bytes of the first kilobytes: superblock, group trees, object headers."""
    head = flip_bytes(rng, data[:4096])
    return head + data[4096:]


def overwrite_block(rng, data):
    data = bytearray(data)
    begin, length = rng.randrange(len(data)), rng.choice([8, 64, 512, 4096])
    source = rng.randrange(len(data))
    filler = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length), bytes(data[source : source + length])])
    data[begin : begin + len(filler)] = filler[: len(data) - begin]
    return bytes(data)


def truncate(rng, data):
    return data[: rng.randrange(len(data))]


def places(value, path=()):
    """Paths to all values inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from places(child, (*path, key))


def mutate_json(rng, config):
    for _ in range(rng.choice([1, 1, 2, 5])):
        inner = [path for path in places(config) if path]
        if not inner:
            break  # an earlier round has taken everything out
        path = rng.choice(inner)
        parent = config
        for key in path[:-1]:
            parent = parent[key]
        key = path[-1]
        kind = rng.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1:
            parent[key] = rng.choice(NUMBERS)
        elif kind == 2:
            parent[key] = rng.choice(TEXTS)
        elif kind == 3:
            parent[key] = rng.choice([None, True, [], {}, [[[]]], [None], [1, 2, 3], {"class_name": "Dense"}])
        elif kind == 4 and isinstance(parent, list):
            parent.insert(rng.randrange(len(parent) + 1), parent[key])
        else:
            parent[key] = json.loads(json.dumps(config))  # the whole inside itself
    return config


def mutate_text(rng, text):
    kind = rng.randrange(4)
    at = rng.randrange(len(text))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + rng.choice('[]{}",:0\\e-') + text[at + 1 :]
    if kind == 2:
        return text[:at] + rng.choice("[{") * rng.choice([10, 1000, 100_000]) + text[at:]
    return json.dumps(mutate_json(rng, json.loads(text)))


def mutate_structure(rng, path):
    with h5py.File(path, "r+") as file:
        objects = [file]
        file.visititems(lambda _, item: objects.append(item))
        attributes = [(item, name) for item in objects for name in item.attrs]
        datasets = [item for item in objects if isinstance(item, h5py.Dataset)]
        kind = rng.randrange(0 if "model_config" in file.attrs else 4, 8)
        if kind < 4:
            config = file.attrs["model_config"]
            config = config.decode() if isinstance(config, bytes) else config
            config = json.dumps(mutate_json(rng, json.loads(config))) if kind < 3 else mutate_text(rng, config)
            file.attrs["model_config"] = config.replace("\u0000", "")
        elif kind == 4:
            item, name = rng.choice(attributes)
            del item.attrs[name]
        elif kind == 5:
            item, name = rng.choice(attributes)
            values = [3.5, 2**40, "text", b"bytes", np.zeros((3, 3)), np.array([b"a", b"b", b"c"]), h5py.Empty("f4")]
            item.attrs[name] = rng.choice(values)
        elif kind == 6:
            name = rng.choice(datasets).name
            del file[name]
            values = [None, np.zeros((2, 2)), np.float32(1), np.array([b"text"]), np.full((4, 4), np.inf), np.zeros((0, 3))]
            value = rng.choice(values)
            if value is not None:
                file[name] = value
        else:
            name = rng.choice([item.name for item in objects if item.name != "/"])
            del file[name]
            file[name] = rng.choice([h5py.SoftLink("/"), h5py.SoftLink(name), h5py.ExternalLink("0.h5", name)])


def main():
    folder, count, models = Path(sys.argv[1]), int(sys.argv[2]), [Path(path) for path in sys.argv[3:]]
    rng = random.Random(20240601)
    for i in range(count):
        model = models[i // 3 % len(models)]
        target = folder / f"{i}.h5"
        if i % 3 == 0:
            mutate = rng.choice([flip_bytes, flip_metadata])
            target.write_bytes(mutate(rng, model.read_bytes()))
        elif i % 3 == 1:
            mutate = rng.choice([overwrite_block, overwrite_block, truncate])
            target.write_bytes(mutate(rng, model.read_bytes()))
        else:
            shutil.copyfile(model, target)
            mutate_structure(rng, target)


if __name__ == "__main__":
    main()
