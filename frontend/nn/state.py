"""The state of a module by dotted names: checking a saved one as a whole, then loading it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from brasa._state import bump_epoch
from brasa.autograd import no_grad
from brasa.ir.errors import ArgumentError, Operand, ValueError
from brasa.nn.parameter import Parameter
from brasa.tensor import Tensor, type_text

if TYPE_CHECKING:
    from brasa.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """What load_state_dict(strict=False) passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def load_state(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy a state's tensors into the module's own (or put them in their place); an error leaves all as it was."""
    if not isinstance(state, Mapping):
        raise ArgumentError(f"expected a dict, found {type(state).__name__}", op="load_state_dict")
    own = module.state_dict(keep_vars=True)
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    faults = [fault for key in own if key in state for fault in _misfit(key, own[key], state[key])]
    if strict:
        faults += [Operand(key, type_text(own[key]), "is missing in the state") for key in missing]
        faults += [Operand(str(key), _describe(state[key]), "is not in the module") for key in unexpected]
    if faults:
        raise ValueError(f"the state does not fit {type(module).__name__}, nothing was loaded", op="load_state_dict",
                         operands=tuple(faults))  # fmt: skip
    present = [key for key in own if key in state]
    with no_grad():
        for key in present:
            if assign:
                _replace(module, key, state[key])
            else:
                own[key].copy_(state[key])
    bump_epoch()
    return IncompatibleKeys(missing, unexpected)


def _misfit(key: str, own: Tensor, given: Any) -> list[Operand]:
    if isinstance(given, Tensor) and tuple(given.shape) == tuple(own.shape):
        return []
    return [Operand(key, type_text(own), f"is {_describe(given)} in the state")]


def _describe(value: Any) -> str:
    return type_text(value) if isinstance(value, Tensor) else type(value).__name__


def _replace(module: Module, key: str, value: Tensor) -> None:
    path, _, name = key.rpartition(".")
    holder = module.get_submodule(path)
    old = holder._parameters.get(name)
    if old is None:
        holder._buffers[name] = value
    elif isinstance(value, Parameter):
        holder._parameters[name] = value
    else:
        holder._parameters[name] = Parameter(value, old.requires_grad)
