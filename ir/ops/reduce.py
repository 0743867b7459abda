"""Reductions: elements along some axes combine to one; those axes are gone from the result. And expand, the way back.

body(dtype) -> Combiner: what one element contributes, and how two partial results meet; of expand, as of any view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from brasa.ir import dim, kernel
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, float32, from_numpy, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr, Number, as_expr
from brasa.ir.ops.elementwise import div, eq, mul, select
from brasa.ir.ops.source import full_like
from brasa.ir.ops.view import Index, SizeExpr, reshape
from brasa.ir.types import TensorType

State = tuple[Expr, ...]


@dataclass(frozen=True)
class Combiner:
    """A reduction over states of one or more scalars.

    dtypes, init: of each scalar of the state, before any element.
    lift: (element, its flat position among the reduced ones) -> its state.
    combine: two states -> their combination, the earlier one first. result: state -> element of the result.
    exact: whether nothing is rounded, so that the result does not depend on which neighbours combine first.
    """

    dtypes: tuple[DType, ...]
    init: tuple[Number, ...]
    lift: Callable[[Expr, Expr], State]
    combine: Callable[[State, State], State]
    result: Callable[[State], Expr]
    exact: bool = False


def _expand_type(x: TensorType, *, shape: tuple[Size, ...], unknown: tuple[int, ...] = ()) -> TensorType:
    missing = len(shape) - x.rank
    if missing < 0:
        raise ShapeError(f"{x} has more axes than the shape [{','.join(map(str, shape))}]")
    for axis, (have, want) in enumerate(zip(x.shape, shape[missing:], strict=True)):
        if have == want or dim.resolved(have) == 1:
            continue
        if not (dim.equal(have, want) or dim.equal(have, 1)):
            raise ShapeError(f"axis {axis} of {x} is {have}; only 1 can be expanded to {want}")
    return TensorType(shape, x.dtype, x.device)


def _expand_body(
    index: Index, source: TensorType, result: TensorType, size: SizeExpr, *, shape: Any, unknown: Any = ()
) -> Index:
    kept = index[len(index) - source.rank :]
    return tuple(as_expr(0, int64) if have == 1 else i for i, have in zip(kept, source.shape, strict=True))


def repeated_axes(
    source: Sequence[Size], shape: Sequence[Size], unknown: Container[int] = ()
) -> tuple[tuple[int, ...], Op]:
    """The axes that an expand adds or repeats, and the sum over them that its gradient is."""
    missing = len(shape) - len(source)
    axes = tuple(
        a for a, want in enumerate(shape) if a < missing or a in unknown or (source[a - missing] == 1 and want != 1)
    )
    return axes, sum_ if missing else sum_copies


def _still_unknown(node: Node, attrs: dict[str, Any]) -> dict[str, Any]:
    """The axes whose size was a name, for the order of a sum hangs on how many axes it has, those of size 1 too."""
    repeated, _ = repeated_axes(node.operands[0].tensor.shape, node.tensor.shape, node.attrs.get("unknown", ()))
    kept = tuple(a for a in repeated if attrs["shape"][a] == 1 and a >= node.tensor.rank - node.operands[0].tensor.rank)
    return attrs | {"unknown": kept} if kept else attrs


def _expand_vjp(node: Node, g: Node) -> tuple[Node]:
    source = node.operands[0].tensor.shape
    axes, total = repeated_axes(source, node.tensor.shape, node.attrs.get("unknown", ()))
    summed = total(g, axes=axes) if axes else g
    return (reshape(summed, shape=source) if summed.tensor.shape != source else summed,)


def _expand_batch(node: Node, operands: tuple[Node], which: Any, size: Size) -> Node:
    shape, own = node.attrs["shape"], operands[0].tensor.shape[1:]
    aligned = (size, *(1,) * (len(shape) - len(own)), *own)
    unknown = tuple(a + 1 for a in node.attrs.get("unknown", ()))
    return expand(
        reshape(operands[0], shape=aligned), shape=(size, *shape), **({"unknown": unknown} if unknown else {})
    )


# Right-aligned, as broadcasting is: new axes come first, and axes of size 1 are repeated. unknown: axes of size 1
# that count as repeated, because their size was a name where the expand was written.
expand = Op(
    "expand", Kind.VIEW, ("x",), _expand_type, lambda x, shape, unknown=(): np.broadcast_to(x, shape), _expand_vjp,
    body=_expand_body, batch=_expand_batch, resized=_still_unknown,
)  # fmt: skip


def repeated(x: Node, size: Size) -> Node:
    """x for each of so many samples, along a new first axis."""
    return expand(x, shape=(size, *x.tensor.shape))


def _reduced(x: TensorType, axes: Sequence[int], dtype: DType) -> TensorType:
    if sorted(set(axes)) != list(axes) or any(not 0 <= axis < x.rank for axis in axes):
        raise ShapeError(f"axes {list(axes)} are not distinct, ascending axes of {x}")
    return TensorType(tuple(n for axis, n in enumerate(x.shape) if axis not in axes), dtype, x.device)


def _numeric(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    if x.dtype.kind == "bool":
        raise DTypeError("is not defined for bool")
    return _reduced(x, axes, x.dtype)


def restore(reduced: Node, axes: tuple[int, ...], like: Node) -> Node:
    """A reduced value spread again over the axes that were reduced."""
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(like.tensor.shape))
    return expand(reshape(reduced, shape=kept), shape=like.tensor.shape)


def _accumulator(dtype: DType) -> DType:
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


def simple(init: Number, combine: Callable[[Expr, Expr], Expr]) -> Callable[[DType], Combiner]:
    """The body of an op whose state is one scalar: elements themselves, combined in their accumulator."""

    def body(dtype: DType) -> Combiner:
        state = _accumulator(dtype)
        return Combiner(
            (state,), (init,), lambda x, _: (kernel.cast(x, state),), lambda a, b: (combine(a[0], b[0]),),
            lambda s: kernel.cast(s[0], dtype),
        )  # fmt: skip

    return body


def _sum_vjp(node: Node, g: Node) -> tuple[Node]:
    return (restore(g, node.attrs["axes"], node.operands[0]),)


def _wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's reduction, in the dtype that brasa accumulates in."""

    def evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        x = np.asarray(x)
        narrow = x.dtype.itemsize == 2 and x.dtype.kind not in "iu"
        return function(x, axis=axes, dtype=np.float32 if narrow else x.dtype).astype(x.dtype)

    return evaluate


