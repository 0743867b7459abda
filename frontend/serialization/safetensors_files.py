"""Safetensors files: tensors under their dotted paths, and what is around them as JSON in the metadata.

Those of a state_dict lie under its own keys, where other programs look for them.
"""

from __future__ import annotations

import builtins
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import BrasaError, DTypeError, ValueError
from brasa.serialization.storages import Mapper, Storage
from brasa.serialization.structure import Description, restore
from brasa.tensors.creation import empty
from brasa.tensors.tensor import Tensor, over_array

_STRUCTURE = "brasa"  # the metadata's key
_DTYPES: dict[str, DType] = {
    "F64": dtypes.float64, "F32": dtypes.float32, "F16": dtypes.float16, "BF16": dtypes.bfloat16,
    "I64": dtypes.int64, "I32": dtypes.int32, "I16": dtypes.int16, "I8": dtypes.int8, "U8": dtypes.uint8,
    "U32": dtypes.uint32, "U64": dtypes.uint64, "BOOL": dtypes.bool_, "C64": dtypes.complex64,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


# saving


def prepare(obj: Any) -> Callable[[BinaryIO], None]:
    """What writes the file of tensors, or of what holds them; an error if it holds anything else."""
    description = Description(obj)
    structure = json.dumps(description.value, allow_nan=False)
    # The order of the safetensors library, in which every tensor is aligned.
    tensors = dict(sorted(description.tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    header: dict[str, Any] = {"__metadata__": {_STRUCTURE: structure}}
    end = 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES:
            raise DTypeError(f"safetensors files hold no {tensor.dtype.long_name}", op="save")
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)

    def write(file: BinaryIO) -> None:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(memoryview(tensor.cpu().contiguous().view(-1).numpy().view(np.uint8)))  # type: ignore[attr-defined]

    return write


# loading


def from_file(file: BinaryIO, mapper: Mapper, mapped: np.ndarray[Any, Any] | None = None) -> Any:
    """What a file holds, with its tensors where the mapper puts them. mapped: the bytes of the file in memory."""
    _check(file, mapped)
    start = int.from_bytes(file.read(8), "little") + 8
    try:
        header = json.loads(file.read(start - 8))
        structure = header.pop("__metadata__", {}).get(_STRUCTURE)
        storages = {}
        for name, entry in header.items():
            values = _values(file, mapped, start, entry)
            storages[name] = mapper(Storage(values), "cpu"), tuple(entry["shape"])
        value = (
            {"dict": [[name, {"tensor": name}] for name in storages]} if structure is None else json.loads(structure)
        )
        return restore(value, storages)
    except BrasaError as error:
        if error.op in ("load", ""):
            raise
        raise _broken(f"{error.op}, {error.fact}") from None
    except (KeyError, TypeError, AttributeError, builtins.ValueError, RecursionError, struct.error) as error:
        raise _broken(f"{type(error).__name__} in its header, {error}") from None


def _check(file: BinaryIO, mapped: np.ndarray[Any, Any] | None) -> None:
    """Let the library judge the file: its header, that tensors fit their places, that nothing is missing or over."""
    from safetensors import SafetensorError, deserialize, safe_open

    try:
        if isinstance(getattr(file, "name", None), str):
            with safe_open(file.name, framework="np"):
                pass
        else:
            deserialize(file.getvalue())  # type: ignore[attr-defined]
    except SafetensorError as error:
        raise _broken(str(error)) from None


def _broken(why: str) -> ValueError:
    return ValueError(f"this is not a safetensors file, or a damaged one: {why}", op="load",
                      hint="load() also reads PyTorch's files")  # fmt: skip


def _values(file: BinaryIO, mapped: np.ndarray[Any, Any] | None, start: int, entry: Mapping[str, Any]) -> Tensor:
    """The numbers of a tensor, as a vector."""
    if entry["dtype"] not in _DTYPES:
        raise DTypeError(f"brasa has no dtype for {entry['dtype']}", op="load")
    dtype = _DTYPES[entry["dtype"]]
    first, end = entry["data_offsets"]
    if mapped is not None:
        data = mapped[start + first : start + end]
        return over_array(data.view(dtype.numpy) if (start + first) % 8 == 0 else data.copy().view(dtype.numpy))
    made = empty((end - first) // dtype.itemsize, dtype=dtype)
    file.seek(start + first)
    if made.nbytes and file.readinto(made.numpy().view(np.uint8)) != made.nbytes:  # type: ignore[attr-defined]
        raise _broken("it ends too early")
    return made
