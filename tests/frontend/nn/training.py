"""A training step of any layer, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brasa
from tests.frontend.functions.harness import flat, same_bits


def same_after_training(make: Callable[[], Any], *inputs: Any) -> None:
    """Two steps of training leave the same bits, eager and compiled."""
    left = []
    for compiled in (False, True):
        brasa.manual_seed(3)
        module = make()
        step = _step_of(module)
        step = brasa.compile(step) if compiled else step
        losses = [step(*inputs).detach() for _ in range(2)]
        left.append([*losses, *module.parameters()])
    for one, other in zip(*left, strict=True):
        same_bits(one, other)


def _step_of(module: Any) -> Callable[..., brasa.Tensor]:
    optimizer = brasa.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)

    def step(*inputs: Any) -> Any:
        optimizer.zero_grad()
        results = [each for each in flat(module(*inputs)) if each is not None]
        loss = sum((each * each * each).mean() for each in results)
        loss.backward()
        optimizer.step()
        return loss

    return step
