"""Control flow over tensors as one node of a program: loops whose code does not grow with their steps, and branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa._state import STATE
from brasa.bodies import Body, run_nested
from brasa.ir import dim as sizes
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.errors import ArgumentError, DTypeError, Operand, ShapeError
from brasa.ir.graph import Graph, Node, located
from brasa.ir.ops import nested
from brasa.ir.ops.nested import is_same
from brasa.ir.types import TensorType
from brasa.operators import operator
from brasa.primitive import axis_of
from brasa.structure import leaves, outline, rebuilt
from brasa.tensor import Tensor
from brasa.tracing import Trace, tracing
from brasa.views import permute

__all__ = ["scan"]


@operator()
def scan(
    combine_fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, *, dim: int = 0, reverse: bool = False
) -> tuple[Any, Any]:  # fmt: skip
    """The loop `for x in xs: carry, y = combine_fn(carry, x)`: the last carry, and all `y` stacked along a first axis.

    init, xs and what combine_fn gives are tensors, or tuples, lists and dicts of them. Each tensor of xs is walked
    along `dim`, backwards with `reverse`; its slices have one axis less. The carry keeps its form, shapes and dtypes.

    combine_fn is called once, on tensors without values, however many steps there are; it may read tensors that it
    closes over, which get gradients too, and draw random numbers, but write to nothing from outside.
    ShapeError or DTypeError where a step changes a type of the carry.
    """
    return run_nested("scan", lambda trace: _Scan(trace, "scan").over(combine_fn, init, xs, dim, reverse))  # type: ignore[no-any-return]


class _Scan:
    """A scan while it is traced."""

    def __init__(self, trace: Trace, op: str) -> None:
        self.trace, self.op, self.body = trace, op, Body(trace, "scan")

    def over(self, combine: Callable[..., Any], init: Any, xs: Any, axis: int, reverse: bool) -> tuple[Any, Any]:
        """The results of a scan over the slices of xs."""
        whole = [(name, first_axis(tensor, axis, self.op)) for name, tensor in leaves(xs, "xs", self.op)]
        if not whole:
            raise ArgumentError("xs holds no tensor", op=self.op)
        length = self._length(whole)
        return self.run(combine, init, xs, [tensor for _, tensor in whole], length, reverse)

    def run(
        self, combine: Callable[..., Any], init: Any, xs: Any, whole: Sequence[Tensor], length: Size, reverse: bool
    ) -> tuple[Any, Any]:  # fmt: skip
        """The results of a scan of that length. xs: the form of a step's slices."""
        trace, body, given = self.trace, self.body, list(leaves(init, "init", self.op))
        starts = [trace.node_of(tensor) for _, tensor in given]
        sequences = [trace.node_of(tensor) for tensor in whole]
        carry = [
            body.argument(f"c{i}", node.tensor, STATE.grad_enabled and is_smooth(node)) for i, node in enumerate(starts)
        ]
        slices = [
            body.argument(f"x{i}", TensorType(node.tensor.shape[1:], node.tensor.dtype, node.tensor.device),
                          tensor._requires_grad)
            for i, (node, tensor) in enumerate(zip(sequences, whole, strict=True))
        ]  # fmt: skip
        with tracing(body):
            result = combine(rebuilt(init, carry), rebuilt(xs, slices))
            if not isinstance(result, tuple) or len(result) != 2:
                raise ArgumentError(f"combine_fn gives (carry, y), not {outline(result)}", op=self.op)
            ends = same_form(init, result[0], "init", "carry", self.op)
            made = [tensor for _, tensor in leaves(result[1], "y", self.op)]
            check_types(trace, given, ends, [body.node_of(tensor) for _, tensor in ends], starts, self.op)
        calls = list(body.random.items())
        carry = [*carry, *(each.start for _, each in calls)]
        ends_now = [*(tensor for _, tensor in ends), *(each.now for _, each in calls)]
        starts += [self._first_call(generator) for generator, _ in calls]
        graph, captured = body.graph(
            name_of(combine), [*map(body.node_of, carry), *map(body.node_of, slices)],
            [*map(body.node_of, ends_now), *map(body.node_of, made), *map(body.node_of, carry)],
        )  # fmt: skip
        results = record(trace, nested.scan, (*starts, *sequences, *captured), graph=graph, carries=len(starts),
                         sequences=len(sequences), length=trace.scope.resolve(length), reverse=reverse)  # fmt: skip
        tensors = wrapped(trace, results, body, [*(tensor for _, tensor in given), *whole])
        for number, (generator, each) in enumerate(calls, len(given)):
            self._last_call(generator, tensors[number], each.count * trace.scope.hint(length))
        return rebuilt(init, tensors), rebuilt(result[1], tensors[len(starts) :])

    def _length(self, whole: Sequence[tuple[str, Tensor]]) -> Size:
        types = [self.trace.node_of(tensor).tensor for _, tensor in whole]
        length = types[0].shape[0]
        with sizes.solving(self.trace.scope):
            if all(sizes.equal(type.shape[0], length) for type in types):
                return length
        rows = tuple(
            Operand(name, shown(self.trace, type)) for (name, _), type in zip(whole, types, strict=True)
        )  # fmt: skip
        raise ShapeError("the sequences have different lengths", op=self.op, operands=rows)

    def _first_call(self, generator: Any) -> Node:
        if isinstance(self.trace, Body):
            return self.trace.node_of(self.trace.calls_of(generator).now)
        return self.trace.number(generator.offset)

    def _last_call(self, generator: Any, now: Tensor, calls: int) -> None:
        if isinstance(self.trace, Body):
            self.trace.calls_of(generator).pass_to(now, calls)
        else:
            generator.offset += calls


