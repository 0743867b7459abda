"""The tape of eager mode: executed functions, each with what its derived backward graph needs."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from brasa._state import STATE
from brasa.execution.checking import checked_split
from brasa.execution.nodes import SEQUENCE, Edge, TapeNode, edge_from, edge_of
from brasa.execution.outputs import gradient_by_output, is_part, read_by_gradients_of_outputs, used_up_together
from brasa.execution.runner import Bound, Runner
from brasa.execution.saving import apart, keep, take
from brasa.execution.user_passes import Passes
from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph
from brasa.passes import is_end, partial_vjp_graph, reached_inputs, split, split_for_some, vjp_graph
from brasa.runtime import allocate, settings
from brasa.tensors.tensor import Tensor, copy_lying_as, make, unread


class FunctionNode(TapeNode):
    """A compiled function: backward runs the graph that autodiff derived from it.

    kept: what backward reads. again: what a backward reads that is itself recorded, which starts from the operands.
    spent: outputs whose backward has been run, while there are others. specs: of the operands, None for numbers.
    """

    plan: GradientPlan | None
    kept: Sequence[Any] = ()
    again: Sequence[Any] = ()
    spent: frozenset[int] = frozenset()

    def __init__(self, plan: GradientPlan, name: str, edges: Sequence[Edge | None], specs: tuple[Any, ...]) -> None:
        self._name, self.outputs, self.sequence = name, plan.outputs, next(SEQUENCE)
        self.plan, self.edges, self.specs = plan, edges, specs

    def keep(self, operands: Sequence[Any], results: Sequence[Tensor]) -> None:
        """Keep what backward will read of the operands, and of all that the forward gave."""
        plan = self.plan
        assert plan is not None
        again: list[Any] = []
        for index in plan.again_places:
            value = operands[index]
            again.append((value, value._buffer.version if isinstance(value, Tensor) else -1))
        kept: list[Any] = again if plan.reads_alike else []
        for role, index in () if plan.reads_alike else plan.places:
            value = operands[index] if role == "input" else _alias(results[index + plan.results * (role == "extra")])
            kept.append((value, value._buffer.version if isinstance(value, Tensor) else -1))
        if STATE.saving is not None:
            kept, again = keep([value for value, _ in kept], [value for value, _ in again])
        self.kept, self.again = kept, again

    def keep_apart(self, tensor: Tensor) -> None:
        """Keep a copy of what was read from the tensor's memory, which will be overwritten by this node's result."""
        copies = {id(kept): apart(kept, tensor) for kept in (*self.kept, *self.again)}
        self.kept, self.again = [copies[id(kept)] for kept in self.kept], [copies[id(kept)] for kept in self.again]

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        if self.plan is None or self.spent:
            self._check_left(grads)
        assert self.plan is not None
        if None in compress(grads, self.plan.differentiable) or (self.is_program and not self.plan.reaches_all):
            return self.backward_onto(grads, (), create_graph)
        seeds = [grad.contiguous() for grad in compress(grads, self.plan.differentiable)]  # type: ignore[union-attr]
        if create_graph:
            return self.plan.run_again(self._operands(), seeds, self._name_of_gradient())
        values = [take(kept, self.name()) for kept in self.kept]
        for position, index in self.plan.sized:
            values.insert(position, unread(self.specs[index]))
        return self.plan.run([*values, *seeds])

    def at(self, grads: Sequence[Tensor | None], index: int) -> Tensor | None:
        """The gradient of an output, also through others that the program computes of it."""
        plan = self.plan if self.is_program else None
        found = None if plan is None else plan.by_output(index, grads)
        if plan is None or found is None:
            return grads[index]
        graph, roots = found
        seeds = [grad.contiguous() for grad in map(grads.__getitem__, roots) if grad is not None]  # type: ignore[attr-defined]
        return run_graph(graph, self.name(), [*self._operands(), *seeds], passes=plan.passes)[0]

    def begun(self, present: Callable[[Edge], Tensor | None]) -> Sequence[Tensor | None]:
        if self.plan is None or True not in self.plan.added_to:
            return ()
        found = [
            present(edge) if many and edge is not None and self.edges.count(edge) == 1 else None
            for edge, many in zip(self.edges, self.plan.added_to, strict=True)
        ]
        return found if any(sum is not None for sum in found) else ()

    def backward_onto(
        self, grads: list[Tensor | None], begun: Sequence[Tensor | None], create_graph: bool
    ) -> Sequence[Tensor | None]:  # fmt: skip
        """As in a program, what no gradient comes to has none; there each function also adds its own to what has come
        before."""
        if self.spent:
            self._check_left(grads)
        assert self.plan is not None
        partial = self.plan.partial(tuple(grad is not None for grad in grads), tuple(sum is not None for sum in begun))
        seeds = [grad.contiguous() for grad in (*grads, *begun) if grad is not None]  # type: ignore[attr-defined]
        if create_graph:
            return partial.run_again([*self._operands(), *seeds], self._name_of_gradient())
        kept: dict[Any, Any] = dict(zip(self.plan.places, self.kept, strict=False))  # nothing, for views of operands
        for place, value in zip(self.plan.again_places, self.again, strict=False):
            kept.setdefault(("input", place), value)
        values = [
            take(kept[place], self.name()) if is_read else unread(self.specs[place[1]])
            for place, is_read in partial.places
        ]
        return partial.run([*values, *seeds])

    def _check_left(self, grads: Sequence[Tensor | None]) -> None:
        """GradientError where gradients come to outputs that a backward has used up."""
        if self.plan is None or any(grads[i] is not None for i in self.spent):
            raise GradientError("the graph has been freed by an earlier backward", op=self.name(),
                                hint="pass retain_graph=True to the first backward")  # fmt: skip

    @property
    def is_program(self) -> bool:
        """Whether it stands for many functions of a user's."""
        return self._name == "compiled"

    def _name_of_gradient(self) -> str:
        """What runs backward again is called; a program's is a program."""
        return self._name if self.is_program else self.name()

    def _operands(self) -> list[Any]:
        """What a backward that is itself recorded starts from."""
        assert self.plan is not None
        read = dict(zip(self.plan.again_places, (take(kept, self.name()) for kept in self.again), strict=False))
        return [read[i] if i in read else unread(spec) for i, spec in enumerate(self.specs)]

    def release(self, used: Sequence[int]) -> None:
        if self.plan is not None and (len(used) < sum(self.plan.ends) or self.plan.views or self.plan.has_parts):
            used_up = self.plan.used_up
            spent = self.spent.union(*(used_up[i] for i in used))
            left = [i for i, flag in enumerate(self.plan.ends) if flag and i not in spent]
            if left:
                self.spent = spent
                if not any(used_up[i] for i in left) and not self.plan.has_parts:  # but views of operands
                    self.kept, self.again = (), ()
                return
        self.plan, self.kept, self.again = None, (), ()


