"""Module: layers and models as objects that hold parameters, buffers and other modules."""

from __future__ import annotations

import builtins
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from brasa._state import bump_epoch
from brasa.autograd import no_grad
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, AttributeError, DTypeError, NotImplementedError, ValueError
from brasa.nn.parameter import Parameter, clear_gradient
from brasa.nn.registry import ModuleType, Registry
from brasa.nn.representation import represent
from brasa.nn.state import IncompatibleKeys, load_state
from brasa.tape import RemovableHandle
from brasa.tensor import Tensor

_M = TypeVar("_M", bound="Module")
_KINDS = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}


class Module(metaclass=ModuleType):
    """The base of all layers and models, as `torch.nn.Module`. Subclasses define `forward`.

    Parameters, modules and buffers are kept in tables of their own, `_parameters`, `_modules` and `_buffers`;
    everything else is an ordinary attribute.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _forward_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _forward_pre_hooks: dict[int, tuple[Callable[..., Any], bool]]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True, _parameters=Registry(), _buffers=Registry(), _modules=Registry(),
            _non_persistent_buffers_set=set(), _forward_hooks=Registry(), _forward_pre_hooks=Registry(),
        )  # fmt: skip

    # calls

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is not None and with_kwargs:
                args, kwargs = changed
            elif changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            result = result if changed is None else changed
        return result

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward; what it returns takes the place of the arguments."""
        return _add_hook(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, result)` after every forward; what it returns takes the place of the result."""
        return _add_hook(self._forward_hooks, (hook, with_kwargs), prepend)

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
        elif isinstance(value, Module):
            self._release(name, "_modules")
            self._modules[name] = value
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
        if not isinstance(module, Module | None):
            raise ArgumentError(f"'{name}' must be a Module or None, not {type(module).__name__}", op="add_module")
        self._modules[name] = module

    register_module = add_module

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; the empty path is this module."""
        found: Any = self
        for part in target.split(".") if target else ():
            found = getattr(found, part, None)
            if not isinstance(found, Module):
                raise AttributeError(f"there is no module '{target}' in {type(self).__name__}", op="get_submodule")
        return found

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
    ) -> Iterator[tuple[str, Module]]:
        """(dotted path, module) of this module and all in it, each module once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all in it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly in this one, each once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
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

    # changes to all of it

    def apply(self: _M, fn: Callable[[Module], Any]) -> _M:
        """Call fn with every module in this one, and with this one last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: _M, mode: bool = True) -> _M:
        """Switch to training (or, with False, to evaluation): dropout and batch norm behave differently."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"mode must be a bool, not {type(mode).__name__}", op="train")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: _M) -> _M:
        """Switch to evaluation."""
        return self.train(False)

    def requires_grad_(self: _M, requires_grad: bool = True) -> _M:
        """Train all parameters, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero."""
        for parameter in self.parameters():
            clear_gradient(parameter, set_to_none)

    def _apply(self: _M, fn: Callable[[Tensor], Tensor]) -> _M:
        """Replace the memory of every parameter, its gradient and every buffer by what fn makes of it."""
        for child in self.children():
            child._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    parameter.data = fn(parameter.data)
                    parameter._grad = None if parameter._grad is None else fn(parameter._grad.detach())
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: _M, *args: Any, **kwargs: Any) -> _M:
        """Move to a device, convert to a float dtype, or both: to(device), to(dtype), to(device, dtype), to(tensor)."""
        every = [*args, *kwargs.values()]
        dtype = next((value if isinstance(value, DType) else value.dtype for value in every
                      if isinstance(value, DType | Tensor)), None)  # fmt: skip
        if dtype is not None and dtype.kind not in ("float", "complex"):
            raise DTypeError(f"a module can only become a float dtype, not {dtype.name}", op="to")

        def change(tensor: Tensor) -> Tensor:
            converted = tensor if dtype is None or not _is_float(tensor) else tensor.to(dtype)
            device = [value.device if isinstance(value, Tensor) else value for value in every
                      if not isinstance(value, DType | bool)]  # fmt: skip
            return converted.to(*device[:1]) if device else converted

        return self._apply(change)

    def type(self: _M, dst_type: DType) -> _M:
        """Convert all parameters and buffers to a dtype."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def cpu(self: _M) -> _M:
        """Move to the CPU."""
        return self.to("cpu")

    def float(self: _M) -> _M:
        """Convert to float32 what is float."""
        return self.to(dtypes.float32)

    def double(self: _M) -> _M:
        """Convert to float64 what is float."""
        return self.to(dtypes.float64)

    def half(self: _M) -> _M:
        """Convert to float16 what is float."""
        return self.to(dtypes.float16)

    def bfloat16(self: _M) -> _M:
        """Convert to bfloat16 what is float."""
        return self.to(dtypes.bfloat16)

    # state

    def state_dict(
        self, *, destination: OrderedDict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """All parameters and persistent buffers by dotted name, sharing their memory with the module."""
        state = OrderedDict() if destination is None else destination
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            if tensor is not None and name not in self._non_persistent_buffers_set:
                state[prefix + name] = tensor if keep_vars else tensor.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state into this module's tensors. All that does not fit is named in one error, before any copy.

        strict: names that only one side has are an error. assign: take over the state's tensors instead of copying.
        """
        return load_state(self, state_dict, strict, assign)

    # text

    def extra_repr(self) -> str:
        """What a module's own line says of it."""
        return ""

    def __repr__(self) -> str:
        children = [(name, repr(module)) for name, module in self._modules.items()]
        return represent(type(self).__name__, self.extra_repr(), children)


def _kind_of(fields: dict[str, Any], name: str) -> str | None:
    """The table of a module that has the name, None when it would be an ordinary attribute."""
    return next((kind for kind in _KINDS if name in fields.get(kind, ())), None)


def _add_hook(table: dict[int, Any], entry: tuple[Callable[..., Any], bool], prepend: bool) -> RemovableHandle:
    others = dict(table) if prepend else {}
    handle = RemovableHandle(table, entry)
    for key, other in others.items():  # what is put in again comes last
        del table[key]
        table[key] = other
    return handle


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype.kind in ("float", "complex")
