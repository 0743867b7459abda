"""Pictures of graphs: as a networkx graph, as DOT text, and as SVG with graphviz or, where it is missing, without."""

from __future__ import annotations

import shutil
import subprocess
from html import escape
from typing import Any

from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.printing import print_attr, value_names

COLORS = {
    Kind.SOURCE: "#e8e8e8", Kind.ELEMENTWISE: "#cfe8cf", Kind.VIEW: "#f2f2f2", Kind.COMPLEX: "#f2f2f2",
    Kind.MOVE: "#dfe8f5", Kind.REDUCE: "#f9dcb0", Kind.CONTRACT: "#f5b9a8", Kind.WINDOW: "#f3cfe0",
    Kind.CUMULATE: "#f9e6b0", Kind.SORT: "#cfe3f0", Kind.SEARCH: "#cfe3f0", Kind.ATTEND: "#f5b9a8",
    Kind.TRELLIS: "#f9e6b0", Kind.INDEX: "#d9cff0", Kind.SCATTER: "#d9cff0", Kind.CHECK: "#d9cff0",
    Kind.RANDOM: "#f7f3b5", Kind.HOST: "#e3d8c8", Kind.NESTED: "#ffffff", Kind.CONTROL: "#ffffff",
}  # fmt: skip
_WIDTH, _HEIGHT, _ACROSS, _DOWN, _LETTER = 24, 44, 24, 36, 7.2


def to_networkx(graph: Graph) -> Any:
    """The graph as a networkx DiGraph: one vertex per value, with its text; edges from operands to what reads them."""
    import networkx

    names = value_names(graph)
    drawn = networkx.DiGraph(name=graph.name)
    for node in (*graph.inputs, *graph.nodes):
        drawn.add_node(names[node], label=_label(node, names[node]), kind=node.op.kind, where=node.where)
        for operand in node.operands:
            drawn.add_edge(names[operand], names[node], label=str(operand.type))
    for i, node in enumerate(graph.outputs):
        drawn.add_node(f"output {i}", label=(f"output {i}", str(node.type)), kind=Kind.SOURCE, where="")
        drawn.add_edge(names[node], f"output {i}", label=str(node.type))
    return drawn


def _label(node: Node, name: str) -> tuple[str, str]:
    """Two lines: what the value is, and its type."""
    if node.op.name == "input":
        return name, str(node.type)
    shown = {key: value for key, value in node.attrs.items() if key != "type"}
    held = {value: value.name for value in shown.values() if isinstance(value, Graph)}
    attrs = ", ".join(print_attr(value, held) for value in shown.values())
    text = f"{name} = {node.op.name}" + (f" {attrs}" if attrs else "")
    return text if len(text) <= 48 else f"{text[:47]}…", str(node.type)


def to_dot(graph: Graph) -> str:
    """The graph in the DOT language."""
    drawn = to_networkx(graph)
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        '  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=10];',
        '  edge [fontname="monospace", fontsize=8];',
    ]
    for name, data in drawn.nodes.items():
        text = _quoted("\n".join(data["label"]))
        lines.append(f'  {_quoted(name)} [label={text}, fillcolor="{COLORS[data["kind"]]}"];')
    lines += [f"  {_quoted(a)} -> {_quoted(b)};" for a, b in drawn.edges]
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def to_svg(graph: Graph) -> str:
    """The graph as an SVG picture: laid out by graphviz's `dot` if it is installed, else in plain layers."""
    program = shutil.which("dot")
    if program is None:
        return layered_svg(graph)
    done = subprocess.run([program, "-Tsvg"], input=to_dot(graph), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrasaError(f"graphviz could not draw the graph: {done.stderr.strip()}")
    return done.stdout


def layered_svg(graph: Graph) -> str:
    """The graph as an SVG picture, values in layers below all that they are made of."""
    import networkx

    drawn = to_networkx(graph)
    places: dict[str, tuple[float, float, float]] = {}
    total = 0.0
    for depth, layer in enumerate(networkx.topological_generations(drawn)):
        x = _ACROSS * 1.0
        for name in sorted(layer, key=lambda name: _middle(name, drawn, places)):
            width = max(map(len, drawn.nodes[name]["label"])) * _LETTER + _WIDTH
            places[name] = (x, depth * (_HEIGHT + _DOWN) + _DOWN, width)
            x += width + _ACROSS
        total = max(total, x)
    height = max((y for _, y, _ in places.values()), default=0) + _HEIGHT + _DOWN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total:.0f}" height="{height:.0f}" '
        'font-family="monospace" font-size="12">',
        *(_edge_svg(places[a], places[b]) for a, b in drawn.edges),
        *(_node_svg(places[name], data) for name, data in drawn.nodes.items()),
    ]
    return "\n".join([*lines, "</svg>", ""])


def _middle(name: str, drawn: Any, places: dict[str, tuple[float, float, float]]) -> float:
    """Where a value wants to stand: below the middle of its operands."""
    above = [places[each][0] + places[each][2] / 2 for each in drawn.predecessors(name)]
    return sum(above) / len(above) if above else 0.0


def _edge_svg(source: tuple[float, float, float], target: tuple[float, float, float]) -> str:
    x1, y1 = source[0] + source[2] / 2, source[1] + _HEIGHT
    x2, y2 = target[0] + target[2] / 2, target[1]
    bend = (y1 + y2) / 2
    return f'<path d="M{x1:.1f} {y1:.1f} C{x1:.1f} {bend:.1f} {x2:.1f} {bend:.1f} {x2:.1f} {y2:.1f}" ' \
           'fill="none" stroke="#888888"/>'  # fmt: skip


def _node_svg(place: tuple[float, float, float], data: dict[str, Any]) -> str:
    x, y, width = place
    color = COLORS[data["kind"]]
    texts = "".join(
        f'<text x="{x + width / 2:.1f}" y="{y + 18 + 16 * i:.1f}" text-anchor="middle">{escape(line)}</text>'
        for i, line in enumerate(data["label"])
    )
    title = f"<title>{escape(data['where'])}</title>" if data["where"] else ""
    box = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT}" rx="6" fill="{color}" stroke="#555555"/>'
    )
    return f"<g>{title}{box}{texts}</g>"
