"""PyTorch: eager with the fused optimiser, or compiled; products by MKL (torch.mm) or by oneDNN."""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")  # weights of a compiled prediction may be packed beforehand

import numpy as np
import torch
import workloads
from workloads import Workload


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.variant = variant
        self.version = f"PyTorch {torch.__version__}, MKL and oneDNN inside"

    def _model(self, workload: Workload) -> torch.nn.Sequential:
        layers: list[torch.nn.Module] = []
        weights = iter(workload.weights())
        for i, o in workload.layers:
            layer = torch.nn.Linear(i, o)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(next(weights)).T)
                layer.bias.copy_(torch.from_numpy(next(weights)))
            layers += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    def training(self, workload: Workload, steps: int):
        model = self._model(workload)
        rate = workload.learning_rate
        # Keras' penalty l2 * sum W^2 has the gradient 2 l2 W; biases have none.
        groups = [
            {"params": [layer.weight for layer in model[::2]], "weight_decay": 2 * workload.l2},
            {"params": [layer.bias for layer in model[::2]]},
        ]
        if workload.optimizer == "adam":
            betas = workloads.BETA_1, workloads.BETA_2
            optimizer = torch.optim.Adam(groups, lr=rate, betas=betas, eps=workloads.EPSILON, fused=True)
        else:
            momentum = workloads.MOMENTUM if workload.optimizer == "momentum" else 0.0
            optimizer = torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)
        cross_entropy = torch.nn.CrossEntropyLoss()
        forward = torch.compile(model) if self.variant == "compile" else model
        data, targets = workload.data()
        x, y = torch.from_numpy(data), torch.from_numpy(targets.astype(np.int64))
        batch, batches = workload.batch, workload.batches

        def step(start: int) -> torch.Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(forward(x[start : start + batch]), y[start : start + batch])
            loss.backward()
            optimizer.step()
            return loss

        def run(count: int) -> None:
            for number in range(count):
                step(number % batches * batch)

        def total_loss() -> float:
            with torch.no_grad():
                penalty = sum(float((layer.weight**2).sum()) for layer in model[::2])
            return float(step(0)) + workload.l2 * penalty

        return [total_loss() for _ in range(steps)], run

    def predict(self, workload: Workload, rows: int):
        model = torch.nn.Sequential(self._model(workload), torch.nn.Softmax(dim=1)).eval()
        forward = torch.compile(model) if self.variant == "compile" else model
        x = workloads.rows(workload.sizes[0], rows)

        @torch.inference_mode()
        def predicted() -> np.ndarray:
            return forward(torch.from_numpy(x)).numpy()

        def run(count: int) -> None:
            for _ in range(count):
                predicted()

        return predicted()[0].tolist(), run

    def gemm(self, operation: str, m: int, n: int, k: int):
        left, right = workloads.operands(operation, m, n, k)
        a, b = torch.from_numpy(left), torch.from_numpy(right)
        c = torch.empty(a.shape[0], b.shape[1])

        @torch.inference_mode()
        def run(count: int) -> None:
            nonlocal c
            for _ in range(count):
                if self.variant == "onednn":
                    # The product x W^T + bias of a linear layer, with W as it lies in memory, not packed beforehand.
                    c = torch.ops.mkldnn._linear_pointwise(a, b.T, None, "none", [], "")
                else:
                    torch.mm(a, b, out=c)

        run(1)
        return workloads.product_values(c.numpy()), run
