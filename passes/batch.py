"""The pass behind vmap: what a graph computes for one sample becomes what it computes for many, along a new first axis.

The rule for most ops is to apply them to operands that all have the new axis, with attributes that speak of axes moved
by one; an op whose rule is another one has it in its record (`Op.batch`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brasa.ir.dim import Size, solving
from brasa.ir.graph import Graph, Kind, Node, located, topological
from brasa.ir.ops.control import item, items
from brasa.ir.ops.library import library
from brasa.ir.ops.nested import scan
from brasa.ir.ops.reduce import repeated
from brasa.ir.ops.source import full, make_input
from brasa.ir.types import TensorType
from brasa.passes.autodiff import Growing, autodiff
from brasa.passes.batch_nested import batch_nested
from brasa.passes.inline import inline

# What attributes become.
_MOVED: Mapping[str, Callable[[Any, Size], Any]] = {
    "axis": lambda axis, size: axis + 1,
    "axes": lambda axes, size: tuple(axis + 1 for axis in axes),
    "shape": lambda shape, size: (size, *shape),
    "starts": lambda starts, size: (0, *starts),
    "sizes": lambda sizes, size: (size, *sizes),
    "steps": lambda steps, size: (1, *steps),
}


class LoopWarning(UserWarning):
    """An op has no rule for many samples at once: they are computed one after the other."""


def batch(
    graph: Graph, which: Sequence[bool], size: Size, different: bool = False, wanted: Sequence[bool] = ()
) -> tuple[Graph, tuple[bool, ...]]:  # fmt: skip
    """The graph for `size` samples, and which of its outputs have an axis of samples: those that depend on one.

    graph f(x: f32[n], w: f32[n]) { %0 = mul(x, w); %1 = exp(w); return %0, %1 }, which = True, False
    -> graph f(x: f32[s,n], w: f32[n]) { %0 = expand(w, shape=(s,n)); %1 = mul(x, %0); %2 = exp(w); return %1, %2 }

    which: the inputs that have one. different: draw random numbers for each sample, instead of the same ones for all.
    wanted: outputs that shall have an axis of samples in any case.
    """
    with solving(None):  # the graphs that it holds have sizes of their own
        graph = inline(autodiff(graph), keep_custom=True)
    made = _Batch(graph, which, size, different)
    return made.finish(wanted or (False,) * len(graph.outputs))


class _Batch:
    """A graph while it is rewritten. new: what nodes have become; which: which of the results of each have the axis."""

    def __init__(self, graph: Graph, which: Sequence[bool], size: Size, different: bool) -> None:
        self.graph, self.size, self.different = graph, size, different
        self.new: dict[Node, Node] = {}
        self.parts: dict[Node, tuple[Node, ...]] = {}  # the results of nodes that have several
        self.which: dict[Node, tuple[bool, ...]] = {}
        for node, has in zip(graph.inputs, which, strict=True):
            attrs = {key: value for key, value in node.attrs.items() if key in ("name", "role", "path")}
            self.new[node] = make_input(type=self._wider(node.tensor), where=node.where, **attrs) if has else node
            self.which[node] = (has,)
        self.program = Growing(tuple(self.new[node] for node in graph.inputs))
        self.stand_ins = {
            operand for node in graph.nodes if node.op.name == "custom" for operand in _stand_ins(node)
        }  # fmt: skip
        for node in graph.nodes:
            with located(node.where):
                self._add(node)

    def finish(self, wanted: Sequence[bool]) -> tuple[Graph, tuple[bool, ...]]:
        """The graph of what was made."""
        found = tuple(self.which[node][0] or want for node, want in zip(self.graph.outputs, wanted, strict=True))
        outputs = [
            self.program.append(self._whole(node) if has else self.new[node])
            for node, has in zip(self.graph.outputs, found, strict=True)
        ]
        inputs = tuple(self.new[node] for node in self.graph.inputs)
        needed = set(topological(outputs, inputs))
        nodes = tuple(node for node in self.program.nodes if node in needed)
        return Graph(self.graph.name, inputs, nodes, tuple(outputs)), found

    def _wider(self, type: TensorType) -> TensorType:
        return TensorType((self.size, *type.shape), type.dtype, type.device)

    def _whole(self, node: Node) -> Node:
        """What the node has become, repeated for each sample if it is the same for all."""
        return self.new[node] if self.which[node][0] else repeated(self.new[node], self.size)

    def _add(self, node: Node) -> None:
        if node.op is item:
            source, index = node.operands[0], node.attrs["index"]
            self.new[node] = self.program.append(self.parts[source][index])
            self.which[node] = (self.which[source][index],)
            return
        which = tuple(self.which[operand][0] for operand in node.operands)
        draws = self.different and _draws_random(node)
        if node in self.stand_ins:
            self._keep(node, (full(self._wider(node.tensor), node.attrs["value"]),), (True,))
        elif not any(which) and not draws:
            made = node.replace(tuple(self.new[operand] for operand in node.operands))
            self._keep(node, items(made), (False,) * len(items(made)))
        elif node.op.kind is Kind.NESTED:
            operands = [self.new[operand] for operand in node.operands]
            self._keep(node, *batch_nested(node, operands, which, self.size, self.different, batch))
        else:
            parts = items(self._applied(node, which))
            self._keep(node, parts, (True,) * len(parts))

    def _keep(self, node: Node, parts: Sequence[Node], which: tuple[bool, ...]) -> None:
        self.parts[node] = tuple(self.program.append(part) for part in parts)
        self.new[node], self.which[node] = self.parts[node][0], which

    def _applied(self, node: Node, which: tuple[bool, ...]) -> Node:
        """The op on all samples at once; step by step where there is no other way."""
        operands = tuple(self.new[operand] for operand in node.operands)
        drops = bool(node.attrs.get("dropped"))
        scalars = which if node.op.kind is Kind.RANDOM else which[-3:] if drops else ()  # seed and call must be
        if any(scalars) or (drops and not self.different) or node.op is library:
            return self._looped(node, which)
        if node.op.batch is not None:
            return node.op.batch(node, operands, which, self.size)
        attrs = {key: _MOVED[key](value, self.size) if key in _MOVED else value for key, value in node.attrs.items()}
        return node.op(*(self._whole(operand) for operand in node.operands), **attrs)

    def _looped(self, node: Node, which: tuple[bool, ...]) -> Node:
        """A loop over the samples."""
        name = node.attrs["name"] if node.op is library else node.op.name
        warnings.warn(f"vmap computes {name} for one sample after the other", LoopWarning, stacklevel=2)
        inputs = [make_input(f"x{i}", operand.tensor) for i, operand in enumerate(node.operands)]
        order = sorted(range(len(inputs)), key=lambda i: not which[i])
        alone = node.replace(tuple(inputs))
        outputs = items(alone)
        graph = Graph(node.op.name, tuple(inputs[i] for i in order), topological(outputs, inputs), outputs)
        return scan(*(self.new[node.operands[i]] for i in order), graph=graph, carries=0, sequences=sum(which),
                    length=self.size, reverse=False)  # fmt: skip


def _stand_ins(node: Node) -> tuple[Node, ...]:
    """What stands, in the gradients of a custom node, for its results and for the gradients of these."""
    first = node.attrs["outputs"] + node.attrs["values"]
    return node.operands[first : first + 2 * node.attrs["outputs"]]


def _draws_random(node: Node) -> bool:
    """Whether the node, or a graph that it holds, draws random numbers."""
    if node.op.kind is Kind.RANDOM or node.attrs.get("dropped"):
        return True
    held = (value for value in node.attrs.values() if isinstance(value, Graph))
    return any(_draws_random(each) for graph in held for each in graph.nodes)
