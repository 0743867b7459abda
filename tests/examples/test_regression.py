"""examples/regression.py at a small size: each optimiser arrives where NumPy's least squares in float64 say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import brasa
from examples import regression

STEPS = {"gradient descent": 100, "momentum": 100, "Adam": 200, "Rprop": 100, "L-BFGS": 8}


@pytest.mark.parametrize("name", regression.OPTIMIZERS)
def test_solution(name: str) -> None:
    brasa.manual_seed(0)
    x, y = regression.measurements(40)
    ones = np.column_stack((x.numpy(), np.ones(40))).astype(np.float64)
    expected = np.linalg.lstsq(ones, y.numpy().astype(np.float64), rcond=None)[0]
    solution = brasa.from_numpy(expected[:-1].T), brasa.from_numpy(expected[-1])
    assert all(
        brasa.allclose(*pair, atol=1e-5)
        for pair in zip(regression.least_squares(x, y), map(brasa.Tensor.float, solution), strict=True)
    )
    runs = []
    for compiled in (False, True):
        brasa.manual_seed(1)
        model, losses = regression.train(name, x, y, STEPS[name], compiled)
        assert regression.distance(model, solution) < 1e-4 < losses[0] - losses[-1]
        runs.append((losses, [parameter.tolist() for parameter in model.parameters()]))
    assert runs[0] == runs[1]


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    regression.draw({"one": [3.0, 2.0, 1.0], "other": [2.0, 1.0, 1.0]}, 1.0, tmp_path / "new" / "curves.png")
    assert (tmp_path / "new" / "curves.png").read_bytes().startswith(b"\x89PNG")
