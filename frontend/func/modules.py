"""Modules as functions of their parameters and buffers, and several of them as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brasa.functions.joining import stack
from brasa.ir.errors import ValueError
from brasa.nn.module import Module
from brasa.nn.utils import stateless
from brasa.tensors.tensor import Tensor


def functional_call(
    module: Module, parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]], args: Any = None,
    kwargs: Mapping[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """What the module gives with tensors of these dotted names in the place of its own, from one dict or several.

    args: a tuple of arguments, or the only one. tie_weights: a tensor that has several names is replaced under all of
    them. strict: every parameter and buffer has to be given. ValueError where names do not fit, or come twice.
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, Mapping):
        merged: dict[str, Tensor] = {}
        for part in given:
            for name in part:
                if name in merged:
                    raise ValueError(f"'{name}' is in several of the dicts", op="functional_call")
            merged |= part
        given = merged
    return stateless.functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of several modules of one kind by dotted name, each stacked along a new first axis.

    With `functional_call` and `vmap` these run all modules at once. Parameters are leaves that require gradients where
    those of the modules do. ValueError where the modules differ in class, in mode, or in their names.
    """
    if not models:
        raise ValueError("there is no module", op="stack_module_state")
    first = models[0]
    if any(type(model) is not type(first) for model in models):
        raise ValueError("the modules are of different classes", op="stack_module_state")
    if any(model.training is not first.training for model in models):
        raise ValueError("some of the modules are in training mode, some are not", op="stack_module_state")
    tables = [(dict(model.named_parameters()), dict(model.named_buffers())) for model in models]
    if any([*map(list, table)] != [*map(list, tables[0])] for table in tables):
        raise ValueError("the modules have different names", op="stack_module_state")
    parameters, buffers = (
        {name: _stacked([table[i][name] for table in tables]) for name in tables[0][i]} for i in (0, 1)
    )
    return parameters, buffers


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    wants = {tensor.requires_grad for tensor in tensors}
    if len(wants) > 1:
        raise ValueError("a parameter requires gradients in some of the modules only", op="stack_module_state")
    return stack(tensors).detach().requires_grad_(wants.pop())  # type: ignore[attr-defined, no-any-return]


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let every batch normalization in the module go by the statistics of its input alone; the module itself.

    What they gathered in training is dropped: a sample of a vmapped function cannot write to statistics of all.
    """
    for module in root.modules():
        if getattr(module, "track_running_stats", False):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
