"""Kernels as LLVM text, and LLVM text as machine code."""

from brasa.codegen.llvm.compile import Compilation as Compilation
from brasa.codegen.llvm.compile import assembly as assembly
from brasa.codegen.llvm.compile import compile_text as compile_text
from brasa.codegen.llvm.program import Modules as Modules
from brasa.codegen.llvm.program import emit_program as emit_program
from brasa.codegen.llvm.target import can_run as can_run
from brasa.codegen.llvm.target import host_target as host_target
