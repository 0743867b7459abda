"""The pass that computes constants at compile time: what IEEE makes exact, or what the product's own kernels give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from brasa.ir.dim import Dim
from brasa.ir.dtype import bool_
from brasa.ir.graph import CHECKED, Graph, Kind, Node, graph_of, rewrite
from brasa.ir.ops.source import constant, make_input
from brasa.ir.types import TensorType

Execute: TypeAlias = Callable[[Graph, Sequence[Any]], Sequence[Any]]
SMALL = 64  # elements of a constant that may be written into the program

# One rounding, the same on every machine; bits are bits. Not the ops' `evaluate`, which is the judge of the tests.
_EXACT: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.abs,
    "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint, "select": np.where,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.invert,
    "maximum": np.maximum, "minimum": np.minimum, "cast": lambda x, dtype: np.asarray(x).astype(dtype.numpy),
    "reshape": lambda x, shape: np.reshape(x, shape), "permute": lambda x, axes: np.transpose(x, axes),
    "expand": lambda x, shape, unknown=(): np.broadcast_to(x, shape),
    "concat": lambda *xs, axis: np.concatenate(xs, axis),
    "slice": lambda x, starts, sizes, steps: x[
        np.ix_(*(start + step * np.arange(size) for start, size, step in zip(starts, sizes, steps, strict=True)))
    ],
}  # fmt: skip


def fold_constants(graph: Graph, execute: Execute | None = None) -> Graph:
    """Replace nodes whose operands are constants by constants, where all elements are equal or there are few.

    %0 = constant(value=2.0); %1 = sqrt(%0)    ->    %1 = constant(value=1.4142135381698608)

    execute: runs a graph as the product does, for the ops that round in a way of their own.
    """

    def change(node: Node) -> Node:
        constants = bool(node.operands) and all(
            operand.op.name == "constant" and not isinstance(operand.attrs["value"], Dim) for operand in node.operands
        )
        if not constants or not isinstance(node.type, TensorType) or node.type.dtype.is_complex:
            return node
        return _folded(node, execute) or node

    return rewrite(graph, change)


def _folded(node: Node, execute: Execute | None) -> Node | None:
    splat = all(not isinstance(operand.attrs["value"], tuple) for operand in node.operands)
    if node.op.kind is Kind.ELEMENTWISE and splat:
        value = _compute(node, [TensorType((), each.tensor.dtype) for each in node.operands], execute)
    elif _is_small(node.tensor) and all(_is_small(operand.tensor) for operand in node.operands):
        value = _compute(node, [operand.tensor for operand in node.operands], execute)
    else:
        return None
    if value is None:
        return None
    return constant(value=_plain(np.asarray(value)), type=node.type)


def _is_small(type: TensorType) -> bool:
    size = type.size
    return isinstance(size, int) and 0 < size <= SMALL and all(isinstance(each, int) for each in type.shape)


def _integers(type: TensorType) -> tuple[int, ...]:
    return tuple(size for size in type.shape if isinstance(size, int))


def _compute(node: Node, types: Sequence[TensorType], execute: Execute | None) -> Any:
    arrays = [
        np.broadcast_to(np.asarray(operand.attrs["value"], type.dtype.numpy), _integers(type))
        for operand, type in zip(node.operands, types, strict=True)
    ]
    if _is_exact(node, arrays):
        with np.errstate(all="ignore"):
            return np.asarray(_EXACT[node.op.name](*arrays, **node.attrs), dtype=node.tensor.dtype.numpy)
    if execute is None or node.op.kind in (Kind.CONTROL, *CHECKED, Kind.HOST):  # what may fail fails later
        return None
    inputs = [make_input(f"x{i}", type) for i, type in enumerate(types)]
    return execute(graph_of(node.op.name, inputs, (node.op(*inputs, **node.attrs),)), arrays)[0]


def _is_exact(node: Node, arrays: Sequence[Any]) -> bool:
    """Whether NumPy gives what the kernels give, also for zeros, NaN and values out of range."""
    if node.op.name not in _EXACT or not _keeps_denormals():
        return False
    if node.op.name in ("maximum", "minimum"):
        return all(bool(np.all((array != 0) & ~np.isnan(array))) for array in arrays)
    if node.op.name == "cast" and node.tensor.dtype.kind in ("int", "uint") and arrays[0].dtype.kind not in "iub":
        limits = np.iinfo(node.tensor.dtype.numpy)
        whole = np.trunc(np.asarray(arrays[0], dtype=np.float64))
        return bool(np.all((whole > float(limits.min)) & (whole < float(limits.max))))
    return True


def _keeps_denormals() -> bool:
    """Whether this thread computes as IEEE says: a caller may have set the processor to flush small numbers to 0."""
    tiny = np.full(1, 2.0**-140, dtype=np.float32)
    return bool((tiny * np.float32(2**20))[0] == np.float32(2.0**-120))


def _plain(array: np.ndarray[Any, Any]) -> Any:
    """The value as an attribute: one number where all elements are equal, else nested tuples."""
    flat = array.reshape(-1)
    if len({_bits(item) for item in flat}) == 1:
        return _number(flat[0])
    return _nested(array)


def _nested(array: np.ndarray[Any, Any]) -> Any:
    return tuple(map(_nested, array)) if array.ndim else _number(array[()])


def _bits(item: Any) -> bytes:
    return np.asarray(item).tobytes()


def _number(item: Any) -> bool | int | float:
    if item.dtype == bool_.numpy:
        return bool(item)
    return int(item) if np.issubdtype(item.dtype, np.integer) else float(item)
