"""Constants are computed at compile time, exactly or by the product's own kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from brasa.ir.graph import Graph
from brasa.passes import fold_constants
from tests.passes.checks import assert_pass, assert_same_meaning, evaluate, graph, plain


def folded(line: str, execute: Any = None, operands: Sequence[str] = ()) -> Any:
    """The value of the constant that the last of these lines becomes; None when it stays."""
    lines = [*operands, line]
    body = "\n".join(f"%{i}: {each}" for i, each in enumerate(lines))
    after = fold_constants(graph(f"graph g() {{\n{body}\n return %{len(lines) - 1}\n}}"), execute)
    return after.outputs[0].attrs["value"] if after.outputs[0].op.name == "constant" else None


def test_repeated_axes_of_size_one_fold() -> None:
    operand = "f32[1,2] = constant(value=[1.0, 2.0])"
    assert folded("f32[1,2] = expand(%0, shape=[1,2], unknown=[0])", operands=[operand]) == ((1.0, 2.0),)


def test_constants_fold_through_several_ops_at_any_size() -> None:
    assert_pass(fold_constants, """
        graph g(x: f32[n,m]) {
          %0: f32[n,m] = constant(value=2.0)
          %1: f32[n,m] = sqrt(%0)
          %2: f32[n,m] = div(%1, %0)
          %3: bool[n,m] = lt(%2, %1)
          %4: f32[n,m] = select(%3, %1, %2)
          %5: f32[n,m] = mul(x, %4)
          return %5
        }""", f"""
        graph g(x: f32[n,m]) {{
          %0: f32[n,m] = constant(value=2.0)
          %1: f32[n,m] = constant(value={float(np.sqrt(np.float32(2)))})
          %2: f32[n,m] = constant(value={float(np.sqrt(np.float32(2)) / np.float32(2))})
          %3: bool[n,m] = constant(value=true)
          %4: f32[n,m] = constant(value={float(np.sqrt(np.float32(2)))})
          %5: f32[n,m] = mul(x, %4)
          return %5
        }}""")  # fmt: skip


def test_small_constants_fold_element_by_element() -> None:
    before = graph("""
        graph g(x: f32[2,2]) {
          %0: f32[2,2] = constant(value=[[1.0, -0.0], [inf, 3.0]])
          %1: f32[2,2] = permute(%0, axes=[1,0])
          %2: f32[2,2] = add(%0, %1)
          %3: f32[1,2] = slice(%2, starts=[1,0], sizes=[1,2], steps=[1,1])
          %4: f32[2,2] = expand(%3, shape=[2,2])
          return %4
        }""")
    after = fold_constants(before)
    assert all(node.op.name == "constant" for node in after.nodes)
    assert after.outputs[0].attrs["value"] == ((float("inf"), 6.0), (float("inf"), 6.0))
    assert_same_meaning(before, after)


def test_large_constants_that_differ_stay() -> None:
    values = [float(i) for i in range(100)]
    lines = f"%0: f32[100] = constant(value={values})\n %1: f32[100] = neg(%0)"
    before = graph(f"graph g() {{\n {lines}\n return %1\n}}")
    assert plain(fold_constants(before)) == plain(before)


@pytest.mark.parametrize(("operands", "line", "value"), [
    (["f32[] = constant(value=300.0)"], "u8[] = cast(%0, dtype=u8)", None),
    (["f32[] = constant(value=nan)"], "i64[] = cast(%0, dtype=i64)", None),
    (["f32[] = constant(value=-2.5)"], "i64[] = cast(%0, dtype=i64)", -2),
    (["f64[] = constant(value=0.1)"], "f32[] = cast(%0, dtype=f32)", float(np.float32(0.1))),
    (["f32[] = constant(value=0.0)", "f32[] = constant(value=-0.0)"], "f32[] = maximum(%0, %1)", None),
    (["f32[] = constant(value=2.0)", "f32[] = constant(value=-3.0)"], "f32[] = maximum(%0, %1)", 2.0),
    (["i8[] = constant(value=127)", "i8[] = constant(value=1)"], "i8[] = add(%0, %1)", -128),
    (["f32[] = constant(value=1.0)"], "f32[] = exp(%0)", None),
    (["f32[2] = constant(value=[1.0, 2.0])"], "f32[] = sum(%0, axes=[0])", None),
    (["f32[] = constant(value=0.0)"], "f32[] = sign(%0)", None),
    (["bf16[] = constant(value=1.0)", "bf16[] = constant(value=0.001953125)"], "bf16[] = add(%0, %1)", 1.0),
])  # fmt: skip
def test_only_what_is_exact_folds_without_kernels(operands: list[str], line: str, value: Any) -> None:
    assert folded(line, None, operands) == value


def test_kernels_compute_the_rest() -> None:
    seen: list[str] = []

    def execute(held: Graph, arrays: Sequence[Any]) -> Sequence[Any]:
        seen.append(plain(held))
        return evaluate(held, arrays)

    value = folded("f32[n,m] = exp(%0)", execute, ["f32[n,m] = constant(value=1.0)"])
    assert value == float(np.exp(np.float32(1)))
    assert seen == ["graph exp(x0: f32[]) {\n  %0: f32[] = exp(x0)\n  return %0\n}"]
    assert folded("f32[] = sum(%0, axes=[0])", execute, ["f32[2] = constant(value=[1.0, 2.0])"]) == 3.0


def test_an_index_out_of_bounds_is_left_for_when_the_program_runs() -> None:
    operands = ["f32[2] = constant(value=[1.0, 2.0])", "i64[1] = constant(value=5)"]
    assert folded("f32[1] = gather(%0, %1, axis=0)", evaluate, operands) is None
