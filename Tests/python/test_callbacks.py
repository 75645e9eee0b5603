"""Callbacks without a library: driven by hand beside Keras' own, and files they write."""

import csv
import itertools

import numpy as np
import pytest

from martlet import callbacks


class Weights:
    """Stands for a model: its weights are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = [np.array(-1.0)]
        self.saved = []

    def get_weights(self):
        return [w.copy() for w in self.weights]

    def set_weights(self, weights):
        self.weights = [np.array(w) for w in weights]

    def save(self, path, **_):
        self.saved.append(path)


def drive(callback, values, name):
    """Feed one monitored value per epoch until it stops. Returns epochs run, the weights at the end, the callback."""
    model = Weights()
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.weights = [np.array(float(epoch))]
        callback.on_epoch_end(epoch, {name: value, "loss": 0.0})
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end()
    return epochs, float(model.weights[0]), callback


OPTIONS = [
    dict(zip(("patience", "min_delta", "restore_best_weights", "baseline", "start_from_epoch"), values))
    for values in itertools.product((0, 1, 3), (0.0, 0.05), (False, True), (None, 0.5), (0, 2))
]


@pytest.mark.parametrize(
    "monitor, mode, keras_mode",
    # Without a compiled model Keras cannot tell that an accuracy rises.
    [("val_loss", "auto", "auto"), ("val_accuracy", "auto", "max"), ("val_loss", "max", "max")],
)
def test_early_stopping_stops_when_keras_does(random, monitor, mode, keras_mode):
    import keras

    for options in OPTIONS:
        for _ in range(4):
            # Steps of 1/32 are exact, so that equal values occur.
            values = (np.round(random.random(12) * 32) / 32).tolist()
            ours = drive(callbacks.EarlyStopping(monitor=monitor, mode=mode, **options), values, monitor)
            theirs = drive(keras.callbacks.EarlyStopping(monitor=monitor, mode=keras_mode, **options), values, monitor)
            assert ours[:2] == theirs[:2], (options, values)
            assert ours[2].stopped_epoch == theirs[2].stopped_epoch


def test_early_stopping_says_what_is_missing():
    stopping = callbacks.EarlyStopping(monitor="val_loss")
    stopping.set_model(Weights())
    stopping.on_train_begin()
    with pytest.warns(UserWarning, match="monitors 'val_loss', which is not available. Available: loss, accuracy"):
        stopping.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
    with pytest.raises(ValueError, match='mode must be "auto", "min" or "max", received \'up\''):
        callbacks.EarlyStopping(mode="up")
    with pytest.raises(ValueError, match="patience must be from 0"):
        callbacks.EarlyStopping(patience=-1)


def test_model_checkpoint_names_and_choice():
    model = Weights()
    every = callbacks.ModelCheckpoint("m-{epoch:02d}-{val_loss:.2f}.h5")
    best = callbacks.ModelCheckpoint("best-{epoch}.h5", monitor="val_accuracy", save_best_only=True)
    for callback in (every, best):
        callback.set_model(model)
    for epoch, (loss, accuracy) in enumerate([(0.5, 0.7), (0.25, 0.7), (0.75, 0.9)]):
        for callback in (every, best):
            callback.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": accuracy})
    assert model.saved == ["m-01-0.50.h5", "best-1.h5", "m-02-0.25.h5", "m-03-0.75.h5", "best-3.h5"]
    with pytest.raises(KeyError, match="names 'val_acc'; known are: epoch, loss"):
        unknown = callbacks.ModelCheckpoint("{val_acc}.h5")
        unknown.set_model(model)
        unknown.on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(ValueError, match='save_freq must be "epoch", received 10'):
        callbacks.ModelCheckpoint("m.h5", save_freq=10)


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    for append, first in ((False, 0), (True, 2)):
        logger = callbacks.CSVLogger(path, append=append)
        logger.on_train_begin()
        for epoch in (first, first + 1):
            logger.on_epoch_end(epoch, {"loss": 0.5 / (epoch + 1), "accuracy": 0.25})
            with open(path, newline="") as file:  # complete after every epoch
                assert len(list(csv.reader(file))) == epoch + 2
        logger.on_train_end()
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2, 3]
    assert [float(row["loss"]) for row in rows] == [0.5 / n for n in (1, 2, 3, 4)]


def test_batches_are_wanted_only_if_used():
    class Batches(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            pass

    assert Batches().wants_batches()
    assert not callbacks.EarlyStopping().wants_batches()
    assert not callbacks.LambdaCallback(on_epoch_end=print).wants_batches()
    assert callbacks.LambdaCallback(on_train_batch_end=print).wants_batches()
