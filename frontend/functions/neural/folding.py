"""Blocks of images as columns and back, and channels exchanged with places."""

from __future__ import annotations

from math import prod
from typing import Any

from brasa.functions import pointwise
from brasa.functions.neural.padding import padded
from brasa.functions.neural.spatial import along, check_positive, counted, per_axis
from brasa.functions.neural.taps import picked
from brasa.ir.dim import Size, at_most, floor_divide, solving
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops.index import scatter_add
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import permute as permuted
from brasa.tensors.views import reshape as reshaped
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, constant, current, permute, reshape, type_of

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _places(kernel: int, count: Size, stride: int, dilation: int) -> Tensor:
    """Along an axis, where each element of a block is in each of `count` blocks: [kernel * count], blocks last."""
    shape = (kernel, count)
    place = pointwise.add(pointwise.mul(counted(shape, 0), dilation), pointwise.mul(counted(shape, 1), stride))
    return reshape(place, (kernel * count,))


def _blocks(sizes: Any, kernel: Any, stride: Any, dilation: Any, op: str) -> tuple[Size, ...]:
    counts = tuple(
        floor_divide(size - d * (k - 1) - 1, s) + 1
        for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True)
    )
    with solving(current().scope):
        if not all(at_most(1, count) for count in counts):
            raise ShapeError(
                f"blocks of {list(kernel)} do not fit into images of {list(sizes)}, border included", op=op
            )
    return counts


def _pairs(padding: Any) -> tuple[tuple[int, int], ...]:
    return ((0, 0), (0, 0), *((p, p) for p in padding))


