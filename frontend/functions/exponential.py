"""Exponentials and logarithms, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable

from brasa.functions.arithmetic import add, mul, neg, sub, true_divide
from brasa.functions.comparison import where
from brasa.functions.elementwise import filled, in_floats, require_a_tensor, unary
from brasa.functions.extrema import clamp
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import special
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, elementwise_op, together, type_of

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logit",
    "sigmoid",
    "xlogy",
]  # fmt: skip

exp = unary(ops.exp, real=True, doc="e to the power of each element.")
expm1 = unary(ops.expm1, real=True, doc="exp(input) - 1, precise near 0.")
exp2 = unary(special.exp2, real=True, doc="2 to the power of each element.")
log = unary(ops.log, real=True, doc="The natural logarithm of each element.")
log1p = unary(ops.log1p, real=True, doc="log(1 + input), precise near 0.")
log2 = unary(special.log2, real=True, doc="The logarithm to base 2 of each element.")
log10 = unary(special.log10, real=True, doc="The logarithm to base 10 of each element.")


def minus_magnitude(input: Tensor) -> Tensor:
    """-|input|, with gradient -1 at 0, so that what is made of it has the gradients of the smooth function."""
    return where(elementwise_op(ops.ge, input, 0), neg(input), input)


@operator(method=True, in_place=True, out=True)
@function
@in_floats
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)). No exponential overflows, so neither value nor gradient is NaN far from 0."""
    if type_of(input).dtype.is_complex:
        return true_divide(1, add(exp(neg(input)), 1))
    small = exp(minus_magnitude(input))
    return true_divide(where(elementwise_op(ops.ge, input, 0), 1.0, small), add(small, 1.0))


def softplus_of(input: Tensor) -> Tensor:
    """log(1 + exp(input)) without overflow."""
    above = where(elementwise_op(ops.ge, input, 0), input, 0.0)
    return add(above, log1p(exp(minus_magnitude(input))))


@function
@in_floats
def _logit(input: Tensor, eps: float | None) -> Tensor:
    x = input if eps is None else clamp(input, eps, sub(1.0, eps))
    return log(true_divide(x, sub(1.0, x)))


@operator(method=True, in_place=True, out=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)); with eps the input is first clamped to [eps, 1 - eps]."""
    return _logit(input, eps)


@operator(method=True, out=True)
@function
@in_floats
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)) without overflow."""
    x, y = together(input, other)
    return _log_of_sum(x, y, lambda gap: log1p(exp(gap)))


@operator(method=True, out=True)
@function
@in_floats
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2**input + 2**other) without overflow."""
    x, y = together(input, other)
    return _log_of_sum(x, y, lambda gap: mul(log1p(exp2(gap)), 1 / math.log(2)))


def _log_of_sum(x: Tensor, y: Tensor, rest: Callable[[Tensor], Tensor]) -> Tensor:
    infinite = apply(ops.and_, apply(ops.eq, x, y), elementwise_op(ops.eq, elementwise_op(ops.abs_, x), math.inf))
    left, right = (where(infinite, 0.0, each) for each in (x, y))  # whose difference would be NaN
    larger = where(elementwise_op(ops.ge, x, y), x, y)
    return where(infinite, x, add(larger, rest(minus_magnitude(sub(left, right)))))


@operator(method=True, in_place=True, out=True)
@function
@in_floats
def xlogy(input: Number, other: Number) -> Tensor:
    """input * log(other); 0 where input is 0, unless other is NaN."""
    require_a_tensor("xlogy", input, other)
    x, y = together(input, other)
    return product_with_log(x, y, log, 1.0)


def product_with_log(x: Tensor, y: Tensor, logarithm: Callable[[Tensor], Tensor], harmless: float) -> Tensor:
    """x * logarithm(y), and 0 where x is 0 and y a number; `harmless` is a number whose logarithm is finite."""
    vanishes = apply(ops.and_, elementwise_op(ops.eq, x, 0), apply(ops.eq, y, y))
    inner = where(vanishes, harmless, y)
    return where(vanishes, filled(x, 0), mul(x, logarithm(inner)))
