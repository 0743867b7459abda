"""Half precision and bfloat16: every number widened, and rounding to them, with and without the processor's help."""

from __future__ import annotations

import platform

import ml_dtypes
import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.ir.dtype import DType, bfloat16, float16, float32, int64, uint64
from brasa.ir.kernel import cast
from tests.codegen.llvm.kernels import Array, apply_elementwise, assert_same, elementwise
from tests.codegen.llvm.native import Native, program_of

on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="runs code for another x86 processor")
PROCESSORS = ("", pytest.param("x86-64-v2", marks=on_x86))
EVERY = np.arange(1 << 16, dtype=np.uint16)


def converted(source: DType, target: DType, values: Array, processor: str) -> Array:
    """The values as machine code for the processor casts them."""
    program = Native(program_of(elementwise([source], lambda x: cast(x, target))), 0, host_target(processor))
    out = np.zeros(values.size, target.numpy)
    assert program.run({"x0": values, "out": out}, {"n": values.size}) == 0
    return out


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("dtype", (float16, bfloat16), ids=repr)
def test_widening(dtype: DType, processor: str) -> None:
    values = EVERY.view(dtype.numpy)
    with np.errstate(invalid="ignore"):
        want = values.astype(np.float32)
    assert_same(converted(dtype, float32, values, processor), want)


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("dtype", (float16, bfloat16), ids=repr)
def test_rounding(dtype: DType, processor: str) -> None:
    """Each number, the middle to the next, and both sides of it."""
    with np.errstate(invalid="ignore", over="ignore"):
        below = EVERY.view(dtype.numpy).astype(np.float32)
        above = (EVERY + np.uint16(1)).view(dtype.numpy).astype(np.float32)
        middle = below + (above - below) / 2
        values = np.concatenate([below, middle, np.nextafter(middle, below), np.nextafter(middle, above)])
        want = values.astype(dtype.numpy)
    assert_same(converted(float32, dtype, values, processor), want)


def test_the_processor_without_halves_has_none() -> None:
    assert "-f16c" in host_target("x86-64-v2").features
    assert "-f16c" not in host_target("x86-64-v3").features


@pytest.mark.parametrize("dtype", (int64, uint64), ids=repr)
def test_large_integers_are_rounded_once(dtype: DType) -> None:
    """Just beside the middle between two bfloat16 numbers, by less than a double or a float can tell."""
    middle = (257 << 54) + np.array([-1, 0, 1], np.int64)
    values = np.concatenate([middle, middle + (1 << 55), 1 - middle]).astype(dtype.numpy)
    apply_elementwise([dtype], lambda x: cast(x, bfloat16), values)
    exact = converted(int64, bfloat16, middle, "")
    assert exact.tolist() == np.array([256 << 54, 256 << 54, 258 << 54], np.float64).astype(ml_dtypes.bfloat16).tolist()
