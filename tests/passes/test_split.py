"""A graph and its gradients cut in two: little is kept, and the bits are those of the whole."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from brasa.ir.graph import Graph
from brasa.ir.sizes import graph_symbols
from brasa.ir.verify import verify
from brasa.passes import Kept, Split, autodiff, split, split_for_some, vjp_graph
from tests.fuzz.graphs import random_function
from tests.passes.checks import evaluate, graph, plain, random_arrays, same_bits

SOFTMAX = """
    graph softmax(x: f32[n,k]) {
      %0: f32[n] = max(x, axes=[1])
      %1: f32[n,1] = reshape(%0, shape=[n,1])
      %2: f32[n,k] = expand(%1, shape=[n,k])
      %3: f32[n,k] = sub(x, %2)
      %4: f32[n,k] = exp(%3)
      %5: f32[n] = sum(%4, axes=[1])
      %6: f32[n,1] = reshape(%5, shape=[n,1])
      %7: f32[n,1] = constant(value=1.0)
      %8: f32[n,1] = div(%7, %6)
      %9: f32[n,k] = expand(%8, shape=[n,k])
      %10: f32[n,k] = mul(%4, %9)
      return %10
    }"""
SILU = """
    graph silu(x: f32[n]) {
      %0: f32[n] = neg(x)
      %1: f32[n] = exp(%0)
      %2: f32[n] = constant(value=1.0)
      %3: f32[n] = add(%1, %2)
      %4: f32[n] = div(x, %3)
      return %4
    }"""
DROPOUT = """
    graph dropout(x: f32[n], seed: i64[], call: i64[]) {
      %0: u32[n] = random_bits(seed, call, word=0, draw=0)
      %1: u32[n] = constant(value=2000000000)
      %2: bool[n] = lt(%0, %1)
      %3: f32[n] = constant(value=0.0)
      %4: f32[n] = constant(value=2.0)
      %5: f32[n] = mul(x, %4)
      %6: f32[n] = select(%2, %5, %3)
      return %6
    }"""
LINEAR = """
    graph linear(x: f32[n,8], w: f32[4,8], b: f32[4]) {
      %0: f32[8,4] = permute(w, axes=[1,0])
      %1: f32[n,4] = matmul(x, %0, order="dot")
      %2: f32[n,4] = expand(b, shape=[n,4])
      %3: f32[n,4] = add(%1, %2)
      %4: f32[n,4] = tanh(%3)
      return %4
    }"""
SUM = "graph sum(x: f32[n,k]) {\n %0: f32[] = sum(x, axes=[0,1])\n return %0\n}"
RELU = """
    graph relu(x: f32[n]) {
      %0: f32[n] = constant(value=0.0)
      %1: bool[n] = gt(x, %0)
      %2: f32[n] = select(%1, x, %0)
      return %2
    }"""
CALLS = (
    SILU
    + """
    graph twice(x: f32[m], y: f32[m]) {
      %0: f32[m] = call(x, graph=@silu)
      %1: f32[m] = call(%0, graph=@silu)
      %2: f32[m] = mul(%1, y)
      return %2
    }"""
)


def assert_whole(whole: Graph, wanted: tuple[bool, ...], cut: Split, seed: int) -> None:
    """Forward and backward together give what the graph and its vjp graph give, to the bit."""
    verify(cut.forward)
    verify(cut.backward)
    sizes = {name: 3 + i for i, name in enumerate(graph_symbols(whole))}
    back = vjp_graph(whole, wanted)
    arrays = random_arrays(back, sizes, seed)
    inputs, seeds = arrays[: len(whole.inputs)], arrays[len(whole.inputs) :]
    results = evaluate(cut.forward, inputs)
    count = len(whole.outputs)
    for left, right in zip(results[:count], evaluate(autodiff(whole), inputs), strict=True):
        assert same_bits(left, right)
    pools = {"input": inputs, "output": results[:count], "extra": results[count:]}
    kept = [pools[each.role][each.index] for each in cut.kept]
    for left, right in zip(evaluate(cut.backward, [*kept, *seeds]), evaluate(back, arrays), strict=True):
        assert same_bits(left, right)


@pytest.mark.parametrize(("text", "wanted", "kept"), [
    (SILU, (True,), [Kept("output", 0), Kept("extra", 0)]),
    (LINEAR, (True, True, True), [Kept("input", 0), Kept("input", 1), Kept("output", 0)]),
    (LINEAR, (False, False, True), [Kept("output", 0)]),
    (LINEAR, (True, False, False), [Kept("input", 1), Kept("output", 0)]),
    (DROPOUT, (True, False, False), [Kept("input", 1), Kept("input", 2)]),
    (RELU, (True,), [Kept("input", 0)]),
    (SUM, (True,), [Kept("input", 0)]),
])  # fmt: skip
def test_what_is_kept(text: str, wanted: tuple[bool, ...], kept: list[Kept]) -> None:
    whole = graph(text)
    cut = split(whole, wanted)
    assert list(cut.kept) == kept, f"{cut.forward}\n{cut.backward}"
    assert_whole(whole, wanted, cut, seed=0)


def test_of_softmax_the_exponential_is_the_one_large_value_that_is_kept() -> None:
    whole = graph(SOFTMAX)
    cut = split(whole, (True,))
    extras = [cut.forward.outputs[1 + each.index] for each in cut.kept if each.role == "extra"]
    assert [node.op.name for node in extras if node.tensor.rank == 2 and node.tensor.shape[1] != 1] == ["exp"]
    assert_whole(whole, (True,), cut, seed=0)


CROSSED = """
    graph crossed(x: f32[n,8], y: f32[n,8], a: f32[n,8], b: f32[n,8], c: f32[8,n]) {
      %0: f32[n,8] = exp(x)
      %1: f32[n,8] = tanh(y)
      %2: f32[n,8] = add(%0, %1)
      %3: f32[n,8] = sub(%0, %1)
      %4: f32[8,n] = permute(%0, axes=[1,0])
      %5: f32[n,8] = mul(%2, a)
      %6: f32[n,8] = mul(%3, b)
      %7: f32[8,n] = mul(%4, c)
      return %5, %6, %7
    }"""


@pytest.mark.parametrize(("wanted", "extras"), [
    ("abc", ["exp", "tanh"]),  # two values instead of the three that are read, and no copy for the view
    ("ab", ["add", "sub"]),  # as small as the two below, and nothing is computed again
    ("a", ["add"]),
    ("c", ["exp"]),
])  # fmt: skip
def test_the_fewest_bytes_are_kept(wanted: str, extras: list[str]) -> None:
    whole, of = graph(CROSSED), tuple(name in wanted for name in "xyabc")
    cut = split(whole, of)
    assert sorted(node.op.name for node in cut.forward.outputs[3:]) == extras
    assert_whole(whole, of, cut, 0)


def test_calls_are_taken_apart() -> None:
    whole = graph(CALLS)
    cut = split(whole, (True, True))
    assert not {"call", "item"} & {node.op.name for node in (*cut.forward.nodes, *cut.backward.nodes)}
    assert_whole(whole, (True, True), cut, seed=0)


def test_a_size_that_only_the_input_tells_keeps_the_input() -> None:
    cut = split(graph(SUM), (True,))
    assert plain(cut.backward) == plain(
        graph("""
        graph sum_backward(x: f32[n,k], g0: f32[]) {
          %0: f32[n,k] = expand(g0, shape=[n,k])
          return %0
        }""")
    )


def test_sizes_that_only_occur_in_products_keep_the_input_that_tells_them() -> None:
    cut = split(
        graph("""
        graph read(x: f32[m], i: i64[n,k]) {
          %0: i64[n*k] = reshape(i, shape=[n*k])
          %1: i64[n*k] = index(%0, bound=m)
          %2: f32[n*k] = gather(x, %1, axis=0)
          return %2
        }"""),
        (True, False),
    )
    assert [str(node.tensor) for node in cut.backward.inputs] == ["i64[k*n]", "f32[m]", "i64[n,k]", "f32[k*n]"]


def test_strided_inputs_stay_strided() -> None:
    cut = split(
        graph("""
        graph square(x: f32[n] strides(s)) {
          %0: f32[n] = mul(x, x)
          return %0
        }"""),
        (True,),
    )
    assert [node.attrs.get("strides", ()) for node in cut.backward.inputs] == [("s",), ()]


def test_a_value_that_is_also_an_output_is_kept_as_such() -> None:
    cut = split(graph("graph g(x: f32[n]) {\n %0: f32[n] = exp(x)\n %1: f32[n] = neg(%0)\n return %1, %0\n}"), (True,))
    assert cut.kept == (Kept("output", 1),)
    assert len(cut.forward.outputs) == 2


def test_views_have_gradients_but_are_not_computed() -> None:
    text = "graph g(x: f32[n,m]) {\n %0: f32[m,n] = permute(x, axes=[1,0])\n %1: f32[n,m] = exp(x)\n return %1, %0\n}"
    cut = split(graph(text), (True,), views=1)
    assert [node.op.name for node in cut.forward.nodes] == ["exp"]
    assert cut.kept == (Kept("output", 0),)
    made, g, turned = np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32), np.arange(6.0, dtype=np.float32)
    (found,) = evaluate(cut.backward, [made, g, turned.reshape(3, 2)])
    assert found.tolist() == (g + turned.reshape(3, 2).T).tolist()
    back, kept, reached = split_for_some(graph(text), (True,), (False, True), (), cut, views=1)
    assert (kept, reached) == ((), (True,))
    assert [node.op.name for node in back.nodes] == ["permute"]


@pytest.mark.parametrize("seed", range(60))
def test_random_functions(seed: int) -> None:
    whole = random_function(Random(seed), 14)
    wanted = tuple(bool(seed >> i & 1) or i == 0 for i in range(len(whole.inputs)))
    assert_whole(whole, wanted, split(whole, wanted), seed)
