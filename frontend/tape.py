"""The tape of eager mode: executed functions, each with what its derived backward graph needs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brasa._state import STATE
from brasa.execution import Runner
from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph
from brasa.passes import split, vjp_graph
from brasa.tensor import Tensor, make, unread, version_of, zero_filled

_sequence = itertools.count()


class Edge(NamedTuple):
    """Where a value's gradient goes: output `index` of a node."""

    node: TapeNode
    index: int


class TapeNode:
    """One executed function. Gradients of its outputs come in, gradients of its inputs go along `edges`."""

    is_leaf = False

    def __init__(self, name: str, edges: Sequence[Edge | None], outputs: int) -> None:
        self._name, self.edges, self.outputs = name, tuple(edges), outputs
        self.sequence = next(_sequence)
        self.hooks: dict[int, dict[int, Callable[[Tensor], Tensor | None]]] = {}
        self.retained: dict[int, Any] = {}

    def name(self) -> str:
        """The function's name, as `grad_fn` shows it."""
        return f"{self._name.title().replace('_', '')}Backward"

    @property
    def next_functions(self) -> tuple[tuple[TapeNode | None, int], ...]:
        return tuple((None, 0) if edge is None else (edge.node, edge.index) for edge in self.edges)

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        """The gradients of the inputs."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget what was kept for backward."""

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class LeafNode(TapeNode):
    """The end of the tape: gradients of a leaf gather here."""

    is_leaf = True

    def __init__(self, tensor: Tensor) -> None:
        super().__init__("accumulate_grad", (), 1)
        self.sequence = -1
        self.tensor = tensor


class ViewNode(TapeNode):
    """A view: its backward is a function of the gradient alone."""

    def __init__(self, name: str, source: Tensor, back: Callable[[Tensor], Tensor]) -> None:
        super().__init__(name, (edge_of(source),), 1)
        self.back = back

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        assert grads[0] is not None
        return (self.back(grads[0]),)


class _Kept(NamedTuple):
    """A tensor kept for backward, and the version of its memory when it was."""

    tensor: Tensor
    version: int


class FunctionNode(TapeNode):
    """A compiled function: backward runs the graph that autodiff derived from it."""

    def __init__(self, plan: GradientPlan, name: str, operands: Sequence[Any], outputs: Sequence[Tensor]) -> None:
        edges = [edge_of(o) if wanted else None for o, wanted in zip(operands, plan.wanted, strict=True)]
        super().__init__(name, edges, plan.outputs)
        self.plan: GradientPlan | None = plan
        self.specs = [output._spec for output in outputs[: plan.outputs]]
        self.kept = [self._keep(role, index, operands, outputs) for role, index in plan.places]
        self.operands = [
            _keep_tensor(o) if used else unread(o) for o, used in zip(operands, plan.used_again, strict=True)
        ]

    def _keep(self, role: str, index: int, operands: Sequence[Any], outputs: Sequence[Tensor]) -> Any:
        if role == "input":
            return _keep_tensor(operands[index])
        source = outputs[index] if role == "output" else outputs[self.outputs + index]
        assert source._buffer is not None
        return _keep_tensor(make(source._buffer, source._spec, source._ptr))

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        if self.plan is None:
            raise GradientError("the graph has been freed by an earlier backward", op=self.name(),
                                hint="pass retain_graph=True to the first backward")  # fmt: skip
        seeds = [
            self._seed(i, grad) for i, grad in enumerate(grads) if self.plan.differentiable[i]
        ]
        if create_graph:
            return self.plan.run_again([*map(self._checked, self.operands)], seeds, self.name())
        return self.plan.run([*map(self._checked, self.kept), *seeds])

    def _checked(self, kept: Any) -> Any:
        if isinstance(kept, _Kept):
            if version_of(kept.tensor) != kept.version:
                raise GradientError(
                    "a value that backward needs has been changed in place since it was computed "
                    f"(version {version_of(kept.tensor)}, expected {kept.version})", op=self.name(),
                    hint="use the out-of-place form of the op that changed it",
                )  # fmt: skip
            return kept.tensor
        return kept

    def _seed(self, index: int, grad: Tensor | None) -> Tensor:
        if grad is None:
            return zero_filled(self.specs[index])
        return grad.contiguous()  # type: ignore[attr-defined, no-any-return]

    def release(self) -> None:
        self.plan, self.kept, self.operands = None, [], []


