"""Borders around the trailing axes: of one value, mirrored, repeated, or wrapped around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.ir.dim import Size, at_most, solving
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops import move
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, constant, current, expand, type_of

__all__ = ["constant_pad_nd"]

Pairs = tuple[tuple[int, int], ...]


def _sliced(input: Tensor, axis: int, start: Size, size: Size, step: int = 1) -> Tensor:
    """`size` elements of one axis from `start` on."""
    shape = type_of(input).shape
    axes = range(len(shape))
    return apply(
        move.slice_, input, starts=tuple(start if a == axis else 0 for a in axes),
        sizes=tuple(size if a == axis else n for a, n in enumerate(shape)),
        steps=tuple(step if a == axis else 1 for a in axes),
    )  # fmt: skip


def cropped(input: Tensor, pairs: Pairs) -> Tensor:
    """The input without what negative pairs take away at each end of each axis."""
    if all(before >= 0 and after >= 0 for before, after in pairs):
        return input
    shape = type_of(input).shape
    sizes = tuple(n + min(0, a) + min(0, b) for n, (a, b) in zip(shape, pairs, strict=True))
    with solving(current().scope):
        if not all(at_most(0, size) for size in sizes):
            raise ShapeError(f"the padding {list(pairs)} takes more than there is of {type_of(input)}", op="pad")
    starts = tuple(max(0, -before) for before, _ in pairs)
    return apply(move.slice_, input, starts=starts, sizes=sizes, steps=(1,) * len(shape))


def padded(input: Tensor, pairs: Pairs, value: Number = 0) -> Tensor:
    """A traced tensor with a border of one value, (before, after) along each axis; negative pairs crop."""
    inner = cropped(input, pairs)
    if all(before <= 0 and after <= 0 for before, after in pairs):
        return (
            inner
            if inner is not input
            else apply(
                move.slice_, input, starts=(0,) * input.ndim, sizes=type_of(input).shape, steps=(1,) * input.ndim
            )
        )
    kind = type_of(input).dtype
    border = cast(value, kind) if isinstance(value, Tensor) else constant(value, kind)
    low, high = (tuple(max(0, pair[end]) for pair in pairs) for end in (0, 1))
    return apply(move.pad, inner, border, low=low, high=high)


def _mirrored(input: Tensor, axis: int, before: int, after: int) -> list[Tensor]:
    size = type_of(input).shape[axis]
    left = [_sliced(input, axis, before, before, -1)] if before else []
    return [*left, input, *([_sliced(input, axis, size - 2, after, -1)] if after else [])]


def _repeated(input: Tensor, axis: int, before: int, after: int) -> list[Tensor]:
    shape = type_of(input).shape

    def edge(place: Size, count: int) -> list[Tensor]:
        wide = tuple(count if a == axis else n for a, n in enumerate(shape))
        return [expand(_sliced(input, axis, place, 1), wide)] if count else []

    return [*edge(0, before), input, *edge(shape[axis] - 1, after)]


def _wrapped(input: Tensor, axis: int, before: int, after: int) -> list[Tensor]:
    size = type_of(input).shape[axis]
    left = [_sliced(input, axis, size - before, before)] if before else []
    return [*left, input, *([_sliced(input, axis, 0, after)] if after else [])]


# How the border of an axis is made, and how far it may reach in terms of the size.
_BORDERS: dict[str, tuple[Callable[[Tensor, int, int, int], list[Tensor]], Callable[[Size], Size] | None]] = {
    "reflect": (_mirrored, lambda size: size - 1),
    "replicate": (_repeated, None),
    "circular": (_wrapped, lambda size: size),
}


@function(inline=True)
def _constant_pad(input: Tensor, pairs: Any, value: Number) -> Tensor:
    return padded(input, pairs, value)


@function
def _bordered(input: Tensor, pairs: Any, mode: str) -> Tensor:
    return bordered(input, pairs, mode)


def bordered(input: Tensor, pairs: Pairs, mode: str) -> Tensor:
    """A traced tensor with a border made of its own elements."""
    build, reach = _BORDERS[mode]
    crop = tuple((min(0, before), min(0, after)) for before, after in pairs)
    if mode == "circular":  # wraps around what is left; the others look at what is cropped, too
        input, crop = cropped(input, crop), ()
    for axis, pair in enumerate(pairs):
        before, after = (max(0, number) for number in pair)
        size = type_of(input).shape[axis]
        with solving(current().scope):
            fits = at_most(1, size) if reach is None else at_most(max(before, after), reach(size))
        if (before or after) and not fits:
            raise ShapeError(f"axis {axis} of {type_of(input)} is too short for a {mode} border of {before} and "
                             f"{after}", op="pad")  # fmt: skip
        parts = build(input, axis, before, after)
        input = apply(move.concat, *parts, axis=axis) if len(parts) > 1 else input
    return cropped(input, crop) if crop else input


def _pairs(input: Tensor, pad: Any) -> Pairs:
    """(before, after) for every axis, from numbers that start at the last axis."""
    if not isinstance(pad, tuple | list):
        raise ValueError(f"pad must be a list of ints, not {pad}", op="pad")
    numbers = [int(number) for number in pad]
    if len(numbers) % 2 or len(numbers) > 2 * input.ndim:
        raise ValueError(f"pad must hold two numbers for each of at most {input.ndim} axes, it holds {len(numbers)}",
                         op="pad")  # fmt: skip
    ends = list(zip(numbers[::2], numbers[1::2], strict=True))[::-1]
    return ((0, 0),) * (input.ndim - len(ends)) + tuple(ends)


@operator()
def constant_pad_nd(input: Tensor, pad: Any, value: Number = 0) -> Tensor:
    """A border of one value: `pad` holds (before, after) of the last axis, then of the one before it, ..."""
    require_tensors("constant_pad_nd", input=input)
    return _constant_pad(input, _pairs(input, pad), value)


@operator(namespace="nn.functional")
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Number | None = None) -> Tensor:
    """A border around the last axes: `pad` holds (before, after) of the last axis, then of the one before it, ...

    mode: "constant" (one value, by default 0), "reflect" (mirrored at the first and last element), "replicate" (those
    elements repeated), "circular" (wrapped around). Negative numbers crop. ShapeError where an axis is too short.
    """
    require_tensors("pad", input=input)
    pairs = _pairs(input, pad)
    if mode == "constant":
        return _constant_pad(input, pairs, 0 if value is None else value)
    if mode not in _BORDERS:
        raise ValueError(f"mode must be 'constant', 'reflect', 'replicate' or 'circular', not '{mode}'", op="pad")
    if value is not None and value != 0:
        raise ValueError(f"a {mode} border takes no value", op="pad")
    if len(pad) not in (2, 4, 6) or input.ndim not in (len(pad) // 2 + 1, len(pad) // 2 + 2):
        raise ValueError(f"a {mode} border goes around the last 1, 2 or 3 axes, after one or two others; pad holds "
                         f"{len(pad)} numbers for {input.ndim} axes", op="pad")  # fmt: skip
    return _bordered(input, pairs, mode)
