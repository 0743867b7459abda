"""spectral_norm in its older form: a hook that divides the weight by its largest singular value before each forward."""

from __future__ import annotations

from typing import Any

from brasa.nn.module import Module
from brasa.nn.utils.computed_weights import ComputedWeight, remove
from brasa.nn.utils.weight_forms import (
    as_matrix,
    check_iterations,
    iterate,
    largest_singular_value,
    output_axis,
    start_vectors,
)
from brasa.tensors.tensor import Tensor


class SpectralNorm(ComputedWeight):
    """The hook."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name, ("_orig", "_u", "_v"))
        check_iterations(n_power_iterations)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def __call__(self, module: Module, args: Any) -> None:
        if module.training:
            weight, u, v = self._members(module)
            iterate(as_matrix(weight, self.dim), u, v, self.n_power_iterations, self.eps, rows_first=False)
        super().__call__(module, args)

    def _members(self, module: Module) -> list[Tensor]:
        return [getattr(module, self.name + ending) for ending in self.endings]

    def compute_weight(self, module: Module) -> Tensor:
        """The original weight over its largest singular value."""
        weight, u, v = self._members(module)
        return weight / largest_singular_value(as_matrix(weight, self.dim), u, v)


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value; the parameter becomes weight_orig.

    `nn.utils.parametrizations.spectral_norm` is the newer form.
    """
    hook = SpectralNorm(name, n_power_iterations, output_axis(module) if dim is None else dim, eps)
    hook.check_new(module)
    weight = module._parameters.pop(name)
    u, v = start_vectors(as_matrix(weight.detach(), hook.dim), eps)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight an ordinary parameter again, divided as it is now."""
    return remove(module, name, SpectralNorm)