def _keep_tensor(value: Any) -> Any:
    return _Kept(value, version_of(value)) if isinstance(value, Tensor) else value


def edge_of(value: Any) -> Edge | None:
    """Where gradients of a value go, made on first demand for leaves; None when it needs none."""
    if not isinstance(value, Tensor) or not value._requires_grad:
        return None
    if value._edge is None:
        value._edge = Edge(LeafNode(value), 0)
    return value._edge


class GradientPlan:
    """How one graph runs under the tape: a forward that also gives what backward keeps, and the backward."""

    def __init__(self, graph: Graph, wanted: tuple[bool, ...]) -> None:
        self.graph, self.wanted, self.outputs = graph, wanted, len(graph.outputs)
        self.differentiable = tuple(node.tensor.dtype.kind in ("float", "complex") for node in graph.outputs)
        parts = split(graph, wanted)
        self.places = tuple((kept.role, kept.index) for kept in parts.kept)
        self.forward, self.backward = Runner(parts.forward), Runner(parts.backward, pass_through=True)
        self.again = vjp_graph(graph, wanted)
        read = {operand for node in self.again.nodes for operand in node.operands} | set(self.again.outputs)
        self.used_again = tuple(node in read for node in self.again.inputs[: len(graph.inputs)])

    def run(self, values: list[Any]) -> list[Tensor | None]:
        """The gradients of all operands, None for those that want none."""
        results = iter(self.backward(values))
        return [next(results) if wanted else None for wanted in self.wanted]

    def run_again(self, operands: list[Any], seeds: list[Tensor], name: str) -> list[Tensor | None]:
        """As run, recorded on the tape: the gradients are themselves functions of operands and seeds."""
        results = iter(run_graph(self.again, name, [*operands, *seeds]))
        return [next(results) if wanted else None for wanted in self.wanted]


_plans: dict[tuple[Graph, tuple[bool, ...]], GradientPlan] = {}
_runners: dict[Graph, Runner] = {}


def run_graph(graph: Graph, name: str, operands: Sequence[Any], runner: Runner | None = None) -> list[Tensor]:
    """Run a graph on eager operands; on the tape where gradients are wanted. Its outputs."""
    if STATE.grad_enabled:
        wanted = tuple(isinstance(o, Tensor) and o._requires_grad for o in operands)
        if any(wanted) and any(node.tensor.dtype.kind in ("float", "complex") for node in graph.outputs):
            return _record(graph, name, operands, wanted)
    runner = runner or _runners.get(graph)
    if runner is None:
        runner = _runners[graph] = Runner(graph)
    return runner(operands)


def _record(graph: Graph, name: str, operands: Sequence[Any], wanted: tuple[bool, ...]) -> list[Tensor]:
    plan = _plans.get((graph, wanted))
    if plan is None:
        plan = _plans[(graph, wanted)] = GradientPlan(graph, wanted)
    outputs = plan.forward(operands)
    node = FunctionNode(plan, name, operands, outputs)
    for index in range(plan.outputs):
        if plan.differentiable[index]:
            outputs[index]._requires_grad = True
            outputs[index]._edge = Edge(node, index)
    return outputs[: plan.outputs]


def add_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Run the hook when the tensor's gradient is known."""
    edge = edge_of(tensor)
    if edge is None:
        raise GradientError("the tensor does not require gradients", op="register_hook")
    hooks = edge.node.hooks.setdefault(edge.index, {})
    return RemovableHandle(hooks, hook)


class RemovableHandle:
    """Takes a hook away again with remove()."""

    _numbers = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.hooks, self.id = hooks, next(self._numbers)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away."""
        self.hooks.pop(self.id, None)
