"""Views that are named for what they do to axes: reordered, added, removed, merged, split, repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.ir.dtype import int64
from brasa.ir.errors import ArgumentError, IndexError, ShapeError
from brasa.tensors.spec import Size
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import expand, permute, reshape, reshaped, sum_to, transpose, unsqueeze, view
from brasa.tracing.arguments import require_tensors
from brasa.tracing.casting import cast
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "expand_as",
    "moveaxis",
    "movedim",
    "ravel",
    "reshape_as",
    "swapaxes",
    "swapdims",
    "t",
    "unflatten",
    "view_as",
]  # fmt: skip


@operator(method=True)
def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector or scalar itself."""
    if input.ndim > 2:
        raise ShapeError(f"expects at most two axes, {type_text(input)} has {input.ndim}", op="t")
    return transpose(input, 0, 1) if input.ndim == 2 else view(input, tuple(input.shape))


@operator(method=True)
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two axes exchanged: transpose under NumPy's name."""
    return transpose(input, axis0, axis1)


@operator(method=True)
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged: another name of transpose."""
    return transpose(input, dim0, dim1)


@operator(method=True)
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Some axes moved to other places, the others keeping their order."""
    return _moved(input, source, destination, "movedim")


@operator(method=True)
def moveaxis(input: Tensor, source: Any, destination: Any) -> Tensor:
    """movedim under NumPy's name."""
    return _moved(input, source, destination, "moveaxis")


def _moved(input: Tensor, source: Any, destination: Any, op: str) -> Tensor:
    rank = input.ndim
    pair = [x if isinstance(x, tuple | list) else (x,) for x in (source, destination)]
    froms, tos = ([axis_of(a, rank, op) for a in axes] for axes in pair)
    if len(froms) != len(tos):
        raise ShapeError(f"{len(froms)} axes cannot be moved to {len(tos)} places", op=op)
    if len(set(froms)) < len(froms) or len(set(tos)) < len(tos):
        raise ShapeError(f"an axis appears twice in {pair[0]} or {pair[1]}", op=op)
    rest = iter(a for a in range(rank) if a not in froms)
    return permute(input, tuple(froms[tos.index(i)] if i in tos else next(rest) for i in range(rank)))


@operator(method=True)
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """expand to another tensor's shape."""
    require_tensors("expand_as", other=other)
    return expand(input, *other.shape)


@operator(method=True)
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """expand to a shape."""
    return expand(input, *size)


@operator()
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes are broadcast to. An int is a shape of one axis."""
    given = [shape if isinstance(shape, tuple | list) else (shape,) for shape in shapes]
    rank = max(map(len, given), default=0)
    sizes: list[Any] = [1] * rank
    for shape in given:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size < 0:
                raise ShapeError(f"a size must not be negative, found {size}", op="broadcast_shapes")
            if sizes[axis] != size and size != 1 and sizes[axis] != 1:
                text = " and ".join(str(list(each)) for each in given)
                raise ShapeError(f"{text} cannot be broadcast together: {size} is not {sizes[axis]}",
                                 op="broadcast_shapes")  # fmt: skip
            sizes[axis] = size if sizes[axis] == 1 else sizes[axis]
    return Size(sizes)


@operator()
def broadcast_tensors(*tensors: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors as views of one shape."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    shape = broadcast_shapes(*(tuple(tensor.shape) for tensor in given))
    return tuple(expand(tensor, *shape) for tensor in given)


@operator(method=True)
def unflatten(input: Tensor, dim: int, sizes: Sequence[Any]) -> Tensor:
    """One axis made several, whose product is its size; one of them may be -1."""
    axis = axis_of(dim, input.ndim, "unflatten")
    if input.ndim == 0:
        raise IndexError("a zero-dim tensor has no axis to split", op="unflatten")
    given = sizes if isinstance(sizes, tuple | list) else (sizes,)
    if not given:
        raise ArgumentError("sizes must not be empty", op="unflatten")
    shape = input.shape
    known: Any = 1
    for size in given:
        known = known if isinstance(size, int) and size == -1 else known * size
    if -1 in given:
        whole = known != 0 and shape[axis] % known == 0
        given = [shape[axis] // known if whole and each == -1 else each for each in given]
    elif shape[axis] != known:
        raise ShapeError(f"sizes {list(given)} do not multiply to {shape[axis]}", op="unflatten")
    return view(input, (*shape[:axis], *given, *shape[axis + 1 :]))


@operator(method=True)
def ravel(input: Tensor) -> Tensor:
    """The elements in a row: a view where strides allow it."""
    return reshape(input, (-1,))


@operator(method=True)
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """view in another tensor's shape."""
    require_tensors("view_as", other=other)
    return view(input, tuple(other.shape))


@operator(method=True)
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """reshape to another tensor's shape."""
    require_tensors("reshape_as", other=other)
    return reshape(input, tuple(other.shape))


@operator(method=True)
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed over axes so that expanding the result to the tensor's shape is possible again."""
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], tuple | list) else size
    if len(shape) > input.ndim or any(
        want not in (1, have) for have, want in zip(input.shape[input.ndim - len(shape) :], shape, strict=True)
    ):
        raise ShapeError(f"{type_text(input)} cannot be summed to {list(shape)}", op="sum_to_size")
    if 0 < len(shape) == input.ndim and all(want == have for want, have in zip(shape, input.shape, strict=True)):
        return input  # truth values stay what they are where there is nothing to sum
    return sum_to(input if input.dtype.kind in ("float", "complex") else cast(input, int64), shape)


def _at_least(rank: int) -> Any:
    def grow(*tensors: Any) -> Any:
        given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
        for tensor in given:
            if not isinstance(tensor, Tensor):
                raise ArgumentError(f"expects tensors, found {type(tensor).__name__}", op=f"atleast_{rank}d")
        grown = tuple(_grown(tensor, rank) for tensor in given)
        return grown[0] if given is tensors and len(tensors) == 1 else grown

    grow.__name__ = grow.__qualname__ = f"atleast_{rank}d"
    grow.__doc__ = f"Views with {rank} axes or more: of one tensor, or of each of several."
    return operator()(grow)


def _grown(tensor: Tensor, rank: int) -> Tensor:
    if tensor.ndim >= rank:
        return tensor
    if tensor.ndim == 0:
        return reshaped(tensor, (1,) * rank, "atleast", copy=False)
    if rank == 3:
        return unsqueeze(tensor if tensor.ndim == 2 else unsqueeze(tensor, 0), -1)
    return unsqueeze(tensor, 0)


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)
