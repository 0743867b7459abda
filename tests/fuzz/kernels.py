"""Compiles graphs for the fuzzer, each kind of region once: each program is new, most of its kernels are not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any

from brasa import runtime
from brasa.codegen.llvm import Modules, compile_text, program
from brasa.codegen.llvm.module import Module
from brasa.codegen.schedules import lower, lowering
from brasa.codegen.schedules.regions import region_key, region_symbols
from brasa.codegen.schedules.writer import Layouts, Lowered, OperandStride
from brasa.execution import runner
from brasa.execution.checking import numbers_of
from brasa.ir import dim
from brasa.ir.graph import Graph
from brasa.ir.kernel import Kernel
from brasa.ir.target import Target
from brasa.passes import plan_memory
from brasa.runtime import Executable
from brasa.runtime.cache import llvmlite_version

_MOST = 20_000  # of each kind of thing that are remembered
_SPEED = 0  # LLVM's: eager mode is compiled with the other one


class Kernels:
    """What has been compiled: kernels by their regions, LLVM text by kernels, machine code by LLVM text."""

    def __init__(self) -> None:
        self._lowered: dict[str, tuple[Lowered, tuple[str, ...]]] = {}
        self._emitted: dict[int, tuple[list[str], set[str], Any]] = {}  # by the body's address: it stays alive
        self._code: dict[str, bytes] = {}

    def compile(self, graph: Graph) -> Executable:
        """The machine code of a graph after the pipeline. Each kernel is a module of its own."""
        target = runner.target()
        with _replaced(lowering, "lower_region", self._lower), _replaced(program, "emit_kernel", self._emit):
            made = plan_memory(lower(graph, target))
            modules = Modules(target, 0)
            texts = [text for kernel in made.kernels if (text := modules.add(kernel)) is not None]
            texts += modules.finish(made)
        texts = _named_by_content(texts)
        for text in texts:
            if text not in self._code:
                remember(self._code, text, _machine_code(text, target))
        return runtime.load(made.signature, [self._code[text] for text in texts], numbers_of(graph))

    def _lower(self, usual: Callable[..., Lowered], region: Graph, layouts: Layouts, *rest: Any) -> Lowered:
        symbols = region_symbols(region)
        key = region_key(region, layouts, symbols)
        if key not in self._lowered:
            remember(self._lowered, key, (usual(region, layouts, *rest), symbols))
        lowered, its_symbols = self._lowered[key]
        names = {its: dim.symbol(mine) for its, mine in zip(its_symbols, symbols, strict=True)}
        return replace(
            lowered,
            sizes=tuple(n if isinstance(n, OperandStride) else dim.substitute(n, names) for n in lowered.sizes),
            scratch=tuple(dim.substitute(n, names) for n in lowered.scratch),
        )

    def _emit(self, usual: Callable[..., None], module: Module, kernel: Kernel, name: str) -> None:
        key = id(kernel.body)
        if key not in self._emitted:
            own = Module(module.target)
            usual(own, kernel, name)
            remember(self._emitted, key, (own.functions, own.declarations, kernel.body))
        functions, declarations, _ = self._emitted[key]
        module.functions += functions
        module.declarations |= declarations


def _named_by_content(texts: list[str]) -> list[str]:
    """The modules of a program, each of one kernel or `entry`, such that those of other programs may be the same.

    They have no comments, and kernels are called by what they are.
    """
    names: dict[str, str] = {}
    found: list[str] = []
    callers: list[str] = []
    for text in texts:
        plain = re.sub(r"^;.*\n", "", text, flags=re.MULTILINE)
        kernel = re.search(r'^define hidden void @"([^"]+)"', plain, re.MULTILINE)
        if kernel is None:
            callers.append(plain)
            continue
        name = re.compile(rf'@"{re.escape(kernel[1])}(?=[".])')
        names[kernel[1]] = f"k{hashlib.sha256(name.sub('@', plain).encode()).hexdigest()}"
        found.append(name.sub(f'@"{names[kernel[1]]}', plain))
    callers = [re.sub(r'@"([^"]+)"', lambda name: f'@"{names[name[1]]}"', each) for each in callers]
    return list(dict.fromkeys((*found, *callers)))


def _machine_code(text: str, target: Target) -> bytes:
    """What LLVM makes of a text: from disk, whichever process or version of brasa wrote that text, or made now."""
    parts = (text, target.key, llvmlite_version(), str(_SPEED))
    key, disk = hashlib.sha256("\0".join(parts).encode()).hexdigest(), runtime.disk_cache()
    entry = disk.read(key)
    if entry is not None:
        return entry.code[0]
    made = compile_text(text, target, _SPEED)
    disk.write(key, {}, [made])
    return made


def remember(known: dict[Any, Any], key: Any, value: Any) -> None:
    """Note a value; all that was known is forgotten when it has become much."""
    if len(known) >= _MOST:
        known.clear()
    known[key] = value


@contextmanager
def _replaced(module: Any, name: str, stand_in: Callable[..., Any]) -> Iterator[None]:
    """Inside the block, a function of a module is the stand-in, which is given the usual one first."""
    usual = getattr(module, name)
    setattr(module, name, wraps(usual)(lambda *given: stand_in(usual, *given)))
    try:
        yield
    finally:
        setattr(module, name, usual)
