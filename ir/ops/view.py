"""Views: each element of the result is one element of the operand, found by an index map.

body(index, source type, result type, size, **attrs) -> the operand's index; `size` turns a Size into an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.errors import ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr, as_expr
from brasa.ir.types import TensorType

Index: TypeAlias = tuple[Expr, ...]
SizeExpr: TypeAlias = Callable[[Size], Expr]


def _with_shape(x: TensorType, shape: Sequence[Size]) -> TensorType:
    return TensorType(tuple(shape), x.dtype, x.device)


def _reshape_type(x: TensorType, *, shape: tuple[Size, ...]) -> TensorType:
    if not dim.equal(x.size, dim.product(shape)):
        raise ShapeError(f"{x} has {x.size} elements, the shape [{','.join(map(str, shape))}] {dim.product(shape)}")
    return _with_shape(x, shape)


def _reshape_body(index: Index, source: TensorType, result: TensorType, size: SizeExpr, **_: Any) -> Index:
    """Dims that correspond one to one keep their index; runs between them go through the flat index."""
    out: list[Expr] = []
    for ins, outs in matching_runs(source.shape, result.shape):
        if len(ins) == 1 and len(outs) == 1:
            out.append(index[outs[0]])
            continue
        flat: Expr = as_expr(0, int64)
        for axis in outs:
            flat = flat * size(result.shape[axis]) + index[axis]
        parts: list[Expr] = []
        for axis in reversed(ins[1:]):
            extent = size(source.shape[axis])
            parts.insert(0, flat % extent)
            flat = flat // extent
        out += [flat, *parts] if ins else []
    return tuple(out)


def matching_runs(source: tuple[Size, ...], result: tuple[Size, ...]) -> list[tuple[list[int], list[int]]]:
    """Cuts two shapes of equal size into the shortest runs of axes with provably equal products."""
    runs: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(source) or j < len(result):
        ins, outs = [i] if i < len(source) else [], [j] if j < len(result) else []
        i, j = i + len(ins), j + len(outs)
        while (a := dim.product(source[k] for k in ins)) != (b := dim.product(result[k] for k in outs)):
            more_in = i < len(source) and (j >= len(result) or _goes_into(a, b))
            if more_in:
                ins.append(i)
                i += 1
            elif j < len(result):
                outs.append(j)
                j += 1
            else:
                break
        runs.append((ins, outs))
    return runs


def _goes_into(a: Size, b: Size) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    return dim.divide_exactly(b, a) is not None if isinstance(a, int) or len(a.terms) == 1 else False


def _reshape_vjp(node: Node, g: Node) -> tuple[Node]:
    return (reshape(g, shape=node.operands[0].tensor.shape),)


reshape = Op(
    "reshape", Kind.VIEW, ("x",), _reshape_type, lambda x, shape: np.reshape(x, shape), _reshape_vjp,
    body=_reshape_body,
)  # fmt: skip


def _permute_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    if sorted(axes) != list(range(x.rank)):
        raise ShapeError(f"{list(axes)} is not an order of the {x.rank} axes")
    return _with_shape(x, [x.shape[axis] for axis in axes])


def _permute_body(index: Index, source: TensorType, result: TensorType, size: SizeExpr, *, axes: Any) -> Index:
    return tuple(index[axes.index(axis)] for axis in range(len(axes)))


def _permute_vjp(node: Node, g: Node) -> tuple[Node]:
    axes = node.attrs["axes"]
    return (permute(g, axes=tuple(axes.index(axis) for axis in range(len(axes)))),)


permute = Op(
    "permute", Kind.VIEW, ("x",), _permute_type, lambda x, axes: np.transpose(x, axes), _permute_vjp,
    body=_permute_body,
)  # fmt: skip


def _expand_type(x: TensorType, *, shape: tuple[Size, ...]) -> TensorType:
    missing = len(shape) - x.rank
    if missing < 0:
        raise ShapeError(f"{x} has more axes than the shape [{','.join(map(str, shape))}]")
    for axis, (have, want) in enumerate(zip(x.shape, shape[missing:], strict=True)):
        if have != want and have != 1 and not (dim.equal(have, want) or dim.equal(have, 1)):
            raise ShapeError(f"axis {axis} of {x} is {have}; only 1 can be expanded to {want}")
    return _with_shape(x, shape)


def _expand_body(index: Index, source: TensorType, result: TensorType, size: SizeExpr, *, shape: Any) -> Index:
    kept = index[len(index) - source.rank :]
    return tuple(
        as_expr(0, int64) if have == 1 and want != 1 else i
        for i, have, want in zip(kept, source.shape, result.shape[len(index) - source.rank :], strict=True)
    )


def _expand_vjp(node: Node, g: Node) -> tuple[Node]:
    from brasa.ir.ops.reduce import sum_

    source, shape = node.operands[0].tensor.shape, node.tensor.shape
    missing = len(shape) - len(source)
    axes = tuple(a for a, want in enumerate(shape) if a < missing or (source[a - missing] == 1 and want != 1))
    total = sum_(g, axes=axes) if axes else g
    return (reshape(total, shape=source) if total.tensor.shape != source else total,)


# Right-aligned, as broadcasting is: new axes come first, and axes of size 1 are repeated.
expand = Op(
    "expand", Kind.VIEW, ("x",), _expand_type, lambda x, shape: np.broadcast_to(x, shape), _expand_vjp,
    body=_expand_body,
)  # fmt: skip


def _slice_type(
    x: TensorType, *, starts: tuple[Size, ...], sizes: tuple[Size, ...], steps: tuple[int, ...]
) -> TensorType:
    if not len(starts) == len(sizes) == len(steps) == x.rank:
        raise ShapeError(f"starts, sizes and steps must have one entry for each of the {x.rank} axes")
    for axis, (start, size, step) in enumerate(zip(starts, sizes, steps, strict=True)):
        last = start + (size - 1) * step
        low, high = (start, last) if step > 0 else (last, start)
        if step == 0 or (size != 0 and not (dim.at_most(0, low) and dim.at_most(high + 1, x.shape[axis]))):
            raise ShapeError(f"elements {start}, {start + step}, ..., {last} are not all within axis {axis} of {x}")
    return _with_shape(x, sizes)


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
    from brasa.ir.ops.move import update
    from brasa.ir.ops.source import full_like

    attrs = node.attrs
    return (update(full_like(node.operands[0], 0), g, starts=attrs["starts"], steps=attrs["steps"]),)


# `sizes` elements of each axis from `starts` on, `steps` apart (negative steps walk backwards: flip).
slice_ = Op(
    "slice", Kind.VIEW, ("x",), _slice_type, _slice_value, _slice_vjp, body=_slice_body,
)  # fmt: skip
