"""Optimisers beside Keras': the same gradients go into both, so that only the updates can differ.

How near the weights must stay after k updates. u = 2^-24. An update is at most 25 operations with two roundings each way,
so it is off by 50 u of its size at worst; Keras rounds 1 - beta_2^t to float where ours is double, which loses up to
u / (1 - beta_2) of it, and half of that below the root; the new weight is rounded on both sides. So by norm

    |W_ours - W_keras| <= k u |W| + (50 + 0.5 / (1 - beta_2)) u (sum of the sizes of all updates)
"""

import numpy as np
import pytest

import martlet
from martlet import layers, optimizers

keras = pytest.importorskip("keras", reason="Keras is not installed")

STEPS = 6
UNIT = 2.0**-24

OPTIMIZERS = {
    "SGD": ("SGD", {"learning_rate": 0.05}),
    "momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "Nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "Adam": ("Adam", {"learning_rate": 0.01}),
    "AMSGrad": ("Adam", {"learning_rate": 0.01, "beta_2": 0.5, "amsgrad": True}),
    "AdamW": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "Adamax": ("Adamax", {"learning_rate": 0.01}),
    "Nadam": ("Nadam", {"learning_rate": 0.01}),
    "RMSprop": ("RMSprop", {"learning_rate": 0.01}),
    "RMSprop momentum": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.9}),
    "RMSprop centered": ("RMSprop", {"learning_rate": 0.01, "centered": True}),
    "RMSprop all": ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.5, "centered": True, "epsilon": 1e-3}),
    "Adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "Adagrad other": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    "Adadelta": ("Adadelta", {"learning_rate": 1.0, "epsilon": 1e-3}),
    "Lion": ("Lion", {"learning_rate": 0.01}),
}

VARIANTS = {
    "plain": {},
    "weight_decay": {"weight_decay": 0.2},
    "clipvalue": {"clipvalue": 0.5},
    "clipnorm": {"clipnorm": 2.0},  # between the norms of the gradients, which are about 8 and 2.2
    "global_clipnorm": {"global_clipnorm": 1.5},
    "global_clipnorm not reached": {"global_clipnorm": 100.0},
    "EMA": {"use_ema": True, "ema_momentum": 0.7},
    "EMA overwriting": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2},
    "all": {
        "weight_decay": 0.2,
        "clipnorm": 2.0,
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
    },
}


def pair(random, kind, arguments):
    """A Martlet trainer, and weights and optimiser of Keras, from the same start."""
    model = martlet.Sequential([martlet.Input((12,)), layers.Dense(5)])
    model.set_weights([random.normal(0, 0.3, w.shape).astype(np.float32) for w in model.get_weights()])
    model.compile(getattr(optimizers, kind)(**arguments))
    variables = [keras.Variable(w, name=f"w{index}") for index, w in enumerate(model.get_weights())]
    theirs = getattr(keras.optimizers, kind)(**arguments)
    theirs.build(variables)
    return model, model.make_trainer(), variables, theirs


def step(model, trainer, gradients):
    """One step with these gradients of kernel and bias."""
    trainer.backward(trainer.forward(np.zeros((1, 12), np.float32)))
    for name, gradient in zip(("kernel", "bias"), gradients):
        trainer.set_gradient("dense", name, gradient)
    trainer.apply()
    return model.get_weights()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_those_of_keras(name, variant, random):
    kind, arguments = OPTIMIZERS[name]
    arguments = {**arguments, **VARIANTS[variant]}
    model, trainer, variables, theirs = pair(random, kind, arguments)
    precision = 50 + 0.5 / (1 - arguments.get("beta_2", 0.999))
    before = [np.asarray(v) for v in variables]
    start, path = before, np.zeros(2)
    for number in range(STEPS):
        gradients = [random.normal(size=w.shape).astype(np.float32) for w in before]
        theirs.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables if number == 0 else None)
        expected = [np.asarray(v) for v in variables]
        found = step(model, trainer, gradients)
        path += [np.linalg.norm(new - old) for new, old in zip(expected, before)]
        for ours, reference, length in zip(found, expected, path):
            bound = ((number + 1) * np.linalg.norm(reference) + precision * length) * UNIT
            assert np.linalg.norm(ours - reference) <= bound, (number, np.linalg.norm(ours - reference) / bound)
        before = expected
    assert all(np.linalg.norm(new - old) > 0.01 for new, old in zip(before, start))
    if arguments.get("use_ema"):
        theirs.finalize_variable_values(variables)
        trainer.use_average()
        for ours, reference, length in zip(model.get_weights(), variables, path):
            bound = (2 * STEPS * np.linalg.norm(reference) + precision * length) * UNIT
            assert np.linalg.norm(ours - np.asarray(reference)) <= bound