def _alias(source: Tensor) -> Tensor:
    """The tensor's values, without its place in the graph."""
    assert source._buffer is not None
    return make(source._buffer, source._spec, source._ptr)


def copied(tensor: Tensor) -> Tensor:
    """The same values for the same gradients, in memory of their own, where they lie as they did."""
    copy = copy_lying_as(tensor._spec, tensor)
    copy._requires_grad, copy._edge = tensor._requires_grad, edge_of(tensor)
    return copy


class GradientPlan:
    """How one graph runs under the tape: a forward that also gives what backward keeps, and the backward.

    views: so many of the last outputs are views that are made otherwise; gradients come to them as to the others.
    ends: of each output whether gradients may start from it; differentiable: whether its dtype has any.
    places: what backward reads of operands, outputs and extra results; sized: where among these come operands of which
    it needs no more than the sizes.
    """

    def __init__(self, graph: Graph, wanted: tuple[bool, ...], passes: Passes = (), views: int = 0) -> None:
        self.graph, self.wanted, self.passes, self.views = graph, wanted, passes, views
        self.outputs, self.results = len(graph.outputs), len(graph.outputs) - views
        self.ends = tuple(map(is_end, graph.outputs))
        self.differentiable = tuple(node.tensor.dtype.kind in ("float", "complex") for node in graph.outputs)
        parts = checked_split(graph, wanted, views) if settings().check else split(graph, wanted, views=views)
        self.cut, self._partial = parts, dict[tuple[tuple[bool, ...], ...], PartialPlan]()
        self._by_output: dict[tuple[int, tuple[bool, ...]], Any] = {}
        known = zip(parts.kept, _are_read(parts.backward), strict=False)
        places = [(kept.role, kept.index, is_read) for kept, is_read in known]
        self.places = tuple((role, index) for role, index, is_read in places if is_read)
        self.sized = tuple((position, index) for position, (_, index, is_read) in enumerate(places) if not is_read)
        self.forward = Runner(parts.forward, passes=passes)
        self.launch = self.forward.launch if self.forward.simple else self.forward.execute
        self.backward = Runner(parts.backward, pass_through=True, passes=passes)
        again, self.reaches_all = vjp_graph(graph, wanted), all(reached_inputs(graph, wanted))
        by_outputs = read_by_gradients_of_outputs(graph) if graph.name == "compiled" else ()
        numbers = {node for node in graph.inputs if node.attrs.get("role") == "number"}
        self.again_places = tuple(
            i
            for i, (own, is_read) in enumerate(zip(graph.inputs, _are_read(again), strict=False))
            if is_read or own in numbers or own in by_outputs
        )
        self.keeps = bool(self.places or self.again_places)
        read_later = {index for role, index in self.places if role == "input"} | set(self.again_places)
        self.overwritten = read_later & set(dict(graph.updates).values())  # operands that are read again, as they were
        self.reads_alike = self.places == tuple(("input", place) for place in self.again_places)
        self.more = len(parts.forward.outputs) != 1 or not self.ends[0] or not self.forward.simple
        self.wanted_places = tuple(i if flag else -1 for i, flag in enumerate(wanted))

    def record(self, name: str, operands: Sequence[Any], specs: tuple[Any, ...]) -> list[Tensor]:
        """Run the graph on eager operands of these specs (None for numbers) and put it on the tape; its outputs."""
        bound = self.forward.bind(specs)
        before = operands
        if self.overwritten:
            before = [copied(each) if i in self.overwritten else each for i, each in enumerate(operands)]
        outputs = self.launch(bound, operands)
        edges = [operands[i]._edge or edge_of(operands[i]) if i >= 0 else None for i in self.wanted_places]
        node = FunctionNode(self, name, edges, specs)
        if self.keeps:
            node.keep(before, outputs)
        for index, starts in enumerate(self.ends[: self.results]):
            if starts:
                output = outputs[index]
                output._requires_grad = True
                output._edge = Edge(node, index)
        return outputs if len(outputs) == self.results else outputs[: self.results]

    def record_one(self, name: str, x: Tensor, specs: tuple[Any, ...], bound: Bound) -> Tensor:
        """The first output of record() of one tensor, bound already; a way of its own if nothing else is computed."""
        if self.more:
            return self.record(name, (x,), specs)[0]
        buffer = allocate(bound.nbytes[0])
        status = bound.call(x._ptr, buffer.ptr)
        if status is not None:
            raise self.forward.failure(status, (x,))
        return self._noted(name, make(buffer, bound.specs[0]), (x,), (x._edge or edge_of(x),), specs)

    def record_pair(
        self, name: str, x: Tensor, y: Any, pointer: Any, specs: tuple[Any, ...], bound: Bound
    ) -> Tensor:  # fmt: skip
        """As record_one, of a tensor and another one, or a number; pointer: of that, or the number itself."""
        if self.more:
            return self.record(name, (x, y), specs)[0]
        buffer = allocate(bound.nbytes[0])
        status = bound.call(x._ptr, pointer, buffer.ptr)
        if status is not None:
            raise self.forward.failure(status, (x, y))
        first, second = self.wanted
        edges = (x._edge or edge_of(x)) if first else None, (y._edge or edge_of(y)) if second else None
        return self._noted(name, make(buffer, bound.specs[0]), (x, y), edges, specs)

    def _noted(
        self, name: str, output: Tensor, operands: Sequence[Any], edges: Sequence[Edge | None], specs: tuple[Any, ...]
    ) -> Tensor:
        """The output, put on the tape."""
        node = FunctionNode(self, name, edges, specs)
        if self.keeps:
            node.keep(operands, (output,))
        output._requires_grad = True
        output._edge = edge_from(node)
        return output

    @functools.cached_property
    def again(self) -> Graph:
        """The gradients as a graph of operands and seeds, to be differentiated."""
        return vjp_graph(self.graph, self.wanted, self.graph.name == "compiled")

    @functools.cached_property
    def added_to(self) -> tuple[bool, ...]:
        """Of each operand whether its gradient is a sum."""
        read = Counter(operand for node in self.graph.nodes for operand in node.operands)
        return tuple(each and read[node] > 1 for node, each in zip(self.graph.inputs, self.wanted, strict=True))

    @functools.cached_property
    def has_parts(self) -> bool:
        """Whether there may be views whose gradients read what is kept: where they lie was computed."""
        return any(map(is_part, self.graph.nodes))

    @functools.cached_property
    def used_up(self) -> tuple[frozenset[int], ...]:
        """Of each output those for which nothing is left when it has been used."""
        return used_up_together(self.graph, self.wanted)

    def by_output(self, index: int, grads: Sequence[Tensor | None]) -> tuple[Graph, tuple[int, ...]] | None:
        """How the gradient by an output is computed of those that have come, where others are computed of it."""
        coming = tuple(grad is not None for grad in grads)
        if (index, coming) not in self._by_output:
            self._by_output[index, coming] = gradient_by_output(self.graph, index, coming)
        return self._by_output[index, coming]

    def partial(self, coming: tuple[bool, ...], begun: tuple[bool, ...]) -> PartialPlan:
        """How gradients are computed when they come for some outputs only, or are added to sums that are begun."""
        if (coming, begun) not in self._partial:
            self._partial[coming, begun] = PartialPlan(self, coming, begun)
        return self._partial[coming, begun]

    def run(self, values: list[Any]) -> list[Tensor | None]:
        """The gradients of all operands, None for those that want none."""
        results = iter(self.backward(values))
        return [next(results) if wanted else None for wanted in self.wanted]

    def run_again(self, operands: list[Any], seeds: list[Tensor], name: str) -> list[Tensor | None]:
        """As run, recorded on the tape: the gradients are themselves functions of operands and seeds."""
        results = iter(run_graph(self.again, name, [*operands, *seeds], passes=self.passes))
        return [next(results) if wanted else None for wanted in self.wanted]


