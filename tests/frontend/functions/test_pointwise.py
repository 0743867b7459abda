"""Elementwise functions against NumPy: values, gradients, promotion, edges, operators and errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import brasa
from brasa import Tensor
from brasa.ir.errors import ArgumentError, BrasaError, DTypeError
from tests.frontend.functions.harness import Array, Case, check, check_values

RNG = np.random.default_rng(11)
X = RNG.normal(size=(3, 5)) * 1.3
Y = RNG.normal(size=5) * 1.1
UNIT = RNG.uniform(-0.9, 0.9, (3, 5))
POSITIVE = RNG.uniform(0.3, 3, (3, 5))


def clipped_logit(p: Array) -> Array:
    inner = np.clip(p, 0.2, 0.8)
    return np.log(inner / (1 - inner))


SMOOTH: dict[str, Case] = {
    "exp2": Case(brasa.exp2, np.exp2, [X]),
    "log2": Case(brasa.log2, np.log2, [POSITIVE]),
    "log10": Case(brasa.log10, np.log10, [POSITIVE]),
    "tan": Case(brasa.tan, np.tan, [UNIT]),
    "asin": Case(brasa.asin, np.arcsin, [UNIT]),
    "acos": Case(brasa.acos, np.arccos, [UNIT]),
    "atan": Case(brasa.atan, np.arctan, [X]),
    "atan2": Case(brasa.atan2, np.arctan2, [X, Y]),
    "sinh": Case(brasa.sinh, np.sinh, [X]),
    "cosh": Case(brasa.cosh, np.cosh, [X]),
    "asinh": Case(brasa.asinh, np.arcsinh, [X]),
    "acosh": Case(brasa.acosh, np.arccosh, [POSITIVE + 1]),
    "atanh": Case(brasa.atanh, np.arctanh, [UNIT]),
    "hypot": Case(brasa.hypot, np.hypot, [X, Y]),
    "sinc": Case(brasa.sinc, np.sinc, [X]),
    "deg2rad": Case(brasa.deg2rad, np.deg2rad, [X]),
    "rad2deg": Case(brasa.rad2deg, np.rad2deg, [X]),
    "logit": Case(brasa.logit, lambda p: np.log(p / (1 - p)), [(UNIT + 1) / 2]),
    "logit_eps": Case(lambda x: brasa.logit(x, 0.2), clipped_logit,
                      [(UNIT + 1) / 2]),
    "sigmoid": Case(brasa.sigmoid, lambda x: 1 / (1 + np.exp(-x)), [X * 3]),
    "logaddexp": Case(brasa.logaddexp, np.logaddexp, [X, X[::-1]]),
    "logaddexp2": Case(brasa.logaddexp2, np.logaddexp2, [X, X[::-1]]),
    "xlogy": Case(brasa.xlogy, lambda x, y: x * np.log(y), [X, POSITIVE]),
    "square": Case(brasa.square, np.square, [X]),
    "rsqrt": Case(brasa.rsqrt, lambda x: 1 / np.sqrt(x), [POSITIVE]),
    "float_power": Case(brasa.float_power, np.float_power, [POSITIVE.astype(np.float64), Y]),
    "lerp": Case(brasa.lerp, lambda x, y, w: x + w * (y - x), [X, X[::-1], POSITIVE / 3]),
    "addcmul": Case(lambda x, y, z: brasa.addcmul(x, y, z, value=0.5), lambda x, y, z: x + 0.5 * y * z, [X, UNIT, Y]),
    "addcdiv": Case(lambda x, y, z: brasa.addcdiv(x, y, z, value=2), lambda x, y, z: x + 2 * y / z,
                    [X, UNIT, POSITIVE]),
    "rsub": Case(lambda x: brasa.rsub(x, 2.0, alpha=3), lambda x: 2 - 3 * x, [X]),
    "copysign": Case(brasa.copysign, np.copysign, [X, Y]),
    "fmod": Case(brasa.fmod, np.fmod, [X, POSITIVE]),
    "frac": Case(brasa.frac, lambda x: x - np.trunc(x), [X]),
    "ldexp": Case(lambda x: brasa.ldexp(x, brasa.tensor([1, -2, 3, 0, 5])),
                  lambda x: x * 2.0 ** np.array([1, -2, 3, 0, 5]), [X]),
    "fmax": Case(brasa.fmax, np.fmax, [X, Y]),
    "fmin": Case(brasa.fmin, np.fmin, [X, Y]),
    "clamp_tensors": Case(brasa.clamp, np.clip, [X, UNIT - 1, UNIT + 1]),
    "clamp_min": Case(lambda x: brasa.clamp_min(x, 0.1), lambda x: np.maximum(x, 0.1), [X]),
    "clamp_max": Case(lambda x: brasa.clamp_max(x, 0.1), lambda x: np.minimum(x, 0.1), [X]),
    "round_decimals": Case(lambda x: brasa.round(x, decimals=1), lambda x: np.round(x, 1), [X]),
    "nan_to_num": Case(brasa.nan_to_num, np.nan_to_num, [X]),
    "trunc_division": Case(lambda x, y: brasa.div(x, y, rounding_mode="trunc"), lambda x, y: np.trunc(x / y),
                           [X * 9, POSITIVE]),
    "frexp": Case(lambda x: brasa.frexp(x).mantissa, lambda x: np.frexp(x)[0], [X * 100]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_values_and_gradients(name: str) -> None:
    check(SMOOTH[name])


@pytest.mark.parametrize("name", ["exp2", "log10", "atan2", "sigmoid", "hypot", "addcmul", "lerp", "fmod"])
def test_in_single_precision(name: str) -> None:
    case = SMOOTH[name]
    check_values(case._replace(arrays=[np.asarray(each, np.float32) for each in case.arrays]))


FINITE = [0.0, -0.0, 1.0, -2.5, 0.5, 1e-310, -3e300]
SPECIAL = np.array([*FINITE, math.inf, -math.inf, math.nan])
PAIRS = [np.repeat(SPECIAL, len(SPECIAL)), np.tile(SPECIAL, len(SPECIAL))]

ON_SPECIAL_VALUES: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Array]]] = {
    "signbit": (brasa.signbit, np.signbit, [SPECIAL]),
    "copysign": (brasa.copysign, np.copysign, PAIRS),
    "nextafter": (brasa.nextafter, np.nextafter, PAIRS),
    "fmod": (brasa.fmod, np.fmod, PAIRS),
    "fmax": (brasa.fmax, np.fmax, PAIRS),
    "fmin": (brasa.fmin, np.fmin, PAIRS),
    "hypot": (brasa.hypot, np.hypot, PAIRS),
    "atan2": (brasa.atan2, np.arctan2, PAIRS),
    "heaviside": (brasa.heaviside, lambda x, y: np.where(x == 0, y, np.where(x > 0, 1.0, 0.0)), PAIRS),
    "isposinf": (brasa.isposinf, np.isposinf, [SPECIAL]),
    "isneginf": (brasa.isneginf, np.isneginf, [SPECIAL]),
    "isfinite": (brasa.isfinite, np.isfinite, [SPECIAL]),
    "nan_to_num": (brasa.nan_to_num, np.nan_to_num, [SPECIAL]),
    "isclose": (lambda x, y: brasa.isclose(x, y, equal_nan=True), lambda x, y: np.isclose(x, y, equal_nan=True), PAIRS),
    "frexp": (brasa.frexp, np.frexp, [SPECIAL[:-3]]),
    "maximum": (brasa.maximum, np.maximum, PAIRS),
    "clamp": (lambda x: brasa.clamp(x, -1, 2), lambda x: np.clip(x, -1, 2), [SPECIAL]),
}


@pytest.mark.parametrize("name", ON_SPECIAL_VALUES)
def test_special_values(name: str) -> None:
    call, reference, operands = ON_SPECIAL_VALUES[name]
    with np.errstate(all="ignore"):
        check_values(Case(call, reference, operands, tolerance=1e-15))


@pytest.mark.parametrize("call", [brasa.signbit, brasa.nextafter, brasa.frexp])
def test_bits_of_halves(call: Callable[..., Any]) -> None:
    """Every number of the format has a neighbour, and a fraction with an exponent."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    x = brasa.tensor(every)
    if call is brasa.signbit:
        np.testing.assert_array_equal(call(x).numpy(), np.signbit(every))
    elif call is brasa.nextafter:
        zero = np.zeros_like(every)
        np.testing.assert_array_equal(call(x, brasa.tensor(zero)).numpy(), np.nextafter(every, zero))
    else:
        mantissa, exponent = (each.numpy() for each in call(x))
        finite = np.isfinite(every)
        np.testing.assert_array_equal(np.ldexp(mantissa.astype(np.float64), exponent)[finite], every[finite])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_shape(data: st.DataObject) -> None:
    """Broadcast shapes, empty and zero-dim ones included, and layouts that are not row-major."""
    shapes = data.draw(arrays.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4, max_dims=3))
    x, y = (np.asarray(RNG.normal(size=shape), np.float32) for shape in shapes.input_shapes)
    left, right = brasa.tensor(x), brasa.tensor(y)
    if x.ndim > 1 and data.draw(st.booleans()):
        left = brasa.tensor(np.ascontiguousarray(x.swapaxes(0, 1))).transpose(0, 1)
    np.testing.assert_allclose(brasa.atan2(left, right).numpy(), np.arctan2(x, y), rtol=1e-6)
    np.testing.assert_array_equal(brasa.copysign(left, right).numpy(), np.copysign(x, y))
    np.testing.assert_array_equal(brasa.fmod(left, right).numpy(), np.fmod(x, y))


