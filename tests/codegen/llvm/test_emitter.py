"""Statements of the kernel language as machine code: loops, locals, branches, checks, threads."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from brasa.ir.dtype import bool_, float32, int32, int64
from brasa.ir.kernel import (
    LANES,
    Assign,
    Barrier,
    Expr,
    For,
    If,
    Kernel,
    Local,
    Store,
    cast,
    const,
    first,
    lane,
    ne,
    select,
    shifted,
    spread,
)
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.llvm.kernels import assert_agrees, elementwise
from tests.codegen.llvm.native import Native, native, program_of, run

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    """Random elements, flat."""
    return RNG.normal(size=int(np.prod(shape))).astype(np.float32)


def row_sums() -> Kernel:
    """out[row] = sum of x[row, :]: LANES sums, then a tree over the lanes."""
    builder = KernelBuilder("row_sums")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    rows, columns = builder.size("rows"), builder.size("columns")
    with builder.loop("row", rows, "parallel", cost=columns) as row:
        total = builder.local("total", float32, 0.0, lanes=LANES)
        with builder.loop("column", columns, "vector") as column:
            builder.assign(total, total.value + x.load(row * columns + column))
        for by in (8, 4, 2, 1):
            builder.assign(total, total.value + shifted(total.value, by))
        builder.store(out, row, first(total.value))
    return builder.finish()


@pytest.mark.parametrize("columns", (0, 1, 15, 16, 17, 40))
def test_lanes_beyond_the_extent_do_not_assign(columns: int) -> None:
    arrays = {"x": floats(3, columns), "out": floats(3)}
    assert_agrees(row_sums(), arrays, rows=3, columns=columns)


def test_locals_are_carried_through_nested_loops() -> None:
    """Fibonacci-like, with a counter: locals of one lane, set in inner loops, read after outer ones."""
    builder = KernelBuilder("nested")
    out = builder.buffer("out", int64, "out")
    n, m = builder.size("n"), builder.size("m")
    a = builder.local("a", int64, 1)
    b = builder.local("b", int64, 1)
    count = builder.local("count", int64, 0)
    with builder.loop("i", n) as i:
        with builder.loop("j", m) as j:
            old = builder.let("old", a.value)
            builder.assign(a, b.value)
            builder.assign(b, old + b.value + j)
        builder.assign(count, count.value + a.value * i)
    for place, local in enumerate((a, b, count)):
        builder.store(out, place, local.value)
    kernel = builder.finish()
    for sizes in ({"n": 3, "m": 4}, {"n": 0, "m": 4}, {"n": 2, "m": 0}):
        assert_agrees(kernel, {"out": np.zeros(3, np.int64)}, **sizes)


def test_arrays_of_locals_in_unrolled_loops() -> None:
    builder = KernelBuilder("tile")
    a, b = builder.buffer("a", float32, "in"), builder.buffer("b", float32, "in")
    c, k = builder.buffer("c", float32, "out"), builder.size("k")
    tile = builder.local("tile", float32, 0.5, lanes=LANES, shape=(3, 2))
    with builder.loop("p", k) as p, builder.loop("i", 3, "unrolled") as i, builder.loop("j", 2, "unrolled") as j:
        product = a.load(p * 3 + i) * b.load((p * 2 + j) * LANES + lane())
        builder.assign(tile, tile[i, j] + product, (i, j))
    with builder.loop("i", 3, "unrolled") as i, builder.loop("j", 2, "unrolled") as j:
        builder.store(c, (i * 2 + j) * LANES + lane(), tile[i, j])
    arrays = {"a": floats(5, 3), "b": floats(5, 32), "c": floats(3, 32)}
    assert_agrees(builder.finish(), arrays, k=5)


def branches() -> Kernel:
    """Locals set in one arm, in both, in none; in an incomplete round too."""
    builder = KernelBuilder("branches")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    n, limit = builder.size("n"), builder.size("limit")
    kept = builder.local("kept", float32, 1.0, lanes=LANES)
    count = builder.local("count", int64, 0)
    with builder.loop("i", n, "vector") as i:
        value = builder.let("value", x.load(i))
        at = builder.let("at", first(i))
        with builder.when(at < limit):
            builder.assign(kept, kept.value + value)
            with builder.when(limit < 20):
                builder.assign(count, count.value + at)
        builder.store(out, i, kept.value * cast(count.value, float32))
    builder.store(out, n, first(kept.value) + cast(count.value, float32))
    return builder.finish()


@pytest.mark.parametrize("limit", (0, 16, 100))
@pytest.mark.parametrize("n", (5, 32, 39))
def test_branches_merge_locals(n: int, limit: int) -> None:
    assert_agrees(branches(), {"x": floats(n), "out": floats(n + 1)}, n=n, limit=limit)


def test_both_arms() -> None:
    builder = KernelBuilder("arms")
    out, n = builder.buffer("out", int32, "out"), builder.size("n")
    local = builder.local("local", int32, 0)
    with builder.loop("i", n) as i:
        builder.store(out, i, local.value)
    start, loop = builder.finish().body
    assert isinstance(loop, For)
    arms = If(ne(i % 3, 0), (Assign(local, (), local.value + 1),), (Assign(local, (), local.value * 2),))
    kernel = Kernel("arms", (out,), (n,), (start, replace(loop, body=(arms, *loop.body))))
    assert_agrees(kernel, {"out": np.zeros(10, np.int32)}, n=10)


def checked() -> Kernel:
    """Check 0: x[i] >= 0 at i; check 1: the row's first element is not 7, at the row."""
    builder = KernelBuilder("checked")
    x, out = builder.buffer("x", int32, "in"), builder.buffer("out", int32, "out")
    rows, columns = builder.size("rows"), builder.size("columns")
    with builder.loop("row", rows, "parallel", cost=100_000) as row:
        with builder.loop("column", columns, "vector") as column:
            value = builder.let("value", x.load(row * columns + column))
            builder.check(value >= 0, row * columns + column, 0)
            builder.store(out, row * columns + column, value)
        builder.check(ne(x.load(row * columns), 7), row, 1)
    return builder.finish()


