"""What losses share: how they are reduced."""

from __future__ import annotations

from brasa.nn.module import Module
from brasa.tensors.tensor import Tensor


class Loss(Module):
    """A loss that is reduced to its mean, its sum, or not at all."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        if reduce is not None or size_average is not None:  # PyTorch's old way to say it
            reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        self.reduction = reduction


class WeightedLoss(Loss):
    """A loss with a factor for each class."""

    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
