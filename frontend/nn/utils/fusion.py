"""Layers with the batch normalisation behind them as one layer, for evaluation."""

from __future__ import annotations

import copy
from typing import Any

from brasa.functions.pointwise import rsqrt
from brasa.ir.errors import ValueError
from brasa.nn.parameter import Parameter
from brasa.tensors.creation import ones_like, zeros_like
from brasa.tensors.tensor import Tensor


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that gives what bn(conv(x)) gives in evaluation."""
    _check_modes("fuse_conv_bn_eval", conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor | None,
    bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of the convolution that does both. transpose: channels of the result are the second axis."""
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that gives what bn(linear(x)) gives in evaluation."""
    _check_modes("fuse_linear_bn_eval", linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise ValueError(f"the normalisation is of {bn.num_features} features, the layer has {linear.out_features}",
                         op="fuse_linear_bn_eval")  # fmt: skip
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of the linear layer that does both."""
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _check_modes(op: str, layer: Any, norm: Any) -> None:
    if layer.training or norm.training:
        raise ValueError("both layers must be in evaluation", op=op, hint="call eval() first")


def _fused(
    weight: Tensor, bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float, scale: Tensor | None,
    shift: Tensor | None, shape: list[int],
) -> tuple[Parameter, Parameter]:  # fmt: skip
    trained = (weight.requires_grad, weight.requires_grad if bias is None else bias.requires_grad)
    bias = zeros_like(mean) if bias is None else bias
    factor = (ones_like(mean) if scale is None else scale) * rsqrt(variance + eps)
    moved = (bias - mean) * factor + (zeros_like(mean) if shift is None else shift)
    scaled = weight * factor.reshape(shape).to(weight.dtype)
    return Parameter(scaled.detach(), trained[0]), Parameter(moved.detach().to(bias.dtype), trained[1])
