"""`BRASA=check` finds what is wrong in passes, in the cut for backward and in machine code, and programs stay right."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from brasa.execution.checking import (
    CheckWarning,
    checked_code,
    code_difference,
    cut_difference,
    graph_difference,
    pass_difference,
    split_difference,
)
from brasa.execution.runner import compile_graph, kernel_difference
from brasa.ir.errors import BrasaError
from brasa.passes import split
from brasa.passes.split_complex import split_complex
from tests.passes.checks import graph

SINE = "graph f(x: f32[n]) {\n %0: f32[n] = sin(x)\n %1: f32[n] = mul(%0, x)\n return %1\n}"
PROGRAM = """
import warnings
import brasa
from brasa.passes import rules
rules.RULES = (*rules.RULES, rules.Rule("tanh is nothing.", "tanh(x)", "x"))
x = brasa.tensor([0.5, 1.0], requires_grad=True)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    value = brasa.compile(lambda x: (x.tanh() * 2).sum())(x)
    value.backward()
print(round(value.item(), 4), [round(each, 4) for each in x.grad.tolist()])
print(said[0].message)
print(len(said))
"""


def test_a_program_is_right_though_a_rule_is_wrong(tmp_path: Path) -> None:
    environment = {**os.environ, "BRASA": "check", "BRASA_CACHE": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    values, warning, count = run.stdout.splitlines()
    assert values == "2.4474 [1.5729, 0.8399]"
    assert warning.startswith("simplify (rule: tanh is nothing.) changes what compiled means, output 0 at")
    assert count == "1"
    path = warning.partition("Reproduce: python ")[2]
    reproducer = Path(path).read_text()
    assert "tanh" in reproducer
    assert len(reproducer.splitlines()) <= 10
    shown = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""  # the rule is not wrong any more


def test_wrong_machine_code_is_replaced() -> None:
    right, wrong = graph(SINE), graph(SINE.replace("sin", "cos"))
    assert code_difference(right, compile_graph(right)) == ""
    with pytest.warns(CheckWarning, match="the kernels of f do not compute what it means, output 0 at"):
        code = checked_code(right, compile_graph(wrong), lambda each, passes: compile_graph(each))
    assert code_difference(right, code) == ""


def test_what_is_left_of_terms_that_cancel_counts_as_nothing() -> None:
    """NumPy leaves -4e-32 where kernels leave 0, and sorts it otherwise."""
    sorted_noise = graph("""
        graph f(number: i64[] number) {
          %0: f32[] = cast(number, dtype=f32)
          %1: c64[] = cast(%0, dtype=c64)
          %2: c64[2,2] = expand(%1, shape=[2, 2])
          %3: c64[2,2] = fourier(%2, axes=[0])
          %4: c64[2,2] = conj(%3)
          %5: f32[2,2] = from_half_fourier(%4, axis=1, size=2)
          %6: i64[2,2] = argsort(%5, axis=1, descending=false)
          %7: f32[2,2] = gather(%5, %6, axis=1)
          %8: bool[2,2] = ne(%5, %7)
          return %8
        }""")
    assert code_difference(sorted_noise, compile_graph(sorted_noise)) == ""


def test_infinity_counts_unless_the_result_hangs_by_a_thread() -> None:
    right = graph("graph f(x: f32[n]) {\n %0: f32[n] = mul(x, x)\n return %0\n}")
    infinite = graph("""
        graph f(x: f32[n]) {
          %0: f32[n] = mul(x, x)
          %1: f32[n] = sub(%0, %0)
          %2: f32[n] = div(%0, %1)
          return %2
        }""")
    assert "became inf" in code_difference(right, compile_graph(infinite))


SYMMETRIC = """
    graph f(x: f32[17,17]) {
      %0: f32[17,17] = permute(x, axes=[1, 0])
      %1: f32[17,17] = matmul(x, %0, order="chain")
      %2: f32[289] = reshape(%1, shape=[289])
      %3: i64[289] = argsort(%2, axis=0, descending=false)
      %4: f32[289] = gather(%2, %3, axis=0)
      %5: f32[288] = slice(%4, starts=[1], sizes=[288], steps=[1])
      %6: f32[288] = slice(%4, starts=[0], sizes=[288], steps=[1])
      %7: bool[288] = ne(%5, %6)
      %8: f32[288] = sub(%5, %6)
      %9: f32[288] = remainder(%8, %8)
      return %3, %7, %9
    }"""


def test_ties_that_roundings_break_count_as_ties() -> None:
    right = graph(SYMMETRIC)
    assert code_difference(right, compile_graph(right)) == ""


@pytest.mark.parametrize(("output", "wrong"), [
    (0, ("descending=false", "descending=true")), (1, (" = ne(%5", " = lt(%5")),
    (2, ("= remainder(%8, %8)", "= remainder(%5, %6)")),
])  # fmt: skip
def test_other_orders_and_comparisons_are_seen_beside_ties(output: int, wrong: tuple[str, str]) -> None:
    right, other = graph(SYMMETRIC), graph(SYMMETRIC.replace(*wrong))
    assert f"output {output} at" in code_difference(right, compile_graph(other))


def test_code_that_is_wrong_in_every_form_is_an_error() -> None:
    right, wrong = graph(SINE), compile_graph(graph(SINE.replace("sin", "cos")))
    with pytest.raises(BrasaError, match="the machine code of f is not what it means"):
        checked_code(right, wrong, lambda each, passes: wrong)


def test_a_wrong_cut_is_seen() -> None:
    whole = graph(SINE)
    cut = split(whole, (True,))
    assert split_difference(whole, (True,), cut) == ""
    x, one, other = cut.kept
    assert "output 1" in split_difference(whole, (True,), replace(cut, kept=(x, other, one)))


def test_a_wrong_pass_of_the_users_is_left_out(tmp_path: Path) -> None:
    program = """