# The dtype of a result, by the dtypes of the operands; numbers are Python's.
PROMOTIONS: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (brasa.div, ("int64", "int64"), "float32"),
    (brasa.add, ("bool", "bool"), "bool"),
    (brasa.mul, ("uint8", "int8"), "int16"),
    (brasa.exp2, ("int32",), "float32"),
    (brasa.atan2, ("int64", "float64"), "float64"),
    (brasa.add, ("int8", 1.5), "float32"),
    (brasa.add, ("float16", 1.5), "float16"),
    (brasa.add, ("bool", 1), "int64"),
    (brasa.float_power, ("int32", 2), "float64"),
    (brasa.clamp, ("int64", 0.5), "float32"),
    (brasa.floor, ("int32",), "int32"),
    (brasa.sigmoid, ("bool",), "float32"),
    (brasa.hypot, ("float16", "float16"), "float16"),
    (brasa.copysign, ("int64", -1.0), "float32"),
    (brasa.logical_and, ("float32", "int8"), "bool"),
    (brasa.eq, ("bfloat16", 1), "bool"),
    (brasa.lerp, ("bfloat16", "bfloat16", 0.5), "bfloat16"),
    (brasa.sign, ("bool",), "bool"),
    (brasa.frac, ("float64",), "float64"),
]


