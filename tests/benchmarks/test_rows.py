"""The rows of the benchmarks: each name once, and no figure for who computes something else."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import pytest

import brasa
from benchmarks.in_jax import load
from benchmarks.row import Program, Row, noise
from benchmarks.rows import ROWS
from benchmarks.worker import competing


def test_each_row_has_a_name_of_its_own() -> None:
    assert not [key for key, count in Counter(row.key for row in ROWS).items() if count > 1]


def test_wrong_results_are_not_timed() -> None:
    pytest.importorskip("torch")

    def make(module: ModuleType, off: float) -> Program:
        return Program(lambda x: x + off, (module.from_numpy(noise(8)),))

    right = Row("group", "sum", lambda module: make(module, 1.0))
    runs, off = competing(right, ["brasa", "torch"])
    assert list(runs) == ["brasa", "torch"] and off["torch"] < 1e-6
    wrong = Row("group", "sum", lambda module: make(module, 1.0 + 0.01 * (module is brasa)))
    with pytest.raises(SystemExit, match="group: sum: brasa is far from"):
        competing(wrong, ["brasa", "torch"])


@pytest.mark.parametrize("name", ["training: tiny MLP 16-32-32-4, batch 1", "inference: CIFAR CNN, batch 4"])
def test_models_of_all_competitors_agree(name: str) -> None:
    pytest.importorskip("torch")
    row = next(row for row in ROWS if row.key == name)
    assert isinstance(row, Row)
    _, off = competing(row, ["brasa", "torch", *(["jax"] if has_jax() else [])])
    assert max(off.values()) <= row.tolerance


def has_jax() -> bool:
    try:
        load()
    except ImportError:
        return False
    return True
