"""Clipped gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

import brasa
from brasa.nn.utils import clip_grad_norm_, clip_grad_value_

GRADS = [np.array([[3.0, -4.0], [1.0, 0.5]]), np.array([-2.0])]


def parameters() -> list[brasa.nn.Parameter]:
    """Parameters with gradients, and one without."""
    made = [brasa.nn.Parameter(brasa.zeros(*grad.shape, dtype=brasa.float64)) for grad in GRADS]
    for parameter, grad in zip(made, GRADS, strict=True):
        parameter.grad = brasa.tensor(grad)
    return [*made, brasa.nn.Parameter(brasa.zeros(3))]


@pytest.mark.parametrize("kind", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("bound", [0.5, 100.0])
def test_norms(kind: float, bound: float) -> None:
    listed = parameters()
    memory = listed[0].grad.data_ptr()
    total = np.linalg.norm(np.concatenate([grad.ravel() for grad in GRADS]), kind)
    np.testing.assert_allclose(clip_grad_norm_(listed, bound, kind).item(), total, rtol=1e-12)
    for parameter, grad in zip(listed[:2], GRADS, strict=True):
        expected = grad * min(1.0, bound / (total + 1e-6))
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-12)
    assert listed[0].grad.data_ptr() == memory
    assert listed[2].grad is None


def test_values() -> None:
    listed = parameters()
    clip_grad_value_(listed, 1.5)
    assert [parameter.grad.tolist() for parameter in listed[:2]] == [[[1.5, -1.5], [1.0, 0.5]], [-1.5]]


def test_special_cases() -> None:
    assert clip_grad_norm_([], 1.0).item() == 0.0
    (first, *_) = parameters()
    assert clip_grad_norm_(first, 1.0, math.inf).item() == 4.0
    first.grad = first.grad * math.inf
    with pytest.raises(brasa.BrasaError, match="clip_grad_norm_: the norm of the gradients is inf"):
        clip_grad_norm_([first], 1.0, error_if_nonfinite=True)
