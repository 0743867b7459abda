"""save and load: what comes back, what other programs see, and files that are damaged or hostile."""

from __future__ import annotations

import io
import json
import math
import os
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import brasa

DTYPES = [
    brasa.float64, brasa.float32, brasa.float16, brasa.bfloat16, brasa.int64, brasa.int32, brasa.int16, brasa.int8,
    brasa.uint8, brasa.uint32, brasa.uint64, brasa.bool, brasa.complex64, brasa.complex128,
]  # fmt: skip


def same(found: Any, given: Any) -> bool:
    """Whether two structures are equal, types, dtypes and order included."""
    if type(found) is not type(given):
        return False
    if isinstance(given, brasa.Tensor):
        return found.dtype is given.dtype and found.shape == given.shape and found.tolist() == given.tolist()
    if isinstance(given, dict):
        pairs = zip(found.items(), given.items(), strict=True)
        return len(found) == len(given) and all(a == c and same(b, d) for (a, b), (c, d) in pairs)
    if isinstance(given, list | tuple):
        return len(found) == len(given) and all(map(same, found, given))
    return bool(found == given)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)], ids=str)
def test_tensors(tmp_path: Path, dtype: brasa.dtype, shape: tuple[int, ...]) -> None:
    values = (np.arange(math.prod(shape)) % 2).reshape(shape)
    given = brasa.tensor(values, dtype=dtype)
    brasa.save(given, tmp_path / "t")
    assert same(brasa.load(tmp_path / "t"), given)


def test_views_are_saved_as_they_look(tmp_path: Path) -> None:
    given = brasa.arange(12.0).reshape(3, 4).T[1:, ::2]
    brasa.save(given, tmp_path / "t")
    assert same(brasa.load(tmp_path / "t"), given.contiguous())


def test_structures(tmp_path: Path) -> None:
    one = brasa.ones(2)
    given = {
        "z": one, "a": [1, -2.5, True, None, "é\n", (brasa.zeros(1), [])], 3: {"z": brasa.tensor(3)}, "3": {},
        "a.5.0": one * 2, "tensor": OrderedDict([("b", 1), ("a", 1e300)]), "": one, "__metadata__": one * 3, 1.5: 0,
    }  # fmt: skip
    brasa.save(given, tmp_path / "s")
    assert same(brasa.load(tmp_path / "s"), given)
    brasa.save([math.inf, -math.inf, math.nan, np.float64(0.5), np.int32(7), one.shape], tmp_path / "s")
    found = brasa.load(tmp_path / "s")
    assert found[:2] == [math.inf, -math.inf]
    assert math.isnan(found[2])
    assert same(found[3:], [0.5, 7, one.shape])


def test_a_checkpoint_continues(tmp_path: Path) -> None:
    def parts() -> tuple[brasa.nn.Module, brasa.optim.Optimizer]:
        model = brasa.nn.Sequential(brasa.nn.Linear(3, 4), brasa.nn.BatchNorm1d(4))
        return model, brasa.optim.Adam(model.parameters(), lr=0.1)

    def steps(model: brasa.nn.Module, optimizer: brasa.optim.Optimizer) -> list[float]:
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    x = brasa.rand(5, 3)
    model, optimizer = parts()
    steps(model, optimizer)
    brasa.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, tmp_path / "c")
    other, restored = parts()
    state = brasa.load(tmp_path / "c", weights_only=True)
    other.load_state_dict(state["model"])
    restored.load_state_dict(state["optimizer"])
    assert state["epoch"] == 3
    assert steps(other, restored) == steps(model, optimizer)


def test_other_programs_read_a_state_dict(tmp_path: Path) -> None:
    model = brasa.nn.Linear(2, 3)
    path = tmp_path / "m.safetensors"
    brasa.save(model.state_dict(), path)
    found = load_file(path)
    assert set(found) == {"weight", "bias"}
    assert np.array_equal(found["weight"], model.weight.detach().numpy())
    assert list(brasa.load(path)) == ["weight", "bias"]


def test_files_of_other_programs_are_read(tmp_path: Path) -> None:
    arrays = {"b": np.arange(6, dtype=np.int16).reshape(2, 3), "a": np.float32([1.5])}
    save_file(arrays, tmp_path / "o", {"format": "pt"})
    found = brasa.load(tmp_path / "o", map_location="cpu")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {"a": [1.5], "b": [[0, 1, 2], [3, 4, 5]]}
    found["a"].add_(1)
    assert brasa.load(tmp_path / "o")["a"].tolist() == [1.5]


def test_open_files() -> None:
    buffer = io.BytesIO()
    brasa.save({"x": brasa.arange(3)}, buffer)
    buffer.seek(0)
    assert same(brasa.load(buffer), {"x": brasa.arange(3)})


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t"
    brasa.save(brasa.tensor(1), path)

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        brasa.save(brasa.tensor(2), path)
    assert os.listdir(tmp_path) == ["t"]
    assert brasa.load(path).item() == 1


