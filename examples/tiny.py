"""A model small enough to follow through every stage of its compilation: README.md does."""

from __future__ import annotations

import brasa
from brasa import Tensor, nn


class Tiny(nn.Module):
    """Weighs its inputs, keeps what is positive, and adds it up."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(brasa.ones(64))

    def forward(self, x: Tensor) -> Tensor:
        """One number for each row of x."""
        return brasa.relu(x * self.weight).sum(1)