def test_defaults_are_those_of_keras():
    for kind in ("SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Lion"):
        ours, theirs = getattr(optimizers, kind)().get_config(), getattr(keras.optimizers, kind)().get_config()
        assert ours.pop("learning_rate_decay") == 1
        assert theirs.pop("loss_scale_factor") is None
        rate = theirs.pop("learning_rate")  # as float32 holds it
        assert np.float32(ours.pop("learning_rate")) == np.float32(rate)
        ours.pop("name"), theirs.pop("name")
        assert ours == theirs
        assert isinstance(optimizers.get(kind.lower()), getattr(optimizers, kind))
        again = getattr(optimizers, kind).from_config(getattr(keras.optimizers, kind)(clipnorm=2.0).get_config())
        assert again.clipnorm == 2.0


def test_fit_ends_with_the_average(random):
    x = random.normal(size=(40, 12)).astype(np.float32)
    y = random.normal(size=(40, 5)).astype(np.float32)
    results = []
    for library in (keras, martlet):
        model = library.Sequential([library.Input((12,)), library.layers.Dense(5)])
        model.set_weights([np.full((12, 5), 0.1, np.float32), np.zeros(5, np.float32)])
        options = {"use_ema": True, "ema_momentum": 0.5, "global_clipnorm": 0.5, "gradient_accumulation_steps": 2}
        model.compile(library.optimizers.Nadam(0.01, beta_2=0.9, **options), "mse")
        model.fit(x, y, batch_size=10, epochs=3, shuffle=False, verbose=0)
        results.append([np.asarray(w) for w in model.get_weights()])
    for theirs, ours in zip(*results):
        # Twelve steps whose gradients, sums of 40 terms, Nadam divides by their size.
        assert np.linalg.norm(theirs - ours) <= 12 * 4 * 3 * np.sqrt(40) * UNIT * np.linalg.norm(theirs)
    plain = martlet.Sequential([martlet.Input((12,)), layers.Dense(5)])
    plain.set_weights([np.full((12, 5), 0.1, np.float32), np.zeros(5, np.float32)])
    plain.compile(optimizers.Nadam(0.01, beta_2=0.9, global_clipnorm=0.5, gradient_accumulation_steps=2), "mse")
    plain.fit(x, y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    assert np.linalg.norm(plain.get_weights()[0] - results[1][0]) > 1e-3


def test_a_stopped_fit_ends_with_the_average_too(random):
    x = random.normal(size=(40, 12)).astype(np.float32)
    y = random.normal(size=(40, 5)).astype(np.float32)
    weights = []
    for last in (1, 5):
        model = martlet.Sequential([martlet.Input((12,)), layers.Dense(5)], seed=1)
        model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
        stop = martlet.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, model=model: setattr(model, "stop_training", True)
        )
        model.fit(x, y, batch_size=10, epochs=last, verbose=0, callbacks=[stop])
        weights.append(model.get_weights())
    for one, two in zip(*weights):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), "Only one of clipnorm, clipvalue.*'clipnorm', 'clipvalue'"),
        (lambda: optimizers.Adam(clipnorm=-1.0), "clipnorm must be finite and >= 0.*-1.0"),
        (lambda: optimizers.Adam(global_clipnorm=float("nan")), "global_clipnorm must be finite.*nan"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), "gradient_accumulation_steps.*2"),
        (lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0), "ema_overwrite_frequency.*1"),
        (lambda: optimizers.get("adamx"), "Unknown optimizer: 'adamx'.*lion"),
    ],
)
def test_what_the_constructors_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (optimizers.RMSprop(rho=1.0), "rho is 1.0; it must be >= 0 and < 1"),
        (optimizers.RMSprop(momentum=2.0), "momentum is 2.0; it must be between 0 and 1"),
        (optimizers.Adadelta(epsilon=0.0), r"epsilon is 0.0; it must be finite and >= 2\^-126"),
        (optimizers.Adagrad(initial_accumulator_value=-1.0), "initial_accumulator_value is -1.0"),
        (optimizers.Lion(beta_2=1.0), "beta_2 is 1.0"),
        (optimizers.AdamW(weight_decay=-0.1), "weight_decay is -0.1; it must be finite and >= 0"),
        (optimizers.Nadam(use_ema=True, ema_momentum=1.5), "ema_momentum is 1.5; it must be between 0 and 1"),
    ],
)
def test_what_the_library_refuses(optimizer, message):
    model = martlet.Sequential([martlet.Input((12,)), layers.Dense(5)])
    model.compile(optimizer, "mse")
    with pytest.raises(ValueError, match=message):
        model.make_trainer()


def test_no_average_without_ema():
    model = martlet.Sequential([martlet.Input((12,)), layers.Dense(5)])
    model.compile("lion", "mse")
    with pytest.raises(RuntimeError, match="keeps no average.*ema_momentum is 0"):
        model.make_trainer().use_average()
