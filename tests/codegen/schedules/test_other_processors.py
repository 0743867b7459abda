"""Schedules for other processors: assembly for AArch64, and the same bits from AVX2 as from the processor at hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from brasa.codegen.llvm import assembly, emit_program, host_target
from brasa.codegen.schedules import lower
from tests.codegen.schedules.orders import same_bits
from tests.codegen.schedules.running import Array, machine, placed, read, region
from tests.codegen.schedules.test_convolution import CASES
from tests.codegen.schedules.test_cumulate import alone
from tests.codegen.schedules.test_kernel_text import KERNELS
from tests.codegen.schedules.test_products import EPILOGUE, product
from tests.codegen.schedules.test_rows import SOFTMAX, reduction

UNARY = ("sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "erf", "atan", "erfinv", "lgamma")
BINARY = ("pow", "remainder", "maximum")


def mathematics(dtype: str) -> str:
    """Every function of x, or of x and y."""
    type = f"{dtype}[n]"
    calls = [f"{name}(x)" for name in UNARY] + [f"{name}(x, y)" for name in BINARY]
    body = "".join(f" %{number}: {type} = {call}\n" for number, call in enumerate(calls))
    names = ", ".join(f"%{number}" for number in range(len(calls)))
    return region(
        f"{body} return {names}", inputs=f"x: {type}, y: {type}", results=[type] * len(calls), name="functions"
    )


MATHEMATICS = {"functions": mathematics("f32"), "double functions": mathematics("f64")}
PRODUCTS = ("matmul", "linear", "dot", "conv", "conv_input_grad", "conv_weight_grad", "functions")


@pytest.mark.parametrize("name", [*KERNELS, "functions"])
def test_assembly_for_aarch64(name: str) -> None:
    """Vectors of four floats in registers; nothing of x86, and no function of a library but what clears memory."""
    target = host_target("aarch64")
    text = emit_program(placed(lower(read({**KERNELS, **MATHEMATICS}[name]), target)), target)
    assert "llvm.x86" not in text and "zmm" not in text
    made = assembly(text, target)
    own = set(re.findall(r"^([\w.$]+):", made, re.MULTILINE))
    assert set(re.findall(r"^\s+bl\s+([\w.$]+)", made, re.MULTILINE)) - own <= {"memset", "memcpy"}
    fused = re.findall(r"\bfml[as]\s+v\d+\.(\ds|\dd)", made)
    assert bool(fused) == (name in PRODUCTS)
    assert not re.search(r"\bb?fmopa|\bz\d+\.s", made)  # of extensions that not all have


_random = np.random.default_rng(41)


def drawn(*shape: int, dtype: str = "f4") -> Array:
    return _random.standard_normal(shape).astype(dtype)


def sizes_of_every_kind(dtype: str) -> Array:
    """Of all magnitudes, with what is special."""
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, float(np.finfo(dtype).tiny) / 4, 88.0, 1e5]
    return np.concatenate([special, _random.standard_normal(500) * 10.0 ** _random.integers(-6, 4, 500)]).astype(dtype)


CASE = CASES[0]
CORPUS: dict[str, tuple[str, tuple[Array, ...]]] = {
    "chain": (product("m", "k", "n"), (drawn(70, 530), drawn(530, 45))),
    "dot": (product("m", "k", "n", "dot"), (drawn(70, 4100), drawn(45, 4100))),
    "doubles": (product("m", "k", "n", "chain", "f64"), (drawn(70, 530, dtype="f8"), drawn(530, 45, dtype="f8"))),
    "double dot": (product("m", "k", "n", "dot", "f64"), (drawn(130, 90, dtype="f8"), drawn(50, 90, dtype="f8"))),
    "epilogue": (EPILOGUE, (drawn(40, 20), drawn(20, 30), drawn(30), drawn(40, 30))),
    "conv": (CASE.forward(), CASE.arrays()[:2]),
    "conv_input_grad": (CASE.input_gradient(), CASE.arrays()[:0:-1]),
    "conv_weight_grad": (CASE.weight_gradient(), CASE.arrays()[::2]),
    "softmax": (SOFTMAX, (drawn(30, 77),)),
    "rows": (reduction("sum", ("n", "m"), (1,)), (drawn(30, 5000),)),
    "columns": (reduction("sum", ("n", "m"), (0,)), (drawn(700, 30),)),
    "product": (reduction("prod", ("n", "m"), (1,), "f64"), (drawn(30, 50, dtype="f8"),)),
    "cumsum": (alone("cumsum", "n,m", 1), (drawn(20, 600),)),
    "functions": (MATHEMATICS["functions"], (sizes_of_every_kind("f4"), sizes_of_every_kind("f4"))),
    "double functions": (MATHEMATICS["double functions"], (sizes_of_every_kind("f8"), sizes_of_every_kind("f8"))),
}


@pytest.mark.parametrize("name", CORPUS)
def test_avx2_gives_the_same_bits(name: str) -> None:
    text, arrays = CORPUS[name]
    target = host_target("haswell")
    assert target.vector_bits == 256 and not target.adds_products
    for found, wanted in zip(
        machine(text, 0, target).run(*arrays).outputs, machine(text).run(*arrays).outputs, strict=True
    ):
        nan = np.isnan(wanted)
        assert np.array_equal(np.isnan(found), nan)
        same_bits(np.where(nan, 0, found), np.where(nan, 0, wanted))
