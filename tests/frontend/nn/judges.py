"""Independent judges of layers: NumPy in float64, and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import brasa

Array = np.ndarray[Any, Any]


def arrays_of(module: brasa.nn.Module) -> dict[str, Array]:
    """A module's state as float64 (or integer) arrays."""
    return {
        name: tensor.numpy().astype(np.float64) if tensor.is_floating_point() else tensor.numpy().copy()
        for name, tensor in module.state_dict().items()
    }


def assert_gradients(function: Callable[..., brasa.Tensor], *points: Array, step: float = 1e-5) -> None:
    """Compare the gradient of sum(weights * function(*points)), in float64, with a central difference along a random
    direction."""
    random = np.random.default_rng(7)
    weights: list[Array] = []

    def value(*arrays: Array) -> brasa.Tensor:
        result = function(*arrays)
        if not weights:
            weights.append(random.standard_normal(tuple(result.shape)))
        return (result * brasa.tensor(weights[0])).sum()

    leaves = [brasa.tensor(point, dtype=brasa.float64, requires_grad=True) for point in points]
    value(*leaves).backward()
    directions = [random.standard_normal(point.shape) for point in points]
    expected = 0.0
    for sign in (1, -1):
        moved = [
            brasa.tensor(point + sign * step * direction, dtype=brasa.float64)
            for point, direction in zip(points, directions, strict=True)
        ]
        expected += sign * value(*moved).item() / (2 * step)
    found = sum(
        float((leaf.grad.numpy() * direction).sum()) for leaf, direction in zip(leaves, directions, strict=True)
    )
    assert math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-7), (found, expected)


# the layers' meanings


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ weight.T + bias."""
    result = x @ weight.T
    return result if bias is None else result + bias


def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0), dilation: tuple[int, int] = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """The convolution, one element after the other."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    count, channels, kh, kw = weight.shape
    spans = [dilation[0] * (kh - 1) + 1, dilation[1] * (kw - 1) + 1]
    height, width = ((x.shape[2 + a] - spans[a]) // stride[a] + 1 for a in (0, 1))
    result = np.zeros((len(x), count, height, width))
    for o in range(count):
        first = o // (count // groups) * channels
        for i in range(height):
            for j in range(width):
                top, left = i * stride[0], j * stride[1]
                window = x[:, first : first + channels, top : top + spans[0] : dilation[0],
                           left : left + spans[1] : dilation[1]]  # fmt: skip
                result[:, o, i, j] = (window * weight[o]).sum((1, 2, 3))
    return result if bias is None else result + bias[:, None, None]


def max_pool2d(x: Array, kernel: int, stride: int, padding: int = 0) -> Array:
    """The maximum of each window."""
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2), constant_values=-np.inf)
    height, width = ((x.shape[a] - kernel) // stride + 1 for a in (2, 3))
    result = np.zeros((*x.shape[:2], height, width))
    for i in range(height):
        for j in range(width):
            window = x[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            result[:, :, i, j] = window.max((2, 3))
    return result


def normalize(x: Array, axes: tuple[int, ...], eps: float = 1e-5) -> Array:
    """x with mean 0 and variance 1 over some axes."""
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + eps)


def log_softmax(x: Array, axis: int) -> Array:
    """log(exp(x) / sum(exp(x)))."""
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def cross_entropy(
    x: Array, target: Array, weight: Array | None = None, ignore: int = -100, reduction: str = "mean",
    smoothing: float = 0.0,
) -> Array:  # fmt: skip
    """Sample by sample, for x[n, c] and class numbers target[n]."""
    logs = log_softmax(x, 1)
    classes = x.shape[1]
    factors = np.ones(classes) if weight is None else weight
    losses, scales = np.zeros(len(x)), np.zeros(len(x))
    for i, label in enumerate(target):
        if label != ignore:
            spread = -(logs[i] * factors).sum() * smoothing / classes
            losses[i] = (1 - smoothing) * -logs[i, label] * factors[label] + spread
            scales[i] = factors[label]
    return losses if reduction == "none" else losses.sum() / (scales.sum() if reduction == "mean" else 1.0)


erf = np.vectorize(math.erf)
