"""LLVM text to machine code, through llvmlite, without any pass over the IR."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from brasa.ir.target import Target

if TYPE_CHECKING:
    from llvmlite.binding import ModuleRef, TargetMachine


def compile_text(text: str, target: Target, speed: int) -> bytes:
    """The object file for a module; speed 0 compiles fastest, 3 makes the fastest code, and both the same results."""
    machine = _machine(target.triple, target.cpu, target.features, speed)
    return bytes(machine.emit_object(_parse(text, machine)))


def assembly(text: str, target: Target) -> str:
    """The assembly for a module, for people to read."""
    machine = _machine(target.triple, target.cpu, target.features, 3)
    return str(machine.emit_assembly(_parse(text, machine)))


def _parse(text: str, machine: TargetMachine) -> ModuleRef:
    from llvmlite import binding

    module = binding.parse_assembly(text, context=binding.create_context())
    module.data_layout = str(machine.target_data)
    module.verify()
    return module


@cache
def _machine(triple: str, processor: str, features: str, speed: int) -> TargetMachine:
    """Small, position-independent code, so that constants can be operands of the instructions that use them."""
    from llvmlite import binding

    if triple == binding.get_default_triple():
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
    else:
        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
    return binding.Target.from_triple(triple).create_target_machine(
        cpu=processor, features=features, opt=speed, reloc="pic", codemodel="small"
    )
