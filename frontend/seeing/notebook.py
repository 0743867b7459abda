"""How tensors, modules and graphs show in notebooks: as HTML, in which every name and value is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from brasa.ir.graph import Graph
from brasa.nn.module import Module
from brasa.nn.parameter import is_lazy
from brasa.seeing.tables import html_table
from brasa.tensors.tensor import Tensor

_DRAWN = 200  # nodes of the largest graph that is drawn: a picture of more is no help
_BOX = "max-height:40em;overflow:auto"
_graph_text = Graph._repr_html_


def install() -> None:
    """Give tensors, modules and graphs the method that notebooks ask for."""
    Tensor._repr_html_ = tensor_html  # type: ignore[method-assign]
    Module._repr_html_ = module_html  # type: ignore[attr-defined]
    Graph._repr_html_ = graph_html  # type: ignore[method-assign]


def tensor_html(tensor: Tensor) -> str:
    """What a tensor is, as a table of one row, and below it the tensor as it prints: long ones are shortened."""
    text = f'<pre style="{_BOX}">{escape(repr(tensor))}</pre>'
    if is_lazy(tensor):
        return text
    gradient = f"from {tensor.grad_fn.name()}" if tensor.grad_fn else "required" if tensor.requires_grad else ""
    facts = [type(tensor).__name__, str(list(tensor.shape)), tensor.dtype.long_name, str(tensor.device), gradient]
    return html_table(("", "shape", "dtype", "device", "gradient"), [facts]) + text


def module_html(module: Module) -> str:
    """The modules inside as a tree that can be folded; a class with a `__repr__` of its own shows as it says."""
    return f"<div>{_branch(module, '', opened=True)}</div>"


def _branch(module: Any, name: str, opened: bool) -> str:
    title = f"<b>{escape(name)}</b> " if name else ""
    if not type(module).__repr__.__module__.startswith("brasa."):
        return f"<div>{title}<pre>{escape(repr(module))}</pre></div>"
    title += f"<code>{escape(module._get_name())}({escape(module.extra_repr())})</code>"
    children = [_branch(child, key, opened=False) for key, child in module._modules.items() if child is not None]
    if not children:
        return f"<div>{title}</div>"
    count = sum(parameter.numel() for parameter in module.parameters() if not is_lazy(parameter))
    inside = f'<div style="margin-left:1.5em">{"".join(children)}</div>'
    return f"<details{' open' * opened}><summary>{title} {count:,} parameters</summary>{inside}</details>"


def graph_html(graph: Graph) -> str:
    """The graph drawn, if it is small enough to be seen, and its text."""
    text = _graph_text(graph)
    if len(graph.nodes) > _DRAWN:
        return text
    from brasa.passes.draw import layered_svg  # needs networkx, whose import takes long

    return f'<div style="{_BOX}">{layered_svg(graph)}</div><details><summary>text</summary>{text}</details>'
