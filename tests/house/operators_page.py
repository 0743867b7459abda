"""Writes docs/operators.md: what every public function does, found out by calling it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import brasa
from brasa import BrasaError, Tensor
from brasa.tracing.operators import OPERATORS, Operator
from tests.frontend.functions.harness import flat
from tests.house.source import ROOT

PATH = ROOT / "docs" / "operators.md"
_CALL = re.compile(r"(?:(?:x|z|spd|i|b)\((?:[^()]|\([^()]*\))*\)\.)?([\w.]+)\(")  # a function, or a method of a tensor
CALLS = {_CALL.match(line)[1]: line for line in (ROOT / "tests" / "samples" / "calls.txt").read_text().splitlines()}
DTYPES = {
    "bool": ("bool",),
    "int": ("uint8", "int8", "int16", "int32", "int64"),
    "half": ("float16", "bfloat16"),
    "float": ("float32", "float64"),
    "complex": ("complex64", "complex128"),
}
_MAKERS = ("x", "z", "spd", "i", "b")
_HEADER = """\
# Operators

Every public function of tensors. `make golden` writes this page, by calling each function; a test checks it.

- call: what was called, with `x(2, 3)` a tensor of the dtype in question, `spd(3, 3)` a positive definite one, `z(3)` a
  complex one, `i(...)` and `b(...)` tensors of integers and of truth values.
- forms: m, a method of Tensor; i, in place, as `name_`; o, with `out=`.
- dtypes: bool; int, which is uint8 and int8 to int64; half, float16 and bfloat16; float, float32 and float64; complex,
  complex64 and complex128. ✓ stands for all of them.
- gradient: by its floats. compiled: as one executable (`fullgraph=True`); what is not, has a result whose shape depends
  on values, and splits a program.
