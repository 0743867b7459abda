"""Products of vectors and matrices, scaled sums of products, and Einstein summation, judged by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from brasa.functions.matrix import cheapest_order
from brasa.ir.errors import BrasaError
from tests.frontend.functions.harness import Array, Case, check, same_bits


def draw(*shape: int, dtype: Any = np.float64, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed + sum(shape))
    return np.asarray(rng.integers(-4, 5, shape) if np.dtype(dtype).kind in "iu" else rng.normal(size=shape), dtype)


X, Y, B = draw(3, 4), draw(4, 2), draw(2, 3, 4)

CASES = {
    "matmul": Case(brasa.matmul, np.matmul, (X, Y)),
    "matmul of a batch and a matrix": Case(brasa.matmul, np.matmul, (B, Y), gradient=False),
    "matmul of batches": Case(brasa.matmul, np.matmul, (draw(2, 1, 3, 4), draw(3, 4, 2)), gradient=False),
    "matmul of vectors": Case(brasa.matmul, np.matmul, (draw(4), draw(4, seed=1)), gradient=False),
    "matmul of a vector and a batch": Case(brasa.matmul, np.matmul, (draw(4), draw(2, 4, 2)), gradient=False),
    "matmul of nothing": Case(brasa.matmul, np.matmul, (draw(3, 0), draw(0, 2)), gradient=False),
    "mm of integers": Case(
        brasa.mm, np.matmul, (draw(3, 4, dtype=np.int64), draw(4, 2, dtype=np.int64)), gradient=False
    ),
    "bmm": Case(brasa.bmm, np.matmul, (B, draw(2, 4, 2)), gradient=False),
    "mv": Case(brasa.mv, np.matmul, (X, draw(4)), gradient=False),
    "vdot": Case(brasa.vdot, np.vdot, (draw(4), draw(4, seed=1)), gradient=False),
    "inner": Case(brasa.inner, np.inner, (B, X), gradient=False),
    "inner of a number": Case(brasa.inner, np.inner, (draw(), X), gradient=False),
    "outer": Case(brasa.outer, np.outer, (draw(3), draw(4))),
    "kron": Case(brasa.kron, np.kron, (X, draw(2)), gradient=False),
    "tensordot": Case(
        lambda a, b: brasa.tensordot(a, b, 1), lambda a, b: np.tensordot(a, b, 1), (B, Y), gradient=False
    ),
    "tensordot of axes": Case(
        lambda a, b: brasa.tensordot(a, b, ([2, 0], [0, 1])), lambda a, b: np.tensordot(a, b, ([2, 0], [0, 1])),
        (B, draw(4, 2, 5)), gradient=False,
    ),
    "multi_dot": Case(
        lambda *x: brasa.linalg.multi_dot(x), lambda *x: np.linalg.multi_dot(x), (X, Y, draw(2, 5), draw(5)),
        gradient=False,
    ),
    "addmm": Case(
        lambda x, a, b: brasa.addmm(x, a, b, beta=0.5, alpha=2), lambda x, a, b: 0.5 * x + 2 * a @ b, (draw(2), X, Y)
    ),
    "addmv": Case(brasa.addmv, lambda x, a, b: x + a @ b, (draw(3), X, draw(4)), gradient=False),
    "addbmm": Case(
        brasa.addbmm, lambda x, a, b: x + (a @ b).sum(0), (draw(3, 2), B, draw(2, 4, 2)), gradient=False
    ),
    "baddbmm": Case(brasa.baddbmm, lambda x, a, b: x + a @ b, (draw(2, 3, 2), B, draw(2, 4, 2)), gradient=False),
    "addr": Case(brasa.addr, lambda x, a, b: x + np.outer(a, b), (X, draw(3), draw(4)), gradient=False),
    "einsum with gradient": Case(
        lambda a, b: brasa.einsum("bij,jk->ibk", a, b), lambda a, b: np.einsum("bij,jk->ibk", a, b), (B, Y)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_products(name: str) -> None:
    check(CASES[name])


def test_single_precision_sums_of_half_precision() -> None:
    """4,096 times 1 + 2**-7: a bfloat16 sum would stop growing at 256."""
    ones = np.full((1, 4096), 1 + 2**-7, ml_dtypes.bfloat16)
    got = brasa.mm(brasa.tensor(ones), brasa.tensor(np.ones((4096, 1), ml_dtypes.bfloat16)))
    assert got.dtype is brasa.bfloat16 and got.item() == 4128


def test_a_column_is_multiplied_in_one_order() -> None:
    rng = np.random.default_rng(0)
    rows, column = (brasa.tensor(rng.standard_normal(shape)) for shape in ((3, 70), (70, 1)))
    for dynamic in (True, False):
        run = brasa.compile(lambda a, b: brasa.matmul(a, b + 0.0), dynamic=dynamic)
        same_bits(run(rows, column), brasa.matmul(rows, column + 0.0))


def test_addmm_without_its_input() -> None:
    bad = brasa.tensor(np.full((3, 2), np.nan))
    got = brasa.addmm(bad, brasa.tensor(X), brasa.tensor(Y), beta=0)
    np.testing.assert_allclose(got.numpy(), X @ Y)
    kept = brasa.tensor(np.ones((3, 2)))
    assert kept.addmm_(brasa.tensor(X), brasa.tensor(Y)) is kept
    np.testing.assert_allclose(kept.numpy(), 1 + X @ Y)


EQUATIONS = [
    ("ij->ji", [(3, 4)]),
    ("ii->i", [(3, 3)]),
    ("iij->j", [(3, 3, 2)]),
    ("ij,jk", [(3, 4), (4, 2)]),
    ("ij,ij->", [(3, 4), (3, 4)]),
    ("ij,ij->ij", [(3, 4), (1, 4)]),
    ("i,j->ij", [(3,), (4,)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (4, 2)]),
    ("b...,b...->...b", [(2, 3), (2, 3)]),
    ("ij,jk,kl->il", [(3, 4), (4, 2), (2, 5)]),
    ("aij,bj,ai->bj", [(2, 3, 4), (5, 4), (2, 3)]),
    (" a b , b -> a", [(2, 3), (3,)]),
    ("ab,ac->abc", [(2, 3), (2, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS, ids=[equation for equation, _ in EQUATIONS])
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [draw(*shape, seed=i) for i, shape in enumerate(shapes)]
    got = brasa.einsum(equation, *map(brasa.tensor, arrays))
    np.testing.assert_allclose(got.numpy(), np.einsum(equation, *arrays), rtol=1e-10, atol=1e-12)


def test_einsum_of_lists_of_labels() -> None:
    got = brasa.einsum(brasa.tensor(B), [..., 0, 1], brasa.tensor(Y), [1, 2], [2, ..., 0])
    np.testing.assert_allclose(got.numpy(), np.einsum("...ab,bc->c...a", B, Y))


@pytest.mark.skipif(find_spec("opt_einsum") is not None, reason="the order is that of opt_einsum")
def test_einsum_goes_from_left_to_right() -> None:
    from brasa.functions.einsum import _path

    three = [brasa.tensor(X)] * 4
    assert _path(three, [(0, 1)] * 4, (0,)) == ((0, 1), (0, 2), (0, 1))


MANY = [
    ("ij,jk,kl,l->i", [(6, 5), (5, 4), (4, 3), (3,)]),
    ("...i,...ij,jk,k...->...", [(2, 3), (2, 3, 4), (4, 5), (5, 2)]),
    ("ab,ab,bc,ca,->c", [(2, 3), (1, 3), (3, 4), (4, 2), ()]),
    ("a,b,c,d->dcba", [(2,), (3,), (4,), (5,)]),
    ("iij,jk,kii->k", [(3, 3, 2), (2, 4), (4, 3, 3)]),
]


@pytest.mark.parametrize(("equation", "shapes"), MANY, ids=[equation for equation, _ in MANY])
def test_einsum_in_the_order_of_opt_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    pytest.importorskip("opt_einsum")
    arrays = [draw(*shape, seed=i) for i, shape in enumerate(shapes)]
    tensors = [brasa.tensor(array, requires_grad=True) for array in arrays]
    got = brasa.einsum(equation, *tensors)
    np.testing.assert_allclose(got.detach().numpy(), np.einsum(equation, *arrays), rtol=1e-10, atol=1e-12)
    compiled = brasa.compile(lambda *operands: brasa.einsum(equation, *operands), fullgraph=True)
    assert compiled(*tensors).tolist() == got.tolist()
    seed = draw(*got.shape, seed=9)
    got.backward(brasa.tensor(seed))
    for i, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):  # linear in each: a step of 1 is exact
        moved = [array + 1 if i == j else other for j, other in enumerate(arrays)]
        change = (np.einsum(equation, *moved) - np.einsum(equation, *arrays)) * seed
        np.testing.assert_allclose(tensor.grad.numpy().sum(), change.sum(), rtol=1e-9, atol=1e-9)


def test_einsum_multiplies_the_cheapest_first() -> None:
    pytest.importorskip("opt_einsum")
    from brasa.functions.einsum import _path

    shapes = [(50, 40), (40, 30), (30,)]
    assert _path([brasa.zeros(*shape) for shape in shapes], [(0, 1), (1, 2), (2,)], (0,)) == ((1, 2), (0, 1))


@given(st.lists(st.integers(1, 30), min_size=3, max_size=7))
@settings(max_examples=50)
def test_the_cheapest_order_is_the_cheapest(sizes: list[int]) -> None:
    cuts = cheapest_order(sizes)

    def cost(i: int, j: int, choose: Callable[[int, int], list[int]]) -> int:
        if i == j:
            return 0
        return min(
            cost(i, cut, choose) + cost(cut + 1, j, choose) + sizes[i] * sizes[cut + 1] * sizes[j + 1]
            for cut in choose(i, j)
        )

    last = len(sizes) - 2
    assert cost(0, last, lambda i, j: [cuts[i, j]]) == cost(0, last, lambda i, j: list(range(i, j)))


ONE, TWO = brasa.tensor(X), brasa.tensor(B)
ERRORS = [
    (lambda: brasa.mm(ONE, TWO), "mm: mat2 must have 2 axes, it is f64[2,3,4]", ValueError),
    (lambda: brasa.mm(ONE, ONE), "inner sizes differ, 4 (last of lhs) and 3", ValueError),
    (lambda: brasa.matmul(ONE, ONE.float()), "matmul: dtypes differ, f64 and f32", TypeError),
    (lambda: brasa.matmul(ONE, brasa.tensor(1.0)), "both operands need at least one axis", ValueError),
    (lambda: brasa.bmm(TWO, TWO[:1].mT), "bmm: batch sizes differ, 2 and 1", ValueError),
    (lambda: brasa.dot(ONE, ONE), "dot: input must have 1 axes", ValueError),
    (lambda: brasa.addmm(TWO, ONE, ONE.T), "addmm: input f64[2,3,4] cannot be expanded to f64[3,3]", ValueError),
    (lambda: brasa.addr(*[brasa.ones(2, dtype=brasa.int64)] * 3, alpha=0.5), "alpha must be an integer", TypeError),
    (lambda: brasa.tensordot(ONE, ONE, 3), "dims is 3, the tensors have 2 and 2 axes", TypeError),
    (lambda: brasa.tensordot(ONE, ONE, ([0], [0, 1])), "1 axes of a cannot be paired with 2 of b", ValueError),
    (lambda: brasa.linalg.multi_dot([ONE]), "needs two tensors or more, found 1", ValueError),
    (lambda: brasa.einsum("ij,jk->ik", ONE), "the equation has 2 terms, 1 operands were given", ValueError),
    (lambda: brasa.einsum("i->i", ONE), "operand 0 is f64[3,4], its term has 1 labels", ValueError),
    (lambda: brasa.einsum("i1->i", ONE), "'1' in 'i1' is no label", ValueError),
    (lambda: brasa.einsum("ij->ik", ONE), "label k of the result is in no operand", ValueError),
    (lambda: brasa.einsum("ij->ii", ONE), "label i stands twice in the result", ValueError),
    (lambda: brasa.einsum("ij,jk", ONE, ONE), "label j stands for sizes 4 and 3", ValueError),
    (lambda: brasa.einsum(ONE, "ij"), "expected a list of labels, found str", TypeError),
]


@pytest.mark.parametrize(("call", "message", "kind"), ERRORS, ids=[message for _, message, _ in ERRORS])
def test_errors(call: Callable[[], Any], message: str, kind: type[Exception]) -> None:
    with pytest.raises(BrasaError) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, kind)
