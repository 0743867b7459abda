"""save() and load(): tensors and what holds them, in files; loading never executes code."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

import numpy as np

from brasa.ir.errors import ValueError
from brasa.serialization.drafts import write_whole
from brasa.serialization.storages import mapper_of

_PYTORCH_NAMES = (".pt", ".pth", ".bin", ".ckpt")
_ZIP, _STREAM = b"PK\x03\x04", b"\x80\x02\x8a\x0a"  # how PyTorch's files begin, since version 1.6 and before


def save(
    obj: Any, f: str | os.PathLike[str] | BinaryIO, *, _use_new_zipfile_serialization: bool = True
) -> None:  # fmt: skip
    """Write tensors, or dicts, lists, tuples and sets that hold tensors, numbers, texts, bytes and None, to a file.

    f: a path, or a file that is open for writing. The file is in PyTorch's format where its name ends in .pt, .pth,
    .bin or .ckpt, so that PyTorch reads it, and else in the safetensors format. At a path it is complete or not there:
    it is written under another name first. Tensors that share memory do so when they are loaded.

    _use_new_zipfile_serialization: False writes PyTorch's files in their form of before version 1.6.

    ArgumentError, which is a TypeError, names what cannot be saved; nothing is written then.
    """
    name = f if isinstance(f, str | os.PathLike) else getattr(f, "name", "")
    if str(name).endswith(_PYTORCH_NAMES):
        from brasa.serialization import pytorch_files

        write = pytorch_files.prepare(obj, before_1_6=not _use_new_zipfile_serialization)
    else:
        from brasa.serialization import safetensors_files

        write = safetensors_files.prepare(obj)
    if isinstance(f, str | os.PathLike):
        write_whole(os.path.realpath(f), write)
    else:
        write(f)


def load(
    f: str | os.PathLike[str] | BinaryIO, map_location: Any = None, *, weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:  # fmt: skip
    """What save() was given: from safetensors files, also of other programs, and from files of torch.save.

    f: a path, or a file that is open for reading. map_location: where the tensors shall lie, by default on the CPU: a
    device or its name, a dict from the names of devices that they were saved from, or a function of a storage and such
    a name, which gives the storage where it shall lie, or None. weights_only is PyTorch's, and always holds: of
    PyTorch's files only weights and plain containers are read, anything else is refused by name. mmap: tensors are
    views of the file at a path, read when they are first used; writing to them does not change the file.

    ValueError for a damaged file, ArgumentError (a TypeError) for what is no weights; nothing is loaded then.
    """
    mapper = mapper_of(map_location)
    if not isinstance(f, str | os.PathLike):
        if mmap:
            raise ValueError("only a file at a path can be mapped", op="load")
        return _load(io.BytesIO(f.read()), mapper, None)
    with open(f, "rb") as file:
        mapped = np.memmap(f, np.uint8, "c") if mmap and os.path.getsize(f) else None
        return _load(file, mapper, mapped)


def _load(file: BinaryIO, mapper: Any, mapped: Any) -> Any:
    start = file.read(4)
    file.seek(0)
    if start.startswith((_ZIP, _STREAM)):
        from brasa.serialization.pytorch_files import from_file
    else:
        from brasa.serialization.safetensors_files import from_file
    return from_file(file, mapper, mapped)
