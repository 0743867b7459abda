"""Tests of row regions: the order of every reduction bit for bit, and what is computed from reductions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from brasa.codegen.schedules import map as map_schedule
from brasa.ir.dtype import BY_NAME
from tests.codegen.schedules.orders import same_bits, sum_of
from tests.codegen.schedules.running import Array, machine, reference, region

_random = np.random.default_rng(11)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


def reduction(op: str, shape: Sequence[object], axes: Sequence[int], dtype: str = "f32", marks: str = "") -> str:
    kept = ",".join(str(size) for axis, size in enumerate(shape) if axis not in axes)
    result = f"{'i64' if op.startswith('arg') else dtype}[{kept}]"
    inputs = f"x: {dtype}[{','.join(map(str, shape))}]"
    return region(f" %0: {result} = {op}(x, axes={list(axes)})\n return %0", inputs=inputs, results=[result],
                  name=op, strides=f"{inputs} strides({marks})" if marks else "")  # fmt: skip


CASES = [
    ((5, 100), (1,)), ((3, 5000), (1,)), ((700, 40), (0,)), ((600, 1), (0,)), ((7, 20000), (1,)), ((3, 9000), (0, 1)),
    ((300, 3, 5, 7), (0, 2, 3)), ((4, 5, 6), (1,)), ((4, 300, 6), (1, 2)), ((9, 4, 10), (0, 2)), ((1, 1), (0,)),
    ((300, 1100), (0,)), ((5, 2048), (0,)), ((40, 2, 70), (0,)),
    ((0, 5), (0,)), ((5, 0), (1,)), ((1,), (0,)), ((33,), (0,)), ((3, 1, 4), (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "axes"), CASES)
@pytest.mark.parametrize("symbolic", [False, True])
def test_sums_in_the_defined_order(shape: tuple[int, ...], axes: tuple[int, ...], symbolic: bool) -> None:
    sizes = [f"d{axis}" if size != 1 else 1 for axis, size in enumerate(shape)] if symbolic else shape
    x = floats(*shape)
    kernel = machine(reduction("sum", sizes, axes))
    wanted = sum_of(x, axes)
    for piece in (1, 1000):
        same_bits(kernel.run(x, piece=piece).outputs[0], wanted)


@pytest.mark.parametrize("shape", [(12, 40), (3, 20000), (300, 30)])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_layout_does_not_change_the_bits(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    x = floats(shape[1] * 2, shape[0]).T[:, ::2]
    strided = machine(reduction("sum", ("n", "c"), axes, marks="s,s")).run(x).outputs[0]
    same_bits(strided, machine(reduction("sum", ("n", "c"), axes)).run(np.ascontiguousarray(x)).outputs[0])


@pytest.mark.parametrize("columns", ["c", "70", "1100"])
def test_what_follows_from_a_sum_of_columns(columns: str) -> None:
    text = region(
        f" %0: f32[{columns}] = sum(x, axes=[0])\n %1: f32[{columns}] = neg(%0)\n return %1, %0",
        inputs=f"x: f32[n,{columns}]", results=[f"f32[{columns}]"] * 2,
    )  # fmt: skip
    x = floats(9, 33 if columns == "c" else int(columns))
    below, total = machine(text).run(x).outputs
    same_bits(total, sum_of(x, (0,)))
    same_bits(below, -total)


@pytest.mark.parametrize("op", ["max", "min", "prod", "argmax", "argmin"])
@pytest.mark.parametrize(("shape", "axes"), [((5, 40), (1,)), ((40, 5), (0,)), ((3, 20000), (1,)), ((6, 7, 8), (0, 2))])
def test_other_reductions(op: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    x = np.round(floats(*shape) * 4) / 4 + (op == "prod")
    text = reduction(op, shape, axes)
    found, wanted = machine(text).run(x).outputs[0], reference(text, x)[0]
    if op == "prod":
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-30)
    else:
        np.testing.assert_array_equal(found, wanted)


def test_nan_wins_and_the_first_of_equals_is_named() -> None:
    x = floats(6, 50)
    x[1, [7, 30]] = np.nan
    x[2, [3, 4, 40]] = 9
    x[3] = -np.inf
    places = machine(reduction("argmax", ("n", 50), (1,))).run(x).outputs[0]
    np.testing.assert_array_equal(places, np.argmax(x, axis=1))
    largest = machine(reduction("max", ("n", 50), (1,))).run(x).outputs[0]
    np.testing.assert_array_equal(largest, np.max(x, axis=1))


@pytest.mark.parametrize("dtype", ["f64", "f16", "bf16", "i32", "i64", "u8"])
def test_sums_in_other_dtypes(dtype: str) -> None:
    """Half precision is summed in float32 and rounded once, integers wrap."""
    kind = BY_NAME[dtype].numpy
    x = (floats(7, 300) * 9).astype(kind)
    for axes in ((0,), (1,), (0, 1)):
        found = machine(reduction("sum", ("n", 300), axes, dtype)).run(x).outputs[0]
        half = dtype in ("f16", "bf16")
        wide = x.astype(np.float32) if half else x
        with np.errstate(over="ignore"):
            wanted = sum_of(wide, axes).astype(kind)
        same_bits(found, wanted)


def test_any_as_a_maximum_of_truth_values() -> None:
    x = _random.random((6, 50)) > 0.97
    found = machine(reduction("max", ("n", "c"), (1,), "bool")).run(x).outputs[0]
    np.testing.assert_array_equal(found, x.any(axis=1))


SOFTMAX = region(
    """ %0: f32[n] = max(x, axes=[1])
 %1: f32[n,1] = reshape(%0, shape=[n,1])
 %2: f32[n,c] = expand(%1, shape=[n,c])
 %3: f32[n,c] = sub(x, %2)
 %4: f32[n,c] = exp(%3)
 %5: f32[n] = sum(%4, axes=[1])
 %6: f32[n,1] = reshape(%5, shape=[n,1])
 %7: f32[n,1] = constant(value=1.0)
 %8: f32[n,1] = div(%7, %6)
 %9: f32[n,c] = expand(%8, shape=[n,c])
 %10: f32[n,c] = mul(%4, %9)
 return %10""",
    inputs="x: f32[n,c]", results=["f32[n,c]"], name="softmax",
)  # fmt: skip


@pytest.mark.parametrize("columns", [1, 10, 100, 5000])
def test_softmax_in_one_launch(columns: int) -> None:
    x = floats(9, columns) * 3
    for text in (SOFTMAX, SOFTMAX.replace("c]", f"{columns}]")):
        assert len(machine(text).program.launches) == 1
        found = machine(text).run(x).outputs[0]
        np.testing.assert_allclose(found, reference(text, x)[0], rtol=3e-6)
        same_bits(found[4:5], machine(text).run(x[4:5].copy()).outputs[0])


@pytest.mark.parametrize("columns", ["c", "528", "4112", "10", "530", "8208"])
def test_large_softmax_goes_past_the_caches(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exponentials wait in a row of fast memory, if there is room and rows begin with lines of their own."""
    text = SOFTMAX.replace("c]", f"{columns}]")
    plain = machine(text)
    monkeypatch.setattr(map_schedule, "_STREAMED", 1)
    streamed = machine(text)
    assert ("stream out" in str(streamed.program.kernels[0])) == (columns in ("c", "528", "4112"))
    assert "prefetch x" in str(streamed.program.kernels[0])
    for width in (10, 16, 512, 528, 530, 4112, 8192, 8208) if columns == "c" else (int(columns),):
        for rows in (1, 7):
            x = 9 * floats(rows, width)
            same_bits(streamed.run(x).outputs[0], plain.run(x).outputs[0])


