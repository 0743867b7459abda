"""The fuzzer on fixed seeds: programs of Python, and graphs of ops. `make fuzz` runs many more of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brasa.execution.tape import GradientPlan
from brasa.ir.graph import Graph
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.passes import run
from tests.fuzz import judging, shadows
from tests.fuzz.judging import Judge
from tests.fuzz.judging_graphs import TWO_VARIANTS, judge_machine_code, judge_nesting, judge_passes
from tests.fuzz.program import Input, Program
from tests.fuzz.variants import UNFUSED, WHOLE


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.mark.parametrize("first", range(0, 16, 4))
def test_programs_have_one_answer(judge: Judge, first: int) -> None:
    for seed in range(first, first + 4):
        program = judge.grow(seed)
        difference = judge.judge(program)
        assert difference is None, f"seed {seed}: {difference}\n{program.test()}"


@pytest.mark.parametrize("seed", range(266))
def test_passes_keep_meaning(seed: int) -> None:
    judge_passes(seed)


@pytest.mark.parametrize("seed", range(12))
def test_fusion_keeps_bits(seed: int) -> None:
    judge_machine_code(seed, TWO_VARIANTS)


@pytest.mark.parametrize("seed", range(6))
def test_loops_and_branches(seed: int) -> None:
    judge_nesting(seed)


@pytest.mark.parametrize("statement", ["v1 = x0.sin()", "v1 = x0.sin_()"])
def test_a_variant_that_computes_something_else_is_found(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    def wrong(graph: Graph) -> dict[str, Graph]:
        return {WHOLE: run(graph), UNFUSED: run(parse(str(graph).replace(" sin(", " cos("), OPS))}

    monkeypatch.setattr(shadows, "variants_of", wrong)
    program = Program((Input("x0", ("n",), "float32"),), (), (statement,), ("v1",), ({"n": 3},))
    difference = Judge().judge(program)
    assert difference is not None
    assert difference.way == "unfused"


def test_a_gradient_of_results_that_is_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = GradientPlan.run

    def wrong(self: GradientPlan, values: list[Any]) -> list[Any]:
        found = usual(self, values)
        return [None if each is None else each * 2 for each in found] if self.graph.name == "compiled" else found

    monkeypatch.setattr(GradientPlan, "run", wrong)
    program = Program((Input("x0", ("n",), "float32", True),), (), ("v1 = x0.sin()",), ("v1",), ({"n": 3},))
    difference = Judge().judge(program)
    assert difference is not None
    assert "gradients of its results" in difference.fact


SECOND = "v2, = brasa.autograd.grad(total(v1), (x0,), create_graph=True)"
LOOK = "v1 = v1 + round(v1.sum().item(), 2)"


@pytest.mark.parametrize(("body", "is_found"), [
    (("v1 = x0.sin()", LOOK, SECOND), True),
    (("v1 = x0.sin()", LOOK, SECOND, "v3, = brasa.autograd.grad(total(v2), (x0,))"), False),
    (("v1 = x0.sin()", SECOND, "v3, = brasa.autograd.grad(total(v2), (x0,))"), True),
])  # fmt: skip
def test_values_are_rounded_otherwise_behind_gradients_of_gradients_across_a_cut_alone(
    monkeypatch: pytest.MonkeyPatch, body: tuple[str, ...], is_found: bool
) -> None:
    usual = judging._snapshot
    seen = iter(range(1_000))

    def rounded(value: Any) -> Any:  # each time otherwise
        found = usual(value)
        return found and (found[0] * np.float32(1 + next(seen) * 1e-6), False)

    monkeypatch.setattr(judging, "_snapshot", rounded)
    program = Program((Input("x0", ("n",), "float32", True),), (), body, (), ({"n": 3},))
    assert (Judge().judge(program) is not None) == is_found
