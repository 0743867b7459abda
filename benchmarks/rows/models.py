"""Rows of whole models: inference and training steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.row import Program, Row, labels, noise

# name, model, input, whether the loss is of classes, floating point operations of one forward pass
MODELS: tuple[tuple[str, Callable[[ModuleType], Any], tuple[int, ...], bool, float], ...] = (
    ("MLP 784-512-512-10, batch 64", lambda module: models.mlp(module, 784, 512, 512, 10), (64, 784), True, 85.6e6),
    ("tiny MLP 16-32-32-4, batch 1", lambda module: models.mlp(module, 16, 32, 32, 4), (1, 16), False, 3.3e3),
    ("digits CNN, batch 64", models.digits_cnn, (64, 1, 8, 8), True, 11.2e6),
    ("CIFAR CNN, batch 4", models.cifar_cnn, (4, 3, 32, 32), True, 5.2e6),
    ("CIFAR CNN, batch 64", models.cifar_cnn, (64, 3, 32, 32), True, 83.7e6),
    ("ResNet-18, 8x3x64x64", models.resnet18, (8, 3, 64, 64), True, 35.5e9),
    ("conv stack of 64 channels, 8x64x64x64", models.conv_stack, (8, 64, 64, 64), True, 9.66e9),
    ("transformer block d=256 T=128 B=8", lambda module: models.transformer_block(module, 256, 4), (8, 128, 256),
     False, 1.75e9),
    ("GPT-2 layer d=768 T=256 B=2", lambda module: models.transformer_block(module, 768, 12, causal=True),
     (2, 256, 768), False, 7.65e9),
    ("LSTM(128, 256) T=50 B=32", lambda module: models.recurrent(module, 128, 256), (50, 32, 128), False, 1.26e9),
    ("MiniLM encoder 8x126", models.sentence_encoder, (8, 126), False, 22.6e9),
)  # fmt: skip


def rows() -> Iterator[Row]:
    """Inference and a training step of every model."""
    for name, make, shape, classes, flops in MODELS:
        for training in (False, True):
            yield Row(
                "training" if training else "inference", name, program(make, shape, classes, training),
                compiled_peer=True, training=training, flops=flops * (3 if training else 1),
                tolerance=3e-2 if training else 1e-3,  # where ReLU turns, gradients of deep nets jump by that much
            )  # fmt: skip


def named(name: str, *, training: bool) -> Callable[[ModuleType], Program]:
    """The program of a model in the table."""
    _, make, shape, classes, _ = next(model for model in MODELS if model[0] == name)
    return program(make, shape, classes, training)


def program(make: Any, shape: tuple[int, ...], classes: bool, training: bool) -> Callable[[ModuleType], Program]:
    """A model's program over a module."""

    def over(module: ModuleType) -> Program:
        module.manual_seed(0)
        model = make(module)
        inputs = (
            noise(*shape) if len(shape) > 2 or shape[1] != 126 else np.random.default_rng(0).integers(0, 30522, shape)
        )
        arguments = [module.tensor(inputs)]
        if not training:
            model.eval()
            return Program(without_gradients(module, model), tuple(arguments), model)
        if classes:
            arguments.append(module.tensor(labels(shape[0])))
        return Program(models.training_step(module, model, classes), tuple(arguments), model)

    return over


def without_gradients(module: ModuleType, model: Any) -> Callable[[Any], Any]:
    """The model under no_grad."""

    def infer(x: Any) -> Any:
        with module.no_grad():
            return model(x)

    return infer