- device: all run on cpu.
"""


class Call(NamedTuple):
    """A call, as a function of the tensors in it. inputs: what makes each of them, and with what."""

    text: str
    function: Callable[..., Any]
    inputs: list[tuple[str, list[Any]]]


class _TensorsToParameters(ast.NodeTransformer):
    def __init__(self) -> None:
        self.inputs: list[tuple[str, list[Any]]] = []

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in _MAKERS:
            self.inputs.append((node.func.id, [ast.literal_eval(argument) for argument in node.args]))
            return ast.Name(f"tensor{len(self.inputs) - 1}", ast.Load())
        return self.generic_visit(node)


def text_of(name: str) -> str:
    """The call that shows an operator: its own, or that of a name which it is an alias of."""
    if name in CALLS:
        return CALLS[name]
    same = [other for other, each in OPERATORS.items() if other in CALLS and each.call is OPERATORS[name].call]
    if not same:
        raise KeyError(f"{name} has no call in tests/samples/calls.txt")
    known = same[0]
    return CALLS[known].replace(f"{known}(", f"{name}(", 1)


@cache
def call_of(name: str, form: str = "function", module: ModuleType = brasa) -> Call:
    """The call that shows the operator of that name: as a function, with `out`, as a method, or in place.

    module: whose functions are called, where not brasa's.
    """
    found = _TensorsToParameters()
    tree = found.visit(ast.parse(text_of(name), mode="eval"))
    call = tree.body
    if form == "out":
        call.keywords.append(ast.keyword("out", ast.Name("out", ast.Load())))
    elif form != "function" and isinstance(call.func.value if "." in name else call.func, ast.Name):
        attribute = name.rpartition(".")[2] + ("_" if form == "in place" else "")
        call.func = ast.Attribute(call.args.pop(0), attribute, ast.Load())
    parameters = [f"tensor{number}" for number in range(len(found.inputs))] + (["out"] if form == "out" else [])
    body = ast.unparse(ast.fix_missing_locations(tree))
    return Call(text_of(name), eval(f"lambda {', '.join(parameters)}: {body}", dict(vars(module))), found.inputs)


def tensors_for(call: Call, dtype: str, requires_grad: bool = False) -> list[Tensor]:
    """The tensors of a call in a dtype, the same ones each time."""
    rng = np.random.default_rng(0)
    made = []
    for maker, arguments in call.inputs:
        kind = getattr(brasa, dtype)
        if maker in ("i", "b"):
            made.append(brasa.tensor(arguments[0], dtype=brasa.int64 if maker == "i" else brasa.bool))
            continue
        if maker == "z":
            kind = brasa.complex64
        values = rng.uniform(0.3, 0.8, tuple(arguments))
        if maker == "spd":
            values = values + arguments[-1] * np.eye(arguments[-1])
        if kind.kind in ("int", "uint", "bool"):
            values = rng.integers(1, 3, tuple(arguments))
        tensor = brasa.tensor(values).to(kind)
        made.append(tensor.requires_grad_() if requires_grad else tensor)
    return made


def runs(name: str, dtype: str) -> bool:
    """Whether the operator is defined for a dtype."""
    call = call_of(name)
    try:
        call.function(*tensors_for(call, dtype))
    except BrasaError:
        return False
    return True


def compiles(name: str) -> bool:
    """Whether the operator is one executable in float32, or in what it is defined for."""
    call = call_of(name)
    try:
        brasa.compile(call.function, fullgraph=True)(*tensors_for(call, usual_dtype(name)))
    except BrasaError:
        return False
    return True


def has_gradient(name: str) -> bool:
    """Whether gradients flow through the operator."""
    call = call_of(name)
    try:
        inputs = tensors_for(call, "float32", requires_grad=True)
        results = [r for r in flat(call.function(*inputs)) if isinstance(r, Tensor) and r.requires_grad]
        for result in results:
            (result.abs() if result.dtype.kind == "complex" else result).sum().backward(retain_graph=True)
    except BrasaError:
        return False
    return bool(results)


@cache
def usual_dtype(name: str) -> str:
    """A dtype that the operator is defined for: float32 if it can be."""
    return next((dtype for dtype in ("float32", "int64", "bool", "complex64") if runs(name, dtype)), "float32")


def page() -> str:
    """The whole page."""
    spaces: dict[str, list[Operator]] = {}
    for operator in sorted(OPERATORS.values(), key=lambda each: each.name.lower()):
        spaces.setdefault(operator.name.rpartition(".")[0], []).append(operator)
    parts = [_HEADER]
    for space in sorted(spaces):
        parts.append(f"\n## brasa{'.' if space else ''}{space}: {len(spaces[space])}\n")
        parts.append("| name | forms | " + " | ".join(DTYPES) + " | gradient | compiled | call |")
        parts.append("|" + " --- |" * (len(DTYPES) + 5))
        parts += [_line(operator) for operator in spaces[space]]
    return "\n".join(parts) + "\n"


def _line(operator: Operator) -> str:
    name = operator.name
    having = zip("mio", (operator.method, operator.in_place, operator.out), strict=True)
    forms = "".join(letter for letter, has in having if has)
    cells = [_cell([dtype for dtype in dtypes if runs(name, dtype)], dtypes) for dtypes in DTYPES.values()]
    marks = ["✓" if holds else "" for holds in (has_gradient(name), compiles(name))]
    return f"| {' | '.join([name.rpartition('.')[2], forms, *cells, *marks, f'`{text_of(name)}`'])} |"


def _cell(having: list[str], all_of_them: tuple[str, ...]) -> str:
    return "✓" if len(having) == len(all_of_them) else " ".join(having)


def rows(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(name with namespace, cells by column) of each row of the page."""
    space, columns = "", []
    for line in text.splitlines():
        if line.startswith("## brasa"):
            space = line.removeprefix("## brasa").partition(":")[0].removeprefix(".")
        elif line.startswith("| name"):
            columns = [cell.strip() for cell in line.strip("|").split("|")]
        elif line.startswith("| ") and "---" not in line:
            cells = dict(zip(columns, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
            yield f"{space}.{cells['name']}" if space else cells["name"], cells
