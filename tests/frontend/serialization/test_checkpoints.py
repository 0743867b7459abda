"""Checkpoints in both formats: what shares memory, where it lands, files mapped into memory, and disks that fill up."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import subprocess
import sys
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

import brasa
from brasa.runtime import Device, allocate, device, get_device, load, register_device
from tests.frontend.serialization.test_serialization import DTYPES, same

FORMATS = ("c.safetensors", "c.pt")


def round_trip(obj: Any, path: Path, **options: Any) -> Any:
    """The object after it was in a file."""
    brasa.save(obj, path)
    return brasa.load(path, **options)


@pytest.mark.parametrize("name", FORMATS)
def test_plain_values(tmp_path: Path, name: str) -> None:
    given = {
        "size": brasa.ones(2, 3).shape, "device": brasa.device("cuda:1"), "dtype": brasa.bfloat16, "bytes": b"\x00\xff",
        "set": {1, "b"}, "complex": complex(1, -0.5), "counter": Counter(a=2, b=-1), (1, ("k", None)): [True, 1, 1.0],
        "ordered": OrderedDict([((), ()), (2.5, OrderedDict())]), "tiny": 5e-324, "text": "a\x00\ud800",
    }  # fmt: skip
    assert same(round_trip(given, tmp_path / name), given)


@pytest.mark.parametrize("name", FORMATS)
def test_what_shares_memory_shares_it_again(tmp_path: Path, name: str) -> None:
    base, rows = brasa.arange(12.0).reshape(3, 4), brasa.arange(10.0)
    given = {
        "column": base[:, 1], "base": base, "turned": base.T, "again": base, "tied": base.detach(), "alone": base + 1,
        "left": rows[:6], "right": rows[4:], "apart": brasa.arange(4.0)[:2],
    }  # fmt: skip
    found = round_trip(given, tmp_path / name)
    assert same(found, given)
    assert found["again"] is found["base"]
    assert found["tied"] is not found["base"]
    found["base"].fill_(-1.0)
    found["left"][4] = 70.0
    assert found["column"].tolist() == [-1.0] * 3
    assert found["turned"].tolist() == [[-1.0] * 3] * 4
    assert found["tied"].tolist() == [[-1.0] * 4] * 3
    assert found["turned"].stride() == (1, 4)
    assert found["alone"].tolist() == (base + 1).tolist()
    assert found["right"].tolist() == [70.0, 5.0, 6.0, 7.0, 8.0, 9.0]


def test_shared_memory_is_saved_once(tmp_path: Path) -> None:
    base = brasa.zeros(1000)
    brasa.save({"a": base, "b": base[:500], "c": base.detach()}, tmp_path / "c")
    assert base.nbytes < (tmp_path / "c").stat().st_size < base.nbytes + 600


@pytest.mark.parametrize("dtype", [brasa.complex64, brasa.complex128], ids=str)
def test_complex_views(tmp_path: Path, dtype: brasa.dtype) -> None:
    base = brasa.arange(6).to(dtype).reshape(2, 3) * (1 + 2j)
    found = round_trip([base.T, base, base[1, :2]], tmp_path / "c")
    assert same(found, [base.T, base, base[1, :2]])
    found[0].zero_()
    assert found[2].tolist() == [0j, 0j]


@pytest.mark.parametrize("name", FORMATS)
def test_parameters_stay_parameters(tmp_path: Path, name: str) -> None:
    model = brasa.nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    given = {"w": model.weight, "b": model.bias, "t": brasa.ones(1, requires_grad=True), "tied": model.weight}
    found = round_trip(given, tmp_path / name)
    assert [type(found[key]) for key in "wbt"] == [brasa.nn.Parameter, brasa.nn.Parameter, brasa.Tensor]
    assert [found[key].requires_grad for key in "wbt"] == [True, False, True]
    assert found["tied"] is found["w"]
    assert all(tensor.is_leaf for tensor in found.values())
    assert found["w"].tolist() == model.weight.tolist()


@pytest.mark.parametrize("name", FORMATS)
def test_layouts(tmp_path: Path, name: str) -> None:
    base = brasa.arange(24).reshape(2, 3, 4)
    views = [base.permute(2, 0, 1), base[:, ::2], base[1, 1, 1:2].expand(5), base[0, :0], base[1, 2, 3]]
    for view in views:
        assert same(round_trip(view, tmp_path / name), view.contiguous())


# where tensors land


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> str:
    """A second device, for as long as the test runs."""
    monkeypatch.setattr(device, "_devices", dict(device._devices))
    register_device(Device("mirror", allocate, ctypes.memmove, ctypes.memmove, load))
    assert get_device("mirror").allocate(8).nbytes == 8
    return "mirror"


@pytest.mark.parametrize("name", [*FORMATS, "old.pt"])
def test_map_location(tmp_path: Path, name: str, mirror: str) -> None:
    base = brasa.arange(4.0)
    brasa.save([base, base[1:3]], tmp_path / name, _use_new_zipfile_serialization=name != "old.pt")
    asked = []

    def leave(storage: Any, location: str) -> None:
        asked.append((storage.nbytes(), str(storage.device), location))

    for place, expected in (
        (mirror, mirror), (brasa.device(mirror), mirror), ({"cpu": mirror}, mirror), ({"cuda:0": mirror}, "cpu"),
        (lambda storage, _: storage.to(mirror), mirror), (lambda storage, _: storage.cpu(), "cpu"), (leave, "cpu"),
        (None, "cpu"), ("cpu", "cpu"),
    ):  # fmt: skip
        found = brasa.load(tmp_path / name, map_location=place)
        assert [str(tensor.device) for tensor in found] == [expected] * 2
        assert [tensor.cpu().tolist() for tensor in found] == [[0.0, 1.0, 2.0, 3.0], [1.0, 2.0]]
        assert found[1].untyped_storage() == found[0].untyped_storage()
    assert asked == [(16, "cpu", "cpu")]
    found = brasa.load(tmp_path / name, mirror)
    brasa.save(found, tmp_path / "moved.pt")
    assert brasa.load(tmp_path / "moved.pt")[1].tolist() == [1.0, 2.0]


MISPLACED: dict[str, Any] = {
    "load: map_location must be a device, a dict or a function, not int": 3,
    "load: map_location gave a int, not a storage or None": lambda storage, _: 3,
    "load: map_location gave a storage of another size": lambda storage, _: type(storage)(brasa.ones(1)),
    "there is no device 'cuda:0'; the devices are cpu": {"cpu": "cuda:0"},
}


@pytest.mark.parametrize("name", FORMATS)
def test_wrong_places(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_devices", {"cpu": get_device("cpu")})
    brasa.save(brasa.ones(2), tmp_path / name)
    for message, place in MISPLACED.items():
        with pytest.raises(brasa.BrasaError) as caught:
            brasa.load(tmp_path / name, place)
        assert str(caught.value) == message


@pytest.mark.parametrize("name", FORMATS)
def test_mapped_files(tmp_path: Path, name: str) -> None:
    base = brasa.arange(6).reshape(2, 3)
    given = [[base.to(dtype), brasa.zeros(0, 2).to(dtype)] for dtype in DTYPES] + [base.T]
    assert same(round_trip(given, tmp_path / name, mmap=True), given)
    found = brasa.load(tmp_path / name, mmap=True)
    found[0][0].add_(1)
    assert same(brasa.load(tmp_path / name, mmap=False), given)
    brasa.save(brasa.ones(2), tmp_path / name)  # the old file lives as long as its tensors
    assert same(found[1:], given[1:])


def test_what_cannot_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="load: only a file at a path can be mapped"):
        brasa.load(io.BytesIO(), mmap=True)
    brasa.save(brasa.ones(2), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"load: this file is in the form of before PyTorch 1\.6, which cannot be map"):
        brasa.load(tmp_path / "old.pt", mmap=True)
    (tmp_path / "empty").touch()
    with pytest.raises(brasa.BrasaError, match="not a safetensors file"):
        brasa.load(tmp_path / "empty", mmap=True)


# how files are written


@pytest.mark.parametrize("name", FORMATS)
def test_open_files(tmp_path: Path, name: str) -> None:
    with open(tmp_path / name, "wb") as file:
        brasa.save({"a": brasa.arange(3)}, file)
    assert ((tmp_path / name).read_bytes()[:2] == b"PK") is name.endswith(".pt")
    with open(tmp_path / name, "rb") as file:
        assert same(brasa.load(file), {"a": brasa.arange(3)})
    assert same(brasa.load(str(tmp_path / name)), {"a": brasa.arange(3)})


class Full(io.FileIO):
    """A file on a disk that has room for some bytes only."""

    room = 600

    def write(self, data: Any, /) -> int:
        """Write as long as there is room."""
        Full.room -= memoryview(data).nbytes
        if Full.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    brasa.save({"step": 1, "weights": brasa.ones(1000)}, path)
    before = path.read_bytes()

    def opened(file: Any, mode: str) -> BinaryIO:
        return Full(file, mode)  # type: ignore[return-value]

    monkeypatch.setattr("brasa.serialization.drafts.open", opened, raising=False)
    for Full.room in (0, 70, 600, 3000):
        with pytest.raises(OSError, match="No space left on device"):
            brasa.save({"step": 2, "weights": brasa.zeros(1000)}, path)
        assert os.listdir(tmp_path) == [name]
        assert path.read_bytes() == before
    assert brasa.load(path)["step"] == 1


def test_a_limit_of_the_system(tmp_path: Path) -> None:
    script = (
        "import brasa, resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "brasa.save(brasa.ones(10), sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "try:\n    brasa.save(brasa.ones(10000), sys.argv[1])\n"
        "except OSError as error:\n    print(error.strerror)\n"
        "print(brasa.load(sys.argv[1]).sum().item())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "c.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n10.0\n"
    assert os.listdir(tmp_path) == ["c.pt"]


def test_what_holds_itself(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for name in FORMATS:
        with pytest.raises(TypeError, match="save: the object holds itself, or is nested too deeply"):
            brasa.save(loop, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_headers_are_those_of_the_library(tmp_path: Path) -> None:
    from safetensors.numpy import save

    arrays = {"b": np.arange(6, dtype=np.int16), "é": np.zeros((2, 2)), "a": np.ones(3, np.float32), "c": np.bool_([1])}
    brasa.save({name: brasa.tensor(array) for name, array in arrays.items()}, tmp_path / "c")
    ours, theirs = (tmp_path / "c").read_bytes(), save(arrays)
    total = sum(array.nbytes for array in arrays.values())
    assert ours[-total:] == theirs[-total:]
    assert int.from_bytes(ours[:8], "little") % 8 == 0
