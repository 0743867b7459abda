"""The disk cache: what comes back, what is refused, and what happens when the disk or another process interferes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from brasa.runtime import DiskCache, cache, cache_clear, cache_info, cache_key
from brasa.runtime.cache import Entry

KEY, OTHER = "a" * 64, "b" * 64
NOTES = {"name": "f", "sizes": ["n*4", [0, 1]]}
CODE = (bytes(range(256)) * 4 + b"\n", b"", b"\x00second")


@pytest.fixture
def disk(tmp_path: Path) -> DiskCache:
    """An empty cache."""
    return DiskCache(tmp_path / "deep" / "brasa")


@pytest.fixture
def entry_file(disk: DiskCache, tmp_path: Path) -> Path:
    """The file of the only entry."""
    disk.write(KEY, NOTES, CODE)
    (path,) = (tmp_path / "deep" / "brasa").iterdir()
    return path


def test_entries_come_back(disk: DiskCache, tmp_path: Path) -> None:
    assert disk.read(KEY) is None
    disk.write(KEY, NOTES, CODE)
    disk.write(OTHER, {}, [])
    for each in (disk, DiskCache(tmp_path / "deep" / "brasa")):
        assert each.read(KEY) == Entry(NOTES, CODE)
        assert each.read(OTHER) == Entry({}, ())
        assert each.read("c" * 64) is None
    disk.write(KEY, {}, [b"new"])
    assert disk.read(KEY) == Entry({}, (b"new",))


def test_the_folder_is_private(entry_file: Path) -> None:
    assert entry_file.parent.stat().st_mode & 0o777 == 0o700


def test_damaged_entries_count_as_absent(disk: DiskCache, entry_file: Path) -> None:
    whole = entry_file.read_bytes()
    head = whole.index(b"\n") + 1
    changed = [bytearray(whole) for _ in range(len(whole) // 4)]
    for i, data in enumerate(changed):
        data[i] ^= 1  # the head, the notes and some of the code
    cut = [whole[:length] for length in (0, 1, head - 1, head, head + 5, len(whole) - 1)]
    for data in (*changed, *cut, whole + b"x", b"\xff" * 100, b"brasa2 x y\n", whole.replace(b"brasa2", b"brasa3")):
        entry_file.write_bytes(data)
        assert disk.read(KEY) is None
    disk.write(KEY, NOTES, CODE)
    assert disk.read(KEY) == Entry(NOTES, CODE)


def test_info_and_clear(disk: DiskCache, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "brasa"
    assert disk.info() == cache.CacheInfo(folder, 0, 0, cache.LIMIT)
    disk.write(KEY, NOTES, CODE)
    disk.write(OTHER, NOTES, CODE)
    (folder / "note.txt").write_text("not ours")
    size = sum(path.stat().st_size for path in folder.glob("*.brasa"))
    assert disk.info() == cache.CacheInfo(folder, 2, size, cache.LIMIT)
    assert disk.clear() == 2
    assert disk.info().entries == 0
    assert disk.read(KEY) is None
    assert (folder / "note.txt").exists()


def test_least_recently_used_entries_go_first(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, limit=10_000)
    now = time.time()
    for i in range(8):
        disk.write(f"{i:064}", {}, [bytes(1000)])
        os.utime(tmp_path / f"{i:064}.brasa", (now - 100 + i, now - 100 + i))
    assert disk.read(f"{0:064}") is not None  # now the most recent
    later = DiskCache(tmp_path, limit=8_000)
    later.write(KEY, {}, [bytes(1000)])  # the first write of a process looks at what is there
    assert later.info().nbytes <= 0.75 * 8_000
    left = {path.stem for path in tmp_path.iterdir()}
    assert left == {KEY, f"{0:064}", f"{5:064}", f"{6:064}", f"{7:064}"}


def test_a_process_that_writes_much_evicts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_BYTES_BETWEEN_EVICTIONS", 5_000)
    disk = DiskCache(tmp_path, limit=8_000)
    for i in range(50):
        disk.write(f"{i:064}", {}, [bytes(1000)])
        assert disk.info().nbytes <= 8_000 + 6_000


def test_only_abandoned_writes_are_removed(disk: DiskCache, entry_file: Path) -> None:
    unfinished, abandoned = entry_file.with_name("unfinished-a.brasa"), entry_file.with_name("unfinished-b.brasa")
    unfinished.write_bytes(b"")
    abandoned.write_bytes(b"")
    os.utime(abandoned, (time.time() - 10_000,) * 2)
    assert disk.clear() == 2
    assert list(entry_file.parent.iterdir()) == [unfinished]


@pytest.fixture
def one_warning() -> Iterator[None]:
    """Exactly one warning, about the cache, must be given."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        yield
    assert [each.category for each in given] == [RuntimeWarning]
    assert str(given[0].message).startswith("compiled programs are not cached in ")


