"""Who imports whom: the arrows between rooms, the homes of libraries, and circles."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Literal

import networkx

from tests.house.source import Source

When = Literal["at import", "late", "for types"]

MAY_IMPORT = {
    "ir": {"ir"},
    "passes": {"ir", "passes"},
    "codegen": {"ir", "codegen"},
    "runtime": {"ir", "runtime"},
    "frontend": {"ir", "passes", "codegen", "runtime", "frontend"},
}
LIBRARIES = {
    "numpy": ("*",),
    "ml_dtypes": ("*",),
    "safetensors": ("frontend/*",),
    "llvmlite": ("codegen/llvm/*", "runtime/cpu*"),
    "cupy": ("runtime/cuda*",),
    "networkx": ("passes/*",),
    "opt_einsum": ("frontend/functions/einsum.py",),
    "tensorboardX": ("frontend/utils/tensorboard.py",),
    "PIL": ("frontend/vision/pillow.py",),
    "sklearn": ("frontend/vision/datasets/others.py",),
    "tokenizers": ("frontend/text/subwords.py",),
}
LATE_ONLY = {"networkx", "opt_einsum", "tensorboardX", "PIL", "sklearn", "tokenizers"}


@dataclass(frozen=True)
class Import:
    """One import: the module it names, the line, and when it runs."""

    module: str
    line: int
    when: When


def imports(source: Source, modules: Collection[str] = ()) -> list[Import]:
    """The imports of a file; `from a import b` names `a.b` where that is one of the modules, else `a`."""
    return list(_walk(source.tree, "at import", modules))


def _walk(node: ast.AST, when: When, modules: Collection[str]) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = "." * child.level + (child.module or "")
            for alias in child.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in modules else base, child.lineno, when)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _walk(child, "late", modules)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _walk(child, "for types", modules)
        else:
            yield from _walk(child, when, modules)


def room_of(module: str) -> str:
    """The room that a module of ours belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ("ir", "passes", "codegen", "runtime") else "frontend"


def wrong_imports(source: Source) -> list[str]:
    """The imports of a product file that its room does not allow."""
    complaints = []
    for each in imports(source):
        root = each.module.split(".", maxsplit=1)[0]
        place = f"{source.path}:{each.line}: imports {each.module}"
        if not root:
            complaints.append(f"{place}: imports are absolute")
        elif root == "brasa":
            if room_of(each.module) not in MAY_IMPORT[source.room]:
                complaints.append(
                    f"{place}: {source.room} may import only {', '.join(sorted(MAY_IMPORT[source.room]))}"
                )
        elif root in LIBRARIES:
            if not any(fnmatch(source.path, home) for home in LIBRARIES[root]):
                complaints.append(f"{place}: only {', '.join(LIBRARIES[root])} may")
            elif root in LATE_ONLY and each.when == "at import":
                complaints.append(f"{place}: only inside a function")
        elif root not in sys.stdlib_module_names:
            complaints.append(f"{place}: not a dependency of brasa")
    return complaints


def import_graph(sources: Sequence[Source]) -> networkx.DiGraph:
    """Modules and the imports that run, each edge with the earliest time at which it does."""
    modules = {source.module for source in sources}
    graph = networkx.DiGraph()
    for source in sources:
        for each in imports(source, modules):
            if each.module in modules and each.when != "for types" and each.module != source.module:
                known = graph.get_edge_data(source.module, each.module, {"when": "late"})["when"]
                when = "at import" if "at import" in (known, each.when) else "late"
                graph.add_edge(source.module, each.module, when=when)
    return graph


def circles(graph: networkx.DiGraph) -> list[list[str]]:
    """The groups of modules that import one another round a circle."""
    return sorted(sorted(group) for group in networkx.strongly_connected_components(graph) if len(group) > 1)