def test_links_and_pipes_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    brasa.save(brasa.tensor(1), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert brasa.load(tmp_path / "target").item() == 1
    brasa.save(brasa.tensor(1), os.devnull)
    assert not os.path.isfile(os.devnull)
    with pytest.raises(FileNotFoundError):
        brasa.save(brasa.tensor(1), tmp_path / "nowhere" / "t")
    with pytest.raises(FileNotFoundError):
        brasa.load(tmp_path / "nowhere")


REFUSED: dict[str, Any] = {
    "save: cannot save a Linear (at a.0)\n  hint: save its state_dict()": {"a": [brasa.nn.Linear(1, 1)]},
    "save: cannot save a function": lambda: None,
    "save: cannot save a ndarray (at x)": {"x": np.zeros(2)},
    "save: the key of a saved dict must be a text, a number or a tuple, not bytes": {b"k": 3},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_saved(tmp_path: Path, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        brasa.save(REFUSED[message], tmp_path / "t")
    assert str(caught.value) == message
    assert os.listdir(tmp_path) == []


# damaged and hostile files


def whole() -> bytes:
    """A good file."""
    buffer = io.BytesIO()
    brasa.save({"a": brasa.arange(4.0), "b": [brasa.tensor([1, 2])]}, buffer)
    return buffer.getvalue()


def file(header: Any, data: bytes = b"") -> bytes:
    """A file with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: str, shape: Any, first: int, end: int) -> dict[str, Any]:
    """A tensor's entry in a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}


def described(structure: Any) -> bytes:
    """A file with one tensor, and this as the structure around it."""
    text = structure if isinstance(structure, str) else json.dumps(structure)
    return file({"__metadata__": {"brasa": text}, "t": tensor("F32", [1], 0, 4)}, bytes(4))


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "short": b"\x08\x00",
    "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "a header larger than the file": struct.pack("<Q", 1 << 62) + b"{}",
    "a header that is not JSON": file(b"{not json"),
    "a header that is no object": file([1, 2]),
    "a header of wrong text": file(b"\xff\xfe{}"),
    "a tensor outside the file": file({"t": tensor("F32", [4], 0, 16)}, bytes(8)),
    "overlapping tensors": file({"s": tensor("F32", [1], 0, 4), "t": tensor("F32", [1], 0, 4)}, bytes(4)),
    "bytes left over": file({"t": tensor("F32", [1], 0, 4)}, bytes(12)),
    "an endless shape": file({"t": tensor("F32", [1 << 40, 1 << 40], 0, 4)}, bytes(4)),
    "a negative shape": file({"t": tensor("F32", [-1], 0, 4)}, bytes(4)),
    "a shape of text": file({"t": tensor("F32", ["1"], 0, 4)}, bytes(4)),
    "an unknown dtype": file({"t": tensor("F7", [1], 0, 4)}, bytes(4)),
    "a dtype that brasa has not": file({"t": tensor("F8_E4M3", [4], 0, 4)}, bytes(4)),
    "metadata that are no texts": file({"__metadata__": {"brasa": 1}, "t": tensor("F32", [1], 0, 4)}, bytes(4)),
    "a structure that is not JSON": described("{"),
    "a structure with code": described({"eval": "__import__('os')"}),
    "a structure of a missing tensor": described({"tensor": "u"}),
    "a structure with two kinds": described({"tensor": "t", "list": []}),
    "a structure without a kind": described({}),
    "an unhashable key": described({"dict": [[[1], 2]]}),
    "a list that is none": described({"list": 1}),
    "a float that is none": described({"float": "one"}),
    "a dict of triples": described({"dict": [[1, 2, 3]]}),
    "a bottomless structure": described('{"list":[' * 50000 + "]}" * 50000),
    "a huge number": described("1" * 10000),
    "a view outside its memory": described({"view": [{"tensor": "t"}, 1, [1], [1]]}),
    "a view of half an element": described({"view": [{"tensor": "t"}, 0.5, [1], [1]]}),
    "a view of a list": described({"view": [{"list": []}, 0, [1], [1]]}),
    "a view without end": described({"view": [{"tensor": "t"}, 0, [1 << 40, 1 << 40], [0, 0]]}),
    "pairs that are none": described({"pairs": {"tensor": "t"}}),
    "a parameter of text": described({"parameter": ["t", True]}),
    "bytes that are none": described({"bytes": "\u2014"}),
    "an unknown dtype of brasa": described({"dtype": "f31"}),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("through", ["path", "file"])
def test_hostile_files(tmp_path: Path, name: str, through: str) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(brasa.BrasaError) as caught:
        brasa.load(path if through == "path" else io.BytesIO(HOSTILE[name]))
    assert str(caught.value).startswith("load: ")
    assert len(str(caught.value)) < 500


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    data = whole()
    for length in range(len(data)):
        with pytest.raises(brasa.BrasaError, match="not a safetensors file, or a damaged one"):
            brasa.load(io.BytesIO(data[:length]))
    assert brasa.load(io.BytesIO(data))["a"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_every_changed_byte_is_read_or_refused() -> None:
    data = whole()
    for place in range(len(data)):
        changed = bytes([*data[:place], data[place] ^ 0x11, *data[place + 1 :]])
        try:
            brasa.load(io.BytesIO(changed))
        except brasa.BrasaError:
            continue


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(whole())
    with safe_open(tmp_path / "t", framework="np") as reader:
        assert sorted(reader.keys()) == ["a", "b.0"]
        assert json.loads(reader.metadata()["brasa"]) == {
            "dict": [["a", {"tensor": "a"}], ["b", {"list": [{"tensor": "b.0"}]}]]
        }


def test_unknown_devices() -> None:
    with pytest.raises(brasa.BrasaError, match="there is no device 'moon'"):
        brasa.load(io.BytesIO(whole()), map_location="moon")
