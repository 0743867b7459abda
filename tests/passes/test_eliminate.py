"""Equal applications are computed once, and what nobody needs not at all."""

from __future__ import annotations

from brasa.passes import eliminate_common, eliminate_dead
from brasa.passes.eliminate_common import attr_key
from tests.passes.checks import assert_pass, graph


def test_equal_applications_become_one() -> None:
    assert_pass(eliminate_common, """
        graph g(x: f32[n,2], y: f32[n,2]) {
          %0: f32[n,2] = add(x, y)
          %1: f32[n,2] = exp(%0)
          %2: f32[n,2] = add(x, y)
          %3: f32[n,2] = exp(%2)
          %4: f32[n,2] = add(y, x)
          %5: f32[n] = sum(%3, axes=[1])
          %6: f32[2] = sum(%1, axes=[0])
          return %3, %4, %5, %6
        }""", """
        graph g(x: f32[n,2], y: f32[n,2]) {
          %0: f32[n,2] = add(x, y)
          %1: f32[n,2] = exp(%0)
          %2: f32[n,2] = add(y, x)
          %3: f32[n] = sum(%1, axes=[1])
          %4: f32[2] = sum(%1, axes=[0])
          return %1, %2, %3, %4
        }""")  # fmt: skip


def test_constants_that_only_compare_equal_stay_apart() -> None:
    before = graph("""
        graph g() {
          %0: f32[] = constant(value=0.0)
          %1: f32[] = constant(value=-0.0)
          %2: f32[] = constant(value=0)
          %3: i64[] = constant(value=0)
          %4: f32[] = constant(value=nan)
          %5: f32[] = constant(value=nan)
          %6: f32[2] = constant(value=[0.0, 1.0])
          %7: f32[2] = constant(value=[-0.0, 1.0])
          return %0, %1, %2, %3, %4, %5, %6, %7
        }""")
    after = eliminate_common(before)
    assert [node.attrs["value"] for node in after.nodes][:4] == [0.0, -0.0, 0, 0]
    assert len(after.nodes) == 7
    assert after.outputs[4] is after.outputs[5]


def test_attribute_keys() -> None:
    values = [0.0, -0.0, 0, False, (0.0,), (0,), float("nan"), None, "0"]
    assert len({attr_key(value) for value in values}) == len(values)
    assert attr_key(float("nan")) == attr_key(float("nan"))


def test_dead_nodes_go_and_the_order_of_others_stays() -> None:
    assert_pass(eliminate_dead, """
        graph g(x: f32[n], y: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = neg(y)
          %2: f32[n] = neg(%0)
          %3: f32[n] = add(%1, x)
          return %3, x
        }""", """
        graph g(x: f32[n], y: f32[n]) {
          %0: f32[n] = neg(y)
          %1: f32[n] = add(%0, x)
          return %1, x
        }""")  # fmt: skip


def test_nothing_dead_nothing_done() -> None:
    whole = graph("graph g(x: f32[n]) {\n %0: f32[n] = neg(x)\n return %0 into x\n}")
    assert eliminate_dead(whole) is whole
    assert eliminate_common(whole).updates == ((0, 0),)