def test_inputs_of_the_next_row_are_asked_for_in_turn() -> None:
    """One in the pass over exponentials, the other in the last."""
    two = SOFTMAX.replace("return %10", "%11: f32[n,c] = mul(%10, y)\n return %11")
    two = two.replace("x: f32[n,c]", "x: f32[n,c], y: f32[n,c]").replace("fused(x,", "fused(x, y,")
    kernel = str(machine(two).program.kernels[0])
    maximum, exponentials, last = kernel.split("else")[1].split("\n      for ")[1:]
    assert "prefetch" not in maximum
    assert "prefetch x[" in exponentials and "prefetch y[" not in exponentials
    assert "prefetch y[" in last and "prefetch x[" not in last


def test_softmax_along_columns_and_over_everything() -> None:
    """The same region with the row along the first axis, and with one long row, gives what the formula says."""
    down = SOFTMAX.replace("axes=[1]", "axes=[0]").replace("f32[n] =", "f32[c] =").replace("[n,1]", "[1,c]")
    x = floats(40, 33)
    np.testing.assert_allclose(machine(down).run(x).outputs[0], reference(down, x)[0], rtol=3e-6)
    whole = region(
        """ %0: f32[] = max(x, axes=[0,1])
 %1: f32[1,1] = reshape(%0, shape=[1,1])
 %2: f32[n,c] = expand(%1, shape=[n,c])
 %3: f32[n,c] = sub(x, %2)
 %4: f32[n,c] = exp(%3)
 %5: f32[] = sum(%4, axes=[0,1])
 %6: f32[1,1] = reshape(%5, shape=[1,1])
 %7: f32[n,c] = expand(%6, shape=[n,c])
 %8: f32[n,c] = div(%4, %7)
 return %8, %5""",
        inputs="x: f32[n,c]", results=["f32[n,c]", "f32[]"],
    )  # fmt: skip
    for shape in ((300, 40), (3, 3)):
        x = floats(*shape)
        results = [machine(whole).run(x, piece=piece).outputs for piece in (1, 100)]
        same_bits(results[0][0], results[1][0])
        for found, want in zip(results[0], reference(whole, x), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-5)


