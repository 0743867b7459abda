"""Data sets of images, read from small files in the published formats; files that are missing or wrong."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import re
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.vision import datasets
from brasa.vision.datasets.files import ChecksumWarning, Published, download
from tests.frontend.vision.files import idx_bytes, write_cifar, write_mnist

Image = pytest.importorskip("PIL.Image")
unofficial = pytest.mark.filterwarnings("ignore::brasa.vision.datasets.ChecksumWarning")


@unofficial
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_mnist(tmp_path: Path, name: str) -> None:
    images = write_mnist(tmp_path, name)
    data = getattr(datasets, name)(str(tmp_path), train=False, transform=np.asarray, target_transform=lambda y: -y)
    image, target = data[3]
    assert np.array_equal(image, images[3])
    assert (target, len(data), data.data.shape, data.targets.dtype) == (-3, 6, (6, 28, 28), brasa.int64)
    assert list(data.class_to_idx) == data.classes
    plain = datasets.MNIST(tmp_path) if name == "MNIST" else datasets.FashionMNIST(tmp_path)
    assert plain[0][0].mode == "L" and plain[0][0].size == (28, 28) and type(plain[0][1]) is int
    assert repr(plain).splitlines()[1:] == [
        "    Number of datapoints: 6", f"    Root location: {tmp_path}", "    Split: Train"
    ]  # fmt: skip


def test_mnist_unpacked_by_another_program(tmp_path: Path) -> None:
    images = write_mnist(tmp_path)
    for path in list((tmp_path / "MNIST" / "raw").iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert np.array_equal(datasets.MNIST(tmp_path)[5][0], images[5])


@unofficial
@pytest.mark.parametrize("protocol", [2, 5])
def test_cifar(tmp_path: Path, protocol: int) -> None:
    images = write_cifar(tmp_path, protocol=protocol)
    for train, expected in ((True, images[:20]), (False, images[20:])):
        data = datasets.CIFAR10(tmp_path, train=train)
        assert np.array_equal(data.data, expected.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        assert data.targets == list(range(4)) * (len(expected) // 4)
        image, target = data[2]
        assert image.mode == "RGB" and target == 2 and np.array_equal(image, data.data[2])
    assert data.classes[3] == "class 3" and data.class_to_idx["class 3"] == 3


@unofficial
def test_cifar100(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    batch = {
        "data": np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072),
        "fine_labels": [99, 0],
        "coarse_labels": [0],
    }
    (folder / "train").write_bytes(pickle.dumps(batch))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(number) for number in range(100)]}))
    assert datasets.CIFAR100(str(tmp_path))[0][1] == 99


def test_checksums(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    with pytest.warns(ChecksumWarning) as told:
        datasets.MNIST(tmp_path)
    assert re.search(r"train-images.*MD5 is \w{32}, f68b3c2d\w+ was expected", str(told[0].message))
    assert len(told) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", ChecksumWarning)
        with pytest.raises(ChecksumWarning):
            datasets.MNIST(tmp_path)


@unofficial
@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("images-idx3", None, "does not exist.*download=True, or put https://ossci.*/train-images-idx3-ubyte.gz into"),
        ("images-idx3", lambda data: data[:100], "cannot be read: a whole gzip file expected, .*download=True"),
        ("images-idx3", lambda _: b"<html>", "a whole gzip file expected, Not a gzipped file"),
        ("images-idx3", lambda _: gzip.compress(b"<html>"), "which begins with 00000803 expected, 3c68746d"),
        (
            "images-idx3",
            lambda data: gzip.compress(gzip.decompress(data)[:-9]),
            r"4704 bytes.*\[6, 28, 28\].*4695 found",
        ),
        ("labels-idx1", lambda _: gzip.compress(idx_bytes(np.zeros(5, np.uint8))), "6 labels, one for each image.*5"),
        ("labels-idx1", lambda _: gzip.compress(idx_bytes(np.full(6, 77, np.uint8))), "labels below 10 expected, 77"),
    ],
)
def test_wrong_mnist(tmp_path: Path, file: str, change: Any, message: str) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / f"train-{file}-ubyte.gz"
    data = path.read_bytes()
    path.unlink()
    if change is not None:
        path.write_bytes(change(data))
    with pytest.raises(RuntimeError, match=rf"(?s)MNIST: {re.escape(str(path))} .*{message}"):
        datasets.MNIST(tmp_path)


class _Runs:
    def __reduce__(self) -> Any:
        return os.system, ("false",)


@unofficial
@pytest.mark.parametrize(
    ("file", "batch", "message"),
    [
        ("data_batch_2", None, " does not exist.*unpack https://www.cs.toronto.edu/.*tar.gz into"),
        ("test_batch", {"labels": []}, r"a dict with the key 'data' expected, the keys \['labels'\] found"),
        ("test_batch", [1], "a pickled dict expected, a list found"),
        (
            "test_batch",
            {"data": np.zeros((2, 7), np.uint8), "labels": [1, 2]},
            r"uint8\[2, 3072\].*uint8\[2, 7\] found",
        ),
        ("test_batch", {"data": [], "labels": []}, "list found"),
        (
            "test_batch",
            {"data": np.zeros((1, 3072), np.uint8), "labels": [10]},
            "labels from 0 to 9 expected, 10 found",
        ),
        (
            "test_batch",
            {"data": _Runs(), "labels": []},
            r"the file holds a \w+\.system; arrays, texts and numbers alone",
        ),
    ],
)
def test_wrong_cifar(tmp_path: Path, file: str, batch: Any, message: str) -> None:
    write_cifar(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / file
    path.unlink()
    if batch is not None:
        path.write_bytes(pickle.dumps(batch, 2))
    with pytest.raises(RuntimeError, match=f"(?s)CIFAR10: {re.escape(str(path))}.*{message}"):
        datasets.CIFAR10(tmp_path, train=file.startswith("data"))


@unofficial
@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"no pickle"])
def test_cifar_that_is_no_pickle(tmp_path: Path, data: bytes) -> None:
    write_cifar(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(data)
    with pytest.raises(ValueError, match="test_batch cannot be read: a pickled dict expected"):
        datasets.CIFAR10(tmp_path, train=False)


@unofficial
def test_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    write_cifar(there)
    archive = there / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(there / "cifar-10-batches-py", "cifar-10-batches-py")
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.CIFAR10, "archive", Published(archive.name, md5, archive.as_uri()))
    here = tmp_path / "here"
    assert len(datasets.CIFAR10(here, download=True)) == 20
    archive.unlink()
    assert len(datasets.CIFAR10(here, download=True)) == 20  # nothing is fetched twice


def test_download_that_fails(tmp_path: Path) -> None:
    source = tmp_path / "x.gz"
    url = source.as_uri()
    with pytest.raises(RuntimeError, match=rf"MNIST: {url} cannot be downloaded: .*(?s:.*)fetch {url} by other means"):
        download(Published("x.gz", "0" * 32, url), tmp_path / "here", "MNIST")
    source.write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=rf"{url} gave a file whose MD5 is \w+, 0{{32}} was expected"):
        download(Published("x.gz", "0" * 32, url), tmp_path / "here", "MNIST")
    assert list((tmp_path / "here").iterdir()) == []


def test_image_folder(tmp_path: Path) -> None:
    for name, shade in (("cat", 10), ("ant", 20)):
        (tmp_path / name / "inner").mkdir(parents=True)
        Image.new("L", (3, 2), shade).save(tmp_path / name / "inner" / "b.png")
        Image.new("RGB", (3, 2), (shade, 0, 0)).save(tmp_path / name / "a.PNG")
        (tmp_path / name / "notes.txt").touch()
    data = datasets.ImageFolder(str(tmp_path))
    assert data.classes == ["ant", "cat"] and data.targets == [0, 0, 1, 1] and data.imgs is data.samples
    assert [data[number][0].getpixel((0, 0)) for number in (0, 1)] == [(20, 0, 0), (20, 20, 20)]
    texts = datasets.DatasetFolder(tmp_path, Path, (".txt",), transform=lambda path: path.name)
    assert texts[1] == ("notes.txt", 1)
    broken = tmp_path / "ant" / "a.PNG"
    broken.write_bytes(broken.read_bytes()[:30])
    with pytest.raises(ValueError, match=f"{re.escape(str(broken))} does not decode as an image"):
        data[0]


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"ImageFolder: .*/nowhere is not a folder"):
        datasets.ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no folder: each class is one"):
        datasets.ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(FileNotFoundError, match=r"/cat holds no file that ends in \.jpg, "):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 0
    with pytest.raises(ValueError, match="expects either extensions or is_valid_file"):
        datasets.DatasetFolder(tmp_path, Path)


def test_fake_data() -> None:
    data = datasets.FakeData(3, (3, 5, 7), 4)
    assert data[1][0].size == (7, 5) and np.array_equal(data[1][0], data[1][0])
    assert not np.array_equal(data[0][0], data[1][0]) and all(0 <= target < 4 for _, target in data)
    assert datasets.FakeData(3, (1, 5, 7))[0][0].mode == "L"
    with pytest.raises(IndexError, match="3 is not the number of one of 3 samples"):
        data[3]


def test_digits() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    train, test = datasets.Digits(), datasets.Digits(train=False, size=28)
    assert (len(train), len(test), test[0][0].size) == (1437, 360, (28, 28))
    images, labels = load_digits(return_X_y=True)
    assert np.abs(np.asarray(train[5][0]).reshape(-1) - images[5] * 255 / 16).max() <= 0.5
    assert train.targets + test.targets == labels.tolist()


def test_transforms_of_both() -> None:
    with pytest.raises(ValueError, match="takes either transforms, or transform and target_transform"):
        datasets.VisionDataset(transforms=lambda x, y: (x, y), transform=abs)
