"""Random numbers in compiled programs: eager's, call by call, however the program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brasa
from brasa import nn, optim

Draw = Callable[[], brasa.Tensor]


def calls(make: Callable[[], Draw], compiled: bool, between: Callable[[int], Any] = lambda i: None) -> list[Any]:
    """What eight calls give, and where the default generator stands then."""
    brasa.manual_seed(11)
    function = make()
    run = brasa.compile(function) if compiled else function
    results: list[Any] = []
    for i in range(8):
        results.append(run().tolist())
        between(i)
    results.append(brasa.get_rng_state().tolist())
    if compiled:
        results.append(bool(run.sealed))
    return results


def two_draws() -> Draw:
    return lambda: brasa.rand(3) + brasa.randn(3)


def own_generator() -> Draw:
    generator = brasa.Generator().manual_seed(4)
    return lambda: brasa.rand(3, generator=generator) * brasa.rand(3)


def unused_draw() -> Draw:
    def function() -> brasa.Tensor:
        brasa.rand(2)
        return brasa.rand(2)

    return function


def dropout_training() -> Draw:
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = brasa.ones(5, 4)

    def step() -> brasa.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_sealed_programs_draw_what_eager_ones_do() -> None:
    for make in (two_draws, own_generator, unused_draw, dropout_training):
        eager, compiled = calls(make, compiled=False), calls(make, compiled=True)
        assert compiled == [*eager, True], make.__name__
        assert len({str(result) for result in eager}) == len(eager), "each call draws anew"


def test_a_new_seed_between_calls_is_seen() -> None:
    def between(i: int) -> None:
        if i == 5:
            brasa.manual_seed(3)

    assert calls(two_draws, True, between) == [*calls(two_draws, False, between), True]


def seeding() -> Draw:
    def function() -> brasa.Tensor:
        brasa.manual_seed(7)
        return brasa.rand(2)

    return function


def asking() -> Draw:
    return lambda: brasa.rand(2) + brasa.initial_seed()


def test_programs_that_use_the_state_itself_are_followed() -> None:
    assert calls(seeding, True) == [*calls(seeding, False), False]
    assert calls(asking, True, brasa.manual_seed) == [*calls(asking, False, brasa.manual_seed), False]
