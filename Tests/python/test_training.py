"""fit and what goes on around it: history, callbacks, Ctrl-C, seeds, threads, the progress line."""

import io
import os
import signal
import threading

import numpy as np
import pytest

import martlet
from martlet import callbacks, layers, optimizers


def network(seed=1):
    return martlet.Sequential(
        [martlet.Input((8, 8)), layers.Flatten(), layers.Dense(24, "relu"), layers.Dense(10, "softmax")], seed=seed
    )


@pytest.fixture
def model():
    made = network()
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


@pytest.fixture
def data(digits):
    return digits["x_train"][:400], digits["y_train"][:400]


def test_history(model, data):
    history = model.fit(*data, epochs=3, validation_split=0.25, verbose=0)
    assert model.history is history and isinstance(history, martlet.History)
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(values) == 3 for values in history.history.values())
    assert history.history["loss"][2] < history.history["loss"][0]
    last = history.progress[-1]
    assert (last.epoch_end, last.epoch, last.batch, last.batches) == (True, 2, 10, 10)  # 300 rows in batches of 32
    assert last.samples == 300 and last.iteration == 30
    assert last.seconds > 0 and last.samples_per_second > 0 and last.learning_rate == 0.001
    assert last.training.loss == history.history["loss"][-1]
    assert last.validation.accuracy == history.history["val_accuracy"][-1]
    # A second call begins its own count, and goes on with the training.
    again = model.fit(*data, epochs=2, verbose=0)
    assert again.epoch == [0, 1] and list(again.history) == ["loss", "accuracy"]
    assert again.progress[0].iteration == 30 + 13
    assert model.fit(*data, epochs=5, initial_epoch=4, verbose=0).epoch == [4]
    assert model.fit(*data, epochs=2, initial_epoch=2, verbose=0).epoch == []


def test_two_calls_of_fit_are_one(data):
    """The optimiser's moments, the shuffle and the falling rate go on, whatever the batch size was."""
    weights = []
    for calls in ((4,), (1, 3)):
        model = network()
        model.compile(optimizers.Adam(0.01, learning_rate_decay=0.5), "sparse_categorical_crossentropy")
        for epochs in calls:
            model.fit(*data, epochs=epochs, verbose=0)
        assert model.optimizer.learning_rate == 0.01 * 0.5**4
        weights.append(model.get_weights())
    for one, two in zip(*weights):
        np.testing.assert_array_equal(one, two)


