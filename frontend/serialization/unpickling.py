"""Reads pickles of weights and plain containers, without running any code that they name."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar, NamedTuple

from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, ValueError
from brasa.nn.parameter import Parameter
from brasa.serialization.storages import Storage
from brasa.tensors.spec import Device, Size
from brasa.tensors.tensor import Tensor

STORAGES: dict[str, DType] = {
    "DoubleStorage": dtypes.float64, "FloatStorage": dtypes.float32, "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16, "LongStorage": dtypes.int64, "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8, "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_, "ComplexFloatStorage": dtypes.complex64, "ComplexDoubleStorage": dtypes.complex128,
    "UntypedStorage": dtypes.uint8,
}  # fmt: skip


class Reference(NamedTuple):
    """What a pickle says of a storage: its dtype, key and number of elements, and the device that it was saved from."""

    dtype: DType
    key: str
    count: int
    location: str


def _rebuild(storage: Storage, offset: int, size: Any, stride: Any, requires_grad: bool, *_: Any) -> Tensor:
    return storage.tensor(offset, size, stride).requires_grad_(bool(requires_grad))  # type: ignore[attr-defined, no-any-return]


def _rebuild_plain(storage: Storage, offset: int, size: Any, stride: Any) -> Tensor:
    return storage.tensor(offset, size, stride)


def _rebuild_as(
    storage: Storage, offset: int, size: Any, stride: Any, requires_grad: bool, _: Any, dtype: DType, *__: Any
) -> Tensor:
    """A tensor of a dtype that has no class of storages in PyTorch: its storage is bytes."""
    seen = Storage(storage.as_type(dtypes.uint8).values.view(dtype))  # type: ignore[attr-defined]
    return _rebuild(seen, offset, size, stride, requires_grad)


def _rebuild_parameter(data: Tensor, requires_grad: bool, *_: Any) -> Parameter:
    if not isinstance(data, Tensor):
        raise ValueError(f"a parameter is a {type(data).__name__}", op="load")
    return Parameter(data, bool(requires_grad))


def _bytes_of(text: str, encoding: str) -> bytes:
    """What pickles of old protocols write bytes as."""
    return text.encode("latin1" if encoding == "latin1" else "ascii")


# What a pickle may name, beside storages and dtypes.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict, ("collections", "Counter"): Counter,
    ("torch", "Size"): lambda sizes=(): Size(sizes), ("torch", "device"): lambda name, index=None: Device(name, index),
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild, ("torch._utils", "_rebuild_tensor"): _rebuild_plain,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_as, ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("_codecs", "encode"): _bytes_of, ("builtins", "set"): set, ("__builtin__", "set"): set,
    ("builtins", "complex"): complex, ("__builtin__", "complex"): complex,
}  # fmt: skip


class Unpickler(pickle._Unpickler):
    """Reads a pickle in which only tensors, plain containers, numbers and texts may stand.

    storage: gives the storage that the pickle refers to. The reader is Python's own that is written in Python, because
    what a pickle may do to the objects that it has made can be changed in that one alone.
    """

    def __init__(self, file: BinaryIO, storage: Callable[[Reference], Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle names, if that is harmless; else ArgumentError with the name."""
        found = _ALLOWED.get((module, name))
        if found is None and module in ("torch", "torch.storage"):
            found = STORAGES.get(name) or getattr(dtypes, {"bool": "bool_"}.get(name, name), None)
            found = found if isinstance(found, DType) else None
        if found is None:
            raise ArgumentError(f"the file holds a {module}.{name}, which is not weights", op="load",
                                hint="save a state_dict() of tensors, numbers and texts")  # fmt: skip
        return found

    def persistent_load(self, pid: Any) -> Storage:
        """The storage that the pickle refers to."""
        kind, dtype, key, location, count = pid[:5]
        if kind != "storage" or not isinstance(dtype, DType) or type(count) is not int or count < 0:
            raise ValueError(f"the file refers to {str(pid)[:80]}, which is no storage", op="load")
        found = self.storage(Reference(dtype, str(key), count, str(location)))
        if len(pid) > 5 and pid[5] is not None:  # the old format's views of storages
            _, offset, size = pid[5]
            return Storage(found.tensor(offset, (size,), (1,)))
        return found

    def _set_state(self) -> None:
        """A state_dict has metadata of its own, the versions of modules; nothing else may be given attributes."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is not OrderedDict or type(state) is not dict:
            raise ArgumentError(
                f"the file sets attributes of a {type(target).__name__}, which is not weights", op="load"
            )
        if "_metadata" in state:
            target._metadata = state["_metadata"]

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: _set_state}
