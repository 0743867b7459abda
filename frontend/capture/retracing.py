"""BRASA=retrace: every call is traced again, and an error says where that is not what was taken for granted.

Nothing is sealed away: Python runs on each call. Where the program follows a step that is known, the step is made
again beside it, and the nodes are compared; at the end of a call that a sealed form would have answered, its graph and
what it would have read are compared with those of the call. Nothing here looks at source code, so that functions from
cells of notebooks and from exec() are checked as all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from brasa._state import STATE
from brasa.capture.compiled import CompiledFunction, signature_of
from brasa.capture.facts import same
from brasa.capture.follow import Capture
from brasa.capture.purity import Observation
from brasa.capture.sealed import Sealed
from brasa.capture.tree import Step
from brasa.ir.errors import BrasaError, Operand
from brasa.ir.graph import Graph, Node, located
from brasa.ir.ops import control
from brasa.ir.printing import print_node
from brasa.tensors.tensor import Tensor

_T = TypeVar("_T")


class Retraced(CompiledFunction):
    """A compiled function whose calls are traced again and compared."""

    latest: RetracedCapture

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not None or STATE.anomaly is not None:
            return self.function(*args, **kwargs)
        tensors: list[Tensor] = []
        key = signature_of(args, kwargs, tensors)
        form = next((form for form in self.sealed if form.fits(key, tensors)), None)
        expected, changes = [] if form is None else form.operands(tensors), list(self.changes)
        result = self._followed(args, kwargs, key, tensors)
        if form is not None:
            self.changes = changes  # it was followed although nothing had changed
            self._compare(form, expected, tensors, result)
        return result

    def _capture(
        self, tensors: list[Tensor], names: Callable[[], dict[int, str]], observation: Observation | None
    ) -> Capture:
        self.latest = RetracedCapture(self.root, tensors, self.dynamic, self.fullgraph, names, self.passes, observation)
        return self.latest

    def _end(self, capture: Capture) -> None:
        capture.scope.end()  # what it saw will be compared

    def _compare(self, form: Sealed, expected: Sequence[Any], tensors: Sequence[Tensor], result: Any) -> None:
        """Raise unless a call did what its sealed form would have done."""
        capture, fact = self.latest, f"{self.name} is not what it was sealed as"
        run = capture.last
        if capture.left is not None or capture.flushes != 1 or run is None:
            raise BrasaError(f"{fact}: it asks for values in the middle", op="retrace")
        if run.graph is not form.graph:
            for then, now in zip_longest(_lines(form.graph), _lines(run.graph), fillvalue="(nothing)"):
                if _without_line(then) != _without_line(now):
                    raise _difference(fact, "sealed", then, now)
        for node, then in zip(run.inputs, expected, strict=True):
            now, name = capture.bound_before[node], node.attrs.get("name", "a value")
            if not _same_operand(then, now):
                raise _difference(fact, "sealed", f"{name} = {_shown(then)}", f"{name} = {_shown(now)}")
        if not form.template.answers(result):
            raise _difference(f"{fact}, it returns something else", "sealed", str(form.template.pattern), repr(result))


class RetracedCapture(Capture):
    """A capture that makes each step again that it follows."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._new: set[Step] = set()

    def known(self, key: tuple[Any, ...]) -> Any:
        return None  # each step is made again

    def foresee(self, start: Step, made: Any, args: tuple[Any, ...], result: Any) -> None:
        """Nothing: it would be followed without being made."""

    def step(self, key: tuple[Any, ...], make: Callable[[], _T]) -> _T:
        if self.making:
            return make()
        value, nodes = self._made_again(make)
        found = super().step(key, make)
        if self.here not in self._new:
            _Comparison(self.here.nodes, nodes, self.location()).compare(found, value)
        return found

    def _record_step(self, key: tuple[Any, ...], make: Callable[[], _T]) -> Step:
        child = super()._record_step(key, make)
        self._new.add(child)
        return child

    def _made_again(self, make: Callable[[], _T]) -> tuple[_T, list[Node]]:
        """What the step gives, and its nodes; the trace is left as it was."""
        scope, first_node, first_guard = self.scope, len(self.nodes), len(self.scope.guards)
        bound = len(self.bindings)
        before, forms = (scope.known, scope.facts), self.forms
        scope.known, scope.facts = dict(scope.known), dict(scope.facts)
        self.making, self.forms = True, {}
        try:
            with located(self.location()):
                value = make()
            return value, self.nodes[first_node:]
        except BaseException:
            self.raised = True
            raise
        finally:
            self.making, self.forms = False, forms
            del self.nodes[first_node:], scope.guards[first_guard:]
            scope.known, scope.facts = before
            for node in list(self.bindings)[bound:]:
                del self.bindings[node]


