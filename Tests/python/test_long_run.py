"""Trainings of the reports that go on where they stopped: the same bits as without a stop."""

import sys

import numpy as np
import pytest
from conftest import ROOT

import martlet
from martlet import layers

sys.path.insert(0, str(ROOT / "examples" / "reports"))

from long_run import LongRun  # noqa: E402

EPOCHS = 7


class Killed(Exception):
    pass


def network():
    chain = [martlet.Input((8, 8)), layers.Flatten(), layers.Dense(16, "relu"), layers.Dropout(0.3), layers.Dense(10)]
    model = martlet.Sequential(chain, seed=3)
    loss = martlet.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(martlet.optimizers.Adam(0.01, learning_rate_decay=0.9), loss, metrics=["accuracy"])
    return model


def killed_in_call(number):
    """The network, whose training is killed in this call of fit, after it has changed the weights."""
    model, fit, calls = network(), martlet.Sequential.fit, 0

    def fit_or_die(*arguments, **options):
        nonlocal calls
        calls += 1
        fit(model, *arguments, **options)
        if calls == number:
            raise Killed

    model.fit = fit_or_die
    return model


def test_it_goes_on_where_it_stopped(digits, tmp_path):
    training = martlet.Dataset(digits["x_train"][:1000], digits["y_train"][:1000])
    validation = martlet.Dataset(digits["x_train"][1000:], digits["y_train"][1000:])
    whole = network()
    whole.fit(training, batch_size=64, epochs=3, validation_data=validation, verbose=0)
    after_3 = whole.get_weights()
    whole.fit(training, batch_size=64, epochs=EPOCHS - 3, validation_data=validation, verbose=0)

    for call in (2, 1, 2):  # reaches the checkpoint of epoch 2, then none, then that of epoch 3
        with pytest.raises(Killed):
            LongRun(tmp_path, "run", every=2).train(lambda: killed_in_call(call), training, validation, 64, [3, EPOCHS])
    run = LongRun(tmp_path, "run", every=2)
    model = run.train(network, training, validation, 64, [3, EPOCHS])

    assert len(model.trainer().history) == EPOCHS
    for one, other in zip(model.trainer().history, whole.trainer().history, strict=True):
        assert (one.training.loss, one.validation.accuracy) == (other.training.loss, other.validation.accuracy)
    for weights, kept in ((whole.get_weights(), EPOCHS), (after_3, 3)):
        for one, other in zip(martlet.load_model(run.kept(kept)).get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)
    assert 0 < run.seconds(2) < run.seconds(3) < run.seconds(EPOCHS)


def test_a_complete_run_is_not_trained_again(digits, tmp_path):
    training = martlet.Dataset(digits["x_train"], digits["y_train"])
    first = LongRun(tmp_path, "run").train(network, training, training, 64, [2])
    again = LongRun(tmp_path, "run").train(lambda: killed_in_call(1), training, training, 64, [2])
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_forgotten_run_begins_anew(digits, tmp_path):
    training = martlet.Dataset(digits["x_train"], digits["y_train"])
    for name in ("run", "run_2"):
        LongRun(tmp_path, name).train(network, training, training, 64, [1, 2])
    others = set(tmp_path.glob("run_2*"))
    run = LongRun(tmp_path, "run")
    run.forget([1, 2])
    assert len(others) == 4 and set(tmp_path.iterdir()) == others
    with pytest.raises(Killed):
        run.train(lambda: killed_in_call(1), training, training, 64, [1, 2])
