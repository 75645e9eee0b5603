"""The networks for images in PyTorch, with the weights of Keras' model files: layers go by the names that Keras gives
them. Images come channels first; what does not end in features ends in logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

# Blocks of each stack.
RESNET50_BLOCKS = (3, 4, 6, 3)


class KerasFile:
    """The weights of a model file, layer by layer."""

    def __init__(self, path: Path) -> None:
        self._layers = {}
        with h5py.File(path) as file:
            for name, group in file["model_weights"].items():
                self._layers[name] = [torch.from_numpy(group[weight][()]) for weight in group.attrs["weight_names"]]

    def __contains__(self, name: str) -> bool:
        return name in self._layers

    def convolution(self, name: str, stride: int = 1, padding: int = 0) -> nn.Conv2d:
        kernel, *bias = self._layers[name]
        return convolution(kernel.permute(3, 2, 0, 1), bias, stride, padding)

    def separable(self, name: str) -> nn.Sequential:
        """A window of 3x3 over each channel, then one of 1x1 over all; images keep their size."""
        depthwise, pointwise = self._layers[name]
        channels = depthwise.shape[2]
        return nn.Sequential(
            convolution(depthwise.permute(2, 3, 0, 1), [], 1, 1, groups=channels),
            convolution(pointwise.permute(3, 2, 0, 1), [], 1, 0),
        )

    def normalization(self, name: str, epsilon: float) -> nn.BatchNorm2d:
        gamma, beta, mean, variance = self._layers[name]
        layer = nn.BatchNorm2d(len(gamma), epsilon, momentum=0.01)  # Keras' 0.99, counted the other way
        filled(layer.weight, gamma), filled(layer.bias, beta)
        filled(layer.running_mean, mean), filled(layer.running_var, variance)
        return layer

    def dense(self, name: str) -> nn.Linear:
        kernel, bias = self._layers[name]
        layer = nn.Linear(*kernel.shape)
        filled(layer.weight, kernel.T), filled(layer.bias, bias)
        return layer

    def head(self, layers: Sequence[str]) -> nn.Sequential:
        """Dense layers with ReLU between them."""
        modules = [module for name in layers for module in (self.dense(name), nn.ReLU())]
        return nn.Sequential(*modules[:-1])


def filled(tensor: torch.Tensor, values: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(values)


def convolution(
    kernel: torch.Tensor, bias: Sequence[torch.Tensor], stride: int, padding: int, groups: int = 1
) -> nn.Conv2d:
    filters, depth, size, _ = kernel.shape
    layer = nn.Conv2d(depth * groups, filters, size, stride, padding, groups=groups, bias=bool(bias))
    filled(layer.weight, kernel)
    for values in bias:
        filled(layer.bias, values)
    return layer


class CNN(nn.Module):
    def __init__(self, file: KerasFile) -> None:
        super().__init__()
        self.features = nn.Sequential(
            file.convolution("conv1"), nn.ReLU(), file.convolution("conv2"), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.head = file.head(["dense1", "dense2"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Flattened as Keras does, channels last, which is how they lie in memory.
        return self.head(self.features(x).permute(0, 2, 3, 1).flatten(1))


class ResNetBlock(nn.Module):
    def __init__(self, file: KerasFile, name: str, stride: int) -> None:
        super().__init__()

        def normalized(number: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
            layer = file.convolution(f"{name}_{number}_conv", stride, padding)
            return [layer, file.normalization(f"{name}_{number}_bn", 1.001e-5)]

        self.shortcut = nn.Sequential(*normalized(0, stride)) if f"{name}_0_conv" in file else nn.Identity()
        self.residual = nn.Sequential(
            *normalized(1, stride), nn.ReLU(), *normalized(2, padding=1), nn.ReLU(), *normalized(3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu(self.shortcut(x) + self.residual(x))


class ResNet50(nn.Module):
    def __init__(self, file: KerasFile) -> None:
        super().__init__()
        modules = [
            file.convolution("conv1_conv", 2, 3),
            file.normalization("conv1_bn", 1.001e-5),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        for stack, blocks in enumerate(RESNET50_BLOCKS, 2):
            for block in range(1, blocks + 1):
                stride = 2 if stack > 2 and block == 1 else 1
                modules.append(ResNetBlock(file, f"conv{stack}_block{block}", stride))
        self.features = nn.Sequential(*modules)
        whole = "predictions" in file
        self.head = file.head(["predictions"] if whole else [f"dense{number}" for number in range(1, 6)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


class XceptionBlock(nn.Module):
    """Separable convolutions, before which ReLU comes where so asked, beside a shortcut."""

    def __init__(self, file: KerasFile, number: int, convolutions: int, shortcut: str | None, starts: bool) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        for part in range(1, convolutions + 1):
            if part > 1 or starts:
                modules.append(nn.ReLU())
            name = f"block{number}_sepconv{part}"
            modules += [file.separable(name), file.normalization(f"{name}_bn", 1e-3)]
        self.residual = nn.Sequential(*modules)
        self.shortcut = None
        if shortcut is not None:
            layer = file.convolution(f"conv2d{shortcut}", 2)
            self.shortcut = nn.Sequential(layer, file.normalization(f"batch_normalization{shortcut}", 1e-3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.residual(x)
        if self.shortcut is None:
            return x + y
        # Keras' padding "same": an odd size has zeros before and after, an even one after only.
        return self.shortcut(x) + nn.functional.max_pool2d(y, 3, 2, y.shape[2] % 2, ceil_mode=True)


class Xception(nn.Module):
    def __init__(self, file: KerasFile) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        for number, stride in ((1, 2), (2, 1)):
            name = f"block1_conv{number}"
            modules += [file.convolution(name, stride), file.normalization(f"{name}_bn", 1e-3), nn.ReLU()]
        modules += [XceptionBlock(file, 2, 2, "", False)]
        modules += [XceptionBlock(file, number, 2, f"_{number - 2}", True) for number in (3, 4)]
        modules += [XceptionBlock(file, number, 3, None, True) for number in range(5, 13)]
        modules += [XceptionBlock(file, 13, 2, "_3", True)]
        for part in (1, 2):
            name = f"block14_sepconv{part}"
            modules += [file.separable(name), file.normalization(f"{name}_bn", 1e-3), nn.ReLU()]
        self.features = nn.Sequential(*modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x).mean((2, 3))


CLASSES = {"cnn": CNN, "resnet50-32": ResNet50, "resnet50-224": ResNet50, "xception-224": Xception}


def network(name: str, path: Path) -> nn.Module:
    """The network of a model file; its weights lie as PyTorch computes fastest with them."""
    return CLASSES[name](KerasFile(path)).to(memory_format=torch.channels_last)


def channels_first(x: np.ndarray) -> torch.Tensor:
    """Images [N, H, W, C] as [N, C, H, W], where they lie."""
    return torch.from_numpy(x).permute(0, 3, 1, 2)
