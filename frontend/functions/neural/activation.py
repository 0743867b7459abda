"""Activations: elementwise functions between layers. Gradients at kinks are PyTorch's."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from brasa.functions.arithmetic import abs, add, mul, neg, sub, true_divide
from brasa.functions.comparison import where
from brasa.functions.elementwise import filled, in_floats, widened
from brasa.functions.exponential import exp, expm1, log1p, minus_magnitude, sigmoid, softplus_of
from brasa.functions.extrema import clamp
from brasa.functions.extrema import relu as plain_relu
from brasa.functions.random_bits import draws_like
from brasa.functions.special import erf
from brasa.functions.trigonometry import tanh
from brasa.ir.errors import BrasaError, ValueError
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops.control import custom
from brasa.ir.ops.move import slice_
from brasa.random import next_draw
from brasa.tensors.inplace import in_place
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, elementwise_op, reshape, type_of


def _or_in_place(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with a last argument `inplace`: whether the result is written to the first argument's memory."""
    parameters = list(inspect.signature(call).parameters.values())
    write = in_place(call, f"{call.__name__}_")

    @functools.wraps(call)
    def activate(*args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        if len(args) > len(parameters):
            *args, inplace = args  # type: ignore[assignment]
        return (write if inplace else call)(*args, **kwargs)

    last = inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation="bool")
    activate.__signature__ = inspect.Signature([*parameters, last], return_annotation="Tensor")  # type: ignore[attr-defined]
    return activate


