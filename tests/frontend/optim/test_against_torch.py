"""PyTorch's own database of optimisers, where PyTorch is installed: the same paths, and states that load both ways."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import brasa

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import optim_db

CASES = [
    pytest.param(info.optim_cls.__name__, given.kwargs, id=f"{info.optim_cls.__name__}-{given.desc}")
    for info in optim_db
    if info.optim_cls is not torch.optim.SparseAdam  # sparse gradients do not exist in brasa
    for given in info.optim_inputs_func(device="cpu")
]
RANDOM = np.random.default_rng(7)
DATA, TARGET = RANDOM.standard_normal((12, 5)), RANDOM.standard_normal((12, 3))
START = RANDOM.standard_normal((5, 3))


def moved(value: Any, to: Any) -> Any:
    """The value with tensors of another library."""
    if isinstance(value, brasa.Tensor | torch.Tensor):
        return to.tensor(value.detach().numpy().copy(), dtype=getattr(to, str(value.dtype).rpartition(".")[2]))
    if isinstance(value, dict):
        return {key: moved(item, to) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(item, to) for item in value)
    return value


class Training:
    """Least squares by one optimiser."""

    def __init__(self, library: Any, name: str, options: dict[str, Any], start: Any = START) -> None:
        self.library = library
        self.w = library.nn.Parameter(library.tensor(start))
        self.data, self.target = library.tensor(DATA), library.tensor(TARGET)
        self.optimizer = getattr(library.optim, name)([self.w], **moved(options, library))

    def loss(self) -> Any:
        """The loss, with its gradient."""
        self.optimizer.zero_grad()
        loss = ((self.data @ self.w - self.target) ** 2).mean()
        loss.backward()
        return loss

    def run(self, steps: int) -> list[Any]:
        """The parameter after each step."""
        path = []
        for _ in range(steps):
            self.optimizer.step(self.loss)
            path.append(self.w.detach().numpy().copy())
        return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_paths_agree(name: str, options: dict[str, Any]) -> None:
    ours, theirs = Training(brasa, name, options), Training(torch, name, options)
    np.testing.assert_allclose(ours.run(100), theirs.run(100), rtol=1e-5, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_states_load_both_ways(name: str, options: dict[str, Any]) -> None:
    for first, second in ((brasa, torch), (torch, brasa)):
        before = Training(first, name, options)
        before.run(7)
        after = Training(second, name, {}, before.w.detach().numpy().copy())
        after.optimizer.load_state_dict(moved(before.optimizer.state_dict(), second))
        np.testing.assert_allclose(after.run(7), before.run(7), rtol=1e-5, atol=1e-9)
