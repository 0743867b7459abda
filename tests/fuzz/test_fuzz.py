"""The fuzzer on fixed seeds: programs of Python, and graphs of ops. `make fuzz` runs many more of both."""

from __future__ import annotations

import pytest

from tests.fuzz.growing import grow_program
from tests.fuzz.judging import Judge
from tests.fuzz.judging_graphs import TWO_VARIANTS, judge_machine_code, judge_nesting, judge_passes


@pytest.mark.parametrize("first", range(0, 16, 8))
def test_programs_have_one_answer(first: int) -> None:
    judge = Judge()
    for seed in range(first, first + 8):
        program = grow_program(seed)
        difference = judge.judge(program)
        assert difference is None, f"seed {seed}: {difference}\n{program.test()}"


@pytest.mark.parametrize("seed", range(200))
def test_passes_keep_meaning(seed: int) -> None:
    judge_passes(seed)


@pytest.mark.parametrize("seed", range(12))
def test_fusion_keeps_bits(seed: int) -> None:
    judge_machine_code(seed, TWO_VARIANTS)


@pytest.mark.parametrize("seed", range(6))
def test_loops_and_branches(seed: int) -> None:
    judge_nesting(seed)
