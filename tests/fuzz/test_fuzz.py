"""The fuzzer on fixed seeds: programs of Python, and graphs of ops. `make fuzz` runs many more of both."""

from __future__ import annotations

from typing import Any

import pytest

from brasa.execution.tape import GradientPlan
from brasa.ir.graph import Graph
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.passes import run
from tests.fuzz import shadows
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
