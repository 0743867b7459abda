"""Cumulative ops: each element combined with all before it along an axis; with `reverse`, with all after it.

body(dtype) -> Combiner, as of reductions. The order is fixed: chunks of 256 elements combine by themselves, one element
after the other; what came before a chunk is combined in front of each of its results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brasa.ir import kernel, mathematics
from brasa.ir.dtype import DType, float32, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr
from brasa.ir.ops.elementwise import add, and_, div, eq, exp, gt, log, lt, mul, neg, select, sub
from brasa.ir.ops.order import ascending_key, key_dtype
from brasa.ir.ops.reduce import Combiner, State, check_ordered, check_real, simple
from brasa.ir.ops.source import full_like
from brasa.ir.types import TensorType


def _along(x: TensorType, axis: int, dtype: DType) -> TensorType:
    if not 0 <= axis < x.rank:
        raise ShapeError(f"axis {axis} of {x} does not exist")
    return TensorType(x.shape, dtype, x.device)


def _numeric(x: TensorType, *, axis: int, reverse: bool) -> TensorType:
    if x.dtype.kind == "bool":
        raise DTypeError("is not defined for bool")
    return _along(x, axis, x.dtype)


def _accumulate(function: np.ufunc) -> Callable[..., Any]:
    """NumPy's running function, in the dtype that brasa accumulates in."""

    def evaluate(x: Any, *, axis: int, reverse: bool) -> Any:
        x = np.asarray(x)
        wide = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x
        way = np.flip(wide, axis) if reverse else wide
        made = function.accumulate(way, axis=axis, dtype=wide.dtype)
        return (np.flip(made, axis) if reverse else made).astype(x.dtype)

    return evaluate


def _sum_vjp(node: Node, g: Node) -> tuple[Node]:
    return (cumsum(g, axis=node.attrs["axis"], reverse=not node.attrs["reverse"]),)


cumsum = Op("cumsum", Kind.CUMULATE, ("x",), _numeric, _accumulate(np.add), _sum_vjp,
            body=simple(0, lambda a, b: a + b))  # fmt: skip


def _product_type(x: TensorType, *, axis: int, reverse: bool) -> TensorType:
    check_real(x)
    return _along(x, axis, x.dtype)


def _prod_vjp(node: Node, g: Node) -> tuple[Node]:
    """Before the first zero the products that hold an element, divided by it; at it, the products without it.

    What comes after the first zero has no gradient. At a zero this gradient is right, but has no gradient of its own.
    """
    x, attrs = node.operands[0], dict(node.attrs)
    back = {**attrs, "reverse": not attrs["reverse"]}
    zero, one = full_like(x, 0), full_like(x, 1)
    is_zero = eq(x, zero)
    zeros = cumsum(select(is_zero, one, zero), **attrs)
    is_first = and_(is_zero, eq(zeros, one))
    others = cumprod(select(is_first, one, x), **attrs)
    before = div(cumsum(mul(g, node), **back), select(is_zero, one, x))
    at = select(is_first, cumsum(mul(g, others), **back), zero)
    return (select(eq(zeros, zero), before, at),)


cumprod = Op("cumprod", Kind.CUMULATE, ("x",), _product_type, _accumulate(np.multiply), _prod_vjp,
             body=simple(1, lambda a, b: a * b))  # fmt: skip


def _place_type(x: TensorType, *, axis: int, reverse: bool) -> TensorType:
    check_ordered(x)
    return _along(x, axis, int64)


def _place_value(better: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def evaluate(x: Any, *, axis: int, reverse: bool) -> Any:
        rows = np.moveaxis(np.asarray(x), axis, -1)
        result = np.zeros(rows.shape, np.int64)
        for at in np.ndindex(rows.shape[:-1]):
            best = -1
            for place in reversed(range(rows.shape[-1])) if reverse else range(rows.shape[-1]):
                value, top = rows[at][place], rows[at][best]
                if best < 0 or np.isnan(value) or (not np.isnan(top) and better(value, top)):
                    best = place
                result[at][place] = best
        return np.moveaxis(result, -1, axis)

    return evaluate


def _place_body(lift: Callable[[Expr], Expr], start: int, better: Callable[[Expr, Expr], Expr]) -> Callable[..., Any]:
    """States are (key, place). Comparing integers takes less time than floats, and each waits for the one before it."""

    def combine(a: State, b: State) -> State:
        take_b = better(b[0], a[0])
        return kernel.select(take_b, b[0], a[0]), kernel.select(take_b, b[1], a[1])

    def body(dtype: DType) -> Combiner:
        key = key_dtype(dtype)
        init = (start % (1 << key.bits), -1)
        return Combiner((key, int64), init, lambda x, place: (lift(x), place), combine, lambda s: s[1], exact=True)

    return body


def _key_of_least(x: Expr) -> Expr:
    """The ascending key, but with NaN first."""
    return ascending_key(x) + 1 if x.dtype.kind == "float" else ascending_key(x)


# The place of the best element so far, of the last of equal ones; NaN is better than anything.
cumargmax = Op("cumargmax", Kind.CUMULATE, ("x",), _place_type, _place_value(lambda a, b: a >= b),
               no_vjp="a place has no gradient",
               body=_place_body(ascending_key, 0, lambda a, b: a >= b))  # fmt: skip
cumargmin = Op("cumargmin", Kind.CUMULATE, ("x",), _place_type, _place_value(lambda a, b: a <= b),
               no_vjp="a place has no gradient",
               body=_place_body(_key_of_least, -1, lambda a, b: a <= b))  # fmt: skip


def _float_type(x: TensorType, *, axis: int, reverse: bool) -> TensorType:
    if x.dtype.kind != "float":
        raise DTypeError(f"is not defined for {x.dtype.name}")
    return _along(x, axis, x.dtype)


def _logcumsumexp_body(dtype: DType) -> Combiner:
    """The largest so far, and the sum of exponentials over that of the largest, which so never overflows."""
    state = float32 if dtype.bits < 32 else dtype

    def finite(top: Expr) -> Expr:
        return kernel.select(kernel.eq(top - top, 0.0), top, 0.0)

    def combine(a: State, b: State) -> State:
        top = kernel.maximum(a[0], b[0])
        shift = finite(top)
        return top, a[1] * mathematics.exp(a[0] - shift) + b[1] * mathematics.exp(b[0] - shift)

    return Combiner(
        (state, state), (float("-inf"), 0), lambda x, _: (kernel.cast(x, state), kernel.const(1, state)), combine,
        lambda s: kernel.cast(mathematics.log(s[1]) + finite(s[0]), dtype),
    )  # fmt: skip


def _logcumsumexp_vjp(node: Node, g: Node) -> tuple[Node]:
    """exp(x) times the sums of g / exp(result) over all that an element is in, the two signs of g in logarithms.

    So it overflows no sooner than the result.
    """
    x, zero = node.operands[0], full_like(g, 0)
    least = full_like(g, float("-inf"))
    back = {**node.attrs, "reverse": not node.attrs["reverse"]}

    def part(holds: Node, size: Node) -> Node:
        inverse = select(holds, sub(log(select(holds, size, full_like(g, 1))), node), least)
        return exp(add(logcumsumexp(inverse, **back), x))

    return (sub(part(gt(g, zero), g), part(lt(g, zero), neg(g))),)


# A composition over the maximum of a whole row would lose all elements that lie far below it.
logcumsumexp = Op("logcumsumexp", Kind.CUMULATE, ("x",), _float_type, _accumulate(np.logaddexp), _logcumsumexp_vjp,
                  body=_logcumsumexp_body)  # fmt: skip