def _are_read(graph: Graph) -> list[bool]:
    """Of each input whether its values are read."""
    read = {operand for node in graph.nodes for operand in node.operands} | set(graph.outputs)
    return [node in read for node in graph.inputs]


class PartialPlan:
    """The backward of a plan when gradients come for some outputs only, or are added to sums that are begun.

    places: what it is given besides these, and whether it reads it: of other operands it needs the sizes.
    """

    def __init__(self, plan: GradientPlan, coming: tuple[bool, ...], begun: tuple[bool, ...]) -> None:
        backward, kept, self.reached = split_for_some(
            plan.graph, plan.wanted, coming, begun, plan.cut, views=plan.views
        )
        self.places = [((each.role, each.index), read) for each, read in zip(kept, _are_read(backward), strict=False)]
        self.backward = Runner(backward, pass_through=True, passes=plan.passes)
        self._plan, self._coming, self._begun = plan, coming, begun

    @functools.cached_property
    def again(self) -> Graph:
        """As that of the plan."""
        plan = self._plan
        return partial_vjp_graph(plan.graph, plan.wanted, self._coming, self._begun, plan.graph.name == "compiled")[0]

    def run(self, values: list[Any]) -> list[Tensor | None]:
        """The gradients of all operands, None for those that want none or that none reaches."""
        return self._all(self.backward(values))

    def run_again(self, values: list[Any], name: str) -> list[Tensor | None]:
        """As run, recorded on the tape: the gradients are themselves functions of operands and seeds."""
        return self._all(run_graph(self.again, name, values, passes=self._plan.passes))

    def _all(self, results: Sequence[Tensor]) -> list[Tensor | None]:
        found = iter(results)
        return [next(found) if reached else None for reached in self.reached]


