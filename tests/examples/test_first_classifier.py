"""examples/first_classifier.py for two epochs: it learns, compiled to the last bit as eagerly, and is short."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import brasa
from brasa.vision import datasets
from examples import first_classifier
from tests.frontend.vision.files import write_mnist

pytest.importorskip("PIL.Image")
pytest.importorskip("sklearn")


def test_digits(tmp_path: Path) -> None:
    runs = []
    for compiled in (False, True):
        brasa.manual_seed(0)
        learnt, tested = first_classifier.load(str(tmp_path))
        model = first_classifier.NeuralNetwork()
        model = brasa.compile(model) if compiled else model
        losses = first_classifier.train(model, learnt, 2)
        runs.append((losses, [parameter.tolist() for parameter in model.parameters()]))
    assert runs[0] == runs[1]
    assert len(losses) == 2 * 23 and losses[0] > 2.2
    assert first_classifier.test(model, tested) > 0.75


def test_mnist(tmp_path: Path) -> None:
    """Where MNIST's files lie, they are what is read."""
    images = write_mnist(tmp_path)
    with pytest.warns(datasets.ChecksumWarning):
        _, tested = first_classifier.load(str(tmp_path))
    found, labels = next(iter(tested))
    assert (found[:, 0] * 255).round().tolist() == images.tolist() and labels.tolist() == list(range(6))


def test_lines() -> None:
    parts = (first_classifier.NeuralNetwork, first_classifier.train, first_classifier.test)
    lines = [line for part in parts for line in inspect.getsource(part).splitlines() if line.strip()]
    assert len(lines) <= 30