def test_values_of_long_rows_reach_later_passes() -> None:
    """What follows from a reduction alone is computed again where threads share a row."""
    text = region(
        """ %0: f32[3] = max(x, axes=[1])
 %1: f32[3] = abs(%0)
 %2: f32[3,1] = reshape(%1, shape=[3,1])
 %3: f32[3,n] = expand(%2, shape=[3,n])
 %4: f32[3,n] = sub(x, %3)
 %5: f32[3] = sum(%4, axes=[1])
 return %4, %5, %1""",
        inputs="x: f32[3,n]", results=["f32[3,n]", "f32[3]", "f32[3]"],
    )  # fmt: skip
    x = floats(3, 9000)
    above, total, top = machine(text).run(x).outputs
    np.testing.assert_array_equal(top, np.abs(x.max(axis=1)))
    same_bits(above, x - top[:, None])
    same_bits(total, sum_of(above, (1,)))


LAYER_NORM = region(
    """ %0: f32[n] = sum(x, axes=[1])
 %1: f32[n] = constant(value=0.02)
 %2: f32[n] = mul(%0, %1)
 %3: f32[n,1] = reshape(%2, shape=[n,1])
 %4: f32[n,50] = expand(%3, shape=[n,50])
 %5: f32[n,50] = sub(x, %4)
 %6: f32[n,50] = mul(%5, %5)
 %7: f32[n] = sum(%6, axes=[1])
 %8: f32[n] = mul(%7, %1)
 %9: f32[n] = sqrt(%8)
 %10: f32[n,1] = reshape(%9, shape=[n,1])
 %11: f32[n,50] = expand(%10, shape=[n,50])
 %12: f32[n,50] = div(%5, %11)
 %13: f32[n,50] = expand(w, shape=[n,50])
 %14: f32[n,50] = mul(%12, %13)
 return %14, %2, %9""",
    inputs="x: f32[n,50], w: f32[50]", results=["f32[n,50]", "f32[n]", "f32[n]"], name="layer_norm",
)  # fmt: skip


def test_layer_norm_with_row_outputs() -> None:
    x, w = floats(20, 50), floats(50)
    result = machine(LAYER_NORM).run(x, w)
    for found, want in zip(result.outputs, reference(LAYER_NORM, x, w), strict=True):
        np.testing.assert_allclose(found, want, rtol=3e-5, atol=1e-6)


def test_sample_alone_gives_the_same_bits_as_in_a_batch() -> None:
    x, w = floats(20, 50), floats(50)
    whole = machine(LAYER_NORM).run(x, w, piece=7).outputs
    for row in (0, 13, 19):
        alone = machine(LAYER_NORM).run(x[row : row + 1].copy(), w).outputs
        for part, one in zip(whole, alone, strict=True):
            same_bits(part[row : row + 1], one)


