"""LLVM modules: functions and the declarations that they need."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.codegen.llvm.values import Value
from brasa.codegen.llvm.writer import Writer
from brasa.ir.target import Target


class Module:
    """The functions and declarations of one LLVM module."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.declarations: set[str] = set()
        self.functions: list[str] = []
        self._names: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """The name, or one like it that is not taken."""
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}.{count}"

    def add_function(self, name: str, parameters: Sequence[Value], writer: Writer) -> None:
        """Add a function without a result."""
        head = f'define internal void @"{name}"({", ".join(map(str, parameters))}) #0 {{'
        self.functions.append(f"{head}\n{writer.text()}\n}}\n")
