"""Gradients kept from growing too large."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from brasa.autograd import no_grad
from brasa.creation import tensor
from brasa.function import function
from brasa.functions import pointwise, reduction
from brasa.functions.joining import stack
from brasa.ir.errors import ValueError
from brasa.tensor import Tensor


@function
def _power_norm(value: Tensor, exponent: float, inverse: float) -> Tensor:
    return pointwise.pow(reduction.sum(pointwise.pow(pointwise.abs(value), exponent)), inverse)


@function
def _largest(value: Tensor) -> Tensor:
    return reduction.amax(pointwise.abs(value))


@function
def _euclidean_norm(value: Tensor) -> Tensor:
    return pointwise.sqrt(reduction.sum(pointwise.mul(value, value)))


def _norm_of(value: Tensor, norm_type: float) -> Tensor:
    if norm_type == 2.0:
        return _euclidean_norm(value)
    return _largest(value) if norm_type == math.inf else _power_norm(value, norm_type, 1.0 / norm_type)


@function
def _scaled(grad: Tensor, total: Tensor, max_norm: float) -> Tensor:
    factor = pointwise.clamp(pointwise.div(max_norm, pointwise.add(total, 1e-6)), max=1.0)
    return pointwise.mul(grad, factor)


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> Tensor:  # fmt: skip
    """Scale all gradients together so that their norm is at most max_norm; what it was before."""
    grads = _gradients(parameters)
    if not grads:
        return tensor(0.0)
    total = _norm_of(stack([_norm_of(grad, float(norm_type)) for grad in grads]), float(norm_type))
    if error_if_nonfinite and not pointwise.isfinite(total):
        raise ValueError(f"the norm of the gradients is {total.item()}", op="clip_grad_norm_")
    for grad in grads:
        grad.copy_(_scaled(grad, total, float(max_norm)))
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: Any = None) -> None:
    """Move every element of every gradient into [-clip_value, clip_value]."""
    for grad in _gradients(parameters):
        grad.clamp_(-float(clip_value), float(clip_value))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in listed if parameter.grad is not None]
