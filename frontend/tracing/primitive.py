"""What functions are written with: ops on traced tensors, with promotion and broadcasting in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from brasa._state import DEFAULTS, STATE
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, bool_, complex128, float64, int64
from brasa.ir.errors import ArgumentError, BrasaError, IndexError, ShapeError
from brasa.ir.graph import Node, Op
from brasa.ir.ops import complex as complex_ops
from brasa.ir.ops import elementwise, move, reduce, view
from brasa.ir.ops.index import ensure
from brasa.ir.ops.source import full
from brasa.ir.types import TensorType
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, note_weak, unread
from brasa.tracing.promotion import number_dtype, result_dtype
from brasa.tracing.sizes import plain_size
from brasa.tracing.trace import Trace

Number: TypeAlias = "Tensor | int | float | bool | complex"


def current() -> Trace:
    """The trace that this thread records into; functions are only ever built inside one."""
    trace = STATE.trace
    if trace is None:
        raise BrasaError("not inside a trace")
    return trace


def apply(op: Op, *operands: Tensor, **attrs: Any) -> Tensor:
    """An op applied to traced tensors."""
    trace = current()
    return trace.fresh(trace.apply(op, *(trace.node_of(operand) for operand in operands), **attrs))


def apply_several(op: Op, *operands: Tensor, **attrs: Any) -> tuple[Tensor, ...]:
    """As apply, for an op with several results."""
    trace = current()
    node = trace.apply(op, *(trace.node_of(operand) for operand in operands), **attrs)
    return tuple(map(trace.fresh, trace.items(node)))


def type_of(tensor: Tensor) -> TensorType:
    """The type of a traced tensor: sizes as the IR has them."""
    return current().node_of(tensor).tensor


def constant(value: Any, dtype: DType, shape: Sequence[Size] = (), device: str = "cpu") -> Tensor:
    """A tensor of one value; the value may be a size."""
    trace = current()
    return trace.fresh(trace.record(full(TensorType(tuple(shape), dtype, device), value)))


def cast(tensor: Tensor, dtype: DType) -> Tensor:
    """The tensor in another dtype, itself if it has that already."""
    return tensor if type_of(tensor).dtype is dtype else apply(elementwise.cast, tensor, dtype=dtype)


def reshape(tensor: Tensor, shape: Sequence[Size]) -> Tensor:
    """The tensor in another shape, itself if it has that already."""
    return tensor if type_of(tensor).shape == tuple(shape) else apply(view.reshape, tensor, shape=tuple(shape))


def expand(tensor: Tensor, shape: Sequence[Size]) -> Tensor:
    """The tensor broadcast to a shape, itself if it has that already."""
    return tensor if type_of(tensor).shape == tuple(shape) else apply(reduce.expand, tensor, shape=tuple(shape))


def permute(tensor: Tensor, axes: Sequence[int]) -> Tensor:
    """The tensor with its axes in another order."""
    return apply(view.permute, tensor, axes=tuple(axes))


def broadcast_shapes(shapes: Sequence[tuple[Size, ...]]) -> tuple[Size, ...]:
    """The shape that all can be expanded to; a 1 that meets another size gives way."""
    rank = max(map(len, shapes), default=0)
    result: list[Size] = []
    with dim.solving(current().scope):
        for axis in range(-rank, 0):
            size: Size = 1
            for shape in shapes:
                if len(shape) >= -axis:
                    size = _meet(size, shape[axis], shapes)
            result.append(size)
    return tuple(result)


def _meet(size: Size, other: Size, shapes: Sequence[tuple[Size, ...]]) -> Size:
    if other == 1 or size == other:
        return size
    scope = current().scope
    ones = scope.is_one(size), scope.is_one(other)
    if size == 1 or (ones == (True, False) and dim.equal(size, 1)):
        return other
    if ones == (False, True) and dim.equal(other, 1):
        return size
    if dim.equal(size, other):
        return size
    if dim.equal(other, 1):
        return size
    if dim.equal(size, 1):
        return other
    text = " and ".join(f"[{','.join(map(str, shape))}]" for shape in shapes)
    raise ShapeError(f"shapes {text} cannot be broadcast together: {size} is not {other}")


def _rank(operand: Number) -> tuple[DType, int]:
    if not isinstance(operand, Tensor):
        return number_dtype(type(operand)), 0
    kind = type_of(operand)
    if operand._weak:
        return number_dtype({"f64": float, "i64": int, "c128": complex}.get(kind.dtype.name, bool)), 0
    return kind.dtype, 2 if kind.rank else 1


def common_dtype(*operands: Number) -> DType:
    """The dtype that the operands are promoted to."""
    return result_dtype(_rank(operand) for operand in operands)


def together(*operands: Number, dtype: DType | None = None) -> list[Tensor]:
    """The operands as tensors of one dtype and one shape."""
    dtype, shape = dtype or common_dtype(*operands), common_shape(*operands)
    return [expand(cast(o, dtype), shape) if isinstance(o, Tensor) else constant(o, dtype, shape) for o in operands]


def common_shape(*operands: Number) -> tuple[Size, ...]:
    """The shape that the operands are broadcast to."""
    return resolved(broadcast_shapes([type_of(operand).shape for operand in operands if isinstance(operand, Tensor)]))


def resolved(shape: Sequence[Size]) -> tuple[Size, ...]:
    """The shape in the names of sizes that are still free."""
    return tuple(current().scope.resolve(size) for size in shape)


def parts_of(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """The real and the imaginary part of a traced complex tensor."""
    shape = type_of(tensor).shape
    pair, rank = apply(complex_ops.view_as_real, tensor), len(shape)
    cuts = [
        apply(move.slice_, pair, starts=(*(0,) * rank, part), sizes=(*shape, 1), steps=(1,) * (rank + 1))
        for part in (0, 1)
    ]
    return reshape(cuts[0], shape), reshape(cuts[1], shape)


def of_parts(real: Tensor, imaginary: Tensor) -> Tensor:
    """The complex tensor with these traced parts, of one shape."""
    shape = type_of(real).shape
    pair = apply(move.concat, *(reshape(part, (*shape, 1)) for part in (real, imaginary)), axis=len(shape))
    return apply(complex_ops.view_as_complex, pair)


# What ops that are records for real numbers alone mean for complex ones.
COMPLEX_FORMS: dict[Op, Callable[..., Tensor]] = {}


def elementwise_op(op: Op, *operands: Number, dtype: DType | None = None) -> Tensor:
    """An elementwise op on operands that are promoted and broadcast first.

    Arithmetic on Python numbers alone stays in their own precision, and its result counts as a number again.
    """
    if not all(not isinstance(operand, Tensor) or operand._weak for operand in operands):
        tensors = together(*operands, dtype=dtype)
        if op in COMPLEX_FORMS and type_of(tensors[0]).dtype.is_complex:
            return COMPLEX_FORMS[op](*tensors)
        return apply(op, *tensors)
    common = common_dtype(*operands) if dtype is None else dtype
    wide = {"float": float64, "complex": complex128}.get(common.kind, common)
    result = apply(op, *together(*operands, dtype=wide))
    if type_of(result).dtype in (float64, int64, complex128):
        note_weak(result)
    return result


def floating(*operands: Number) -> DType:
    """The promoted dtype of operands of a function that is defined on floats: integers become the default dtype."""
    dtype = common_dtype(*operands)
    return dtype if dtype.kind in ("float", "complex") else DEFAULTS.dtype


def truth(operand: Number) -> Tensor:
    """The operand as bool: whether it differs from zero."""
    if not isinstance(operand, Tensor):
        return constant(bool(operand), bool_)
    return cast(operand, bool_)


def required(holds: Tensor, fact: str) -> Tensor:
    """The truths themselves, to be used: where one is false when the program runs, an error says the fact."""
    return cast(apply(ensure, cast(holds, int64), bound=2, fact=fact), bool_)


def axis_of(dim_: Any, rank: int, op: str) -> int:
    """A non-negative axis from one that may count from the end; IndexError when it does not exist."""
    if not isinstance(dim_, int) or isinstance(dim_, bool):
        raise ArgumentError(f"dim must be an int, not {type(dim_).__name__}", op=op)
    bound = max(rank, 1)
    if not -bound <= dim_ < bound:
        raise IndexError(f"dim {dim_} is outside {-bound}..{bound - 1}", op=op)
    return dim_ % bound


def axes_of(dims: Any, rank: int, op: str) -> tuple[int, ...]:
    """Ascending axes from one dim, several, or None for all."""
    if dims is None or (isinstance(dims, tuple | list) and not dims):
        return tuple(range(rank))
    listed = [axis_of(d, rank, op) for d in (dims if isinstance(dims, tuple | list) else (dims,))]
    if len(set(listed)) != len(listed):
        raise IndexError(f"a dim appears twice in {tuple(dims)}", op=op)
    return tuple(sorted(axis for axis in listed if axis < rank))


def nodes_of(*tensors: Tensor) -> list[Node]:
    """The nodes of traced tensors."""
    return [current().node_of(tensor) for tensor in tensors]


def carrier(shape: Sequence[Any], dtype: DType, device: str = "cpu") -> Tensor:
    """A tensor that stands for a shape: all its elements are one piece of memory, which nobody reads."""
    trace = STATE.trace
    if trace is None:
        return _carrier(tuple(map(int, shape)), dtype, device)
    return trace.fresh(trace.record(full(TensorType(tuple(map(plain_size, shape)), dtype, device), 0)))


@lru_cache(1 << 14)
def _carrier(sizes: tuple[int, ...], dtype: DType, device: str) -> Tensor:
    return unread(spec_of(dtype, sizes, (0,) * len(sizes), device))
