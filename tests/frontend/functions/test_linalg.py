"""Linear algebra: factors that multiply to the matrix, NumPy's values, finite differences' gradients, plain errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from brasa import Tensor
from brasa.ir.errors import BrasaError, LinAlgError
from brasa.runtime import blas
from tests.frontend.functions.harness import Array, Case, check, same_bits

linalg = brasa.linalg


def draw(*shape: int, seed: int = 0) -> Array:
    """Matrices whose singular values lie apart, so that all derivatives exist."""
    rng = np.random.default_rng(seed + sum(shape))
    x = rng.normal(size=shape) / 4
    if len(shape) > 1:
        count = min(shape[-2:])
        x[..., range(count), range(count)] += np.arange(1, count + 1)
    return np.asarray(x)


def positive(x: Any) -> Any:
    """A positive-definite matrix of any matrix."""
    return x @ x.mT + 1.0 if isinstance(x, Tensor) else x @ np.swapaxes(x, -1, -2) + 1.0


A, BATCH, TALL, WIDE = draw(3, 3), draw(2, 3, 3), draw(4, 2), draw(2, 4)


def norms(order: Any, dim: Any = None, keepdim: bool = False) -> Case:
    return Case(
        lambda x: linalg.norm(x, order, dim, keepdim), lambda x: np.linalg.norm(x, order, dim, keepdim), (BATCH,),
        compiled=False,
    )  # fmt: skip


def _recomposed(x: Tensor) -> Tensor:
    """What depends on factors of x alone, and on each of them."""
    p, l, u = linalg.lu(x)
    return (p @ l.exp() @ u).sum(0)


def _numpy_det(x: Array) -> Array:
    return np.asarray(np.linalg.det(x))


CASES = {
    "cholesky": Case(lambda x: linalg.cholesky(positive(x)), lambda x: np.linalg.cholesky(positive(x)), (A,)),
    "cholesky, upper": Case(
        lambda x: linalg.cholesky(positive(x), upper=True),
        lambda x: np.swapaxes(np.linalg.cholesky(positive(x)), -1, -2), (BATCH,), gradient=False,
    ),
    "inv": Case(linalg.inv, np.linalg.inv, (BATCH,)),
    "det": Case(linalg.det, _numpy_det, (BATCH,), compiled=False),
    "slogdet": Case(linalg.slogdet, lambda x: tuple(np.linalg.slogdet(x)), (BATCH,), compiled=False),
    "logdet": Case(brasa.logdet, lambda x: np.log(np.linalg.det(x)), (A,), gradient=False),
    "solve": Case(linalg.solve, np.linalg.solve, (A, draw(3, 2)), compiled=False),
    "solve a vector": Case(linalg.solve, np.linalg.solve, (A, draw(3)), gradient=False),
    "solve from the right": Case(
        lambda a, b: linalg.solve(a, b, left=False), lambda a, b: b @ np.linalg.inv(a), (BATCH, draw(4, 3)),
        gradient=False,
    ),
    "solve_triangular": Case(
        lambda a, b: linalg.solve_triangular(a, b, upper=True), lambda a, b: np.linalg.solve(np.triu(a), b),
        (BATCH, draw(3, 2)), compiled=False,
    ),
    "solve_triangular with ones from the right": Case(
        lambda a, b: linalg.solve_triangular(a, b, upper=False, left=False, unitriangular=True),
        lambda a, b: b @ np.linalg.inv(np.tril(a, -1) + np.eye(3)), (A, draw(2, 3)), gradient=False,
    ),
    "lu of a tall matrix": Case(
        lambda x: linalg.lu_factor(x)[0], lambda x: _packed(x), (TALL,), compiled=False
    ),
    "lu, recomposed": Case(
        lambda x: _recomposed(x), lambda x: _recomposed(brasa.tensor(x)).numpy(), (A,), compiled=False
    ),
    "svdvals": Case(linalg.svdvals, lambda x: np.linalg.svd(x, compute_uv=False), (WIDE,), compiled=False),
    "eigvalsh": Case(lambda x: linalg.eigvalsh(positive(x)), lambda x: np.linalg.eigvalsh(positive(x)), (A,),
                     compiled=False),
    "pinv": Case(linalg.pinv, np.linalg.pinv, (TALL,), compiled=False),
    "matrix_power": Case(
        lambda x: linalg.matrix_power(x, 3), lambda x: np.linalg.matrix_power(x, 3), (A,), gradient=False
    ),
    "matrix_power, negative": Case(
        lambda x: linalg.matrix_power(x, -2), lambda x: np.linalg.matrix_power(x, -2), (A,), gradient=False
    ),
    "matrix_exp": Case(linalg.matrix_exp, lambda x: _exponential(x), (BATCH,), compiled=False),
    "lstsq": Case(
        lambda a, b: linalg.lstsq(a, b).solution, lambda a, b: np.linalg.lstsq(a, b)[0], (TALL, draw(4, 3)),
        gradient=False,
    ),
    "matrix_rank": Case(linalg.matrix_rank, np.linalg.matrix_rank, (np.diag([1.0, 1e-20, 2.0]),), gradient=False),
    "cond": Case(linalg.cond, np.linalg.cond, (A,), gradient=False),
    "cond by a norm": Case(lambda x: linalg.cond(x, 1), lambda x: np.linalg.cond(x, 1), (A,), gradient=False),
    "tensorinv": Case(linalg.tensorinv, np.linalg.tensorinv, (draw(6, 6).reshape(2, 3, 3, 2),), gradient=False),
    "tensorsolve": Case(
        linalg.tensorsolve, np.linalg.tensorsolve, (draw(6, 6).reshape(2, 3, 3, 2), draw(2, 3)), gradient=False
    ),
    "norm 2 of vectors": norms(2, -1),
    "norm 3 of vectors": norms(3, 0, True),
    "norm inf of vectors": norms(np.inf, 1),
    "norm 0 of vectors": norms(0, 1),
    "fro": norms("fro", (1, 2)),
    "nuc": norms("nuc", (1, 2), True),
    "norm 1 of matrices": norms(1, (0, 2)),
    "norm -2 of matrices": norms(-2, (1, 2)),
    "cross": Case(linalg.cross, np.cross, (BATCH, A[None]), compiled=False),
    "vecdot": Case(linalg.vecdot, lambda x, y: (x * y).sum(-1), (BATCH, A), gradient=False),
    "vander": Case(lambda x: brasa.vander(x, 3), lambda x: np.vander(x, 3), (draw(4),), gradient=False),
    "trace": Case(brasa.trace, np.trace, (TALL,), gradient=False),
    "cov": Case(brasa.cov, np.cov, (WIDE,), compiled=False),
    "corrcoef": Case(brasa.corrcoef, np.corrcoef, (WIDE,), gradient=False),
    "gradient": Case(
        lambda x: brasa.gradient(x, spacing=[2.0, 0.5], edge_order=2), lambda x: np.gradient(x, 2.0, 0.5, edge_order=2),
        (draw(4, 5),), compiled=False,
    ),
    "block_diag": Case(
        brasa.block_diag, lambda x, y: np.block([[x, np.zeros((2, 3))], [np.zeros((1, 4)), y]]), (WIDE, draw(3)),
        gradient=False,
    ),
    "dist": Case(lambda x, y: brasa.dist(x, y, 3), lambda x, y: np.linalg.norm((x - y).ravel(), 3), (A, draw(3)),
                 gradient=False),
    "renorm": Case(
        lambda x: brasa.renorm(x, 2, 0, 1.0), lambda x: x / np.maximum(1, np.linalg.norm(x, axis=1, keepdims=True)),
        (A,), gradient=False, tolerance=1e-6,
    ),
}  # fmt: skip


def _packed(x: Array) -> Array:
    """The LU factors of a matrix whose columns have their largest elements on the diagonal."""
    a = np.array(x)
    for j in range(a.shape[1]):
        a[j + 1 :, j] /= a[j, j]
        a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])
    return a


def _exponential(x: Array) -> Array:
    values, vectors = np.linalg.eig(x)
    return np.real(vectors * np.exp(values)[..., None, :] @ np.linalg.inv(vectors))


@pytest.mark.parametrize("name", CASES)
def test_against_numpy(name: str) -> None:
    check(CASES[name])


def near(got: Tensor, want: Any) -> None:
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-10, atol=1e-10)


@given(st.lists(st.integers(0, 3), max_size=1), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_factors_multiply_to_the_matrix(batch: list[int], rows: int, columns: int) -> None:
    """Of every shape: batches, tall, wide, and without elements."""
    x = np.random.default_rng(rows + 7 * columns).normal(size=(*batch, rows, columns))
    t, inner = brasa.tensor(x), min(rows, columns)
    p, l, u = (f.numpy() for f in linalg.lu(t))
    np.testing.assert_allclose(p @ l @ u, x, atol=1e-12)
    q, r = (f.numpy() for f in linalg.qr(t))
    assert q.shape == (*batch, rows, inner) and np.allclose(np.tril(r, -1), 0)
    np.testing.assert_allclose(q @ r, x, atol=1e-12)
    u, s, vh = (f.numpy() for f in linalg.svd(t, full_matrices=False))
    np.testing.assert_allclose(u * s[..., None, :] @ vh, x, atol=1e-12)
    assert linalg.svd(t).U.shape == (*batch, rows, rows)
    packed, scales = brasa.geqrf(t)
    if rows >= columns:
        near(linalg.householder_product(packed, scales), q)
    near(brasa.ormqr(packed, scales, brasa.tensor(np.broadcast_to(np.eye(rows), (*batch, rows, rows)))[..., :inner]), q)


def test_spectra() -> None:
    x = positive(BATCH)
    values, vectors = (t.numpy() for t in linalg.eigh(brasa.tensor(np.tril(x))))
    np.testing.assert_allclose(vectors * values[..., None, :] @ np.swapaxes(vectors, -1, -2), x, atol=1e-12)
    near(linalg.eigvalsh(brasa.tensor(np.triu(x)), UPLO="U"), values)
    found, columns = (t.numpy() for t in linalg.eig(brasa.tensor(A)))
    np.testing.assert_allclose(A @ columns, columns * found, atol=1e-12)


def test_systems_by_factors() -> None:
    x, b = brasa.tensor(positive(BATCH)), brasa.tensor(draw(2, 3, 2))
    want = np.linalg.solve(x.numpy(), b.numpy())
    factor, upper = linalg.cholesky(x), linalg.cholesky(x, upper=True)
    packed, pivots = linalg.lu_factor(x)
    for got in (
        brasa.cholesky_solve(b, factor), brasa.cholesky_solve(b, upper, upper=True), brasa.lu_solve(b, packed, pivots),
        linalg.lu_solve(packed, pivots, b), linalg.lu_solve(packed, pivots, b.mT, left=False).mT,
        linalg.lu_solve(packed, pivots, b, adjoint=True),
    ):  # fmt: skip
        near(got, want)
    near(brasa.cholesky_inverse(factor), np.linalg.inv(x.numpy()))
    solution, copied = brasa.triangular_solve(b, x, upper=False, transpose=True)
    near(solution, np.linalg.solve(np.swapaxes(np.tril(x.numpy()), -1, -2), b.numpy()))
    same_bits(copied, x)


def test_low_rank() -> None:
    x = draw(6, 3) @ draw(3, 5)
    u, s, v = (t.numpy() for t in brasa.svd_lowrank(brasa.tensor(x), 3))
    np.testing.assert_allclose(u * s @ v.T, x, atol=1e-8)
    centered = x - x.mean(0)
    u, s, v = (t.numpy() for t in brasa.pca_lowrank(brasa.tensor(x), 3))
    np.testing.assert_allclose(u * s @ v.T, centered, atol=1e-8)


def test_choices() -> None:
    x, y = brasa.tensor([1, 2, 3]), brasa.tensor([4, 5])
    assert brasa.cartesian_prod(x, y).tolist() == [[1, 4], [1, 5], [2, 4], [2, 5], [3, 4], [3, 5]]
    assert brasa.combinations(x).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert brasa.combinations(y, 2, with_replacement=True).tolist() == [[4, 4], [4, 5], [5, 5]]
    assert brasa.combinations(y, 3).shape == (0, 3)


def test_norms_at_zero_have_gradient_zero() -> None:
    for order in (2, 1, 3, 0.5, 0):
        x = brasa.zeros(3, requires_grad=True)
        linalg.vector_norm(x, order).backward()
        assert x.grad.tolist() == [0, 0, 0], order


def test_nuclear_norm_of_zero_has_the_gradient_of_its_factors() -> None:
    """U @ Vh, whose singular values are all 1, as those of the gradient at any other matrix."""
    x = brasa.zeros(3, 2, requires_grad=True)
    linalg.matrix_norm(x, "nuc").backward()
    np.testing.assert_allclose(np.linalg.svd(x.grad.numpy())[1], [1, 1], rtol=1e-6)


def test_singular_values_of_least_squares_have_no_gradient() -> None:
    a, b = brasa.tensor(draw(4, 3), requires_grad=True), brasa.tensor(draw(4, 2))
    found = linalg.lstsq(a, b, driver="gelsd")
    assert found.solution.requires_grad and not found.singular_values.requires_grad


def test_gradient_of_a_singular_determinant() -> None:
    """The cofactors, though U has a 0 on its diagonal."""
    x = brasa.tensor(np.diag([2.0, 3.0, 0.0]), requires_grad=True)
    linalg.det(x).backward()
    near(x.grad, np.diag([0.0, 0.0, 6.0]))


def test_repeated_eigenvalues_keep_gradients_finite() -> None:
    x = brasa.tensor(np.eye(3), requires_grad=True)
    values, _ = linalg.eigh(x)
    values.sum().backward()
    near(x.grad, np.eye(3))


def test_second_derivatives() -> None:
    x = brasa.tensor(A, requires_grad=True)
    (first,) = brasa.autograd.grad(linalg.inv(x).sum(), x, create_graph=True)
    (second,) = brasa.autograd.grad(first[0, 0], x)
    inverse = np.linalg.inv(A)
    way = np.random.default_rng(1).normal(size=(3, 3))
    moved = [-(np.linalg.inv(A + h * way).sum(0)[0] * np.linalg.inv(A + h * way).sum(1)[0]) for h in (1e-6, -1e-6)]
    assert first[0, 0].item() == pytest.approx(-inverse.sum(0)[0] * inverse.sum(1)[0])
    assert float((second.numpy() * way).sum()) == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-6)


SINGULAR = brasa.tensor(np.stack([A, np.zeros((3, 3))]))
ERRORS: list[tuple[Callable[[], Any], str, type[Exception]]] = [
    (lambda: linalg.inv(SINGULAR), "linalg.inv: (Batch element 1): The diagonal element 1 is zero", LinAlgError),
    (lambda: linalg.solve(SINGULAR[1], SINGULAR[0]), "linalg.solve: The solver failed because the input", LinAlgError),
    (lambda: linalg.cholesky(-SINGULAR[0]), "linalg.cholesky: The factorization could not be completed", LinAlgError),
    (lambda: linalg.cholesky_ex(SINGULAR, check_errors=True), "linalg.cholesky_ex: (Batch element 1)", LinAlgError),
    (lambda: linalg.lu_factor(SINGULAR), "linalg.lu_factor: (Batch element 1)", LinAlgError),
    (lambda: linalg.svd(brasa.full((3, 3), float("nan"))), "SVD did not converge", LinAlgError),
    (lambda: linalg.inv(brasa.ones(2, 3)), "A must be square matrices, it is f32[2,3]", ValueError),
    (lambda: linalg.inv(brasa.ones(3)), "A must have at least two axes, it is f32[3]", ValueError),
    (lambda: linalg.det(brasa.ones(2, 2, dtype=brasa.int64)), "A must be float or complex, it is i64", TypeError),
    (lambda: linalg.solve(brasa.ones(2, 2), brasa.ones(3, 1)), "which cannot solve f32[3,1]", ValueError),
    (lambda: linalg.qr(brasa.ones(2, 2), "some"), "mode must be 'reduced', 'complete' or 'r'", ValueError),
    (lambda: linalg.eigh(brasa.ones(2, 2), "X"), "UPLO must be 'L' or 'U', it is 'X'", ValueError),
    (lambda: linalg.norm(brasa.ones(2, 2, 2), 1), "an order needs one or two axes", ValueError),
    (lambda: linalg.matrix_norm(brasa.ones(2, 2), 3), "order 3 is not defined for matrices", ValueError),
    (lambda: linalg.vector_norm(brasa.ones(0), float("inf")), "is not defined for no elements", ValueError),
    (lambda: brasa.lu_unpack(brasa.ones(2, 2), brasa.tensor([3, 2], dtype=brasa.int32)), "outside 1..2", LinAlgError),
    (lambda: linalg.lu(brasa.ones(2, 2), pivot=False), "pivot must be True", NotImplementedError),
    (lambda: brasa.cross(brasa.ones(2), brasa.ones(2)), "no axis of f32[2] has 3 elements", ValueError),
    (lambda: brasa.renorm(brasa.ones(2, 2), -1, 0, 1), "p must be positive", ValueError),
    (lambda: brasa.gradient(brasa.ones(1)), "is too short for edge_order 1", ValueError),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message", "kind"), ERRORS, ids=[message for _, message, _ in ERRORS])
def test_errors(call: Callable[[], Any], message: str, kind: type[Exception]) -> None:
    with pytest.raises(BrasaError) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, kind)


def test_numbers_instead_of_errors() -> None:
    inverse, info = linalg.inv_ex(SINGULAR)
    assert info.tolist() == [0, 1]
    near(inverse[0], np.linalg.inv(A))
    assert linalg.cholesky_ex(SINGULAR - 5).info.tolist() == [1, 1]
    assert linalg.cond(SINGULAR, "fro")[1].item() == float("inf")


def test_a_failed_step_commits_what_eager_code_commits() -> None:
    """A compiled program that fails has written what stands before the failure, no more, and then runs again."""

    def step(x: Tensor, total: Tensor) -> Tensor:
        total.add_(1)
        result = linalg.inv(x)
        total.add_(result)
        return result

    compiled = brasa.compile(step, fullgraph=True)
    total = brasa.zeros(3, 3, dtype=brasa.float64)
    good, bad = brasa.tensor(A), brasa.zeros(3, 3, dtype=brasa.float64)
    for _ in range(2):
        compiled(good, total)
    near(total, 2 + 2 * np.linalg.inv(A))
    wanted = total.clone()
    for run, written in ((step, wanted), (compiled, total)):
        with pytest.raises(LinAlgError):
            run(bad, written)
    same_bits(total, wanted)
    compiled(good, total)


def test_bits_do_not_depend_on_place_batch_or_threads() -> None:
    """A matrix alone, in a batch, transposed in memory, at an odd address, and with BLAS given more threads."""
    x = np.random.default_rng(0).normal(size=(4, 33, 33))
    many = linalg.inv(brasa.tensor(x))
    odd = np.empty(33 * 33 + 1)[1:].reshape(33, 33)
    odd[...] = x[2]
    pool = blas._pool()
    if pool is not None:
        pool.set(2)
    for one in (brasa.tensor(x[2]), brasa.from_numpy(odd), brasa.tensor(np.ascontiguousarray(x[2].T)).mT):
        same_bits(linalg.inv(one), many[2])
    if pool is not None:
        assert pool.get() == 2
        pool.set(1)
