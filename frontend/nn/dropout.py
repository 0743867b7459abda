"""Dropout."""

from __future__ import annotations

from brasa.ir.errors import ValueError
from brasa.nn import functional
from brasa.nn.module import Module
from brasa.tensor import Tensor


class Dropout(Module):
    """While training, each element set to 0 with probability p and the others scaled by 1 / (1 - p)."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must be in 0..1, not {p}", op="Dropout")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
