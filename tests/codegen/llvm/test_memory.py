"""Loads and stores of machine code: neighbours, strides, computed places, masks and incomplete rounds."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.ir import kernel
from brasa.ir.dtype import DType, bfloat16, bool_, float16, float32, float64, int8, int16, int32, int64
from brasa.ir.kernel import LANES, Expr, Kernel, cast, const, lane, select
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.llvm.kernels import assert_agrees, elementwise
from tests.codegen.llvm.native import native, run

STORED = (float32, float64, float16, bfloat16, int8, int16, int32, int64, bool_)
RNG = np.random.default_rng(0)


def some(dtype: DType, n: int) -> np.ndarray:
    """Random elements."""
    return (RNG.normal(size=n) * 50).astype(dtype.numpy)


@pytest.mark.parametrize("n", range(41))
def test_incomplete_rounds(n: int) -> None:
    x, y = some(float32, n + 3), some(float32, n + 3)
    kernel = _ADD
    out = y.copy()
    assert run(kernel, {"x0": x, "x1": y, "out": out}, n=n) == 0
    np.testing.assert_array_equal(out[:n], x[:n] + y[:n])
    np.testing.assert_array_equal(out[n:], y[n:])


_ADD = elementwise([float32, float32], lambda x, y: x + y)


@pytest.mark.parametrize("dtype", STORED, ids=repr)
@pytest.mark.parametrize("n", (5, 16, 37))
def test_copies(dtype: DType, n: int) -> None:
    assert_agrees(elementwise([dtype], lambda x: x), {"x0": some(dtype, n), "out": some(dtype, n + 2)}, n=n)


def moved(dtype: DType, step: int | None, *, mask: bool) -> Kernel:
    """out[i * step + shift] = x[last - i * step - shift] where flag[i]; the step is constant or (None) a size."""
    builder = KernelBuilder("moved")
    x, flag = builder.buffer("x", dtype, "in"), builder.buffer("flag", bool_, "in")
    out = builder.buffer("out", dtype, "out")
    n, last, size, shift = (builder.size(name) for name in ("n", "last", "step", "shift"))
    with builder.loop("i", n, "vector") as i:
        offset = builder.let("offset", i * (size if step is None else step) + shift)
        wanted = flag.load(i) if mask else None
        builder.store(out, offset, x.load(last - offset, wanted), wanted)
    return builder.finish()


@pytest.mark.parametrize("dtype", STORED, ids=repr)
@pytest.mark.parametrize("step", (1, -1, 2, -2, 3, None))
@pytest.mark.parametrize("mask", (False, True))
def test_strides(dtype: DType, step: int | None, mask: bool) -> None:
    stride = step or 5
    made = moved(dtype, step, mask=mask)
    for n in (7, 32, 35):
        last = (n - 1) * abs(stride)
        arrays = {"x": some(dtype, last + 1), "flag": RNG.random(n) < 0.5, "out": some(dtype, last + 1)}
        assert_agrees(made, arrays, (3,), n=n, last=last, step=stride, shift=last if stride < 0 else 0)


def test_every_second_element_under_a_mask_is_two_loads() -> None:
    text = native(moved(float32, -2, mask=True)).text
    assert "llvm.masked.load" in text
    assert "insertelement <16 x float>" not in text


def test_prefetches_touch_nothing() -> None:
    """An element far outside of the buffer may be on its way: only the load counts."""
    builder = KernelBuilder("ahead")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    with builder.loop("i", builder.size("n"), "vector") as i:
        builder.prefetch(x, i + (1 << 40))
        builder.prefetch(x, i + 16, 2)
        builder.store(out, i, x.load(i) + 1.0)
    made = builder.finish()
    assert "prefetch x[i + 1099511627776]" in str(made)
    assert "prefetch x[i + 16] into cache 2" in str(made)
    text = native(made).text
    assert text.count("i32 0, i32 3, i32 1)") == text.count("i32 0, i32 2, i32 1)") == 2
    assert_agrees(made, {"x": some(float32, 37), "out": some(float32, 37)}, n=37)


@pytest.mark.parametrize("dtype", (float32, bfloat16, int64, bool_), ids=repr)
@pytest.mark.parametrize("form", ("every second", "halves", "quarters", "eighths", "thirds", "halves of later ones"))
@pytest.mark.parametrize("mask", (False, True))
def test_neighbours_apart_and_repeated(dtype: DType, form: str, mask: bool) -> None:
    """out[i] = x[2 i], or x[i // d], where flag[i]: no element beyond the last that is wanted is touched."""
    parts = {"halves": 2, "quarters": 4, "eighths": 8, "thirds": 3}
    builder = KernelBuilder("spread")
    x, flag = builder.buffer("x", dtype, "in"), builder.buffer("flag", bool_, "in")
    out, n = builder.buffer("out", dtype, "out"), builder.size("n")
    with builder.loop("i", n, "vector") as i:
        shifted = i + 6 if form == "halves of later ones" else i
        place = i * 2 if form == "every second" else shifted // parts.get(form, 2)
        builder.store(out, i, x.load(place, flag.load(i) if mask else None))
    made = builder.finish()
    for count in (3, 16, 37):
        last = 2 * count - 1 if form == "every second" else (count + 5) // parts.get(form, 2) + 1
        given = {"x": some(dtype, last), "flag": RNG.integers(0, 2, count) > 0, "out": some(dtype, count)}
        assert_agrees(made, given, n=count)


def permuted(dtype: DType, *, mask: bool) -> Kernel:
    """out[to[i]] = x[from[i]] where from[i] >= 0."""
    builder = KernelBuilder("permuted")
    x, out = builder.buffer("x", dtype, "in"), builder.buffer("out", dtype, "inout")
    source, target = builder.buffer("from", int64, "in"), builder.buffer("to", int32, "in")
    with builder.loop("i", builder.size("n"), "vector") as i:
        wanted = source.load(i) >= 0 if mask else None
        builder.store(out, cast(target.load(i), int64), x.load(source.load(i), wanted), wanted)
    return builder.finish()


@pytest.mark.parametrize("dtype", STORED, ids=repr)
@pytest.mark.parametrize("mask", (False, True))
def test_computed_places(dtype: DType, mask: bool) -> None:
    made = permuted(dtype, mask=mask)
    for n in (3, 48, 50):
        source, target = RNG.permutation(n), RNG.permutation(n).astype(np.int32)
        if mask:
            source[::3] = -(1 << 40)
        arrays = {"x": some(dtype, n), "out": some(dtype, n), "from": source, "to": target}
        assert_agrees(made, arrays, (3,), n=n)


def test_the_last_of_equal_places_wins() -> None:
    n = 40
    arrays = {"x": some(float32, n), "out": np.zeros(2, np.float32), "from": np.arange(n)}
    assert_agrees(permuted(float32, mask=False), {**arrays, "to": (np.arange(n) % 2).astype(np.int32)}, n=n)


@pytest.mark.parametrize("dtype", (int8, bfloat16, int32, bool_), ids=repr)
def test_a_last_round_of_one_lane(dtype: DType) -> None:
    """Nothing beside the one element is touched, also where it is cut from a wider one."""
    builder = KernelBuilder("one")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", dtype, "out")
    with builder.loop("i", LANES + 1, "vector") as i:
        builder.store(out, i, cast(x.load(i), dtype))
    builder.store(out, LANES + 1 + lane(), cast(x.load(lane()), dtype), lane() < 1)
    builder.store(out, LANES + 3 + lane(), cast(x.load(lane()), dtype), kernel.eq(lane(), 5))
    assert_agrees(builder.finish(), {"x": some(float32, 17), "out": some(dtype, 40)})


def test_one_place_for_all_lanes() -> None:
    """An index without the variable is loaded once and spread; under a false mask it is not touched."""
    builder = KernelBuilder("spread")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    n, at = builder.size("n"), builder.size("at")
    with builder.loop("i", n, "vector") as i:
        builder.store(out, i, x.load(i * 0 + at, i < at))
    made = builder.finish()
    for n_value, at_value in ((20, 2), (20, 0), (33, 30)):
        x_value = some(float32, 31 if at_value else 0)
        assert_agrees(made, {"x": x_value, "out": np.ones(n_value, np.float32)}, n=n_value, at=at_value)


def test_masks_of_one_lane() -> None:
    builder = KernelBuilder("guarded")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "inout")
    n, low = builder.size("n"), builder.size("low")
    with builder.loop("i", n) as i:
        inside = builder.let("inside", low <= i)
        builder.store(out, i, x.load(i - low, inside), i < n - 1)
    arrays = {"x": some(float32, 9), "out": some(float32, 12)}
    assert_agrees(builder.finish(), arrays, n=12, low=3)