def assert_does_without(disk: DiskCache) -> None:
    for _ in range(3):
        disk.write(KEY, NOTES, CODE)
        assert disk.read(KEY) is None


@pytest.mark.usefixtures("one_warning")
def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_does_without(disk := DiskCache(tmp_path / "file" / "brasa"))
    assert (disk.info().folder, disk.clear()) == (None, 0)


@pytest.mark.usefixtures("one_warning")
def test_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert_does_without(DiskCache(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("one_warning")
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_to(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    assert_does_without(DiskCache(tmp_path))


@pytest.mark.usefixtures("one_warning")
def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path / "brasa")
    disk.write(KEY, NOTES, CODE)
    shutil.rmtree(tmp_path / "brasa")
    assert_does_without(disk)


@pytest.mark.usefixtures("one_warning")
def test_a_full_disk(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CODE[0]) // 2, before[1]))
    try:
        assert_does_without(disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_entries_that_vanish_while_they_are_listed(disk: DiskCache, entry_file: Path) -> None:
    shutil.copy(entry_file, entry_file.with_name("gone.brasa"))
    real = os.scandir

    def list_then_remove(folder: Path) -> list[os.DirEntry[str]]:
        found = list(real(folder))
        entry_file.with_name("gone.brasa").unlink()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", list_then_remove)
        assert disk.info().entries == 1


HAMMER = """
import sys
from pathlib import Path
from brasa.runtime import DiskCache
disk = DiskCache(Path(sys.argv[1]), limit=40_000)
disk._written = 0
for turn in range(150):
    key = f"{turn % 10:064}"
    found = disk.read(key)
    assert found is None or (found.notes == {"key": key} and found.code == (key.encode() * 100,)), key
    disk.write(key, {"key": key}, [key.encode() * 100])
    if turn % 20 == 0:
        disk._evict()
"""


def test_processes_and_threads_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", HAMMER, str(tmp_path / "brasa")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    results = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert results == [("", 0)] * 3
    disk = DiskCache(tmp_path / "brasa")
    writers = [threading.Thread(target=disk.write, args=(KEY, {"i": i}, [bytes(10_000)])) for i in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = disk.read(KEY)
    assert found is not None
    assert [len(file) for file in found.code] == [10_000]
    assert not list((tmp_path / "brasa").glob("unfinished-*"))


def test_keys_depend_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [cache_key("text", "target"), cache_key("text2", "target"), cache_key("text", "target2")]
    keys += [cache_key("textt", "arget"), cache_key("text\0target", "")]
    monkeypatch.setattr(cache, "llvmlite_version", lambda: "0.0")
    keys.append(cache_key("text", "target"))
    monkeypatch.undo()
    monkeypatch.setattr(cache, "_source_hash", lambda: "other")
    keys.append(cache_key("text", "target"))
    monkeypatch.undo()
    monkeypatch.setattr(sys.implementation, "cache_tag", "another-399")
    keys.append(cache_key("text", "target"))
    monkeypatch.undo()
    assert len(set(keys)) == len(keys)
    assert cache_key("text", "target") == keys[0]
    assert all(len(key) == 64 and key.isalnum() for key in keys)


def test_every_source_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("ir/ops", "passes", "codegen/llvm", "runtime", "frontend"):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "a.py").write_text("x = 1")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "runtime" / "cache.py"))

    def source_hash() -> str:
        cache._source_hash.cache_clear()
        return cache._source_hash()

    try:
        before = source_hash()
        assert source_hash() == before
        seen = {before}
        for room in ("ir/ops", "passes", "codegen/llvm", "runtime"):
            path = tmp_path / room / "a.py"
            status = path.stat()
            path.write_text("x = 2")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the same size and time: contents count
            seen.add(source_hash())
        (tmp_path / "passes" / "a.py").rename(tmp_path / "passes" / "b.py")
        seen.add(source_hash())
        assert len(seen) == 6
        (tmp_path / "frontend" / "a.py").write_text("x = 3")
        assert source_hash() in seen
    finally:
        monkeypatch.undo()
        cache._source_hash.cache_clear()


def test_the_cache_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "disk_cache", lambda: DiskCache(tmp_path))
    DiskCache(tmp_path).write(KEY, NOTES, CODE)
    assert (cache_info().folder, cache_info().entries) == (tmp_path, 1)
    assert cache_clear() == 1
    assert cache_info().entries == 0
