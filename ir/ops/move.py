"""Moves: each element of the result is one element of one of several operands, chosen by its place. And slice, which
reads what update writes.

body(index, operand types, result type, size, **attrs) -> cases (condition, operand number, index), the last one
with condition None; the first case that holds gives the element. That of slice is as of any view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr, const, eq
from brasa.ir.ops.elementwise import select, sub
from brasa.ir.ops.reduce import expand, repeated, sum_
from brasa.ir.ops.source import full, full_like
from brasa.ir.ops.view import Index, SizeExpr, reshape
from brasa.ir.types import TensorType

Case: TypeAlias = tuple[Expr | None, int, Index]


def _slice_type(
    x: TensorType, *, starts: tuple[Size, ...], sizes: tuple[Size, ...], steps: tuple[int, ...]
) -> TensorType:
    if not len(starts) == len(sizes) == len(steps) == x.rank:
        raise ShapeError(f"starts, sizes and steps must have one entry per axis of {x}")
    for axis, (start, size, step) in enumerate(zip(starts, sizes, steps, strict=True)):
        if start == 0 and step == 1 and size == x.shape[axis]:
            continue
        if step == 0 or not dim.at_most(0, size):
            raise ShapeError(f"cannot take {size} elements {step} apart from axis {axis} of {x}")
        last = start + (size - 1) * step
        low, high = (start, last) if step > 0 else (last, start)
        if size != 0 and not (dim.at_most(0, low) and dim.at_most(high + 1, x.shape[axis])):
            raise ShapeError(f"elements {low} to {high} are not all within axis {axis} of {x}")
    return TensorType(sizes, x.dtype, x.device)


def _slice_value(x: Any, *, starts: Any, sizes: Any, steps: Any) -> Any:
    for axis, (start, size, step) in enumerate(zip(starts, sizes, steps, strict=True)):
        x = np.take(x, start + step * np.arange(size), axis=axis)
    return x


def _slice_body(
    index: Index, source: TensorType, result: TensorType, size: SizeExpr, *, starts: Any, sizes: Any, steps: Any
) -> Index:
    return tuple(
        (i if step == 1 else i * step) + size(start) if start != 0 else (i if step == 1 else i * step)
        for i, start, step in zip(index, starts, steps, strict=True)
    )


def _slice_vjp(node: Node, g: Node) -> tuple[Node]:
    attrs = node.attrs
    return (update(full_like(node.operands[0], 0), g, starts=attrs["starts"], steps=attrs["steps"]),)


# `sizes` elements of each axis from `starts` on, `steps` apart (negative steps walk backwards: flip).
slice_ = Op(
    "slice", Kind.VIEW, ("x",), _slice_type, _slice_value, _slice_vjp, body=_slice_body,
)  # fmt: skip


def _pad_type(x: TensorType, value: TensorType, *, low: tuple[Size, ...], high: tuple[Size, ...]) -> TensorType:
    if value.shape or value.dtype is not x.dtype:
        raise DTypeError(f"the padding value must be a scalar of dtype {x.dtype.name}, it is {value}")
    if not len(low) == len(high) == x.rank:
        raise ShapeError(f"low and high must have one entry per axis of {x}")
    if not all(dim.at_most(0, size) for size in (*low, *high)):
        raise ShapeError(f"cannot pad by less than nothing: low {list(low)}, high {list(high)}")
    return TensorType(tuple(n + a + b for n, a, b in zip(x.shape, low, high, strict=True)), x.dtype, x.device)


def _pad_value(x: Any, value: Any, *, low: Any, high: Any) -> Any:
    result = np.full([n + a + b for n, a, b in zip(np.shape(x), low, high, strict=True)], value, np.asarray(x).dtype)
    result[tuple(slice(a, a + n) for n, a in zip(np.shape(x), low, strict=True))] = x
    return result


def _pad_body(
    index: Index, sources: Sequence[TensorType], result: TensorType, size: SizeExpr, *, low: Any, high: Any
) -> tuple[Case, ...]:
    inside: Expr = const(True, bool_)
    for i, extent, before, after in zip(index, sources[0].shape, low, high, strict=True):
        if before != 0:
            inside = inside & (size(before) <= i)
        if after != 0:
            inside = inside & (i < size(before + extent))
    return (inside, 0, tuple(i - size(before) for i, before in zip(index, low, strict=True))), (None, 1, ())


def _pad_vjp(node: Node, g: Node) -> tuple[Node, Node | None]:
    x, low = node.operands[0], node.attrs["low"]
    inner = slice_(g, starts=low, sizes=x.tensor.shape, steps=(1,) * x.tensor.rank)
    axes = tuple(range(x.tensor.rank))
    border = sub(sum_(g, axes=axes), sum_(inner, axes=axes)) if node.operands[1].op.name != "constant" else None
    return inner, border


def _pad_batch(node: Node, operands: tuple[Node, Node], which: tuple[bool, bool], size: Size) -> Node:
    """Where each sample has a padding value of its own, that is put around zeros."""
    x, value = operands
    x = x if which[0] else repeated(x, size)
    sides = {key: (0, *node.attrs[key]) for key in ("low", "high")}
    if not which[1]:
        return pad(x, value, **sides)
    nothing = full(TensorType((), bool_, x.tensor.device), False)
    inside = pad(full_like(x, True, bool_), nothing, **sides)
    padded = pad(x, full(TensorType((), x.tensor.dtype, x.tensor.device), 0), **sides)
    border = expand(reshape(value, shape=(size, *(1,) * (x.tensor.rank - 1))), shape=padded.tensor.shape)
    return select(inside, padded, border)


# `low` and `high` elements of a scalar value before and after each axis; not negative.
pad = Op("pad", Kind.MOVE, ("x", "value"), _pad_type, _pad_value, _pad_vjp, body=_pad_body, batch=_pad_batch)


def _concat_type(*xs: TensorType, axis: int) -> TensorType:
    if not xs:
        raise ShapeError("needs one tensor or more")
    first = xs[0]
    if not 0 <= axis < first.rank:
        raise ShapeError(f"axis {axis} of {first} does not exist")
    for number, x in enumerate(xs):
        if x.dtype is not first.dtype:
            raise DTypeError(f"operand {number} is {x.dtype.name}, operand 0 is {first.dtype.name}")
        same = x.rank == first.rank and all(
            a == axis or dim.equal(n, m) for a, (n, m) in enumerate(zip(x.shape, first.shape, strict=True))
        )
        if not same:
            raise ShapeError(f"operand {number} is {x}, operand 0 is {first}: they may differ along axis {axis} only")
    total: Size = 0
    for x in xs:
        total = total + x.shape[axis]
    return TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype, first.device)


def _concat_body(
    index: Index, sources: Sequence[TensorType], result: TensorType, size: SizeExpr, *, axis: int
) -> tuple[Case, ...]:
    cases: list[Case] = []
    begin: Size = 0
    for number, source in enumerate(sources):
        end = begin + source.shape[axis]
        local = (*index[:axis], index[axis] - size(begin), *index[axis + 1 :]) if begin != 0 else index
        cases.append((index[axis] < size(end) if number < len(sources) - 1 else None, number, local))
        begin = end
    return tuple(cases)


def _concat_vjp(node: Node, g: Node) -> tuple[Node, ...]:
    axis, rank = node.attrs["axis"], node.tensor.rank
    parts: list[Node] = []
    begin: Size = 0
    for operand in node.operands:
        starts = tuple(begin if a == axis else 0 for a in range(rank))
        parts.append(slice_(g, starts=starts, sizes=operand.tensor.shape, steps=(1,) * rank))
        begin = begin + operand.tensor.shape[axis]
    return tuple(parts)


concat = Op(
    "concat", Kind.MOVE, ("x*",), _concat_type, lambda *xs, axis: np.concatenate(xs, axis), _concat_vjp,
    body=_concat_body,
)  # fmt: skip


def _update_type(x: TensorType, value: TensorType, *, starts: Any, steps: Any) -> TensorType:
    if value.dtype is not x.dtype:
        raise DTypeError(f"value is {value.dtype.name}, x is {x.dtype.name}")
    slice_.infer(x, starts=starts, sizes=value.shape, steps=steps)
    return x


def _update_value(x: Any, value: Any, *, starts: Any, steps: Any) -> Any:
    result = np.array(x)
    places = [start + step * np.arange(size) for start, step, size in zip(starts, steps, np.shape(value), strict=True)]
    result[np.ix_(*places)] = value
    return result


def _update_body(
    index: Index, sources: Sequence[TensorType], result: TensorType, size: SizeExpr, *, starts: Any, steps: Any
) -> tuple[Case, ...]:
    inside: Expr = const(True, bool_)
    inner: list[Expr] = []
    for axis, (i, start, step) in enumerate(zip(index, starts, steps, strict=True)):
        extent = sources[1].shape[axis]
        if extent == sources[0].shape[axis] and step == 1:
            inner.append(i)
            continue
        offset = i - size(start) if step > 0 else size(start) - i
        stride = abs(step)
        inside = inside & (offset >= 0) & (offset < size(extent) * stride)
        if stride != 1:
            inside = inside & eq(offset % stride, 0)
            offset = offset // stride
        inner.append(offset)
    return (inside, 1, tuple(inner)), (None, 0, index)


def _update_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    starts, steps, value = node.attrs["starts"], node.attrs["steps"], node.operands[1]
    kept = update(g, full_like(value, 0), starts=starts, steps=steps)
    return kept, slice_(g, starts=starts, sizes=value.tensor.shape, steps=steps)


# x with the elements that a slice names replaced by value: the way writes through views become values.
update = Op("update", Kind.MOVE, ("x", "value"), _update_type, _update_value, _update_vjp, body=_update_body)
