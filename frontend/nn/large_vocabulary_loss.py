"""Losses of classifiers with very many classes, which hold the last layer of the model themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.joining import cat
from brasa.ir.dtype import DType
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn import functional
from brasa.nn.container import ModuleList, Sequential
from brasa.nn.linear import Linear
from brasa.nn.loss import WeightedLoss
from brasa.nn.module import Module
from brasa.tensors.tensor import Tensor


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch would split the work of a LinearCrossEntropyLoss; here it makes no difference."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None


class LinearCrossEntropyLoss(WeightedLoss):
    """CrossEntropyLoss of a Linear layer's scores: for input[n, in_features] and target[n, *out_features].

    The layer has num_classes scores for each place in out_features. options: accepted for PyTorch's sake.
    """

    def __init__(
        self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (), bias: bool = False,
        device: Any = None, dtype: Any = None, reduction: str = "mean", weight: Tensor | None = None,
        ignore_index: int | None = None, label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:  # fmt: skip
        super().__init__(weight, reduction=reduction)
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"weight must have {num_classes} elements, its shape is {list(weight.shape)}",
                             op="LinearCrossEntropyLoss")  # fmt: skip
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(f"label_smoothing must be in 0..1, not {label_smoothing}", op="LinearCrossEntropyLoss")
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, num_classes * math.prod(out_features), bias, device, dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        outer, bias = (self.num_classes, *self.out_features), self.linear.bias
        return functional.linear_cross_entropy(
            input, self.linear.weight.reshape(*outer, self.linear.in_features), target,
            linear_bias=None if bias is None else bias.reshape(outer), weight=self.weight, reduction=self.reduction,
            ignore_index=self.ignore_index, label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )


class AdaptiveLoss(NamedTuple):
    """output: the log-probability of each sample's target; loss: minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of many classes whose frequencies differ (Grave et al., "Efficient softmax approximation for
    GPUs", 2017).

    The head knows the cutoffs[0] most frequent classes and one cluster for the classes between two cutoffs each, whose
    tail has in_features / div_value ** (cluster + 1) features. Classes are numbered from the most frequent one. Every
    tail is computed for all samples, so that no shape depends on values.
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        given = list(cutoffs)
        if not given or given != sorted(set(given)) or given[0] <= 0 or given[-1] >= n_classes:
            raise ValueError(f"cutoffs must be increasing numbers between 1 and {n_classes - 1}, found {given}",
                             op="AdaptiveLogSoftmaxWithLoss")  # fmt: skip
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*given, n_classes]
        self.div_value, self.head_bias, self.shortlist_size = div_value, head_bias, given[0]
        self.n_clusters = len(given)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for cluster, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            width = int(in_features // div_value ** (cluster + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, False, device, dtype), Linear(width, high - low, False, device, dtype)
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for narrow, wide in self.tail:
            narrow.reset_parameters()
            wide.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> AdaptiveLoss:
        if target_.ndim > 1 or input_.ndim != target_.ndim + 1 or input_.shape[:-1] != target_.shape:
            raise ShapeError(f"input{list(input_.shape)} and target{list(target_.shape)} must be [n, features] and "
                             "[n], or [features] and []", op="AdaptiveLogSoftmaxWithLoss")  # fmt: skip
        batched = target_.ndim == 1
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        place, inner = target, 0.0
        for cluster, logs in enumerate(self._tails(input)):
            low, high = self.cutoffs[cluster : cluster + 2]
            inside = (target >= low) & (target < high)
            local = logs.gather(1, pointwise.where(inside, target - low, 0).unsqueeze(1)).squeeze(1)
            inner = pointwise.where(inside, local, inner)
            place = pointwise.where(inside, self.shortlist_size + cluster, place)
        place = pointwise.where(target < self.n_classes, place, self.head_size)  # too large for the head, too
        output = functional.log_softmax(self.head(input), 1).gather(1, place.unsqueeze(1)).squeeze(1) + inner
        return AdaptiveLoss(output if batched else output.squeeze(0), (-output).mean())

    def _tails(self, input: Tensor) -> list[Tensor]:
        """The log-probabilities inside each cluster."""
        return [functional.log_softmax(tail(input), 1) for tail in self.tail]

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities [n, n_classes] of all classes."""
        head = functional.log_softmax(self.head(input), 1)
        known, clusters = head[:, : self.shortlist_size], head[:, self.shortlist_size :]
        inner = [logs + clusters[:, i : i + 1] for i, logs in enumerate(self._tails(input))]
        return cat([known, *inner], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class [n] of each sample."""
        return self.log_prob(input).argmax(1)