sum_ = Op("sum", Kind.REDUCE, ("x",), _numeric, _wide(np.sum), _sum_vjp, body=simple(0, lambda a, b: a + b))


def _copies_value(x: Any, *, axes: tuple[int, ...]) -> Any:
    none = complex(-0.0, -0.0) if x.dtype.kind == "c" else 0 if x.dtype.kind in "iu" else -0.0
    return _wide(partial(np.sum, initial=none))(x, axes=axes)


# The sum over copies of an element: if there is but one copy, it is that, as where nothing is copied. So it must not
# begin with +0.0, which makes +0.0 of -0.0: an unknown size may be 1.
sum_copies = Op("sum_copies", Kind.REDUCE, ("x",), _numeric, _copies_value, _sum_vjp,
                body=lambda dtype: simple(-0.0 if dtype.kind == "float" else 0, lambda a, b: a + b)(dtype))  # fmt: skip


def check_real(x: TensorType) -> None:
    """Raise DTypeError for what partial products of one scalar each cannot be made of."""
    if x.dtype.kind in ("bool", "complex"):
        raise DTypeError(f"is not defined for {x.dtype.name}")


def _product_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    check_real(x)
    return _reduced(x, axes, x.dtype)


def _prod_vjp(node: Node, g: Node) -> tuple[Node]:
    """Each element's gradient is the product of the others: with exactly one zero only that element has one.

    At a zero this gradient is right, but has no gradient of its own.
    """
    x, axes = node.operands[0], node.attrs["axes"]
    zero, one = full_like(x, 0), full_like(x, 1)
    is_zero = eq(x, zero)
    filled = prod(select(is_zero, one, x), axes=axes)
    zeros = sum_(select(is_zero, one, zero), axes=axes)
    spread = restore(mul(g, filled), axes, x)
    count = restore(zeros, axes, x)
    whole = select(eq(count, zero), div(spread, select(is_zero, one, x)), zero)
    return (select(is_zero, select(eq(count, one), spread, zero), whole),)


prod = Op("prod", Kind.REDUCE, ("x",), _product_type, _wide(np.prod), _prod_vjp, body=simple(1, lambda a, b: a * b))


