"""Every scalar operation as CUDA text, run on the CPU, against NumPy and exact integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from brasa.codegen.cuda import emit_cuda
from brasa.ir import kernel
from brasa.ir.dtype import BY_NAME, DType, bool_, float32, float64, from_numpy, int32, int64
from brasa.ir.kernel import Expr, Kernel
from tests.codegen.cuda.host import HostModule, needs_compiler, run_kernel, same_bits
from tests.codegen.cuda.kernels import elementwise

FLOATS = [BY_NAME[name] for name in ("f32", "f64", "f16", "bf16")]
INTEGERS = [BY_NAME[name] for name in ("i8", "i16", "i32", "i64", "u8", "u32", "u64")]


@dataclass(frozen=True)
class Case:
    kernel: Kernel
    arrays: tuple[np.ndarray, ...]
    expected: np.ndarray

    def __str__(self) -> str:
        return self.kernel.name


def case(name: str, arrays: tuple[np.ndarray, ...], compute: Callable[..., Expr], expected: np.ndarray) -> Case:
    dtypes = [from_numpy(array.dtype) for array in arrays]
    return Case(elementwise(f"{name}_{dtypes[0].name}", dtypes, compute), arrays, expected)


def values(dtype: DType) -> np.ndarray:
    """Where arithmetic is most likely to go wrong."""
    random = np.random.default_rng(0)
    if dtype.kind == "bool":
        return np.array([False, True])
    if dtype.kind == "float":
        some = [0.0, np.inf, np.nan, 1.0, 2.5, 1e-40, 65519.0, 65520.0, 3e38, 2.0**31, 2.0**63, 2.0**64, 200.0]
        with np.errstate(over="ignore"):
            return np.array([sign * x for x in (*some, *random.normal(0, 3, 20)) for sign in (1, -1)], dtype.numpy)
    limits = np.iinfo(dtype.numpy)
    some = random.integers(limits.min, limits.max, 20, dtype.numpy, endpoint=True)
    return np.concatenate([np.array([limits.min, limits.max, 0, 1, 7], dtype.numpy), some])


def pairs(dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(values(dtype), values(dtype))
    return x.ravel(), y.ravel()


def rounded(exact: np.ndarray, dtype: DType) -> np.ndarray:
    """float64 to a narrower float with one rounding, where casts of NumPy's may make two."""
    digits, least = {"f16": (11, -13), "bf16": (8, -125)}[dtype.name]
    quantum = np.exp2(np.maximum(np.frexp(exact)[1], least) - digits)
    return np.where(np.isfinite(exact), np.rint(exact / quantum) * quantum, exact).astype(dtype.numpy)


def extremum(function: np.ufunc) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """NumPy's, but with -0 below +0."""

    def compute(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        negative = function(1 - np.signbit(x), 1 - np.signbit(y)) == 0
        return np.where((x == 0) & (y == 0), np.where(negative, -0.0, 0.0), function(x, y)).astype(x.dtype)

    return compute


UNARY = {"neg": np.negative, "abs": np.abs, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
         "round": np.rint}  # fmt: skip
BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
          "minimum": extremum(np.minimum), "maximum": extremum(np.maximum)}  # fmt: skip
INTEGER = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "minimum": np.minimum, "maximum": np.maximum,
           "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}  # fmt: skip
BOOL = {"minimum": np.logical_and, "maximum": np.logical_or, "and": np.logical_and, "or": np.logical_or,
        "xor": np.logical_xor}  # fmt: skip
COMPARE = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal}


def unary(op: str, x: np.ndarray, expected: np.ndarray) -> Case:
    return case(op, (x,), lambda a: kernel.unary(op, a), expected)


def binary(op: str, x: np.ndarray, y: np.ndarray, expected: np.ndarray) -> Case:
    return case(op, (x, y), lambda a, b: kernel.binary(op, a, b), expected)


def float_cases(dtype: DType) -> Iterator[Case]:
    x, y = pairs(dtype)
    wide = [array.astype(np.float64) if dtype.bits == 16 else array for array in (x, y)]
    finish = (lambda exact: rounded(exact, dtype)) if dtype.bits == 16 else (lambda exact: exact)
    for op, function in UNARY.items():
        yield unary(op, x, finish(function(wide[0])))
    for op, function in BINARY.items():
        yield binary(op, x, y, finish(function(*wide)))


