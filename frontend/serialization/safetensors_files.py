"""Safetensors files: tensors under their dotted paths, and what is around them as JSON in the metadata.

Those of a state_dict lie under its own keys, where other programs look for them.
"""

from __future__ import annotations

import builtins
import io
import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from brasa.creation import empty
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, BrasaError, DTypeError, ValueError
from brasa.spec import Size
from brasa.tensor import Tensor

_STRUCTURE = "brasa"  # the metadata's key
_DTYPES: dict[str, DType] = {
    "F64": dtypes.float64, "F32": dtypes.float32, "F16": dtypes.float16, "BF16": dtypes.bfloat16,
    "I64": dtypes.int64, "I32": dtypes.int32, "I16": dtypes.int16, "I8": dtypes.int8, "U8": dtypes.uint8,
    "U32": dtypes.uint32, "U64": dtypes.uint64, "BOOL": dtypes.bool_, "C64": dtypes.complex64,
}  # fmt: skip
_KINDS: dict[type, str] = {dict: "dict", OrderedDict: "ordered", list: "list", tuple: "tuple", Size: "tuple"}


def to_bytes(obj: Any) -> bytes:
    """The file of tensors, or of dicts, lists and tuples that hold tensors, numbers, texts and None."""
    from safetensors import SafetensorError
    from safetensors.numpy import save as serialize

    tensors: dict[str, Tensor] = {}
    structure = _describe(obj, "", tensors)
    arrays = {name: np.asarray(tensor.detach().cpu().numpy(), order="C") for name, tensor in tensors.items()}
    try:
        return serialize(arrays, {_STRUCTURE: json.dumps(structure, allow_nan=False)})  # type: ignore[no-any-return]
    except (KeyError, SafetensorError) as error:
        raise DTypeError(f"safetensors files cannot hold this: {error}", op="save") from None


def from_file(source: bytes | str | os.PathLike[str], device: str) -> Any:
    """What a file holds, or the bytes of one, with its tensors on a device."""
    _check(source)
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), device)
    with open(source, "rb") as file:
        return _read(file, device)


# saving


def _describe(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON, with names in the place of tensors."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor):
        name = _free_name(path or "tensor", tensors)
        tensors[name] = value
        return {"tensor": name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": str(value)}
    kind = _KINDS.get(type(value))
    if kind is None:
        hint = "save its state_dict()" if hasattr(value, "state_dict") else ""
        raise ArgumentError(f"cannot save a {type(value).__name__}{f' (at {path})' if path else ''}", op="save",
                            hint=hint)  # fmt: skip
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [(_check_key(key, path), _describe(item, f"{path}.{key}" if path else str(key), tensors))
             for key, item in pairs]  # fmt: skip
    return {kind: inner if isinstance(value, dict) else [item for _, item in inner]}


def _check_key(key: Any, path: str) -> Any:
    if key is None or isinstance(key, bool | int | float | str):
        return key
    raise ArgumentError(f"the key of a saved dict must be a text or a number, not {type(key).__name__}"
                        f"{f' (at {path})' if path else ''}", op="save")  # fmt: skip


def _free_name(path: str, taken: Iterable[str]) -> str:
    name, count = path, 1
    while name in taken or name == "__metadata__":
        count += 1
        name = f"{path}#{count}"
    return name


# loading


def _check(source: Any) -> None:
    """Let the library judge the file: its header, that tensors fit their places, that nothing is missing or over."""
    from safetensors import SafetensorError, deserialize, safe_open

    try:
        if isinstance(source, bytes):
            deserialize(source)
        else:
            with safe_open(source, framework="np"):
                pass
    except SafetensorError as error:
        raise _broken(str(error)) from None


def _broken(why: str) -> ValueError:
    return ValueError(f"this is not a safetensors file, or a damaged one: {why}", op="load",
                      hint="load() also reads PyTorch's files")  # fmt: skip


def _read(file: Any, device: str) -> Any:
    start = int.from_bytes(file.read(8), "little") + 8
    try:
        header = json.loads(file.read(start - 8))
        structure = header.pop("__metadata__", {}).get(_STRUCTURE)
        tensors = {name: _read_tensor(file, start, entry).to(device) for name, entry in header.items()}
        if structure is None:
            return tensors
        return _restore(json.loads(structure), tensors)
    except BrasaError:
        raise
    except (KeyError, TypeError, AttributeError, builtins.ValueError, RecursionError) as error:
        raise _broken(f"{type(error).__name__} in its header, {error}") from None


def _read_tensor(file: Any, start: int, entry: Mapping[str, Any]) -> Tensor:
    if entry["dtype"] not in _DTYPES:
        raise DTypeError(f"brasa has no dtype for {entry['dtype']}", op="load")
    first, end = entry["data_offsets"]
    made = empty(*entry["shape"], dtype=_DTYPES[entry["dtype"]])
    if made.nbytes != end - first:
        raise _broken("a tensor does not fill its place")
    file.seek(start + first)
    if made.nbytes and file.readinto(made.numpy().reshape(-1).view(np.uint8)) != made.nbytes:
        raise _broken("it ends too early")
    return made


def _restore(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "float":
        return {"nan": float("nan"), "inf": float("inf"), "-inf": -float("inf")}[inner]
    if kind in ("dict", "ordered"):
        made = ((key, _restore(item, tensors)) for key, item in inner)
        return dict(made) if kind == "dict" else OrderedDict(made)
    return {"list": list, "tuple": tuple}[kind](_restore(item, tensors) for item in inner)
