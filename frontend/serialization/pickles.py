"""Pickles of weights and plain containers: read and written without running any code that they name."""

from __future__ import annotations

import math
import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from brasa.functions.strided import as_strided
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, ValueError
from brasa.nn.parameter import Parameter
from brasa.spec import Size, spec_of
from brasa.tensor import Tensor, make

_STORAGES: dict[str, DType] = {
    "DoubleStorage": dtypes.float64, "FloatStorage": dtypes.float32, "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16, "LongStorage": dtypes.int64, "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8, "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_, "ComplexFloatStorage": dtypes.complex64, "ComplexDoubleStorage": dtypes.complex128,
}  # fmt: skip
_STORAGE_NAMES = {dtype: name for name, dtype in _STORAGES.items()}


class Storage(NamedTuple):
    """Memory that tensors are views of. values: all of it, as a vector."""

    values: Tensor

    def as_type(self, dtype: DType) -> Storage:
        """The storage itself; an error if it was read as another dtype before."""
        if self.values.dtype is not dtype:
            raise ValueError(f"a storage is both {self.values.dtype.name} and {dtype.name}", op="load")
        return self

    def tensor(self, offset: int, size: Any, stride: Any) -> Tensor:
        """The tensor with this place in the storage."""
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if min([offset, *size, *stride]) < 0 or (math.prod(size) and last >= self.values.numel()):
            raise ValueError(f"a tensor of sizes {list(size)} does not fit its storage of {self.values.numel()}",
                             op="load")  # fmt: skip
        return as_strided(self.values, tuple(size), tuple(stride), offset).detach()  # type: ignore[attr-defined, no-any-return]


def _rebuild(storage: Storage, offset: int, size: Any, stride: Any, requires_grad: bool, *_: Any) -> Tensor:
    return storage.tensor(offset, size, stride).requires_grad_(requires_grad)  # type: ignore[attr-defined, no-any-return]


def _rebuild_plain(storage: Storage, offset: int, size: Any, stride: Any) -> Tensor:
    return storage.tensor(offset, size, stride)


def _rebuild_parameter(data: Tensor, requires_grad: bool, *_: Any) -> Parameter:
    return Parameter(data, requires_grad)


def _bytes_of(text: str, encoding: str) -> bytes:
    """What pickles of old protocols write bytes as."""
    return text.encode("latin1" if encoding == "latin1" else "ascii")


# What a pickle may name, beside storages and dtypes.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict, ("collections", "Counter"): Counter,
    ("torch", "Size"): lambda sizes=(): tuple(sizes), ("torch", "device"): lambda *names: ":".join(map(str, names)),
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild, ("torch._utils", "_rebuild_tensor"): _rebuild_plain,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter, ("_codecs", "encode"): _bytes_of,
    ("builtins", "set"): set, ("__builtin__", "set"): set, ("builtins", "complex"): complex,
    ("__builtin__", "complex"): complex,
}  # fmt: skip


class Unpickler(pickle.Unpickler):
    """Reads a pickle in which only tensors, plain containers, numbers and texts may stand.

    storage: (dtype, key, number of elements) -> the storage of that key.
    """

    def __init__(self, file: BinaryIO, storage: Callable[[DType, str, int], Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle names, if that is harmless; else ArgumentError with the name."""
        found = _ALLOWED.get((module, name))
        if found is None and module in ("torch", "torch.storage"):
            found = _STORAGES.get(name) or getattr(dtypes, {"bool": "bool_"}.get(name, name), None)
            found = found if isinstance(found, DType) else None
        if found is None:
            raise ArgumentError(f"the file holds a {module}.{name}, which is not weights", op="load",
                            hint="save a state_dict() of tensors, numbers and texts")  # fmt: skip
        return found

    def persistent_load(self, pid: Any) -> Storage:
        """The storage that the pickle refers to."""
        kind, dtype, key, _, count = pid[:5]
        if kind != "storage" or not isinstance(dtype, DType) or not isinstance(count, int) or count < 0:
            raise ValueError(f"the file refers to {str(pid)[:80]}, which is no storage", op="load")
        found = self.storage(dtype, str(key), count)
        if len(pid) > 5 and pid[5] is not None:  # the old format's views of storages
            _, offset, size = pid[5]
            return Storage(found.tensor(offset, (size,), (1,)))
        return found


class Pickler:
    """Writes a pickle that PyTorch reads. storages: what the tensors in it are views of, each by its number."""

    def __init__(self) -> None:
        self.storages: list[Tensor] = []
        self._known: dict[tuple[int, DType], int] = {}
        self._parts: list[bytes] = []

    def dump(self, obj: Any) -> bytes:
        """The pickle of tensors and of plain values around them."""
        self._parts = [pickle.PROTO, b"\x02"]
        self._write(obj, "")
        return b"".join([*self._parts, pickle.STOP])

    def _write(self, value: Any, path: str) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        match value:
            case Parameter():
                self._call("torch._utils", "_rebuild_parameter", self._parameter, value)
            case Tensor():
                self._tensor(value)
            case None | bool() | int() | float() | str() | bytes() | complex():
                self._plain(value)
            case Size() | tuple() | list() | set():
                self._sequence(value, path)
            case dict() if type(value) in (dict, OrderedDict, Counter):
                self._dict(value, path)
            case DType():
                self._global("torch", value.long_name)
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
        self._tensor(value.detach())
        self._items(value.requires_grad, OrderedDict())

    def _tensor(self, value: Tensor) -> None:
        self._call("torch._utils", "_rebuild_tensor_v2", self._place, value)

    def _place(self, value: Tensor) -> None:
        """(storage, offset, size, stride, requires_grad, hooks)"""
        key, offset, strides = self._storage_of(value.detach())
        self._parts.append(pickle.MARK)
        self._plain("storage")
        self._global("torch", _STORAGE_NAMES[value.dtype])
        self._items(str(key), "cpu", self.storages[key].numel())
        self._parts += [pickle.TUPLE, pickle.BINPERSID]
        self._items(offset, tuple(map(int, value.shape)), strides, value.requires_grad, OrderedDict())

    def _storage_of(self, value: Tensor) -> tuple[int, int, tuple[int, ...]]:
        """(number of the storage, offset in it, strides) of a tensor; tensors that share memory share a storage."""
        if value.dtype not in _STORAGE_NAMES:
            raise ArgumentError(f"PyTorch's files hold no {value.dtype.name}", op="save")
        spec, buffer, itemsize = value._spec, value._buffer, value.dtype.itemsize
        assert buffer is not None
        reach = sum((n - 1) * step for n, step in zip(spec.shape, spec.strides, strict=True)) + 1
        offset, rest = divmod(value._ptr - buffer.ptr, itemsize)
        if rest or buffer.nbytes % itemsize or (spec.numel and (offset + reach) * itemsize > buffer.nbytes):
            return self._storage_of(value.clone())  # type: ignore[attr-defined]
        key = self._known.setdefault((id(buffer), value.dtype), len(self.storages))
        if key == len(self.storages):
            self.storages.append(make(buffer, spec_of(value.dtype, (buffer.nbytes // itemsize,))))
        return key, offset, tuple(map(int, spec.strides))

    def _call(self, module: str, name: str, write: Callable[..., None], *values: Any) -> None:
        """A call of what is named, with what `write` writes as its arguments."""
        self._global(module, name)
        self._parts.append(pickle.MARK)
        write(*values)
        self._parts += [pickle.TUPLE, pickle.REDUCE]

    def _global(self, module: str, name: str) -> None:
        self._parts.append(pickle.GLOBAL + f"{module}\n{name}\n".encode())
