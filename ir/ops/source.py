"""Values that come from nowhere: inputs, constants, counters; and random bits, which come from a counter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, int64, uint32
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.philox import philox_expr, philox_numpy
from brasa.ir.types import TensorType


def _declared(type: TensorType, **_: Any) -> TensorType:
    return type


def _no_array(**_: Any) -> Any:
    raise TypeError("an input has no value of its own")


input_ = Op("input", Kind.SOURCE, (), _declared, _no_array, no_vjp="has no operands")


def make_input(
    name: str, type: TensorType, *, role: str = "", path: str = "", strides: tuple[str, ...] = (), where: str = ""
) -> Node:
    """An input of a graph. role: param, buffer, number, ...; strides: per dim "0", "1" or "s", () for row-major."""
    attrs: dict[str, Any] = {"name": name, "type": type}
    attrs |= {key: value for key, value in (("role", role), ("path", path), ("strides", strides)) if value}
    return Node(input_, (), attrs, type, where)


def _extents(type: TensorType) -> tuple[int, ...]:
    return tuple(dim.evaluate(size, {}) for size in type.shape)


def _constant_value(value: Any, type: TensorType) -> np.ndarray[Any, Any]:
    return np.broadcast_to(np.asarray(value, dtype=type.dtype.numpy), _extents(type))


constant = Op("constant", Kind.SOURCE, (), lambda value, type: type, _constant_value, no_vjp="has no operands")


def full(type: TensorType, value: complex) -> Node:
    """A tensor of one value."""
    return constant(value=value, type=type)


def full_like(node: Node, value: complex, dtype: DType | None = None) -> Node:
    """One value in the shape of another node."""
    return full(TensorType(node.tensor.shape, dtype or node.tensor.dtype, node.tensor.device), value)


def _iota_type(axis: int, type: TensorType) -> TensorType:
    if type.dtype is not int64 or not 0 <= axis < type.rank:
        raise ShapeError(f"counts along axis {axis} of {type}, which must be an i64 tensor that has that axis")
    return type


def _iota_value(axis: int, type: TensorType) -> np.ndarray[Any, Any]:
    along = [1] * type.rank
    along[axis] = -1
    shape = _extents(type)
    return np.broadcast_to(np.arange(shape[axis], dtype=np.int64).reshape(along), shape)


iota = Op("iota", Kind.SOURCE, (), _iota_type, _iota_value, no_vjp="has no operands")


def _random_type(seed: TensorType, call: TensorType, *, word: int, draw: int, type: TensorType) -> TensorType:
    if seed.dtype is not int64 or call.dtype is not int64 or seed.shape or call.shape:
        raise DTypeError("seed and call are i64 scalars")
    if type.dtype is not uint32 or not 0 <= word < 4:
        raise DTypeError("random bits are u32, words 0 to 3")
    return type


def _random_value(seed: Any, call: Any, *, word: int, draw: int, type: TensorType) -> np.ndarray[Any, Any]:
    shape = _extents(type)
    words = philox_numpy(int(seed), np.arange(math.prod(shape), dtype=np.uint64), int(call), draw)
    bits: np.ndarray[Any, Any] = words[word]
    return bits.reshape(shape)


def _random_batch(node: Node, operands: tuple[Node, Node], which: Any, size: Size) -> Node:
    """Bits for all samples from one call: their elements are counted through."""
    type: TensorType = node.attrs["type"]
    shape = (size, *type.shape)
    return random_bits(*operands, **{**node.attrs, "type": TensorType(shape, type.dtype, type.device)})


# Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): key = seed,
# counter = (element lo, element hi, call, draw); one of the four words that come out.
random_bits = Op(
    "random_bits", Kind.RANDOM, ("seed", "call"), _random_type, _random_value,
    no_vjp="bits are not differentiable", body=philox_expr, batch=_random_batch,
)  # fmt: skip
