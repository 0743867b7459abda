"""The pass batch: every op for many samples at once is the op for one sample after the other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from brasa.ir.dim import symbol
from brasa.ir.errors import ShapeError
from brasa.ir.graph import Graph, Op
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS, special
from brasa.ir.verify import verify
from brasa.passes import LoopWarning, batch
from tests.passes.checks import assert_pass, graph
from tests.samples import SAMPLES, Sample

COUNT = 3


def batched(graph: Graph, which: Sequence[bool], **options: Any) -> tuple[Graph, tuple[bool, ...]]:
    """The graph for COUNT samples; loops are allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LoopWarning)
        made, found = batch(graph, which, COUNT, **options)
    return verify(made), found


def assert_samples(graph: Graph, which: Sequence[bool], runs: Sequence[Sequence[Any]]) -> None:
    """The batched graph gives what the graph gives for each sample. runs: arrays for each."""
    arrays = [np.stack(each) if has else each[0] for each, has in zip(zip(*runs, strict=True), which, strict=True)]
    wanted = [
        interpret(graph, [a[i] if has else a for a, has in zip(arrays, which, strict=True)]) for i in range(COUNT)
    ]
    made, found = batched(graph, which)
    for number, (result, has) in enumerate(zip(interpret(made, arrays), found, strict=True)):
        for i in range(COUNT):
            got, want = (np.asarray(each) for each in (result[i] if has else result, wanted[i][number]))
            assert got.shape == want.shape and got.dtype == want.dtype
            if got.dtype.kind in "iub":
                assert np.array_equal(got, want), f"result {number} of sample {i}"
            else:
                wide = np.complex128 if got.dtype.kind == "c" else np.float64
                bound = 1e-5 if got.dtype.itemsize > 2 else 1e-2
                np.testing.assert_allclose(got.astype(wide), want.astype(wide), rtol=bound, atol=bound)


def choices(count: int) -> list[list[bool]]:
    """Which inputs have an axis of samples: all, only the first, only the last."""
    return [[True] * count, [i == 0 for i in range(count)], [i == count - 1 for i in range(count)]]


def assert_sample(sample: Sample, several: bool) -> None:
    runs = [sample.arrays(seed) for seed in range(COUNT)]
    for which in choices(len(runs[0]))[: None if several else 1]:
        if any(which):
            assert_samples(sample.taken_apart, which, runs)


NAMES = [name for name in SAMPLES if name not in ("fused", "gradient")]  # made later, and gone before
SLOW = {op.name for op in vars(special).values() if isinstance(op, Op)}  # to evaluate; elementwise like others


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SLOW])
def test_an_op_for_many_samples(name: str) -> None:
    assert_sample(SAMPLES[name][0], several=True)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_an_op_for_many_samples_in_all_its_forms(name: str) -> None:
    for sample in SAMPLES[name]:
        if name != "matrix_exp" and "0" not in str(sample.sizes):
            assert_sample(sample, several=True)


def test_what_is_the_same_for_all_is_computed_once() -> None:
    assert_pass(lambda each: batch(each, (True, False), symbol("s"))[0], """
        graph f(x: f32[n], w: f32[n]) {
          %0: f32[n] = exp(w)
          %1: f32[n] = mul(x, %0)
          %2: f32[] = sum(%1, axes=[0])
          return %2, %0
        }""", """
        graph f(x: f32[s,n], w: f32[n]) {
          %0: f32[n] = exp(w)
          %1: f32[s,n] = expand(%0, shape=[s, n])
          %2: f32[s,n] = mul(x, %1)
          %3: f32[s] = sum(%2, axes=[1])
          return %3, %0
        }""")  # fmt: skip


@pytest.mark.parametrize(("which", "product"), [((True, False), "f32[n*s,m] = matmul(%0, w"),
                                                ((False, True), "f32[n,m*s] = matmul(x, %1"),
                                                ((True, True), "f32[s,n,m] = matmul(x, w")])  # fmt: skip
def test_matrices_that_all_share_take_part_in_one_product(which: tuple[bool, bool], product: str) -> None:
    before = graph("""
        graph f(x: f32[n,k], w: f32[k,m]) {
          %0: f32[n,m] = matmul(x, w, order="chain")
          return %0
        }""")
    assert product in str(verify(batch(before, which, symbol("s"))[0]))


DRAWN = """
    graph f(x: f32[n], seed: i64[], call: i64[]) {
      %0: u32[n] = random_bits(seed, call, word=0, draw=0)
      %1: f32[n] = cast(%0, dtype=f32)
      %2: f32[n] = add(x, %1)
      return %2, %1
    }"""


