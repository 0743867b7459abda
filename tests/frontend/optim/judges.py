"""The optimisers' formulas, in NumPy float64, on a least squares problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from brasa import optim

Array = np.ndarray[Any, Any]
Judge = Callable[..., Iterator[Array]]

RANDOM = np.random.default_rng(5)
MATRIX = RANDOM.standard_normal((6, 4))
TARGET = RANDOM.standard_normal(6)
START = RANDOM.standard_normal(4)


def gradient(w: Array) -> Array:
    """Of sum((MATRIX @ w - TARGET) ** 2) / 6."""
    return MATRIX.T @ (MATRIX @ w - TARGET) / 3


def sgd(
    w: Array, steps: int, lr: float, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents SGD."""
    buffer = None
    for _ in range(steps):
        g = (-1 if maximize else 1) * gradient(w) + weight_decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
        yield w


def adam(
    w: Array, steps: int, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    weight_decay: float = 0.0, amsgrad: bool = False, maximize: bool = False, decoupled: bool = False,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents Adam and AdamW."""
    m, v, largest = np.zeros(4), np.zeros(4), np.zeros(4)
    for t in range(1, steps + 1):
        g = (-1 if maximize else 1) * gradient(w)
        if decoupled:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        largest = np.maximum(largest, v)
        second = (largest if amsgrad else v) / (1 - betas[1] ** t)
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(second) + eps)
        yield w


def adamw(w: Array, steps: int, lr: float, weight_decay: float = 0.01, **options: Any) -> Iterator[Array]:
    """Adam with decoupled weight decay."""
    return adam(w, steps, lr, weight_decay=weight_decay, decoupled=True, **options)


def adamax(
    w: Array, steps: int, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents Adamax."""
    m, u = np.zeros(4), np.zeros(4)
    for t in range(1, steps + 1):
        g = gradient(w) + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        u = np.maximum(betas[1] * u, np.abs(g) + eps)
        w = w - lr / (1 - betas[0] ** t) * m / u
        yield w


def nadam(
    w: Array, steps: int, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    weight_decay: float = 0.0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents NAdam."""
    m, v, product = np.zeros(4), np.zeros(4), 1.0
    for t in range(1, steps + 1):
        g = gradient(w)
        if decoupled_weight_decay:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        now, later = (betas[0] * (1 - 0.5 * 0.96 ** (n * momentum_decay)) for n in (t, t + 1))
        product *= now
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        mean = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
        w = w - lr * mean / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield w


def radam(
    w: Array, steps: int, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    weight_decay: float = 0.0, decoupled_weight_decay: bool = False,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents RAdam."""
    m, v = np.zeros(4), np.zeros(4)
    limit = 2 / (1 - betas[1]) - 1
    for t in range(1, steps + 1):
        g = gradient(w)
        if decoupled_weight_decay:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        length = limit - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        factor: Any = 1.0
        if length > 5:
            rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            factor = np.sqrt(rectified) * np.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)
        w = w - lr * m / (1 - betas[0] ** t) * factor
        yield w


def rmsprop(
    w: Array, steps: int, lr: float, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
    momentum: float = 0.0, centered: bool = False,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents RMSprop."""
    v, mean, buffer = np.zeros(4), np.zeros(4), np.zeros(4)
    for _ in range(steps):
        g = gradient(w) + weight_decay * w
        v = alpha * v + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        buffer = momentum * buffer + g / (np.sqrt(v - mean * mean if centered else v) + eps)
        w = w - lr * buffer
        yield w


def adagrad(
    w: Array, steps: int, lr: float, lr_decay: float = 0.0, weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0, eps: float = 1e-10,
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents Adagrad."""
    total = np.full(4, initial_accumulator_value)
    for t in range(steps):
        g = gradient(w) + weight_decay * w
        total = total + g * g
        w = w - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)
        yield w


def adadelta(
    w: Array, steps: int, lr: float, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
) -> Iterator[Array]:
    """As PyTorch documents Adadelta."""
    v, moves = np.zeros(4), np.zeros(4)
    for _ in range(steps):
        g = gradient(w) + weight_decay * w
        v = rho * v + (1 - rho) * g * g
        move = np.sqrt(moves + eps) / np.sqrt(v + eps) * g
        moves = rho * moves + (1 - rho) * move * move
        w = w - lr * move
        yield w


def rprop(
    w: Array, steps: int, lr: float, etas: tuple[float, float] = (0.5, 1.2),
    step_sizes: tuple[float, float] = (1e-6, 50),
) -> Iterator[Array]:  # fmt: skip
    """As PyTorch documents Rprop."""
    before, size = np.zeros(4), np.full(4, lr)
    for _ in range(steps):
        g = gradient(w)
        turned, same = g * before < 0, g * before > 0
        size = np.clip(size * np.where(turned, etas[0], np.where(same, etas[1], 1.0)), *step_sizes)
        before = np.where(turned, 0.0, g)
        w = w - np.sign(before) * size
        yield w


def asgd(
    w: Array, steps: int, lr: float, lambd: float = 1e-4, alpha: float = 0.75, weight_decay: float = 0.0, **_: Any
) -> Iterator[Array]:
    """As PyTorch documents ASGD."""
    eta = lr
    for t in range(1, steps + 1):
        w = w - lambd * eta * w - eta * (gradient(w) + weight_decay * w)
        eta = lr / (1 + lambd * lr * t) ** alpha
        yield w


CASES: list[tuple[Any, Judge, dict[str, Any]]] = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.05, "weight_decay": 0.1, "maximize": True}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    (optim.Adam, adam, {"lr": 0.02}),
    (optim.Adam, adam, {"lr": 0.02, "betas": (0.7, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.02, "amsgrad": True, "maximize": True}),
    (optim.AdamW, adamw, {"lr": 0.02}),
    (optim.AdamW, adamw, {"lr": 0.02, "weight_decay": 0.3, "amsgrad": True}),
    (optim.Adamax, adamax, {"lr": 0.02, "weight_decay": 0.1}),
    (optim.NAdam, nadam, {"lr": 0.02, "weight_decay": 0.1}),
    (optim.NAdam, nadam, {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.RAdam, radam, {"lr": 0.02, "weight_decay": 0.1}),
    (optim.RAdam, radam, {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.RMSprop, rmsprop, {"lr": 0.02, "weight_decay": 0.1}),
    (optim.RMSprop, rmsprop, {"lr": 0.02, "momentum": 0.5, "centered": True, "alpha": 0.9}),
    (optim.Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3}),
    (optim.Adadelta, adadelta, {"lr": 1.0, "weight_decay": 0.1}),
    (optim.Rprop, rprop, {"lr": 0.02}),
    (optim.ASGD, asgd, {"lr": 0.1, "lambd": 0.01, "weight_decay": 0.1}),
]
