"""scikit-learn's MLPClassifier: partial_fit over the rows in memory, which makes one step per batch."""

from __future__ import annotations

import sklearn
import workloads
from sklearn.neural_network import MLPClassifier
from workloads import Workload


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        self.version = f"scikit-learn {sklearn.__version__}"

    def _model(self, workload: Workload) -> MLPClassifier:
        model = MLPClassifier(
            workload.sizes[1:-1],
            solver="adam" if workload.optimizer == "adam" else "sgd",
            alpha=2 * workload.l2 * workload.batch,  # its penalty is alpha / 2 * sum W^2 / batch
            batch_size=workload.batch,
            learning_rate_init=workload.learning_rate,
            shuffle=False,
            momentum=workloads.MOMENTUM if workload.optimizer == "momentum" else 0.0,
            nesterovs_momentum=False,
            beta_1=workloads.BETA_1,
            beta_2=workloads.BETA_2,
            epsilon=workloads.EPSILON,
        )
        # Weights and optimiser are made by a first step; then these weights take their place, and a new optimiser.
        batch = workload.inputs(1)
        model.partial_fit(batch, [0], classes=range(workload.sizes[-1]))
        weights = workload.weights()
        for own, given in zip(model.coefs_ + model.intercepts_, weights[0::2] + weights[1::2]):
            own[...] = given
        del model._optimizer
        return model

    def training(self, workload: Workload, steps: int):
        model = self._model(workload)
        x, y = workload.data()
        batch, batches = workload.batch, workload.batches

        def run(count: int) -> None:
            while count > 0:
                passed = min(count, batches) * batch
                model.partial_fit(x[:passed], y[:passed])
                count -= batches

        losses = []
        for _ in range(steps):
            model.partial_fit(x[:batch], y[:batch])
            losses.append(float(model.loss_))
        return losses, run

    def predict(self, workload: Workload, rows: int):
        model = self._model(workload)
        x = workload.inputs(rows)

        def run(count: int) -> None:
            for _ in range(count):
                model.predict_proba(x)

        return model.predict_proba(x)[0].tolist(), run
