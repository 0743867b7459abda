"""The way back from max pooling: each value in the place that it was taken from."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.functions.neural.spatial import check_positive, check_rank, per_axis
from brasa.ir.dim import product
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import scatter, scatter_add
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, carrier, constant, reshape, type_of


@function
def _unpooled(input: Tensor, indices: Tensor, like: Tensor) -> Tensor:
    """like: a tensor whose sizes are those of the images of the result.

    As in PyTorch each value has the gradient of its place, also one that another has replaced: such values are equal
    where they come from pooling. The second sum, of zeros, is there for that gradient.
    """
    spatial = type_of(like).shape
    lead = type_of(input).shape[: input.ndim - len(spatial)]
    count = product(type_of(input).shape[len(lead) :])
    images = constant(0, type_of(input).dtype, (*lead, product(spatial)))
    flat = (*lead, count)
    values, places = reshape(input, flat), reshape(indices, flat)
    fixed = apply(stop_gradient, values)
    result = apply(scatter, images, places, fixed, axis=len(lead))
    if type_of(input).dtype.kind == "float":
        nothing = pointwise.where(pointwise.isfinite(fixed), pointwise.sub(values, fixed), 0)
        result = pointwise.add(result, apply(scatter_add, images, places, nothing, axis=len(lead)))
    return reshape(result, (*lead, *spatial))


def _sizes(op: str, input: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any) -> tuple[Any, ...]:
    rank = len(kernel)
    usual = [(n - 1) * s - 2 * p + k for n, k, s, p in zip(input.shape[-rank:], kernel, stride, padding, strict=True)]
    if output_size is None:
        return tuple(usual)
    given = tuple(output_size)
    if len(given) == rank + 2:
        given = given[2:]
    if len(given) != rank:
        raise ValueError(f"output_size must hold {rank} or {rank + 2} sizes, it holds {len(given)}", op=op)
    for size, middle, s in zip(given, usual, stride, strict=True):
        if not middle - s < size < middle + s:
            raise ValueError(f"output_size {list(given)} must be less than a stride from {usual}", op=op)
    return given


def _unpool(rank: int, input: Any, indices: Any, kernel: Any, stride: Any, padding: Any, output_size: Any) -> Tensor:
    op = f"max_unpool{rank}d"
    check_rank(op, input, rank)
    require_tensors(op, indices=indices)
    if indices.dtype is not int64:
        raise DTypeError(f"indices must be i64, not {indices.dtype.name}", op=op)
    if tuple(indices.shape) != tuple(input.shape):
        raise ShapeError(f"indices have the shape {list(indices.shape)}, input {list(input.shape)}", op=op)
    window, border = per_axis(kernel, rank, "kernel_size"), per_axis(padding, rank, "padding")
    step = window if stride is None or stride == () or stride == [] else per_axis(stride, rank, "stride")
    check_positive(op, kernel_size=window, stride=step)
    sizes = _sizes(op, input, window, step, border, output_size)
    return _unpooled(input, indices, carrier(sizes, input.dtype))  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Zeros [n, c, l] with each value of input where indices, as max_pool1d gives them, say it stood.

    Of several values for one place the last one stays. output_size: l, where more than one length could have been
    pooled to the input's. ShapeError unless indices and input have one shape, IndexError for a place outside.
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@operator(namespace="nn.functional")
def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Zeros [n, c, h, w] with each value of input where indices, as max_pool2d gives them, say; see max_unpool1d."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@operator(namespace="nn.functional")
def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Zeros [n, c, d, h, w] with each value of input where indices, as max_pool3d gives them, say; see max_unpool1d."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
