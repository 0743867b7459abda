"""Functions whose results take the place of their operands, as those of optimisers' steps and running statistics."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from brasa._state import STATE
from brasa.ir.graph import Graph
from brasa.tensors.inplace import assign
from brasa.tracing.arguments import Operand
from brasa.tracing.function import Function, Specialization, function
from brasa.tracing.primitive import cast, type_of


class _InPlaceFunction(Function):
    """A function that runs as one program, which writes each result to the memory of an operand."""

    def __init__(self, build: Callable[..., tuple[Any, ...]], targets: tuple[str, ...]) -> None:
        self.targets = targets
        super().__init__(self._with_targets_types(build), inline=False, fixed=())

    def __call__(self, *args: Any) -> None:
        """Run the program, outside of traces."""
        key, operands = self.signature(args)
        specialization, bound = self.bound.get(tuple(key)) or self._bind(tuple(key), args, operands)
        if bound is None or STATE.anomaly is not None:
            super().__call__(*args)
        else:
            specialization.runner.execute(bound, operands)

    def _with_targets_types(self, build: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
        places = places_of(build, self.targets)

        @functools.wraps(build)
        def typed(*args: Any) -> tuple[Any, ...]:
            present = [args[place] for place in places if args[place] is not None]
            return tuple(
                cast(result, type_of(target).dtype) for result, target in zip(build(*args), present, strict=True)
            )

        return typed

    def _trace_build(
        self, values: Sequence[Any], operands: Sequence[Operand], shapes: Sequence[tuple[int, ...]]
    ) -> Specialization:
        made = super()._trace_build(values, operands, shapes)
        given = [
            parameter.name
            for parameter, value, is_operand in zip(self.parameters, values, self.operand, strict=True)
            if is_operand and value is not None
        ]
        updates = tuple(enumerate(given.index(target) for target in self.targets if target in given))
        graph = Graph(made.graph.name, made.graph.inputs, made.graph.nodes, made.graph.outputs, updates)
        return Specialization(made.name, graph, made.guards, made.form)


def places_of(build: Callable[..., Any], names: Sequence[str]) -> list[int]:
    """Where parameters of these names stand."""
    order = list(inspect.signature(build).parameters)
    return [order.index(name) for name in names]


def updating(*targets: str) -> Callable[[Callable[..., tuple[Any, ...]]], Callable[..., None]]:
    """Make a function that writes its results to its operands of these names, without gradients.

    Eagerly that is one program. In a trace the results are values like others, and are assigned. Operands that are
    None have no result.
    """

    def decorate(build: Callable[..., tuple[Any, ...]]) -> Callable[..., None]:
        in_place, plain, places = _InPlaceFunction(build, targets), function(build), places_of(build, targets)

        @functools.wraps(build)
        def update(*args: Any) -> None:
            if STATE.trace is None:
                in_place(*args)
                return
            present = [args[place] for place in places if args[place] is not None]
            for target, result in zip(present, plain(*args), strict=True):
                assign(target, result, "copy_")

        return update

    return decorate