# What loops and branches share


def is_smooth(node: Node) -> bool:
    return node.tensor.dtype.kind in ("float", "complex")


def name_of(function: Callable[..., Any]) -> str:
    """What the graph of a user's function is called."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() and name.isascii() else "body"


def first_axis(tensor: Tensor, dim: int, op: str) -> Tensor:
    """The tensor with that axis in front."""
    rank = tensor.ndim
    if rank == 0:
        raise ShapeError("a zero-dim tensor has no steps", op=op)
    axis = axis_of(dim, rank, op)
    return permute(tensor, axis, *(each for each in range(rank) if each != axis)) if axis else tensor


def shown(trace: Trace, type: TensorType) -> str:
    """A type in numbers, as errors say it."""
    shape = tuple(trace.scope.hint(trace.scope.resolve(size)) for size in type.shape)
    return str(TensorType(shape, type.dtype, type.device))


def same_form(first: Any, second: Any, name: str, other: str, op: str) -> list[tuple[str, Tensor]]:
    """The tensors of `second`, which must have the form of `first`."""
    found = list(leaves(second, other, op))
    if outline(first) != outline(second):
        raise ArgumentError(f"{other} has another form than {name}: {outline(second)}, not {outline(first)}", op=op)
    return found


def check_types(
    trace: Trace, before: Sequence[tuple[str, Tensor]], after: Sequence[tuple[str, Tensor]], nodes: Sequence[Node],
    starts: Sequence[Node], op: str, fact: str = "a step changes the type of the carry",
) -> None:  # fmt: skip
    """The second values have the types of the first; else an error that shows both."""
    for (name, _), (other, _), node, start in zip(before, after, nodes, starts, strict=True):
        with sizes.solving(trace.scope):
            if is_same(start.tensor, node.tensor):
                continue
        rows = tuple(
            Operand(each, shown(trace, value.tensor), value.origin, value.where)
            for each, value in ((name, start), (other, node))
        )
        error = ShapeError if start.tensor.dtype is node.tensor.dtype else DTypeError
        raise error(fact, op=op, operands=rows)


def record(trace: Trace, op: Any, operands: tuple[Node, ...], **attrs: Any) -> tuple[Node, ...]:
    """The results of a nested op, as one step of the trace."""

    def make() -> tuple[Node, ...]:
        with sizes.solving(trace.scope), located(trace.location()):
            return trace.items(trace.record(op(*operands, **attrs)))

    return trace.step((op, operands, tuple(attrs.items())), make)


def wrapped(trace: Trace, results: Sequence[Node], body: Body, operands: Sequence[Tensor]) -> list[Tensor]:
    """The results as tensors, which want gradients if any operand does."""
    wants = STATE.grad_enabled and (body.differentiable or any(tensor._requires_grad for tensor in operands))
    return [trace.fresh(node, wants and is_smooth(node)) for node in results]
