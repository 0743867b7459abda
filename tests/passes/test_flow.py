"""What fusion looks at: values that are computed once, and reads through views."""

from __future__ import annotations

import pytest

from brasa.passes.flow import Flow, restores, seen_through
from tests.passes.checks import graph


def computed(text: str) -> list[str]:
    return [node.op.name for node in Flow(graph(text)).computed]


def test_views_sources_and_light_work_are_not_computed() -> None:
    assert computed("""
        graph g(x: f32[n,m], h: bf16[n,m], rate: f32[]) {
          %0: f32[m,n] = permute(x, axes=[1,0])
          %1: f32[n,m] = cast(h, dtype=f32)
          %2: f32[] = sqrt(rate)
          %3: f32[] = exp(%2)
          %4: f32[m,n] = neg(%0)
          %5: f32[m,n] = constant(value=1.0)
          %6: f32[m,n] = add(%4, %5)
          return %1, %3, %6
        }""") == ["exp", "neg", "add"]  # fmt: skip


def test_a_product_needs_its_operands_in_memory() -> None:
    assert computed("""
        graph g(x: f32[n,4], rate: f32[]) {
          %0: f32[4,4] = constant(value=1.0)
          %1: f32[] = neg(rate)
          %2: f32[4,4] = expand(%1, shape=[4,4])
          %3: f32[n,4] = matmul(x, %0, order="chain")
          %4: f32[n,4] = matmul(%3, %2, order="chain")
          return %4
        }""") == ["constant", "neg", "matmul", "matmul"]  # fmt: skip


def test_a_product_casts_as_it_reads_unless_memory_then_holds_less() -> None:
    text = """
        graph g(x: f32[n,4], h: bf16[4,4]) {
          %0: f32[4,4] = cast(h, dtype=f32)
          %1: f32[n,4] = matmul(x, %0, order="chain")
          %2: bf16[n,4] = cast(x, dtype=bf16)
          %3: bf16[n,4] = matmul(%2, h, order="chain")
          return %1, %3
        }"""
    assert computed(text) == ["matmul", "cast", "matmul"]


@pytest.mark.parametrize(("views", "kept", "domain", "answer"), [
    ("%1: f32[n,1] = reshape(%0, shape=[n,1])\n %2: f32[n,k] = expand(%1, shape=[n,k])", (0,), "n,k", True),
    ("%1: f32[k,n] = expand(%0, shape=[k,n])\n %2: f32[n,k] = permute(%1, axes=[1,0])", (0,), "n,k", True),
    ("%1: f32[k,n] = expand(%0, shape=[k,n])\n %2: f32[k,n] = stop_gradient(%1)", (1,), "k,n", False),
    ("%1: f32[k,n] = expand(%0, shape=[k,n])\n %2: f32[k,n] = permute(%1, axes=[0,1])", (1,), "k,n", True),
    ("%1: f32[n,1] = reshape(%0, shape=[n,1])\n %2: f32[n,n] = expand(%1, shape=[n,n])", (0,), "n,n", True),
    ("%1: f32[n,1] = reshape(%0, shape=[n,1])\n %2: f32[n,n] = expand(%1, shape=[n,n])", (1,), "n,n", False),
    ("%1: f32[1,n,1] = reshape(%0, shape=[1,n,1])\n %2: f32[k,n,4] = expand(%1, shape=[k,n,4])", (1,), "k,n,4", True),
    ("%1: f32[n,1] = reshape(%0, shape=[n,1])\n %2: f32[n,4] = expand(%1, shape=[n,4])", (0,), "n,k", False),
])  # fmt: skip
def test_restoring_reduced_axes(views: str, kept: tuple[int, ...], domain: str, answer: bool) -> None:
    whole = graph(f"""
        graph g(x: f32[n], like: f32[{domain}], size: f32[k]) {{
          %0: f32[n] = neg(x)
          {views}
          return %2
        }}""")
    base, steps = seen_through(whole.outputs[0])
    assert base is whole.nodes[0]
    assert restores(steps, base.tensor.shape, kept, whole.inputs[1].tensor.shape) is answer
