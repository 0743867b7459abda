"""The public modules of brasa and the names in each, found in the modules themselves."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def public_modules(root: ModuleType) -> Iterator[ModuleType]:
    """A public module, then those inside it, in alphabetical order.

    Inside a package are the modules that its own file imports as themselves (`from brasa import nn as nn`), and those
    that it imports when they are first asked for.
    """
    yield root
    names = {name for _, name, shown in _imports(root) if name == shown and _is_module(root, name)}
    if late := vars(root).get("__getattr__"):
        parts = {part.name for part in iter_modules(root.__path__)}
        names |= {name for name in parts if not name.startswith("_") and _gives_module(late, name)}
    for name in sorted(names):
        yield from public_modules(importlib.import_module(f"{root.__name__}.{name}"))


def public_names(module: ModuleType) -> list[str]:
    """What a module shows beside other modules: its `__all__`, or all but what it imports for its own use."""
    used: set[str] = set()
    for source, name, shown in _imports(module):
        if name == "*" and not source.startswith("brasa."):
            foreign = vars(importlib.import_module(source))
            used |= {each for each, value in vars(module).items() if foreign.get(each) is value}
        elif name not in ("*", shown):
            used.add(shown or name)
    names = getattr(module, "__all__", None) or {
        name for name in vars(module).keys() - used if not (name.startswith("_") or _is_module(module, name))
    }
    return sorted(names, key=lambda name: (name.lower(), name))


def home_of(value: Any) -> ModuleType | None:
    """The file of brasa that a function or class stands in; None for other values."""
    name = getattr(value, "__module__", None) if inspect.isroutine(value) or inspect.isclass(value) else None
    return importlib.import_module(name) if name and name.startswith("brasa.") else None


def _is_module(module: ModuleType, name: str) -> bool:
    return isinstance(getattr(module, name, None), ModuleType)


def _gives_module(late: Any, name: str) -> bool:
    try:
        return isinstance(late(name), ModuleType)
    except AttributeError:
        return False


@cache
def _imports(module: ModuleType) -> list[tuple[str, str, str]]:
    """(module, name, what it is `as`, if that is said) of each import from a module at the top of a module's file."""
    nodes = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ImportFrom)]
    return [(node.module or "", each.name, each.asname or "") for node in nodes for each in node.names]