def test_same_seed_same_bits_for_any_thread_count(data):
    results = []
    for threads in (1, 2, 4):
        martlet.set_threads(threads)
        martlet.utils.set_random_seed(11)
        model = martlet.Sequential(
            [martlet.Input((8, 8)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dropout(0.3), layers.Dense(10)]
        )
        model.compile("adam", martlet.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(*data, epochs=3, batch_size=100, verbose=0)
        results.append(model.get_weights() + [model.predict(data[0])])
    martlet.set_threads(0)
    for other in results[1:]:
        for one, two in zip(results[0], other):
            np.testing.assert_array_equal(one, two)
    martlet.utils.set_random_seed(12)
    assert not np.array_equal(network(seed=None).get_weights()[0], results[0][0][:, :24])


def test_arrays_of_any_type_train_alike(data):
    x, y = data
    whole = np.round(x * 16)
    results = []
    for inputs, labels in [
        (whole.astype(np.uint8), y),
        (whole.astype(np.float64), y.astype(np.uint8)),
        (whole.astype(np.int16), y.astype(np.float32)),
        (np.asfortranarray(whole), y[:, None]),
        (np.repeat(whole, 2, axis=0)[::2], np.repeat(y, 2)[::2]),
        (whole.tolist(), y.tolist()),
        (whole.astype(">f4"), y.astype(">i8")),
    ]:
        model = network()
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(inputs, labels, epochs=1, verbose=0)
        results.append(model.get_weights()[0])
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("activation", [None, "linear"])
def test_whole_numbers_train_like_the_floats_that_they_stand_for(random, activation):
    """What products convert while they pack it, what an activation reads and is converted before, and floats."""
    x = random.integers(0, 256, (201, 28, 28), np.uint8)
    y = random.integers(0, 3, 201)
    scale, offset = np.float32(1 / 255), np.float32(-0.5)
    floats = x.astype(np.float32) * scale + offset
    # The last batch has a single row, which is not packed. Products are large enough for several threads.
    for batch_size, threads in [(10, 1), (10, 2), (100, 2), (200, 3)]:
        martlet.set_threads(threads)
        results = []
        for inputs, scaling in [(floats, (1, 0)), (x, (scale, offset)), (x.astype(np.int64), (scale, offset))]:
            data = martlet.Dataset(inputs, y)
            data.set_scaling(*map(float, scaling))
            first = [layers.Flatten()] + ([layers.Activation(activation)] if activation else [])
            model = martlet.Sequential(
                [martlet.Input((28, 28)), *first, layers.Dense(512, "relu"), layers.Dense(3, "softmax")], seed=2
            )
            model.compile(martlet.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
            history = model.fit(data, validation_data=data, epochs=2, batch_size=batch_size, verbose=0).history
            results.append([np.array(history["loss"] + history["val_loss"]), *model.get_weights(), model.predict(data)])
        martlet.set_threads(0)
        for other in results[1:]:
            for one, two in zip(results[0], other):
                np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("threads", [1, 2])
def test_subnormal_weights_are_zero_on_every_thread(threads):
    """Their products with rows of 1e10 would not be subnormal. Stored, they stay what they are."""
    model = martlet.Sequential([martlet.Input((512,)), layers.Dense(512)])
    weights = np.full((512, 512), 1e-39, np.float32)
    model.set_weights([weights, np.zeros(512, np.float32)])
    martlet.set_threads(threads)
    predictions = model.predict(np.full((256, 512), 1e10, np.float32))
    martlet.set_threads(0)
    np.testing.assert_array_equal(predictions, 0)
    np.testing.assert_array_equal(model.get_weights()[0], weights)


def test_inputs_of_whole_numbers_each_in_an_order_of_its_own(random):
    a, b = (random.integers(0, 256, (60, width), np.uint8) for width in (20, 30))
    y = random.integers(0, 3, 60)
    results = []
    for convert in (np.asarray, np.float32):
        first, second = martlet.Dataset(convert(a), y), martlet.Dataset(convert(b), y)
        data = martlet.Dataset.zip([first.split(0.5, seed=3)[0], second.split(0.5, seed=4)[0]])
        x, z = martlet.Input((20,)), martlet.Input((30,))
        read_twice = layers.Add()([layers.Dense(40)(x), layers.Dense(40)(x)])
        merged = layers.Add()([read_twice, layers.Dense(40)(z)])
        model = martlet.Model([x, z], [layers.Dense(3)(merged), layers.Dense(3)(merged)], seed=1)
        loss = martlet.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(martlet.optimizers.SGD(1e-5), [loss, loss])
        model.fit(data, epochs=2, batch_size=8, verbose=0)
        results.append(model.get_weights())
    for one, two in zip(*results):
        np.testing.assert_array_equal(one, two)


def test_whole_numbers_that_scaling_makes_infinite_are_refused():
    data = martlet.Dataset(np.array([[1, 2], [3, 200]], np.uint8), np.array([0, 1]))
    data.set_scaling(1e37)
    model = martlet.Sequential([martlet.Input((2,)), layers.Dense(2)])
    model.compile("sgd", martlet.losses.SparseCategoricalCrossentropy(from_logits=True))
    for use in (lambda: model.fit(data, batch_size=2, verbose=0), lambda: model.evaluate(data, verbose=0)):
        with pytest.raises(ValueError, match="NaN, infinite or too large for float32 in row 1"):
            use()


def test_steps_and_predictions_convert_whole_numbers(random):
    x = random.integers(0, 256, (64, 50), np.uint8)
    y = random.integers(0, 3, 64)
    results = []
    for inputs in (x.astype(np.float32), x, x.astype(np.int32)):
        model = martlet.Sequential([martlet.Input((50,)), layers.Dense(40, "relu"), layers.Dense(3, "softmax")], seed=2)
        model.compile("sgd", "sparse_categorical_crossentropy")
        for rows in (1, 13, 64):
            model.train_on_batch(inputs[:rows], y[:rows])
        results.append([*model.get_weights(), model.predict(inputs), model.predict(inputs, dtype="float64")])
    for other in results[1:]:
        for one, two in zip(results[0], other):
            np.testing.assert_array_equal(one, two)


def test_default_batch_size_is_at_most_the_rows(model, data):
    model.fit(data[0][:5], data[1][:5], verbose=0)
    assert model.history.progress[0].batches == 1
    model.fit(*data, batch_size=0, verbose=0)
    assert model.history.progress[0].batches == 1
    with pytest.raises(ValueError, match="batch_size.*6.*5|5.*batch_size.*6"):
        model.fit(data[0][:5], data[1][:5], batch_size=6, verbose=0)


def test_callbacks_are_called_in_order(model, data):
    calls = []

    class Recorder(callbacks.Callback):
        pass

    for name in ("on_train_begin", "on_train_end"):
        setattr(Recorder, name, lambda self, logs=None, name=name: calls.append(name))
    for name in ("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"):
        setattr(Recorder, name, lambda self, number, logs=None, name=name: calls.append((name, number)))
    model.fit(*data, epochs=2, batch_size=200, verbose=0, callbacks=[Recorder()])

    def batches():
        for number in (0, 1):
            yield ("on_train_batch_begin", number)
            yield ("on_train_batch_end", number)

    expected = ["on_train_begin"]
    for epoch in (0, 1):
        expected += [("on_epoch_begin", epoch), *batches(), ("on_epoch_end", epoch)]
    assert calls == [*expected, "on_train_end"]


def test_callbacks_of_evaluation_and_prediction(model, data):
    calls = []

    class Recorder(callbacks.Callback):
        pass

    for name in ("on_test_begin", "on_test_end", "on_predict_begin", "on_predict_end"):
        setattr(Recorder, name, lambda self, logs=None, name=name: calls.append((name, dict(logs))))
    logs = model.evaluate(*data, callbacks=[Recorder()], return_dict=True)
    model.predict(data[0], callbacks=Recorder())
    assert calls == [("on_test_begin", {}), ("on_test_end", logs), ("on_predict_begin", {}), ("on_predict_end", {})]
    calls.clear()
    history = model.fit(*data, validation_split=0.25, verbose=0, callbacks=[Recorder()]).history
    assert calls == [
        ("on_test_begin", {}),
        ("on_test_end", {"loss": history["val_loss"][0], "accuracy": history["val_accuracy"][0]}),
    ]
    with pytest.raises(TypeError, match="callbacks must be objects of martlet.callbacks.Callback"):
        model.predict(data[0], callbacks=[print])


def test_a_callback_may_look_save_predict_and_set_the_rate(model, data, tmp_path):
    seen = []

    def look(epoch, logs):
        path = tmp_path / f"{epoch}.h5"
        model.save(path)
        predicted = model.predict(data[0][:3])
        np.testing.assert_array_equal(martlet.load_model(path).predict(data[0][:3]), predicted)
        model.optimizer.learning_rate *= 0.5
        seen.append((len(model.get_weights()), model.optimizer.learning_rate, logs["loss"]))
        for forbidden in (lambda: model.evaluate(*data), lambda: model.set_weights(model.get_weights())):
            with pytest.raises(martlet.BusyError):
                forbidden()

    history = model.fit(*data, epochs=3, verbose=0, callbacks=callbacks.LambdaCallback(on_epoch_end=look))
    assert [rate for _, rate, _ in seen] == [0.0005, 0.00025, 0.000125]
    assert [progress.learning_rate for progress in history.progress] == [0.001, 0.0005, 0.00025]
    assert [loss for *_, loss in seen] == history.history["loss"]


def test_stop_training(model, data):
    def stop(number, logs):
        if number == 1:
            model.stop_training = True

    by_epoch = model.fit(*data, epochs=9, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=stop)])
    assert by_epoch.epoch == [0, 1]
    ended = []
    by_batch = callbacks.LambdaCallback(on_train_batch_end=stop, on_train_end=lambda logs=None: ended.append(1))
    assert model.fit(*data, epochs=9, verbose=0, callbacks=[by_batch]).epoch == []
    assert ended == [1]
    assert model.fit(*data, epochs=2, verbose=0).epoch == [0, 1]  # the next fit is not stopped


@pytest.mark.parametrize("where", ["on_epoch_begin", "on_epoch_end", "on_train_batch_end"])
def test_an_exception_in_a_callback_is_raised(model, data, where):
    class Unhappy(Exception):
        pass

    def fail(number, logs=None):
        if number == 1:
            raise Unhappy("no more")

    before = model.get_weights()
    with pytest.raises(Unhappy, match="no more"):
        model.fit(*data, epochs=9, verbose=0, callbacks=[callbacks.LambdaCallback(**{where: fail})])
    assert not np.array_equal(before[0], model.get_weights()[0])  # what was learned until then is kept
    assert model.fit(*data, epochs=1, verbose=0).epoch == [0]


def test_ctrl_c_in_the_middle(model, data):
    """The signal comes while the library computes; the weights of the last whole batch are kept."""
    assert threading.current_thread() is threading.main_thread()
    before = model.get_weights()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, epochs=10_000_000, verbose=0)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    after = model.get_weights()
    assert not np.array_equal(before[0], after[0]) and all(np.isfinite(w).all() for w in after)
    assert model.fit(*data, epochs=2, verbose=0).epoch == [0, 1]


