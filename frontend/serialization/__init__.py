"""save() and load(): tensors and what holds them, in files; loading never executes code."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from brasa.devices import device_name
from brasa.serialization.drafts import write_whole

_PYTORCH_NAMES = (".pt", ".pth", ".bin", ".ckpt")
_ZIP, _STREAM = b"PK\x03\x04", b"\x80\x02\x8a\x0a"  # how PyTorch's files begin, since version 1.6 and before


def save(obj: Any, f: str | os.PathLike[str] | BinaryIO) -> None:
    """Write tensors, or dicts, lists and tuples that hold tensors, numbers, texts and None, to a file.

    The file is in PyTorch's format where its name ends in .pt, .pth, .bin or .ckpt, so that PyTorch reads it, and else
    in the safetensors format. It is complete or not there: it is written under another name first.
    """
    if isinstance(f, str | os.PathLike) and os.fspath(f).endswith(_PYTORCH_NAMES):
        from brasa.serialization.pytorch_files import to_bytes
    else:
        from brasa.serialization.safetensors_files import to_bytes
    data = to_bytes(obj)
    if hasattr(f, "write"):
        f.write(data)
    else:
        write_whole(os.path.realpath(f), data)


def load(f: str | os.PathLike[str] | BinaryIO, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """What save() was given: from safetensors files, also of other programs, and from files of torch.save.

    map_location: the device on which the tensors shall be, by default the CPU. weights_only is PyTorch's, and always
    holds: of PyTorch's files only weights and plain containers are read, anything else is refused by name.
    """
    device = device_name(map_location)
    source = f.read() if hasattr(f, "read") else f
    if _is_pytorch(source):
        from brasa.serialization.pytorch_files import from_file
    else:
        from brasa.serialization.safetensors_files import from_file
    return from_file(source, device)


def _is_pytorch(source: Any) -> bool:
    """Whether a file, or its bytes, begin as PyTorch's files do."""
    if isinstance(source, bytes):
        return source.startswith((_ZIP, _STREAM))
    with open(source, "rb") as file:
        return file.read(4).startswith((_ZIP, _STREAM))
