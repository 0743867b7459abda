"""The view whose index map is affine: diagonals, sliding windows, and memory seen with any strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, bool_, int64
from brasa.ir.errors import ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr
from brasa.ir.layout import row_major
from brasa.ir.ops import elementwise, index, move, reduce, view
from brasa.ir.ops.source import constant, full, iota
from brasa.ir.types import TensorType

Steps = tuple[tuple[Size, ...], ...]


def _affine_type(x: TensorType, *, shape: tuple[Size, ...], starts: tuple[Size, ...], steps: Steps) -> TensorType:
    if not len(starts) == len(steps) == x.rank or any(len(row) != len(shape) for row in steps):
        raise ShapeError(f"starts and steps must have one entry per axis of {x}, each of the steps {len(shape)} more")
    if not all(dim.at_most(0, size) for size in shape):
        raise ShapeError(f"a size of [{','.join(map(str, shape))}] is negative")
    if not any(size == 0 for size in shape):
        for axis, (start, row) in enumerate(zip(starts, steps, strict=True)):
            low: Size = start
            high: Size = start
            for step, size in zip(row, shape, strict=True):
                if step != 0:
                    reach = step * (size - 1)
                    low, high = (low, high + reach) if dim.at_most(0, step) else (low + reach, high)
            if not (dim.at_most(0, low) and dim.at_most(high + 1, x.shape[axis])):
                raise ShapeError(f"elements {low} to {high} are not all within axis {axis} of {x}")
    return TensorType(shape, x.dtype, x.device)


def _affine_value(x: Any, *, shape: Any, starts: Any, steps: Any) -> Any:
    along = np.indices(shape, sparse=True)
    places = tuple(
        sum((step * i for step, i in zip(row, along, strict=True)), start)
        for start, row in zip(starts, steps, strict=True)
    )
    if 0 in shape:
        return np.empty(shape, np.asarray(x).dtype)
    return np.broadcast_to(np.asarray(x)[places], shape)


def _affine_body(
    at: tuple[Expr, ...], source: TensorType, result: TensorType, size: view.SizeExpr, *, shape: Any, starts: Any,
    steps: Any,
) -> tuple[Expr, ...]:  # fmt: skip
    places = []
    for start, row in zip(starts, steps, strict=True):
        place = size(start)
        for step, i in zip(row, at, strict=True):
            if step != 0:
                place = place + (i if step == 1 else i * size(step))
        places.append(place)
    return tuple(places)


def _owners(starts: Sequence[Size], shape: Sequence[Size], steps: Steps) -> dict[int, int] | None:
    """For each axis of the view that is walked along, the source axis that walks with it alone, one to one.

    None where there is none: then elements may repeat, or lie apart by more than one place.
    """
    owners: dict[int, int] = {}
    for axis, size in enumerate(shape):
        if size == 1 or all(row[axis] == 0 for row in steps):
            continue
        alone = (
            a for a, row in enumerate(steps)
            if a not in owners.values() and row[axis] == 1
            and all(step == 0 or shape[other] == 1 for other, step in enumerate(row) if other != axis)
        )  # fmt: skip
        found = next(alone, None)
        if found is None:
            return None
        owners[axis] = found
    return owners


def _number(like: TensorType, value: Size) -> Node:
    return constant(value=value, type=TensorType(like.shape, int64, like.device))


def _counted(type: TensorType, axis: int) -> Node:
    return iota(axis=axis, type=TensorType(type.shape, int64, type.device))


def _embed(value: Node, x: TensorType, starts: tuple[Size, ...], steps: Steps, owners: dict[int, int]) -> Node:
    """The view's elements in their places of a tensor of x's shape, zeros elsewhere; repeated ones are summed."""
    shape, dtype = value.tensor.shape, value.tensor.dtype
    dropped = tuple(axis for axis in range(len(shape)) if axis not in owners)
    kept = [axis for axis in range(len(shape)) if axis in owners]
    if dropped:
        value = reduce.sum_(value, axes=dropped) if dtype.kind != "bool" else _first(value, dropped)
    order = sorted(range(len(kept)), key=lambda i: owners[kept[i]])
    value = view.permute(value, axes=tuple(order))
    sizes = {owners[axis]: shape[axis] for axis in kept}
    value = view.reshape(value, shape=tuple(sizes.get(a, 1) for a in range(x.rank)))
    place = TensorType(tuple(n if a in sizes else 1 for a, n in enumerate(x.shape)), dtype, x.device)
    begin = tuple(start if a in sizes else 0 for a, start in enumerate(starts))
    whole = TensorType(x.shape, dtype, x.device)
    spread = reduce.expand(move.update(full(place, 0), value, starts=begin, steps=(1,) * x.rank), shape=x.shape)
    holds = full(TensorType(x.shape, bool_, x.device), True)
    for a, start in enumerate(starts):
        if a not in sizes:
            want = _number(x, start)
            for axis in kept:
                if steps[a][axis] != 0:
                    first = _number(x, starts[owners[axis]])
                    walked = elementwise.sub(_counted(x, owners[axis]), first)
                    want = elementwise.add(want, elementwise.mul(walked, _number(x, steps[a][axis])))
            holds = elementwise.and_(holds, elementwise.eq(_counted(x, a), want))
    return elementwise.select(holds, spread, full(whole, 0))


def _first(value: Node, axes: tuple[int, ...]) -> Node:
    """The first element along some axes."""
    shape = value.tensor.shape
    sizes = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    cut = move.slice_(value, starts=(0,) * len(shape), sizes=sizes, steps=(1,) * len(shape))
    return view.reshape(cut, shape=tuple(size for axis, size in enumerate(shape) if axis not in axes))


def _flat_places(source: TensorType, shape: tuple[Size, ...], starts: tuple[Size, ...], steps: Steps) -> Node:
    """Of each element of an affine view, in a row, the row-major place of what it shows."""
    type = TensorType(shape, int64, source.device)
    strides = row_major(source.shape)
    total = _number(type, sum((start * stride for start, stride in zip(starts, strides, strict=True)), 0))
    for axis, size in enumerate(shape):
        step = sum((row[axis] * stride for row, stride in zip(steps, strides, strict=True)), 0)
        if step != 0 and size != 1:
            total = elementwise.add(total, elementwise.mul(_counted(type, axis), _number(type, step)))
    return view.reshape(total, shape=(type.size,))


def spread(value: Node, x: TensorType, starts: tuple[Size, ...], steps: Steps) -> Node:
    """Zeros of x's shape with the elements of a view of x in their places, those of one place added up."""
    shape = value.tensor.shape
    owners = _owners(starts, shape, steps)
    if owners is not None:
        return _embed(value, x, starts, steps, owners)
    zeros = full(TensorType((x.size,), value.tensor.dtype, x.device), 0)
    flat = view.reshape(value, shape=(value.tensor.size,))
    places = _flat_places(x, shape, starts, steps)
    return view.reshape(index.scatter_add(zeros, places, flat, axis=0), shape=x.shape)