def integer_cases(dtype: DType) -> Iterator[Case]:
    x, y = pairs(dtype)
    for op, function in {"neg": np.negative, "abs": np.abs, "not": np.invert}.items():
        yield unary(op, x, function(x))
    for op, function in INTEGER.items():
        yield binary(op, x, y, function(x, y))
    for op, function in {"shl": np.left_shift, "shr": np.right_shift}.items():
        yield binary(op, x, y, function(x, y))
        yield case(f"{op}_by_5", (x,), lambda a, op=op: kernel.binary(op, a, 5), function(x, x.dtype.type(5)))
    whole = [divided(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    for op, results in zip(("quotient", "modulo"), zip(*whole, strict=True), strict=True):
        yield binary(op, x, y, np.array([each % 2**64 for each in results], np.uint64).astype(x.dtype))


def divided(a: int, b: int) -> tuple[int, int]:
    """Quotient and remainder, rounded toward zero; zeros where there are none."""
    quotient = 0 if b == 0 else abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)
    return quotient, 0 if b == 0 else a - b * quotient


def bool_cases() -> Iterator[Case]:
    x, y = pairs(bool_)
    yield unary("not", x, ~x)
    for op, function in BOOL.items():
        yield binary(op, x, y, function(x, y))


def comparison_cases(dtype: DType) -> Iterator[Case]:
    x, y = pairs(dtype)
    for op, function in COMPARE.items():
        yield binary(op, x, y, function(x, y))
    yield case("select", (x, y), lambda a, b: kernel.select(a < b, b, a), np.where(x < y, y, x))


def cast_cases(source: DType) -> Iterator[Case]:
    x = values(source)
    for target in (*FLOATS, *INTEGERS, bool_):
        if source is target:
            continue
        if target.kind == "bool":
            expected = x != 0
        elif source.kind == "float" and target.kind != "float":
            limits = np.iinfo(target.numpy)
            whole = [0 if np.isnan(a) else limits.max if a > 2.0**70 else limits.min if a < -(2.0**70) else int(a)
                     for a in x.astype(np.float64)]  # fmt: skip
            expected = np.array([min(max(a, limits.min), limits.max) for a in whole], target.numpy)
        elif target.bits == 16 and target.kind == "float":
            expected = rounded(
                x.astype(np.float64 if source.kind == "float" else np.float32).astype(np.float64), target
            )
        else:
            expected = x.astype(target.numpy)
        yield case(f"to_{target.name}", (x,), lambda a, to=target: kernel.cast(a, to), expected)


def bitcast_cases() -> Iterator[Case]:
    for source in (*FLOATS, *INTEGERS):
        for target in (*FLOATS, *INTEGERS):
            if source.bits == target.bits and source is not target:
                x = values(source)
                yield case(f"as_{target.name}", (x,), lambda a, to=target: kernel.bitcast(a, to), x.view(target.numpy))


def fma_cases() -> Iterator[Case]:
    for dtype, wide in ((float32, np.float64), (float64, np.longdouble)):
        a, b, c = np.random.default_rng(1).normal(0, 1, (3, 500)).astype(dtype.numpy)
        exact = (a.astype(wide) * b.astype(wide) + c.astype(wide)).astype(dtype.numpy)
        assert (exact != a * b + c).any()
        yield case("fma", (a, b, c), kernel.fma, exact)


def all_cases() -> Iterator[Case]:
    with np.errstate(all="ignore"):
        for dtype in FLOATS:
            yield from float_cases(dtype)
        for dtype in INTEGERS:
            yield from integer_cases(dtype)
        for dtype in (*FLOATS, *INTEGERS, bool_):
            yield from comparison_cases(dtype)
            yield from cast_cases(dtype)
        yield from bool_cases()
        yield from bitcast_cases()
        yield from fma_cases()


CASES = list(all_cases())


@pytest.fixture(scope="module")
def module() -> HostModule:
    return HostModule(emit_cuda(case.kernel for case in CASES))


@needs_compiler
@pytest.mark.parametrize("case", CASES, ids=str)
def test_operation(case: Case, module: HostModule) -> None:
    out = np.empty_like(case.expected)
    run_kernel(module, case.kernel, (*case.arrays, out), (len(out),))
    same_bits(out, case.expected)


def test_constants_keep_their_width() -> None:
    def big(x: Expr) -> Expr:
        return kernel.select(x > 0, kernel.const(1 << 20, int64) * (1 << 20), kernel.const(-(1 << 63), int64))

    text = emit_cuda([elementwise("big", [int64], big)])
    assert "i64(1048576) * i64(1048576)" in text
    assert "(-9223372036854775807ll - 1)" in text


def test_unknown_operations_are_refused() -> None:
    def shuffle(x: Expr) -> Expr:
        return kernel.intrinsic("shuffle", (x,), int32)

    with pytest.raises(NotImplementedError, match="intrinsic shuffle has no CUDA text"):
        emit_cuda([elementwise("shuffled", [int32], shuffle)])
