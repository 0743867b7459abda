"""Reading and writing at places that a tensor names. A place outside its axis is an error when the program runs.

What is written in one place is written in row-major order of the index: a later value meets what earlier ones left.
body, for SCATTER: (old, new) -> what a place holds after a value came. For CHECK: (element, bound) -> the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brasa.ir import dim, kernel
from brasa.ir.dim import Size
from brasa.ir.dtype import float32, int64
from brasa.ir.errors import BrasaError, DTypeError, IndexError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr
from brasa.ir.ops.elementwise import and_, cast, div, eq, mul, select
from brasa.ir.ops.source import full_like, iota
from brasa.ir.types import TensorType

_REAL = ("int", "uint", "float")
_ARITHMETIC = (*_REAL, "complex")


def _check_index(x: TensorType, index: TensorType, axis: int) -> None:
    if index.dtype is not int64:
        raise DTypeError(f"index is {index.dtype.name}, not i64")
    if not 0 <= axis < x.rank or index.rank != x.rank:
        raise ShapeError(f"index {index} must have the rank of x {x}, and axis {axis} must be one of x's")
    if not all(a == axis or dim.equal(n, m) for a, (n, m) in enumerate(zip(x.shape, index.shape, strict=True))):
        raise ShapeError(f"index {index} and x {x} may differ along axis {axis} only")


def _check_places(index: Any, size: int, least: int = 0) -> None:
    """IndexError for the first place in row-major order that is not in least..size-1."""
    bad = np.flatnonzero((np.asarray(index) < least) | (np.asarray(index) >= size))
    if bad.size:
        raise IndexError(f"index {np.asarray(index).flat[bad[0]]} is outside {least}..{size - 1}")


def _index_type(index: TensorType, *, bound: Size) -> TensorType:
    if index.dtype is not int64:
        raise DTypeError(f"index is {index.dtype.name}, not i64")
    if not dim.at_most(0, bound):
        raise ShapeError(f"an axis of size {bound} does not exist")
    return index


def _index_value(index: Any, *, bound: int) -> Any:
    _check_places(index, bound, -bound)
    return np.where(np.asarray(index) < 0, np.asarray(index) + bound, index)


def _index_body(index: Expr, bound: Expr) -> Expr:
    return kernel.select(index < 0, index + bound, index)


# Places along an axis of size `bound`, counted from its start; those that are negative count from its end. What several
# tensors name together is read at one flat place, made of these: so each is checked against its own axis.
index_ = Op("index", Kind.CHECK, ("index",), _index_type, _index_value, no_vjp="integers have no gradient",
            body=_index_body)  # fmt: skip


def _ensure_type(holds: TensorType, *, bound: Size, fact: str) -> TensorType:
    return _index_type(holds, bound=bound)


def _ensure_value(holds: Any, *, bound: int, fact: str) -> Any:
    if not np.all(holds):
        raise BrasaError(fact)
    return np.asarray(holds)


# 1 wherever something holds; 0 where it does not, which is an error that says the fact. The bound is 2.
ensure = Op("ensure", Kind.CHECK, ("holds",), _ensure_type, _ensure_value, no_vjp="integers have no gradient",
             body=lambda holds, bound: holds)  # fmt: skip


def _gather_type(x: TensorType, index: TensorType, *, axis: int, of: str = "") -> TensorType:
    _check_index(x, index, axis)
    return TensorType(index.shape, x.dtype, x.device)


def _gather_value(x: Any, index: Any, *, axis: int, of: str = "") -> Any:
    _check_places(index, x.shape[axis])
    return np.take_along_axis(np.asarray(x), np.asarray(index), axis)


def _gather_vjp(node: Node, g: Node) -> tuple[Node, None]:
    x, index = node.operands
    dtype = x.tensor.dtype
    if dtype.kind == "float" and dtype.bits < 32:  # many gradients may meet in one place: they are rounded once
        wide = scatter_add(full_like(x, 0, float32), index, cast(g, dtype=float32), axis=node.attrs["axis"])
        return cast(wide, dtype=dtype), None
    return scatter_add(full_like(x, 0), index, g, axis=node.attrs["axis"]), None


# result[..., i, ...] = x[..., index[..., i, ...], ...]: one place per element of the result. of: the function that
# reads, by which errors call it.
gather: Op = Op("gather", Kind.INDEX, ("x", "index"), _gather_type, _gather_value, _gather_vjp)


def _combining(
    name: str, kinds: tuple[str, ...], combine: Callable[[Any, Any, Any], None], body: Callable[[Expr, Expr], Expr],
    vjp: Callable[[Node, Node], tuple[Node | None, ...]],
) -> Op:  # fmt: skip
    def infer(x: TensorType, index: TensorType, value: TensorType, *, axis: int) -> TensorType:
        _check_index(x, index, axis)
        if value.dtype is not x.dtype:
            raise DTypeError(f"value is {value.dtype.name}, x is {x.dtype.name}")
        if x.dtype.kind not in kinds:
            raise DTypeError(f"is not defined for {x.dtype.name}")
        if value.rank != index.rank or not all(map(dim.equal, value.shape, index.shape)):
            raise ShapeError(f"value {value} and index {index} differ in shape")
        return x

    def evaluate(x: Any, index: Any, value: Any, *, axis: int) -> Any:
        _check_places(index, x.shape[axis])
        result = np.array(x)
        places = list(np.indices(np.shape(index), sparse=True))
        places[axis] = np.asarray(index)
        combine(result, tuple(places), np.asarray(value))
        return result

    return Op(name, Kind.SCATTER, ("x", "index", "value"), infer, evaluate, vjp, body=body)


def _read(x: Node, node: Node) -> Node:
    """What a tensor of the result's shape holds at the places of the index."""
    return gather(x, node.operands[1], axis=node.attrs["axis"])


