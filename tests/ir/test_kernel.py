"""The kernel language: making expressions, writing kernels, and their text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from brasa.ir.dtype import bool_, float32, float64, int32, int64, uint32
from brasa.ir.kernel import (
    LANES,
    Expr,
    Let,
    as_expr,
    binary,
    bitcast,
    cast,
    const,
    eq,
    first,
    fma,
    index_of,
    intrinsic,
    lane,
    maximum,
    minimum,
    ne,
    select,
    shifted,
    spread,
    unary,
)
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.kernel_text import print_expr
from brasa.ir.target import Target


def variable(name: str, dtype: object = float32, lanes: int = 1) -> Expr:
    return Expr("var", (), dtype, lanes, name)


X, Y = variable("x"), variable("y")
I, J = variable("i", int64), variable("j", int64)
V = variable("v", float32, LANES)


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (X + Y * X, "x + y * x"),
        ((X + Y) * X, "(x + y) * x"),
        (X - (Y - X), "x - (y - x)"),
        (X - Y - X, "x - y - x"),
        (X / (Y / X), "x / (y / x)"),
        (2 * X + 1, "2.0 * x + 1.0"),
        (1 / X - 3, "1.0 / x - 3.0"),
        (-X, "neg(x)"),
        (I // 4 % J, "i // 4 % j"),
        (I // (J % 4), "i // (j % 4)"),
        ((I << 2) | (I >> J) & 7, "i << 2 | i >> j & 7"),
        ((I ^ J) + 1, "(i ^ j) + 1"),
        ((I < J) & (I >= 3), "(i < j) & (3 <= i)"),
        (~(I <= J) | (I > 1), "not(i <= j) | (1 < i)"),
        (eq(I, 1) ^ ne(I, J), "(i == 1) ^ (i != j)"),
        (minimum(X, 0), "minimum(x, 0.0)"),
        (maximum(1, Y), "maximum(1.0, y)"),
        (select(X < Y, 1, X), "select(x < y, 1.0, x)"),
        (select(X < Y, Y, 0), "select(x < y, y, 0.0)"),
        (cast(X, int32), "cast<i32>(x)"),
        (bitcast(X, uint32), "bitcast<u32>(x)"),
        (fma(X, 2, Y), "fma(x, 2.0, y)"),
        (intrinsic("mulhi", (I, J), int64), "mulhi(i, j)"),
        (unary("sqrt", X), "sqrt(x)"),
        (lane() + I, "lane + i"),
        (spread(X), "spread(x)"),
        (shifted(V, 2), "shifted(v, 2)"),
        (first(V), "first(v)"),
        (const(True, bool_), "true"),
        (const(float("-inf"), float32), "-inf"),
    ],
)
def test_expressions_as_text(expr: Expr, text: str) -> None:
    assert print_expr(expr) == text


def test_types_and_lanes() -> None:
    assert (X + 1).dtype is float32
    assert (X < Y).dtype is bool_
    assert eq(V, X).dtype is bool_
    assert (V + X).lanes == LANES
    assert select(X < Y, V, 0).lanes == LANES
    assert fma(X, V, Y).lanes == LANES
    assert first(V).lanes == 1
    assert spread(X).lanes == LANES
    assert spread(V) is V
    assert cast(X, float32) is X
    assert (cast(V, int32).dtype, cast(V, int32).lanes) == (int32, LANES)
    assert lane().lanes == LANES
    assert index_of(3).dtype is int64
    assert index_of(I) is I
    assert (I << const(1, int32)).dtype is int64, "a shift may be counted in another dtype"


def test_constants_take_their_dtype() -> None:
    assert const(2, float32).attr == 2.0 and isinstance(const(2, float32).attr, float)
    assert const(2.0, int64).attr == 2 and isinstance(const(2.0, int64).attr, int)
    assert const(1, bool_).attr is True
    assert as_expr(X, float64) is X


def test_operands_have_one_dtype() -> None:
    with pytest.raises(TypeError, match="add of f32 and i64"):
        binary("add", X, I)
    with pytest.raises(TypeError, match="lt of f32 and f64"):
        _ = variable("z", float64) > X


def test_loads() -> None:
    builder = KernelBuilder("k")
    x = builder.buffer("x", float32, "in")
    assert print_expr(x.load(I + 1)) == "x[i + 1]"
    assert print_expr(x.load(3, I < J)) == "x[3 if i < j]"
    assert x.load(lane()).lanes == LANES
    assert x.load(0, lane() < 4).lanes == LANES
    assert x.load(0).dtype is float32


def test_a_whole_kernel(golden: Callable[[str, str], None]) -> None:
    """Every statement there is."""
    builder = KernelBuilder("everything")
    x, y = builder.buffer("x", float32, "in"), builder.buffer("y", float32, "out")
    scratch = builder.buffer("partial", float32, "scratch")
    tile = builder.buffer("tile", float32, "stack", 8)
    n = builder.size("n")
    with builder.loop("row", n, "parallel", cost=n * 2) as row:
        total = builder.local("total", float32, 0, lanes=LANES)
        parts = builder.local("parts", float32, 0, shape=(2, 2))
        with builder.loop("i", n, "vector") as i:
            here = builder.let("here", x.load(row * n + i))
            builder.assign(total, total.value + here)
        with builder.loop("k", 2, "unrolled") as k:
            builder.assign(parts, parts[k, 0] + 1, (k, 1))
        with builder.loop("k", 8) as k:
            builder.store(tile, k, 0)
        builder.check(row < n, row, 0)
        with builder.when(eq(row, 0)):
            builder.store(scratch, 0, first(total.value))
        builder.store(y, row, first(total.value), row < n)
    with builder.loop("b", n, "block"), builder.loop("t", 32, "thread"):
        builder.barrier()
    kernel = builder.finish()
    assert [buffer.name for buffer in kernel.arguments] == ["x", "y", "partial"]
    assert repr(kernel) == str(kernel)
    golden("kernels/everything.txt", f"{kernel}\n")


def test_names_are_unique() -> None:
    builder = KernelBuilder("k")
    names = [builder.buffer("x", float32, "in").name, builder.size("x").attr, builder.let("x_2", X).attr]
    names += [builder.let("x", X).attr, builder.local("x", float32, 0).name]
    assert names == ["x", "x_2", "x_2_2", "x_3", "x_4"]


def test_names_in_an_enclosing_block() -> None:
    """What does not change in a loop is named before it."""
    builder = KernelBuilder("k")
    n = builder.size("n")
    with builder.loop("i", n):
        assert builder.level == 1
        builder.let("twice", n * 2, level=0)
    assert isinstance(builder.finish().body[0], Let)


def test_targets() -> None:
    here = Target("x86_64", "znver4", "+avx2", 512, 32)
    assert here.key == "x86_64/znver4/+avx2/512/32768/1048576"
    assert here == Target("x86_64", "znver4", "+avx2", 512, 32)
