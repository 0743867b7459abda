"""LLVM text to machine code, through llvmlite, without any pass over the IR."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from brasa.ir.target import Target

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from llvmlite.binding import ModuleRef, TargetMachine

_MOST_THREADS = 4
_MOST_WAITING = 0.0005  # seconds for Python's lock, which each of the small calls that compile a module ends with


def compile_text(text: str, target: Target, speed: int) -> bytes:
    """The object file for a module; speed 0 compiles fastest, 3 makes the fastest code, and both the same results."""
    machine = _machine(target.triple, target.cpu, target.features, speed)
    module = _parse(text, machine)
    with _addresses(target):
        return bytes(machine.emit_object(module))


class Compilation:
    """Object files of several modules, made on threads of their own: LLVM does not need Python's lock.

    A block that is left by an error compiles nothing that has not begun. A single module is compiled where it is
    asked for: a thread would take longer to start than many a small program to compile.
    """

    def __init__(self, target: Target, speed: int) -> None:
        self._target, self._speed, self._waits = target, speed, sys.getswitchinterval()
        self._made: list[tuple[str, Future[bytes]]] = []
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Compilation:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            sys.setswitchinterval(self._waits)

    def add(self, text: str) -> None:
        """Compile a module while the caller goes on."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            threads = max(1, min(_usable_processors() - 1, _MOST_THREADS))
            self._pool = ThreadPoolExecutor(threads, "brasa-compile")
            sys.setswitchinterval(min(self._waits, _MOST_WAITING))
        self._made.append((text, self._pool.submit(_compile_apart, text, self._target, self._speed)))

    def finish(self, text: str, speed: int) -> tuple[bytes, ...]:
        """All object files, the last module's too. What no thread has begun is compiled here, from the last on."""
        if self._pool is None:
            return (compile_text(text, self._target, speed),)
        files = [_compile_apart(text, self._target, speed)]
        for each, made in reversed(self._made):
            files.append(_compile_apart(each, self._target, self._speed) if made.cancel() else made.result())
        return tuple(reversed(files))


def _usable_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _compile_apart(text: str, target: Target, speed: int) -> bytes:
    """As compile_text, while other threads do the same: the module and the machine are this one's own."""
    from llvmlite.binding import ffi

    machine = _new_machine(target.triple, target.cpu, target.features, speed)
    module, emit = _parse(text, machine), unlocked()
    if emit is None:
        with _addresses(target):
            return bytes(machine.emit_object(module))
    with _addresses(target), ffi.OutputString() as error:
        memory = emit(machine, module, 1, error)
        if not memory:
            raise RuntimeError(str(error))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(memory), ffi.lib.LLVMPY_GetBufferSize(memory))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(memory)


def unlocked() -> Any:
    """What makes object code, without the lock that llvmlite 0.50 puts around it; None where it is elsewhere."""
    from llvmlite.binding import ffi

    return getattr(ffi.lib.LLVMPY_TargetMachineEmitToMemory, "_cfn", None)


def assembly(text: str, target: Target) -> str:
    """The assembly for a module, for people to read."""
    machine = _machine(target.triple, target.cpu, target.features, 3)
    module = _parse(text, machine)
    with _addresses(target):
        return str(machine.emit_assembly(module))


class _Option:
    """An option of LLVM, on while somebody is in its block: it is one of the process, and others use LLVM, too."""

    def __init__(self, name: str) -> None:
        self._name, self._lock, self._inside = name, Lock(), 0

    def __enter__(self) -> None:
        self._count(1, "true")

    def __exit__(self, *_: object) -> None:
        self._count(-1, "false")

    def _count(self, change: int, value: str) -> None:
        from llvmlite.binding import set_option

        with self._lock:
            before, self._inside = self._inside, self._inside + change
            if 0 in (before, self._inside):
                set_option("brasa", f"-{self._name}={value}")


# The emitter puts each part of an address into the outermost loop that knows it, and an x86 adds up the rest where it
# loads. To look for other ways to step through memory takes LLVM a third of its time, and finds nothing faster.
_AS_WRITTEN = _Option("disable-lsr")


def _addresses(target: Target) -> AbstractContextManager[None]:
    """The block in which LLVM makes code for the target."""
    return _AS_WRITTEN if target.triple.startswith("x86") else nullcontext()


def _parse(text: str, machine: TargetMachine) -> ModuleRef:
    from llvmlite import binding

    module = binding.parse_assembly(text, context=binding.create_context())
    module.data_layout = str(machine.target_data)
    module.verify()
    return module


def _new_machine(triple: str, processor: str, features: str, speed: int) -> TargetMachine:
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


_machine = cache(_new_machine)
