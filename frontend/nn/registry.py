"""What modules are made of, so that compiled programs notice every change: their tables, and their classes."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from typing import Any

from brasa._state import bump_epoch


class Registry(dict[Any, Any]):
    """A module's table of parameters, buffers, modules or hooks: a dict whose changes are noted."""


class ModuleType(ABCMeta):
    """The class of module classes: changes of their attributes are noted. Abstract base classes mix with it."""


def _noting(change: Callable[..., Any]) -> Callable[..., Any]:
    """A method that makes the change and notes it."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        bump_epoch()
        return change(self, *args, **kwargs)

    method.__name__ = change.__name__
    return method


for _kind, _base, _names in (
    (Registry, dict, "__setitem__ __delitem__ __ior__ clear pop popitem setdefault update"),
    (ModuleType, ABCMeta, "__setattr__ __delattr__"),
):
    for _name in _names.split():
        setattr(_kind, _name, _noting(getattr(_base, _name)))
