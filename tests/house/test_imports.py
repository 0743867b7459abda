"""The arrows between rooms: who may import whom."""

from __future__ import annotations

import networkx
import pytest

from tests.house.imports import circles, import_graph, wrong_imports
from tests.house.source import Source, assert_none, product_files

# Files that need each other: what prints is told by what it prints.
MUTUAL = {
    ("brasa.ir.graph", "brasa.ir.printing"): "str(graph)",
    ("brasa.ir.kernel", "brasa.ir.kernel_text"): "str(kernel)",
}

# The class whose methods are functions that are written over the class.
HUB = "brasa.tensors.tensor"


def exceptions(graph: networkx.DiGraph) -> set[tuple[str, str]]:
    """The edges that may close a circle: all of them imports inside a function."""
    hub = {(HUB, module) for module in graph[HUB] if graph.edges[HUB, module]["when"] == "late"}
    return hub | set(MUTUAL)


def test_rooms_import_only_what_they_may() -> None:
    assert_none(complaint for source in product_files() for complaint in wrong_imports(source))


def test_no_circles() -> None:
    graph = import_graph(product_files())
    for edge in MUTUAL:
        assert graph.edges[edge]["when"] == "late"
    graph.remove_edges_from(exceptions(graph))
    assert circles(graph) == []


def test_exceptions_are_needed() -> None:
    whole = import_graph(product_files())
    for edge in MUTUAL:
        graph = whole.copy()
        graph.remove_edges_from(exceptions(graph) - {edge})
        assert any(set(edge) <= set(circle) for circle in circles(graph)), edge


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("ir/x.py", "import brasa", "ir/x.py:1: imports brasa: ir may import only ir"),
        ("ir/x.py", "from brasa.passes.fuse import fuse", "imports brasa.passes.fuse: ir may import only ir"),
        ("passes/x.py", "def f():\n    import brasa.codegen", "passes/x.py:2: imports brasa.codegen"),
        ("codegen/x.py", "import brasa.runtime.cpu", "codegen may import only codegen, ir"),
        ("runtime/x.py", "from brasa.tensor import Tensor", "runtime may import only ir, runtime"),
        ("runtime/x.py", "from .cpu import load", "imports .cpu: imports are absolute"),
        ("runtime/devices.py", "import cupy", "only runtime/cuda* may"),
        ("codegen/cuda/x.py", "import llvmlite.binding", "only codegen/llvm/*, runtime/cpu* may"),
        ("frontend/x.py", "def f():\n    import networkx", "only passes/* may"),
        ("passes/x.py", "import networkx", "only inside a function"),
        ("frontend/x.py", "import torch", "not a dependency of brasa"),
    ],
)
def test_wrong_imports_are_found(path: str, text: str, complaint: str) -> None:
    (found,) = wrong_imports(Source(path, text))
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("frontend/x.py", "import brasa.ir.graph\nfrom brasa.runtime import cpu\nimport json"),
        ("passes/x.py", "def f():\n    import networkx"),
        ("runtime/cuda_memory.py", "import cupy"),
        ("codegen/llvm/x.py", "import llvmlite.binding"),
    ],
)
def test_right_imports_pass(path: str, text: str) -> None:
    assert wrong_imports(Source(path, text)) == []


@pytest.mark.parametrize("late", [False, True])
def test_circles_are_found(late: bool) -> None:
    back = "from brasa.ir import a"
    b = f"def f():\n    {back}" if late else back
    sources = [Source("ir/a.py", "from brasa.ir.b import f"), Source("ir/b.py", b), Source("ir/c.py", back)]
    assert circles(import_graph(sources)) == [["brasa.ir.a", "brasa.ir.b"]]


def test_imports_for_types_make_no_circle() -> None:
    sources = [
        Source("ir/a.py", "import brasa.ir.b"),
        Source("ir/b.py", "if typing.TYPE_CHECKING:\n    import brasa.ir.a"),
    ]
    assert circles(import_graph(sources)) == []
