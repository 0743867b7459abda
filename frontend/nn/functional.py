"""Layers, activations and losses as functions, under PyTorch's names."""

from __future__ import annotations

import warnings
from typing import Any

from brasa.functions import pointwise, reduction
from brasa.functions.joining import pad as pad
from brasa.functions.matrix import linear as linear
from brasa.functions.neural import batch_norm as batch_norm
from brasa.functions.neural import conv2d as conv2d
from brasa.functions.neural import cross_entropy as cross_entropy
from brasa.functions.neural import dropout as dropout
from brasa.functions.neural import embedding as embedding
from brasa.functions.neural import l1_loss as l1_loss
from brasa.functions.neural import layer_norm as layer_norm
from brasa.functions.neural import max_pool2d as max_pool2d
from brasa.functions.neural import mse_loss as mse_loss
from brasa.functions.neural import nll_loss as nll_loss
from brasa.functions.pointwise import gelu as gelu
from brasa.functions.pointwise import sigmoid as sigmoid
from brasa.functions.pointwise import softplus as softplus
from brasa.functions.pointwise import tanh as tanh
from brasa.inplace import in_place
from brasa.tensor import Tensor

_relu_ = in_place(pointwise.relu, "relu_")
_silu_ = in_place(pointwise.silu, "silu_")
_leaky_relu_ = in_place(pointwise.leaky_relu, "leaky_relu_")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), with gradient 0 at 0."""
    return _relu_(input) if inplace else pointwise.relu(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input)."""
    return _silu_(input) if inplace else pointwise.silu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope * input."""
    return (_leaky_relu_ if inplace else pointwise.leaky_relu)(input, negative_slope)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(input) scaled so that it sums to 1 along a dim."""
    return reduction.softmax(input, _implied_dim(input, "softmax") if dim is None else dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """log(softmax(input)) along a dim."""
    return reduction.log_softmax(input, _implied_dim(input, "log_softmax") if dim is None else dim, dtype)


def _implied_dim(input: Tensor, name: str) -> int:
    warnings.warn(f"{name} without dim chooses one, as PyTorch once did; pass dim", UserWarning, stacklevel=3)
    return 0 if input.ndim in (0, 1, 3) else 1