import warnings
import brasa
from brasa.ir.graph import Graph, rewrite
from brasa.ir.ops import OPS

def forget_the_sine(graph: Graph) -> Graph:
    return rewrite(graph, lambda node: node.operands[0] if node.op is OPS["sin"] else node)

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for f in (forget_the_sine, lambda graph: graph):
        print(brasa.compile(lambda x: x.sin(), passes=[f])(brasa.tensor([0.5]))[0].item())
print(said[0].message, len(said))
"""
    environment = {**os.environ, "BRASA": "check", "BRASA_CACHE": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    *values, warning = run.stdout.splitlines()
    assert [round(float(value), 4) for value in values] == [0.4794, 0.4794]
    assert warning.startswith("the pass forget_the_sine changes what compiled means, output 0 at")
    assert warning.endswith(" 1")
    reproducer = Path(warning.partition("Reproduce: python ")[2].removesuffix(" 1")).read_text()
    assert "PASS = ...  # put the pass here that stands at <string>:7\n" in reproducer
    assert len(reproducer.splitlines()) <= 10


def test_complex_numbers_are_checked() -> None:
    """split-complex before and after, and machine code, of graphs that take and give complex numbers."""
    text = "graph f(x: c64[n], y: c64[n]) {\n %0: c64[n] = mul(x, y)\n %1: c64[n] = exp(%0)\n return %1\n}"
    right, wrong = graph(text), graph(text.replace("exp", "tanh"))
    assert pass_difference("split-complex", text) == ""
    assert "output 0 at" in graph_difference(lambda _: split_complex(wrong), text, exact=False)
    assert code_difference(right, compile_graph(right)) == ""
    assert "output 0 at" in code_difference(right, compile_graph(wrong))
    turned = graph("graph f(x: c128[n,m] strides(1,s)) {\n %0: c128[n,m] = mul(x, x)\n return %0\n}")
    assert code_difference(turned, compile_graph(turned)) == ""


def test_reproducers_have_ten_lines() -> None:
    assert kernel_difference(SINE) == ""
    assert cut_difference((True,), SINE) == ""
