"""Flatten: several axes made one."""

from __future__ import annotations

from brasa.nn.module import Module
from brasa.tensor import Tensor


class Flatten(Module):
    """The axes from start_dim to end_dim made one; by default all but the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
