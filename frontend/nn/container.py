"""Modules that hold modules: in sequence, in a list, by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from brasa.ir.errors import ArgumentError, IndexError
from brasa.nn.module import Module
from brasa.nn.representation import represent, runs_of

_L = TypeVar("_L", bound="_Listed")


class _Listed(Module):
    """Modules under the names 0, 1, 2, ..., indexed as a list is."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._modules.values()))

    def _key(self, index: Any) -> str:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} is outside the {len(self)} modules", op=type(self).__name__)
        return list(self._modules)[place]

    def __getitem__(self, index: Any) -> Any:
        return self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        kept = list(self)
        del kept[index if isinstance(index, slice) else list(self._modules).index(self._key(index))]
        self._fill(kept)

    def _fill(self, modules: Iterable[Module]) -> None:
        """Hold these modules alone."""
        modules = list(modules)
        self._modules.clear()
        self.extend(modules)

    def append(self: _L, module: Module) -> _L:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self: _L, modules: Iterable[Module]) -> _L:
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise ArgumentError(f"expected modules, found {type(modules).__name__}", op=type(self).__name__)
        for module in list(modules):
            self.append(module)
        return self

    def insert(self: _L, index: int, module: Module) -> _L:
        """Add a module before a place."""
        modules = list(self)
        modules.insert(index, module)
        self._fill(modules)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take a module out."""
        module = self[index]
        del self[index]
        return module

    def __iadd__(self: _L, modules: Iterable[Module]) -> _L:
        return self.extend(modules)

    def __add__(self: _L, modules: Iterable[Module]) -> _L:
        return type(self)().extend(self).extend(modules)


class Sequential(_Listed):
    """Modules that run one after the other, each on what the one before it gives."""

    _modules: dict[str, Any]

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], Mapping) else enumerate(args)
        for name, module in named:
            self.add_module(str(name), module)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def __mul__(self, count: int) -> Sequential:
        if not isinstance(count, int) or count <= 0:
            raise ArgumentError(f"the number of repetitions must be a positive int, not {count!r}", op="Sequential")
        return type(self)(*list(self) * count)

    __rmul__ = __mul__

    def __imul__(self, count: int) -> Sequential:
        return self.extend(list(self * count)[len(self) :])

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list of modules, known to the module that holds it."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        return type(self)(list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)

    def __repr__(self) -> str:
        return represent(type(self).__name__, "", runs_of(map(repr, self)))


class ModuleDict(Module):
    """A dict of modules, known to the module that holds it."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, module) of all."""
        return self._modules.items()

    def pop(self, key: str) -> Any:
        """Take a module out."""
        return self._modules.pop(key)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules by name; those that have such a name already are replaced."""
        for key, module in modules.items() if isinstance(modules, Mapping | ModuleDict) else modules:
            self.add_module(key, module)
