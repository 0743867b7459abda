"""The same elements in another arrangement: turned round, shifted, repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.ir.errors import ArgumentError, IndexError, ShapeError, ValueError
from brasa.ir.ops import move
from brasa.tensors.copies import clone
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import expand, narrow, reshape, transpose
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axis_of, type_of
from brasa.tracing.sizes import flatten_sizes

__all__ = ["flip", "fliplr", "flipud", "meshgrid", "roll", "rot90", "tile"]


@function(inline=True)
def _flip(input: Tensor, axes: Any) -> Tensor:
    shape = type_of(input).shape
    return apply(
        move.slice_, input,
        starts=tuple(n - 1 if a in axes else 0 for a, n in enumerate(shape)), sizes=shape,
        steps=tuple(-1 if a in axes else 1 for a in range(len(shape))),
    )  # fmt: skip


@operator(method=True)
def flip(input: Tensor, *dims: Any, **given: Any) -> Tensor:
    """The order along some axes reversed: a copy."""
    named = flatten_sizes(dims, "flip", given, "dims")
    axes = [axis_of(axis, input.ndim, "flip") for axis in named]
    if len(set(axes)) < len(axes):
        raise ShapeError(f"an axis appears twice in {list(named)}", op="flip")
    return _flip(input, tuple(sorted(axes))) if input.ndim else clone(input)


@operator(method=True)
def fliplr(input: Tensor) -> Tensor:
    """The order along the second axis reversed."""
    if input.ndim < 2:
        raise ShapeError(f"expects at least two axes, {type_text(input)} has {input.ndim}", op="fliplr")
    return flip(input, 1)


@operator(method=True)
def flipud(input: Tensor) -> Tensor:
    """The order along the first axis reversed."""
    if input.ndim < 1:
        raise ShapeError("a zero-dim tensor has no order to reverse", op="flipud")
    return flip(input, 0)


@operator(method=True)
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees in the plane of two axes, from the first towards the second."""
    if len(dims) != 2:
        raise ShapeError(f"expects two axes, found {list(dims)}", op="rot90")
    if input.ndim < 2:
        raise ShapeError(f"expects at least two axes, {type_text(input)} has {input.ndim}", op="rot90")
    first, second = (axis_of(axis, input.ndim, "rot90") for axis in dims)
    if first == second:
        raise ShapeError(f"the two axes are one, {list(dims)}", op="rot90")
    match k % 4:
        case 1:
            return transpose(flip(input, second), first, second)
        case 2:
            return flip(input, first, second)
        case 3:
            return transpose(flip(input, first), first, second)
    return clone(input)


@function(inline=True)
def _rejoined(parts: Sequence[Tensor], axes: Any) -> Tensor:
    """Parts that were cut in two along each of the axes, put together: the last axis was cut last."""
    joined = list(parts)
    for axis in reversed(axes):
        joined = [apply(move.concat, a, b, axis=axis) for a, b in zip(joined[::2], joined[1::2], strict=True)]
    return joined[0]


@operator(method=True)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Shifted along some axes, or in the order of memory; what leaves at the end comes in at the beginning."""
    by = list(shifts) if isinstance(shifts, tuple | list) else [shifts]
    if dims is None or (isinstance(dims, tuple | list) and not dims):
        if len(by) != 1:
            raise ShapeError(f"{len(by)} shifts without dims", op="roll")
        return reshape(roll(reshape(input, (-1,)), by[0], 0), tuple(input.shape))
    along = list(dims) if isinstance(dims, tuple | list) else [dims]
    if len(by) != len(along):
        raise ShapeError(f"{len(by)} shifts and {len(along)} dims must be as many", op="roll")
    if input.ndim == 0:
        raise IndexError(f"a zero-dim tensor has no axis {along[0]}", op="roll")
    if any(size == 0 for size in input.shape):
        return clone(input)
    turns: dict[int, Any] = {}
    for shift, axis in zip(by, along, strict=True):
        place = axis_of(axis, input.ndim, "roll")
        turns[place] = turns.get(place, 0) + shift
    parts = [input]
    for axis, shift in turns.items():
        size = input.shape[axis]
        back = shift % size
        parts = [piece for part in parts
                 for piece in (narrow(part, axis, size - back, back), narrow(part, axis, 0, size - back))]  # fmt: skip
    return _rejoined(tuple(parts), tuple(turns))


@operator(method=True)
def repeat(input: Tensor, *repeats: Any, **given: Any) -> Tensor:
    """Copies side by side: so many along each axis, new axes in front."""
    return _repeated(input, flatten_sizes(repeats, "repeat", given, "repeats"), "repeat")


@operator(method=True)
def tile(input: Tensor, *dims: Any, **given: Any) -> Tensor:
    """As repeat; the axes that have no count, the first ones, are not repeated."""
    times = flatten_sizes(dims, "tile", given, "dims")
    return _repeated(input, (1,) * (input.ndim - len(times)) + times, "tile")


def _repeated(input: Tensor, times: tuple[Any, ...], op: str) -> Tensor:
    missing = len(times) - input.ndim
    if missing < 0:
        raise ShapeError(f"{len(times)} counts are fewer than the {input.ndim} axes of {type_text(input)}", op=op)
    for count in times:
        if not count >= 0:
            raise ValueError(f"cannot repeat {count} times", op=op)
    sizes = (*[1] * missing, *input.shape)
    pairs = list(zip(times, sizes, strict=True))
    apart = reshape(input, [part for size in sizes for part in (1, size)])
    spread = expand(apart, [part for pair in pairs for part in pair])
    return reshape(clone(spread), [count * size for count, size in pairs])


@operator()
def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str | None = None) -> tuple[Tensor, ...]:
    """Views of vectors, each along an axis of its own of one grid; with indexing="xy" the first two axes exchanged."""
    given = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    if not given:
        raise ArgumentError("expects at least one tensor", op="meshgrid")
    if indexing not in (None, "ij", "xy"):
        raise ValueError(f"indexing must be 'ij' or 'xy', found {indexing!r}", op="meshgrid")
    for tensor in given:
        if tensor.ndim > 1:
            raise ShapeError(f"expects vectors and scalars, found {type_text(tensor)}", op="meshgrid")
        if tensor.dtype is not given[0].dtype:
            raise ValueError(f"dtypes differ, {tensor.dtype} and {given[0].dtype}", op="meshgrid")
    order = list(range(len(given)))
    if indexing == "xy" and len(given) > 1:
        order[:2] = [1, 0]
    shape = [given[i].numel() for i in order]
    grids = []
    for number, tensor in enumerate(given):
        along = [1] * len(given)
        along[order.index(number)] = tensor.numel()
        grids.append(expand(reshape(tensor, along), shape))
    return tuple(grids)
