"""Modules without initial values."""

from __future__ import annotations

import inspect
from typing import Any

from brasa.ir.errors import ArgumentError
from brasa.nn.module import Module
from brasa.random import get_rng_state, set_rng_state


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters may hold anything: drawing them leaves the random generator as it was."""
    if not issubclass(module_cls, Module):
        raise ArgumentError(f"expected a Module class, found {module_cls.__name__}", op="skip_init")
    if "device" not in inspect.signature(module_cls).parameters:
        raise ArgumentError(f"{module_cls.__name__} takes no device", op="skip_init")
    before = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(before)
