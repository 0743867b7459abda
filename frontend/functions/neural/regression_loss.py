"""Losses of predictions that are numbers: differences, and likelihoods of counts and of normal variables."""

from __future__ import annotations

import math
import warnings

from brasa.functions import pointwise
from brasa.functions.neural.loss import chosen, reduced
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops.control import stop_gradient
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, broadcast_shapes, constant, expand, required, resolved, type_of


def _difference(op: str, input: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
    require_tensors(op, input=input, target=target)
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(f"{op}: the target {list(target.shape)} is broadcast with the input {list(input.shape)}",
                      UserWarning, stacklevel=3)  # fmt: skip
    if weight is not None and tuple(weight.shape) != tuple(input.shape):
        raise ShapeError(f"weight has shape {list(weight.shape)}, input {list(input.shape)}", op=op)


def _weighed(loss: Tensor, how: str, input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    if weight is not None:
        (weight,) = widened(weight)
        loss = pointwise.mul(loss, weight)
    return rounded(reduced(loss, how, weight), input, target, weight)


@function
def _mse(input: Tensor, target: Tensor, weight: Tensor | None, how: str) -> Tensor:
    gap = pointwise.sub(*widened(input, target))
    return _weighed(pointwise.mul(gap, gap), how, input, target, weight)


@operator(namespace="nn.functional")
def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The squared differences, by default their mean; with weights, their weighted mean."""
    _difference("mse_loss", input, target, weight)
    return _mse(input, target, weight, chosen(reduction, size_average, reduce, "mse_loss"))


@function
def _l1(input: Tensor, target: Tensor, weight: Tensor | None, how: str) -> Tensor:
    return _weighed(pointwise.abs(pointwise.sub(*widened(input, target))), how, input, target, weight)


@operator(namespace="nn.functional")
def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The absolute differences, by default their mean; with weights, their weighted mean."""
    _difference("l1_loss", input, target, weight)
    return _l1(input, target, weight, chosen(reduction, size_average, reduce, "l1_loss"))


@function
def _smooth_l1(input: Tensor, target: Tensor, how: str, beta: Number) -> Tensor:
    gap = pointwise.sub(*widened(input, target))
    size = pointwise.abs(gap)
    near = pointwise.div(pointwise.mul(pointwise.mul(gap, gap), 0.5), beta)
    far = pointwise.sub(size, pointwise.mul(beta, 0.5))
    return _weighed(pointwise.where(pointwise.lt(size, beta), near, far), how, input, target, None)


@operator(namespace="nn.functional")
def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """0.5 * difference**2 / beta where the difference is below beta, else |difference| - 0.5 * beta."""
    _difference("smooth_l1_loss", input, target)
    how = chosen(reduction, size_average, reduce, "smooth_l1_loss")
    if beta < 0:
        raise ValueError(f"beta must not be negative, it is {beta}", op="smooth_l1_loss")
    return _l1(input, target, None, how) if beta == 0 else _smooth_l1(input, target, how, float(beta))


@function
def _huber(input: Tensor, target: Tensor, weight: Tensor | None, how: str, delta: Number) -> Tensor:
    gap = pointwise.sub(*widened(input, target))
    size = pointwise.abs(gap)
    near = pointwise.mul(pointwise.mul(gap, gap), 0.5)
    far = pointwise.mul(pointwise.sub(size, pointwise.mul(delta, 0.5)), delta)
    return _weighed(pointwise.where(pointwise.le(size, delta), near, far), how, input, target, weight)


@operator(namespace="nn.functional")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the squared difference up to delta, then linear (Huber 1964); with weights, their weighted mean."""
    _difference("huber_loss", input, target, weight)
    if delta <= 0:
        raise ValueError(f"delta must be positive, it is {delta}", op="huber_loss")
    return _huber(input, target, weight, chosen(reduction, None, None, "huber_loss"), float(delta))


@function
def _poisson(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: Number, how: str
) -> Tensor:  # fmt: skip
    x, t = widened(input, target)
    if log_input:
        loss = pointwise.sub(pointwise.exp(x), pointwise.mul(t, x))
    else:
        loss = pointwise.sub(x, pointwise.mul(t, pointwise.log(pointwise.add(x, eps))))
    if full:
        many = pointwise.gt(t, 1)
        count = pointwise.where(many, t, 1)
        stirling = pointwise.add(
            pointwise.sub(pointwise.mul(count, pointwise.log(count)), count),
            pointwise.mul(pointwise.log(pointwise.mul(count, 2 * math.pi)), 0.5),
        )
        loss = pointwise.add(loss, pointwise.where(many, stirling, 0))
    return rounded(reduced(loss, how), input, target)


@operator(namespace="nn.functional")
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: bool | None = None,
    eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-likelihood of counts, given (the log of) their expectations; `full` adds Stirling's term."""
    require_tensors("poisson_nll_loss", input=input, target=target)
    how = chosen(reduction, size_average, reduce, "poisson_nll_loss")
    return _poisson(input, target, bool(log_input), bool(full), float(eps), how)


@function
def _gaussian(
    input: Tensor, target: Tensor, var: Number, full: bool, eps: Number, how: str
) -> Tensor:  # fmt: skip
    x, t = widened(input, target)
    if isinstance(var, Tensor) and not var._weak:
        (spread,) = widened(var)
        sound = required(pointwise.logical_not(pointwise.lt(spread, 0)), "a variance is negative")
        spread = pointwise.where(sound, spread, 0)
    else:
        spread = pointwise.mul(constant(1, type_of(x).dtype), var)
    gap = pointwise.sub(x, t)
    # Below eps the variance counts as eps, and its gradient is the one at eps.
    fixed = apply(stop_gradient, spread)
    held = pointwise.add(pointwise.maximum(fixed, eps), pointwise.sub(spread, fixed))
    loss = pointwise.mul(pointwise.add(pointwise.log(held), pointwise.div(pointwise.mul(gap, gap), held)), 0.5)
    if full:
        loss = pointwise.add(loss, 0.5 * math.log(2 * math.pi))
    return rounded(reduced(loss, how), input, target)


@operator(namespace="nn.functional")
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-likelihood of targets that are normal around the input with variance var.

    var has the input's shape, or lacks its last axis, or has 1 there, or is a number; `full` adds the constant term.
    """
    require_tensors("gaussian_nll_loss", input=input, target=target)
    how = chosen(reduction, None, None, "gaussian_nll_loss")
    if isinstance(var, Tensor):
        if tuple(var.shape) == tuple(input.shape[:-1]) and input.ndim:
            var = var.unsqueeze(-1)  # type: ignore[attr-defined]
        elif not _spreads(var, input):
            raise ShapeError(f"var has shape {list(var.shape)}, input {list(input.shape)}", op="gaussian_nll_loss")
    elif not isinstance(var, int | float):
        raise ArgumentError(f"var must be a tensor or a number, not {type(var).__name__}", op="gaussian_nll_loss")
    elif var < 0:
        raise ValueError(f"var must not be negative, it is {var}", op="gaussian_nll_loss")
    return _gaussian(input, target, var, bool(full), float(eps), how)


def _spreads(var: Tensor, input: Tensor) -> bool:
    sizes = zip(reversed(var.shape), reversed(input.shape), strict=False)
    return var.ndim == 0 or (var.ndim == input.ndim and all(n in (1, m) for n, m in sizes))


@function
def _kl_div(input: Tensor, target: Tensor, how: str, log_target: bool) -> Tensor:
    x, t = widened(input, target)
    if log_target:
        loss = pointwise.mul(pointwise.exp(t), pointwise.sub(t, x))
    else:
        shape = resolved(broadcast_shapes([type_of(x).shape, type_of(t).shape]))
        some = pointwise.ne(t, 0)
        entropy = pointwise.where(some, pointwise.mul(t, pointwise.log(pointwise.where(some, t, 1))), 0)
        loss = pointwise.sub(expand(entropy, shape), pointwise.mul(t, x))
    if how == "batchmean":
        total = reduced(loss, "sum")
        rows = type_of(input).shape[:1]
        result = pointwise.div(total, constant(rows[0], type_of(total).dtype)) if rows else total
    else:
        result = reduced(loss, how)
    return rounded(result, input, target)


@operator(namespace="nn.functional")
def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """The Kullback-Leibler divergence of the distribution with logarithms `input` from the target (or its logs).

    reduction="batchmean" divides the sum by the size of the first axis: the divergence by its definition.
    """
    require_tensors("kl_div", input=input, target=target)
    how = reduction if reduction == "batchmean" else chosen(reduction, size_average, reduce, "kl_div")
    return _kl_div(input, target, how, bool(log_target))
