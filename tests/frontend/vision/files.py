"""Small data sets in the formats of the published ones, for tests."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np


def idx_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """An array of bytes as an IDX file."""
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(root: Path, name: str = "MNIST", count: int = 6) -> np.ndarray[Any, Any]:
    """Both halves of a data set in MNIST's format, with labels 0, 1, ...; the images."""
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for half in ("train", "t10k"):
        (folder / f"{half}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
        labels = np.arange(count, dtype=np.uint8)
        (folder / f"{half}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return images


def write_cifar(root: Path, count: int = 4, protocol: int = 2) -> np.ndarray[Any, Any]:
    """All files of CIFAR-10, each with so many images and labels 0, 1, ...; the images [6 * count, 3072]."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (6 * count, 3072), np.uint8)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        batch = {"data": images[number * count : (number + 1) * count], "labels": list(range(count))}
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    meta = {"label_names": [f"class {number}" for number in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol))
    return images
