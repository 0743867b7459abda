"""PyTorch's own files: a zip archive with a pickle and the bytes of each storage, or before 1.6 one stream of both."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np

from brasa.creation import empty
from brasa.ir.dtype import DType
from brasa.ir.errors import BrasaError, ValueError
from brasa.serialization.pickles import Pickler, Storage, Unpickler
from brasa.tensor import Tensor

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ALIGNMENT = 64
# What reading a damaged archive or pickle may end in.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, struct.error, EOFError, LookupError, TypeError,
    AttributeError, builtins.ValueError, ArithmeticError, RuntimeError, MemoryError,
)  # fmt: skip


def from_file(source: bytes | str | os.PathLike[str], device: str) -> Any:
    """What a file holds, or the bytes of one, with its tensors on a device."""
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        try:
            read = _read_zip if file.read(4) == b"PK\x03\x04" else _read_stream
            file.seek(0)
            return read(file, device)
        except BrasaError:
            raise
        except _DAMAGE as error:
            raise _broken(f"{type(error).__name__}: {str(error)[:200]}") from None


def _broken(why: str) -> ValueError:
    return ValueError(f"this file of PyTorch is damaged, or none: {why}", op="load")


def _read_zip(file: BinaryIO, device: str) -> Any:
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    prefix = next((name.removesuffix("data.pkl") for name in names if name.endswith("data.pkl")), None)
    if prefix is None or f"{prefix}constants.pkl" in names:
        raise ValueError("this archive holds a program, not weights", op="load",
                         hint="save the state_dict() of the module in it")  # fmt: skip
    if f"{prefix}byteorder" in names and archive.read(f"{prefix}byteorder") != b"little":
        raise _broken("its bytes are in big-endian order")
    known: dict[str, Storage] = {}

    def storage(dtype: DType, key: str, count: int) -> Storage:
        if key not in known:
            known[key] = _filled(dtype, count, archive.read(f"{prefix}data/{key}"), device)
        return known[key].as_type(dtype)

    return Unpickler(io.BytesIO(archive.read(f"{prefix}data.pkl")), storage).load()


def _read_stream(file: BinaryIO, device: str) -> Any:
    """The format before PyTorch 1.6: magic number, protocol, machine, object, keys of storages, their bytes."""
    known: dict[str, Storage] = {}

    def storage(dtype: DType, key: str, count: int) -> Storage:
        if key not in known:
            known[key] = Storage(empty(count, dtype=dtype))
        return known[key].as_type(dtype)

    magic, protocol, _, result, keys = (Unpickler(file, storage).load() for _ in range(5))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise _broken("it is a pickle of another program")
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        whole = known[key].values
        data = file.read(count * whole.dtype.itemsize)
        _fill(whole, data)
    return _moved(result, device) if device != "cpu" else result


def _moved(value: Any, device: str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)  # type: ignore[attr-defined]
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _moved(item, device)
        return value
    return type(value)(_moved(item, device) for item in value) if isinstance(value, list | tuple) else value


def _filled(dtype: DType, count: int, data: bytes, device: str) -> Storage:
    made = empty(count, dtype=dtype)
    _fill(made, data)
    return Storage(made.to(device))  # type: ignore[attr-defined]


def _fill(values: Tensor, data: bytes) -> None:
    if len(data) != values.nbytes:
        raise _broken(f"a storage has {len(data)} bytes, {values.nbytes} are expected")
    values.numpy().view(np.uint8)[:] = np.frombuffer(data, np.uint8)  # type: ignore[attr-defined]


def to_bytes(obj: Any) -> bytes:
    """The file of tensors, or of what holds them."""
    pickler = Pickler()
    text = pickler.dump(obj)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        _add(archive, file, "data.pkl", text)
        _add(archive, file, "byteorder", b"little")
        for key, values in enumerate(pickler.storages):
            _add(archive, file, f"data/{key}", values.cpu().numpy().tobytes())  # type: ignore[attr-defined]
        _add(archive, file, "version", b"3\n")
    return file.getvalue()


def _add(archive: zipfile.ZipFile, file: io.BytesIO, name: str, data: bytes) -> None:
    """Put a file into the archive, with padding that makes its bytes start at a multiple of the alignment."""
    entry = zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0))
    start = file.tell() + zipfile.sizeFileHeader + len(entry.filename) + 4
    padding = -start % _ALIGNMENT
    entry.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    archive.writestr(entry, data)
