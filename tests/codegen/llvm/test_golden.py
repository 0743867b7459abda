"""The whole LLVM text of small kernels, so that any change of it is seen and read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from brasa.codegen.llvm import emit_program
from brasa.ir.dtype import float32
from brasa.ir.kernel import Kernel
from brasa.ir.target import Target
from tests.codegen.llvm.kernels import elementwise
from tests.codegen.llvm.native import program_of
from tests.codegen.llvm.test_compile import KERNELS

TARGET = Target("x86_64-unknown-linux-gnu", "x86-64-v4", "", 512, 32)
GOLDEN: dict[str, Kernel] = {
    "scaled_sum": elementwise([float32, float32], lambda x, y: x * 2.0 + y),
    **{name: KERNELS[name] for name in ("halves", "row_sums", "branches", "checked")},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_text(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.ll", emit_program(program_of(GOLDEN[name]), TARGET))
