"""BRASA=tune: the same bits, at most two seconds a kernel, nothing measured twice, and nothing unless asked for."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.codegen.schedules import COST_MODEL, Ways
from brasa.execution import runner, trials, tuning
from brasa.execution.stages import Stages
from brasa.execution.trials import Trials
from brasa.execution.tuning import BOX, Tuner, tuner_for
from brasa.ir import dim
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.runtime import DiskCache, settings

MATMUL = """graph f(x: f32[n,64], w: f32[64,48]) {
  %0: f32[n,48] = matmul(x, w, order="chain")
  return %0
}"""
SIZES = {"n": 40}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty disk cache, and no programs in memory."""
    here = DiskCache(tmp_path)
    monkeypatch.setattr(tuning.runtime, "disk_cache", lambda: here)
    runner.forget_executables()
    yield
    runner.forget_executables()


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """BRASA=tune."""
    monkeypatch.setenv("BRASA", "tune")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def ways_of(text: str) -> Ways:
    """The ways to make the one kernel of a graph's text."""
    found: list[Ways] = []

    def choose(ways: Ways) -> Mapping[str, Any]:
        found.append(ways)
        return COST_MODEL

    assert Stages(parse(text, OPS), choose=choose).program
    (ways,) = found
    return ways


@dataclass
class Clock:
    """Every look at it takes some seconds, and so does every call of a kernel: as many as its choices say."""

    look: float = 0.0
    now: float = 0.0
    made: list[Mapping[str, Any]] = field(default_factory=list)

    def __call__(self) -> float:
        self.now += self.look
        return self.now

    def trials(self, seconds: Callable[[Mapping[str, Any]], float]) -> type:
        """What takes the place of `Trials`: kernels that pass time instead of doing something."""

        class Timed:
            def __init__(self, *_: object) -> None: ...

            def make(_, wanted: Mapping[str, Any]) -> trials.Trial:
                self.made.append(wanted)
                self.now += 0.05 + seconds(wanted)

                def call() -> None:
                    self.now += seconds(wanted)

                return trials.Trial(wanted, call)

        return Timed


def tuned(monkeypatch: pytest.MonkeyPatch, clock: Clock, seconds: Callable[[Mapping[str, Any]], float]) -> Any:
    monkeypatch.setattr(tuning, "Trials", clock.trials(seconds))
    return Tuner(runner.target(), SIZES, clock)(ways_of(MATMUL))


