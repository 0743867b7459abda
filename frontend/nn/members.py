"""What a module holds: its tables of parameters, buffers and modules, their names, and walking over them."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from brasa._state import bump_epoch
from brasa.ir.errors import ArgumentError, AttributeError, ValueError
from brasa.nn.parameter import Buffer, Parameter
from brasa.nn.registry import ModuleType, Registry
from brasa.tensors.tensor import Tensor

if TYPE_CHECKING:
    from brasa.nn.module import Module

_KINDS = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}


class Members(metaclass=ModuleType):
    """The part of a module that is its members: attributes that lie in tables of their own."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True, _parameters=Registry(), _buffers=Registry(), _modules=Registry(),
            _non_persistent_buffers_set=set(),
        )  # fmt: skip

    # attributes

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        if "_modules" not in fields:
            raise AttributeError(f"'{name}' was asked for before super().__init__()", op=type(self).__name__,
                                 hint="call super().__init__() first in __init__")  # fmt: skip
        for table in _KINDS:
            if name in fields[table]:
                return fields[table][name]
        raise builtins.AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        if isinstance(value, Parameter):
            self._release(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Members):
            self._release(name, "_modules")
            self._modules[name] = value  # type: ignore[assignment]
        elif isinstance(value, Buffer):
            self._release(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif (kind := _kind_of(fields, name)) is None:
            bump_epoch()
            object.__setattr__(self, name, value)
        elif value is None or (kind == "_buffers" and isinstance(value, Tensor)):
            fields[kind][name] = value
        else:
            raise ArgumentError(f"{_KINDS[kind]} '{name}' cannot become a {type(value).__name__}",
                                op=type(self).__name__, hint=f"del module.{name} first")  # fmt: skip

    def __delattr__(self, name: str) -> None:
        bump_epoch()
        kind = _kind_of(self.__dict__, name)
        if kind is None:
            object.__delattr__(self, name)
        else:
            del self.__dict__[kind][name]
            self._non_persistent_buffers_set.discard(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def _release(self, name: str, kind: str) -> None:
        """Forget what has this name, unless it is of this kind, for something of this kind to take it."""
        if "_modules" not in self.__dict__:
            raise AttributeError(f"'{name}' was assigned before super().__init__()", op=type(self).__name__,
                                 hint="call super().__init__() first in __init__")  # fmt: skip
        self.__dict__.pop(name, None)
        for table in _KINDS:
            if table != kind:
                self.__dict__[table].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _check_free(self, name: str, kind: str, op: str) -> None:
        if not name or "." in name:
            raise ValueError(f"a name must not be empty and not hold a dot, found '{name}'", op=op)
        if name not in self.__dict__.get(kind, ()) and hasattr(self, name):
            raise ValueError(f"{type(self).__name__} has an attribute '{name}' already", op=op)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make a parameter (or, with None, the place of one) an attribute."""
        self._check_free(name, "_parameters", "register_parameter")
        if not isinstance(param, Parameter | None):
            raise ArgumentError(f"'{name}' must be a Parameter or None, not {type(param).__name__}",
                                op="register_parameter")  # fmt: skip
        if param is not None and not param.is_leaf:
            raise ValueError(f"'{name}' was computed; only a leaf can be a parameter", op="register_parameter")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make a tensor that is no parameter an attribute: it moves with the module; if persistent, it is saved."""
        self._check_free(name, "_buffers", "register_buffer")
        if not isinstance(tensor, Tensor | None):
            raise ArgumentError(f"'{name}' must be a tensor or None, not {type(tensor).__name__}", op="register_buffer")
        self._buffers[name] = tensor
        self._non_persistent_buffers_set.discard(name)
        if not persistent:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make a module an attribute."""
        self._check_free(name, "_modules", "add_module")
        if not isinstance(module, Members | None):
            raise ArgumentError(f"'{name}' must be a Module or None, not {type(module).__name__}", op="add_module")
        self._modules[name] = module

    register_module = add_module

    # dotted paths

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; the empty path is this module."""
        found: Any = self
        for part in target.split(".") if target else ():
            found = getattr(found, part, None)
            if not isinstance(found, Members):
                raise AttributeError(f"there is no module '{target}' in {type(self).__name__}", op="get_submodule")
        return found  # type: ignore[no-any-return]

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path; with strict, only where there is one already."""
        if not target:
            raise ValueError("the path of the module is empty", op="set_submodule")
        if not isinstance(module, Members):
            raise ArgumentError(f"expected a Module, found {type(module).__name__}", op="set_submodule")
        path, _, name = target.rpartition(".")
        holder = self.get_submodule(path)
        if strict or hasattr(holder, name):
            self.get_submodule(target)
        setattr(holder, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        return self._member(target, "_parameters")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._member(target, "_buffers")

    def _member(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        table = getattr(self.get_submodule(path), kind)
        if table.get(name) is None:
            raise AttributeError(f"there is no {_KINDS[kind]} '{target}' in {type(self).__name__}",
                                 op=f"get_{_KINDS[kind]}")  # fmt: skip
        return table[name]

    # iteration

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(dotted path, module) of this module and all in it, each module once."""
        seen: set[Any] = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Any]:
        """This module and all in it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """(name, module) of the modules directly in this one, each once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Any]:
        """The modules directly in this one, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted path, parameter) of all parameters, each once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted path, buffer) of all buffers, each once."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[Any]:
        seen: set[int] = set()
        holders = self.named_modules(None, prefix, remove_duplicate) if recurse else iter([(prefix, self)])
        for path, module in holders:
            for name, member in getattr(module, kind).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member


def _kind_of(fields: dict[str, Any], name: str) -> str | None:
    """The table of a module that has the name, None when it would be an ordinary attribute."""
    return next((kind for kind in _KINDS if name in fields.get(kind, ())), None)
