"""PyTorch's own files: a zip archive with a pickle and the bytes of each storage, or before 1.6 one stream of both."""

from __future__ import annotations

import builtins
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from brasa.ir.errors import BrasaError, ValueError
from brasa.serialization.pickling import Pickler
from brasa.serialization.storages import Mapper, Storage
from brasa.serialization.unpickling import Reference, Unpickler
from brasa.tensors.creation import empty
from brasa.tensors.tensor import Tensor, over_array

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MACHINE = {"protocol_version": _PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
_ALIGNMENT = 64
# What reading a damaged archive or pickle may end in.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, struct.error, EOFError, LookupError, TypeError,
    AttributeError, AssertionError, builtins.ValueError, ArithmeticError, RuntimeError, MemoryError,
)  # fmt: skip


def from_file(file: BinaryIO, mapper: Mapper, mapped: np.ndarray[Any, Any] | None = None) -> Any:
    """What a file holds, with its storages where the mapper puts them. mapped: the bytes of the file in memory."""
    try:
        if file.read(4) == b"PK\x03\x04":
            return _read_zip(file, mapper, mapped)
        file.seek(0)
        if mapped is not None:
            raise ValueError("this file is in the form of before PyTorch 1.6, which cannot be mapped", op="load")
        return _read_stream(file, mapper)
    except BrasaError:
        raise
    except _DAMAGE as error:
        raise _broken(f"{type(error).__name__}: {str(error)[:200]}") from None


def _broken(why: str) -> ValueError:
    return ValueError(f"this file of PyTorch is damaged, or none: {why}", op="load")


# reading


def _read_zip(file: BinaryIO, mapper: Mapper, mapped: np.ndarray[Any, Any] | None) -> Any:
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    prefix = next((name.removesuffix("data.pkl") for name in names if name.endswith("data.pkl")), None)
    if prefix is None or f"{prefix}constants.pkl" in names:
        raise ValueError("this archive holds a program, not weights", op="load",
                         hint="save the state_dict() of the module in it")  # fmt: skip
    if f"{prefix}byteorder" in names and archive.read(f"{prefix}byteorder") != b"little":
        raise _broken("its bytes are in big-endian order")
    known: dict[str, Storage] = {}

    def storage(reference: Reference) -> Storage:
        key = reference.key
        if key not in known:
            entry = archive.getinfo(f"{prefix}data/{key}")
            _check_length(entry.file_size, reference)
            if mapped is not None and entry.compress_type == zipfile.ZIP_STORED:
                values = _values_at(mapped, entry, reference)
            else:
                values = empty(reference.count, dtype=reference.dtype)
                with archive.open(entry) as data:
                    _fill(values, data.readinto)  # type: ignore[attr-defined]
            known[key] = mapper(Storage(values), reference.location)
        return known[key].as_type(reference.dtype)

    return Unpickler(io.BytesIO(archive.read(f"{prefix}data.pkl")), storage).load()


def _values_at(mapped: np.ndarray[Any, Any], entry: zipfile.ZipInfo, reference: Reference) -> Tensor:
    """The numbers of a storage in the bytes of the whole file."""
    name, extra = struct.unpack_from("<HH", mapped, entry.header_offset + zipfile.sizeFileHeader - 4)
    start = entry.header_offset + zipfile.sizeFileHeader + name + extra
    data = mapped[start : start + entry.file_size]
    _check_length(len(data), reference)
    return over_array((data if start % _ALIGNMENT == 0 else data.copy()).view(reference.dtype.numpy))


def _read_stream(file: BinaryIO, mapper: Mapper) -> Any:
    """The format before PyTorch 1.6: magic number, protocol, machine, object, keys of storages, their bytes.

    The object is read twice: to learn what storages there are, and over these where the mapper has put them.
    """
    length = file.seek(0, 2)
    file.seek(0)
    known: dict[str, tuple[Reference, Storage]] = {}

    def storage(reference: Reference) -> Storage:
        if reference.key not in known:
            if reference.count * reference.dtype.itemsize > length:
                raise _broken(f"a storage of {reference.count} elements in a file of {length} bytes")
            known[reference.key] = reference, Storage(empty(reference.count, dtype=reference.dtype))
        return known[reference.key][1].as_type(reference.dtype)

    magic, protocol, _ = (Unpickler(file, storage).load() for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise _broken("it is a pickle of another program")
    start = file.tell()
    keys = [Unpickler(file, storage).load() for _ in range(2)][1]
    if set(keys) != set(known):
        raise _broken("its storages are not those that its pickle names")
    for key in keys:
        reference, filled = known[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != reference.count:
            raise _broken(f"a storage has {count} elements, {reference.count} are expected")
        _fill(filled.values, file.readinto)  # type: ignore[attr-defined]
        known[key] = reference, mapper(filled, reference.location)
    file.seek(start)
    return Unpickler(file, storage).load()


def _check_length(found: int, reference: Reference) -> None:
    expected = reference.count * reference.dtype.itemsize
    if found != expected:
        raise _broken(f"a storage has {found} bytes, {expected} are expected")


def _fill(values: Tensor, read_into: Callable[[Any], int]) -> None:
    memory = values.numpy().view(np.uint8)  # type: ignore[attr-defined]
    found = read_into(memory) if len(memory) else 0
    if found != len(memory):
        raise _broken(f"a storage has {found} bytes, {len(memory)} are expected")


# writing


def prepare(obj: Any, before_1_6: bool = False) -> Callable[[BinaryIO], None]:
    """What writes the file of tensors, or of what holds them; an error if PyTorch's files cannot hold it."""
    pickler = Pickler(before_1_6)
    text = pickler.dump(obj)
    write = _write_stream if before_1_6 else _write_zip
    return lambda file: write(file, text, pickler.storages)


def _write_zip(file: BinaryIO, text: bytes, storages: list[Tensor]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        _add(archive, "data.pkl", text)
        _add(archive, "byteorder", b"little")
        for key, values in enumerate(storages):
            _add(archive, f"data/{key}", _bytes_of(values))
        _add(archive, "version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    """Put a file into the archive, with padding that makes its bytes start at a multiple of the alignment."""
    entry = zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0))
    start = archive.start_dir + zipfile.sizeFileHeader + len(entry.filename) + 4
    padding = -start % _ALIGNMENT
    entry.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    archive.writestr(entry, data)


def _write_stream(file: BinaryIO, text: bytes, storages: list[Tensor]) -> None:
    for part in (_MAGIC, _PROTOCOL, _MACHINE):
        file.write(pickle.dumps(part, 2))
    file.write(text)
    file.write(pickle.dumps([str(key) for key in range(len(storages))], 2))
    for values in storages:
        file.write(struct.pack("<q", values.numel()))
        file.write(_bytes_of(values))


def _bytes_of(values: Tensor) -> memoryview:
    return memoryview(values.cpu().numpy().view(np.uint8))  # type: ignore[attr-defined]
