"""Max pooling to a fraction of the size: windows of one size that start at random, steadily growing places."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.functions.neural.spatial import check_positive, check_rank, counted, per_axis
from brasa.functions.sampling import rand
from brasa.ir.dim import Size, at_most, product, solving
from brasa.ir.dtype import DType, int64
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops import reduce
from brasa.ir.ops.index import gather
from brasa.ir.ops.move import slice_
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, constant, current, expand, reshape, type_of


def _starts(sample: Tensor, size: Size, count: int, window: int, dtype: DType) -> Tensor:
    """[images, count]: floor((i + u) * alpha) - floor(u * alpha) for a random u per image, the last at the end."""
    shape = (type_of(sample).shape[0], count)
    last = expand(constant(size - window, int64), shape)
    number = counted(shape, 1)
    if count == 1:
        return last
    alpha = pointwise.true_divide(constant(size - window, dtype), constant(count - 1, dtype))
    shift = expand(reshape(sample, (shape[0], 1)), shape)
    moved = pointwise.mul(pointwise.add(cast(number, dtype), shift), alpha)
    start = pointwise.sub(cast(moved, int64), cast(pointwise.mul(shift, alpha), int64))
    return pointwise.where(pointwise.eq(number, count - 1), last, start)


@function
def _fractional(input: Tensor, samples: Tensor, kernel: Any, output: Any) -> tuple[Tensor, Tensor]:
    """samples[n, c, axes]: numbers in [0, 1), of two axes for the last one first, of three in their order."""
    rank = len(kernel)
    lead, spatial = type_of(input).shape[:-rank], type_of(input).shape[-rank:]
    dtype, images = type_of(samples).dtype, product(lead)
    with solving(current().scope):
        if not all(at_most(n + k - 1, size) for n, k, size in zip(output, kernel, spatial, strict=True)):
            raise ShapeError(f"{list(output)} windows of {list(kernel)} do not fit into {type_of(input)}")
    table = (images, *output, *kernel)
    numbers = reshape(samples, (images, rank))
    places: Tensor = constant(0, int64, table)
    for axis, (size, count, window) in enumerate(zip(spatial, output, kernel, strict=True)):
        column = rank - 1 - axis if rank == 2 else axis
        sample = apply(slice_, numbers, starts=(0, column), sizes=(images, 1), steps=(1, 1))
        start = _starts(reshape(sample, (images,)), size, count, window, dtype)
        rows = reshape(start, [n if a in (0, axis + 1) else 1 for a, n in enumerate(table)])
        along = pointwise.add(expand(rows, table), counted(table, 1 + rank + axis))
        places = pointwise.add(pointwise.mul(places, constant(size, int64)), along)
    count, taps = product(output), product(kernel)
    flat = reshape(input, (images, product(spatial)))
    every = reshape(places, (images, count * taps))
    found = reshape(apply(gather, flat, every, axis=1), (images, count, taps))
    best = reshape(apply(reduce.argmax, found, axes=(2,)), (images, count, 1))
    where = reshape(apply(gather, reshape(places, (images, count, taps)), best, axis=2), (images, count))
    values = apply(gather, flat, where, axis=1)
    return reshape(values, (*lead, *output)), reshape(where, (*lead, *output))


def _pooled(
    op: str, rank: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError("needs either output_size or output_ratio", op=op)
    check_rank(op, input, rank)
    if input.dtype.kind != "float":
        raise DTypeError(f"is not defined for {input.dtype.name}", op=op)
    kernel = per_axis(kernel_size, rank, "kernel_size")
    if output_size is None:
        ratios = tuple(output_ratio) if isinstance(output_ratio, tuple | list) else (output_ratio,) * rank
        if len(ratios) != rank or not all(0 < ratio < 1 for ratio in ratios):
            raise ValueError(f"output_ratio must be between 0 and 1 for each axis, it is {output_ratio}", op=op)
        output_size = [int(int(n) * ratio) for n, ratio in zip(input.shape[-rank:], ratios, strict=True)]
    output = per_axis(output_size, rank, "output_size")
    check_positive(op, kernel_size=kernel, output_size=output)
    images = tuple(input.shape[:-rank])
    if samples is None:
        samples = rand(*((1, *images) if len(images) == 1 else images), rank, dtype=input.dtype)
    require_tensors(op, _random_samples=samples)
    wanted = (*((1,) if len(images) == 1 else ()), *images, rank)
    samples = samples[: wanted[0]]
    if tuple(samples.shape) != wanted or samples.dtype is not input.dtype:
        raise ShapeError(f"_random_samples must be {input.dtype.name}{list(wanted)}, they are "
                         f"{samples.dtype.name}{list(samples.shape)}", op=op)  # fmt: skip
    return _fractional(input, samples, kernel, output)  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
def fractional_max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """fractional_max_pool2d with indices, whatever return_indices says."""
    return _pooled("fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples)


@operator(namespace="nn.functional")
def fractional_max_pool2d(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """The largest elements of output_size windows of the last two axes, which start at random places.

    The places grow by (size - window) / (output_size - 1) on average (Graham, "Fractional max-pooling", 2014).
    output_ratio: output_size as a share of the sizes; _random_samples[n, c, 2]: the randomness, from [0, 1).
    ShapeError where the windows do not fit.
    """
    both = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
    return both if return_indices else both[0]


@operator(namespace="nn.functional")
def fractional_max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """fractional_max_pool3d with indices, whatever return_indices says."""
    return _pooled("fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples)


@operator(namespace="nn.functional")
def fractional_max_pool3d(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """The largest elements of windows of the last three axes, which start at random; see fractional_max_pool2d."""
    both = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
    return both if return_indices else both[0]
