"""Trigonometric and hyperbolic functions, their inverses, and angles."""

from __future__ import annotations

import math

from brasa.functions.arithmetic import mul, true_divide
from brasa.functions.comparison import where
from brasa.functions.elementwise import binary, filled, in_floats, unary
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import special
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import elementwise_op

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "cos", "cosh", "deg2rad", "rad2deg", "sin", "sinc", "sinh", "tan", "tanh",
]  # fmt: skip

sin = unary(ops.sin, real=True, doc="The sine of each element, in radians.")
cos = unary(ops.cos, real=True, doc="The cosine of each element, in radians.")
tan = unary(special.tan, real=True, doc="The tangent of each element, in radians.")
asin = arcsin = unary(special.asin, real=True, doc="The angle in radians with this sine.", aliases=("arcsin",))
acos = arccos = unary(special.acos, real=True, doc="The angle in radians with this cosine.", aliases=("arccos",))
atan = arctan = unary(special.atan, real=True, doc="The angle in radians with this tangent.", aliases=("arctan",))
atan2 = arctan2 = binary(
    special.atan2, real=True, numbers="none", doc="The angle in radians of the point (other, input), from -pi to pi.",
    aliases=("arctan2",),
)  # fmt: skip
sinh = unary(special.sinh, real=True, doc="The hyperbolic sine of each element.")
cosh = unary(special.cosh, real=True, doc="The hyperbolic cosine of each element.")
tanh = unary(ops.tanh, real=True, doc="The hyperbolic tangent of each element.")
asinh = arcsinh = unary(special.asinh, real=True, doc="The inverse of sinh.", aliases=("arcsinh",))
acosh = arccosh = unary(special.acosh, real=True, doc="The inverse of cosh; NaN below 1.", aliases=("arccosh",))
atanh = arctanh = unary(special.atanh, real=True, doc="The inverse of tanh; NaN beyond 1.", aliases=("arctanh",))


@operator(method=True, in_place=True, out=True)
@function
@in_floats
def sinc(input: Tensor) -> Tensor:
    """sin(pi input) / (pi input), and 1 at 0."""
    at_zero = elementwise_op(ops.eq, input, 0)
    angle = mul(where(at_zero, 1.0, input), math.pi)
    return where(at_zero, filled(input, 1), true_divide(sin(angle), angle))


@operator(method=True, in_place=True, out=True)
@function
@in_floats
def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return mul(input, math.pi / 180)


@operator(method=True, in_place=True, out=True)
@function
@in_floats
def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return mul(input, 180 / math.pi)
