"""LLVM text to machine code, through llvmlite, without any pass over the IR."""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.binding as llvm

from brasa.ir.target import Target


def compile_text(text: str, target: Target, speed: int) -> bytes:
    """The object file for a module; speed 0 compiles fastest, 3 makes the fastest code, and both the same results."""
    return bytes(_machine(target.triple, target.cpu, target.features, speed).emit_object(_parse(text)))


def assembly(text: str, target: Target) -> str:
    """The assembly for a module, for people to read."""
    return str(_machine(target.triple, target.cpu, target.features, 3).emit_assembly(_parse(text)))


def _parse(text: str) -> Any:
    return llvm.parse_assembly(text, context=llvm.create_context())


@cache
def _machine(triple: str, processor: str, features: str, speed: int) -> Any:
    """Small, position-independent code: constants are then operands of the instructions that use them."""
    if triple == llvm.get_default_triple():
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    chosen = llvm.Target.from_triple(triple)
    return chosen.create_target_machine(
        cpu=processor, features=features, opt=speed, reloc="pic", codemodel="default", jit=False
    )
