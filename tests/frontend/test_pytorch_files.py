"""PyTorch's own files: written, read, and refused where they hold anything but weights."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.serialization.pytorch_files import from_file, to_bytes
from tests.frontend.test_serialization import DTYPES, same


@pytest.mark.parametrize("dtype", [*DTYPES, brasa.complex64, brasa.complex128], ids=str)
def test_tensors(tmp_path: Path, dtype: brasa.dtype) -> None:
    given = {
        "a": brasa.arange(6).reshape(2, 3).to(dtype),
        "b": brasa.ones(()).to(dtype),
        "c": brasa.zeros(0, 4).to(dtype),
    }
    brasa.save(given, tmp_path / "t.pt")
    assert zipfile.is_zipfile(tmp_path / "t.pt")
    assert same(brasa.load(tmp_path / "t.pt"), given)


def test_structures(tmp_path: Path) -> None:
    given = {
        "a": [1, -2.5, True, None, "é\n", (brasa.zeros(1), []), -(10**300), 1 << 70], 3: OrderedDict(z=brasa.tensor(3)),
        (1, "k"): b"a\xff", "s": {1, 2}, "c": 1 + 2j, "d": brasa.float16, "n": Counter({3: 2}),
    }  # fmt: skip
    brasa.save(given, tmp_path / "s.pth")
    assert same(brasa.load(tmp_path / "s.pth"), given)


def test_parameters_stay_parameters() -> None:
    layer = brasa.nn.Linear(2, 3)
    layer.bias.requires_grad_(False)
    found = from_file(to_bytes({"w": layer.weight, "b": layer.bias, "t": brasa.ones(1, requires_grad=True)}), "cpu")
    assert isinstance(found["w"], brasa.nn.Parameter)
    assert (found["w"].requires_grad, found["b"].requires_grad, found["t"].requires_grad) == (True, False, True)
    assert found["w"].tolist() == layer.weight.tolist()


def test_tensors_that_share_memory_share_it_again() -> None:
    base = brasa.arange(12.0).reshape(3, 4)
    data = to_bytes([base, base.T[1:], base[2]])
    assert sum(name.startswith("archive/data/") for name in zipfile.ZipFile(io.BytesIO(data)).namelist()) == 1
    found = from_file(data, "cpu")
    found[0].zero_()
    assert found[1].tolist() == [[0.0] * 3] * 3
    assert found[2].tolist() == [0.0] * 4
    assert found[1].stride() == (1, 4)


def test_memory_of_others() -> None:
    array = np.arange(20.0)[3:17:2]
    found = from_file(to_bytes(brasa.from_numpy(array)), "cpu")
    assert found.tolist() == array.tolist()


def test_storages_are_aligned() -> None:
    data = to_bytes({f"key{i}": brasa.full((i + 1,), i) for i in range(5)})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack("<HH", data[entry.header_offset + 26 : entry.header_offset + 30])
            assert (entry.header_offset + 30 + name + extra) % 64 == 0


def pickled(text: bytes, **files: bytes) -> bytes:
    """An archive around this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", text)
        for name, data in files.items():
            archive.writestr(f"m/{name.replace('_', '/')}", data)
    return file.getvalue()


def tensor(storage: str = "FloatStorage", count: int = 4, offset: int = 0, size: str = "(I2\nI2\nt") -> bytes:
    """The pickle of one matrix, in the text of protocol 0."""
    return (
        f"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\n{storage}\nS'0'\nS'cpu'\nI{count}\ntQ"
        f"I{offset}\n{size}(I2\nI1\ntI00\nNtR."
    ).encode()


def test_a_pickle_by_hand() -> None:
    data = np.arange(4, dtype=np.float32).tobytes()
    assert from_file(pickled(tensor(), data_0=data, version=b"3"), "cpu").tolist() == [[0.0, 1.0], [2.0, 3.0]]


