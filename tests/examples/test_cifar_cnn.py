"""examples/cifar_cnn.py at a small size: it learns, the same with and without workers, eagerly and compiled."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import brasa
from brasa.vision import datasets
from examples import cifar_cnn

pytest.importorskip("PIL.Image")


def test_the_tutorial(tmp_path: Path) -> None:
    cifar_cnn.write_cifar(tmp_path, 40)
    runs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", datasets.ChecksumWarning)
        for num_workers, compiled in ((0, False), (1, False), (0, True)):
            brasa.manual_seed(0)
            runs.append(cifar_cnn.train(tmp_path, 2, 50, num_workers, compiled))
    assert runs[0] == runs[1] == runs[2]
    assert runs[0][1] < runs[0][0] - 0.002
