"""Gradients by central differences of PyTorch's own function: the judge where PyTorch's formula is in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.conformance.carry import Array, flat, to_numpy, unpack
from benchmarks.conformance.judge import Tolerance, weighted_sum

_STEP = 1e-5  # of numbers near 1: the third derivative and the rounding of float64 both leave about 1e-10
_MOST = 400  # numbers to differentiate by, each for two calls
_NEARER = 10
_EXACT = 1e-7  # what differences are good for, whatever the dtype


def measure_gradients(
    function: Callable[..., Any], packed: Any, process: Callable[[Any], Any]
) -> list[np.ndarray] | None:
    """The gradients of the weighted sum of a function's results for a sample in float64; None where it has others."""
    leaves = list(_leaves(packed))
    numbers = [leaf.values for leaf in leaves]
    if any(values.dtype != np.float64 for values in numbers) or not 0 < sum(map(np.size, numbers)) <= _MOST:
        return None

    def value() -> float:
        input, arguments, keywords = (unpack(part, torch, []) for part in packed)
        results = flat(process(function(input, *arguments, **keywords)))
        return float(weighted_sum(results, [to_numpy(result) for result in results], torch))

    return [_slopes(values, value) for values in numbers]


def decides(ours: Sequence[Any], theirs: Sequence[Any], measured: Sequence[np.ndarray], tolerance: Tolerance) -> bool:
    """Whether measured gradients speak for ours: they agree with these, and are much further from PyTorch's."""
    if len(ours) != len(measured) or _NEARER * _distance(ours, measured) >= _distance(theirs, measured):
        return False
    absolute, relative = max(tolerance.absolute, _EXACT), max(tolerance.relative, _EXACT)
    return all(
        np.allclose(0 if gradient is None else gradient, slopes, relative, absolute)
        for gradient, slopes in zip(ours, measured, strict=True)
    )


def _distance(gradients: Sequence[Any], measured: Sequence[np.ndarray]) -> float:
    return max(
        float(np.abs((0 if gradient is None else gradient) - slopes).max(initial=0))
        for gradient, slopes in zip(gradients, measured, strict=True)
    )


def _slopes(values: np.ndarray, value: Callable[[], float]) -> np.ndarray:
    slopes, numbers = np.empty(values.size), values.reshape(-1)
    for index, number in enumerate(numbers.copy()):
        step = _STEP * max(1.0, abs(number))
        results = []
        for moved in (number + step, number - step):
            numbers[index] = moved
            results.append(value())
        numbers[index] = number
        slopes[index] = (results[0] - results[1]) / (2 * step)
    return slopes.reshape(values.shape)


def _leaves(value: Any) -> Iterator[Array]:
    if isinstance(value, Array):
        if value.requires_grad:
            yield value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
