"""examples/vae.py at a small size."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import brasa
from examples import vae
from tests.compiling import assert_compiles

pytest.importorskip("sklearn")


def test_training() -> None:
    """The bound of held-out images improves as claimed, and one program for all sizes gives the same bits."""
    learnt, tested = (images[:count] for images, count in zip(vae.load_digits(), (300, 40), strict=True))
    runs = []
    for compiled in (False, True):
        with assert_compiles(int(compiled)):
            runs.append(vae.train(learnt, tested, 3, compiled))
    weights = [[parameter.detach().numpy() for parameter in model.parameters()] for model, _, _ in runs]
    assert runs[0][1:] == runs[1][1:]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
    _, steps, bounds = runs[0]
    assert len(steps) == 3 * 5 and len(bounds) == 1 + 3
    assert 1 - bounds[-1] / bounds[0] > 0.2


def test_bound() -> None:
    """The bound of one random code is that of NumPy in float64, from the weights on."""
    brasa.manual_seed(1)
    model = vae.VAE(hidden=16)
    images = brasa.randint(0, vae.SHADES + 1, (5, 1, 8, 8)).float()
    brasa.manual_seed(2)
    found = model(images).detach().numpy()
    brasa.manual_seed(2)
    noise = brasa.randn(5, vae.CODE).numpy().astype(np.float64)
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}

    def layer(x: np.ndarray, name: str) -> np.ndarray:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    counts = images.numpy().astype(np.float64).reshape(5, 64)
    hidden = layer(counts / vae.SHADES, "encoder.1").clip(0)
    mean, log_scale = np.split(layer(hidden, "encoder.3"), 2, 1)
    logits = layer(layer(mean + noise * np.exp(log_scale), "decoder.0").clip(0), "decoder.2")
    choices = np.vectorize(lambda count: math.log(math.comb(vae.SHADES, int(count))))(counts)
    share = 1 / (1 + np.exp(-logits))
    explained = choices + counts * np.log(share) + (vae.SHADES - counts) * np.log1p(-share)
    divergence = (np.exp(2 * log_scale) + mean**2 - 1) / 2 - log_scale
    assert np.allclose(found, explained.sum(1) - divergence.sum(1), rtol=1e-5)


def test_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(sys, "argv", ["vae.py", "--epochs", "1", "--compiled", "--output", str(tmp_path)])
    assert vae.main() == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("The ELBO of held-out images went from -53")
    rows, columns = 4 * (8 * vae.ENLARGED + 2) + 2, vae.SHOWN * (8 * vae.ENLARGED + 2) + 2
    with image.open(tmp_path / "vae_images.png") as opened:
        assert opened.size == (columns, rows)
    assert (tmp_path / "vae_curves.png").exists()
