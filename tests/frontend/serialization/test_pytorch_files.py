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
from brasa.serialization import pytorch_files
from tests.frontend.serialization.test_serialization import DTYPES, same


def to_bytes(obj: Any, before_1_6: bool = False) -> bytes:
    """The file of an object."""
    file = io.BytesIO()
    pytorch_files.prepare(obj, before_1_6)(file)
    return file.getvalue()


def from_bytes(data: bytes) -> Any:
    """What a file holds."""
    return brasa.load(io.BytesIO(data))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
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
        "size": brasa.ones(2, 3).shape, "device": brasa.device("cuda", 1), "cpu": brasa.device("cpu"),
    }  # fmt: skip
    brasa.save(given, tmp_path / "s.pth")
    assert same(brasa.load(tmp_path / "s.pth"), given)


def test_parameters_stay_parameters() -> None:
    layer = brasa.nn.Linear(2, 3)
    layer.bias.requires_grad_(False)
    found = from_bytes(to_bytes({"w": layer.weight, "b": layer.bias, "t": brasa.ones(1, requires_grad=True)}))
    assert isinstance(found["w"], brasa.nn.Parameter)
    assert (found["w"].requires_grad, found["b"].requires_grad, found["t"].requires_grad) == (True, False, True)
    assert found["w"].tolist() == layer.weight.tolist()


def test_tensors_that_share_memory_share_it_again() -> None:
    base = brasa.arange(12.0).reshape(3, 4)
    data = to_bytes([base, base.T[1:], base[2]])
    assert sum(name.startswith("archive/data/") for name in zipfile.ZipFile(io.BytesIO(data)).namelist()) == 1
    found = from_bytes(data)
    found[0].zero_()
    assert found[1].tolist() == [[0.0] * 3] * 3
    assert found[2].tolist() == [0.0] * 4
    assert found[1].stride() == (1, 4)


def test_memory_of_others() -> None:
    array = np.arange(20.0)[3:17:2]
    found = from_bytes(to_bytes(brasa.from_numpy(array)))
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
    assert from_bytes(pickled(tensor(), data_0=data, version=b"3")).tolist() == [[0.0, 1.0], [2.0, 3.0]]


class Evil:
    """What runs code when it is unpickled by others."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit",))


def attributes(target: bytes, state: bytes) -> bytes:
    """A pickle that gives attributes to what it has made."""
    return pickled(target + state + b"b.", data_0=bytes(16), version=b"3")


REFUSED = {
    "load: the file sets attributes of a Tensor, which is not weights":
        attributes(tensor().removesuffix(b"."), b"(dS'_ptr'\nI64\ns"),
    "load: the file sets attributes of a function, which is not weights":
        attributes(b"ctorch._utils\n_rebuild_tensor\n", b"(N(dS'__defaults__'\n(tst"),
    "load: the file sets attributes of a type, which is not weights":
        attributes(b"ccollections\nCounter\n", b"(N(dS'keys'\nI1\nst"),
    "load: sizes [1, 2], strides (1,)":
        pickled(tensor(size="(lI1\naI2\na").replace(b"(I2\nI1\nt", b"(I1\nt"), data_0=bytes(16)),
    "load: a parameter is a list": pickled(b"ctorch._utils\n_rebuild_parameter\n((lI01\nNtR."),
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
    "load: sizes (-2, 2), strides (2, 1) and offset 0 are no place in a storage":
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


@pytest.mark.parametrize("before_1_6", [False, True])
def test_every_changed_byte_is_read_or_refused(before_1_6: bool) -> None:
    data = to_bytes({"a": brasa.arange(3), "b": [brasa.ones(1, dtype=brasa.float16)]}, before_1_6)
    for place in range(len(data)):
        try:
            from_bytes(bytes([*data[:place], data[place] ^ 0x11, *data[place + 1 :]]))
        except brasa.BrasaError:
            continue


def test_every_truncation_is_an_error() -> None:
    given = {"a": brasa.arange(3), "b": [brasa.ones(1, dtype=brasa.float16)]}
    for before_1_6 in (False, True):
        data = to_bytes(given, before_1_6)
        assert same(from_bytes(data), given)
        for length in range(len(data)):
            with pytest.raises(brasa.BrasaError):
                from_bytes(data[:length])


def test_changed_numbers_are_noticed() -> None:
    data = to_bytes(brasa.full((3,), 2.5))
    place = data.index(np.full(3, 2.5, np.float32).tobytes())
    with pytest.raises(brasa.BrasaError, match="BadZipFile: Bad CRC-32"):
        from_bytes(data[:place] + b"\x01" + data[place + 1 :])


def test_the_format_before_1_6() -> None:
    """magic, protocol, machine, object, keys, then each storage's count and bytes."""
    values = np.arange(4, dtype=np.float32)
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    data = b"".join([*parts, tensor(), pickle.dumps(["0"], 2), struct.pack("<q", 4), values.tobytes()])
    assert brasa.load(io.BytesIO(data)).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    with pytest.raises(brasa.BrasaError, match="a storage has 8 bytes, 16 are expected"):
        brasa.load(io.BytesIO(data[:-8]))