@pytest.mark.parametrize(
    ("bad", "status", "position"), (({}, 0, 0), ({70: -1, 37: -5, 74: -1}, 1, 37), ({37: 7, 74: 7}, 2, 1))
)
def test_checks_report_the_least_position(bad: dict[int, int], status: int, position: int) -> None:
    program = native(checked())
    x = np.arange(111, dtype=np.int32) + 100
    for place, value in bad.items():
        x[place] = value
    program.context.failed = 0
    assert program.run({"x": x, "out": np.zeros_like(x)}, {"rows": 3, "columns": 37}) == status
    assert program.context.failed == position


def test_checks_ignore_lanes_beyond_the_extent() -> None:
    builder = KernelBuilder("short")
    with builder.loop("i", builder.size("n"), "vector") as i:
        builder.check(i < 5, i, 0)
    kernel = builder.finish()
    assert run(kernel, {}, n=5) == 0
    assert run(kernel, {}, n=6) == 1


def test_parallel_loops_are_cut_by_cost() -> None:
    builder = KernelBuilder("pieces")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    n, m, scale = builder.size("n"), builder.size("m"), builder.let("scale", builder.size("scale"))
    vector = builder.let("vector", spread(cast(scale, float32)) + cast(lane(), float32))
    with builder.loop("i", n, "parallel", cost=m * 100) as i:
        at = i * LANES + lane()
        builder.store(out, at, x.load(at) * vector)
    program = native(builder.finish())
    thirds, tens = [(6, 9), (3, 6), (0, 3)], [(60, 90), (30, 60), (0, 30)]
    for n_value, m_value, pieces in (
        (7, 1, []),
        (9, 50, thirds),
        (90, 10, tens),
        (31, 10, [(22, 31), (11, 22), (0, 11)]),
    ):
        x_value, out_value = floats(n_value, LANES), floats(n_value, LANES)
        program.pieces.clear()
        assert program.run({"x": x_value, "out": out_value}, {"n": n_value, "m": m_value, "scale": 3}) == 0
        assert program.pieces == pieces
        np.testing.assert_array_equal(out_value, x_value * np.tile(3 + np.arange(LANES, dtype=np.float32), n_value))


def test_parallel_loops_inside_loops_are_serial() -> None:
    builder = KernelBuilder("inner")
    out, n = builder.buffer("out", int64, "out"), builder.size("n")
    with builder.loop("i", n, "parallel", cost=1_000_000) as i, builder.loop("j", n, "parallel", cost=1_000_000) as j:
        builder.store(out, i * n + j, i * 100 + j)
    with builder.loop("i", n) as i, builder.loop("j", n, "parallel", cost=1_000_000) as j:
        builder.store(out, i * n + j, out.load(i * n + j) + 1)
    program = native(builder.finish())
    out_value = np.zeros((6, 6), np.int64)
    assert program.run({"out": out_value}, {"n": 6}) == 0
    assert len(program.pieces) == 3
    np.testing.assert_array_equal(out_value, np.arange(6)[:, None] * 100 + np.arange(6) + 1)


