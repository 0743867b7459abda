"""Views: each element of the result is one element of the operand, found by an index map.

body(index, source type, result type, size, **attrs) -> the operand's index; `size` turns a Size into an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from brasa.ir import dim, kernel
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr, as_expr
from brasa.ir.layout import matching_runs
from brasa.ir.types import TensorType

Index: TypeAlias = tuple[Expr, ...]
SizeExpr: TypeAlias = Callable[[Size], Expr]


def _with_shape(x: TensorType, shape: Sequence[Size]) -> TensorType:
    return TensorType(tuple(shape), x.dtype, x.device)


def _reshape_type(x: TensorType, *, shape: tuple[Size, ...]) -> TensorType:
    if not dim.equal(x.size, dim.product(shape)):
        raise ShapeError(f"{x} has {x.size} elements, the shape [{','.join(map(str, shape))}] has {dim.product(shape)}")
    return _with_shape(x, shape)


def _reshape_body(index: Index, source: TensorType, result: TensorType, size: SizeExpr, **_: Any) -> Index:
    """Dims that correspond one to one keep their index; runs between them go through the flat index.

    The first of a run is not bounded by its size: a loop over several axes counts on in the last one.
    """
    out: list[Expr] = []
    for ins, outs in matching_runs(source.shape, result.shape):
        wide = [axis for axis in ins if source.shape[axis] != 1]
        shown = [axis for axis in outs if result.shape[axis] != 1]
        flat: Expr = index[shown[0]] if shown else as_expr(0, int64)
        for axis in shown[1:]:
            flat = flat * size(result.shape[axis]) + index[axis]
        parts: dict[int, Expr] = {}
        for axis in reversed(wide[1:]):
            extent = size(source.shape[axis])
            parts[axis] = flat % extent
            flat = flat // extent
        out += [flat if axis in wide[:1] else parts.get(axis, as_expr(0, int64)) for axis in ins]
    return tuple(out)


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


def _permute_batch(node: Node, operands: tuple[Node], which: Any, size: Size) -> Node:
    return permute(*operands, axes=(0, *(axis + 1 for axis in node.attrs["axes"])))


permute = Op(
    "permute", Kind.VIEW, ("x",), _permute_type, lambda x, axes: np.transpose(x, axes), _permute_vjp,
    body=_permute_body, batch=_permute_batch,
)  # fmt: skip


def _bitcast_type(x: TensorType, *, dtype: DType) -> TensorType:
    if dtype.bits != x.dtype.bits or dtype.is_complex or x.dtype.is_complex:
        raise DTypeError(f"{x.dtype.name} and {dtype.name} are not real dtypes of one width")
    return TensorType(x.shape, dtype, x.device)


def _bitcast_body(x: Expr, *, dtype: DType) -> Expr:
    """A bool in memory is the byte 0 or 1, in a register a bit."""
    return (kernel.cast if "bool" in (x.dtype.kind, dtype.kind) else kernel.bitcast)(x, dtype)


# The same bits as elements of another dtype of equal width.
bitcast = Op(
    "bitcast", Kind.ELEMENTWISE, ("x",), _bitcast_type, lambda x, dtype: np.asarray(x).view(dtype.numpy),
    no_vjp="bits are not differentiable", body=_bitcast_body,
)  # fmt: skip
