"""What functions of complex numbers are in terms of their parts: written with real ops, for the pass split_complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from brasa.ir.graph import Node
from brasa.ir.ops.elementwise import (
    abs_,
    add,
    and_,
    cos,
    div,
    eq,
    exp,
    ge,
    gt,
    log,
    log1p,
    lt,
    maximum,
    minimum,
    mul,
    neg,
    or_,
    select,
    sin,
    sqrt,
    sub,
    tanh,
)
from brasa.ir.ops.source import full_like
from brasa.ir.ops.special import atan2, hypot, tan

Pair: TypeAlias = tuple[Node, Node]  # the real and the imaginary part


def bilinear(op: Callable[[Node, Node], Node], lhs: Pair, rhs: Pair) -> Pair:
    """A product of any kind."""
    real = sub(op(lhs[0], rhs[0]), op(lhs[1], rhs[1]))
    return real, add(op(lhs[0], rhs[1]), op(lhs[1], rhs[0]))


def quotient(lhs: Pair, rhs: Pair) -> Pair:
    """The larger part of the divisor is divided by, so that no square of it over- or underflows (Smith 1962)."""
    wide = ge(abs_(rhs[0]), abs_(rhs[1]))
    large, small = select(wide, rhs[0], rhs[1]), select(wide, rhs[1], rhs[0])
    is_zero = eq(large, full_like(large, 0))
    ratio = select(is_zero, small, div(small, select(is_zero, full_like(large, 1), large)))
    scale = add(large, mul(small, ratio))
    first, second = select(wide, lhs[0], lhs[1]), select(wide, lhs[1], lhs[0])
    real = div(add(first, mul(second, ratio)), scale)
    along, across = mul(lhs[0], ratio), mul(lhs[1], ratio)
    imaginary = select(wide, sub(lhs[1], along), sub(across, lhs[0]))
    return real, div(imaginary, scale)


def exponential(x: Pair) -> Pair:
    """e**a (cos b + i sin b); of a real number it is one, also where e**a is infinite."""
    size = exp(x[0])
    is_real = eq(x[1], full_like(x[1], 0))
    return mul(size, cos(x[1])), select(is_real, x[1], mul(size, sin(x[1])))


def logarithm(x: Pair) -> Pair:
    """log |x| + i times the angle; near |x| = 1 without the cancellation in log."""
    one = full_like(x[0], 1)
    size = hypot(*x)
    large, small = maximum(abs_(x[0]), abs_(x[1])), minimum(abs_(x[0]), abs_(x[1]))
    above = add(mul(sub(large, one), add(large, one)), mul(small, small))
    is_near = and_(gt(size, full_like(size, 0.5)), lt(size, full_like(size, 2)))
    precise = mul(log1p(select(is_near, above, full_like(above, 0))), full_like(above, 0.5))
    return select(is_near, precise, log(size)), atan2(x[1], x[0])


def square_root(x: Pair) -> Pair:
    """The root with a real part that is not negative; both parts without cancellation (Kahan 1987)."""
    zero, half = full_like(x[0], 0), full_like(x[0], 0.5)
    root = sqrt(add(mul(abs_(x[0]), half), mul(hypot(*x), half)))
    is_zero = eq(root, zero)
    other = select(is_zero, zero, div(mul(abs_(x[1]), half), select(is_zero, full_like(root, 1), root)))
    is_right = ge(x[0], zero)
    below = or_(lt(x[1], zero), lt(div(full_like(x[1], 1), x[1]), zero))  # -0, too
    height = select(is_right, other, root)
    return select(is_right, root, other), select(below, neg(height), height)


def hyperbolic_tangent(x: Pair) -> Pair:
    """(s + i t) / (1 + i s t) for s = tanh a and t = tan b: nothing in it overflows."""
    s, t, one = tanh(x[0]), tan(x[1]), full_like(x[0], 1)
    scale = add(one, mul(mul(s, s), mul(t, t)))
    real = div(mul(s, add(one, mul(t, t))), scale)
    return real, div(mul(t, sub(one, mul(s, s))), scale)
