"""What is around the tensors of a checkpoint, as JSON: what is not JSON itself is a dict of its kind and its parts."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from brasa.functions.complex import view_as_complex, view_as_real
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError
from brasa.nn.parameter import Parameter
from brasa.serialization.sharing import memory_of, place_in, regions_of, whole_of
from brasa.serialization.storages import Storage
from brasa.tensors.spec import Device, Size
from brasa.tensors.tensor import Tensor

_SEQUENCES: dict[type, str] = {list: "list", tuple: "tuple", Size: "size", set: "set"}
_DICTS: dict[type, str] = {dict: "dict", OrderedDict: "ordered", Counter: "counter"}


class Description:
    """The JSON of an object, `value`, in which tensors are named, and what is to be saved under each name, `tensors`.

    Tensors that share memory are views of one tensor, as a rule the one of them that is all of it.
    """

    def __init__(self, obj: Any) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._given: list[Tensor] = []
        self._places: list[dict[str, Any]] = []
        self._known: dict[int, dict[str, Any]] = {}
        try:
            self.value = self._describe(obj, "")
        except RecursionError:
            raise ArgumentError("the object holds itself, or is nested too deeply", op="save") from None
        self._share()
        for name, tensor in self.tensors.items():
            if tensor.dtype is dtypes.complex128:  # which safetensors files cannot hold
                self.tensors[name] = view_as_real(tensor.contiguous())  # type: ignore[attr-defined]

    def _describe(self, value: Any, path: str) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, Tensor):
            if id(value) not in self._known:
                self._known[id(value)] = self._tensor(value, path)
            return self._known[id(value)]
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if np.isfinite(value) else {"float": str(value)}
        if type(value) in _SEQUENCES:
            return {_SEQUENCES[type(value)]: [self._describe(x, _inner(path, i)) for i, x in enumerate(value)]}
        if type(value) in _DICTS:
            items = [[self._key(key, path), self._describe(item, _inner(path, key))] for key, item in value.items()]
            return {_DICTS[type(value)]: items}
        if isinstance(value, complex):
            return {"complex": [self._describe(part, path) for part in (value.real, value.imag)]}
        if isinstance(value, bytes):
            return {"bytes": value.decode("latin1")}
        if isinstance(value, DType | Device):
            return {"dtype": value.name} if isinstance(value, DType) else {"device": value.name}
        hint = "save its state_dict()" if hasattr(value, "state_dict") else ""
        raise ArgumentError(f"cannot save a {type(value).__name__}{_at(path)}", op="save", hint=hint)

    def _key(self, key: Any, path: str) -> Any:
        if not isinstance(key, bool | int | float | str | tuple | None):
            raise ArgumentError(f"the key of a saved dict must be a text, a number or a tuple, not {type(key).__name__}"
                                f"{_at(path)}", op="save")  # fmt: skip
        return self._describe(key, path)

    def _tensor(self, value: Tensor, path: str) -> dict[str, Any]:
        place = self._place(self._free_name(path or "tensor"), value)
        self._given.append(value._materialized())
        self._places.append(place)
        if isinstance(value, Parameter):
            return {"parameter": [place, value.requires_grad]}
        return {"leaf": place} if value.requires_grad else place

    def _place(self, name: str, value: Tensor) -> dict[str, Any]:
        """Where a tensor is found that is saved under this name."""
        self.tensors[name] = value.detach()  # type: ignore[attr-defined]
        return {"pairs": {"tensor": name}} if value.dtype is dtypes.complex128 else {"tensor": name}

    def _free_name(self, path: str) -> str:
        path = path.encode("utf-8", "replace").decode()
        name, count = path, 1
        while name in self.tensors or name == "__metadata__":
            count += 1
            name = f"{path}#{count}"
        return name

    def _share(self) -> None:
        """Save the memory that tensors share once, and make views of the tensors."""
        for region in regions_of(self._given):
            whole = whole_of(region, self._given)
            first = region.members[0] if whole is None else whole
            if whole is None:
                name = self._free_name(f"{_name_in(self._places[first])}#memory")
                base = self._place(name, memory_of(region, self._given))
            else:
                base = dict(self._places[whole])
            for number in region.members:
                if number != whole:
                    del self.tensors[_name_in(self._places[number])]
                    self._places[number].clear()
                    self._places[number]["view"] = [base, *place_in(region, self._given[number])]


def _inner(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _at(path: str) -> str:
    return f" (at {path})" if path else ""


def _name_in(place: Mapping[str, Any]) -> str:
    """The name that a place speaks of."""
    name: str = place["pairs"]["tensor"] if "pairs" in place else place["tensor"]
    return name


def restore(value: Any, storages: Mapping[str, tuple[Storage, tuple[int, ...]]]) -> Any:
    """The object of a description. storages: the storage of each saved tensor, and its sizes."""
    return _Restoring(storages).restore(value)


class _Restoring:
    def __init__(self, storages: Mapping[str, tuple[Storage, tuple[int, ...]]]) -> None:
        self._storages = storages
        self._made: dict[str, Tensor] = {}

    def restore(self, value: Any) -> Any:
        if not isinstance(value, dict):
            if isinstance(value, list):
                raise KeyError("list")
            return value
        ((kind, inner),) = value.items()
        if kind in ("tensor", "view", "pairs", "parameter", "leaf"):
            key = json.dumps(value)  # what was one tensor is one again
            if key not in self._made:
                self._made[key] = self._tensor(kind, inner)
            return self._made[key]
        if kind in ("dict", "ordered", "counter"):
            made = ((self.restore(key), self.restore(item)) for key, item in inner)
            return {"dict": dict, "ordered": OrderedDict, "counter": lambda pairs: Counter(dict(pairs))}[kind](made)
        if kind in _SEQUENCES.values():
            return {name: type for type, name in _SEQUENCES.items()}[kind](self.restore(item) for item in inner)
        if kind == "complex":
            return complex(*map(self.restore, inner))
        return _PLAIN[kind](inner)

    def _tensor(self, kind: str, inner: Any) -> Tensor:
        if kind == "tensor":
            storage, shape = self._storages[inner]
            return storage.values.view(shape).detach()  # type: ignore[attr-defined, no-any-return]
        if kind == "view":
            base, offset, shape, strides = inner
            return Storage(self.restore(base).detach().view(-1)).tensor(offset, shape, strides)
        if kind == "pairs":
            return view_as_complex(self.restore(inner))
        if kind == "leaf":
            return self.restore(inner).detach().requires_grad_()  # type: ignore[no-any-return]
        data, requires_grad = inner
        return Parameter(self.restore(data), bool(requires_grad))


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "float": lambda text: {"nan": float("nan"), "inf": float("inf"), "-inf": -float("inf")}[text],
    "bytes": lambda text: text.encode("latin1"), "dtype": lambda name: dtypes.BY_NAME[name],
    "device": lambda name: Device(name),
}  # fmt: skip
