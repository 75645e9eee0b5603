"""Martlet as a Python program uses it; programs/martlet.c is the same from C."""

from __future__ import annotations

import martlet
import workloads
from images import ImageWorkload
from workloads import Workload


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        martlet.set_threads(threads)
        self.version = f"Martlet {martlet.version()}, {martlet.instruction_set()}, from Python"

    def _model(self, workload: Workload | ImageWorkload) -> martlet.Model:
        if isinstance(workload, ImageWorkload):
            return martlet.load_model(workload.file)
        penalty = martlet.regularizers.L2(workload.l2) if workload.l2 else None
        model = martlet.Sequential([martlet.Input((workload.sizes[0],))])
        for units in workload.sizes[1:-1]:
            model.add(martlet.layers.Dense(units, "relu", kernel_regularizer=penalty))
        model.add(martlet.layers.Dense(workload.sizes[-1], "softmax", kernel_regularizer=penalty))
        model.set_weights(workload.weights())
        return model

    def training(self, workload: Workload | ImageWorkload, steps: int):
        model = self._model(workload)
        rate = workload.learning_rate
        if workload.optimizer == "adam":
            betas = workloads.BETA_1, workloads.BETA_2
            optimizer = martlet.optimizers.Adam(rate, *betas, epsilon=workloads.EPSILON)
        else:
            momentum = workloads.MOMENTUM if workload.optimizer == "momentum" else 0.0
            optimizer = martlet.optimizers.SGD(rate, momentum)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        trainer = model.make_trainer()
        x, y = workload.data()
        batch, batches = workload.batch, workload.batches

        def run(count: int) -> None:
            for number in range(count):
                start = number % batches * batch
                trainer.train_step(x[start : start + batch], y[start : start + batch])

        return [trainer.train_step(x[:batch], y[:batch]).loss for _ in range(steps)], run

    def predict(self, workload: Workload | ImageWorkload, rows: int):
        model = self._model(workload)
        x = workload.inputs(rows)

        def run(count: int) -> None:
            for _ in range(count):
                model.predict(x)

        return model.predict(x)[0].tolist(), run