def test_a_program_s_own_signal_handler_is_left_alone(model, data):
    class Enough(Exception):
        pass

    def handler(number, frame):
        raise Enough

    previous = signal.signal(signal.SIGINT, handler)
    try:
        stopper = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Enough):
            model.fit(*data, epochs=10_000, verbose=0, callbacks=[stopper])
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, previous)


def test_fit_in_another_thread_and_interrupt(data):
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    trainer = model.make_trainer()
    results, began = [], threading.Event()

    def train():
        rows = martlet.Dataset(*data)
        results.append(trainer.fit(rows, callback=lambda progress: began.set(), epochs=10_000_000, batch_size=100))

    worker = threading.Thread(target=train)
    worker.start()
    assert began.wait(60)
    with pytest.raises(martlet.BusyError):
        trainer.train_step(*data)
    trainer.interrupt()
    worker.join(60)
    assert results == ["interrupted"]


def test_early_stopping_and_checkpoints_in_fit(model, data, tmp_path):
    stopping = callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    keep = callbacks.ModelCheckpoint(tmp_path / "{epoch:03d}.h5", save_best_only=True)
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    model.optimizer.learning_rate = 0.05  # overfits soon
    history = model.fit(*data, epochs=200, validation_split=0.5, verbose=0, callbacks=[stopping, keep, log])
    losses = history.history["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) < 200 and stopping.stopped_epoch == len(losses) - 1
    assert stopping.best_epoch == best and len(losses) == best + 3
    saved = sorted(tmp_path.glob("*.h5"))
    assert saved[-1].name == f"{best + 1:03d}.h5"
    kept = martlet.load_model(saved[-1])
    for restored, weight in zip(model.get_weights(), kept.get_weights()):
        np.testing.assert_array_equal(restored, weight)
    assert model.evaluate(data[0][200:], data[1][200:])[0] == pytest.approx(losses[best], rel=1e-6)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,val_loss,val_accuracy" and len(lines) == len(losses) + 1
    assert float(lines[-1].split(",")[3]) == losses[-1]


def test_the_library_s_own_early_stopping_agrees(data):
    """Trainer.fit's stops at the epoch where the callback does, with the same weights."""
    results = []
    training, validation = martlet.Dataset(*data).rows(0, 200), martlet.Dataset(*data).rows(200, 400)
    for by_library in (True, False):
        model = network()
        model.compile(optimizers.Adam(0.05), "sparse_categorical_crossentropy")
        if by_library:
            trainer = model.make_trainer()
            options = dict(monitor="val_loss", patience=2, restore_best=True, epochs=200)
            assert trainer.fit(training, validation, **options) == "complete"
            results.append((len(trainer.history), trainer.best_epoch, model.get_weights()))
        else:
            stopping = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
            history = model.fit(training, validation_data=validation, epochs=200, verbose=0, callbacks=[stopping])
            results.append((len(history.epoch), stopping.best_epoch, model.get_weights()))
    (epochs, best, weights), (other_epochs, other_best, other_weights) = results
    assert (epochs, best) == (other_epochs, other_best) and epochs < 200
    for one, two in zip(weights, other_weights):
        np.testing.assert_array_equal(one, two)


def test_batches_of_validation_are_not_training_batches(model, data):
    batches, logs = [], []
    watch = callbacks.LambdaCallback(on_train_batch_end=lambda batch, _: batches.append(batch))
    begin = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: None, on_train_end=logs.append)
    model.fit(*data, epochs=2, batch_size=50, validation_split=0.75, callbacks=[watch, begin], verbose=0)
    assert batches == [0, 1, 0, 1]  # 100 rows to train, 300 to validate
    assert logs == [{name: values[-1] for name, values in model.history.history.items()}]


