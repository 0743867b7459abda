"""The transpose of a product is computed as a product; its sums stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.passes import transpose_products
from tests.passes.checks import assert_pass, evaluate, graph, plain, same_bits


def test_a_transposed_product_is_a_product() -> None:
    assert_pass(transpose_products, """
        graph g(x: f32[n,k], y: f32[k,m], z: f32[m,n]) {
          %0: f32[n,m] = matmul(x, y, order="dot")
          %1: f32[m,n] = permute(%0, axes=[1,0])
          %2: f32[m,n] = add(%1, z)
          return %2
        }""", """
        graph g(x: f32[n,k], y: f32[k,m], z: f32[m,n]) {
          %0: f32[n,m] = matmul(x, y, order="dot")
          %1: f32[m,k] = permute(y, axes=[1,0])
          %2: f32[k,n] = permute(x, axes=[1,0])
          %3: f32[m,n] = matmul(%1, %2, order="dot")
          %4: f32[m,n] = add(%3, z)
          return %4
        }""")  # fmt: skip


@pytest.mark.parametrize(("axes", "results"), [
    ("[1,0,2]", "%1"), ("[2,1,0]", "%1"), ("[0,2,1]", "%1, %0"), ("[0,2,1]", "%1, %2"),
])  # fmt: skip
def test_other_permutes_and_products_with_other_uses_stay(axes: str, results: str) -> None:
    before = graph(f"""
        graph g(x: f32[4,4,4], y: f32[4,4,4]) {{
          %0: f32[4,4,4] = matmul(x, y, order="chain")
          %1: f32[4,4,4] = permute(%0, axes={axes})
          %2: f32[4,4,4] = neg(%{0 if "%2" in results else 1})
          return {results}
        }}""")
    assert plain(transpose_products(before)) == plain(before)


def test_batches_keep_their_sums() -> None:
    before = graph("""
        graph g(x: f32[b,n,k], y: f32[b,k,m]) {
          %0: f32[b,n,m] = matmul(x, y, order="chain")
          %1: f32[b,m,n] = permute(%0, axes=[0,2,1])
          return %1
        }""")
    after = transpose_products(before)
    assert after.outputs[0].op.name == "matmul"
    random = np.random.default_rng(0)
    arrays = [random.integers(-9, 9, shape).astype(np.float32) for shape in ((2, 3, 5), (2, 5, 4))]
    (left,), (right,) = evaluate(before, arrays), evaluate(after, arrays)
    assert same_bits(left, right)
