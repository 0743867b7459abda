"""MNIST and data sets in its format: images of 28x28 grey values in gzipped IDX files."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from brasa.tensors.tensor import Tensor, array_of, over_array
from brasa.vision.datasets.files import Published, compare, download, missing, wrong
from brasa.vision.datasets.samples import PublishedDataset
from brasa.vision.pillow import pillow

_UNSIGNED = 8  # IDX's code for bytes
_ZERO_TO_NINE = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_idx(path: Path, rank: int, owner: str) -> np.ndarray[Any, Any]:
    """The uint8 array of an IDX file, gzipped or not, of this rank. ValueError for other files."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise wrong(path, "a whole gzip file", str(error), owner) from error
    start = 4 + 4 * rank
    head = bytes((0, 0, _UNSIGNED, rank))
    if data[:4] != head or len(data) < start:
        raise wrong(path, f"an IDX file of bytes with {rank} axes, which begins with {head.hex()}",
                    f"{data[:4].hex() or 'nothing'} ({len(data)} bytes)", owner)  # fmt: skip
    shape = struct.unpack(f">{rank}I", data[4:start])
    count = int(np.prod(shape, dtype=np.int64))
    if len(data) - start != count:
        raise wrong(path, f"{count} bytes for the shape {list(shape)}", str(len(data) - start), owner)
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


class MNIST(PublishedDataset):
    """Handwritten digits (LeCun, Cortes & Burges, 1998): 60,000 to learn from and 10,000 to test with.

    Samples are an image, 28x28 in mode "L", and its class as an int; `data` is uint8[n, 28, 28], `targets` int64[n].
    The files lie in root/MNIST/raw, with their published names, gzipped or not; download: fetch those that are not
    there. BrasaError for a missing file, ValueError for one of another format; ChecksumWarning for one that is not
    the published one.
    """

    classes: ClassVar[list[str]] = [f"{digit} - {word}" for digit, word in enumerate(_ZERO_TO_NINE)]
    mirror = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    checksums = (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c",
    )  # fmt: skip

    def read(self) -> None:
        """Read the images and the labels; the errors are those of the class."""
        images, labels = self._published[:2] if self.train else self._published[2:]
        self._pixels = self._read(images, 3)
        self._labels = self._read(labels, 1)
        if len(self._labels) != len(self._pixels):
            raise wrong(self._path(labels), f"{len(self._pixels)} labels, one for each image", str(len(self._labels)),
                        type(self).__name__)  # fmt: skip
        if len(self._labels) and self._labels.max() >= len(self.classes):
            raise wrong(self._path(labels), f"labels below {len(self.classes)}", str(self._labels.max()),
                        type(self).__name__)  # fmt: skip
        self.data: Tensor = over_array(self._pixels.copy())
        self.targets: Tensor = over_array(self._labels.astype(np.int64))
        self._pixels = array_of(self.data)  # the same memory: who writes to data changes the samples
        self._labels = array_of(self.targets)

    @property
    def _published(self) -> list[Published]:
        names = [f"{half}-{kind}-ubyte.gz" for half in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
        return [Published(name, md5, self.mirror + name) for name, md5 in zip(names, self.checksums, strict=True)]

    @property
    def raw_folder(self) -> Path:
        """The folder of the published files."""
        return self.root / type(self).__name__ / "raw"

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetch the files that are not there."""
        for source in self._published:
            if not self._path(source).exists():
                download(source, self.raw_folder, type(self).__name__)

    def _path(self, source: Published) -> Path:
        """The file as published, or unpacked by another program if that alone is there."""
        packed = self.raw_folder / source.name
        plain = packed.with_suffix("")
        return plain if plain.exists() and not packed.exists() else packed

    def _read(self, source: Published, rank: int) -> np.ndarray[Any, Any]:
        path = self._path(source)
        if not path.exists():
            raise missing(path, source, type(self).__name__)
        array = read_idx(path, rank, type(self).__name__)
        if path.suffix == ".gz":
            compare(path, source, type(self).__name__)
        return array

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        return self.transformed(pillow().fromarray(self._pixels[index]), int(self._labels[index]))


class FashionMNIST(MNIST):
    """Pictures of clothes in MNIST's format (Xiao, Rasul & Vollgraf, 2017), in root/FashionMNIST/raw."""

    classes: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
    ]  # fmt: skip
    mirror = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    checksums = (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
    )  # fmt: skip
