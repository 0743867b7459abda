"""Parameters in a list or in a dict, known to the module that holds it. Other values may be among them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

from brasa.ir.errors import ArgumentError, IndexError
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.nn.registry import Registry
from brasa.tensors.tensor import Tensor

_L = TypeVar("_L", bound="ParameterList")
_D = TypeVar("_D", bound="ParameterDict")


def _kept(value: Any) -> Any:
    """The value as it is kept: a tensor becomes a parameter."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _line(name: str, value: Any) -> str:
    """What is printed of one value."""
    if not isinstance(value, Tensor):
        return f"({name}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"({name}): {kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    """A list of parameters. Tensors that are put into it become parameters; anything else is an attribute."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(values or ())

    def __len__(self) -> int:
        return self._size

    def _name(self, index: Any) -> str:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} is outside the {len(self)} values", op=type(self).__name__)
        return str(place % len(self))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), _kept(value))

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, str(place)) for place in range(len(self))])

    def append(self: _L, value: Any) -> _L:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self: _L, values: Iterable[Any]) -> _L:
        """Add several values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise ArgumentError(f"expected values, found {type(values).__name__}", op=type(self).__name__)
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self: _L, values: Iterable[Any]) -> _L:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join(_line(str(place), value) for place, value in enumerate(self))


class ParameterDict(Module, MutableMapping[str, Any]):
    """A dict of parameters, in the order in which they came."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = Registry()
        if parameters is not None:
            self.update(parameters)

    def _checked(self, key: Any) -> str:
        if not isinstance(key, str):
            raise ArgumentError(f"a key must be a str, not {type(key).__name__}", op="ParameterDict")
        return key

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, self._checked(key), _kept(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    __eq__ = object.__eq__  # as all modules: a set may hold it
    __hash__ = object.__hash__

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is the default from now on if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take out what came last: (key, value)."""
        if not self._keys:
            raise KeyError("the dict is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    def copy(self: _D) -> _D:
        """A dict with the same values."""
        return type(self)(self)

    def fromkeys(self: _D, keys: Iterable[str], default: Any = None) -> _D:
        """A dict with these keys and one value."""
        return type(self)(dict.fromkeys(keys, default))

    def __or__(self: _D, other: Mapping[str, Any]) -> _D:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self: _D, other: Mapping[str, Any]) -> _D:
        made = type(self)(other)
        made.update(self)
        return made

    def __ior__(self: _D, other: Mapping[str, Any]) -> _D:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return "\n".join(_line(key, value) for key, value in self.items())
