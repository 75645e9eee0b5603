"""PyTorch: eager with the fused optimiser, or compiled; images channels last; products by MKL (torch.mm) or by
oneDNN."""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")  # weights of a compiled prediction may be packed beforehand

import numpy as np
import torch
import workloads
from images import Convolution, ImageWorkload
from workloads import Workload

from peers import pytorch_networks


class Peer:
    def __init__(self, variant: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.variant = variant
        self.version = f"PyTorch {torch.__version__}, MKL and oneDNN inside"

    def _model(self, workload: Workload | ImageWorkload) -> torch.nn.Module:
        if isinstance(workload, ImageWorkload):
            return pytorch_networks.network(workload.network, workload.file)
        layers: list[torch.nn.Module] = []
        weights = iter(workload.weights())
        for i, o in workload.layers:
            layer = torch.nn.Linear(i, o)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(next(weights)).T)
                layer.bias.copy_(torch.from_numpy(next(weights)))
            layers += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    @staticmethod
    def _inputs(x: np.ndarray) -> torch.Tensor:
        return pytorch_networks.channels_first(x) if x.ndim == 4 else torch.from_numpy(x)

    def training(self, workload: Workload | ImageWorkload, steps: int):
        model = self._model(workload)
        rate = workload.learning_rate
        # Keras' penalty l2 * sum W^2 has the gradient 2 l2 W; biases have none.
        kernels = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        others = [parameter for parameter in model.parameters() if parameter.dim() == 1]
        groups = [{"params": kernels, "weight_decay": 2 * workload.l2}, {"params": others}]
        if workload.optimizer == "adam":
            betas = workloads.BETA_1, workloads.BETA_2
            optimizer = torch.optim.Adam(groups, lr=rate, betas=betas, eps=workloads.EPSILON, fused=True)
        else:
            momentum = workloads.MOMENTUM if workload.optimizer == "momentum" else 0.0
            optimizer = torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)
        cross_entropy = torch.nn.CrossEntropyLoss()
        forward = torch.compile(model) if self.variant == "compile" else model
        data, targets = workload.data()
        x, y = self._inputs(data), torch.from_numpy(targets.astype(np.int64))
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
                penalty = sum(float((kernel**2).sum()) for kernel in kernels) if workload.l2 else 0.0
            return float(step(0)) + workload.l2 * penalty

        return [total_loss() for _ in range(steps)], run

    def predict(self, workload: Workload | ImageWorkload, rows: int):
        layers = [self._model(workload)]
        if workload.ends_in_softmax:
            layers.append(torch.nn.Softmax(dim=1))
        model = torch.nn.Sequential(*layers).eval()
        forward = torch.compile(model) if self.variant == "compile" else model
        x = workload.inputs(rows)

        @torch.inference_mode()
        def predicted() -> np.ndarray:
            return forward(self._inputs(x)).numpy()

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

    def convolution(self, operation: str, shape: Convolution):
        images, kernel, gradient = shape.factors()
        x, dy = pytorch_networks.channels_first(images), pytorch_networks.channels_first(gradient)
        # [K, K, C, O] as [O, C, K, K]; depthwise, where O are the channels, [C, 1, K, K].
        w = torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        stride, padding = [shape.stride] * 2, [shape.padding] * 2
        groups = shape.channels if shape.depthwise else 1
        wanted = [operation == "dx", operation == "dw", False]

        @torch.inference_mode()
        def computed() -> torch.Tensor:
            if operation == "fwd":
                return torch.nn.functional.conv2d(x, w, None, stride, padding, groups=groups)
            return next(
                gradient
                for gradient in torch.ops.aten.convolution_backward(
                    dy, x, w, None, stride, padding, [1, 1], False, [0, 0], groups, wanted
                )
                if gradient is not None
            )

        def run(count: int) -> None:
            for _ in range(count):
                computed()

        result = computed()
        order = (2, 3, 1, 0) if operation == "dw" else (0, 2, 3, 1)
        return workloads.product_values(result.permute(*order).reshape(1, -1).numpy()), run
