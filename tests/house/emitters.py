"""The rules of the emitters: they print kernels, know no op of the graph, and never loosen the arithmetic."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterator

from brasa.ir import kernel
from brasa.ir.ops import OPS
from tests.house.source import Source

# Names that ops share with the kernel language, whose scalar operations emitters do print.
KERNEL_WORDS = {*kernel.UNARY, *kernel.BINARY, *kernel.COMPARE, "select", "cast"}
# Names that ops share with LLVM's and C's own words and with everyday programming.
PLAIN_WORDS = {
    "bitcast",
    "call",
    "constant",
    "input",
    "item",
    "index",
    "update",
    "expand",
    "sign",
    *dir(builtins),
    *keyword.kwlist,
}
OP_NAMES = set(OPS) - KERNEL_WORDS - PLAIN_WORDS

LOOSE = re.compile(
    r"\b(fast|contract|reassoc|nnan|ninf|nsz|arcp|afn)\b|vector\.reduce\.f(add|mul)\b|fmuladd"
    r"|use_fast_math|ffast-math|fmad=true|ftz=true|prec-(div|sqrt)=false|__(exp|log|sin|cos|pow|tan)f\b|__fdividef"
)


def op_names(source: Source) -> Iterator[str]:
    """Names of ops, as words of identifiers or of text."""
    for line, text in _words(source.tree):
        for word in re.findall(r"[a-z_0-9]+", text):
            if word in OP_NAMES:
                yield f"{source.path}:{line}: names the op {word}"


def loose_arithmetic(source: Source) -> Iterator[str]:
    """Flags and functions that let a compiler or a GPU round otherwise than the program says."""
    for line, text in _strings(source.tree):
        if found := LOOSE.search(text):
            yield f"{source.path}:{line}: {found.group()} changes results"


def _words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    yield from _strings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.alias):
            yield node.lineno, node.name


def _strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Text that the program holds: not docstrings, which may explain."""
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.lineno, node.value
