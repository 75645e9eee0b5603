"""Keras with train_on_batch and predict_on_batch; KERAS_BACKEND in the environment chooses what computes, the variant
"graph" or "jit" whether XLA compiles it."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import workloads
from images import ImageWorkload
from workloads import Workload


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        backend = importlib.import_module(keras.backend.backend())
        self.version = f"Keras {keras.__version__} on {backend.__name__} {backend.__version__}"
        self.compiled = variant == "jit"

    def _model(self, workload: Workload | ImageWorkload) -> keras.Model:
        if isinstance(workload, ImageWorkload):
            return keras.models.load_model(workload.file, compile=False)
        penalty = keras.regularizers.L2(workload.l2) if workload.l2 else None
        model = keras.Sequential([keras.Input((workload.sizes[0],))])
        for units in workload.sizes[1:-1]:
            model.add(keras.layers.Dense(units, "relu", kernel_regularizer=penalty))
        model.add(keras.layers.Dense(workload.sizes[-1], "softmax", kernel_regularizer=penalty))
        model.set_weights(workload.weights())
        return model

    def training(self, workload: Workload | ImageWorkload, steps: int):
        model = self._model(workload)
        rate = workload.learning_rate
        if workload.optimizer == "adam":
            betas = workloads.BETA_1, workloads.BETA_2
            optimizer = keras.optimizers.Adam(rate, *betas, epsilon=workloads.EPSILON)
        else:
            momentum = workloads.MOMENTUM if workload.optimizer == "momentum" else 0.0
            optimizer = keras.optimizers.SGD(rate, momentum)
        model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=self.compiled)
        x, y = workload.data()
        batch, batches = workload.batch, workload.batches

        def run(count: int) -> None:
            for number in range(count):
                start = number % batches * batch
                model.train_on_batch(x[start : start + batch], y[start : start + batch])

        losses = []
        for _ in range(steps):
            model.reset_metrics()  # what train_on_batch returns is the mean since then
            losses.append(float(model.train_on_batch(x[:batch], y[:batch])))
        return losses, run

    def predict(self, workload: Workload | ImageWorkload, rows: int):
        model = self._model(workload)
        model.compile(jit_compile=self.compiled)
        x = workload.inputs(rows)

        def run(count: int) -> None:
            for _ in range(count):
                model.predict_on_batch(x)

        return np.asarray(model.predict_on_batch(x))[0].tolist(), run
