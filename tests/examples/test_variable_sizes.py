"""examples/variable_sizes.py at a small size: one program for all sizes, one for each depth, and eager mode's bits."""

from __future__ import annotations

from typing import Any

import brasa
from examples import variable_sizes


def weights_of(model: brasa.nn.Module) -> list[Any]:
    """The numbers of all weights."""
    return [parameter.tolist() for parameter in model.parameters()]


def test_sizes() -> None:
    runs = []
    for compiled in (False, True):
        brasa.manual_seed(0)
        model, step, losses, sizes = variable_sizes.learn_sizes(30, compiled, largest=9)
        runs.append((losses, weights_of(model)))
    assert runs[0] == runs[1]
    assert sizes == 4 and sum(losses[-5:]) < 0.8 * sum(losses[:5])
    told = brasa.explain(step)
    assert len(told.programs) == 1 and len(told.sealed) == 1 and not told.turns + told.changes
    for size in ((12, 15), (70, 9)):
        step(*variable_sizes.textures(3, *size))
    assert len(brasa.explain(step).programs) == 1


def test_depths() -> None:
    runs = []
    for compiled in (False, True):
        brasa.manual_seed(0)
        model, step, losses, depths = variable_sizes.learn_depths(30, compiled)
        runs.append((losses, depths, weights_of(model)))
    assert runs[0] == runs[1]
    assert len(set(depths)) > 1 and sum(losses[-5:]) < sum(losses[:5])
    assert len(brasa.explain(step).programs) == len(set(depths))
