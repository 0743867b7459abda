"""Machine code for this and other processors, and what it may not contain."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from brasa.codegen.llvm import assembly, compile_text, emit_program, host_target
from brasa.ir import kernel
from brasa.ir.dtype import bfloat16, float16, float32, int32
from brasa.ir.kernel import Expr, Kernel, cast
from tests.codegen.llvm.kernels import elementwise
from tests.codegen.llvm.native import program_of
from tests.codegen.llvm.test_emitter import branches, checked, row_sums

OTHERS = ("haswell", "x86-64-v3", "x86-64-v4", "aarch64")
KERNELS: dict[str, Kernel] = {
    "halves": elementwise([float16, bfloat16], lambda x, y: cast(cast(x, float32) + cast(y, float32), bfloat16)),
    "narrow": elementwise([float32], lambda x: cast(x, float16)),
    "integers": elementwise([float32], lambda x: cast(kernel.maximum(x, 0.0), int32)),
    "row_sums": row_sums(),
    "branches": branches(),
    "checked": checked(),
}


@pytest.mark.parametrize("processor", OTHERS)
@pytest.mark.parametrize("name", KERNELS)
def test_other_processors(name: str, processor: str) -> None:
    """Compiles, and calls nothing outside: no conversion or function of a C library."""
    target = host_target(processor)
    made = assembly(emit_program(program_of(KERNELS[name]), target), target)
    called = set(re.findall(r"^\s+(?:call|callq|bl)\s+([\w.]+)", made, re.MULTILINE))
    assert {each for each in called if not each.startswith(("kernel", "entry", *_own_names(made)))} == set()


def _own_names(made: str) -> list[str]:
    return re.findall(r"^([\w.]+):", made, re.MULTILINE)


@pytest.mark.parametrize(
    ("processor", "bits", "registers"),
    (("x86-64-v4", 512, 32), ("haswell", 256, 16), ("x86-64-v2", 128, 16), ("aarch64", 128, 32)),
)
def test_vector_registers(processor: str, bits: int, registers: int) -> None:
    target = host_target(processor)
    assert (target.vector_bits, target.vector_registers) == (bits, registers)
    made = assembly(emit_program(program_of(elementwise([float32], lambda x: x * x)), target), target)
    mark = {512: "%zmm0", 256: "%ymm0"}.get(bits, "%xmm0" if processor != "aarch64" else "v0.4s")
    assert mark in made


@pytest.mark.parametrize(
    ("processor", "has"),
    (("sapphirerapids", True), ("znver4", True), ("x86-64-v4", False), ("haswell", False), ("aarch64", False)),
)
def test_products_of_pairs_of_bfloat16(processor: str, has: bool) -> None:
    assert host_target(processor).adds_products == has


def test_this_processor() -> None:
    target = host_target()
    assert target.vector_bits in (128, 256, 512)
    assert target.l1_bytes >= 8 << 10
    assert target.l2_bytes > target.l1_bytes


def test_object_code_is_the_same_each_time() -> None:
    text = emit_program(program_of(row_sums()), host_target())
    assert text == emit_program(program_of(row_sums()), host_target())
    assert compile_text(text, host_target(), 3) == compile_text(text, host_target(), 3)
    assert compile_text(text, host_target(), 0) != compile_text(text, host_target(), 3)


def test_others_have_llvm_as_it_was() -> None:
    """What makes kernels quick to compile is an option of the process: code of others is the same after as before."""
    from llvmlite import binding

    target = host_target()
    text = emit_program(program_of(row_sums()), target)
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small"
    )
    before = machine.emit_assembly(binding.parse_assembly(text))
    made = assembly(text, target)
    assert (made != before) == target.triple.startswith("x86")
    assert machine.emit_assembly(binding.parse_assembly(text)) == before


def test_wrong_text_is_refused() -> None:
    with pytest.raises(RuntimeError, match="expected"):
        compile_text("define nonsense", host_target(), 0)


def test_extremum_of_vectors_is_short() -> None:
    """On x86 a minimum with NaN and signed zeros takes three instructions."""

    def minimum(x: Expr, y: Expr) -> Expr:
        return kernel.minimum(x, y)

    target = host_target("x86-64-v4")
    made = assembly(emit_program(program_of(elementwise([float32, float32], minimum)), target), target)
    assert made.count("vminps") == 4  # two in the full rounds, two in the rest
    assert "vcmp" not in made.replace("vpcmp", "")


def test_import_is_light() -> None:
    script = "import sys; import brasa.codegen.llvm; assert 'llvmlite' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