@pytest.mark.parametrize(("call", "operands", "wanted"), PROMOTIONS)
def test_promotion(call: Callable[..., Any], operands: tuple[Any, ...], wanted: str) -> None:
    made = [brasa.tensor([1, 0]).to(getattr(brasa, each)) if isinstance(each, str) else each for each in operands]
    assert call(*made).dtype is getattr(brasa, wanted)


def test_integers_wrap_and_round_toward_the_mode() -> None:
    x, y = np.array([7, -7, 7, -7, 127, -128], np.int8), np.array([2, 2, -2, -2, 3, -1], np.int8)
    a, b = brasa.tensor(x), brasa.tensor(y)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal((a // b).numpy(), np.floor_divide(x, y))
        np.testing.assert_array_equal((a % b).numpy(), np.remainder(x, y))
        np.testing.assert_array_equal(brasa.fmod(a, b).numpy(), np.fmod(x, y))
    truncated = brasa.div(a, b, rounding_mode="trunc").numpy()
    np.testing.assert_array_equal(truncated[:5], [3, -3, -3, 3, 42])


@pytest.mark.parametrize("compiled", [False, True])
def test_integers_are_not_divided_by_zero(compiled: bool) -> None:
    calls = (lambda x, y: x // y, lambda x, y: x % y, brasa.fmod, lambda x, y: brasa.div(x, y, rounding_mode="trunc"))
    for call in calls:
        run = brasa.compile(call, fullgraph=True) if compiled else call
        with pytest.raises(BrasaError, match=r"division by zero \(at element 2"):
            run(brasa.tensor([1, 2, 3]), brasa.tensor([1, 2, 0]))
        assert run(brasa.zeros(0, 3, dtype=brasa.int64), brasa.tensor([0])).shape == (0, 3)
    assert (brasa.tensor([1.0]) // brasa.tensor([0.0])).item() == math.inf


def test_operators_in_place_and_from_the_right() -> None:
    x = brasa.tensor([5, 6, 7])
    assert (2**x).tolist() == [32, 64, 128]
    assert (20 // x).tolist() == [4, 3, 2]
    assert (20 % x).tolist() == [0, 2, 6]
    assert (1 << x).tolist() == [32, 64, 128]
    assert (np.int64(3) * x).tolist() == [15, 18, 21]
    same = x
    x //= 2
    x <<= 1
    x |= 1
    x %= 6
    x **= 2
    x ^= 3
    assert same is x
    assert x.tolist() == [26, 2, 2]
    flags = brasa.tensor([1.5, 0.0])
    assert flags.logical_and_(brasa.tensor([2.0, 3.0])).tolist() == [1.0, 0.0]
    assert flags.eq_(1.0).tolist() == [1.0, 0.0]


def test_closeness() -> None:
    x = brasa.tensor([1.0, math.nan])
    assert not brasa.allclose(x, x)
    assert brasa.allclose(x, x, equal_nan=True)
    assert brasa.equal(x[:1], x[:1])
    assert not brasa.equal(x, x)
    assert not brasa.equal(x, x[:1])


def gradient(call: Callable[..., Tensor], *values: float) -> list[float]:
    tensors = [brasa.tensor([value], requires_grad=True) for value in values]
    call(*tensors).sum().backward()
    return [0.0 if each.grad is None else each.grad.item() for each in tensors]


# Subgradients where there is a kink, as PyTorch's.
KINKS: list[tuple[Callable[..., Tensor], tuple[float, ...], list[float]]] = [
    (brasa.abs, (0.0,), [0.0]), (brasa.maximum, (1.0, 1.0), [0.5, 0.5]), (brasa.fmax, (1.0, 1.0), [1.0, 0.0]),
    (brasa.relu, (0.0,), [0.0]), (lambda x: brasa.clamp(x, 0.0, 1.0), (1.0,), [1.0]), (brasa.sigmoid, (0.0,), [0.25]),
    (brasa.sigmoid, (-200.0,), [0.0]), (brasa.sigmoid, (200.0,), [0.0]), (brasa.copysign, (0.0, -1.0), [0.0, 0.0]),
    (brasa.logaddexp, (2.0, 2.0), [0.5, 0.5]), (brasa.sinc, (0.0,), [0.0]), (brasa.xlogy, (0.0, 0.0), [0.0, 0.0]),
    (brasa.nextafter, (1.0, 2.0), [1.0, 0.0]), (lambda x: x**0.0, (0.0,), [0.0]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "values", "wanted"), KINKS)
def test_kinks(call: Callable[..., Tensor], values: tuple[float, ...], wanted: list[float]) -> None:
    assert gradient(call, *values) == wanted


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: brasa.tensor([True]) - brasa.tensor([True]), DTypeError, "subtraction is not defined for bool"),
    (lambda: -brasa.tensor([True]), DTypeError, "negation is not defined for bool"),
    (lambda: brasa.add(brasa.tensor([1]), 1, alpha=1.5), BrasaError, "alpha is float, but the result is int"),
    (lambda: brasa.tensor([2]) ** -1, BrasaError, "an integer has no integer power -1"),
    (lambda: brasa.div(brasa.tensor([1.0]), 2, rounding_mode="up"), BrasaError, "rounding_mode must be None"),
    (lambda: brasa.clamp(brasa.tensor([1.0])), BrasaError, "needs min or max"),
    (lambda: brasa.pow(2, 3), ArgumentError, "one of the operands must be a tensor"),
    (lambda: brasa.eq(2, brasa.tensor([1])), ArgumentError, "input must be a tensor"),
    (lambda: brasa.heaviside(brasa.tensor([1.0]), brasa.tensor([1])), BrasaError, "dtypes differ, f32 and i64"),
    (lambda: brasa.isclose(brasa.tensor([1.0]), brasa.tensor([1])), BrasaError, "dtypes differ, f32 and i64"),
    (lambda: brasa.round(brasa.tensor([1]), decimals=1), DTypeError, "i64 has no decimals"),
    (lambda: brasa.frexp(brasa.tensor([1])), BrasaError, "is not defined for i64"),
    (lambda: brasa.addcdiv(*[brasa.tensor([1])] * 3), BrasaError, "integers are not divided"),
    (lambda: brasa.polygamma(-1, brasa.tensor([1.0])), BrasaError, "n must not be negative"),
    (lambda: brasa.mvlgamma(brasa.tensor([1.0]), 0), BrasaError, "p must be positive"),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
