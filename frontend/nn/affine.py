"""Scales and shifts: what the layers of normalisation learn."""

from __future__ import annotations

from typing import Any

from brasa.nn import init
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensors.creation import empty


class Affine(Module):
    """A layer with a weight that starts at 1 and a bias that starts at 0; either may be missing."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_affine(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        """Register the parameters, or that there are none."""
        for name, wanted in (("weight", weight), ("bias", bias)):
            made = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Start with weight 1 and bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)
