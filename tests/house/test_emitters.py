"""Emitters print kernels: they know no op, and never loosen the arithmetic."""

from __future__ import annotations

import pytest

from tests.house.emitters import OP_NAMES, loose_arithmetic, op_names
from tests.house.source import Source, assert_none, read_files

EMITTERS = ("codegen/llvm", "codegen/cuda")


@pytest.mark.parametrize("folder", EMITTERS)
def test_no_op_is_named(folder: str) -> None:
    assert_none(complaint for source in read_files(folder) for complaint in op_names(source))


@pytest.mark.parametrize("folder", [*EMITTERS, "runtime"])
def test_arithmetic_stays_strict(folder: str) -> None:
    assert_none(complaint for source in read_files(folder) for complaint in loose_arithmetic(source))


def test_ops_are_meant() -> None:
    assert {"matmul", "conv", "exp", "reshape", "scatter_add", "fused", "random_bits"} <= OP_NAMES
    assert not {"add", "sqrt", "select", "cast", "lt"} & OP_NAMES


@pytest.mark.parametrize("text", ["if op == 'matmul': ...", "def exp(x): ...", "x.scatter_add", "from a import conv"])
def test_ops_are_found(text: str) -> None:
    assert len(list(op_names(Source("codegen/llvm/a.py", text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "f'{x} = fadd fast <16 x float> {a}, {b}'",
        "'fmul contract float'",
        "'call float @llvm.vector.reduce.fadd.v16f32'",
        "'llvm.fmuladd.f32'",
        "('--use_fast_math',)",
        "'__expf({})'",
    ],
)
def test_loose_arithmetic_is_found(text: str) -> None:
    assert len(list(loose_arithmetic(Source("codegen/llvm/a.py", f"x = {text}")))) == 1


@pytest.mark.parametrize("text", ["'fadd <16 x float>'", "'llvm.fma.f32'", "'breakfast'", "fast(contract)"])
def test_strict_arithmetic_passes(text: str) -> None:
    assert list(loose_arithmetic(Source("codegen/llvm/a.py", f"x = {text}"))) == []
