"""Tests of window regions: largest elements, their places, and the way back, for several sizes and options."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen.schedules.orders import same_bits
from tests.codegen.schedules.running import Array, machine, reference, region

_random = np.random.default_rng(19)

# height, width, window, stride, padding, dilation
OPTIONS = [
    (8, 8, 2, 2, 0, 1), (33, 40, 3, 2, 1, 1), (9, 14, 3, 1, 1, 2), (9, 14, 3, 2, 1, 2), (9, 14, 5, 1, 2, 1),
    (7, 7, 7, 1, 0, 1),
]  # fmt: skip


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


def counts(height: int, width: int, window: int, stride: int, padding: int, dilation: int) -> tuple[int, int]:
    gap = dilation * (window - 1) + 1
    return (height + 2 * padding - gap) // stride + 1, (width + 2 * padding - gap) // stride + 1


def options(window: int, stride: int, padding: int, dilation: int) -> str:
    pairs = ("window", window), ("stride", stride), ("padding", padding), ("dilation", dilation)
    return ", ".join(f"{name}=[{value}, {value}]" for name, value in pairs)


def pool(op: str, height: int, width: int, *rest: int, dtype: str = "f32") -> str:
    over = counts(height, width, *rest)
    result = f"{'i64' if op == 'window_argmax' else dtype}[n,3,{over[0]},{over[1]}]"
    return region(f" %0: {result} = {op}(x, positions={list(over)}, {options(*rest)})\n return %0",
                  inputs=f"x: {dtype}[n,3,{height},{width}]", results=[result], name=op)  # fmt: skip


def unpool(height: int, width: int, *rest: int) -> str:
    over = counts(height, width, *rest)
    given = f"[n,3,{over[0]},{over[1]}]"
    result = f"f32[n,3,{height},{width}]"
    return region(f" %0: {result} = window_scatter(g, p, spatial=[{height}, {width}], {options(*rest)})\n return %0",
                  inputs=f"g: f32{given}, p: i64{given}", results=[result], name="window_scatter")  # fmt: skip


@pytest.mark.parametrize("case", OPTIONS)
@pytest.mark.parametrize("samples", [0, 1, 7])
def test_what_the_elements_of_a_window_combine_to(case: tuple[int, ...], samples: int) -> None:
    x = np.round(floats(samples, 3, *case[:2]) * 2)
    for op in ("window_max", "window_argmax", "window_sum"):
        text = pool(op, *case)
        for piece in (1, 1000):
            np.testing.assert_array_equal(machine(text).run(x, piece=piece).outputs[0], reference(text, x)[0])


@pytest.mark.parametrize("case", OPTIONS)
def test_way_back_adds_in_the_order_of_the_windows(case: tuple[int, ...]) -> None:
    x = floats(5, 3, *case[:2])
    place = machine(pool("window_argmax", *case)).run(x).outputs[0]
    g = floats(*place.shape)
    wanted = np.zeros((15, case[0] * case[1]), np.float32)
    for row, (places, values) in enumerate(zip(place.reshape(15, -1), g.reshape(15, -1), strict=True)):
        for at, value in zip(places, values, strict=True):
            wanted[row, at] += value
    for piece in (1, 1000):
        same_bits(machine(unpool(*case)).run(g, place, piece=piece).outputs[0], wanted.reshape(x.shape))


@pytest.mark.parametrize("case", [*OPTIONS, (9, 14, 2, 3, 1, 1), (9, 14, 3, 2, 0, 3)])
def test_each_element_takes_what_its_windows_hold(case: tuple[int, ...]) -> None:
    over = counts(*case)
    result = f"f32[n,3,{case[0]},{case[1]}]"
    text = region(f" %0: {result} = window_spread(g, spatial=[{case[0]}, {case[1]}], {options(*case[2:])})\n return %0",
                  inputs=f"g: f32[n,3,{over[0]},{over[1]}]", results=[result], name="window_spread")  # fmt: skip
    g = np.round(floats(2, 3, *over) * 2)
    for piece in (1, 1000):
        np.testing.assert_array_equal(machine(text).run(g, piece=piece).outputs[0], reference(text, g)[0])


def test_nan_wins_and_the_first_of_equals_is_named() -> None:
    case = OPTIONS[0]
    x = np.zeros((2, 3, 8, 8), np.float32)
    x[0, 0, 1, 1] = np.nan
    x[1] = -np.inf
    place = machine(pool("window_argmax", *case)).run(x).outputs[0]
    assert place[0, 0, 0, 0] == 9
    assert place[0, 1, 0, 0] == 0
    assert place[1, 2, 1, 1] == 18
    assert np.isnan(machine(pool("window_max", *case)).run(x).outputs[0][0, 0, 0, 0])


@pytest.mark.parametrize("dtype", ["f16", "i32", "u8"])
def test_other_dtypes(dtype: str) -> None:
    text = pool("window_max", *OPTIONS[1], dtype=dtype)
    x = (floats(2, 3, 33, 40) * 20).astype({"f16": np.float16, "i32": np.int32, "u8": np.uint8}[dtype])
    np.testing.assert_array_equal(machine(text).run(x).outputs[0], reference(text, x)[0])


def test_computed_input_and_epilogue() -> None:
    over = "[n,3,4,4]"
    text = region(
        f""" %0: f32[n,3,8,8] = neg(x)
 %1: f32{over} = window_max(%0, positions=[4, 4], {options(2, 2, 0, 1)})
 %2: f32{over} = mul(%1, y)
 return %2, %1""",
        inputs=f"x: f32[n,3,8,8], y: f32{over}", results=[f"f32{over}", f"f32{over}"],
    )  # fmt: skip
    x, y = floats(6, 3, 8, 8), floats(6, 3, 4, 4)
    result, plain = machine(text).run(x, y).outputs
    wanted = (-x).reshape(6, 3, 4, 2, 4, 2).max(axis=(3, 5))
    np.testing.assert_array_equal(plain, wanted)
    same_bits(result, wanted * y)