def check_ordered(x: TensorType) -> None:
    """Raise DTypeError for elements of which none is the largest."""
    if x.dtype.kind == "complex":
        raise DTypeError(f"is not defined for {x.dtype.name}")


def _extremum_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    check_ordered(x)
    return _reduced(x, axes, x.dtype)


def lowest(dtype: DType) -> Number:
    """The value that no other is below."""
    if dtype.kind == "bool":
        return False
    return float("-inf") if dtype.kind == "float" else 0 if dtype.kind == "uint" else -(1 << (dtype.bits - 1))


def highest(dtype: DType) -> Number:
    """The value that no other is above."""
    if dtype.kind == "bool":
        return True
    return float("inf") if dtype.kind == "float" else (1 << (dtype.bits - (dtype.kind == "int"))) - 1


def _extremum_vjp(node: Node, g: Node) -> tuple[Node]:
    """Elements that attain the extremum share the gradient evenly, as PyTorch's amax and amin do."""
    x, axes = node.operands[0], node.attrs["axes"]
    hit = eq(x, restore(node, axes, x))
    share = select(hit, full_like(x, 1), full_like(x, 0))
    count = sum_(share, axes=axes)
    return (mul(share, restore(div(g, count), axes, x)),)


def _extremum_body(init: Callable[[DType], Number], combine: Callable[..., Expr]) -> Callable[[DType], Combiner]:
    return lambda dtype: Combiner(
        (dtype,), (init(dtype),), lambda x, _: (x,), lambda a, b: (combine(a[0], b[0]),), lambda s: s[0], exact=True
    )


def _extremum_value(function: Callable[..., Any], of_none: Callable[[DType], Number]) -> Callable[..., Any]:
    def evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        x = np.asarray(x)
        return function(x, axis=axes, initial=np.asarray(of_none(from_numpy(x.dtype)), x.dtype))

    return evaluate


# Of no elements: the least and the greatest value of the dtype.
max_ = Op("max", Kind.REDUCE, ("x",), _extremum_type, _extremum_value(np.max, lowest), _extremum_vjp,
          body=_extremum_body(lowest, kernel.maximum))  # fmt: skip
min_ = Op("min", Kind.REDUCE, ("x",), _extremum_type, _extremum_value(np.min, highest), _extremum_vjp,
          body=_extremum_body(highest, kernel.minimum))  # fmt: skip


def _index_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    check_ordered(x)
    return _reduced(x, axes, int64)


def _arg_value(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        x = np.asarray(x)
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        shape, count = [x.shape[axis] for axis in kept], math.prod(x.shape[axis] for axis in axes)
        flat = np.transpose(x, (*kept, *axes)).reshape([*shape, count])
        return function(flat, axis=-1) if count else np.full(shape, -1)

    return evaluate


def _arg_body(init: Callable[[DType], Number], better: Callable[[Expr, Expr], Expr]) -> Callable[[DType], Combiner]:
    def combine(a: State, b: State) -> State:
        """The better value; of equal ones the earlier place; a NaN is better than anything. Places >= 0 are real."""
        nan_a, nan_b = kernel.ne(a[0], a[0]), kernel.ne(b[0], b[0])
        empty_a, empty_b = a[1] < 0, b[1] < 0
        earlier = kernel.select(kernel.eq(a[0], b[0]) | (nan_a & nan_b), b[1] < a[1], better(b[0], a[0]))
        wins = kernel.select(nan_a ^ nan_b, nan_b, earlier)
        take_b = (wins | empty_a) & ~empty_b
        return kernel.select(take_b, b[0], a[0]), kernel.select(take_b, b[1], a[1])

    return lambda dtype: Combiner(
        (dtype, int64), (init(dtype), -1), lambda x, position: (x, position), combine, lambda s: s[1]
    )


# The flat place among the reduced axes, of the first of equal ones; NaN is better than anything. Of no elements: -1.
argmax = Op("argmax", Kind.REDUCE, ("x",), _index_type, _arg_value(np.argmax), no_vjp="a place has no gradient",
            body=_arg_body(lowest, lambda a, b: a > b))  # fmt: skip
argmin = Op("argmin", Kind.REDUCE, ("x",), _index_type, _arg_value(np.argmin), no_vjp="a place has no gradient",
            body=_arg_body(highest, lambda a, b: a < b))  # fmt: skip
