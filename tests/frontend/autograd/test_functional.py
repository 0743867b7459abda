"""autograd.functional and gradcheck, by closed formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brasa
from brasa.autograd import Function, functional, gradcheck, gradgradcheck
from brasa.autograd.gradcheck import GradcheckError

RNG = np.random.default_rng(0)
A, X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.normal(size=3)


def form(x: brasa.Tensor) -> brasa.Tensor:
    """x.T B x, for B = A[:, :3] padded with zeros."""
    return x @ (brasa.tensor(B) @ x)


B = np.vstack([A, np.zeros((1, 4))])


def test_jacobians() -> None:
    x, y = brasa.tensor(X), brasa.tensor(Y)
    found = functional.jacobian(lambda x: brasa.sin(brasa.tensor(A) @ x), x)
    np.testing.assert_allclose(found.numpy(), np.cos(A @ X)[:, None] * A)
    assert not found.requires_grad
    rows = functional.jacobian(lambda x, y: (x * 2, y.outer(x), y * y), (x, y))
    np.testing.assert_allclose(rows[0][0].numpy(), 2 * np.eye(4))
    assert rows[0][1].tolist() == np.zeros((4, 3)).tolist()
    np.testing.assert_allclose(rows[1][0].numpy(), np.einsum("i,jk->ijk", Y, np.eye(4)))
    np.testing.assert_allclose(rows[1][1].numpy(), np.einsum("ik,j->ijk", np.eye(3), X))
    np.testing.assert_allclose(rows[2][1].numpy(), np.diag(2 * Y))
    again = functional.jacobian(lambda x: x**3, x.requires_grad_(), create_graph=True)
    again.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * X)


def test_hessians() -> None:
    np.testing.assert_allclose(functional.hessian(form, brasa.tensor(X)).numpy(), B + B.T)
    blocks = functional.hessian(
        lambda x, y: (brasa.tensor(A).T @ y @ x) + (y**3).sum(), (brasa.tensor(X), brasa.tensor(Y))
    )
    for found, want in zip(sum(blocks, ()), (np.zeros((4, 4)), A.T, A, np.diag(6 * Y)), strict=True):
        np.testing.assert_allclose(found.numpy(), want, atol=1e-12)


def test_products() -> None:
    x, v, w = brasa.tensor(X), brasa.tensor(X[::-1].copy()), brasa.tensor(Y)
    value, product = functional.vjp(lambda x: brasa.tensor(A) @ x, x, w)
    np.testing.assert_allclose(value.numpy(), A @ X)
    np.testing.assert_allclose(product.numpy(), Y @ A)
    _, product = functional.jvp(lambda x: brasa.sin(brasa.tensor(A) @ x), x, v)
    np.testing.assert_allclose(product.numpy(), np.cos(A @ X) * (A @ X[::-1]))
    for take in (functional.vhp, functional.hvp):
        value, product = take(form, x, v)
        np.testing.assert_allclose(value.item(), X @ B @ X)
        np.testing.assert_allclose(product.numpy(), (B + B.T) @ X[::-1])
    value, product = functional.vjp(lambda x, y: x.sum() * 2, (x, w))
    assert [each.tolist() for each in product] == [[2.0] * 4, [0.0] * 3]
    assert not value.requires_grad


def test_mistakes() -> None:
    x = brasa.tensor(X)
    with pytest.raises(RuntimeError, match="vjp: the results do not depend on input 1"):
        functional.vjp(lambda x, y: x.sum(), (x, x), strict=True)
    with pytest.raises(RuntimeError, match="jacobian: a result does not depend on the inputs"):
        functional.jacobian(lambda x: brasa.ones(2), x, strict=True)
    with pytest.raises(RuntimeError, match="vjp: v can be left out for one element only"):
        functional.vjp(lambda x: x, x)
    with pytest.raises(ValueError, match=r"jvp: v has shapes \[\[3\]\], what it weights has \[\[4\]\]"):
        functional.jvp(lambda x: x, x, brasa.tensor(Y))
    with pytest.raises(ValueError, match=r"hessian: the function must return one element, it returned \[\[4\]\]"):
        functional.hessian(lambda x: x, x)
    with pytest.raises(TypeError, match="inputs must be tensors, not float"):
        functional.vjp(lambda x: x, 1.0)
    with pytest.raises(TypeError, match="jacobian: the function must return tensors, not int"):
        functional.jacobian(lambda x: 1, x)


class Square(Function):
    """x * x, whose gradient is too large by `excess`."""

    @staticmethod
    def forward(ctx: Any, x: brasa.Tensor, excess: float) -> brasa.Tensor:
        ctx.save_for_backward(x)
        ctx.excess = excess
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: brasa.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return grad * (2 * x + ctx.excess), None


def leaf(array: Any) -> brasa.Tensor:
    return brasa.tensor(array).requires_grad_()


@pytest.mark.parametrize("fast", [False, True])
def test_gradcheck(fast: bool) -> None:
    z = RNG.normal(size=3) + 1j * RNG.normal(size=3)
    assert gradcheck(lambda x, y, n: (x * y.sum() * n, brasa.exp(x)), (leaf(X), leaf(Y), 2), fast_mode=fast)
    assert gradcheck(lambda z, x: (z * z.conj() * x.sum(), z.abs()), (leaf(z), leaf(X)), fast_mode=fast)
    assert gradcheck(lambda x: x * brasa.tensor(z[0]), leaf(X), fast_mode=fast)
    assert gradgradcheck(lambda x, y: (x * y.sum()).sin(), (leaf(X), leaf(Y)), fast_mode=fast)
    assert gradgradcheck(lambda x: Square.apply(x, 0.0), leaf(X), fast_mode=fast)
    assert not gradcheck(lambda x: Square.apply(x, 0.5), leaf(X), fast_mode=fast, raise_exception=False)


def test_gradcheck_says_where() -> None:
    with pytest.raises(GradcheckError, match=r"gradcheck: the gradient of output 0 by input 0 is 4.5 where finite "
                                             r"differences give 4 \(element 1 by element 1\)"):  # fmt: skip
        gradcheck(lambda x: Square.apply(x, brasa.tensor([0.0, 0.5], dtype=brasa.float64)), leaf(np.array([1.0, 2.0])))
    with pytest.raises(ValueError, match="none of the inputs requires gradients"):
        gradcheck(brasa.exp, brasa.ones(2))
    draws = iter(range(100))
    with pytest.raises(GradcheckError, match="two backwards give different gradients of output 0 by input 0"):
        gradcheck(lambda x: Square.apply(x, float(next(draws))), leaf(X))