class Evil:
    """What runs code when it is unpickled by others."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit",))


REFUSED = {
    "load: the file holds a builtins.exec, which is not weights": pickled(pickle.dumps(Evil())),
    "load: the file holds a os.system, which is not weights": pickled(b"cos\nsystem\n(S'true'\ntR."),
    "load: the file holds a torch.nn.modules.linear.Linear, which is not weights":
        pickled(b"ctorch.nn.modules.linear\nLinear\n)R."),
    "load: the file holds a torch.load, which is not weights": pickled(b"ctorch\nload\n)R."),
    "load: the file holds a torch.__name__, which is not weights": pickled(b"ctorch\n__name__\n)R."),
    "load: the file holds a collections.deque, which is not weights": pickled(b"ccollections\ndeque\n)R."),
    "load: this archive holds a program, not weights": pickled(b"N.", constants=b"", **{"constants.pkl": b"N."}),
    "load: this file of PyTorch is damaged, or none: its bytes are in big-endian order":
        pickled(b"N.", byteorder=b"big"),
    "load: this file of PyTorch is damaged, or none: a storage has 12 bytes, 16 are expected":
        pickled(tensor(), data_0=bytes(12)),
    "load: a tensor of sizes [2, 2] does not fit its storage of 3": pickled(tensor(count=3), data_0=bytes(12)),
    "load: a tensor of sizes [2, 2] does not fit its storage of 4": pickled(tensor(offset=1), data_0=bytes(16)),
    "load: a tensor of sizes [-2, 2] does not fit its storage of 4":
        pickled(tensor(size="(I-2\nI2\nt"), data_0=bytes(16)),
    "load: the file refers to ('module', 1, 2, 3, 4), which is no storage":
        pickled(b"(S'module'\nI1\nI2\nI3\nI4\ntQ."),
    "load: this file of PyTorch is damaged, or none: KeyError": pickled(tensor()),
    "load: this file of PyTorch is damaged, or none: BadZipFile": b"PK\x03\x04" + bytes(100),
    "load: this file of PyTorch is damaged, or none: it is a pickle of another program":
        pickle.dumps(1 << 76, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) * 2 + pickle.dumps([], 2),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(tmp_path: Path, message: str) -> None:
    (tmp_path / "f").write_bytes(REFUSED[message])
    for source in (tmp_path / "f", io.BytesIO(REFUSED[message])):
        with pytest.raises(brasa.BrasaError) as caught:
            brasa.load(source)
        assert str(caught.value).startswith(message)


def test_every_changed_byte_is_read_or_refused() -> None:
    data = to_bytes({"a": brasa.arange(3), "b": [brasa.ones(1, dtype=brasa.float16)]})
    for place in range(len(data)):
        try:
            from_file(bytes([*data[:place], data[place] ^ 0x11, *data[place + 1 :]]), "cpu")
        except brasa.BrasaError:
            continue


def test_the_format_before_1_6() -> None:
    """magic, protocol, machine, object, keys, then each storage's count and bytes."""
    values = np.arange(4, dtype=np.float32)
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    data = b"".join([*parts, tensor(), pickle.dumps(["0"], 2), struct.pack("<q", 4), values.tobytes()])
    assert brasa.load(io.BytesIO(data)).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    with pytest.raises(brasa.BrasaError, match="a storage has 8 bytes, 16 are expected"):
        brasa.load(io.BytesIO(data[:-8]))


CANNOT = {
    "save: cannot save a Linear (at a.0)\n  hint: save its state_dict()": {"a": [brasa.nn.Linear(1, 1)]},
    "save: cannot save a function": lambda: None,
    "save: cannot save a ndarray (at x)": {"x": np.zeros(2)},
}


@pytest.mark.parametrize("message", CANNOT)
def test_what_cannot_be_saved(tmp_path: Path, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        brasa.save(CANNOT[message], tmp_path / "t.pt")
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


def test_pytorch_reads_and_writes_the_same(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    base = torch.arange(12.0).reshape(3, 4)
    given = {"w": base.T, "same": base, "bf": torch.ones(3, dtype=torch.bfloat16), "p": torch.nn.Parameter(base[0])}
    torch.save(given, tmp_path / "zip.pt")
    torch.save(given, tmp_path / "stream.pt", _use_new_zipfile_serialization=False)
    for name in ("zip.pt", "stream.pt"):
        brasa.save(brasa.load(tmp_path / name), tmp_path / "ours.pt")
        again = torch.load(tmp_path / "ours.pt", weights_only=True)
        assert list(again) == list(given)
        for key, value in given.items():
            assert type(again[key]) is type(value)
            assert again[key].dtype is value.dtype and again[key].stride() == value.stride()
            assert torch.equal(again[key], value)
        assert again["w"].untyped_storage().data_ptr() == again["same"].untyped_storage().data_ptr()
