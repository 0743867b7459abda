"""What an entry of PyTorch's operator database calls, found by the same name in the module under test."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType, ModuleType
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db

from benchmarks.conformance.carry import Missing, lookup


def full_name(entry: Any) -> str:
    """The name of an entry, with that of its variant."""
    return f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else entry.name


def entries_of(dtype: str) -> list[Any]:
    """The entries of PyTorch's database that have samples of a dtype."""
    return [entry for entry in op_db if getattr(torch, dtype) in entry.dtypes]


def resolve(entry: Any, module: ModuleType, methods: bool = False) -> Callable[..., Any] | None:
    """The module's function for an entry; None if PyTorch has no public name for it; raises Missing.

    With `methods`, the method of Tensor where PyTorch has one.
    """
    name, known = entry.name, _has(torch, entry.name)
    if _of_tests(entry.op) and not methods:
        if known:
            lookup(module, name)
        return rebound(entry.op, module)
    method = "." not in name and hasattr(torch.Tensor, name)
    if known and not (methods and method):
        return lookup(module, name)
    if not method:
        return None
    lookup(module, f"Tensor.{name}")
    return lambda tensor, *arguments, **keywords: getattr(tensor, name)(*arguments, **keywords)


def rebound(function: FunctionType, module: ModuleType) -> FunctionType:
    """A function of PyTorch's tests, written against the global name `torch`, with another module in its place.

    Random functions are not seeded anew by it, so that they show as random.
    """
    names = {**function.__globals__, "torch": module, "wrapper_set_seed": _unseeded}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    cells = [rebound(held, module) if _of_tests(held) else held for held in cells]
    closure = tuple(map(CellType, cells)) or None
    copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__, closure)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _unseeded(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    return function(*arguments, **keywords)


def _of_tests(value: Any) -> bool:
    return isinstance(value, FunctionType) and (value.__module__ or "").startswith("torch.testing")


def _has(root: Any, dotted: str) -> bool:
    try:
        lookup(root, dotted)
    except Missing:
        return False
    return True