def test_history_survives_an_exception(model, data):
    def fail(epoch, logs):
        if epoch == 1:
            raise LookupError

    with pytest.raises(LookupError):
        model.fit(*data, epochs=5, callbacks=callbacks.LambdaCallback(on_epoch_end=fail), verbose=0)
    assert model.history.epoch == [0, 1]


def test_layers_are_frozen_and_unfrozen(model, data):
    """At any time, by layer or all together; what a trainer has begun goes on."""
    assert model.trainable and all(layer.trainable for layer in model.layers)
    before = model.get_weights()
    model.layers[1].trainable = False
    assert not model.layers[1].trainable and model.trainable
    model.fit(*data, epochs=2, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after)] == [True, True, False, False]
    model.trainable = False
    assert not model.trainable
    model.fit(*data, epochs=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(after, model.get_weights()))
    model.trainable = True
    model.fit(*data, epochs=1, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(after, model.get_weights()))


def test_a_layer_is_made_frozen(tmp_path):
    layer = martlet.layers.Dense(3, trainable=False)
    assert not layer.trainable
    model = martlet.Sequential([martlet.Input((4,)), layer, martlet.layers.Dense(2)])
    model.build()
    assert not layer.trainable and "(8 trainable, 15 not)" in summary_of(model)
    layer.trainable = True
    assert "(23 trainable, 0 not)" in summary_of(model)
    layer.trainable = False
    model.save(tmp_path / "model.h5")
    assert [layer.trainable for layer in martlet.load_model(tmp_path / "model.h5").layers] == [True, False, True]