def test_large_bodies_are_written_once() -> None:
    """A body above the limit is one masked loop; a small one has a full loop and a masked rest."""

    def of_length(rounds: int) -> Kernel:
        def long(x: Expr) -> Expr:
            for number in range(rounds):
                x = x * 1.5 + float(number % 3)
            return x

        return elementwise([float32], long)

    for rounds, written in ((1, 2), (40, 80), (80, 80)):  # the last one is above the limit
        kernel = of_length(rounds)
        assert native(kernel).text.count("fmul <16") == written
        for n in (0, 5, 16, 50):
            assert_agrees(kernel, {"x0": floats(n) * 1e-3, "out": floats(n)}, n=n)


def test_deep_expressions() -> None:
    """As deep as a user's loop makes them."""

    def chain(x: Expr) -> Expr:
        for _ in range(2000):
            x = x * 0.5 + 1.0
        return x

    x = floats(20)
    out = np.zeros_like(x)
    assert run(elementwise([float32], chain), {"x0": x, "out": out}, n=20) == 0
    np.testing.assert_array_equal(out, np.full(20, 2, np.float32))


def test_sums_of_whole_numbers_wrap() -> None:
    """Also where the emitter adds up how often each number occurs."""
    builder = KernelBuilder("fibonacci")
    x, out = builder.buffer("x", int64, "in"), builder.buffer("out", int64, "out")
    a, b = builder.local("a", int64, 0), builder.local("b", int64, 0)
    builder.assign(a, x.load(0))
    builder.assign(b, x.load(1))
    with builder.loop("i", 200, "unrolled"):
        total = builder.let("total", a.value + b.value)
        builder.assign(a, b.value)
        builder.assign(b, total)
    builder.store(out, 0, b.value)
    assert_agrees(builder.finish(), {"x": np.array([3, 5]), "out": np.zeros(1, np.int64)})


def test_constant_extents_need_no_run_time_mask() -> None:
    builder = KernelBuilder("constant")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    with builder.loop("i", 37, "vector") as i:
        builder.store(out, i, -x.load(i))
    kernel = builder.finish()
    assert_agrees(kernel, {"x": floats(37), "out": floats(40)})
    assert "icmp slt <16" not in native(kernel).text


def test_a_size_that_is_a_multiple_has_no_rest() -> None:
    builder = KernelBuilder("multiple")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    with builder.loop("i", builder.size("n") * 32, "vector") as i:
        builder.store(out, i, -x.load(i))
    assert "masked" not in native(builder.finish()).text


def test_index_arithmetic_leaves_the_loops() -> None:
    """In the innermost loop only its own counter is left to add."""
    builder = KernelBuilder("strides")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    n, a, b = (builder.size(name) for name in "nab")
    with builder.loop("i", n) as i, builder.loop("j", n) as j, builder.loop("k", LANES * 4, "vector") as k:
        builder.store(out, k, x.load((k + (j + 3) * b) + (i * a + 5)))
    text = native(builder.finish()).text
    (inner,) = re.findall(r"^k\.\d+\.body:(.*?)br ", text, re.MULTILINE | re.DOTALL)
    assert "mul" not in inner
    assert inner.count("getelementptr") <= 3


def test_truth_in_locals() -> None:
    builder = KernelBuilder("seen")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", bool_, "out")
    seen = builder.local("seen", bool_, False, lanes=LANES)
    with builder.loop("i", builder.size("n"), "vector") as i:
        builder.assign(seen, seen.value | (x.load(i) < -1.0))
    builder.store(out, lane(), select(seen.value, spread(first(seen.value)), ~seen.value))
    assert_agrees(builder.finish(), {"x": floats(45), "out": np.zeros(16, bool)}, n=45)


def test_faults_of_a_schedule_are_named() -> None:
    builder = KernelBuilder("fault")
    n = builder.size("n")
    local = builder.local("tile", float32, 0.0, shape=(2,))
    out = builder.buffer("out", float32, "out")
    with builder.loop("i", n) as i:
        builder.store(out, i, local[i])
    with pytest.raises(ValueError, match="local tile is indexed by what is not a constant"):
        Native(program_of(builder.finish()))
    builder = KernelBuilder("fault")
    with builder.loop("i", builder.size("n"), "unrolled"):
        pass
    with pytest.raises(ValueError, match="the extent of the unrolled loop over i is not a constant"):
        Native(program_of(builder.finish()))
    store = Store(out, const(0, int64), Local("unset", float32, (), 1).value)
    with pytest.raises(ValueError, match="local unset is read before it is set"):
        Native(program_of(Kernel("fault", (out,), (), (store,))))
    with pytest.raises(ValueError, match="a CPU has no barrier"):
        Native(program_of(Kernel("fault", (), (), (Barrier(),))))