def test_random_numbers_are_the_same_for_all_samples_or_different_ones() -> None:
    before = graph(DRAWN)
    x = np.zeros((COUNT, 4), np.float32)
    for different in (False, True):
        made, found = batched(before, (True, False, False), different=different)
        assert found == (True, different)
        rows = interpret(made, [x, np.int64(5), np.int64(0)])[0]
        assert len({row.tobytes() for row in rows}) == (COUNT if different else 1)


COUNTING = """
graph step(go: bool[], x: f64[k], rate: f64[]) {
  %0: f64[k] = expand(rate, shape=[k])
  %1: f64[k] = mul(x, %0)
  %2: f64[] = sum(%1, axes=[0])
  %3: f64[] = constant(value=8.0)
  %4: bool[] = lt(%2, %3)
  return %4, %1
}
graph grow(x: f64[n], rate: f64[]) {
  %0: bool[] = constant(value=true)
  %1: f64[n] = while(%0, x, rate, graph=@step, carries=2)
  return %1
}
"""


@pytest.mark.parametrize("which", choices(2))
def test_samples_that_are_done_wait_for_the_others(which: list[bool]) -> None:
    runs = [(np.full(2, 0.5 + i), np.float64(1.5 + i)) for i in range(COUNT)]
    assert_samples(graph(COUNTING), which, runs)


CHOOSING = """
graph up(x: f64[k], w: f64[k]) {
  %0: f64[k] = mul(x, w)
  return %0, w
}
graph down(x: f64[k], w: f64[k]) {
  %0: f64[k] = sub(x, w)
  return %0, w
}
graph choose(c: bool[], x: f64[n], w: f64[n]) {
  %0: (f64[n], f64[n]) = cond(c, x, w, then=@up, otherwise=@down)
  %1: f64[n] = item(%0, index=0)
  %2: f64[n] = item(%0, index=1)
  return %1, %2
}
"""


@pytest.mark.parametrize("which", [(True, False, False), (False, True, False), (True, True, True)])
def test_samples_choose_between_branches(which: tuple[bool, ...]) -> None:
    rng = np.random.default_rng(0)
    runs = [(np.bool_(i % 2), rng.normal(size=2), rng.normal(size=2)) for i in range(COUNT)]
    assert_samples(graph(CHOOSING), which, runs)


WALKING = """
graph step(h: f64[k], x: f64[k], w: f64[k]) {
  %0: f64[k] = mul(h, w)
  %1: f64[k] = add(%0, x)
  return %1, x
}
graph walk(h: f64[n], xs: f64[t,n], w: f64[n]) {
  %0: (f64[n], f64[t,n]) = scan(h, xs, w, graph=@step, carries=1, sequences=1, length=t, reverse=false)
  %1: f64[n] = item(%0, index=0)
  %2: f64[t,n] = item(%0, index=1)
  return %1, %2
}
"""


@pytest.mark.parametrize("which", [(True, False, False), (False, True, False), (False, False, True)])
def test_what_a_step_makes_different_is_carried_for_each_sample(which: tuple[bool, ...]) -> None:
    rng = np.random.default_rng(0)
    runs = [(rng.normal(size=2), rng.normal(size=(4, 2)), rng.normal(size=2)) for _ in range(COUNT)]
    assert_samples(graph(WALKING), which, runs)


def test_an_op_that_knows_no_other_way_is_a_loop_and_says_so() -> None:
    before = graph("""
        graph f(seed: i64[], call: i64[]) {
          %0: u32[4] = random_bits(seed, call, word=0, draw=0)
          return %0
        }""")
    with pytest.warns(LoopWarning, match="vmap computes random_bits for one sample after the other"):
        made, _ = batch(before, (True, False), COUNT)
    assert any(node.op.name == "scan" for node in made.nodes)
    assert_samples(before, (True, False), [(np.int64(i), np.int64(0)) for i in range(COUNT)])


def test_convolutions_with_weights_of_their_own_want_a_number_of_samples() -> None:
    before = graph("""
        graph f(x: f32[n,3,6], w: f32[4,3,2]) {
          %0: f32[n,4,5] = conv(x, w, stride=[1], padding=[0], dilation=[1], groups=1)
          return %0
        }""")
    assert "groups=5" in str(batch(before, (True, True), 5)[0])
    with pytest.raises(ShapeError, match="s convolutions that have weights of their own"):
        batch(before, (True, True), symbol("s"))


def test_every_op_has_samples_here() -> None:
    assert {*NAMES} >= {*OPS} - {"fused", "gradient"}
