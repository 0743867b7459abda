"""The programs that are measured, written once over a module that is brasa or torch."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np


def digits_cnn(module: ModuleType) -> Any:
    """The CNN of the demo: 8x8 images, ten classes."""
    nn = module.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def mlp(module: ModuleType, *widths: int) -> Any:
    """Linear layers with ReLU between them."""
    nn = module.nn
    layers: list[Any] = []
    for first, second in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(first, second), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def images(module: ModuleType, *shape: int) -> Any:
    """Images of noise."""
    return module.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def labels(module: ModuleType, count: int) -> Any:
    """A class from 0 to 9 for each image."""
    return module.from_numpy(np.random.default_rng(1).integers(0, 10, count))


def training_step(module: ModuleType, model: Any, momentum: float = 0.9) -> Callable[[Any, Any], Any]:
    """Forward, backward and update by SGD."""
    optimizer = module.optim.SGD(model.parameters(), lr=0.01, momentum=momentum)
    loss_function = module.nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


class Images:
    """A dataset in CIFAR's format, a byte for the label and 3,072 for the colours: images as normalised floats."""

    def __init__(self, module: Any, count: int) -> None:
        bytes_of_file = np.random.default_rng(0).integers(0, 256, (count, 3073), dtype=np.uint8)
        self.module, self.colours = module, bytes_of_file[:, 1:].reshape(count, 3, 32, 32)
        self.labels = (bytes_of_file[:, 0] % 10).tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        image = self.module.from_numpy(self.colours[index]).float().div(255)
        return image.sub(0.5).div(0.5), self.labels[index]