def _add_vjp(node: Node, g: Node) -> tuple[Node, None, Node]:
    return g, None, _read(g, node)


# x with value added at the places that index names.
scatter_add: Op = _combining(
    "scatter_add", _ARITHMETIC, np.add.at, lambda old, new: old + new, _add_vjp,
)  # fmt: skip


def _write(result: Any, places: Any, value: Any) -> None:
    result[places] = value


def _scatter_vjp(node: Node, g: Node) -> tuple[Node, None, Node]:
    _, index, value = node.operands
    axis = node.attrs["axis"]
    kept = scatter(g, index, full_like(value, 0), axis=axis)
    number = iota(axis=axis, type=index.tensor)
    last = scatter(full_like(node, -1, int64), index, number, axis=axis)
    return kept, None, select(eq(_read(last, node), number), _read(g, node), full_like(value, 0))


# x with value written at the places that index names; of several values for one place the last one stays.
scatter: Op = _combining("scatter", ("bool", *_ARITHMETIC), _write, lambda old, new: new, _scatter_vjp)


def _mul_vjp(node: Node, g: Node) -> tuple[Node, None, Node]:
    """The product of the other factors: by division where no factor is 0, else 0 but for an only factor that is 0."""
    x, index, value = node.operands
    axis = node.attrs["axis"]
    one, x_one = full_like(value, 1), full_like(x, 1)
    is_zero, x_is_zero = eq(value, full_like(value, 0)), eq(x, full_like(x, 0))
    zeros = scatter_add(cast(x_is_zero, dtype=int64), index, cast(is_zero, dtype=int64), axis=axis)
    rest = scatter_mul(select(x_is_zero, x_one, x), index, select(is_zero, one, value), axis=axis)

    def share(factor: Node, is_zero: Node, one: Node, zeros: Node, rest: Node, g: Node) -> Node:
        alone = and_(is_zero, eq(zeros, full_like(zeros, 1)))
        none = eq(zeros, full_like(zeros, 0))
        others = select(none, div(rest, select(is_zero, one, factor)), full_like(factor, 0))
        return mul(g, select(alone, rest, others))

    mine = (_read(zeros, node), _read(rest, node), _read(g, node))
    return share(x, x_is_zero, x_one, zeros, rest, g), None, share(value, is_zero, one, *mine)


# x multiplied by value at the places that index names.
scatter_mul: Op = _combining(
    "scatter_mul", _ARITHMETIC, np.multiply.at, lambda old, new: old * new, _mul_vjp,
)  # fmt: skip


def _extremum_vjp(node: Node, g: Node) -> tuple[Node, None, Node]:
    """Equal shares for all that hold the extreme value."""
    x, index, value = node.operands
    wins, x_wins = eq(value, _read(node, node)), eq(x, node)
    winners = scatter_add(cast(x_wins, dtype=x.tensor.dtype), index, cast(wins, dtype=x.tensor.dtype),
                          axis=node.attrs["axis"])  # fmt: skip
    share = div(g, select(eq(winners, full_like(winners, 0)), full_like(winners, 1), winners))  # NaN wins over nobody
    return select(x_wins, share, full_like(x, 0)), None, select(wins, _read(share, node), full_like(value, 0))


# The larger (smaller) of x and of each value at the places that index names; NaN wins.
scatter_max: Op = _combining(
    "scatter_max", ("bool", *_REAL), np.maximum.at, kernel.maximum, _extremum_vjp,
)  # fmt: skip
scatter_min: Op = _combining(
    "scatter_min", ("bool", *_REAL), np.minimum.at, kernel.minimum, _extremum_vjp,
)  # fmt: skip


def reader(node: Node) -> str:
    """What errors call a node of a CHECKED kind: the function that was called, if that is known, else the op."""
    return node.attrs.get("of") or node.op.name


def checked(node: Node) -> tuple[int, Size, Size]:
    """What a node of a CHECKED kind checks: the number of its operand, the least that may be there, and the bound."""
    if node.op.kind is Kind.CHECK:
        bound = node.attrs["bound"]
        return 0, 1 if node.op is ensure else -bound, bound
    return 1, 0, node.operands[0].tensor.shape[node.attrs["axis"]]
