"""Windows that slide over the trailing axes: their largest elements, their means."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.neural.precision import wide
from brasa.functions.neural.spatial import check_positive, check_rank, counted, fix_plane, is_small, per_axis
from brasa.ir.dim import Size, at_most, floor_divide, smallest, solving
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.ir.ops import window
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, constant, current, type_of

__all__ = ["avg_pool1d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d"]


class _Windows(NamedTuple):
    """What the user asks for, one number per axis."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool


def _asked(
    op: str, input: Tensor, rank: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> _Windows:
    check_rank(op, input, rank)
    kernel = per_axis(kernel_size, rank, "kernel_size")
    step = kernel if stride is None or stride == () or stride == [] else per_axis(stride, rank, "stride")
    border, spread = per_axis(padding, rank, "padding"), per_axis(dilation, rank, "dilation")
    check_positive(op, kernel_size=kernel, stride=step, dilation=spread)
    if min(border) < 0:
        raise ValueError(f"padding must not be negative, it is {list(border)}", op=op)
    if any(2 * p > k for p, k in zip(border, kernel, strict=True)):
        raise ValueError(f"padding {list(border)} is more than half of the window {list(kernel)}", op=op)
    return _Windows(kernel, step, border, spread, bool(ceil_mode))


def _options(input: Tensor, asked: Any) -> dict[str, Any]:
    """The attributes of window ops. A window must start inside the input or the border before it."""
    kernel, stride, padding, dilation, ceil_mode = asked
    positions: list[Size] = []
    for size, k, s, p, d in zip(type_of(input).shape[-len(kernel) :], kernel, stride, padding, dilation, strict=True):
        span = size + 2 * p - d * (k - 1) - 1
        count = floor_divide(span, s) + 1
        if ceil_mode:
            count = smallest(floor_divide(span + s - 1, s) + 1, floor_divide(size + p - 1, s) + 1)
        with solving(current().scope):
            if not at_most(1, count):
                raise ShapeError(f"the window {list(kernel)}, its elements {list(dilation)} apart, does not fit into "
                                 f"{type_of(input)} with a border of {list(padding)}")  # fmt: skip
        positions.append(count)
    return {"window": kernel, "positions": tuple(positions), "stride": stride, "padding": padding, "dilation": dilation}


@function
def _max_pool(input: Tensor, asked: Any, small: bool) -> Tensor:
    fix_plane(input, small, len(asked[0]))
    return apply(window.window_max, input, **_options(input, asked))


@function
def _max_pool_places(input: Tensor, asked: Any, small: bool) -> tuple[Tensor, Tensor]:
    fix_plane(input, small, len(asked[0]))
    options = _options(input, asked)
    return apply(window.window_max, input, **options), apply(window.window_argmax, input, **options)


def _largest(op: str, rank: int, input: Tensor, *asked: Any, return_indices: bool) -> Any:
    windows = _asked(op, input, rank, *asked)
    build = _max_pool_places if return_indices else _max_pool
    return build(input, tuple(windows), is_small(input, rank))


@operator(namespace="nn.functional")
@operator()
def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of the last axis; padding counts as -inf.

    return_indices: also where it is. ceil_mode: a last window may reach beyond the end. ShapeError for other inputs
    than [n, c, l] and [c, l], and where no window fits.
    """
    return _largest("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode,
                    return_indices=return_indices)  # fmt: skip


@operator(namespace="nn.functional")
@operator()
def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of the last two axes; see max_pool1d. Indices count along flat images."""
    return _largest("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode,
                    return_indices=return_indices)  # fmt: skip


@operator(namespace="nn.functional")
@operator()
def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of the last three axes; see max_pool1d. Indices count along flat volumes."""
    return _largest("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode,
                    return_indices=return_indices)  # fmt: skip


@operator(namespace="nn.functional")
@operator()
def max_pool1d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """max_pool1d with indices, whatever return_indices says."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@operator(namespace="nn.functional")
def max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """max_pool2d with indices, whatever return_indices says."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@operator(namespace="nn.functional")
def max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """max_pool3d with indices, whatever return_indices says."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def _count(input: Tensor, options: dict[str, Any], with_border: bool) -> Tensor | int:
    """How many elements each window holds: with those of the border, or of the input alone."""
    kernel, positions = options["window"], options["positions"]
    lead = input.ndim - len(kernel)
    shape = (*type_of(input).shape[:lead], *positions)
    total: Any = 1
    for axis, (size, k, count, s, p) in enumerate(
        zip(type_of(input).shape[lead:], kernel, positions, options["stride"], options["padding"], strict=True)
    ):
        whole = count == floor_divide(size + (p if with_border else 0) - k, s) + 1  # each ends before the end
        if whole and (with_border or p == 0):
            total = total * k if isinstance(total, int) else pointwise.mul(total, k)
            continue
        start = pointwise.sub(pointwise.mul(counted(shape, lead + axis), s), p)
        limit = constant(size + p if with_border else size, int64)
        end = pointwise.minimum(pointwise.add(start, k), limit)
        extent = pointwise.sub(end, start if with_border else pointwise.clamp(start, min=0))
        total = pointwise.mul(extent, total)
    return total  # type: ignore[no-any-return]


@function
def _avg_pool(input: Tensor, asked: Any, with_border: bool, divisor: int | None, small: bool) -> Tensor:
    fix_plane(input, small, len(asked[0]))
    kind = type_of(input).dtype
    options = _options(input, asked)
    total = apply(window.window_sum, cast(input, wide(kind)), **options)
    count = _count(input, options, with_border) if divisor is None else divisor
    if kind.kind != "float":
        return pointwise.div(total, count, rounding_mode="trunc")
    by = cast(count, wide(kind)) if isinstance(count, Tensor) else constant(count, wide(kind))
    return cast(pointwise.true_divide(total, by), kind)


def _mean(op: str, rank: int, input: Tensor, *asked: Any, with_border: bool, divisor: Any = None) -> Tensor:
    *options, ceil_mode = asked
    windows = _asked(op, input, rank, *options, 1, ceil_mode)
    if divisor == 0:
        raise ValueError("divisor_override must not be 0", op=op)
    if input.dtype.kind not in ("float", "int", "uint"):
        raise DTypeError(f"the mean of {input.dtype.name} is not defined", op=op)
    number = None if divisor is None else int(divisor)
    return _avg_pool(input, tuple(windows), bool(with_border), number, is_small(input, rank))  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
@operator()
def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window of the last axis; padding counts as zeros, or with count_include_pad=False not at all.

    ceil_mode: a last window may reach beyond the end; what lies beyond the padding never counts. ShapeError for other
    inputs than [n, c, l] and [c, l], and where no window fits.
    """
    return _mean("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, with_border=count_include_pad)


@operator(namespace="nn.functional", out=True)
def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of the last two axes, or its sum over divisor_override; see avg_pool1d."""
    return _mean("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, with_border=count_include_pad,
                 divisor=divisor_override)  # fmt: skip


@operator(namespace="nn.functional", out=True)
def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of the last three axes, or its sum over divisor_override; see avg_pool1d."""
    return _mean("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, with_border=count_include_pad,
                 divisor=divisor_override)  # fmt: skip


@function
def _power_mean(input: Tensor, asked: Any, norm: Number, count: int, small: bool) -> Tensor:
    fix_plane(input, small, len(asked[0]))
    mean = _avg_pool(pointwise.pow(input, norm), asked, True, None, small)
    total = pointwise.mul(pointwise.mul(pointwise.sign(mean), pointwise.relu(pointwise.abs(mean))), count)
    return pointwise.pow(total, pointwise.true_divide(1.0, norm))


def _norm(op: str, rank: int, input: Tensor, norm: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    windows = tuple(_asked(op, input, rank, kernel_size, stride, 0, 1, ceil_mode))
    return _power_mean(input, windows, float(norm), prod(windows[0]), is_small(input, rank))  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:  # fmt: skip
    """The p-norm of each window of the last axis: the p-th root of the sum of p-th powers, p being norm_type."""
    return _norm("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


@operator(namespace="nn.functional")
def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:  # fmt: skip
    """The p-norm of each window of the last two axes; see lp_pool1d."""
    return _norm("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


@operator(namespace="nn.functional")
def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:  # fmt: skip
    """The p-norm of each window of the last three axes; see lp_pool1d."""
    return _norm("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)
