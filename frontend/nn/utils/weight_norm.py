"""weight_norm in its older form: two parameters, and a hook that computes the weight before each forward."""

from __future__ import annotations

from typing import Any

from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.nn.utils.computed_weights import ComputedWeight, remove
from brasa.nn.utils.weight_forms import norm_except_dim, with_norms
from brasa.tensors.tensor import Tensor


class WeightNorm(ComputedWeight):
    """The hook."""

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name, ("_g", "_v"))
        self.dim = dim

    def compute_weight(self, module: Module) -> Tensor:
        """The direction with the norms."""
        return with_norms(*(getattr(module, self.name + ending) for ending in self.endings), self.dim)


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Train norms and direction of a weight apart, as the parameters weight_g and weight_v.

    `nn.utils.parametrizations.weight_norm` is the newer form.
    """
    hook = WeightNorm(name, None if dim == -1 else dim)
    hook.check_new(module)
    weight = module._parameters.pop(name)
    module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight, hook.dim).detach()))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook.install(module)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight an ordinary parameter again."""
    return remove(module, name, WeightNorm)
