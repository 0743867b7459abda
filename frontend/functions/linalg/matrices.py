"""What functions of matrices are written with: checks of arguments, parts of matrices, nodes made by other rooms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.ir.dim import Size, at_most, solving
from brasa.ir.dtype import DType
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Node, topological
from brasa.ir.ops import host, matrices
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.primitive import apply, broadcast_shapes, constant, current, expand, resolved, type_of


def built(build: Callable[..., Node], *tensors: Tensor, **attrs: Any) -> Tensor:
    """What a function of nodes makes of traced tensors."""
    trace = current()
    given = [trace.node_of(tensor) for tensor in tensors]
    with solving(trace.scope):
        made = build(*given, **attrs)
    for node in topological((made,), given):
        trace.record(node)
    return trace.fresh(made)


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of traced matrices."""
    return built(matrices.adjoint, x)


def times(*factors: Tensor) -> Tensor:
    """The product of traced matrices of one batch, from left to right."""
    return built(matrices.times, *factors)


def part(x: Tensor, axis: int, start: Size, stop: Size) -> Tensor:
    """Some elements of an axis, counted from the end, of a traced tensor."""
    return built(matrices.part, x, axis=axis, start=start, stop=stop)


def identity(like: Tensor) -> Tensor:
    """Ones on the diagonal of zeros, in the shape of traced matrices."""
    type = type_of(like)
    zeros, ones = (constant(value, type.dtype, type.shape, type.device) for value in (0, 1))
    return built(matrices.with_diagonal, zeros, ones)


def is_tall(x: Tensor) -> bool:
    """Whether traced matrices have at least as many rows as columns; a guard of the trace."""
    rows, columns = type_of(x).shape[-2:]
    with solving(current().scope):
        return at_most(columns, rows)


def in_one_batch(*tensors: Tensor) -> list[Tensor]:
    """Traced matrices with leading axes broadcast."""
    shapes = [type_of(tensor).shape for tensor in tensors]
    batch = resolved(broadcast_shapes([shape[:-2] for shape in shapes]))
    return [expand(tensor, (*batch, *shape[-2:])) for tensor, shape in zip(tensors, shapes, strict=True)]


def required(x: Tensor, info: Tensor, caller: str, reason: str) -> Tensor:
    """x, where a factorization succeeded; LinAlgError in the caller's name for the reason, which may hold {info}."""
    return apply(host.require, x, info, caller=caller, reason=reason)


@function
def checked(x: Tensor, info: Tensor, caller: str, reason: str) -> Tensor:
    """As `required`, for any tensors."""
    return required(x, info, caller, reason)


def check_matrices(op: str, **tensors: Tensor) -> None:
    """Raise unless these arguments are batches of matrices of floats or complex numbers, of one dtype."""
    check_numbers(op, **tensors)
    _check_axes(op, tensors)


def _check_axes(op: str, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            raise ShapeError(f"{name} must have at least two axes, it is {type_text(tensor)}", op=op)


def check_square(op: str, **tensors: Tensor) -> None:
    """As check_matrices, for square ones."""
    check_numbers(op, **tensors)
    check_square_shapes(op, **tensors)


def check_square_shapes(op: str, **tensors: Tensor) -> None:
    """Raise ShapeError unless these are batches of square matrices, of any dtype."""
    _check_axes(op, tensors)
    for name, tensor in tensors.items():
        if tensor.shape[-1] != tensor.shape[-2]:
            raise ShapeError(f"{name} must be square matrices, it is {type_text(tensor)}", op=op)


def check_numbers(op: str, **tensors: Tensor) -> None:
    """Raise unless these arguments are tensors of one dtype of floats or complex numbers that LAPACK knows."""
    require_tensors(op, **tensors)
    names: dict[DType, str] = {}
    for name, tensor in tensors.items():
        dtype = tensor.dtype
        if dtype.kind not in ("float", "complex") or dtype.bits < 32:
            raise DTypeError(f"{name} must be float or complex, it is {dtype.name}", op=op)
        names.setdefault(dtype, name)
    if len(names) > 1:
        raise DTypeError("dtypes differ, " + " and ".join(f"{n}: {d.name}" for d, n in names.items()), op=op)