def _activation(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Register a function of floats that has an in-place form."""
    return operator(namespace="nn.functional")(_or_in_place(function(in_floats(build))))


def _kept(input: Tensor, low: Number, high: Number, value: Tensor) -> Tensor:
    """value where input is inside low..high, the bounds elsewhere; at and beyond them there is no gradient."""
    below, above = elementwise_op(ops.le, input, low), elementwise_op(ops.ge, input, high)
    return cast(where(below, low, where(above, high, value)), type_of(value).dtype)


relu = operator(namespace="nn.functional")(_or_in_place(plain_relu))


@function
def _hardtanh(input: Tensor, min_val: float, max_val: float) -> Tensor:
    return _kept(input, min_val, max_val, input)


@operator(namespace="nn.functional")
@_or_in_place
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Every element moved into [min_val, max_val]; ValueError where these are the wrong way round."""
    if min_val > max_val:
        raise ValueError(f"min_val {min_val} is above max_val {max_val}", op="hardtanh")
    return _hardtanh(input, min_val, max_val)


@operator(namespace="nn.functional")
@_or_in_place
@function
def relu6(input: Tensor) -> Tensor:
    """Every element moved into [0, 6]."""
    return _kept(input, 0, 6, input)


@_activation
def hardsigmoid(input: Tensor) -> Tensor:
    """(input + 3) / 6, kept in [0, 1]."""
    shifted = add(input, 3.0)
    return true_divide(_kept(shifted, 0.0, 6.0, shifted), 6.0)


@_activation
def hardswish(input: Tensor) -> Tensor:
    """input * hardsigmoid(input)."""
    curve = true_divide(mul(input, add(input, 3.0)), 6.0)
    low, high = elementwise_op(ops.le, input, -3.0), elementwise_op(ops.ge, input, 3.0)
    return where(low, 0.0, where(high, input, curve))


@operator(method=True, out=True)
@function
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input, and 0 where it is within lambd of 0."""
    within = elementwise_op(ops.and_, elementwise_op(ops.ge, input, neg(lambd)), elementwise_op(ops.le, input, lambd))
    return where(within, 0.0, input)


@function
def _softshrink(input: Tensor, lambd: float) -> Tensor:
    inner = mul(input, 0.0)  # NaN stays
    outer = where(elementwise_op(ops.lt, input, neg(lambd)), add(input, lambd), inner)
    return where(elementwise_op(ops.gt, input, lambd), sub(input, lambd), outer)


@operator(namespace="nn.functional", out=True)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved toward 0 by lambd, as far as 0; BrasaError for a negative lambd."""
    if not isinstance(lambd, Tensor) and lambd < 0:
        raise BrasaError(f"lambd must not be negative, it is {lambd}", op="softshrink")
    return _softshrink(input, lambd)


@operator(namespace="nn.functional")
@function
@in_floats
def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return sub(input, tanh(input))


@operator(namespace="nn.functional")
@_or_in_place
@function
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """The input where it exceeds the threshold, else value."""
    return where(elementwise_op(ops.le, input, threshold), value, input)


def _elu(input: Tensor, alpha: Number, scale: Number, slope: Number) -> Tensor:
    """scale * input above 0, scale * alpha * expm1(slope * input) elsewhere."""
    positive = elementwise_op(ops.gt, input, 0)
    below = mul(expm1(mul(where(positive, 0.0, input), slope)), alpha)
    return mul(where(positive, input, below), scale)


@_activation
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """The input above 0, alpha * (exp(input) - 1) elsewhere."""
    return _elu(input, alpha, 1.0, 1.0)


@_activation
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """The input above 0, alpha * (exp(input / alpha) - 1) elsewhere."""
    return _elu(input, alpha, 1.0, true_divide(1.0, alpha))


@_activation
def selu(input: Tensor) -> Tensor:
    """elu with the scale and alpha that keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    return _elu(input, 1.6732632423543772, 1.0507009873554805, 1.0)


@_activation
def silu(input: Tensor) -> Tensor:
    """input * sigmoid(input)."""
    return mul(input, sigmoid(input))


@_activation
def mish(input: Tensor) -> Tensor:
    """input * tanh(softplus(input))."""
    return mul(input, tanh(softplus_of(input)))


@function
@in_floats
def _gelu(input: Tensor, approximate: str) -> Tensor:
    half = mul(input, 0.5)
    if approximate == "tanh":
        x, factor = clamp(input, -50.0, 50.0), math.sqrt(2 / math.pi)  # beyond, tanh is 1, and powers need not overflow
        square = mul(x, x)
        bent = tanh(mul(add(x, mul(mul(square, x), 0.044715)), factor))
        twice = add(bent, 1)
        steepness = mul(mul(sub(1, mul(bent, bent)), add(mul(square, 3 * 0.044715 * factor), factor)), half)
    else:
        twice = add(erf(mul(input, math.sqrt(0.5))), 1)
        steepness = mul(input, mul(exp(neg(mul(input, half))), math.sqrt(0.5 / math.pi)))
    return _sloping(mul(half, twice), input, add(mul(twice, 0.5), steepness))


def _sloping(value: Tensor, input: Tensor, slope: Tensor) -> Tensor:
    """The value, whose gradient by the input is the slope times its own: all that has to be kept for it."""
    result, gradient = filled(input, 0), filled(input, 0)  # stand for what there is when gradients are made
    return apply(custom, value, input, result, gradient, mul(gradient, slope), outputs=1, values=1, once=False)


@operator(namespace="nn.functional", out=True)
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input times the normal distribution function of input; approximate="tanh" for the usual approximation."""
    if approximate not in ("none", "tanh"):
        raise BrasaError(f"approximate must be 'none' or 'tanh', not {approximate!r}", op="gelu")
    return _gelu(input, approximate)


@function
@in_floats
def _glu(input: Tensor, axis: int) -> Tensor:
    shape = type_of(input).shape
    half, rank = shape[axis] // 2, len(shape)
    sizes = (*shape[:axis], half, *shape[axis + 1 :])
    starts = tuple(half if each == axis else 0 for each in range(rank))
    value, gate = (apply(slice_, input, starts=at, sizes=sizes, steps=(1,) * rank) for at in ((0,) * rank, starts))
    return mul(value, sigmoid(gate))


@operator(namespace="nn.functional")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of its second half; BrasaError for an odd axis."""
    if input.ndim == 0:
        raise BrasaError("a zero-dim tensor has no halves", op="glu")
    axis = axis_of(dim, input.ndim, "glu")
    if input.shape[axis] % 2:
        raise BrasaError(f"axis {dim} has an odd size, {input.shape[axis]}", op="glu")
    return _glu(input, axis)


@function
def _prelu(input: Tensor, weight: Tensor, shared: bool) -> Tensor:
    rank = type_of(input).rank
    slope = reshape(weight, () if shared else (*type_of(weight).shape, *(1,) * (rank - 2)))
    return where(elementwise_op(ops.gt, input, 0), input, mul(slope, input))


@operator(method=True)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The input above 0, weight * input elsewhere; one weight for all or one for each channel (axis 1)."""
    if weight.ndim > 1:
        raise BrasaError(f"weight has {weight.ndim} axes, it may have one", op="prelu")
    shared = weight.ndim == 0 or weight.shape[0] == 1
    if not shared and (input.ndim < 2 or input.shape[1] != weight.shape[0]):
        raise BrasaError(f"{weight.shape[0]} weights do not fit an input of shape {list(input.shape)}", op="prelu")
    return _prelu(input, weight, shared)


@operator(namespace="nn.functional")
@_or_in_place
@function
@widened
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """input where it is positive, else negative_slope * input."""
    return where(elementwise_op(ops.gt, input, 0), input, mul(input, negative_slope))


@function
def _rrelu(input: Tensor, lower: float, upper: float, seed: Number, call: Number) -> Tensor:
    slope = add(mul(draws_like(input, seed, call).uniform(type_of(input).dtype), sub(upper, lower)), lower)
    return where(elementwise_op(ops.gt, input, 0), input, mul(input, slope))


@operator()
@_or_in_place
def rrelu(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """leaky_relu with a slope between lower and upper: at random for each element in training, else their mean."""
    if lower > upper:
        raise BrasaError(f"lower {lower} is above upper {upper}", op="rrelu")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    return _rrelu(input, float(lower), float(upper), *next_draw())


@operator(namespace="nn.functional", out=True)
@function
@in_floats
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)) without overflow."""
    below = where(elementwise_op(ops.ge, input, 0), 0.0, input)
    return sub(below, log1p(exp(minus_magnitude(input))))


@operator(namespace="nn.functional", out=True)
@function
@in_floats
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, the input itself where beta * input exceeds the threshold."""
    scaled = mul(input, beta)
    linear = elementwise_op(ops.gt, scaled, threshold)
    return where(linear, input, true_divide(log1p(exp(where(linear, 0.0, scaled))), beta))


@operator(namespace="nn.functional")
@function
@in_floats
def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return true_divide(input, add(abs(input), 1.0))
