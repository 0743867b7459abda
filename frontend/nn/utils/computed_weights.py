"""Weights that a hook computes before each forward: the older way to say that a parameter depends on others."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.ir.errors import ValueError
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensors.tensor import Tensor


class ComputedWeight:
    """A forward pre-hook that assigns a weight. endings: of the names of what the weight is computed from."""

    def __init__(self, name: str, endings: tuple[str, ...]) -> None:
        self.name, self.endings = name, endings

    def compute_weight(self, module: Module) -> Tensor:
        """The weight."""
        raise NotImplementedError

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def check_new(self, module: Module) -> None:
        """Raise an error where the module has such a hook for this weight."""
        if hook_key(module, self.name, type(self)) is not None:
            raise ValueError(f"'{self.name}' is computed by a {type(self).__name__} already", op=type(self).__name__)

    def install(self, module: Module) -> None:
        """Compute the weight now, and before every forward."""
        self(module, ())
        module.register_forward_pre_hook(self)


def hook_key(module: Module, name: str, kind: type[ComputedWeight]) -> int | None:
    """The key of the hook of this kind that computes the weight, None when there is none."""
    hooks = ((key, hook.call) for key, hook in module._forward_pre_hooks.items())
    return next((key for key, call in hooks if isinstance(call, kind) and call.name == name), None)


def remove(module: Module, name: str, kind: type[ComputedWeight]) -> Module:
    """Make a computed weight an ordinary parameter with its present value."""
    key = hook_key(module, name, kind)
    if key is None:
        raise ValueError(f"'{name}' of {type(module).__name__} is not computed by a {kind.__name__}", op="remove")
    hook: Any = module._forward_pre_hooks.pop(key).call
    with no_grad():
        weight = hook.compute_weight(module)
    for ending in ("", *hook.endings):
        delattr(module, name + ending)
    module.register_parameter(name, Parameter(weight))
    return module
