"""The rules of style that a program can check; each takes files and gives complaints."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

from tests.house.imports import imports
from tests.house.source import Source

FILE_LINES, FUNCTION_LINES, COLUMNS = 400, 60, 120
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
VAGUE = re.compile(r"(^|_)(utils?|managers?|misc)(_|$)|^_?common$")
PRAGMA = re.compile(r" *# (type: ignore|noqa|fmt:).*")
PUBLIC_NAMES_OF_OTHERS = (
    "frontend/utils/",
    "frontend/nn/utils/",
    "frontend/optim/swa_utils/",
    "frontend/vision/utils/",
)  # torch.utils and torch.nn.utils
MAY_PRINT = ("frontend/command/*.py", "frontend/__main__.py", "examples/*", "benchmarks/*", "tests/*")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def too_long(source: Source) -> Iterator[str]:
    """Files, functions and lines over the limits."""
    lines = source.text.splitlines()
    if len(lines) > FILE_LINES:
        yield f"{source.path}: {len(lines)} lines, {FILE_LINES} are allowed"
    for number, line in enumerate(lines, 1):
        if len(PRAGMA.sub("", line)) > COLUMNS:
            yield f"{source.path}:{number}: {len(line)} columns, {COLUMNS} are allowed"
    for node in ast.walk(source.tree):
        if isinstance(node, Function) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{source.path}:{node.lineno}: {node.name} has {length} lines, {FUNCTION_LINES} are allowed"


def unopened(source: Source) -> Iterator[str]:
    """Files that do not open with a sentence."""
    if not is_sentence(ast.get_docstring(source.tree)):
        yield f"{source.path}: does not open with a docstring whose first paragraph is a sentence"


def is_sentence(docstring: str | None) -> bool:
    """Whether a docstring's first paragraph is one."""
    return bool(docstring) and docstring.split("\n\n")[0].rstrip().endswith((".", ":"))


def undocumented(sources: Sequence[Source]) -> Iterator[str]:
    """Functions and classes that another file uses and that have no docstring."""
    for source, definition in _used_elsewhere(sources):
        if not is_sentence(ast.get_docstring(definition)) and not _is_small_record(definition):
            yield f"{source.path}:{definition.lineno}: {definition.name} is used elsewhere and has no docstring"


def _is_small_record(definition: ast.AST) -> bool:
    """A class of fields alone says in its fields what it is."""
    return isinstance(definition, ast.ClassDef) and all(
        isinstance(part, ast.AnnAssign | ast.Pass) for part in definition.body
    )


def _used_elsewhere(sources: Sequence[Source]) -> Iterator[tuple[Source, Function | ast.ClassDef]]:
    modules = {source.module: source for source in sources}
    used: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        for module, name in _names_taken(source, modules):
            if module != source.module:
                used[module].add(name)
    for module, source in modules.items():
        for definition in source.tree.body:
            if isinstance(definition, Function | ast.ClassDef) and definition.name in used[module]:
                yield source, definition


def _names_taken(source: Source, modules: dict[str, Source]) -> Iterator[tuple[str, str]]:
    """Pairs (module, name): `from module import name`, and `module.name` where the module was imported."""
    known: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules:
                    known[alias.asname or alias.name] = inner
                else:
                    yield node.module, alias.name
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            yield known[node.value.id], node.attr


def prints(source: Source) -> Iterator[str]:
    """Calls of print; the command line, examples, benchmarks and tests may."""
    if any(fnmatch(source.path, may) for may in MAY_PRINT):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{source.path}:{node.lineno}: prints"


def broad_excepts(source: Source) -> Iterator[str]:
    """Handlers that catch everything and do not end by raising it, or another error, again."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"all"}
            if caught & {"all", "Exception", "BaseException"} and not isinstance(node.body[-1], ast.Raise):
                yield f"{source.path}:{node.lineno}: catches everything"


def unfinished(path: str, text: str) -> Iterator[str]:
    """Notes about work that is left."""
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{path}:{number}: is not finished"


def vague_names(source: Source) -> Iterator[str]:
    """Files, functions, classes and modules whose names say nothing."""
    parts = source.path.removesuffix(".py").split("/")
    if not source.path.startswith(PUBLIC_NAMES_OF_OTHERS) and any(map(VAGUE.search, parts)):
        yield f"{source.path}: the file's name says nothing"
    for node in ast.walk(source.tree):
        if isinstance(node, Function | ast.ClassDef) and VAGUE.search(_snake(node.name)):
            yield f"{source.path}:{node.lineno}: the name {node.name} says nothing"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def unused_modules(sources: Sequence[Source], roots: Sequence[str]) -> Iterator[str]:
    """Files that no other file imports and that are not where a program starts."""
    modules = {source.module for source in sources}
    used = {each.module for source in sources for each in imports(source, modules)}
    for source in sources:
        package = source.path.endswith("__init__.py")
        if not package and source.module not in used and source.module not in roots:
            yield f"{source.path}: nothing imports it"