def summary_of(model):
    lines = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


def test_learning_rate_scheduler_of_the_epoch_alone(model, data):
    model.fit(*data, epochs=2, callbacks=callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1)), verbose=0)
    assert [progress.learning_rate for progress in model.history.progress] == [0.01, 0.005]


def test_learning_rate_scheduler(model, data):
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 / (epoch + 1))
    history = model.fit(*data, epochs=3, verbose=0, callbacks=[schedule])
    assert [progress.learning_rate for progress in history.progress] == [0.01, 0.005, 0.01 / 3]


def test_tqdm_progress(model, data, capsys):
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    model.fit(*data, epochs=2, verbose=0, callbacks=[callbacks.TqdmProgress()])
    assert "2/2" in capsys.readouterr().err


def test_progress_lines(model, data, capsys, monkeypatch):
    model.fit(*data, epochs=2, validation_split=0.2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    for word in ("10/10", "samples/s", "loss: ", "accuracy: ", "val_loss: ", "val_accuracy: "):
        assert word in lines[1]
    model.fit(*data, verbose=0)
    assert capsys.readouterr().out == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    model.fit(*data, epochs=1)
    monkeypatch.undo()
    text = terminal.getvalue()
    assert "\r13/13 " in text and "━" * 20 in text and text.endswith("\n")
    with pytest.raises(ValueError, match='verbose must be "auto", 0, 1 or 2, received 3'):
        model.fit(*data, verbose=3)


def test_evaluate_and_train_on_batch_forms(model, data):
    loss, accuracy = model.evaluate(*data)
    assert model.evaluate(*data, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert model.evaluate(martlet.Dataset(*data)) == [loss, accuracy]
    assert model.test_on_batch(*data) == [loss, accuracy]
    first = model.train_on_batch(*data, return_dict=True)
    assert first["loss"] == pytest.approx(loss, rel=1e-6)  # before the update
    assert model.train_on_batch(*data)[0] < loss
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(model.evaluate(*data), float) and isinstance(model.train_on_batch(*data), float)


def test_an_evaluation_can_be_watched_and_stopped():
    """Long enough to outlast the 100 ms between two reports on any machine: 300 GFLOP, of which a stop leaves most."""
    x = np.zeros((1_000_000, 2), np.uint8)
    model = martlet.Sequential(
        [martlet.Input((2,)), layers.Dense(256, "relu"), layers.Dense(512, "relu"), layers.Dense(2)], seed=1
    )
    model.compile("sgd", "mse")
    trainer = model.make_trainer()
    rows = martlet.Dataset(x, np.zeros((len(x), 2), np.uint8))
    seen = []

    def stop(progress):
        seen.append(progress)
        return True

    with pytest.raises(InterruptedError, match="stopped"):
        trainer.evaluate(rows, stop)
    assert len(seen) == 1 and not seen[0].epoch_end
    assert 0 < seen[0].samples < len(x) and seen[0].validation.loss >= 0 and np.isnan(seen[0].training.loss)

    def interrupt(progress):
        trainer.interrupt()

    with pytest.raises(InterruptedError, match="interrupted"):
        trainer.evaluate(rows, interrupt)

    def press(progress):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trainer.evaluate(rows, press)

    def fail(progress):
        raise LookupError("in the callback")

    with pytest.raises(LookupError, match="in the callback"):
        trainer.evaluate(rows, fail)
    assert np.isfinite(trainer.evaluate(rows[:100]).loss)


def test_validation_data_forms(model, data, digits):
    test = digits["x_test"], digits["y_test"]
    results = []
    for validation in (test, list(test), martlet.Dataset(*test)):
        model = network()
        model.compile("sgd", "sparse_categorical_crossentropy")
        results.append(model.fit(*data, validation_data=validation, verbose=0).history["val_loss"])
    assert results[0] == results[1] == results[2]
    # The validation split takes the last rows.
    split, given = (network(), network())
    for made in (split, given):
        made.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data
    a = split.fit(x, y, validation_split=0.3, verbose=0)
    b = given.fit(x[:280], y[:280], validation_data=(x[280:], y[280:]), verbose=0)
    assert a.history == b.history


def test_dropout_trains_with_a_mask_and_predicts_without(random):
    rate = 0.25
    model = martlet.Sequential([martlet.Input((400,)), layers.Dropout(rate)], seed=1)
    model.compile("sgd", loss=None)
    trainer = model.make_trainer(seed=5)
    x = random.normal(size=(100, 400)).astype(np.float32)
    y = trainer.forward(x)
    dropped = y == 0
    np.testing.assert_allclose(
        y[~dropped], x[~dropped] / (1 - rate), rtol=2 * 2.0**-24
    )  # one multiplication by a constant
    # The share of 40,000 has the standard deviation sqrt(rate (1 - rate) / 40000); five of them.
    assert abs(dropped.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / x.size)
    np.testing.assert_array_equal(model.predict(x), x)


# The loop of one's own


def test_own_loop_is_what_the_library_does(random):
    """Forward, the gradient of the mean squared error, backward and apply make the steps of train_step."""
    x = random.normal(size=(5, 20, 6)).astype(np.float32)
    y = random.normal(size=(5, 20, 3)).astype(np.float32)
    weights = []
    for own in (True, False):
        model = martlet.Sequential([martlet.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(3)], seed=4)
        model.compile(optimizers.SGD(0.1, momentum=0.9), None if own else "mse")
        trainer = model.make_trainer()
        for inputs, targets in zip(x, y):
            if own:
                trainer.backward(2 * (trainer.forward(inputs) - targets) / targets.size)
                trainer.apply()
            else:
                trainer.train_step(inputs, targets)
        weights.append(model.get_weights())
    for one, two in zip(*weights):
        # Five steps that differ by roundings of the loss's gradient (two operations) and of sums of up to 20 terms.
        assert np.linalg.norm(one - two) <= 5 * 3 * 20 * 2.0**-24 * np.linalg.norm(two)


def test_gradients_in_and_out(random):
    model = martlet.Sequential([martlet.Input((6,)), layers.Dense(3, name="only")], seed=4)
    model.compile(optimizers.SGD(0.5), loss=None)
    trainer = model.make_trainer()
    x, dy = random.normal(size=(20, 6)).astype(np.float32), random.normal(size=(20, 3)).astype(np.float32)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(trainer.forward(x), x @ kernel + bias, atol=6 * 2.0**-24 * np.abs(x).max() * 6)
    trainer.backward(dy)
    expected = x.astype(np.float64).T @ dy
    # Sums of 20 products, against float64: 20 u times the sum of their sizes.
    bound = 20 * 2.0**-24 * (np.abs(x).T @ np.abs(dy))
    assert (np.abs(trainer.gradient("only", "kernel") - expected) <= bound).all()
    trainer.set_gradient("only", "kernel", np.ones((6, 3)))
    trainer.set_gradient("only", "bias", np.zeros(3))
    trainer.apply()
    np.testing.assert_array_equal(model.get_weights()[0], kernel - np.float32(0.5))
    np.testing.assert_array_equal(model.get_weights()[1], bias)
    with pytest.raises(martlet.InvalidStateError):
        trainer.apply()  # they are used up
    with pytest.raises(ValueError, match=r"values has shape \(3, 6\); only/kernel has shape \(6, 3\)"):
        trainer.set_gradient("only", "kernel", np.ones((3, 6)))
    with pytest.raises(ValueError, match="layer 'only' has no weight 'gamma'; its weights: kernel, bias"):
        trainer.gradient("only", "gamma")
    with pytest.raises(martlet.NotFoundError, match="absent"):
        trainer.gradient("absent", "kernel")


def test_bounds_in_steps(data):
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    trainer, rows = model.make_trainer(), martlet.Dataset(*data)
    seen = []
    assert (
        trainer.fit(rows, callback=lambda p: seen.append(p.iteration), epochs=9, iterations=7, every_batch=True)
        == "complete"
    )
    assert seen[-1] == 7
    assert trainer.fit(rows, callback=lambda progress: True, every_batch=True) == "stopped"
    assert trainer.evaluate(rows).loss > 0