_plans: dict[tuple[Graph, tuple[bool, ...]], GradientPlan] = {}
_runners: dict[Graph, Runner] = {}


def run_graph(
    graph: Graph, name: str, operands: Sequence[Any], runner: Runner | None = None, passes: Passes = (), views: int = 0
) -> list[Tensor]:  # fmt: skip
    """Run a graph on eager operands; on the tape where gradients are wanted. Its outputs, but for the views."""
    if STATE.grad_enabled:
        wanted = tuple([o.__class__ is not float and o.__class__ is not int and o._requires_grad for o in operands])
        if True in wanted:
            plan = plan_for(graph, wanted, passes, views)
            if plan is not None:
                return plan.record(
                    name, operands, tuple([o._spec if isinstance(o, Tensor) else None for o in operands])
                )
    runner = runner or _runners.get(graph)
    if runner is None:
        runner = _runners[graph] = Runner(graph, passes=passes)
    return runner(operands)


def plan_for(graph: Graph, wanted: tuple[bool, ...], passes: Passes = (), views: int = 0) -> GradientPlan | None:
    """How a graph runs on the tape; None where no result of it can have a gradient."""
    plan = _plans.get((graph, wanted))
    if plan is None and any(map(is_end, graph.outputs)):
        plan = _plans[(graph, wanted)] = GradientPlan(graph, wanted, passes, views)
    return plan
