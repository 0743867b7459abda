"""LLVM text to machine code, through llvmlite, without any pass over the IR."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from brasa.ir.target import Target

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from llvmlite.binding import ModuleRef, TargetMachine


def compile_text(text: str, target: Target, speed: int) -> bytes:
    """The object file for a module; speed 0 compiles fastest, 3 makes the fastest code, and both the same results."""
    machine = _machine(target.triple, target.cpu, target.features, speed)
    return bytes(machine.emit_object(_parse(text, machine)))


class Compilation:
    """Object files of several modules, made on a thread of its own: LLVM does not need Python's lock.

    A block that is left by an error compiles nothing that has not begun. A single module is compiled where it is
    asked for: a thread would take longer to start than many a small program to compile.
    """

    def __init__(self, target: Target, speed: int) -> None:
        self._target, self._speed = target, speed
        self._made: list[Future[bytes]] = []
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Compilation:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def add(self, text: str) -> None:
        """Compile a module while the caller goes on."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(1, "brasa-compile")
        self._made.append(self._pool.submit(compile_text, text, self._target, self._speed))

    def finish(self, text: str) -> tuple[bytes, ...]:
        """All object files, that of the last module too."""
        if self._pool is None:
            return (compile_text(text, self._target, self._speed),)
        self.add(text)
        return tuple(made.result() for made in self._made)


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
