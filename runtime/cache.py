"""The disk cache: what was compiled once, kept for later processes, one checked file per entry."""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from threading import get_ident
from typing import Any

from brasa.runtime.cpu_object import llvmlite_version
from brasa.runtime.settings import settings

LIMIT = 1 << 30  # bytes that a cache may hold
_KEPT_SHARE = 0.75  # of the limit, after an eviction
_BYTES_BETWEEN_EVICTIONS = 64 << 20  # that one process writes
_LONGEST_WRITE = 3600.0  # seconds after which an unfinished file is taken to be abandoned
_MAGIC, _SUFFIX, _UNFINISHED = "brasa2", ".brasa", "unfinished-"


@dataclass(frozen=True)
class Entry:
    """One compiled program: what was noted about it, and its object files."""

    notes: Any
    code: tuple[bytes, ...]


@dataclass(frozen=True)
class CacheInfo:
    """folder: None when none can be used."""

    folder: Path | None
    entries: int
    nbytes: int
    limit: int


class DiskCache:
    """Entries in a folder of the user's own. What is damaged or foreign counts as absent; a folder that fails is done
    without, after one warning. Any number of processes and threads may use it at once."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._wanted, self._limit = folder, limit
        self._written = _BYTES_BETWEEN_EVICTIONS  # so that the first write looks at what earlier processes left
        self._warned = False

    @cached_property
    def _folder(self) -> Path | None:
        """The folder, made if need be; None when it must not be used: whoever can write there can run code here."""
        try:
            self._wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._wanted.stat()
        except OSError as error:
            self._warn(str(error))
            return None
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022):
            self._warn("it belongs to another user or others may write to it")
            return None
        return self._wanted

    def read(self, key: str) -> Entry | None:
        """The entry with this key, or None."""
        if self._folder is None:
            return None
        path = self._folder / (key + _SUFFIX)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        entry = _unpack(data)
        if entry is not None:
            with suppress(OSError):
                os.utime(path)  # what was used last is evicted last
        return entry

    def write(self, key: str, notes: Any, code: Sequence[bytes]) -> None:
        """Keep an entry. It appears whole or not at all."""
        if self._folder is None:
            return
        data = _pack(notes, code)
        temporary = self._folder / f"{_UNFINISHED}{os.getpid()}-{get_ident()}-{time.time_ns()}{_SUFFIX}"
        try:
            try:
                temporary.write_bytes(data)
                os.replace(temporary, self._folder / (key + _SUFFIX))
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._warn(str(error))
            return
        self._written += len(data)
        if self._written >= _BYTES_BETWEEN_EVICTIONS:
            self._written = 0
            self._evict()

    def info(self) -> CacheInfo:
        """What the cache holds now."""
        found = self._entries()
        return CacheInfo(self._folder, len(found), sum(size for _, size, _ in found), self._limit)

    def clear(self) -> int:
        """Remove every entry; how many there were."""
        found = self._entries()
        for _, _, path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Time of last use, bytes and path of each entry, and of what interrupted writes left, least recent first."""
        found = []
        if self._folder is not None:
            for item in os.scandir(self._folder):
                if item.name.endswith(_SUFFIX):
                    with suppress(FileNotFoundError):  # another process may have removed it
                        status = item.stat()
                        if not item.name.startswith(_UNFINISHED) or status.st_mtime < time.time() - _LONGEST_WRITE:
                            found.append((status.st_mtime, status.st_size, Path(item.path)))
        return sorted(found)

    def _evict(self) -> None:
        found = self._entries()
        total = sum(size for _, size, _ in found)
        if total <= self._limit:
            return
        for _, size, path in found:
            if total <= self._limit * _KEPT_SHARE:
                break
            path.unlink(missing_ok=True)
            total -= size

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"compiled programs are not cached in {self._wanted}: {reason}", RuntimeWarning, stacklevel=3)


def _pack(notes: Any, code: Sequence[bytes]) -> bytes:
    """A line with the checksum and the lengths of all parts, then the parts: the notes, pickled, and object files."""
    parts = [pickle.dumps(notes, 5), *code]
    lengths, body = ",".join(str(len(part)) for part in parts), b"".join(parts)
    return f"{_MAGIC} {_checksum(lengths, body)} {lengths}\n".encode() + body


def _unpack(data: bytes) -> Entry | None:
    head, _, body = data.partition(b"\n")
    words = head.decode("ascii", "replace").split()
    if len(words) != 3 or words[0] != _MAGIC or words[1] != _checksum(words[2], body):
        return None
    ends = list(accumulate(map(int, words[2].split(","))))
    notes, *code = (body[start:end] for start, end in pairwise([0, *ends]))
    return Entry(pickle.loads(notes), tuple(code))


def _checksum(lengths: str, body: bytes) -> str:
    return hashlib.sha256(lengths.encode() + b"\n" + body).hexdigest()


@cache
def disk_cache() -> DiskCache:
    """The cache of this process."""
    return DiskCache(settings().cache)


def cache_info() -> CacheInfo:
    """What the disk cache holds, and where."""
    return disk_cache().info()


def cache_clear() -> int:
    """Empty the disk cache; how many entries it had."""
    return disk_cache().clear()


def cache_key(text: str, target: str) -> str:
    """The key of what is compiled from this text for this target (its `key`) by this version of the compiler.

    Other versions of Python have other code for the functions of sizes that are kept, too.
    """
    parts = (text, target, sys.implementation.cache_tag or sys.version, llvmlite_version(), _source_hash())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _source_hash() -> str:
    """A hash of all the source files that decide what a text is compiled to."""
    rooms = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    digest = hashlib.sha256()
    for room in ("ir", "passes", "codegen", "runtime"):
        for folder, folders, names in os.walk(os.path.join(rooms, room)):
            folders.sort()
            for name in sorted(name for name in names if name.endswith(".py")):
                path = os.path.join(folder, name)
                with open(path, "rb", buffering=0) as file:
                    content = file.read()
                digest.update(f"{path[len(rooms) :]} {len(content)}\n".encode() + content)
    return digest.hexdigest()
