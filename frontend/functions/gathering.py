"""Reading at places that a tensor names."""

from __future__ import annotations

from brasa.functions import placing
from brasa.functions.placing import Spot
from brasa.ir import dim as dims
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, IndexError, ShapeError
from brasa.ir.ops import move
from brasa.ir.ops.index import gather as gather_op
from brasa.ir.ops.index import index_ as index_op
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape as reshape_tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    apply,
    axis_of,
    broadcast_shapes,
    cast,
    constant,
    current,
    expand,
    reshape,
    resolved,
    type_of,
)

__all__ = ["gather", "index_select", "take", "take_along_dim"]


def index_of(index: Tensor) -> Tensor:
    """A traced tensor of integers as places."""
    if type_of(index).dtype.kind not in ("int", "uint"):
        raise DTypeError(f"index is {type_of(index).dtype.name}, it must hold integers")
    return cast(index, int64)


def with_axis(tensor: Tensor) -> Tensor:
    """A traced tensor that has an axis: a zero-dim one as a vector of one element."""
    return reshape(tensor, (1,)) if tensor.ndim == 0 else tensor


def cut(tensor: Tensor, sizes: tuple[Size, ...], name: str) -> Tensor:
    """The first elements of every axis of a traced tensor, so many as there are places in an index of these sizes."""
    have = type_of(tensor).shape
    if have == sizes:
        return tensor
    with dims.solving(current().scope):
        for axis, (size, wanted) in enumerate(zip(have, sizes, strict=True)):
            if not dims.at_most(wanted, size):
                raise ShapeError(f"index has {wanted} elements along axis {axis}, {name} {type_of(tensor)} only {size}")
    return apply(move.slice_, tensor, starts=(0,) * len(have), sizes=sizes, steps=(1,) * len(have))


def is_empty(tensor: Tensor) -> bool:
    """Whether a traced tensor has no elements."""
    with dims.solving(current().scope):
        return dims.equal(type_of(tensor).size, 0)


@function
def _gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    axis = axis_of(dim, input.ndim, "gather")
    wanted = type_of(index)
    if max(input.ndim, 1) != max(index.ndim, 1):
        if is_empty(index):
            return constant(0, type_of(input).dtype, wanted.shape)
        raise ShapeError(f"index {wanted} and input {type_of(input)} must have as many axes")
    source, places = with_axis(input), with_axis(index_of(index))
    sizes = tuple(n if a == axis else m for a, (n, m) in enumerate(zip(
        type_of(source).shape, type_of(places).shape, strict=True)))  # fmt: skip
    return reshape(apply(gather_op, cut(source, sizes, "input"), places, axis=axis), wanted.shape)


@operator(method=True, out=True)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """result[..., i, ...] = input[..., index[..., i, ...], ...] along one axis; index may be smaller along others."""
    return _gather(input, dim, index)  # type: ignore[no-any-return]


def column(index: Tensor, shape: tuple[Size, ...], axis: int) -> Tensor:
    """A traced vector of places along an axis, repeated over the other axes of a shape."""
    count = type_of(index).size
    along = reshape(index_of(index), [count if a == axis else 1 for a in range(len(shape))])
    return expand(along, (*shape[:axis], count, *shape[axis + 1 :]))


@operator(method=True, out=True)
@function
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places of an axis that a vector of indices names."""
    axis = axis_of(dim, input.ndim, "index_select")
    if index.ndim > 1:
        raise IndexError(f"index {type_of(index)} is not a vector")
    found = selected(with_axis(input), axis, index, "index_select")
    return reshape(found, ()) if input.ndim == 0 else found


def selected(input: Tensor, axis: int, index: Tensor, of: str) -> Tensor:
    """The places of an axis of a traced tensor that a vector names, read for the function `of`."""
    return apply(gather_op, input, column(index, type_of(input).shape, axis), axis=axis, of=of)


@operator(method=True, out=True)
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at flat places, which may count from the end, in the shape of the index."""
    require_tensors("take", input=input, index=index)
    if index.dtype is not int64:
        raise DTypeError(f"index is {index.dtype.name}, not i64", op="take")
    return placing.read(reshape_tensor(input, (-1,)), [index], (Spot(0, 1),), 0)  # type: ignore[no-any-return]


@function
def _take_along(input: Tensor, indices: Tensor, axis: int) -> Tensor:
    have, want = type_of(input).shape, type_of(indices).shape
    others = resolved(broadcast_shapes([(*have[:axis], 1, *have[axis + 1 :]), (*want[:axis], 1, *want[axis + 1 :])]))
    source = expand(input, (*others[:axis], have[axis], *others[axis + 1 :]))
    places = apply(index_op, index_of(indices), bound=have[axis])
    return apply(gather_op, source, expand(places, (*others[:axis], want[axis], *others[axis + 1 :])), axis=axis)


@operator(method=True, out=True)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements of an axis that indices name, from either end; both are broadcast along the other axes.

    Without dim, of all elements.
    """
    require_tensors("take_along_dim", input=input, indices=indices)
    if dim is None:
        return _take_along(reshape_tensor(input, (-1,)), reshape_tensor(indices, (-1,)), 0)  # type: ignore[no-any-return]
    if input.ndim != indices.ndim:
        raise ShapeError(f"indices have {indices.ndim} axes, the input {input.ndim}", op="take_along_dim")
    return _take_along(input, indices, axis_of(dim, input.ndim, "take_along_dim"))  # type: ignore[no-any-return]