class _Comparison:
    """The nodes of a step, as they are known and as they are made now."""

    def __init__(self, known: Sequence[Node], made: Sequence[Node], where: str) -> None:
        self.known, self.made, self.where = known, made, where
        self.twins: dict[Node, Node] = {}

    def compare(self, then: Any, now: Any) -> None:
        """Raise unless the nodes are the same, and the values that the step gave."""
        for pair in zip_longest(self.known, self.made):
            if None in pair or not self._are_twins(*pair):
                raise self._error(*pair)
        if not self._are_same(then, now):
            raise _difference(f"a step is made otherwise, at {self.where}", "followed", str(then), str(now))

    def _are_same(self, then: Any, now: Any) -> bool:
        if isinstance(then, Node) and isinstance(now, Node):
            return self._are_twins(then, now)
        if isinstance(then, tuple) and isinstance(now, tuple):
            return len(then) == len(now) and all(map(self._are_same, then, now))
        return type(then) is type(now) and (not isinstance(then, int) or then == now)

    def _are_twins(self, then: Node, now: Node) -> bool:
        if then is now or self.twins.get(now) is then:
            return True
        if then.op.name == now.op.name == "input":  # its name is that of an argument, which says nothing
            return _plain_input(then) == _plain_input(now)
        if then.op is not now.op or then.type != now.type or len(then.operands) != len(now.operands):
            return False
        if not all(map(self._stand_for_the_same, then.operands, now.operands)):
            return False
        if then.attrs.keys() != now.attrs.keys() or not all(
            _same_attr(then, value, now.attrs[key]) for key, value in then.attrs.items()
        ):
            return False
        self.twins[now] = then
        return True

    def _stand_for_the_same(self, then: Node, now: Node) -> bool:
        return then is now or self.twins.get(now) is then or (now.op.name == "input" and self._are_twins(then, now))

    def _error(self, then: Node | None, now: Node | None) -> BrasaError:
        lines = ["(nothing)" if node is None else print_node(node) for node in (then, now)]
        return _difference(f"a step is made otherwise, at {self.where}", "followed", *lines)


def _plain_input(node: Node) -> tuple[Any, ...]:
    """What an input is, without its name and those of its sizes."""
    sizes = [size if isinstance(size, int) else "any" for size in node.tensor.shape]
    return sizes, node.tensor.dtype, node.attrs.get("role"), node.attrs.get("strides")


def _same_attr(node: Node, then: Any, now: Any) -> bool:
    """Whether an attribute is the same; of a function, one form may do for another."""
    if isinstance(then, Graph) and isinstance(now, Graph):
        return then.name == now.name if node.op is control.call else then is now or str(then) == str(now)
    return bool(then == now)


def _same_operand(then: Any, now: Any) -> bool:
    if isinstance(then, Tensor) and isinstance(now, Tensor):
        return then is now or (then._ptr == now._ptr and then._spec is now._spec)
    return same(now, then)


def _lines(graph: Graph) -> list[str]:
    return str(graph).splitlines()


def _without_line(text: str) -> str:
    """A node's text without the user's line: the same line may have moved."""
    return text.split(" # ", 1)[0].rstrip()


def _shown(value: Any) -> str:
    return str(value._spec.type) if isinstance(value, Tensor) else repr(value)


def _difference(fact: str, before: str, then: str, now: str) -> BrasaError:
    rows = (Operand(before, " ".join(then.split())), Operand("now", " ".join(now.split())))
    return BrasaError(fact, op="retrace", operands=rows)