def test_written_masks() -> None:
    """Outside vector loops `lane` and masks are written out."""
    builder = KernelBuilder("rows")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    n, width = builder.size("n"), builder.size("width")
    with builder.loop("row", n) as row:
        at = builder.let("at", row * width + lane())
        builder.store(out, at, x.load(at, lane() < width) * 2.0, lane() < width)
    made = builder.finish()
    for width_value in (1, 7, 16):
        size = 5 * width_value
        assert_agrees(made, {"x": some(float32, size), "out": some(float32, size)}, n=5, width=width_value)


def test_stack_memory_is_seen_at_once() -> None:
    """What a loop writes to memory of the kernel's own, the next one reads."""
    builder = KernelBuilder("reverse")
    x, out = builder.buffer("x", int32, "in"), builder.buffer("out", int32, "out")
    own = builder.buffer("own", int32, "stack", LANES)
    with builder.loop("row", builder.size("n"), "parallel", cost=1) as row:
        builder.store(own, lane(), x.load(row * LANES + lane()))
        with builder.loop("k", LANES) as k:
            builder.store(out, row * LANES + k, own.load(LANES - 1 - k) + own.load(0))
    assert_agrees(builder.finish(), {"x": some(int32, 64), "out": some(int32, 64)}, n=4)


def test_a_store_may_change_what_was_loaded() -> None:
    """Arguments may be the same memory."""
    builder = KernelBuilder("shift")
    x, out = builder.buffer("x", int32, "in"), builder.buffer("out", int32, "out")
    first = builder.let("first", x.load(0))
    builder.store(out, 0, first + 1)
    builder.store(out, 1, x.load(0) + first)
    memory = np.array([5, 0], np.int32)
    run(builder.finish(), {"x": memory, "out": memory})
    assert memory.tolist() == [6, 11]


def test_equal_loads_happen_once() -> None:
    text = native(elementwise([float32], lambda x: x * x + x)).text
    assert text.count("= load <16 x float>") == 1


def index_pattern(index: str) -> str:
    """The module's text for x[index of i], in a vector loop over i of constant extent."""
    builder = KernelBuilder("index")
    x, out = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out")
    names: dict[str, Expr] = {"n": builder.size("n")}
    with builder.loop("i", LANES * 2, "vector") as i:
        names["i"] = builder.let("j", i + 1)
        builder.store(out, i, x.load(eval(index, {"select": select, "const": const, "kernel": kernel}, names)))
    return native(builder.finish()).text


@pytest.mark.parametrize("index", ("i", "i + n * 3", "n * n + i - 7", "(n - i) * -1", "select(n < 3, i, i + n)"))
def test_neighbours_are_loaded_at_once(index: str) -> None:
    assert "load <16 x float>" in index_pattern(index)


@pytest.mark.parametrize("index", ("n", "i - i", "i * (n - n) + 2"))
def test_one_place_is_loaded_once(index: str) -> None:
    text = index_pattern(index)
    assert text.count("load float") == 1
    assert "load <16 x float>" not in text
