"""Reading and adding at places that a tensor names. A place outside its axis is an error when the program runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, IndexError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.source import full_like
from brasa.ir.types import TensorType


def _check_index(x: TensorType, index: TensorType, axis: int) -> None:
    if index.dtype is not int64:
        raise DTypeError(f"index is {index.dtype.name}, not i64")
    if not 0 <= axis < x.rank or index.rank != x.rank:
        raise ShapeError(f"index {index} must have the rank of x {x}, and axis {axis} must be one of x's")
    if not all(a == axis or dim.equal(n, m) for a, (n, m) in enumerate(zip(x.shape, index.shape, strict=True))):
        raise ShapeError(f"index {index} and x {x} may differ along axis {axis} only")


def _check_places(index: Any, size: int) -> None:
    bad = np.flatnonzero((np.asarray(index) < 0) | (np.asarray(index) >= size))
    if bad.size:
        raise IndexError(f"index {np.asarray(index).flat[bad[0]]} is outside 0..{size - 1}")


def _gather_type(x: TensorType, index: TensorType, *, axis: int) -> TensorType:
    _check_index(x, index, axis)
    return TensorType(index.shape, x.dtype, x.device)


def _gather_value(x: Any, index: Any, *, axis: int) -> Any:
    _check_places(index, x.shape[axis])
    return np.take_along_axis(np.asarray(x), np.asarray(index), axis)


def _gather_vjp(node: Node, g: Node) -> tuple[Node, None]:
    x, index = node.operands
    return scatter_add(full_like(x, 0), index, g, axis=node.attrs["axis"]), None


# result[..., i, ...] = x[..., index[..., i, ...], ...]: one place per element of the result.
gather = Op("gather", Kind.INDEX, ("x", "index"), _gather_type, _gather_value, _gather_vjp)


def _scatter_type(x: TensorType, index: TensorType, value: TensorType, *, axis: int) -> TensorType:
    _check_index(x, index, axis)
    if value.dtype is not x.dtype:
        raise DTypeError(f"value is {value.dtype.name}, x is {x.dtype.name}")
    if value.rank != index.rank or not all(map(dim.equal, value.shape, index.shape)):
        raise ShapeError(f"value {value} and index {index} differ in shape")
    return x


def _scatter_value(x: Any, index: Any, value: Any, *, axis: int) -> Any:
    _check_places(index, x.shape[axis])
    result = np.array(x)
    places = list(np.indices(np.shape(index), sparse=True))
    places[axis] = np.asarray(index)
    np.add.at(result, tuple(places), value)
    return result


def _scatter_vjp(node: Node, g: Node) -> tuple[Node, None, Node]:
    return g, None, gather(g, node.operands[1], axis=node.attrs["axis"])


# x with value added at the places that index names, in row-major order of the index.
scatter_add = Op("scatter_add", Kind.INDEX, ("x", "index", "value"), _scatter_type, _scatter_value, _scatter_vjp)
