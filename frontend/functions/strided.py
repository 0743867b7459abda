"""Views along strides of their own: diagonals, sliding windows, and the memory under a tensor seen in any way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa._state import STATE
from brasa.ir.dim import Size, product
from brasa.ir.errors import ArgumentError, IndexError, ShapeError, ValueError
from brasa.ir.layout import affine_strides, expanded_strides, reshaped_strides, row_major
from brasa.ir.ops import affine, control, move, reduce, view
from brasa.tensors.sharing import eager_view
from brasa.tensors.tensor import Tensor, remember_view, type_text
from brasa.tensors.views import reshape, sliced, spread, walked
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of
from brasa.tracing.sizes import flatten_sizes, plain_size, python_size
from brasa.tracing.trace import CaptureError, Trace

__all__ = ["as_strided", "diagonal"]


@operator(method=True)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the elements whose places along two axes differ by the offset; that axis is the last."""
    rank = input.ndim
    if rank == 0:
        raise IndexError("a zero-dim tensor has no diagonal", op="diagonal")
    rows, columns = axis_of(dim1, rank, "diagonal"), axis_of(dim2, rank, "diagonal")
    if rows == columns:
        raise ShapeError(f"the two axes are one, {dim1} and {dim2}", op="diagonal")
    height, width = input.shape[rows], input.shape[columns]
    down, right = max(0, -offset), max(0, offset)
    high, wide = height - down, width - right
    length = high if high <= wide else wide
    length = length if length > 0 else 0
    others = [axis for axis in range(rank) if axis not in (rows, columns)]
    steps = [[int(a == axis or (i == len(others) and a in (rows, columns))) for i, axis in enumerate([*others, -1])]
             for a in range(rank)]  # fmt: skip
    starts = [down if a == rows else right if a == columns else 0 for a in range(rank)]
    if length == 0:
        starts = [0] * rank
    return walked(input, [*(input.shape[axis] for axis in others), length], starts, steps)


