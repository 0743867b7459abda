"""Gradients, products with Jacobians, Jacobians and Hessians: closed formulas in NumPy, and the same bits compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import Tensor
from brasa.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap
from brasa.ir.errors import ArgumentError, BrasaError, GradientError, IndexError, ShapeError, ValueError
from tests.frontend.functions.harness import flat, same_bits

X = np.linspace(0.3, 1.7, 4)


def x() -> Tensor:
    return brasa.tensor(X)


def both(function: Callable[..., Any], *args: Any) -> Any:
    """The eager result, whose bits the compiled one has."""
    made = function(*args)
    compiled = brasa.compile(function, fullgraph=True)
    for _ in range(2):
        for one, other in zip(flat(made), flat(compiled(*args)), strict=True):
            same_bits(one, other)
            assert one.requires_grad is other.requires_grad
    return made


def close(got: Tensor, want: Any) -> None:
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-12, atol=1e-14)


def wave(x: Tensor) -> Tensor:
    return (x.sin() * x * x).sum()


def test_gradients_of_any_order() -> None:
    close(both(grad(wave), x()), np.cos(X) * X**2 + 2 * X * np.sin(X))
    powers = [lambda v: v**5, *[None] * 4]
    wanted = [2.0**5, 5 * 2.0**4, 20 * 2.0**3, 60 * 2.0**2, 120 * 2.0]
    function: Any = powers[0]
    for want in wanted:
        close(function(brasa.tensor(2.0, dtype=brasa.float64)), want)
        function = grad(function)


def test_argnums_trees_and_aux() -> None:
    def loss(weights: dict[str, Tensor], scale: float, row: Tensor) -> Any:
        made = (weights["w"] * row).sum() * scale + (weights["b"] ** 2).sum()
        return made, {"made": made, "name": "loss"}

    weights, row = {"w": x(), "b": x() * 2}, x() + 1
    gradients, aux = grad(loss, has_aux=True)(weights, 3.0, row)
    close(gradients["w"], 3 * (X + 1))
    close(gradients["b"], 4 * X)
    assert aux["name"] == "loss"
    close(aux["made"], 3 * (X * (X + 1)).sum() + (4 * X * X).sum())
    (of_row, of_weights), (value, _) = grad_and_value(loss, argnums=(-1, 0), has_aux=True)(weights, 3.0, row)
    close(of_row, 3 * X)
    same_bits(of_weights["b"], gradients["b"])
    same_bits(value, aux["made"])


def test_a_gradient_flows_through_arguments_and_what_is_closed_over() -> None:
    outer, inner = x().requires_grad_(), x().requires_grad_()
    made = grad(lambda v: (v**3 * inner).sum())(outer)
    assert made.requires_grad
    of_outer, of_inner = brasa.autograd.grad(made.sum(), [outer, inner])
    close(of_outer, 6 * X * X)
    close(of_inner, 3 * X * X)
    assert not grad(wave)(x()).requires_grad
    with brasa.no_grad():
        quiet = grad(lambda v: (v**3 * inner).sum())(outer)
    assert not quiet.requires_grad
    close(quiet, 3 * X**3)

    def nested(v: Tensor) -> Tensor:  # which of the two derivatives is by v must not be mixed up
        return v * grad(lambda u: v + u)(brasa.ones((), dtype=v.dtype))

    close(grad(nested)(brasa.tensor(3.0, dtype=brasa.float64)), 1.0)


def test_no_grad_inside_and_stop() -> None:
    def half(v: Tensor) -> Tensor:
        with brasa.no_grad():
            fixed = v * v
        return (fixed * v).sum() + (v.detach() * v).sum()

    close(both(grad(half), x()), X * X + X)


def test_a_value_that_does_not_depend_on_the_argument() -> None:
    close(both(grad(lambda v: brasa.ones(())), x()), 0 * X)
    result, moved = jvp(lambda v: brasa.arange(3), (x(),), (x(),))
    assert moved.dtype is brasa.int64 and moved.tolist() == [0, 0, 0]
    assert result.tolist() == [0, 1, 2]


MATRIX = np.arange(12.0).reshape(3, 4) / 7


def both_ways(v: Tensor) -> Tensor:
    return (brasa.tensor(MATRIX) @ v).exp()


JACOBIAN = np.exp(MATRIX @ X)[:, None] * MATRIX


def test_vjp_and_what_it_gives_can_be_mapped() -> None:
    result, pull = vjp(both_ways, x())
    close(result, np.exp(MATRIX @ X))
    close(pull(brasa.tensor([1.0, 2.0, 3.0], dtype=brasa.float64)), JACOBIAN.T @ [1, 2, 3])
    close(both(vmap(pull), brasa.eye(3, dtype=brasa.float64)), JACOBIAN)
    (one, two), pull, aux = vjp(lambda a, b: ((a * b, a.sum()), a), x(), x() + 1, has_aux=True)
    of_a, of_b = pull((brasa.ones_like(one), two))
    close(of_a, X + 1 + X.sum())
    close(of_b, X)
    close(aux, X)


def test_a_pullback_is_of_the_arguments_that_were_given() -> None:
    given = x()
    _, pull = vjp(lambda v: v * v, given.clone())
    close(pull(brasa.ones_like(given)), 2 * X)
    close(grad(lambda v: vjp(lambda u: u**3, v)[1](v).sum())(given), 9 * X * X)


def test_jvp_and_linearize() -> None:
    t = np.array([1.0, -1.0, 0.5, 2.0])
    result, moved = both(lambda v, t: jvp(both_ways, (v,), (t,)), x(), brasa.tensor(t))
    close(result, np.exp(MATRIX @ X))
    close(moved, JACOBIAN @ t)
    value, push = linearize(both_ways, x())
    same_bits(value, result)
    close(push(brasa.tensor(t)), JACOBIAN @ t)
    close(vmap(push)(brasa.eye(4, dtype=brasa.float64)).T, JACOBIAN)
    _, second, aux = jvp(lambda v: (jvp(wave, (v,), (v,))[1], v), (x(),), (x(),), has_aux=True)
    close(second, (X * (X * (2 * np.sin(X) + 4 * X * np.cos(X) - X * X * np.sin(X))
                        + 2 * X * np.sin(X) + X * X * np.cos(X))).sum())  # fmt: skip
    close(aux, X)


def test_a_loop_of_unknown_length_moves() -> None:
    def halve(v: Tensor) -> Any:
        return brasa.while_loop(lambda u: u.sum() > 1, lambda u: u * 0.5, (v,))[0]

    _, moved = both(lambda v: jvp(halve, (v,), (v,)), x())
    close(moved, X / 4)
    with pytest.raises(GradientError, match="while_loop: has no gradient"):
        grad(lambda v: halve(v).sum())(x())


def test_a_jacobian_in_chunks() -> None:
    close(both(jacrev(both_ways, chunk_size=2), x()), JACOBIAN)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians(jacobian: Any) -> None:
    close(jacobian(both_ways)(x()), JACOBIAN)

    def pair(a: Tensor, tree: Any) -> Any:
        return {"outer": a[:, None] * tree[0], "sum": a.sum() + (tree[1] ** 2).sum()}

    tree = (brasa.tensor(X[:2]), x())
    made = both(lambda a, tree: jacobian(pair, argnums=(0, 1))(a, tree)["outer"], x(), tree)
    close(made[0], np.einsum("ik,j->ijk", np.eye(4), X[:2]))
    close(made[1][0], np.einsum("i,jk->ijk", X, np.eye(2)))
    close(made[1][1], np.zeros((4, 2, 4)))
    whole, aux = jacobian(lambda a, tree: (pair(a, tree), a), argnums=1, has_aux=True)(x(), tree)
    close(whole["sum"][1], 2 * X)
    close(aux, X)


def test_hessians() -> None:
    want = np.diag(2 * np.sin(X) + 4 * X * np.cos(X) - X * X * np.sin(X))
    close(both(hessian(wave), x()), want)
    for outer, inner in ((jacrev, jacfwd), (jacfwd, jacfwd)):
        close(outer(inner(wave))(x()), want)
    blocks = hessian(lambda a, b: (a * b * b).sum(), argnums=(0, 1))(x(), x() + 1)
    for block, diagonal in zip(flat(blocks), (0 * X, 2 * (X + 1), 2 * (X + 1), 2 * X), strict=True):
        close(block, np.diag(diagonal))
    each = vmap(hessian(wave))(brasa.stack([x(), x() * 2]))
    same_bits(each[0], hessian(wave)(x()))


def test_writes_to_what_is_closed_over() -> None:
    calls, kept = brasa.zeros(()), brasa.zeros(4, dtype=brasa.float64)

    def counted(v: Tensor) -> Tensor:
        calls.add_(1)
        kept[1:] = v.detach()[1:] * calls
        return (v * kept).sum()

    for call in (grad(counted), brasa.compile(grad(counted), fullgraph=True)):
        calls.zero_()
        for step in range(1, 5):
            close(call(x()), np.where(np.arange(4) > 0, X * step, 0))
        assert calls.item() == 4
    assert not kept.requires_grad


def test_complex_arguments() -> None:
    z = brasa.tensor(X + 1j)
    close(grad(lambda v: (v * v.conj()).real.sum())(z), 2 * (X + 1j))
    close(jvp(lambda v: v * v, (z,), (z * 1j,))[1], 2j * (X + 1j) ** 2)


def test_random_numbers_are_those_of_a_plain_call() -> None:
    def noisy(v: Tensor) -> Tensor:
        return (brasa.randn(4, dtype=brasa.float64) * v).sum()

    brasa.manual_seed(3)
    first, second = grad(noisy)(x()), grad(noisy)(x())
    brasa.manual_seed(3)
    same_bits(first, brasa.randn(4, dtype=brasa.float64))
    same_bits(second, brasa.randn(4, dtype=brasa.float64))


WHOLE = x()
PART = WHOLE[1:]

ERRORS: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "grad: the function must return a scalar, it returned f64.4.": (
        ShapeError, lambda: grad(lambda v: v * 2)(x())),
    "grad: the function must return a tensor, not float": (ArgumentError, lambda: grad(lambda v: 1.0)(x())),
    "grad: the function must return a float, it returned i64": (
        ValueError, lambda: grad(lambda v: v.argmax())(x())),
    "grad: arguments to differentiate by must be floats, not i64": (
        ValueError, lambda: grad(wave)(brasa.arange(3))),
    "grad: arguments to differentiate by must be tensors, not float": (ArgumentError, lambda: grad(wave)(1.0)),
    "grad: argnums is 1, there are 1 positional arguments": (IndexError, lambda: grad(wave, 1)(x())),
    "grad: argnums must be an int or a tuple of ints": (ArgumentError, lambda: grad(wave, "x")(x())),
    r"grad: with has_aux the function returns \(result, aux\), not tensor": (
        ArgumentError, lambda: grad(wave, has_aux=True)(x())),
    "grad: the function asks for a value at": (BrasaError, lambda: grad(lambda v: v.sum() * v[0].item())(x())),
    "grad: the function writes in place to what it is differentiated by": (
        BrasaError, lambda: grad(lambda v: v.mul_(2).sum())(x())),
    "grad: what the function writes to a tensor outside of it has a gradient": (
        BrasaError, lambda: grad(lambda v, b: b.add_(v).sum())(x(), x())),
    "memory is written that is read through another tensor": (
        BrasaError, lambda: grad(lambda v: (PART.add_(1) * v).sum() + WHOLE.sum())(x()[1:])),
    "vjp: cotangents have f64.1. where results have f64.3.": (
        ValueError, lambda: vjp(both_ways, x())[1](brasa.ones(1, dtype=brasa.float64))),
    r"vjp: cotangents \(tensor,\) have another form than results tensor": (
        ValueError, lambda: vjp(both_ways, x())[1]((brasa.ones(3),))),
    "vjp: primals must be floats, not bool": (ValueError, lambda: vjp(both_ways, x() > 0)),
    "jvp: primals and tangents must be tuples": (ArgumentError, lambda: jvp(wave, x(), x())),
    "jvp: tangents have f32.4. where primals have f64.4.": (
        ValueError, lambda: jvp(wave, (x(),), (brasa.ones(4),))),
    "jacrev: results must be floats, not i64": (ValueError, lambda: jacrev(lambda v: v.argmax())(x())),
    "jacfwd: random numbers|vmap: random numbers": (
        BrasaError, lambda: jacfwd(lambda v: v * brasa.rand(4, dtype=v.dtype))(x())),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_what_transforms_refuse(message: str) -> None:
    kind, call = ERRORS[message]
    with pytest.raises(kind, match=message):
        call()
