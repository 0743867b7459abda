"""Patterns are read, matched and built, and rules apply until none does."""

from __future__ import annotations

import pytest

from brasa.ir.errors import ParseError
from brasa.passes.patterns import Apply, Name, Number, match, read_patterns
from brasa.passes.simplify import simplify
from tests.passes.checks import assert_pass, graph


def test_rules_apply_until_none_does() -> None:
    assert_pass(simplify, """
        graph g(x: f32[n,4], c: bool[n,4]) {
          %0: f32[n,4] = neg(x)
          %1: f32[4,n] = permute(%0, axes=[1,0])
          %2: f32[n,4] = permute(%1, axes=[1,0])
          %3: f32[n,4] = neg(%2)
          %4: f32[] = constant(value=1.0)
          %5: f32[n,4] = expand(%4, shape=[n,4])
          %6: f32[n,4] = mul(%3, %5)
          %7: bool[n,4] = not(c)
          %8: bool[n,4] = not(%7)
          %9: f32[n,4] = select(%8, %6, x)
          return %9
        }""", """
        graph g(x: f32[n,4], c: bool[n,4]) {
          %0: f32[n,4] = neg(x)
          %1: f32[4,n] = permute(%0, axes=[1,0])
          %2: f32[] = constant(value=1.0)
          %3: f32[n,4] = constant(value=1.0)
          %4: bool[n,4] = not(c)
          return x
        }""")  # fmt: skip


def test_replacements_take_the_place_of_what_they_replace() -> None:
    after = simplify(
        graph("""
        graph g(x: f32[n], y: f32[n]) {
          %0: f32[n] = neg(y) # a.py:1
          %1: f32[n] = add(x, %0) # a.py:2
          return %1
        }""")
    )
    assert [(node.op.name, node.where) for node in after.nodes] == [("neg", "a.py:1"), ("sub", "a.py:2")]


def test_updates_are_kept() -> None:
    after = simplify(graph("graph g(x: f32[n]) {\n %0: f32[n] = neg(x)\n %1: f32[n] = neg(%0)\n return %1 into x\n}"))
    assert after.updates == ((0, 0),)
    assert after.outputs == after.inputs


def test_patterns_read() -> None:
    first, second = read_patterns("mul(x, -0.0) | select(true, reshape(x, shape=s), y)")
    assert first == Apply("mul", (Name("x"), Number(-0.0)), ())
    assert second == Apply("select", (Number(True), Apply("reshape", (Name("x"),), (("shape", "s"),)), Name("y")), ())


@pytest.mark.parametrize("text", ["mul(x, ?)", "mul(x) y", "nothing(x)"])
def test_text_that_is_no_pattern(text: str) -> None:
    with pytest.raises(ParseError):
        read_patterns(text)


@pytest.mark.parametrize(("pattern", "value", "matches"), [
    ("0", "0.0", True), ("0", "-0.0", False), ("-0.0", "-0.0", True), ("-0.0", "0.0", False), ("1", "1.0", True),
    ("true", "1.0", False), ("1", "[1.0, 1.0]", False), ("1", "nan", False),
])  # fmt: skip
def test_numbers_match_exact_constants(pattern: str, value: str, matches: bool) -> None:
    (node,) = graph(f"graph g() {{\n %0: f32[2] = constant(value={value})\n return %0\n}}").nodes
    assert match(read_patterns(pattern)[0], node, {}) is matches


def test_a_repeated_name_is_one_value() -> None:
    one, two = graph("""
        graph g(x: f32[n], y: f32[n]) {
          %0: f32[n] = maximum(x, x)
          %1: f32[n] = maximum(x, y)
          return %0, %1
        }""").nodes
    (same,) = read_patterns("maximum(x, x)")
    assert match(same, one, {})
    assert not match(same, two, {})


def test_a_truth_value_among_integers_is_a_number() -> None:
    before = "graph f(x: i32[n]) { %0: i32[n] = constant(value=true) %1: i32[n] = or(x, %0) return %1 }"
    assert_pass(simplify, before, before)
