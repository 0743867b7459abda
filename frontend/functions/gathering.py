"""Reading at places that a tensor names."""

from __future__ import annotations

from brasa.function import function
from brasa.functions.pointwise import where
from brasa.ir.dtype import int64
from brasa.ir.errors import ShapeError
from brasa.ir.ops import move
from brasa.ir.ops.index import gather as gather_op
from brasa.operators import operator
from brasa.primitive import apply, axis_of, cast, constant, expand, reshape, type_of
from brasa.tensor import Tensor

__all__ = ["gather", "index_select"]


@operator(method=True, out=True)
@function
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """result[..., i, ...] = input[..., index[..., i, ...], ...] along one axis."""
    axis = axis_of(dim, input.ndim, "gather")
    have, want = type_of(input).shape, type_of(index).shape
    if len(have) != len(want):
        raise ShapeError(f"index {type_of(index)} and input {type_of(input)} must have as many axes", op="gather")
    cut = tuple(n if a == axis else m for a, (n, m) in enumerate(zip(have, want, strict=True)))
    source = input
    if cut != have:
        source = apply(move.slice_, input, starts=(0,) * len(have), sizes=cut, steps=(1,) * len(have))
    return apply(gather_op, source, cast(index, int64), axis=axis)


@operator(method=True, out=True)
@function
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places of an axis that a vector of indices names."""
    axis = axis_of(dim, input.ndim, "index_select")
    shape = type_of(input).shape
    count = type_of(index).shape[0] if index.ndim else 1
    wanted = (*shape[:axis], count, *shape[axis + 1 :])
    column = reshape(cast(index, int64), [count if a == axis else 1 for a in range(len(shape))])
    return apply(gather_op, input, expand(column, wanted), axis=axis)


@function
def taken(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """As index_select, for indices of any shape, which may count from the end: what x[index] gives."""
    shape, places = type_of(input).shape, type_of(index)
    axis = axis_of(dim, input.ndim, "getitem")
    flat = reshape(cast(index, int64), (places.size,))
    positive = where(flat < 0, flat + constant(shape[axis], int64), flat)
    return reshape(index_select(input, axis, positive), (*shape[:axis], *places.shape, *shape[axis + 1 :]))
