"""Trains on the digits that ship with Martlet, then evaluates, saves, loads and predicts.

    python digits.py [MODEL_FILE]
"""

import sys
from pathlib import Path

import martlet

data = Path(__file__).resolve().parents[1] / "data" / "digits.h5"
train = martlet.Dataset.open(data, "x_train", "y_train")  # 8x8 pixels, scaled by an attribute in the file
test = martlet.Dataset.open(data, "x_test", "y_test")

martlet.utils.set_random_seed(1)
model = martlet.Sequential([
    martlet.Input((8, 8)),
    martlet.layers.Flatten(),
    martlet.layers.Dense(64, "relu"),
    martlet.layers.Dense(10, "softmax"),
])
model.summary()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=60, batch_size=32, validation_split=0.1)
loss, accuracy = model.evaluate(test)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.1%}")

model.class_names = train.class_names
path = sys.argv[1] if len(sys.argv) > 1 else "digits-model.h5"
model.save(path)
print(f"{martlet.load_model(path).count_params()} weights written to {path}")