@operator(method=True)
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` elements, `step` apart, of an axis; their elements are a new last axis."""
    rank = input.ndim
    axis = axis_of(dimension, rank, "unfold")
    if step <= 0:
        raise ValueError(f"step must be positive, found {step}", op="unfold")
    length = input.shape[axis] if rank else 1
    if not 0 <= size <= length:
        raise ShapeError(f"windows of {size} elements do not fit axis {axis} of {type_text(input)}", op="unfold")
    if rank == 0:
        return sliced(reshape(input, (1,)), {0: (0, size, 1)})
    shape = [(length - size) // step + 1 if a == axis else n for a, n in enumerate(input.shape)]
    steps = [[(step if a == axis else 1) if a == i else 0 for i in range(rank)] + [int(a == axis)] for a in range(rank)]
    return walked(input, [*shape, size], [0] * rank, steps)


@operator(method=True)
def as_strided(input: Tensor, size: Sequence[Any], stride: Sequence[Any], storage_offset: int | None = None) -> Tensor:
    """The memory under a tensor in another shape, with any strides, from an element of it on."""
    sizes, strides = flatten_sizes((size,), "as_strided"), flatten_sizes((stride,), "as_strided")
    if len(sizes) != len(strides):
        raise ShapeError(f"{len(sizes)} sizes and {len(strides)} strides must be as many", op="as_strided")
    if any(n < 0 for n in (*sizes, *strides)) or (storage_offset is not None and storage_offset < 0):
        raise ValueError(f"none of sizes {list(sizes)}, strides {list(strides)} and offset {storage_offset} "
                         "must be negative", op="as_strided")  # fmt: skip
    trace = STATE.trace
    if trace is None:
        return _strided(input, tuple(map(int, sizes)), tuple(map(int, strides)), storage_offset)
    try:
        return _strided_in_trace(trace, input, sizes, strides, storage_offset)
    except CaptureError as error:
        trace.leave(error)
        return as_strided(input, size, stride, storage_offset)


def _strided(source: Tensor, sizes: tuple[int, ...], strides: tuple[int, ...], start: int | None) -> Tensor:
    here = source.storage_offset()
    offset = here if start is None else start
    assert source._buffer is not None
    memory, last = source._buffer.nbytes // source.element_size(), _last(sizes, strides)
    if last is not None and offset + last >= memory:
        raise ValueError(f"element {offset + last} is outside the memory of {memory} elements", op="as_strided")
    have, steps = source._spec, source._spec.strides

    def back(grad: Tensor) -> Tensor:
        """The gradient of the memory, of which the tensor showed a part."""
        first = min(offset, here)
        reach = max((offset + _last(sizes, strides) if last is not None else 0), here + (_last(have.shape, steps) or 0))
        whole = spread(grad, (reach - first + 1,), (offset - first,), (strides,))
        return _strided(whole, tuple(have.shape), steps, here - first) if have.numel else reshape(whole[:0], have.shape)

    return eager_view(source, sizes, strides, offset - here, "as_strided", back)


def _last(sizes: Sequence[int], strides: Sequence[int]) -> int | None:
    """The place of the last element, counted from the first; None where there is none."""
    if 0 in sizes:
        return None
    return sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))


def _strided_in_trace(
    trace: Trace, source: Tensor, sizes: Sequence[Any], strides: Sequence[Any], start: Any
) -> Tensor:  # fmt: skip
    cell, hint = trace.cell_of(source), trace.scope.hint
    if cell.marks:
        raise CaptureError("as_strided of a tensor that is not row-major", op="as_strided")
    memory, place = product(cell.node.tensor.shape), _place_in(cell.node.tensor.shape, source._path)
    offset = place if start is None else plain_size(start) - trace.begin(cell)
    if source._path and source._requires_grad and STATE.grad_enabled:
        begin, low = (python_size(each, trace.scope) for each in (place, offset))
        high = sum(((n - 1) * step for n, step in zip(sizes, strides, strict=True)), low)
        if not (trace.is_row_major(source) and begin <= low and high < begin + source.numel()):
            raise CaptureError("as_strided of more than a tensor shows, where only that has gradients", op="as_strided")
    sizes_now, strides_now = (tuple(hint(plain_size(n)) for n in each) for each in (sizes, strides))
    first, last = hint(offset), _last(sizes_now, strides_now)
    if last is not None and not 0 <= first <= first + last < hint(memory):
        outside = trace.outside(source)  # of which there may be more than the program knows
        if outside is None:
            raise ValueError(f"element {first + last} is outside the memory of {hint(memory)} elements",
                             op="as_strided")  # fmt: skip
        made = _strided(outside, sizes_now, strides_now, None if start is None else hint(plain_size(start)))
        trace.open(made)
        return made
    whole = trace.alias(cell, (), source._requires_grad)
    flat = trace.view(whole, view.reshape, shape=(memory,))
    made = walked(flat, sizes, (offset,), (tuple(map(plain_size, strides)),))
    made._base = source if source._base is None else source._base
    if STATE.grad_enabled:
        remember_view(made._base, made)
    return made


def before_first(source: Tensor) -> Any:
    """How many elements lie in its memory before the first one of a row-major tensor."""
    trace = STATE.trace
    if trace is None:
        return source.storage_offset()
    cell = trace.cell_of(source)
    return python_size(trace.begin(cell) + _place_in(cell.node.tensor.shape, source._path), trace.scope)


def _place_in(shape: tuple[Size, ...], path: Sequence[tuple[Any, Any]]) -> Size:
    """Where in row-major memory the first element of a view lies."""
    strides: Any = row_major(shape)
    offset: Size = 0
    for op, attrs in path:
        if op in (move.slice_, affine.affine):
            offset = offset + sum((a * b for a, b in zip(attrs["starts"], strides, strict=True)), 0)
        if op is move.slice_:
            strides, shape = [a * b for a, b in zip(attrs["steps"], strides, strict=True)], attrs["sizes"]
        elif op is affine.affine:
            strides, shape = affine_strides(strides, attrs["steps"], len(attrs["shape"])), attrs["shape"]
        elif op is view.permute:
            strides, shape = ([x[axis] for axis in attrs["axes"]] for x in (strides, shape))
        elif op is view.reshape:
            strides, shape = reshaped_strides(tuple(shape), tuple(strides), attrs["shape"]), attrs["shape"]
        elif op is reduce.expand:
            strides, shape = expanded_strides(shape, tuple(strides), attrs["shape"]), attrs["shape"]
        elif op is not control.stop_gradient:
            raise ArgumentError("as_strided of a view of another dtype", op="as_strided")
    return offset
