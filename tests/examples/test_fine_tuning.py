"""The example examples/fine_tuning.py at a small size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import brasa
from examples import fine_tuning


def run(folder: Path, compiled: bool) -> tuple[list[float], fine_tuning.Tuned]:
    brasa.manual_seed(0)
    losses = fine_tuning.pretrain(folder / "resnet.pt", 50, 8, compiled)
    few = fine_tuning.drawings(fine_tuning.NEW, 10, seed=1)
    tuned = fine_tuning.fine_tune(folder / "resnet.pt", few, 8, compiled)
    return [*losses, *tuned.losses], tuned


def test_fine_tuning(tmp_path: Path) -> None:
    """It beats training from scratch, leaves the frozen layers alone, and gives the same bits compiled."""
    losses, tuned = run(tmp_path, compiled=False)
    assert np.mean(losses[110:120]) < 0.8 * np.mean(losses[:10]) and np.mean(losses[-4:]) < 0.8 * losses[120]
    before, after = brasa.load(tmp_path / "resnet.pt"), tuned.model.state_dict()
    kept = {name for name, value in after.items() if np.array_equal(value, before[name])}
    assert tuned.kept and kept == {name for name in before if name.startswith(("stem", "stage1"))}
    brasa.manual_seed(0)
    scratch = fine_tuning.from_scratch(fine_tuning.drawings(fine_tuning.NEW, 10, seed=1), 8, compiled=False)
    assert tuned.share > scratch.share + 0.2
    again, compiled = run(tmp_path, compiled=True)
    assert again == losses
    assert all(brasa.equal(*pair) for pair in zip(tuned.model.state_dict().values(),
                                                  compiled.model.state_dict().values(), strict=True))  # fmt: skip
