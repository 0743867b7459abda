"""CIFAR-10 and CIFAR-100: colour images of 32x32 in pickles, of which arrays, texts and numbers alone are read."""

from __future__ import annotations

import _codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from brasa.ir.errors import ArgumentError
from brasa.vision.datasets.files import Published, compare, download, missing, unpack, wrong
from brasa.vision.datasets.samples import PublishedDataset
from brasa.vision.pillow import pillow

_SIDE, _COLOURS = 32, 3
_BYTES = _SIDE * _SIDE * _COLOURS
_EXAMPLE = np.zeros(1, np.uint8)
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _codecs.encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _EXAMPLE.__reduce__()[0] for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _EXAMPLE.__reduce_ex__(5)[0] for core in ("core", "_core")},
}  # fmt: skip


class _Reader(pickle.Unpickler):
    """Reads pickles of arrays, texts, numbers, lists and dicts."""

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle names, if that is harmless; else ArgumentError with the name."""
        if (module, name) not in _ALLOWED:
            raise ArgumentError(f"the file holds a {module}.{name}; arrays, texts and numbers alone are read")
        return _ALLOWED[module, name]


def read_batch(path: Path, owner: str) -> dict[str, Any]:
    """The dict of a pickled file. ArgumentError if it holds what could run code, ValueError for other files."""
    try:
        with path.open("rb") as file:
            found = _Reader(file, encoding="latin1").load()
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error.fact}", op=owner) from None
    except (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise wrong(path, "a pickled dict", f"{type(error).__name__}: {error}", owner) from error
    if not isinstance(found, dict):
        raise wrong(path, "a pickled dict", f"a {type(found).__name__}", owner)
    return found


class CIFAR10(PublishedDataset):
    """Colour images of ten classes (Krizhevsky, 2009): 50,000 to learn from and 10,000 to test with.

    Samples are an image, 32x32 in mode "RGB", and its class as an int; `data` is an array uint8[n, 32, 32, 3] and
    `targets` a list of ints. The files lie in root/cifar-10-batches-py; download: fetch and unpack them if one is not
    there. BrasaError for a missing file, ValueError for one of another format, ArgumentError for one that holds more
    than arrays, texts and numbers; ChecksumWarning for one that is not the published one.
    """

    base_folder = "cifar-10-batches-py"
    archive = Published("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a",
                        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz")  # fmt: skip
    train_list = (
        Published("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        Published("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        Published("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        Published("data_batch_4", "634d18415352ddfa80567beed471001a"),
        Published("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    )
    test_list = (Published("test_batch", "40351d587109b95175f43aff81a1287e"),)
    meta = Published("batches.meta", "5ff9c542aee3614f3951f8cda6e48888")
    names_key, labels_key = "label_names", "labels"

    def read(self) -> None:
        """Read all batches; the errors are those of the class."""
        self.classes: list[str] = self._read(self.meta, self.names_key)[self.names_key]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        images, self.targets = [], []
        for source in self.train_list if self.train else self.test_list:
            batch = self._read(source, "data", self.labels_key)
            images.append(self._checked(self._path(source), batch["data"], batch[self.labels_key]))
            self.targets += [int(label) for label in batch[self.labels_key]]
        planes = np.concatenate(images).reshape(-1, _COLOURS, _SIDE, _SIDE)
        self.data: np.ndarray[Any, Any] = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))

    def _path(self, source: Published) -> Path:
        return self.root / self.base_folder / source.name

    def download(self) -> None:
        """Fetch and unpack the archive, unless all files are there."""
        if not all(self._path(source).exists() for source in (*self.train_list, *self.test_list, self.meta)):
            unpack(download(self.archive, self.root, type(self).__name__), self.root, type(self).__name__)

    def _read(self, source: Published, *keys: str) -> dict[str, Any]:
        path, owner = self._path(source), type(self).__name__
        if not path.exists():
            error = missing(path, self.archive, owner)
            error.hint = f"pass download=True, or unpack {self.archive.url} into {self.root}"
            raise error
        batch = read_batch(path, owner)
        for key in keys:
            if key not in batch:
                raise wrong(path, f"a dict with the key {key!r}", f"the keys {sorted(map(str, batch))}", owner)
        compare(path, source, owner)
        return batch

    def _checked(self, path: Path, pixels: Any, labels: Any) -> np.ndarray[Any, Any]:
        owner = type(self).__name__
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != (len(labels), _BYTES):
            kind = f"{pixels.dtype}{list(pixels.shape)}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise wrong(path, f"uint8[{len(labels)}, {_BYTES}] for {len(labels)} labels", kind, owner)
        strange = [label for label in labels if not 0 <= label < len(self.classes)]
        if strange:
            raise wrong(path, f"labels from 0 to {len(self.classes) - 1}", str(strange[0]), owner)
        return pixels

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        return self.transformed(pillow().fromarray(self.data[index]), self.targets[index])


class CIFAR100(CIFAR10):
    """Colour images of a hundred classes (Krizhevsky, 2009), in root/cifar-100-python."""

    base_folder = "cifar-100-python"
    archive = Published("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85",
                        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz")  # fmt: skip
    train_list = (Published("train", "16019d7e3df5f24257cddd939b257f8d"),)
    test_list = (Published("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),)
    meta = Published("meta", "7973b15100ade9c7d40fb424638fde48")
    names_key, labels_key = "fine_label_names", "fine_labels"