def _affine_vjp(node: Node, g: Node) -> tuple[Node]:
    return (spread(g, node.operands[0].tensor, node.attrs["starts"], node.attrs["steps"]),)


def _affine_batch(node: Node, operands: tuple[Node], which: Any, size: Size) -> Node:
    attrs = node.attrs
    steps = ((1, *(0,) * len(attrs["shape"])), *((0, *row) for row in attrs["steps"]))
    return affine(*operands, shape=(size, *attrs["shape"]), starts=(0, *attrs["starts"]), steps=steps)


# result[i, j, ...] = x[starts[0] + steps[0][0] * i + steps[0][1] * j + ..., starts[1] + steps[1][0] * i + ..., ...]
affine = Op("affine", Kind.VIEW, ("x",), _affine_type, _affine_value, _affine_vjp, body=_affine_body,
            batch=_affine_batch)  # fmt: skip


def may_repeat(attrs: Any) -> bool:
    """Whether elements of an affine view may be one and the same."""
    shape = attrs["shape"]
    owners = _owners(attrs["starts"], shape, attrs["steps"])
    return owners is None or any(size != 1 for axis, size in enumerate(shape) if axis not in owners)


def written(under: Node, value: Node, attrs: Any, new: Node | None = None) -> Node:
    """`under` after a write through an affine view of it; of elements that are one, the last counts.

    new: which elements of the view were written; all, if None.
    """
    x, starts, steps = under.tensor, attrs["starts"], attrs["steps"]
    seen = affine(under, **attrs)
    owners = None if new is not None or may_repeat(attrs) else _owners(starts, seen.tensor.shape, steps)
    if owners is not None:
        hit = _embed(full(_of(seen, bool_), True), x, starts, steps, owners)
        return elementwise.select(hit, _embed(value, x, starts, steps, owners), under)
    return _written_apart(under, value, seen, new)


def _written_apart(under: Node, value: Node, seen: Node, new: Node | None) -> Node:
    """As written, through a table that tells for each place which of the view's elements it is."""
    x, count = under.tensor, seen.tensor.size
    if count == 0:
        return under
    flat = TensorType((x.size,), int64, x.device)
    number = iota(axis=0, type=TensorType((count,), int64, x.device))
    if new is not None:
        number = elementwise.select(view.reshape(new, shape=(count,)), number, full(number.tensor, -1))
    table = index.scatter_max(full(flat, -1), _flat_places(x, **seen.attrs), number, axis=0)
    hit = elementwise.ge(table, full(flat, 0))
    place = elementwise.select(hit, table, full(flat, 0))
    taken = index.gather(view.reshape(value, shape=(count,)), place, axis=0)
    made = elementwise.select(hit, taken, view.reshape(under, shape=(x.size,)))
    return view.reshape(made, shape=x.shape)


def _of(node: Node, dtype: DType) -> TensorType:
    return TensorType(node.tensor.shape, dtype, node.tensor.device)
