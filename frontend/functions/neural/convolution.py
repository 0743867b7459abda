"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.functions.neural.padding import padded
from brasa.functions.neural.precision import wide
from brasa.functions.neural.spatial import check_positive, fix_plane, is_small, per_axis
from brasa.ir.dim import Size, at_most, equal, solving
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.ir.ops import contract
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import squeeze, unsqueeze
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, current, reshape, type_of

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution",
]  # fmt: skip


def _with_bias(result: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return result
    kind = type_of(result).dtype
    column = reshape(bias, (1, *type_of(bias).shape, *[1] * (result.ndim - 2)))
    return pointwise.add(result, cast(column, kind))


@function(fixed=("weight", "bias"))
def _conv(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int,
    small: bool,
) -> Tensor:  # fmt: skip
    """padding: (before, after) of each axis. With a bias, half precision is rounded once, after adding it."""
    fix_plane(input, small, len(stride))
    kind = type_of(input).dtype
    working = kind if bias is None else wide(kind)
    symmetric = tuple(min(pair) for pair in padding)
    rest = tuple((before - p, after - p) for (before, after), p in zip(padding, symmetric, strict=True))
    if any(before or after for before, after in rest):
        input = padded(input, ((0, 0), (0, 0), *rest))
    result = apply(
        contract.conv, cast(input, working), cast(weight, working), stride=stride, padding=symmetric,
        dilation=dilation, groups=groups,
    )  # fmt: skip
    return cast(_with_bias(result, bias), kind)


def _operands(op: str, rank: int, input: Any, weight: Any, bias: Any, groups: Any, out_axis: int) -> bool:
    """Check what all convolutions demand of their operands; whether the input lacks the axis of a batch."""
    require_tensors(op, input=input, weight=weight)
    if bias is not None:
        require_tensors(op, bias=bias)
    if weight.ndim != rank + 2:
        raise ShapeError(f"weight must have {rank + 2} axes, it has {weight.ndim}", op=op)
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"input must have {rank + 1} or {rank + 2} axes, it has {input.ndim}", op=op)
    kinds = {tensor.dtype.name for tensor in (input, weight, bias) if tensor is not None}
    if len(kinds) > 1:
        raise DTypeError(f"input, weight and bias must have one dtype, they have {', '.join(sorted(kinds))}", op=op)
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"groups must be a positive int, not {groups}", op=op)
    outputs = weight.shape[out_axis] * (groups if out_axis == 1 else 1)
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != outputs):
        raise ShapeError(f"bias must have the shape [{outputs}], it has {list(bias.shape)}", op=op)
    return input.ndim == rank + 1  # type: ignore[no-any-return]