@function
def _unfold(input: Tensor, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Tensor:
    images = padded(input, _pairs(padding)) if any(padding) else input
    samples, channels, *sizes = type_of(images).shape
    counts = _blocks(sizes, kernel, stride, dilation, "unfold")
    for axis in (2, 3):
        options = (kernel[axis - 2], counts[axis - 2], stride[axis - 2], dilation[axis - 2])
        images = picked(images, axis, _places(*options))
    split = reshape(images, (samples, channels, kernel[0], counts[0], kernel[1], counts[1]))
    columns = permute(split, (0, 1, 2, 4, 3, 5))
    return reshape(columns, (samples, channels * kernel[0] * kernel[1], counts[0] * counts[1]))


@operator(namespace="nn.functional")
def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """All blocks of input[n, c, h, w] (or [c, h, w]) as columns: [n, c * kh * kw, number of blocks].

    ShapeError for inputs of other ranks, and where no block fits.
    """
    kernel, spread, border, step = _block_options("unfold", kernel_size, dilation, padding, stride)
    require_tensors("unfold", input=input)
    if input.ndim not in (3, 4) or any(size == 0 for size in input.shape[-3:]):
        raise ShapeError(
            f"input must be images [n, c, h, w] or [c, h, w], its shape is {list(input.shape)}", op="unfold"
        )
    batch = input.unsqueeze(0) if input.ndim == 3 else input  # type: ignore[attr-defined]
    result = _unfold(batch, kernel, spread, border, step)
    return result.squeeze(0) if input.ndim == 3 else result  # type: ignore[no-any-return]


def _block_options(op: str, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[tuple[int, ...]]:
    names = ("kernel_size", "dilation", "padding", "stride")
    options = [per_axis(value, 2, name) for name, value in zip(names, (kernel, dilation, padding, stride), strict=True)]
    check_positive(op, kernel_size=options[0], dilation=options[1], stride=options[3])
    if min(options[2]) < 0:
        raise ValueError(f"padding must not be negative, it is {list(options[2])}", op=op)
    return options


@function
def _fold(input: Tensor, output: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Tensor:
    """The transpose of unfold: each element of a block is added at its place."""
    samples, rows, columns = type_of(input).shape
    sizes = tuple(size + 2 * p for size, p in zip(output, padding, strict=True))
    counts = _blocks(sizes, kernel, stride, dilation, "fold")
    taps = prod(kernel)
    with solving(current().scope):
        if not (at_most(columns, counts[0] * counts[1]) and at_most(counts[0] * counts[1], columns)):
            raise ShapeError(
                f"{columns} columns were given, {list(output)} has {counts[0]} x {counts[1]} blocks", op="fold"
            )
        channels = floor_divide(rows, taps)
        if not at_most(rows, channels * taps):
            raise ShapeError(
                f"the {rows} rows of a column are no multiple of the {taps} elements of a block", op="fold"
            )
    split = reshape(input, (samples, channels, *kernel, *counts))
    images = reshape(
        permute(split, (0, 1, 2, 4, 3, 5)), (samples, channels, kernel[0] * counts[0], kernel[1] * counts[1])
    )
    for axis in (3, 2):
        places = _places(kernel[axis - 2], counts[axis - 2], stride[axis - 2], dilation[axis - 2])
        shape = type_of(images).shape
        base = tuple(sizes[axis - 2] if a == axis else n for a, n in enumerate(shape))
        zeros = constant(0, type_of(images).dtype, base)
        images = apply(scatter_add, zeros, along(places, axis, shape), images, axis=axis)
    return padded(images, tuple((-p, -q) for p, q in _pairs(padding))) if any(padding) else images


@operator(namespace="nn.functional")
def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:  # fmt: skip
    """The sum of blocks, given as columns input[n, c * kh * kw, number of blocks], in images [n, c, *output_size].

    What unfold takes apart; where blocks overlap their elements add up. ShapeError where the numbers do not fit.
    """
    kernel, spread, border, step = _block_options("fold", kernel_size, dilation, padding, stride)
    require_tensors("fold", input=input)
    output = per_axis(output_size, 2, "output_size")
    check_positive("fold", output_size=output)
    if input.ndim not in (2, 3) or any(size == 0 for size in input.shape[-2:]):
        raise ShapeError(f"input must be columns [n, rows, blocks] or [rows, blocks], its shape is {list(input.shape)}",
                         op="fold")  # fmt: skip
    batch = input.unsqueeze(0) if input.ndim == 2 else input  # type: ignore[attr-defined]
    result = _fold(batch, output, kernel, spread, border, step)
    return result.squeeze(0) if input.ndim == 2 else result  # type: ignore[no-any-return]


def _image_sizes(op: str, input: Tensor, factor: Any, name: str) -> tuple[Any, ...]:
    require_tensors(op, input=input)
    if input.ndim < 3:
        raise ShapeError(f"input must have 3 axes or more, it has {input.ndim}", op=op)
    if not isinstance(factor, int) or factor < 1:
        raise ValueError(f"{name} must be a positive int, not {factor}", op=op)
    return tuple(input.shape)


@operator(namespace="nn.functional")
@operator()
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """[..., c * r * r, h, w] to [..., c, h * r, w * r]: channels become places, r being the factor.

    ShapeError unless the channels divide (Shi et al., "Real-time single image and video super-resolution", 2016).
    """
    *lead, channels, height, width = _image_sizes("pixel_shuffle", input, upscale_factor, "upscale_factor")
    r = upscale_factor
    if channels % (r * r) != 0:
        raise ShapeError(f"{channels} channels do not divide into {r} x {r}", op="pixel_shuffle")
    split = reshaped(input, (*lead, channels // (r * r), r, r, height, width))
    n = len(lead)
    turned = permuted(split, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return reshaped(turned, (*lead, channels // (r * r), height * r, width * r))


@operator(namespace="nn.functional")
@operator()
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """[..., c, h * r, w * r] to [..., c * r * r, h, w]: the inverse of pixel_shuffle."""
    *lead, channels, height, width = _image_sizes("pixel_unshuffle", input, downscale_factor, "downscale_factor")
    r = downscale_factor
    if height % r != 0 or width % r != 0:
        raise ShapeError(f"images of {height} x {width} do not divide into {r} x {r}", op="pixel_unshuffle")
    split = reshaped(input, (*lead, channels, height // r, r, width // r, r))
    n = len(lead)
    turned = permuted(split, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return reshaped(turned, (*lead, channels * r * r, height // r, width // r))


@operator(namespace="nn.functional")
@operator()
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of input[n, c, ...] dealt out: first of each of the groups, then the second of each, ...

    ShapeError unless they divide (Zhang et al., "ShuffleNet", 2017).
    """
    require_tensors("channel_shuffle", input=input)
    if input.ndim < 3:
        raise ShapeError(f"input must have 3 axes or more, it has {input.ndim}", op="channel_shuffle")
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"groups must be a positive int, not {groups}", op="channel_shuffle")
    samples, channels, *rest = input.shape
    if channels % groups != 0:
        raise ShapeError(f"{channels} channels do not divide into {groups} groups", op="channel_shuffle")
    split = reshaped(input, (samples, groups, channels // groups, *rest))
    turned = permuted(split, (0, 2, 1, *range(3, split.ndim)))
    return reshaped(turned, input.shape)


@operator(namespace="nn.functional")
@operator()
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The same as channel_shuffle."""
    return channel_shuffle(input, groups)