def test_dtypes_since_1_6() -> None:
    with pytest.raises(TypeError, match=r"save: PyTorch's files of before 1\.6 hold no uint32"):
        to_bytes(brasa.ones(2).to(brasa.uint32), before_1_6=True)


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
    names = [str(dtype).removeprefix("brasa.") for dtype in DTYPES]
    given = {
        "w": base.T, "same": base, "p": torch.nn.Parameter(base[0]), "grad": torch.ones(2, requires_grad=True),
        "dtypes": [(base - 4).clamp(0).to(getattr(torch, name)) for name in names], "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3), "n": [1, 2.5, None, True, "é", (1 << 70, -3), 1 + 2j], 3: OrderedDict(a={}),
        "size": base.size(), "dtype": torch.bfloat16, "device": torch.device("cpu"), "set": {1}, "bytes": b"\x00\xff",
    }  # fmt: skip
    torch.save(given, tmp_path / "zip.pt")
    torch.save(given, tmp_path / "stream.pt", _use_new_zipfile_serialization=False)
    whole = given["dtypes"]
    for name, options in (("zip.pt", {"mmap": True}), ("stream.pt", {}), ("zip.pt", {})):
        given["dtypes"], found = whole, brasa.load(tmp_path / name, **options)
        for old in (False, True):
            if old:  # which PyTorch cannot read in this form either
                given["dtypes"], found["dtypes"] = given["dtypes"][:9], found["dtypes"][:9]
            brasa.save(found, tmp_path / "ours.pt", _use_new_zipfile_serialization=not old)
            again = torch.load(tmp_path / "ours.pt", weights_only=True, mmap=not old)
            assert_equal(torch, again, given)
            assert again["w"].untyped_storage().data_ptr() == again["same"].untyped_storage().data_ptr()
        brasa.save(found, tmp_path / "default")
        brasa.save(brasa.load(tmp_path / "default"), tmp_path / "ours.pt")
        assert_equal(torch, torch.load(tmp_path / "ours.pt", weights_only=True), given)


def assert_equal(torch: Any, found: Any, given: Any) -> None:
    """The same values, with all that PyTorch knows of tensors."""
    assert type(found) is type(given)
    if isinstance(given, torch.Tensor):
        assert (found.dtype, found.stride(), found.requires_grad) == (given.dtype, given.stride(), given.requires_grad)
        assert torch.equal(found, given)
    elif isinstance(given, dict):
        assert list(found) == list(given)
        assert_equal(torch, list(found.values()), list(given.values()))
    elif isinstance(given, list | tuple):
        assert len(found) == len(given)
        for one, other in zip(found, given, strict=True):
            assert_equal(torch, one, other)
    else:
        assert found == given


def test_training_goes_on_in_pytorch_and_back(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def parts(library: Any) -> tuple[Any, Any]:
        nn = library.nn
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        return model, library.optim.AdamW(model.parameters(), lr=0.05, amsgrad=True)

    values = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)

    def train(library: Any, parts: tuple[Any, Any], batches: Any) -> list[float]:
        model, optimizer = parts
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            loss = (model(library.from_numpy(batch)) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    for first, second in ((brasa, torch), (torch, brasa)):
        began = parts(first)
        train(first, began, values[:2])
        state = {"model": began[0].state_dict(), "optimizer": began[1].state_dict()}
        first.save(state, tmp_path / "half.pt")
        went_on = parts(second)
        state = second.load(tmp_path / "half.pt")
        went_on[0].load_state_dict(state["model"])
        went_on[1].load_state_dict(state["optimizer"])
        assert np.allclose(train(second, went_on, values[2:]), train(first, began, values[2:]), rtol=1e-5)
