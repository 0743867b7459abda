"""How elementwise functions are made: of one op, or of other functions in the precision that floats need."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from brasa.ir.dtype import DType, float32
from brasa.ir.errors import ArgumentError
from brasa.ir.graph import Op
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    broadcast_shapes,
    cast,
    common_dtype,
    constant,
    elementwise_op,
    expand,
    floating,
    resolved,
    type_of,
)


def unary(
    op: Op, *, real: bool = False, name: str = "", doc: str = "", aliases: Sequence[str] = (), namespace: str = ""
) -> Callable[[Tensor], Tensor]:
    """A function of one tensor; `real`: integers are turned into floats first."""

    def build(input: Tensor) -> Tensor:
        return elementwise_op(op, input, dtype=floating(input) if real else None)

    return named(build, name or op.name, doc, aliases, namespace)


def binary(
    op: Op, *, real: bool = False, numbers: str = "second", name: str = "", doc: str = "",
    aliases: Sequence[str] = (), namespace: str = "",
) -> Callable[[Number, Number], Tensor]:  # fmt: skip
    """A function of two operands that are promoted to one dtype.

    real: integers are turned into floats first. numbers: which may be a number: "none", the "second", or "either".
    """

    def build(input: Tensor, other: Number) -> Tensor:
        return elementwise_op(op, input, other, dtype=floating(input, other) if real else None)

    def build_of_tensors(input: Tensor, other: Tensor) -> Tensor:
        return build(input, other)

    def build_of_numbers(input: Number, other: Number) -> Tensor:
        require_a_tensor("", input, other)
        return build(input, other)  # type: ignore[arg-type]

    forms = {"none": build_of_tensors, "second": build, "either": build_of_numbers}
    return named(forms[numbers], name or op.name, doc, aliases, namespace)


def require_a_tensor(op: str, input: Number, other: Number) -> None:
    """Raise ArgumentError where both operands are numbers."""
    if not any(isinstance(operand, Tensor) and not operand._weak for operand in (input, other)):
        raise ArgumentError("one of the operands must be a tensor", op=op)


def named(build: Callable[..., Tensor], name: str, doc: str, aliases: Sequence[str] = (), namespace: str = "") -> Any:
    """A function that is registered under a name; of `brasa` itself it is a method, too."""
    build.__name__ = build.__qualname__ = name
    build.__doc__ = doc
    method = not namespace
    return operator(method=method, in_place=method, out=True, aliases=aliases, namespace=namespace)(
        function(build, inline=True)
    )


def in_floats(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of real numbers: integers become floats, half types are computed in float32 and rounded once."""
    return _computed(build, floating)


def widened(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of several operations: half types are computed in float32 and rounded once."""
    return _computed(build, common_dtype)


def _computed(build: Callable[..., Tensor], promote: Callable[..., DType]) -> Callable[..., Tensor]:
    @functools.wraps(build)
    def compute(*args: Any) -> Tensor:
        numbers = [arg for arg in args if isinstance(arg, Tensor | float | int) and arg.__class__ is not bool]
        dtype = promote(*numbers)
        wide = computing_dtype(dtype)
        operands = [cast(arg, wide) if isinstance(arg, Tensor) and not arg._weak else arg for arg in args]
        result = build(*operands)
        return cast(result, dtype) if type_of(result).dtype is wide and not result._weak else result

    return compute


def computing_dtype(dtype: DType) -> DType:
    """The dtype that several operations on elements of this one are done in."""
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


def broadcast(*operands: Number) -> list[Tensor]:
    """The operands in one shape, each in its own dtype; numbers in the one that all are promoted to."""
    dtype = common_dtype(*operands)
    tensors = [o if isinstance(o, Tensor) else constant(o, dtype) for o in operands]
    shape = resolved(broadcast_shapes([type_of(tensor).shape for tensor in tensors]))
    return [expand(tensor, shape) for tensor in tensors]


def filled(like: Tensor, value: int | float | bool) -> Tensor:
    """One value in the shape and dtype of a traced tensor."""
    type = type_of(like)
    return constant(value, type.dtype, type.shape, type.device)