def test_the_fastest_is_kept_and_remembered(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fastest = {"tile": (6, 4), "rows": 258}

    def seconds(wanted: Mapping[str, Any]) -> float:
        return 1e-3 - sum(2e-4 for name, value in wanted.items() if fastest.get(name) == value)

    clock, again = Clock(), Clock()
    assert tuned(monkeypatch, clock, seconds) == fastest
    assert clock.now < BOX and {} in clock.made
    assert tuned(monkeypatch, again, seconds) == fastest
    assert not again.made and again.now == 0


def test_what_is_hardly_faster_is_not_preferred(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tuned(monkeypatch, Clock(), lambda wanted: 0.99e-3 if wanted else 1e-3) == {}


@pytest.mark.parametrize("one_call", [1e-6, 0.01, 0.3, 0.9, 5.0])
@pytest.mark.parametrize("look", [0.0, 0.02])
def test_two_seconds_are_the_most(
    cache: None, monkeypatch: pytest.MonkeyPatch, one_call: float, look: float
) -> None:  # fmt: skip
    clock = Clock(look)
    tuned(monkeypatch, clock, lambda wanted: one_call)
    least = 0.05 + 2 * one_call  # the cost model's own kernel is made and looked at in any case
    assert clock.now <= max(BOX, least) + 10 * look


def test_sizes_between_powers_of_two_and_threads_share_a_choice(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(n: int, threads: int) -> bool:
        clock = Clock()
        monkeypatch.setattr(tuning, "Trials", clock.trials(lambda wanted: 1e-3))
        monkeypatch.setattr(tuning.runtime, "get_num_threads", lambda: threads)
        Tuner(runner.target(), {"n": n}, clock)(ways_of(MATMUL))
        return bool(clock.made)

    assert [measured(*each) for each in ((40, 1), (63, 1), (64, 1), (40, 2), (63, 2))] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_other_bits_are_refused() -> None:
    ways = ways_of(MATMUL)
    negated = ways_of(MATMUL.replace("return %0", "%1: f32[n,48] = neg(%0)\n  return %1"))

    def make(wanted: Mapping[str, Any]) -> Any:
        return negated.first if "wrong" in wanted else ways.make({"tile": (6, 4)} if wanted else {})

    fake = replace(ways, make=make)
    made = Trials(fake, SIZES, runner.target())
    assert made.make({}) is not None
    assert made.make({"right": 1}) is not None
    assert made.make({"wrong": 1}) is None
    assert made.make({"right": 2}) is None  # it was made before


_LINEAR = brasa.nn.functional.linear
_PROGRAMS = {
    "turned and stretched": (lambda x, w: x @ w, lambda: (brasa.ones(9, 5).T[:5], brasa.ones(1, 7).expand(9, 7))),
    "pairs of halves": (_LINEAR, lambda: (brasa.ones(3, 40).bfloat16(), brasa.ones(4, 40).bfloat16())),
    "nothing": (lambda x, w: x @ w, lambda: (brasa.zeros(0, 3), brasa.zeros(3, 4))),
    "one direction": (brasa.nn.functional.conv1d, lambda: (brasa.ones(2, 3, 9).double(), brasa.ones(4, 3, 2).double())),
    "updated": (lambda x, w: x.add_(x @ w), lambda: (brasa.ones(6, 6), brasa.ones(6, 6))),
}


@pytest.mark.parametrize("name", _PROGRAMS)
def test_operands_of_any_layout_dtype_and_extent(
    cache: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:  # fmt: skip
    """All tiles run on them, and none is refused for its bits."""
    function, operands = _PROGRAMS[name]
    seen: list[Ways] = []
    sizes: list[dict[str, int]] = []

    def note(graph: Any, specs: Any, target: Any) -> Any:
        sizes.append(tuning.sizes_of(graph, specs))
        return Noting(seen)

    x, w = operands()
    monkeypatch.setattr(runner, "tuner_for", note)
    with brasa.no_grad():
        brasa.compile(function)(x, w)
    ways = next(each for each in seen if "tile" in each.first.options)
    made = Trials(ways, {n: dim.evaluate(size, sizes[-1]) for n, size in ways.values.items()}, runner.target())
    assert made.make({}) is not None
    tiles = ways.first.options["tile"]
    texts = {str(replace(ways.make({"tile": tile}).kernel, name="")) for tile in tiles}
    assert sum(made.make({"tile": tile}) is not None for tile in tiles) == len(texts) - 1


class Noting:
    """A tuner that only looks."""

    key = "noting"

    def __init__(self, seen: list[Ways]) -> None:
        self._seen = seen

    def __call__(self, ways: Ways) -> Mapping[str, Any]:
        self._seen.append(ways)
        return COST_MODEL


def test_nothing_is_measured_unless_asked_for(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "Trials", None)
    assert tuner_for(parse(MATMUL, OPS), (), runner.target) is None
    assert (brasa.ones(3, 4) @ brasa.ones(4, 5)).sum().item() == 60


def test_a_whole_program(
    cache: None, asked_for: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    """Compiled with the kernels chosen, of which the log, a terminal and the profile tell; results keep their bits."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def step(x: Any, w: Any) -> Any:
        return brasa.tanh(x @ w)

    def seconds(wanted: Mapping[str, Any]) -> float:
        return 1e-3 if wanted.get("tile") == (6, 4) else 2e-3

    x, w, terminal, clock = brasa.randn(40, 30), brasa.randn(30, 20), Terminal(), Clock()
    monkeypatch.setattr(tuning, "Trials", clock.trials(seconds))
    monkeypatch.setattr(tuning.sys, "stderr", terminal)
    monkeypatch.setattr(Tuner.__init__, "__defaults__", (clock,))
    with caplog.at_level(logging.INFO, "brasa"):
        found = brasa.compile(step)(x, w)
    with brasa.profile() as profile:
        brasa.compile(step)(x, w)
    assert "tuning matmul_tanh: way 2" in terminal.getvalue()
    assert "tune: matmul_tanh tile=(6, 4), 2.00 times as fast" in caplog.text
    assert "matmul_tanh tile=(6, 4)" in [event.name for event in profile.events()]
    monkeypatch.undo()
    settings.cache_clear()
    runner.forget_executables()
    assert np.array_equal(found.numpy(), brasa.compile(step)(x, w).numpy())
