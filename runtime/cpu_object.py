"""Object code to functions that can be called: the link step, and the compiler for our own support code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from brasa.runtime.forking import hold_while_forking

if TYPE_CHECKING:
    from llvmlite.binding import LLJIT, ResourceTracker

_lock = Lock()
_numbers = count()
hold_while_forking(_lock, 2)


class Code:
    """Linked machine code, unloaded when nothing refers to it. addresses: of the symbols that were asked for."""

    __slots__ = ("_library", "addresses")

    def __init__(self, library: ResourceTracker, names: Iterable[str]) -> None:
        self._library = library
        self.addresses = {name: int(library[name]) for name in names}


@cache
def _linker() -> LLJIT:
    from llvmlite import binding

    hold_while_forking(binding.ffi.lib._lock._lock, 3)
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.create_lljit_compiler(use_jit_link=True)


def link(object_files: Iterable[bytes], exports: Iterable[str], imports: Mapping[str, int] | None = None) -> Code:
    """Load object files whose undefined symbols are in each other, `imports`, or belong to the process."""
    from llvmlite import binding

    exports = tuple(exports)
    builder = binding.JITLibraryBuilder().add_current_process()
    for file in object_files:
        builder.add_object_img(file)
    for name, address in (imports or {}).items():
        builder.import_symbol(name, address)
    for name in exports:
        builder.export_symbol(name)
    with _lock:
        library = builder.link(_linker(), f"brasa{next(_numbers)}")
    return Code(library, exports)


def compile_text(text: str) -> bytes:
    """Object code of LLVM text for any processor of this one's kind."""
    from llvmlite import binding

    _linker()  # which initialises the target
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(opt=2, reloc="pic", codemodel="small")
    module = binding.parse_assembly(text)
    module.triple = binding.get_process_triple()
    module.data_layout = str(machine.target_data)
    module.verify()
    return bytes(machine.emit_object(module))


def llvmlite_version() -> str:
    """The version of llvmlite: other versions may make other code from the same text."""
    import llvmlite

    return str(llvmlite.__version__)