def _borders(op: str, padding: Any, weight: Tensor, stride: Sequence[int], dilation: Sequence[int]) -> Any:
    """(before, after) of each spatial axis."""
    if not isinstance(padding, str):
        border = per_axis(padding, len(stride), "padding")
        if min(border) < 0:
            raise ValueError(f"padding must not be negative, it is {list(border)}", op=op)
        return tuple((p, p) for p in border)
    if padding == "valid":
        return ((0, 0),) * len(stride)
    if padding != "same":
        raise ValueError(f"padding must be 'same', 'valid' or ints, not '{padding}'", op=op)
    if max(stride) > 1:
        raise ValueError(f"padding='same' needs stride 1, not {list(stride)}", op=op)
    spans = [d * (int(k) - 1) for k, d in zip(weight.shape[2:], dilation, strict=True)]
    return tuple((span // 2, span - span // 2) for span in spans)


def _convolved(
    rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    op = f"conv{rank}d"
    alone = _operands(op, rank, input, weight, bias, groups, 0)
    step, spread = per_axis(stride, rank, "stride"), per_axis(dilation, rank, "dilation")
    check_positive(op, stride=step, dilation=spread)
    border = _borders(op, padding, weight, step, spread)
    batch = unsqueeze(input, 0) if alone else input
    result = _conv(batch, weight, bias, step, border, spread, groups, is_small(input, rank))
    return squeeze(result, 0) if alone else result  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
@operator()
def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The convolution of input[n, c, l] (or [c, l]) with weight[o, c / groups, k]; see conv2d."""
    return _convolved(1, input, weight, bias, stride, padding, dilation, groups)


@operator(namespace="nn.functional")
@operator()
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The convolution of input[n, c, h, w] (or [c, h, w]) with weight[o, c / groups, kh, kw].

    padding: zeros around each image, "valid" for none, "same" for as many as keep its size. ShapeError where channels
    do not match or the window does not fit, DTypeError for operands of several dtypes.
    """
    return _convolved(2, input, weight, bias, stride, padding, dilation, groups)


@operator(namespace="nn.functional")
@operator()
def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The convolution of input[n, c, d, h, w] (or [c, d, h, w]) with weight[o, c / groups, kd, kh, kw]; see conv2d."""
    return _convolved(3, input, weight, bias, stride, padding, dilation, groups)


@function(fixed=("weight", "bias"))
def _conv_transpose(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, extra: Any, dilation: Any,
    groups: int,
) -> Tensor:  # fmt: skip
    """What the gradient of conv gives to its input. extra: how many elements more than needed each axis gets."""
    kind = type_of(input).dtype
    working = kind if bias is None else wide(kind)
    sizes, window = type_of(input).shape[2:], type_of(weight).shape[2:]
    reached = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(sizes, window, stride, dilation, strict=True)]
    direct = all(e < s for e, s in zip(extra, stride, strict=True))
    spatial: list[Size] = [n - 2 * p + e for n, p, e in zip(reached, padding, extra, strict=True)]
    with solving(current().scope):
        full = all(at_most(1, size) for size in spatial)
        if not full and not (equal(type_of(input).shape[0], 0) and all(at_most(0, size) for size in spatial)):
            raise ShapeError(f"the result would have the sizes {spatial}")
    if not direct:  # some windows more would fit into the result: the whole, and then what is asked of it
        spatial = list(reached)
    result = apply(
        contract.conv_input_grad, cast(input, working), cast(weight, working), spatial=tuple(spatial), stride=stride,
        padding=padding if direct else (0,) * len(stride), dilation=dilation, groups=groups,
    )  # fmt: skip
    if not direct:
        result = padded(result, ((0, 0), (0, 0), *((-p, e - p) for p, e in zip(padding, extra, strict=True))))
    return cast(_with_bias(result, bias), kind)


def _transposed(
    rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int,
    dilation: Any,
) -> Tensor:  # fmt: skip
    op = f"conv_transpose{rank}d"
    alone = _operands(op, rank, input, weight, bias, groups, 1)
    step, spread = per_axis(stride, rank, "stride"), per_axis(dilation, rank, "dilation")
    border, extra = per_axis(padding, rank, "padding"), per_axis(output_padding, rank, "output_padding")
    check_positive(op, stride=step, dilation=spread)
    if min(*border, *extra) < 0:
        raise ValueError(f"padding {list(border)} and output_padding {list(extra)} must not be negative", op=op)
    if any(e >= max(s, d) for e, s, d in zip(extra, step, spread, strict=True)):
        raise ValueError(f"output_padding {list(extra)} must be below stride {list(step)} or dilation {list(spread)}",
                         op=op)  # fmt: skip
    batch = unsqueeze(input, 0) if alone else input
    result = _conv_transpose(batch, weight, bias, step, border, extra, spread, groups)
    return squeeze(result, 0) if alone else result  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
@operator()
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """What conv1d's gradient makes of input[n, c, l] (or [c, l]) and weight[c, o / groups, k]; see conv_transpose2d."""
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@operator(namespace="nn.functional")
@operator()
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """What conv2d's gradient makes of input[n, c, h, w] (or [c, h, w]) and weight[c, o / groups, kh, kw].

    Each input element adds its multiple of the window to the result, windows being `stride` apart. padding: what is cut
    off at each end; output_padding: what is added at the far end, less than stride or dilation. ShapeError where
    channels do not match, DTypeError for operands of several dtypes.
    """
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@operator(namespace="nn.functional")
@operator()
def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """What conv3d's gradient makes of input[n, c, d, h, w] and weight[c, o / groups, *window]; see conv_transpose2d."""
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


@operator()
def convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    """The convolution, or the transposed one, of the weight's rank; see conv2d and conv_transpose2d."""
    require_tensors("convolution", input=input, weight=weight)
    rank = weight.ndim - 2
    if not 1 <= rank <= 3:
        raise ShapeError(f"weight must have 3 to 5 axes, it has {weight.ndim}", op="convolution")
    if transposed:
        return _transposed(rank, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _convolved(rank, input, weight, bias, stride, padding, dilation, groups)
