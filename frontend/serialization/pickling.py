"""Writes pickles of weights and plain containers that PyTorch reads."""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError
from brasa.nn.parameter import Parameter
from brasa.serialization.unpickling import STORAGES
from brasa.tensors.spec import Device, Size, spec_of
from brasa.tensors.tensor import Tensor, make

_STORAGE_NAMES = {dtype: name for name, dtype in STORAGES.items() if name != "UntypedStorage"}


class Pickler:
    """Writes a pickle that PyTorch reads. storages: what the tensors in it are views of, each by its number.

    before_1_6: in the form that goes with one stream of pickles and bytes.
    """

    def __init__(self, before_1_6: bool = False) -> None:
        self._tail = [None] if before_1_6 else []
        self.storages: list[Tensor] = []
        self._known: dict[tuple[int, DType], int] = {}
        self._memo: dict[int, int] = {}
        self._parts: list[bytes] = []

    def dump(self, obj: Any) -> bytes:
        """The pickle of tensors and of plain values around them."""
        self._parts = [pickle.PROTO, b"\x02"]
        try:
            self._write(obj, "")
        except RecursionError:
            raise ArgumentError("the object holds itself, or is nested too deeply", op="save") from None
        return b"".join([*self._parts, pickle.STOP])

    def _write(self, value: Any, path: str) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        match value:
            case Tensor() if id(value) in self._memo:
                self._parts.append(pickle.LONG_BINGET + struct.pack("<I", self._memo[id(value)]))
            case Tensor():
                self._tensor(value)
                number = self._memo[id(value)] = len(self._memo)
                self._parts.append(pickle.LONG_BINPUT + struct.pack("<I", number))
            case None | bool() | int() | float() | str() | bytes() | complex():
                self._plain(value)
            case Size():
                self._call("torch", "Size", self._items, tuple(value))
            case tuple() | list() | set() if type(value) in (tuple, list, set):
                self._sequence(value, path)
            case dict() if type(value) in (dict, OrderedDict, Counter):
                self._dict(value, path)
            case DType():
                self._global("torch", value.long_name)
            case Device():
                self._call("torch", "device", self._items, value.type, *(() if value.index is None else [value.index]))
            case _:
                hint = "save its state_dict()" if hasattr(value, "state_dict") else ""
                place = f" (at {path})" if path else ""
                raise ArgumentError(f"cannot save a {type(value).__name__}{place}", op="save", hint=hint)

    def _plain(self, value: Any) -> None:
        if isinstance(value, complex):
            self._call("builtins", "complex", self._items, value.real, value.imag)
        elif isinstance(value, bytes):
            self._call("_codecs", "encode", self._items, value.decode("latin1"), "latin1")
        elif isinstance(value, str):
            text = value.encode("utf-8", "surrogatepass")
            self._parts += [pickle.BINUNICODE, struct.pack("<I", len(text)), text]
        elif isinstance(value, float):
            self._parts += [pickle.BINFLOAT, struct.pack(">d", value)]
        elif value is None or isinstance(value, bool):
            self._parts.append({None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[value])
        else:
            data = pickle.encode_long(value)
            size = struct.pack("<B" if len(data) < 256 else "<i", len(data))
            self._parts += [pickle.LONG1 if len(data) < 256 else pickle.LONG4, size, data]

    def _items(self, *values: Any) -> None:
        for value in values:
            self._write(value, "")

    def _sequence(self, value: Iterable[Any], path: str) -> None:
        if isinstance(value, set):
            self._call("builtins", "set", self._items, list(value))
            return
        opening, closing = (pickle.EMPTY_LIST + pickle.MARK, pickle.APPENDS) if isinstance(value, list) else (
            pickle.MARK, pickle.TUPLE)  # fmt: skip
        self._parts.append(opening)
        for number, item in enumerate(value):
            self._write(item, f"{path}.{number}" if path else str(number))
        self._parts.append(closing)

    def _dict(self, value: dict[Any, Any], path: str) -> None:
        if type(value) is dict:
            self._parts.append(pickle.EMPTY_DICT)
        else:
            self._call("collections", type(value).__name__, self._items)
        self._parts.append(pickle.MARK)
        for key, item in value.items():
            self._write(key, path)
            self._write(item, f"{path}.{key}" if path else str(key))
        self._parts.append(pickle.SETITEMS)

    def _parameter(self, value: Parameter) -> None:
        self._tensor(value.data)
        self._items(value.requires_grad, OrderedDict())

    def _tensor(self, value: Tensor) -> None:
        if isinstance(value, Parameter):
            self._call("torch._utils", "_rebuild_parameter", self._parameter, value)
            return
        untyped = value.dtype not in _STORAGE_NAMES
        if untyped and self._tail:
            raise ArgumentError(f"PyTorch's files of before 1.6 hold no {value.dtype.long_name}", op="save")
        self._call("torch._utils", f"_rebuild_tensor_v{3 if untyped else 2}", self._place, value, untyped)

    def _place(self, value: Tensor, untyped: bool) -> None:
        """(storage, offset, size, stride, requires_grad, hooks), and the dtype of what no class of storages is of."""
        key, offset, strides = self._storage_of(value.detach())
        storage = self.storages[key]
        self._parts.append(pickle.MARK)
        self._plain("storage")
        self._global("torch.storage" if untyped else "torch", _STORAGE_NAMES.get(value.dtype, "UntypedStorage"))
        self._items(str(key), "cpu", storage.nbytes if untyped else storage.numel(), *self._tail)
        self._parts += [pickle.TUPLE, pickle.BINPERSID]
        self._items(offset, tuple(map(int, value.shape)), strides, value.requires_grad, OrderedDict())
        if untyped:
            self._write(value.dtype, "")

    def _storage_of(self, value: Tensor) -> tuple[int, int, tuple[int, ...]]:
        """(number of the storage, offset in it, strides) of a tensor; tensors that share memory share a storage."""
        spec, buffer, itemsize = value._spec, value._buffer, value.dtype.itemsize
        assert buffer is not None
        reach = sum((n - 1) * step for n, step in zip(spec.shape, spec.strides, strict=True)) + 1
        offset, rest = divmod(value._ptr - buffer.ptr, itemsize)
        if rest or buffer.nbytes % itemsize or (spec.numel and (offset + reach) * itemsize > buffer.nbytes):
            return self._storage_of(value.clone())  # type: ignore[attr-defined]
        key = self._known.setdefault((id(buffer), value.dtype), len(self.storages))
        if key == len(self.storages):
            self.storages.append(make(buffer, spec_of(value.dtype, (buffer.nbytes // itemsize,), None, spec.device)))
        return key, offset, tuple(map(int, spec.strides))

    def _call(self, module: str, name: str, write: Callable[..., None], *values: Any) -> None:
        """A call of what is named, with what `write` writes as its arguments."""
        self._global(module, name)
        self._parts.append(pickle.MARK)
        write(*values)
        self._parts += [pickle.TUPLE, pickle.REDUCE]

    def _global(self, module: str, name: str) -> None:
        self._parts.append(pickle.GLOBAL + f"{module}\n{name}\n".encode())
