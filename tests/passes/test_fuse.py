"""Fused graphs: the text of regions, the outputs, and what becomes of whole models."""

from __future__ import annotations

from collections import Counter

import pytest

from brasa.ir.errors import GraphError
from brasa.ir.region import form
from brasa.passes import fuse, run
from tests.passes.checks import assert_fused, assert_pass, graph, ops, plain, regions
from tests.passes.models import convolutional, perceptron, transformer


def test_elementwise_work_joins_and_views_move_to_the_inputs() -> None:
    assert_pass(fuse, """
        graph g(x: f32[n,m], y: f32[m,n] strides(s,1)) {
          %0: f32[n,m] = exp(x)
          %1: f32[n,m] = tanh(%0)
          %2: f32[m,n] = permute(%1, axes=[1,0])
          %3: f32[m,n] = mul(%2, y)
          %4: f32[m*n] = reshape(%3, shape=[m*n])
          return %4
        }""", """
        graph exp_tanh_mul(x0: f32[n,m], x1: f32[m,n] strides(s,1)) {
          %0: f32[m,n] = permute(x0, axes=[1,0])
          %1: f32[m,n] = exp(%0)
          %2: f32[m,n] = tanh(%1)
          %3: f32[m,n] = mul(%2, x1)
          return %3
        }
        graph g(x: f32[n,m], y: f32[m,n] strides(s,1)) {
          %0: f32[m,n] = fused(x, y, graph=@exp_tanh_mul)
          %1: f32[m*n] = reshape(%0, shape=[m*n])
          return %1
        }""")  # fmt: skip


def test_a_value_that_others_need_becomes_a_second_output() -> None:
    (region,) = regions("""
        graph g(x: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = tanh(%0)
          return %0, %1
        }""")
    assert ops(region) == ["exp", "tanh"]
    assert len(region.outputs) == 2


def test_bias_and_activation_are_the_epilogue_of_a_product() -> None:
    assert_pass(fuse, """
        graph g(x: f32[n,8], w: f32[4,8], b: f32[4], r: f32[n,4]) {
          %0: f32[8,4] = permute(w, axes=[1,0])
          %1: f32[n,4] = matmul(x, %0, order="dot")
          %2: f32[n,4] = expand(b, shape=[n,4])
          %3: f32[n,4] = add(%1, %2)
          %4: f32[n,4] = constant(value=0.0)
          %5: f32[n,4] = maximum(%3, %4)
          %6: f32[n,4] = exp(r)
          %7: f32[n,4] = add(%5, %6)
          return %7
        }""", """
        graph matmul_add_maximum_exp(x0: f32[n,8], x1: f32[4,8], x2: f32[4], x3: f32[n,4]) {
          %0: f32[8,4] = permute(x1, axes=[1,0])
          %1: f32[n,4] = matmul(x0, %0, order="dot")
          %2: f32[n,4] = expand(x2, shape=[n,4])
          %3: f32[n,4] = add(%1, %2)
          %4: f32[n,4] = constant(value=0.0)
          %5: f32[n,4] = maximum(%3, %4)
          %6: f32[n,4] = exp(x3)
          %7: f32[n,4] = add(%5, %6)
          return %7
        }
        graph g(x: f32[n,8], w: f32[4,8], b: f32[4], r: f32[n,4]) {
          %0: f32[n,4] = fused(x, w, b, r, graph=@matmul_add_maximum_exp)
          return %0
        }""")  # fmt: skip


def test_an_epilogue_reaches_through_a_reshape() -> None:
    (region,) = regions(
        """
        graph g(x: f32[b*s,8], w: f32[8,4], c: f32[b,s,4], d: f32[4]) {
          %0: f32[b*s,4] = matmul(x, w, order="chain")
          %1: f32[b,s,4] = reshape(%0, shape=[b,s,4])
          %2: f32[b,s,4] = expand(d, shape=[b,s,4])
          %3: f32[b,s,4] = mul(%1, %2)
          %4: f32[b,s,4] = add(%3, c)
          return %4
        }"""
    )
    assert [str(node.type) for node in region.inputs] == ["f32[b*s,8]", "f32[8,4]", "f32[4]", "f32[b*s,4]"]


