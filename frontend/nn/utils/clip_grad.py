"""Gradients kept from growing too large."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from brasa.autograd import no_grad
from brasa.functions import pointwise, reduction
from brasa.functions.joining import stack
from brasa.ir.errors import ValueError
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function


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
def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Tensor:
    """The norm of all tensors' elements together."""
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not listed:
        return tensor(0.0)
    total = _norm_of(stack([_norm_of(each, float(norm_type)) for each in listed]), float(norm_type))
    if error_if_nonfinite and not pointwise.isfinite(total):
        raise ValueError(f"the norm of the gradients is {total.item()}", op="clip_grad_norm_")
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: Any = None
) -> None:
    """Scale all gradients together, given the norm that they have, so that it becomes at most max_norm."""
    for grad in _gradients(parameters):
        grad.copy_(_scaled(grad, total_norm, float(max_norm)))


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> Tensor:  # fmt: skip
    """Scale all gradients together so that their norm is at most max_norm; what it was before."""
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: Any = None) -> None:
    """Move every element of every gradient into [-clip_value, clip_value]."""
    for grad in _gradients(parameters):
        grad.clamp_(-float(clip_value), float(clip_value))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in listed if parameter.grad is not None]
