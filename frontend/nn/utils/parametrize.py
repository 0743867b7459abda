"""Parameters that are computed from others each time they are read, by modules: parametrizations."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from brasa.autograd import no_grad
from brasa.ir.errors import ShapeError, ValueError
from brasa.nn.container import ModuleDict, ModuleList
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensors.tensor import Tensor


class _Cache:
    """What was computed inside `cached()`, by module and name; nothing is kept outside."""

    depth = 0
    values: dict[tuple[int, str], Tensor] = {}  # noqa: RUF012  one for the process, as `depth` is


@contextmanager
def cached() -> Iterator[None]:
    """Inside this block, parametrized tensors are computed once."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values.clear()


class ParametrizationList(ModuleList):
    """The modules that one tensor goes through, and the tensors `original`, or `original0`, ..., that it is made from.

    With a `right_inverse`, modules say which originals give a value; it is used when the tensor is assigned.
    unsafe: allow them to change shape and dtype.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            sources = self._sources_of(original, required=False)
        self.is_tensor = isinstance(sources, Tensor)
        self.ntensors = 1 if self.is_tensor else len(sources)
        for name, source in zip(self._names(), [sources] if self.is_tensor else sources, strict=True):
            if self.is_tensor and sources is not original and isinstance(original, Parameter):
                original.data = source.data  # optimisers that hold the parameter go on with it
            kept = original if self.is_tensor else source.detach()
            if isinstance(original, Parameter):
                made = kept if isinstance(kept, Parameter) else Parameter(kept, original.requires_grad)
                self.register_parameter(name, made)
            else:
                self.register_buffer(name, kept if sources is original else source)
        self._check(original)

    def _names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{place}" for place in range(self.ntensors)]

    def _check(self, before: Tensor) -> None:
        if self.unsafe:
            return
        with no_grad():
            after = self()
        if not isinstance(after, Tensor) or after.shape != before.shape or after.dtype is not before.dtype:
            found = f"{after.dtype.name}{list(after.shape)}" if isinstance(after, Tensor) else type(after).__name__
            raise ShapeError(f"the parametrization turns {before.dtype.name}{list(before.shape)} into {found}",
                             op="register_parametrization", hint="pass unsafe=True to allow it")  # fmt: skip

    def _sources_of(self, value: Any, required: bool) -> Any:
        """What gives the value, through the inverses from the last to the first.

        A module without an inverse is passed over, unless it is required.
        """
        for module in reversed(list(self)):
            inverse = getattr(module, "right_inverse", None)
            if inverse is None and required:
                raise ValueError(f"{type(module).__name__} has no right_inverse, so the tensor cannot be assigned",
                                 op="parametrize")  # fmt: skip
            try:
                value = value if inverse is None else inverse(value)
            except NotImplementedError:
                if required:
                    raise
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Change the originals so that they give the value."""
        with no_grad():
            sources = self._sources_of(value, required=True)
            for name, source in zip(self._names(), [sources] if self.is_tensor else sources, strict=True):
                original = getattr(self, name)
                if source.shape != original.shape:
                    raise ShapeError(f"{name} has the shape {list(original.shape)}, the inverse gives "
                                     f"{list(source.shape)}", op="parametrize")  # fmt: skip
                original.copy_(source)

    def forward(self) -> Any:
        """The tensor."""
        value: Any = tuple(getattr(self, name) for name in self._names())
        for place, module in enumerate(self):
            value = module(*value) if place == 0 else module(value)
        return value


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer of the module by another module from now on, and return the module."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain, before = module.parametrizations[tensor_name], getattr(module, tensor_name).detach()
        chain.append(parametrization)
        chain.unsafe = chain.unsafe or unsafe
        chain._check(before)
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(f"{type(module).__name__} has no parameter or buffer '{tensor_name}'",
                         op="register_parametrization")  # fmt: skip
    chain = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = chain
    _take_class(module)
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary one again: with its present value, or with the original one."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"{type_before_parametrizations(module).__name__}.{tensor_name} is not parametrized",
                         op="remove_parametrizations")  # fmt: skip
    chain = module.parametrizations[tensor_name]
    if not chain.is_tensor and not leave_parametrized:
        raise ValueError(f"there is not one original of '{tensor_name}' but {chain.ntensors}",
                         op="remove_parametrizations", hint="pass leave_parametrized=True")  # fmt: skip
    with no_grad():
        value = getattr(module, tensor_name).detach().clone()
    first = next(iter([*chain.parameters(recurse=False), *chain.buffers(recurse=False)]))
    if chain.is_tensor:
        kept = first
        if leave_parametrized:
            kept.data = value
    else:
        kept = Parameter(value, first.requires_grad) if isinstance(first, Parameter) else value
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    _take_class(module)
    if isinstance(kept, Parameter):
        module.register_parameter(tensor_name, kept)
    else:
        module.register_buffer(tensor_name, kept)
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module is computed by others; without a name, whether any is."""
    chains = getattr(module, "parametrizations", None)
    if not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


def type_before_parametrizations(module: Module) -> type[Module]:
    """The module's class, as it was before anything was parametrized."""
    return getattr(type(module), "_class_before", type(module))


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Parametrize to_module as from_module is, with the same modules and originals, and return it."""
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if hasattr(to_module, name):
            delattr(to_module, name)
        if not is_parametrized(to_module):
            to_module.parametrizations = ModuleDict()
        to_module.parametrizations[name] = from_module.parametrizations[name]
    _take_class(to_module)
    return to_module


def _take_class(module: Module) -> None:
    """Give the module the class in which exactly its parametrized tensors are computed."""
    names = tuple(module.parametrizations) if is_parametrized(module) else ()
    module.__class__ = _class_of(type_before_parametrizations(module), names)


@functools.cache
def _class_of(kind: type[Module], names: tuple[str, ...]) -> type[Module]:
    """A subclass in which attributes of these names are computed."""
    if not names:
        return kind
    fields: dict[str, Any] = {name: _computed(name) for name in names}
    fields.update(_class_before=kind, __module__=kind.__module__, __reduce_ex__=_reduced)
    return type(kind)(f"Parametrized{kind.__name__}", (kind,), fields)


def _reduced(module: Module, protocol: Any) -> Any:
    return _rebuilt, (type_before_parametrizations(module), tuple(module.parametrizations)), module.__getstate__()


def _rebuilt(kind: type[Module], names: tuple[str, ...]) -> Module:
    """A module that copies and pickles fill."""
    return object.__new__(_class_of(kind, names))


def _computed(name: str) -> property:
    def read(module: Module) -> Any:
        key = (id(module), name)
        if not _Cache.depth or key not in _Cache.values:
            value = module.parametrizations[name]()
            if not _Cache.depth:
                return value
            _Cache.values[key] = value
        return _Cache.values[key]

    def assign(module: Module, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(read, assign)
