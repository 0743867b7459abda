"""Convolutions."""

from __future__ import annotations

from typing import Any

from brasa.arguments import require_tensors
from brasa.function import function
from brasa.functions import pointwise
from brasa.functions.neural.spatial import fix_plane, is_small, per_axis
from brasa.ir.errors import ShapeError, ValueError
from brasa.ir.ops import contract
from brasa.operators import operator
from brasa.primitive import apply, reshape, type_of
from brasa.tensor import Tensor


@function(fixed=("weight", "bias"))
def _conv(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int,
    small: bool,
) -> Tensor:  # fmt: skip
    fix_plane(input, small)
    result = apply(contract.conv, input, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if bias is None:
        return result
    column = reshape(bias, (1, *type_of(bias).shape, *[1] * len(stride)))
    return pointwise.add(result, column)


@operator(namespace="nn.functional")
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The convolution of input[n, c, h, w] (or [c, h, w]) with weight[o, c / groups, kh, kw]."""
    require_tensors("conv2d", input=input, weight=weight)
    options = [per_axis(stride, 2, "stride"), _padding(padding, weight, dilation), per_axis(dilation, 2, "dilation")]
    if input.ndim == 3:
        result = _conv(input.unsqueeze(0), weight, bias, *options, groups, is_small(input))  # type: ignore[attr-defined]
        return result.squeeze(0)  # type: ignore[no-any-return]
    if input.ndim != 4:
        raise ShapeError(f"input must have 3 or 4 axes, it has {input.ndim}", op="conv2d")
    return _conv(input, weight, bias, *options, groups, is_small(input))


def _padding(padding: Any, weight: Tensor, dilation: Any) -> tuple[int, ...]:
    if padding == "valid":
        return (0, 0)
    if padding == "same":
        spans = [d * (int(k) - 1) for k, d in zip(weight.shape[2:], per_axis(dilation, 2, "dilation"), strict=True)]
        if any(span % 2 for span in spans):
            raise ValueError("padding='same' needs windows of odd span", op="conv2d")
        return tuple(span // 2 for span in spans)
    return per_axis(padding, 2, "padding")
