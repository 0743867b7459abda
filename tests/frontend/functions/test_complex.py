"""Complex numbers: their parts, arithmetic and functions, views of parts, and Python's complex numbers as operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brasa
from brasa import Tensor
from tests.frontend.functions.harness import Case, check, check_values, same_bits

RNG = np.random.default_rng(11)


def numbers(*shape: int, dtype: Any = np.complex128) -> Any:
    """Numbers of all angles, away from 0 and from where functions have their cuts."""
    size, angle = RNG.uniform(0.4, 2, shape), RNG.uniform(0.2, 2.9, shape) * RNG.choice([-1, 1], shape)
    return np.asarray(size * np.exp(1j * angle), dtype)


def reals(*shape: int) -> Any:
    return RNG.normal(size=shape)


X, Y = numbers(2, 3), numbers(3)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10,
    "exp2": np.exp2, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "square": np.square, "reciprocal": np.reciprocal, "abs": np.abs,
    "angle": np.angle, "sgn": lambda x: x / np.abs(x), "neg": np.negative, "conj": np.conj,
    "conj_physical": np.conj, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "rsqrt": lambda x: 1 / np.sqrt(x),
    "real": np.real, "imag": np.imag, "positive": np.positive, "resolve_conj": np.positive,
    "resolve_neg": np.positive, "isreal": np.isreal, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    "view_as_real": lambda x: np.stack([x.real, x.imag], -1), "adjoint": lambda x: x.conj().T,
}  # fmt: skip


COMPILED = {"exp", "log", "sqrt", "tanh", "abs", "angle", "sgn", "real", "conj", "view_as_real"}
SINGLE = ("exp", "log", "sqrt", "sin", "atanh", "abs", "angle", "reciprocal")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    gradient = not name.startswith("is")
    check(Case(getattr(brasa, name), FUNCTIONS[name], [X], gradient=gradient, compiled=name in COMPILED))


def test_single_precision() -> None:
    for name in SINGLE:
        check_values(Case(getattr(brasa, name), FUNCTIONS[name], [X.astype(np.complex64)], compiled=False))


OTHERS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Any]]] = {
    "add": (brasa.add, np.add, [X, Y]),
    "sub": (lambda x, y: brasa.sub(x, y, alpha=2), lambda x, y: x - 2 * y, [X, Y]),
    "mul": (brasa.mul, np.multiply, [X, Y]),
    "mul_real": (brasa.mul, np.multiply, [X, reals(3)]),
    "div": (brasa.div, np.divide, [X, Y]),
    "div_by_real": (brasa.div, np.divide, [X, reals(3)]),
    "pow": (brasa.pow, np.power, [X, Y]),
    "pow_number": (lambda x: x**3 + x**-1.5 + x**2j, lambda x: x**3 + x**-1.5 + x**2j, [X]),
    "numbers": (lambda x: (x * 2j + (1 - 1j)) / 3j, lambda x: (x * 2j + (1 - 1j)) / 3j, [X]),
    "real_and_number": (lambda x: x * 2j, lambda x: x * 2j, [reals(4)]),
    "where": (lambda x, y: brasa.where(brasa.real(x) > 0, x, y), lambda x, y: np.where(x.real > 0, x, y), [X, Y]),
    "sum": (lambda x: x.sum(0), lambda x: x.sum(0), [X]),
    "mean": (lambda x: x.mean(1), lambda x: x.mean(1), [X]),
    "prod": (lambda x: x.prod(1), lambda x: x.prod(1), [X]),
    "prod_of_all": (lambda x: x.prod(), lambda x: x.prod(), [numbers(5)]),
    "cumsum": (lambda x: x.cumsum(1), lambda x: x.cumsum(1), [X]),
    "cumprod": (lambda x: x.cumprod(0), lambda x: x.cumprod(0), [numbers(5, 2)]),
    "var": (lambda x: x.var(1), lambda x: x.var(1, ddof=1), [X]),
    "std": (lambda x: x.std(), lambda x: x.std(ddof=1), [X]),
    "matmul": (brasa.matmul, np.matmul, [numbers(2, 3), numbers(3, 2)]),
    "dot": (brasa.dot, np.dot, [Y, numbers(3)]),
    "vdot": (brasa.vdot, np.vdot, [Y, numbers(3)]),
    "outer": (brasa.outer, np.outer, [Y, numbers(2)]),
    "complex": (brasa.complex, lambda x, y: x + 1j * y, [reals(2, 3), reals(3)]),
    "polar": (brasa.polar, lambda x, y: x * np.exp(1j * y), [np.abs(reals(2, 3)), reals(3)]),
    "view_as_complex": (brasa.view_as_complex, lambda x: x[..., 0] + 1j * x[..., 1], [reals(3, 2)]),
    "angle_of_real": (brasa.angle, np.angle, [reals(5)]),
    "cat": (lambda x, y: brasa.cat([x, y.real, y]), lambda x, y: np.concatenate([x, y.real, y]), [Y, numbers(2)]),
    "strided": (lambda x: x.T[::2] * x.mH[1:], lambda x: x.T[::2] * x.conj().T[1:], [numbers(2, 3)[:, :3]]),
    "H": (lambda x: x.H * 2, lambda x: x.conj().T * 2, [X]),
    "eq": (brasa.eq, np.equal, [X, X.real + 0j]),
    "cast": (lambda x: x.to(brasa.complex64).to(brasa.float64), lambda x: x.astype(np.complex64).real, [X]),
    "empty": (lambda x: brasa.exp(x) * x, lambda x: np.exp(x) * x, [numbers(0, 3)]),
    "zero_dim": (lambda x: brasa.exp(x) * x.conj(), lambda x: np.exp(x) * x.conj(), [numbers()]),
}  # fmt: skip
# To save time:
EAGER_ALONE = {"matmul", "pow", "prod", "cumprod", "pow_number", "numbers", "std", "prod_of_all", "outer", "dot"}
NOT_DIFFERENTIABLE = {"eq", "cast", "empty"}  # the cast rounds to single precision


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    call, reference, arrays = OTHERS[name]
    check(Case(call, reference, arrays, gradient=name not in NOT_DIFFERENTIABLE, compiled=name not in EAGER_ALONE))


@given(
    st.lists(st.complex_numbers(max_magnitude=1e100, allow_subnormal=False), min_size=1, max_size=4),
    st.complex_numbers(min_magnitude=1e-100, max_magnitude=1e100, allow_subnormal=False),
)
def test_division_and_size_do_not_overflow(values: list[complex], divisor: complex) -> None:
    x = brasa.tensor(values, dtype=brasa.complex128)
    np.testing.assert_allclose((x / divisor).numpy(), np.array(values) / divisor, rtol=1e-12)
    np.testing.assert_allclose(abs(x).numpy(), np.abs(np.array(values)), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "cut"), [("sqrt", -4), ("log", -4), ("asin", 2), ("acos", 2), ("acosh", -2), ("atanh", 2), ("asinh", 2j)]
)
def test_cuts(name: str, cut: complex) -> None:
    """On a cut the sign of the zero part says which side is meant."""
    sides = [complex(cut.real, 0.0), complex(cut.real, -0.0)] if not cut.imag else [cut, complex(-0.0, cut.imag)]
    got = getattr(brasa, name)(brasa.tensor(sides, dtype=brasa.complex128)).numpy()
    np.testing.assert_allclose(got, FUNCTIONS[name](np.array(sides)), rtol=1e-14, atol=1e-15)


def test_gradients_at_zero() -> None:
    for name in ("abs", "angle", "sgn"):
        x = brasa.zeros(2, dtype=brasa.complex64, requires_grad=True)
        brasa.view_as_real(getattr(brasa, name)(x) + 0j).sum().backward()
        assert x.grad is not None and x.grad.tolist() == [0j, 0j], name


def test_parts_share_memory() -> None:
    x = brasa.tensor([1 + 2j, 3 - 1j])
    assert x.real.data_ptr() == x.data_ptr() and x.imag.data_ptr() == x.data_ptr() + 4
    assert brasa.view_as_complex(brasa.view_as_real(x)).data_ptr() == x.data_ptr()
    x.imag[0] = 7
    x.real = brasa.tensor([0.0, 5.0])
    assert x.tolist() == [7j, 5 - 1j]


def scaled_parts(x: Tensor) -> Tensor:
    y = x * 1
    y.imag.mul_(3)
    y.real[0] = 5
    return y * y.conj()


def test_writes_through_parts() -> None:
    x = brasa.tensor(X[0], requires_grad=True)
    y = x.detach().clone().requires_grad_()
    one, other = scaled_parts(x), brasa.compile(scaled_parts, fullgraph=True)(y)
    same_bits(one, other)
    one.real.sum().backward()
    other.real.sum().backward()
    want = 2 * X[0].real + 18j * X[0].imag
    want[0] -= 2 * X[0].real[0]
    np.testing.assert_allclose(x.grad.numpy(), want)
    same_bits(x.grad, y.grad)


def test_a_part_that_was_written_has_gradients() -> None:
    x = brasa.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    y = x * 1
    part = y.imag
    part.mul_(3)
    assert part.requires_grad
    (part * part).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [36j, -18j]


def test_real_operands_have_real_gradients() -> None:
    x, z = brasa.tensor([1.0, 2.0], requires_grad=True), brasa.tensor([1 + 1j, 2 - 1j], requires_grad=True)
    abs(x * z).sum().backward()
    assert x.grad is not None and x.grad.dtype is brasa.float32
    assert z.grad is not None and z.grad.dtype is brasa.complex64
    np.testing.assert_allclose(x.grad.numpy(), np.abs(z.detach().numpy()), rtol=1e-6)


def test_in_place_and_out() -> None:
    x = brasa.tensor([1 + 2j, 3 - 1j])
    x.mul_(1j).add_(1).conj_physical_()
    assert x.tolist() == [-1 - 1j, 2 - 3j]
    out = brasa.empty(2, dtype=brasa.complex64)
    assert brasa.complex(brasa.ones(2), brasa.ones(2), out=out) is out and out.tolist() == [1 + 1j, 1 + 1j]
    with pytest.raises(brasa.BrasaError, match="c64 cannot be written"):
        brasa.ones(2).mul_(1j)


def test_numbers_promote_as_a_category() -> None:
    assert (brasa.tensor([1, 2]) * 1j).dtype is brasa.complex64
    assert (1j + brasa.tensor([1.0])).dtype is brasa.complex64
    assert (brasa.tensor([1.0], dtype=brasa.float64) * 1j).dtype is brasa.complex128
    assert (brasa.tensor([1j]) * brasa.tensor([1.0], dtype=brasa.float64)).dtype is brasa.complex128
    calls = brasa.compile(lambda x, number: x * number, fullgraph=True)
    assert [calls(brasa.tensor([1.0]), number).tolist() for number in (1j, 2j, 1j)] == [[1j], [2j], [1j]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: brasa.imag(brasa.ones(2)), "imag: the tensor is f32, not complex"),
        (lambda: brasa.view_as_real(brasa.ones(2)), "view_as_real: the tensor is f32, not complex"),
        (lambda: brasa.view_as_complex(brasa.ones(2, 3)), "does not hold the two parts"),
        (lambda: brasa.view_as_complex(brasa.ones(2, 2).T[:, :1].expand(2, 2)), "do not lie next to each other"),
        (lambda: brasa.view_as_complex(brasa.ones(2, dtype=brasa.int64)), "is i64, not float32 or float64"),
        (lambda: brasa.complex(brasa.ones(1), brasa.ones(1, dtype=brasa.float64)), "not both f32 or both f64"),
        (lambda: brasa.polar(brasa.ones(1), brasa.ones(1, dtype=brasa.int64)), "not both f32 or both f64"),
        (lambda: brasa.ones(1, 2, 3).H, "is for matrices"),
        (lambda: brasa.tensor([1j]) < brasa.tensor([2j]), "lt: is not defined for c64"),
        (lambda: brasa.tensor([1j], requires_grad=True).exp().backward(), "a gradient can be left out"),
    ],
)
def test_errors(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(brasa.BrasaError, match=message):
        call()


def test_printed_as_pairs() -> None:
    assert repr(brasa.tensor([1 + 2j, 3 - 1j])) == "tensor([1.+2.j, 3.-1.j])"
    assert repr(brasa.tensor([0.5 + 2j], dtype=brasa.complex128)) == "tensor([0.5000+2.j], dtype=brasa.complex128)"


def test_graphs_hold_complex_types() -> None:
    """A program's graphs speak of complex numbers until the pass that takes them apart; no kernel knows them."""
    from brasa.execution.stages import Stages
    from brasa.ir.ops import OPS
    from brasa.ir.parsing import parse

    text = "graph f(x: c64[n]) {\n  %0: c64[] = constant(value=complex(1.0, 2.0))\n  %1: c64[n] = expand(%0, shape=[n])"
    graph = parse(f"{text}\n  %2: c64[n] = mul(x, %1)\n  return %2\n}}", OPS)
    assert str(parse(str(graph), OPS)) == str(graph)
    stages = Stages(graph)
    assert "c64" in stages.text("autodiff") and "graph f(x: f32[n,2])" in stages.text("optimized")
    assert "c64" not in stages.text("kernels")


def test_random_numbers() -> None:
    brasa.manual_seed(3)
    x = brasa.randn(4000, dtype=brasa.complex64)
    for part in (x.real, x.imag):
        assert abs(part.mean().item()) < 0.05 and abs(part.var().item() - 0.5) < 0.05
    y = brasa.rand(100, dtype=brasa.complex128)
    assert y.dtype is brasa.complex128 and 0 <= y.imag.min().item() <= y.imag.max().item() < 1
    brasa.manual_seed(3)
    same_bits(x, brasa.compile(lambda: brasa.randn(4000, dtype=brasa.complex64), fullgraph=True)())
