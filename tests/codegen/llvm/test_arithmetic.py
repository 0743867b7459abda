"""Scalar operations of machine code against the interpreter, at the edges of every dtype, one lane and many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brasa.codegen.llvm import emit_program, host_target
from brasa.ir import kernel
from brasa.ir.dtype import (
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint32,
    uint64,
)
from brasa.ir.kernel import Expr
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.llvm.kernels import apply_elementwise, assert_agrees, edge_values, elementwise, pairs
from tests.codegen.llvm.native import native, program_of

FLOATS = (float16, bfloat16, float32, float64)
INTEGERS = (int8, int16, int32, int64, uint8, uint32, uint64)
name = pytest.mark.parametrize


@name("dtype", FLOATS, ids=repr)
@name("op", ("add", "sub", "mul", "div", "minimum", "maximum", *kernel.COMPARE))
def test_floats(op: str, dtype: DType) -> None:
    apply_elementwise([dtype, dtype], lambda x, y: kernel.binary(op, x, y), *pairs(dtype))


@name("dtype", INTEGERS, ids=repr)
@name("op", [op for op in (*kernel.BINARY, *kernel.COMPARE) if op != "div"])
def test_integers(op: str, dtype: DType) -> None:
    apply_elementwise([dtype, dtype], lambda x, y: kernel.binary(op, x, y), *pairs(dtype))


@name("op", ("and", "or", "xor", "minimum", "maximum", *kernel.COMPARE))
def test_truth(op: str) -> None:
    apply_elementwise([bool_, bool_], lambda x, y: kernel.binary(op, x, y), *pairs(bool_))


@name("dtype", FLOATS, ids=repr)
@name("op", ("neg", "abs", "sqrt", "floor", "ceil", "trunc", "round"))
def test_unary_of_floats(op: str, dtype: DType) -> None:
    apply_elementwise([dtype], lambda x: kernel.unary(op, x), np.array(edge_values(dtype), dtype.numpy))


@name("dtype", [*INTEGERS, bool_], ids=repr)
@name("op", ("neg", "abs", "not"))
def test_unary_of_integers(op: str, dtype: DType) -> None:
    if dtype is bool_ and op != "not":
        return
    apply_elementwise([dtype], lambda x: kernel.unary(op, x), np.array(edge_values(dtype), dtype.numpy))


@name("target", [bool_, *FLOATS, *INTEGERS], ids=repr)
@name("source", [bool_, *FLOATS, *INTEGERS], ids=repr)
def test_casts(source: DType, target: DType) -> None:
    values = np.array(edge_values(source), source.numpy)
    if source.kind == "float" and source.bits > 16:
        rng = np.random.default_rng(0)
        values = np.concatenate([values, near_ties(target, rng).astype(source.numpy)])
    apply_elementwise([source], lambda x: kernel.cast(x, target), values)


def near_ties(dtype: DType, rng: np.random.Generator) -> np.ndarray:
    """Doubles at and beside the middle between neighbours of the dtype: rounding twice would go wrong."""
    if dtype.kind != "float" or dtype.bits == 64:
        return rng.normal(size=40) * 200
    digits = {"f16": 11, "bf16": 8, "f32": 24}[dtype.name]
    middle = (2 * rng.integers(1 << (digits - 1), 1 << digits, 16) + 1) * 2.0 ** rng.integers(-40, 5, 16)
    return np.concatenate([middle, middle * (1 + 2.0**-50), middle * (1 - 2.0**-50), -middle * (1 - 2.0**-40)])


@name("constant", (0.0, -0.0, 1.5, float("inf"), float("nan")))
@name("op", ("minimum", "maximum"))
@name("turned", (False, True))
def test_extremum_with_a_constant(op: str, constant: float, turned: bool) -> None:
    def compute(x: Expr) -> Expr:
        limit = kernel.const(constant, float32)
        return kernel.binary(op, limit, x) if turned else kernel.binary(op, x, limit)

    apply_elementwise([float32], compute, np.array(edge_values(float32), np.float32))


@name("dtype", (float32, float64), ids=repr)
def test_fma(dtype: DType) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 60)).astype(dtype.numpy)
    apply_elementwise([dtype] * 3, kernel.fma, x, y, -(x * y))


@name("dtype", (float32, int32, uint64, bool_, bfloat16), ids=repr)
def test_select(dtype: DType) -> None:
    x, y = pairs(dtype)
    apply_elementwise([bool_, dtype, dtype], kernel.select, np.arange(x.size) % 3 == 0, x, y)


@name("types", ((float32, int32), (uint32, float32), (int64, float64), (float64, uint64), (uint8, int8)))
def test_bitcast(types: tuple[DType, DType]) -> None:
    source, target = types
    bits = np.frombuffer(np.random.default_rng(2).bytes(40 * source.itemsize), source.numpy)
    apply_elementwise([source], lambda x: kernel.bitcast(x, target), bits)


@name("by", (0, 1, 31))
def test_shifts_by_constants(by: int) -> None:
    values = np.array(edge_values(int32), np.int32)
    apply_elementwise([int32], lambda x: (x << by) ^ (x >> by), values)


@name("by", (1, -1, 0, 7, -7, 16))
@name("op", ("quotient", "modulo"))
def test_division_by_constants(op: str, by: int) -> None:
    values = np.array(edge_values(int32), np.int32)
    apply_elementwise([int32], lambda x: kernel.binary(op, x, by), values)


@name("size", (1, 2, 3, 16, 37, 1000, (1 << 51) - 1))
@name("constant", (False, True))
def test_division_of_indices(size: int, constant: bool) -> None:
    """In double precision: exact where the quotient is just below a whole number."""
    builder = KernelBuilder("indices")
    quotient, rest = builder.buffer("quotient", int64, "out"), builder.buffer("rest", int64, "out")
    start, by = builder.size("start"), builder.size("by")
    with builder.loop("i", 48, "vector") as i:
        divisor = kernel.const(size, int64) if constant else by
        builder.store(quotient, i, (start + i) // divisor)
        builder.store(rest, i, (start + i) % divisor)
    made = builder.finish()
    for start_value in (0, 5, 720720, max(0, (1 << 51) // size * size - 48)):
        arrays = {"quotient": np.zeros(48, np.int64), "rest": np.zeros(48, np.int64)}
        assert_agrees(made, arrays, start=start_value, by=size)


@name("scale", (1, 16, 24))
@name("size", (16, 48, 40))
@name("extent", (48, 75))
def test_division_of_neighbours(scale: int, size: int, extent: int) -> None:
    """One division for all lanes, where no multiple of the divisor lies between them."""
    builder = KernelBuilder("neighbours")
    quotient, rest = builder.buffer("quotient", int64, "out"), builder.buffer("rest", int64, "out")
    start = builder.size("start")
    with builder.loop("i", extent, "vector") as i:
        builder.store(quotient, i, (start * scale + i) // size)
        builder.store(rest, i, (start * scale + i) % size)
    made = builder.finish()
    whole = scale % 16 == 0 and size % 16 == 0
    assert ("udiv i64" in emit_program(program_of(made), host_target())) == whole
    for start_value in (0, 1, 7):
        arrays = {"quotient": np.zeros(extent, np.int64), "rest": np.zeros(extent, np.int64)}
        assert_agrees(made, arrays, start=start_value)


@name("op", ("lt", "le"))
@name("turned", (False, True))
def test_neighbours_beside_a_bound(op: str, turned: bool) -> None:
    """Of indices the numbers of the lanes are compared, wherever the bound lies; not 16 indices of 64 bits."""
    builder = KernelBuilder("bound")
    out, start, bound = builder.buffer("out", bool_, "out"), builder.size("start"), builder.size("bound")
    with builder.loop("i", 35, "vector") as i:
        sides = (bound, start + i) if turned else (start + i, bound)
        builder.store(out, i, replace(kernel.binary(op, *sides), attr="index"))
    made = builder.finish()
    assert "<16 x i64>" not in emit_program(program_of(made), host_target())
    ends = (-(1 << 62), -17, -16, -1, 0, 1, 15, 16, 17, 34, 35, 36, 1 << 62)
    for start_value in (-5, 0, 1 << 40):
        for bound_value in (*ends, *(start_value + end for end in ends)):
            assert_agrees(made, {"out": np.zeros(35, bool)}, start=start_value, bound=bound_value)


def test_neighbours_joined() -> None:
    """The first vector's 16 halves, then the second's, two by two."""
    builder = KernelBuilder("joined")
    x, out = builder.buffer("x", int16, "in"), builder.buffer("out", int32, "out")
    builder.store(out, kernel.lane(), kernel.joined(x.load(kernel.lane()), x.load(kernel.lane() + 16)))
    values = np.random.default_rng(3).integers(-(1 << 15), 1 << 15, 32).astype(np.int16)
    arrays = {"x": values, "out": np.zeros(16, np.int32)}
    assert_agrees(builder.finish(), arrays)
    native(builder.finish()).run(arrays, {})
    np.testing.assert_array_equal(arrays["out"], values.view(np.int32))


@pytest.mark.skipif(not host_target().adds_products, reason="this processor has no such instruction")
def test_products_of_pairs() -> None:
    """In vectors, which is how schedules write them; sums that cancel, overflow, and are subnormal."""
    edges = np.array([0.0, -0.0, 1.0, -1.0, 1.0078125, 3e38, -3e38, 1e-39, 1e-20, np.inf, -np.inf, np.nan], np.float32)
    rng = np.random.default_rng(4)
    drawn = rng.choice(np.concatenate([edges, rng.standard_normal(40).astype(np.float32)]), (5, 800))
    upper, lower = drawn[:4:2].view(np.uint32) & 0xFFFF0000, drawn[1:4:2].view(np.uint32) >> 16
    x, y = (upper | lower).view(np.int32)
    builder = KernelBuilder("products")
    buffers = [builder.buffer(each, dtype, "in") for each, dtype in (("x", int32), ("y", int32), ("total", float32))]
    out = builder.buffer("out", float32, "out")
    with builder.loop("i", 800, "vector") as i:
        builder.store(out, i, kernel.add_products(*(buffer.load(i) for buffer in buffers)))
    assert_agrees(builder.finish(), {"x": x, "y": y, "total": drawn[4], "out": np.zeros(800, np.float32)})


def test_loose_ends_are_refused() -> None:
    with pytest.raises(ValueError, match="no machine code for intrinsic twiddle"):
        native(elementwise([float32], lambda x: kernel.intrinsic("twiddle", (x,), float32)))
