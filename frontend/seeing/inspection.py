"""inspect(): every live tensor, with its name, its memory and, where that was recorded, the line that made it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from brasa.ir.dtype import DType
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.optim.optimizer import Optimizer
from brasa.seeing.tables import bytes_text, html_table, text_table
from brasa.tensors.spec import Device, Size
from brasa.tensors.tensor import Tensor, make_tensors_with, unread_memory
from brasa.tracing import entry
from brasa.tracing.places import user_location
from brasa.tracing.trace import Trace

_HEAD = ("name", "dtype", "shape", "device", "gradient", "bytes", "born")


@dataclass(frozen=True)
class LiveTensor:
    """One live tensor.

    name: where a module, a gradient, an optimiser or a view has it from, else empty. nbytes: of its elements.
    memory: the address and the bytes of the memory that it lies in, which views share. born: the user's line, and the
    module that was called there, if births were recorded then.
    """

    name: str
    shape: Size
    dtype: DType
    device: Device
    requires_grad: bool
    has_grad: bool
    nbytes: int
    memory: tuple[int, int]
    born: str


@dataclass(frozen=True)
class Inspection:
    """Live tensors, the largest first; prints as a table."""

    tensors: tuple[LiveTensor, ...]

    @property
    def total_bytes(self) -> int:
        """The memory of all of them; what several lie in counts once."""
        return sum(nbytes for _, nbytes in {tensor.memory for tensor in self.tensors})

    def __iter__(self) -> Iterator[LiveTensor]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __str__(self) -> str:
        return text_table(_HEAD, self._rows(), self._totals())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEAD, self._rows(), self._totals())

    def _rows(self) -> list[list[str]]:
        return [
            [each.name, each.dtype.long_name, str(list(each.shape)), str(each.device),
             "has one" if each.has_grad else "required" if each.requires_grad else "", f"{each.nbytes:,}", each.born]
            for each in self.tensors
        ]  # fmt: skip

    def _totals(self) -> list[str]:
        return [f"{len(self.tensors)} tensors in {bytes_text(self.total_bytes)} of memory"]


def inspect() -> Inspection:
    """Every tensor that is alive, the largest first; print() shows them as a table.

    Names are those that modules give, as `Net.fc.weight`; gradients, states of optimisers and views are named after
    what they belong to. The lines that tensors were born in are known for those made inside `inspect.recording()`:

        with brasa.inspect.recording():
            train()
            print(brasa.inspect())

    While births are not recorded, making a tensor costs nothing more than without this function.
    """
    gc.collect()
    objects = gc.get_objects()
    found = [each for each in objects if issubclass(type(each), Tensor) and each._buffer not in (None, unread_memory())]
    names = _names(objects, found)
    live = [_described(tensor, names.get(id(tensor), "")) for tensor in found]
    return Inspection(tuple(sorted(live, key=lambda each: (-each.nbytes, each.name, each.born))))


def _described(tensor: Tensor, name: str) -> LiveTensor:
    spec, buffer = tensor._spec, tensor._buffer
    assert buffer is not None
    return LiveTensor(
        name, spec.shape, spec.dtype, Device(spec.device), tensor._requires_grad, tensor._grad is not None, spec.nbytes,
        (buffer.ptr, buffer.nbytes), getattr(tensor, "_born", ""),
    )  # fmt: skip


# names


def _names(objects: Iterable[Any], found: Iterable[Tensor]) -> dict[int, str]:
    """The names of tensors, by their ids: each rule names what those before it have left."""
    names: dict[int, str] = {}
    for title, root in _numbered(_roots(each for each in objects if issubclass(type(each), Module))):
        for path, tensor in (*root.named_parameters(), *root.named_buffers()):
            names.setdefault(id(tensor), f"{title}.{path}")
    for title, optimizer in _numbered(each for each in objects if issubclass(type(each), Optimizer)):
        for parameter, state in optimizer.state.items():
            for key, value in state.items():
                names.setdefault(id(value), f"{title} {key} of {names.get(id(parameter), 'a tensor')}")
    for tensor in found:
        if tensor._grad is not None:
            names.setdefault(id(tensor._grad), f"gradient of {names.get(id(tensor), 'a tensor')}")
    homes = {id(tensor._buffer): names[id(tensor)] for tensor in found if id(tensor) in names}
    for tensor in found:
        if id(tensor._buffer) in homes:
            names.setdefault(id(tensor), f"view of {homes[id(tensor._buffer)]}")
    return names


def _roots(modules: Iterable[Module]) -> list[Module]:
    """The modules that are in no other."""
    every = [module for module in modules if "_modules" in module.__dict__]
    inner = {id(child) for module in every for child in module._modules.values()}
    return [module for module in every if id(module) not in inner]


def _numbered(things: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Things with the names of their classes, numbered where there are several of a class."""
    counts: dict[str, int] = {}
    for thing in things:
        title = type(thing).__name__
        counts[title] = counts.get(title, 0) + 1
        yield title if counts[title] == 1 else f"{title}#{counts[title]}", thing


# births


@contextmanager
def recording() -> Iterator[None]:
    """Note the user's line of every tensor that is made inside the block, in any thread.

    The five places where tensors come from are replaced for that time by ones that look at the call stack.
    """
    alias, fresh, parameter, repeated = Trace.alias, Trace.fresh, Parameter.__init__, entry._new
    new = make_tensors_with(_noting(object.__new__))
    Trace.alias, Trace.fresh = _noting(alias), _noting(fresh)  # type: ignore[method-assign]
    entry._new = _noting(repeated)

    def initialize(self: Parameter, *args: Any, **kwargs: Any) -> None:
        parameter(self, *args, **kwargs)
        self._born = user_location()  # type: ignore[attr-defined]

    Parameter.__init__ = initialize  # type: ignore[method-assign]
    try:
        yield
    finally:
        make_tensors_with(new)
        Trace.alias, Trace.fresh, Parameter.__init__ = alias, fresh, parameter  # type: ignore[method-assign]
        entry._new = repeated


def _noting(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(*args: Any, **kwargs: Any) -> Any:
        tensor = make(*args, **kwargs)
        if tensor is not None:
            tensor._born = user_location()
        return tensor

    return made


inspect.recording = recording  # type: ignore[attr-defined]
