"""Layers, activations and losses as functions, under PyTorch's names."""

from __future__ import annotations

import warnings
from typing import Any

from brasa.functions import pointwise, reduction
from brasa.functions.matrix import linear
from brasa.functions.neural.classification_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    linear_cross_entropy,
    multilabel_soft_margin_loss,
    nll_loss,
)
from brasa.functions.neural.convolution import conv2d
from brasa.functions.neural.distance import cosine_similarity, normalize, pairwise_distance, pdist
from brasa.functions.neural.dropout import dropout
from brasa.functions.neural.embedding import embedding
from brasa.functions.neural.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from brasa.functions.neural.padding import pad
from brasa.functions.neural.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
)
from brasa.functions.neural.ranking_loss import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from brasa.functions.neural.regression_loss import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from brasa.functions.pointwise import gelu, sigmoid, softplus, tanh
from brasa.inplace import in_place
from brasa.tensor import Tensor

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "conv2d", "cosine_embedding_loss", "cosine_similarity", "cross_entropy",
    "dropout", "embedding", "gaussian_nll_loss", "gelu", "group_norm", "hinge_embedding_loss", "huber_loss",
    "instance_norm", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "linear_cross_entropy",
    "local_response_norm", "log_softmax", "lp_pool1d", "lp_pool2d", "lp_pool3d", "margin_ranking_loss", "max_pool1d",
    "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
    "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "normalize",
    "pad", "pairwise_distance", "pdist", "poisson_nll_loss", "relu", "rms_norm", "sigmoid", "silu", "smooth_l1_loss",
    "soft_margin_loss", "softmax", "softplus", "tanh", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip

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
