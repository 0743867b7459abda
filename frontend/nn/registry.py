"""What modules and optimisers are made of, so that compiled programs notice every change: tables, lists, classes."""

from __future__ import annotations

from abc import ABCMeta
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from brasa._state import bump_epoch


class Registry(dict[Any, Any]):
    """A module's table of parameters, buffers, modules or hooks, or an optimiser's group: its changes are noted."""


class Registries(defaultdict[Any, Any]):
    """An optimiser's state: a table of tables, made when they are first asked for."""

    def __init__(self) -> None:
        super().__init__(Registry)

    def __reduce__(self) -> Any:
        return Registries, (), None, None, iter(self.items())


class RegistryList(list[Any]):
    """An optimiser's groups, or the parameters of one: a list whose changes are noted."""


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
    (Registries, defaultdict, "__setitem__ __delitem__ __ior__ __missing__ clear pop popitem setdefault update"),
    (
        RegistryList,
        list,
        "__setitem__ __delitem__ __iadd__ __imul__ append clear extend insert pop remove reverse sort",
    ),
    (ModuleType, ABCMeta, "__setattr__ __delattr__"),
):
    for _name in _names.split():
        setattr(_kind, _name, _noting(getattr(_base, _name)))
