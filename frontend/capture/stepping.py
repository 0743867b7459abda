"""Moving through the tree of steps: what a program does next is compared with what it did before, or recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from brasa._state import NOTHING
from brasa.capture.tree import Step, TreeScope
from brasa.capture.words import describe_turn
from brasa.ir.dtype import DType
from brasa.ir.graph import Node, Op, located, location
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.tracing.ahead import foreseen
from brasa.tracing.places import user_location
from brasa.tracing.references import ALONE
from brasa.tracing.sizes import Guard
from brasa.tracing.trace import Trace

# After so many steps, tensors are let go that nobody holds: with more of them, Python searches for cyclic garbage.
_STRETCH = 128
_T = TypeVar("_T")
_PLACELESS = ("tensor", "number", "decide", "fix")  # steps that make no nodes but inputs, which belong to no line


class Stepping(Trace):
    """A trace that follows a tree of steps, and lets it grow."""

    def __init__(self, root: Step) -> None:
        super().__init__()
        self.scope, self.here = TreeScope(self), root
        self.making = self.recorded = False
        self.raised = False  # whether a step could not be made: what it asked of sizes is in no guard
        self.turn = ""  # where it first did other than before

    def location(self) -> str:
        return location() if self.making else user_location()

    def step(self, key: tuple[Any, ...], make: Callable[[], _T]) -> _T:
        if self.making:
            return make()
        for child in self.here.children.get(key, ()):
            if not child.guards or self._holds(child.guards):
                break
        else:
            child = self._record_step(key, make)
        self.here = child
        if child.learnt is not None:
            self.scope.known, self.scope.facts = child.learnt
        return child.value  # type: ignore[no-any-return]

    def new_number(self, dtype: DType) -> Node:
        """A new input that stands for a number."""
        key = "number", dtype
        known: Node | None = self.known(key)
        return known or self.step(
            key, lambda: make_input(f"number{self.here.depth}", TensorType((), dtype), role="number")
        )

    def known(self, key: tuple[Any, ...]) -> Any:
        usual = self.here.usual
        if usual is None or self.making or usual[0] != key:
            return None
        self.here = child = usual[1]
        if child.learnt is not None:
            self.scope.known, self.scope.facts = child.learnt
        return child.value

    def _holds(self, guards: tuple[Guard, ...]) -> bool:
        return all(guard.check(self.scope.hints) for guard in guards)

    def _record_step(self, key: tuple[Any, ...], make: Callable[[], _T]) -> Step:
        if self.here.children and not self.recorded:
            self.turn = describe_turn(self.location(), key, self.here.children)
        self.here.ahead = NOTHING  # nothing is taken for known while it is made
        first_node, first_guard = len(self.nodes), len(self.scope.guards)
        where = "" if key[0] in _PLACELESS else self.location()
        before = (self.scope.known, self.scope.facts)
        self.scope.known, self.scope.facts = dict(before[0]), dict(before[1])
        self.making = self.recorded = True
        try:
            with located(where):
                value = make()
        except BaseException:
            self.raised = True
            raise
        finally:
            self.making = False
        child = Step(self.here, value, tuple(self.nodes[first_node:]), tuple(self.scope.guards[first_guard:]))
        learnt = (self.scope.known, self.scope.facts)
        child.learnt = None if learnt == before else learnt
        self.here.add(key, child)
        return child

    def apply(self, op: Op, *operands: Node, **attrs: Any) -> Node:
        if self.making:
            return self._make(op, operands, attrs)
        return super().apply(op, *operands, **attrs)

    def record(self, node: Node) -> Node:
        if not self.making:
            return self.step(("record", node.op, node.type, tuple(node.attrs.items())), lambda: self.record(node))
        return super().record(node)

    def foresee(self, start: Step, made: Any, args: tuple[Any, ...], result: Any) -> None:
        if self.making:
            return
        forgets = start.depth // _STRETCH < self.here.depth // _STRETCH
        start.ahead = foreseen(self, start, made, args, result, forgets) or start.ahead

    def forget_tensors(self) -> None:
        """Let go of the tensors that nobody else holds."""
        made, alive = self.tensors, []
        assert made is not None
        take, references = made.pop, sys.getrefcount
        while made:  # from the last, because a view keeps alive what it is a view of
            tensor = take()
            if references(tensor) > ALONE:
                alive.append(tensor)
        self.tensors = alive[::-1]
