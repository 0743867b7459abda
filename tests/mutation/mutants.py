"""All the small mistakes that one could make in a file: an operator, a bound, a condition, two operands exchanged."""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tests.house.source import ROOT

_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
ROOMS = ("passes", "codegen")
_ORDERED = (ast.Sub, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift)


class Mutant(NamedTuple):
    """The `number`-th mistake that can be made in a file.

    key: the file, the function, the text of the line and what is mistaken there: what stays when lines move.
    statement: the lines of which one runs wherever the mistake matters; empty where that is on import.
    """

    path: str
    line: int
    number: int
    key: str
    statement: range


class _Mutator(ast.NodeTransformer):
    """Visits every place where a mistake can be made, and makes the one of that number."""

    def __init__(self, number: int = -1) -> None:
        self.number, self.count = number, 0
        self.found: list[tuple[int, str]] = []

    def _offer(self, node: ast.AST, kind: str, make: Any) -> ast.AST:
        """The node, or what the mistake makes of it if it is its turn."""
        mine = self.count == self.number
        self.count += 1
        before = ast.unparse(node)
        self.found.append((node.lineno, f"{kind}: {before[:90]}"))  # type: ignore[attr-defined]
        return make() if mine else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        made: ast.AST = node
        if type(node.op) in _OPERATORS:
            other = _OPERATORS[type(node.op)]()
            made = self._offer(
                node, "operator", lambda: ast.copy_location(ast.BinOp(node.left, other, node.right), node)
            )
        if isinstance(node.op, _ORDERED) and made is node:
            swapped = ast.copy_location(ast.BinOp(node.right, node.op, node.left), node)
            made = self._offer(node, "operands", lambda: swapped)
        return made

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) != 1 or type(node.ops[0]) not in _OPERATORS:
            return node
        other = _OPERATORS[type(node.ops[0])]()
        return self._offer(
            node, "operator", lambda: ast.copy_location(ast.Compare(node.left, [other], node.comparators), node)
        )

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        other = _OPERATORS[type(node.op)]()
        return self._offer(node, "operator", lambda: ast.copy_location(ast.BoolOp(other, node.values), node))

    def _negated(self, node: Any) -> ast.AST:
        self.generic_visit(node)

        def make() -> ast.AST:
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
            return node  # type: ignore[no-any-return]

        made = self._offer(node.test, "condition", lambda: None)
        return node if made is not None else make()

    visit_If = visit_IfExp = visit_While = _negated

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            return self._offer(node, "bound", lambda: ast.copy_location(ast.Constant(not node.value), node))
        if isinstance(node.value, int):
            return self._offer(node, "bound", lambda: ast.copy_location(ast.Constant(node.value + 1), node))  # type: ignore[operator]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if len(node.args) < 2 or any(isinstance(each, ast.Starred) for each in node.args[:2]):
            return node
        args = [node.args[1], node.args[0], *node.args[2:]]
        return self._offer(node, "operands", lambda: ast.copy_location(ast.Call(node.func, args, node.keywords), node))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = None if node.value is None else self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def mutants_of(path: str) -> list[Mutant]:
    """All mistakes that can be made in a file, given from the repository's root."""
    source = (ROOT / path).read_text()
    tree, mutator, lines = ast.parse(source), _Mutator(), source.splitlines()
    functions, statements = _functions(tree), _statements(tree)
    mutator.visit(tree)
    seen: Counter[str] = Counter()
    made = []
    for number, (line, text) in enumerate(mutator.found):
        key = f"{path} {functions.get(line, '')} | {lines[line - 1].strip()} | {text}"
        seen[key] += 1
        key = f"{key} | {seen[key]}" if seen[key] > 1 else key
        made.append(Mutant(path, line, number, key, statements.get(line, range(0))))
    return made


def _statements(tree: ast.Module) -> dict[int, range]:
    """The innermost statement inside a function that each line is of; of what holds others, its head."""
    found: dict[int, range] = {}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
                inside = getattr(node, "body", None)
                end = inside[0].lineno if inside else (node.end_lineno or node.lineno) + 1
                lines = range(node.lineno, max(end, node.lineno + 1))
                found |= dict.fromkeys(lines, lines)
    return found


def _functions(tree: ast.Module) -> dict[int, str]:
    """The innermost function or class that each line is in."""
    found: dict[int, str] = {}
    for node in ast.walk(tree):  # outer ones come first
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found |= dict.fromkeys(range(node.lineno, (node.end_lineno or 0) + 1), node.name)
    return found


def drawn(count: int, seed: int) -> list[Mutant]:
    """Mutants over all lines of passes/ and codegen/: a line first, then one of its mistakes.

    Lots are hashes of what a line says, so that a change of the code leaves nearly all of them as they were.
    """
    lines: dict[tuple[str, int], list[Mutant]] = {}
    for path in sorted(p.relative_to(ROOT).as_posix() for room in ROOMS for p in (ROOT / room).rglob("*.py")):
        for mutant in mutants_of(path):
            lines.setdefault((path, mutant.line), []).append(mutant)

    def lot(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()

    places = sorted(lines.values(), key=lambda mutants: lot(mutants[0]))[:count]
    return [min(mutants, key=lot) for mutants in places]


def install(path: str, number: int) -> None:
    """Let the import of that file import the mutant; nothing is written."""
    target, usual = str(ROOT / path), importlib.machinery.SourceFileLoader.get_code

    def get_code(self: Any, fullname: str) -> Any:
        if Path(self.path).resolve() != Path(target):
            return usual(self, fullname)
        tree = _Mutator(number).visit(ast.parse(Path(target).read_text()))
        return compile(ast.fix_missing_locations(tree), target, "exec")

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]


def tracer(lines: dict[str, set[int]]) -> Any:
    """For sys.settrace: notes the lines of ROOMS that run, by file."""
    starts = tuple(str(ROOT / room) + "/" for room in ROOMS)

    def trace(frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(starts):
            return None
        ran = lines.setdefault(Path(name).relative_to(ROOT).as_posix(), set())

        def note(frame: Any, event: str, arg: Any) -> Any:
            ran.add(frame.f_lineno)
            return note

        return note(frame, event, arg)

    return trace
