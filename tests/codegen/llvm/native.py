"""Runs kernels as machine code, through ctypes, for tests."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from brasa.codegen.llvm import compile_text, emit_program, host_target
from brasa.ir.dim import symbol
from brasa.ir.kernel import Check, For, If, Kernel, Statement
from brasa.ir.program import CheckNote, Input, Launch, Place, Program, Signature
from brasa.ir.target import Target
from brasa.ir.types import TensorType
from brasa.runtime.cpu_object import link

POOL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 4)


class Context(ctypes.Structure):
    """What entry's first argument points to."""

    _fields_ = (("parallel_for", POOL), ("failed", ctypes.c_int64), ("host", ctypes.c_void_p))


def program_of(kernel: Kernel) -> Program:
    """A program of one launch: `in` buffers are inputs, the others outputs; its checks have their own numbers."""
    places, inputs, outputs = [], [], []
    for buffer in kernel.arguments:
        role, chosen = ("input", inputs) if buffer.access == "in" else ("output", outputs)
        places.append(Place(role, len(chosen)))
        chosen.append((buffer.name, TensorType((symbol("elements"),), buffer.dtype)))
    sizes = tuple(symbol(size.attr) for size in kernel.sizes)
    checks = check_count(kernel.body)
    signature = Signature(
        kernel.name,
        tuple(Input(name, type) for name, type in inputs),
        tuple(type for _, type in outputs),
        sizes=sizes,
        checks=tuple(CheckNote("check", "", 0) for _ in range(checks)),
    )
    return Program(signature, (Launch(kernel, tuple(places), sizes, tuple(range(checks))),))


def check_count(statements: tuple[Statement, ...]) -> int:
    """How many check codes the statements use."""
    most = 0
    for statement in statements:
        match statement:
            case For(body=body):
                most = max(most, check_count(body))
            case If(then=then, orelse=orelse):
                most = max(most, check_count(then), check_count(orelse))
            case Check(code=code):
                most = max(most, code + 1)
    return most


class Native:
    """A loaded program. pieces: the (begin, end) that each parallel loop was cut into, in the order of the calls."""

    def __init__(
        self, program: Program, speed: int = 0, target: Target | None = None, cut: int = 3, files: Sequence[bytes] = ()
    ) -> None:
        self.program = program
        target = target or host_target()
        self.text = emit_program(program, target)
        self._code = link(files or [compile_text(self.text, target, speed)], ("entry",))
        self._entry = ENTRY(self._code.addresses["entry"])
        self._cut = cut
        self.pieces: list[tuple[int, int]] = []
        self.context = Context(POOL(self._parallel_for), 0)

    def _parallel_for(self, _: int, body: int, arguments: int, extent: int, cost: int) -> None:
        """In `cut` pieces, last first."""
        piece = max(1, -(-extent // self._cut))
        for begin in reversed(range(0, extent, piece)):
            self.pieces.append((begin, min(begin + piece, extent)))
            BODY(body)(arguments, *self.pieces[-1])

    def run(self, arrays: Mapping[str, np.ndarray[Any, Any]], sizes: Mapping[str, int]) -> int:
        """Run on arrays by buffer name; gives what entry returns."""
        launch = self.program.launches[0]
        names = [buffer.name for buffer in launch.kernel.arguments]
        ordered = sorted(zip(launch.buffers, names, strict=True), key=lambda pair: pair[0].role)
        pointers = (ctypes.c_void_p * len(names))(*(arrays[name].ctypes.data for _, name in ordered))
        values = (ctypes.c_int64 * (len(sizes) + 1))(*(sizes[str(name)] for name in self.program.signature.sizes))
        return self.call(pointers, values)

    def call(self, pointers: Any, sizes: Any, arena: Any = None) -> int:
        """Call entry."""
        return int(self._entry(ctypes.addressof(self.context), pointers, sizes, arena))


@cache
def native(kernel: Kernel, speed: int = 0) -> Native:
    """The kernel as a loaded program."""
    return Native(program_of(kernel), speed)


def run(kernel: Kernel, arrays: Mapping[str, np.ndarray[Any, Any]], speed: int = 0, **sizes: int) -> int:
    """Run the kernel's machine code on arrays by buffer name, which it writes."""
    return native(kernel, speed).run(arrays, sizes)