def test_every_output_is_a_result_of_its_own() -> None:
    assert_pass(fuse, """
        graph g(x: f32[n,2], y: f32[2,n]) {
          %0: f32[n,2] = exp(x)
          %1: f32[2,n] = permute(x, axes=[1,0])
          %2: f32[n,2] = constant(value=1.0)
          %3: f32[n*2] = reshape(%0, shape=[n*2])
          return x, %0, %0, %1, %2, %3 into y
        }""".replace("%3 into y", "%1 into y"), """
        graph exp(x0: f32[n,2]) {
          %0: f32[n,2] = exp(x0)
          return %0
        }
        graph copy(x0: f32[n,2]) {
          return x0
        }
        graph copy_2(x0: f32[n,2]) {
          return x0
        }
        graph copy_3(x0: f32[n,2]) {
          %0: f32[2,n] = permute(x0, axes=[1,0])
          return %0
        }
        graph copy_4() {
          %0: f32[n,2] = constant(value=1.0)
          return %0
        }
        graph copy_5(x0: f32[n,2]) {
          %0: f32[2,n] = permute(x0, axes=[1,0])
          return %0
        }
        graph g(x: f32[n,2], y: f32[2,n]) {
          %0: f32[n,2] = fused(x, graph=@exp)
          %1: f32[n,2] = fused(x, graph=@copy)
          %2: f32[n,2] = fused(%0, graph=@copy_2)
          %3: f32[2,n] = fused(x, graph=@copy_3)
          %4: f32[n,2] = fused(graph=@copy_4)
          %5: f32[2,n] = fused(x, graph=@copy_5)
          return %1, %0, %2, %3, %4, %5 into y
        }""")  # fmt: skip


def test_places_in_the_users_program_reach_the_regions() -> None:
    after = fuse(
        graph("""
        graph g(x: f32[n,4], w: f32[4,4]) {
          %0: f32[n,4] = exp(x) # net.py:1
          %1: f32[n,4] = matmul(%0, w, order="chain") # net.py:2
          %2: f32[n,4] = neg(%1) # net.py:3
          return %2
        }""")
    )
    assert [node.where for node in after.nodes] == ["net.py:1", "net.py:2"]
    assert [node.where for node in after.nodes[1].attrs["graph"].nodes] == ["net.py:2", "net.py:3"]


def test_calls_cannot_be_fused() -> None:
    with pytest.raises(GraphError, match="call cannot be fused: it belongs before inline"):
        fuse(
            graph("""
            graph f(a: f32[m]) {
              return a
            }
            graph g(x: f32[n]) {
              %0: f32[n] = call(x, graph=@f)
              return %0
            }""")
        )


def test_fusing_twice_gives_the_same_text() -> None:
    once, again = (run(perceptron()) for _ in range(2))
    assert plain(once) == plain(again)


def test_a_perceptron_trains_in_few_regions() -> None:
    after = run(perceptron(), check=True)
    assert_fused(after)
    forms = Counter(form(node.attrs["graph"]) for node in after.nodes if node.op.name == "fused")
    # Products: 3 forward, 3 gradients of weights, 2 of inputs. Rows: the loss, its mean, 3 biases. Maps: 3 weights.
    assert forms == {"contract": 8, "rows": 5, "map": 3}


def test_a_transformer_layer_keeps_no_more_than_it_must() -> None:
    after = run(transformer(1, 16), check=True)
    assert_fused(after)
    first = next(node for node in after.nodes if node.op.name == "fused")
    assert [str(node.type) for node in first.attrs["graph"].outputs] == [
        "f32[batch,16]", "f32[batch,16]", "f32[batch,16,32]",
    ]  # fmt: skip


def test_convolution_and_pooling() -> None:
    after = run(convolutional(), check=True)
    assert_fused(after)
    forms = Counter(form(node.attrs["graph"]) for node in after.nodes if node.op.name == "fused")
    assert forms["window"] == 3
