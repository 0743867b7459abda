"""examples/hello_tensors.py: what it says of tensors, with one device and with two; its gradients beside NumPy's."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import brasa
from brasa.runtime import Device, allocate, device, load, register_device
from examples import hello_tensors


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second device under the name of GPUs, for as long as the test runs."""
    monkeypatch.setattr(device, "_devices", dict(device._devices))
    register_device(Device("cuda", allocate, ctypes.memmove, ctypes.memmove, load))


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the program prints in ten steps."""
    monkeypatch.setattr(hello_tensors, "STEPS", 10)
    monkeypatch.setattr("sys.argv", ["hello_tensors"])
    hello_tensors.main()
    return capsys.readouterr().out


def test_one_device(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(monkeypatch, capsys)
    assert "(2, 3), brasa.float32, cpu; the table has brasa.int64" in told
    assert "mul: shapes [10] and [10,5] cannot be broadcast together" in told
    assert "Summed:\ntensor([[45., 45., 45., 45., 45.]])" in told and "Flat, (25,):" in told
    assert "This machine has one device" in told


@pytest.mark.usefixtures("gpu")
def test_two_devices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert brasa.cuda.is_available() and brasa.cuda.device_count() == 1
    assert brasa.accelerator.current_accelerator() == "cuda"
    told = said(monkeypatch, capsys)
    assert "mul: tensors are on different devices, cpu and cuda\n" in told
    assert "Brought back, it goes: 285.0" in told


def test_no_gpu() -> None:
    assert not brasa.cuda.is_available() and brasa.cuda.device_count() == 0
    assert not brasa.accelerator.is_available() and brasa.accelerator.current_accelerator() is None


def test_learning() -> None:
    """Both gradients are those of float64; compiled, every bit is what it is eagerly."""
    runs = []
    for compiled in (False, True):
        brasa.manual_seed(0)
        runs.append(hello_tensors.learn(100, compiled))
    (losses, weights, apart), (losses_too, weights_too, apart_too) = runs
    assert (losses, apart) == (losses_too, apart_too)
    assert all(brasa.equal(*pair) for pair in zip(weights, weights_too, strict=True))
    assert losses[-1] < 0.5 * losses[0] and apart < 1e-4

    arrays = [np.random.default_rng(0).standard_normal(shape) for shape in ((7, 2), (7, 1), (2, 3), (3, 1))]
    x, y, w1, w2 = arrays

    def loss_at(w1: np.ndarray, w2: np.ndarray) -> float:
        return float(((np.maximum(x @ w1, 0) @ w2 - y) ** 2).mean())

    given = [brasa.from_numpy(array) for array in arrays]
    for way in (hello_tensors.gradients_by_hand, hello_tensors.gradients_by_backward):
        loss, *found = way(*given)
        assert loss.item() == pytest.approx(loss_at(w1, w2), rel=1e-12)
        for number, (weight, gradient) in enumerate(zip((w1, w2), found, strict=True)):
            for place in np.ndindex(weight.shape):
                step = np.zeros_like(weight)
                step[place] = 1e-6
                ends = [loss_at(*(w + sign * step if n == number else w for n, w in enumerate((w1, w2))))
                        for sign in (1, -1)]  # fmt: skip
                assert gradient[place].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-8)
