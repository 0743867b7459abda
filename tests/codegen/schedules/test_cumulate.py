"""Tests of cumulate regions: the order of combining, what is fused before and after, and how rows lie."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.codegen.schedules.orders import same_bits
from tests.codegen.schedules.running import Array, machine, reference, region

_random = np.random.default_rng(29)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


def in_chunks(x: Array, combine: Callable[[Array, Array], Array], init: float) -> Array:
    """Along the last axis: chunks of 256 by themselves, what came before each in front of its results."""
    result = np.zeros_like(x)
    before = np.full(x.shape[:-1], init, x.dtype)
    for start in range(0, x.shape[-1], 256):
        part = np.full(x.shape[:-1], init, x.dtype)
        for place in range(start, min(start + 256, x.shape[-1])):
            part = combine(part, x[..., place])
            result[..., place] = combine(before, part)
        before = combine(before, part)
    return result


def alone(op: str, shape: str, axis: int, reverse: bool = False) -> str:
    made = f"{op}(x, axis={axis}, reverse={str(reverse).lower()})"
    return region(f" %0: f32[{shape}] = {made}\n return %0", inputs=f"x: f32[{shape}]", results=[f"f32[{shape}]"])


# Named sizes; sizes that are known; long rows, which threads share.
ROWS = [("n,m", 1, (5, 700)), ("5,700", 1, (5, 700)), ("5,200", 1, (5, 200)), ("n", 0, (3000,)), ("70000", 0, (70000,)),
        ("m,n", 0, (700, 20)), ("700,20", 0, (700, 20)), ("a,m,b", 1, (3, 300, 2)), ("n,m", 1, (4, 0)),
        ("n,m", 1, (0, 4))]  # fmt: skip


@pytest.mark.parametrize(("shape", "axis", "sizes"), ROWS)
def test_the_order_is_the_same_for_all_layouts(shape: str, axis: int, sizes: tuple[int, ...]) -> None:
    x = floats(*sizes)
    wanted = np.moveaxis(in_chunks(np.moveaxis(x, axis, -1), np.add, 0), -1, axis)
    flipped = np.flip(x, axis).copy()
    for piece in (1, 1000):
        same_bits(machine(alone("cumsum", shape, axis)).run(x, piece=piece).outputs[0], wanted)
        back = machine(alone("cumsum", shape, axis, reverse=True)).run(flipped, piece=piece).outputs[0]
        same_bits(np.flip(back, axis), wanted)


@pytest.mark.parametrize(("shape", "axis", "sizes"), ROWS[:6])
def test_products_too(shape: str, axis: int, sizes: tuple[int, ...]) -> None:
    x = (1 + floats(*sizes) / 1000).astype(np.float32)
    wanted = np.moveaxis(in_chunks(np.moveaxis(x, axis, -1), np.multiply, 1), -1, axis)
    same_bits(machine(alone("cumprod", shape, axis)).run(x).outputs[0], wanted)


@pytest.mark.parametrize(("shape", "axis", "sizes"), ROWS[:8])
@pytest.mark.parametrize("op", ["cumargmax", "cumargmin", "logcumsumexp"])
def test_states_of_several_scalars(op: str, shape: str, axis: int, sizes: tuple[int, ...]) -> None:
    x = np.round(floats(*sizes) * 3)
    x.flat[x.size // 2] = np.nan if op != "logcumsumexp" else -np.inf
    text = alone(op, shape, axis)
    if op != "logcumsumexp":
        text = text.replace(f" %0: f32[{shape}]", f" %0: i64[{shape}]").replace(
            f'f32[{shape}] = fused', f"i64[{shape}] = fused")  # fmt: skip
    np.testing.assert_allclose(machine(text).run(x, piece=1).outputs[0], reference(text, x)[0], rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("sizes", [(3, 40), (2, 600)])
def test_what_comes_before_and_after_is_fused(sizes: tuple[int, int]) -> None:
    text = region(
        """ %0: f32[n,m] = mul(x, x)
 %1: f32[n,m] = cumsum(%0, axis=1, reverse=false)
 %2: f32[n,m] = expand(v, shape=[n,m])
 %3: f32[n,m] = sub(%1, %2)
 return %3, %1, %0""",
        inputs="x: f32[n,m], v: f32[m]", results=["f32[n,m]"] * 3,
    )  # fmt: skip
    assert len(machine(text).program.launches) == 1
    x, v = floats(*sizes), floats(sizes[1])
    sums = in_chunks(x * x, np.add, 0)
    for found, wanted in zip(machine(text).run(x, v).outputs, (sums - v, sums, x * x), strict=True):
        same_bits(found, wanted)


def test_strided_operands() -> None:
    text = region(" %0: f32[n,m] = cumsum(x, axis=1, reverse=false)\n return %0", inputs="x: f32[n,m]",
                  results=["f32[n,m]"], strides='x: f32[n,m] strides (s,s)')  # fmt: skip
    x = floats(14, 600)[::2, ::3].T
    same_bits(machine(text).run(x).outputs[0], in_chunks(x, np.add, 0))


def test_half_precision_is_summed_in_single_precision() -> None:
    text = alone("cumsum", "n", 0).replace("f32", "f16")
    x = floats(600).astype(np.float16)
    same_bits(machine(text).run(x).outputs[0], in_chunks(x.astype(np.float32), np.add, 0).astype(np.float16))