def test_two_reductions_of_one_pass_and_a_gather() -> None:
    """The rows of a cross entropy: a maximum, a sum, and the element that a class names."""
    text = region(
        """ %0: f32[n,1] = gather(x, i, axis=1)
 %1: f32[n] = max(x, axes=[1])
 %2: f32[n] = sum(x, axes=[1])
 %3: f32[n] = reshape(%0, shape=[n])
 %4: f32[n] = sub(%3, %1)
 %5: f32[n] = sub(%4, %2)
 return %5""",
        inputs="x: f32[n,c], i: i64[n,1]", results=["f32[n]"],
    )  # fmt: skip
    x, i = floats(12, 30), _random.integers(0, 30, (12, 1))
    found = machine(text).run(x, i).outputs[0]
    np.testing.assert_allclose(found, reference(text, x, i)[0], rtol=1e-5, atol=1e-5)
    i[[5, 9]] = 30
    result = machine(text).run(x, i)
    assert (result.status, result.position) == (1, 5)


def test_what_is_kept_in_an_outputs_memory_is_not_read_after_the_output_is_there() -> None:
    """The gather needs the dear value that two passes share, when exp has taken its place."""
    text = region(
        """ %0: f32[n,c] = log(x)
 %1: f32[n] = max(%0, axes=[1])
 %2: f32[n,1] = reshape(%1, shape=[n, 1])
 %3: f32[n,c] = expand(%2, shape=[n, c])
 %4: f32[n,c] = sub(%0, %3)
 %5: f32[n,c] = exp(%4)
 %6: f32[n] = sum(%5, axes=[1])
 %7: f32[n,1] = gather(%4, i, axis=1)
 %8: f32[n] = reshape(%7, shape=[n])
 return %5, %6, %8""",
        inputs="x: f32[n,c], i: i64[n,1]", results=["f32[n,c]", "f32[n]", "f32[n]"],
    )  # fmt: skip
    x, i = np.abs(floats(5, 20)) + 1, _random.integers(0, 20, (5, 1))
    for found, want in zip(machine(text).run(x, i).outputs, reference(text, x, i), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_a_recurrence_in_a_row_of_one_element_is_computed_anew_for_each_pass() -> None:
    text = region(
        """ %0: f32[n,1] = igammac(x, y)
 %1: f32[n] = max(%0, axes=[1])
 %2: f32[n,1] = reshape(%1, shape=[n, 1])
 %3: f32[n,1] = sub(%0, %2)
 %4: f32[n,1] = exp(%3)
 %5: f32[n] = sum(%4, axes=[1])
 %6: f32[n,1] = add(%0, %3)
 return %5, %6""",
        inputs="x: f32[n,1], y: f32[n,1]", results=["f32[n]", "f32[n,1]"],
    )  # fmt: skip
    x, y = np.abs(floats(5, 1)) + 1, np.abs(floats(5, 1)) + 1
    for found, want in zip(machine(text).run(x, y).outputs, reference(text, x, y), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("moved", [
    "slice(%0, starts=[15, 0], sizes=[16, 16], steps=[-1, 1])",
    "slice(%0, starts=[0, 15], sizes=[16, 16], steps=[1, -1])",
    "permute(%0, axes=[1, 0])",
])  # fmt: skip
def test_what_is_read_elsewhere_is_not_kept_in_an_outputs_memory(moved: str, axis: int) -> None:
    result = "f32[16,16]"
    shape = "[1, 16]" if axis == 0 else "[16, 1]"
    text = region(
        f""" %0: {result} = exp(x)
 %1: {result} = {moved}
 %2: f32[16] = sum(%1, axes=[{axis}])
 %3: f32{shape.replace(" ", "")} = reshape(%2, shape={shape})
 %4: {result} = expand(%3, shape=[16, 16])
 %5: {result} = div(%1, %4)
 return %5""",
        inputs=f"x: {result}", results=[result], name="moved",
    )  # fmt: skip
    x = floats(16, 16)
    for piece in (1, 3, 1000):
        found = machine(text).run(x, piece=piece).outputs[0]
        np.testing.assert_allclose(found, reference(text, x)[0], rtol=1e-5)
