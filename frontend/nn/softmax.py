"""The softmax family as modules."""

from __future__ import annotations

from brasa.ir.errors import ShapeError
from brasa.nn import functional
from brasa.nn.configured import Configured
from brasa.nn.module import Module
from brasa.tensors.tensor import Tensor


class _AlongDim(Configured):
    shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class Softmax(_AlongDim):
    """exp(input) scaled so that it sums to 1 along a dim."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """log(softmax(input)) along a dim."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """softmax(-input) along a dim."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmin(input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of images input[n, c, h, w] or input[c, h, w]."""

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(f"input must have 3 or 4 axes, it has {input.ndim}", op="Softmax2d")
        return functional.softmax(input, -3)
