"""Control flow over tensors as one node of a program: loops whose code does not grow with their steps, and branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa._state import STATE
from brasa.functions import comparison
from brasa.functions.axes import movedim
from brasa.ir import dim as sizes
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_
from brasa.ir.errors import ArgumentError, DTypeError, Operand, ShapeError
from brasa.ir.graph import Graph, Node, located
from brasa.ir.ops import nested
from brasa.ir.ops.source import make_input
from brasa.ir.sizes import is_same
from brasa.ir.types import TensorType
from brasa.passes import unbounded, with_starts
from brasa.tensors.structure import leaves, outline, rebuilt
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape
from brasa.tracing.bodies import Body, interned, run_nested
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of
from brasa.tracing.trace import Trace, tracing

__all__ = ["cond", "map", "scan", "while_loop"]


@operator()
def scan(
    combine_fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, *, dim: int = 0, reverse: bool = False
) -> Any:  # fmt: skip
    """The loop `for x in xs: carry, y = combine_fn(carry, x)`: the last carry, and all `y` stacked.

    init, xs and what combine_fn gives are tensors, or tuples, lists and dicts of them. Each tensor of xs is walked
    along `dim`, backwards with `reverse`; its slices have one axis less. The carry keeps its form, shapes and dtypes.
    The axis of the steps is axis `dim` of the results, or the first of those that have fewer axes.

    combine_fn is called once, on tensors without values, however many steps there are; it may read tensors that it
    closes over, which get gradients too, and draw random numbers, but write to nothing from outside.
    ShapeError or DTypeError where a step changes a type of the carry.
    """
    return run_nested("scan", lambda trace: _Scan(trace, "scan").over(combine_fn, init, xs, dim, reverse))


def grouped_scan(combine_fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, reverse: bool = False) -> Any:
    """As `scan`, but weights that all steps share get their gradients in one product over all steps.

    That is faster, and rounds otherwise than the sum of products that a loop makes.
    """
    return run_nested("scan", lambda trace: _Scan(trace, "scan", grouped=True).over(combine_fn, init, xs, 0, reverse))


@operator()
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each slice of xs along the first axis, one after the other, results stacked; both as in `scan`."""
    return run_nested("map", lambda trace: _Scan(trace, "map").over(lambda _, x: ((), f(x)), (), xs, 0, False)[1])


@operator()
def while_loop(
    cond_fn: Callable[..., Tensor], body_fn: Callable[..., Any], carried_inputs: tuple[Any, ...] | list[Any],
    max_steps: int | None = None,
) -> Any:  # fmt: skip
    """The loop `while cond_fn(*carried): carried = body_fn(*carried)`; what is carried at its end.

    cond_fn gives one truth, body_fn as many values as it takes, which keep their forms, shapes and dtypes. Both may
    read tensors that they close over, but neither write to anything from outside nor draw random numbers.

    max_steps: stop after so many steps in any case. Only then are there gradients: backward keeps what each of
    max_steps steps started from, however many were taken.
    """
    if not isinstance(carried_inputs, tuple | list):
        raise ArgumentError(f"carried_inputs is a {type(carried_inputs).__name__}, not a tuple", op="while_loop")
    start = tuple(carried_inputs)
    if max_steps is None:
        return run_nested("while_loop", lambda trace: _while(trace, cond_fn, body_fn, start))
    if not isinstance(max_steps, int) or max_steps < 0:
        raise ArgumentError(f"max_steps is {max_steps!r}, not a number of steps", op="while_loop")
    return run_nested("while_loop", lambda trace: _bounded(trace, cond_fn, body_fn, start, max_steps))


@operator()
def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...] | list[Any] = ()
) -> Any:  # fmt: skip
    """`true_fn(*operands)` where the one truth in `pred` holds, else `false_fn(*operands)`; only that one runs.

    Both give the same form of tensors with the same shapes and dtypes. They may read tensors that they close over,
    which get gradients too, but neither write to anything from outside nor draw random numbers. A Python bool as
    `pred` chooses at once. ShapeError or DTypeError where the types of the results differ.
    """
    if not isinstance(operands, tuple | list):
        raise ArgumentError(f"operands is a {type(operands).__name__}, not a tuple", op="cond")
    if not isinstance(pred, Tensor):
        return (true_fn if pred else false_fn)(*operands)
    return run_nested("cond", lambda trace: _cond(trace, pred, true_fn, false_fn, tuple(operands)))


# scan and map


class _Scan:
    """A scan while it is traced."""

    def __init__(self, trace: Trace, op: str, grouped: bool = False) -> None:
        self.trace, self.op, self.body = trace, op, Body(trace, op)
        self.grouped = {"grouped": True} if grouped else {}

    def over(self, combine: Callable[..., Any], init: Any, xs: Any, axis: int, reverse: bool) -> tuple[Any, Any]:
        """The results of a scan over the slices of xs."""
        whole = [(name, first_axis(tensor, axis, self.op)) for name, tensor in leaves(xs, "xs", self.op)]
        if not whole:
            raise ArgumentError("xs holds no tensor", op=self.op)
        length = self._length(whole)
        carry, made = self.run(combine, init, xs, [tensor for _, tensor in whole], length, reverse)
        if axis:
            stacked = [tensor for _, tensor in leaves(made, "y", self.op)]
            made = rebuilt(made, [movedim(each, 0, axis) if axis < each.ndim else each for each in stacked])
        return carry, made

    def run(
        self, combine: Callable[..., Any], init: Any, xs: Any, whole: Sequence[Tensor], length: Size, reverse: bool
    ) -> tuple[Any, Any]:  # fmt: skip
        """The results of a scan of that length. xs: the form of a step's slices."""
        trace, body, given = self.trace, self.body, list(leaves(init, "init", self.op))
        starts = [trace.narrowed(trace.node_of(tensor)) for _, tensor in given]
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
        starts += [self._first_call(generator, each.count, length) for generator, each in calls]
        graph, captured = body.graph(
            name_of(combine), [body.node_of(each) for each in (*carry, *slices)],
            [body.node_of(each) for each in (*ends_now, *made)],
        )  # fmt: skip
        graph, sequences = interned(with_starts(graph, len(starts))), [trace.narrowed(each) for each in sequences]
        results = record(trace, nested.scan, (*starts, *sequences, *captured), graph=graph, carries=len(starts),
                         sequences=len(sequences), length=trace.scope.resolve(length), reverse=reverse,
                         **self.grouped)  # fmt: skip
        tensors = wrapped(trace, results, body, [*(tensor for _, tensor in given), *whole])
        for (generator, each), now in zip(calls, tensors[len(given) :], strict=False):
            trace.note_drawn(generator, now, each.count * trace.scope.hint(length))
        return rebuilt(init, tensors), rebuilt(result[1], tensors[len(starts) :])

    def _first_call(self, generator: Any, count: int, length: Size) -> Node:
        """The number of the first random call of all steps, each of which makes `count`."""
        trace = root = self.trace
        while isinstance(root, Body):
            root = root.outer
        root.seeds_used |= not isinstance(trace.scope.resolve(length), int)  # how many there are varies with sizes
        return trace.draw_many(generator, count * trace.scope.hint(length))

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


# while_loop


def _while(trace: Trace, go_on: Callable[..., Any], advance: Callable[..., Any], start: tuple[Any, ...]) -> Any:
    """A `while`: what it carries begins with the truth that it goes by."""
    op, body = "while_loop", Body(trace, "while_loop")
    given = list(leaves(start, "carried_inputs", op))
    first = trace.node_of(_truth(go_on(*start), op))
    nodes = [trace.narrowed(trace.node_of(tensor)) for _, tensor in given]
    going = body.argument("go", TensorType((), bool_))
    carry = [
        body.argument(f"c{i}", node.tensor, STATE.grad_enabled and is_smooth(node)) for i, node in enumerate(nodes)
    ]
    with tracing(body):
        ends = _advanced(advance, start, rebuilt(start, carry), op)
        check_types(trace, given, ends, [body.node_of(tensor) for _, tensor in ends], nodes, op)
        again = _truth(go_on(*rebuilt(start, [tensor for _, tensor in ends])), op)
    graph, captured = body.graph(
        name_of(advance), [body.node_of(each) for each in (going, *carry)],
        [body.node_of(again), *(body.node_of(tensor) for _, tensor in ends)],
    )  # fmt: skip
    operands = (first, *nodes, *captured)
    values = [tensor for _, tensor in given]
    if trace.can_run and _wants_gradients(body, values) and any(is_smooth(node) for node in nodes):
        raise unbounded(operands)  # at once, as in eager mode, whoever reads the results
    results = record(trace, nested.while_, operands, graph=graph, carries=1 + len(nodes))
    return rebuilt(start, wrapped(trace, results, body, values))


def _bounded(
    trace: Trace, go_on: Callable[..., Any], advance: Callable[..., Any], start: tuple[Any, ...], steps: int
) -> Any:  # fmt: skip
    """A `scan` of so many steps, whose step is a `cond` that leaves the carry as it is when there is none to take."""
    op = "while_loop"

    def step(carry: Any, _: Any) -> tuple[Any, tuple[()]]:
        going, values = carry

        def taken(*values: Any) -> Any:
            ends = rebuilt(start, [tensor for _, tensor in _advanced(advance, start, values, op)])
            return _truth(go_on(*ends), op), ends

        return cond(going, taken, lambda *values: (going, values), values), ()

    first = _truth(go_on(*start), op)
    (_, ends), _ = _Scan(trace, op).run(step, (first, start), (), [], steps, False)
    return ends


def _advanced(advance: Callable[..., Any], start: Any, values: Any, op: str) -> list[tuple[str, Tensor]]:
    """The tensors of the next carry."""
    result = advance(*values)
    ends = tuple(result) if isinstance(result, tuple | list) else (result,)
    return same_form(start, ends, "carried_inputs", "body_fn(...)", op)


def _truth(value: Any, op: str) -> Tensor:
    """One truth as a bool[]."""
    if not isinstance(value, Tensor):
        raise ArgumentError(f"it is decided by a tensor, not by {type(value).__name__}", op=op)
    if int(value.numel()) != 1:
        raise ShapeError(f"it is decided by one truth, not by the shape {list(value.shape)}", op=op)
    truth = value if value.dtype is bool_ else comparison.ne(value, 0)
    return truth if value.ndim == 0 else reshape(truth, ())


# cond


def _cond(
    trace: Trace, choice: Tensor, then: Callable[..., Any], otherwise: Callable[..., Any], operands: tuple[Any, ...]
) -> Any:  # fmt: skip
    given = [tensor for _, tensor in leaves(operands, "operands", "cond")]
    nodes = [trace.narrowed(trace.node_of(tensor)) for tensor in given]
    truth = trace.node_of(_truth(choice, "cond"))
    bodies = [Body(trace, "cond"), Body(trace, "cond")]
    made: list[Any] = []
    for body, function in zip(bodies, (then, otherwise), strict=True):
        inputs = [
            body.argument(f"x{i}", node.tensor, tensor._requires_grad)
            for i, (node, tensor) in enumerate(zip(nodes, given, strict=True))
        ]
        with tracing(body):
            made.append((function(*rebuilt(operands, inputs)), inputs))
    first, second = list(leaves(made[0][0], "true_fn(...)", "cond")), made[1][0]
    other = same_form(made[0][0], second, "true_fn(...)", "false_fn(...)", "cond")
    ends = [[body.node_of(tensor) for _, tensor in found] for body, found in zip(bodies, (first, other), strict=True)]
    check_types(trace, first, other, ends[1], ends[0], "cond", "the branches give different types")
    graphs, captured = [], []
    for body, function, (_, inputs), results in zip(bodies, (then, otherwise), made, ends, strict=True):
        graph, outside = body.graph(name_of(function), [body.node_of(each) for each in inputs], results)
        graphs.append(graph)
        captured.append(outside)
    left, right = graphs
    count = len(given)
    graphs[0] = _widened(left, left.inputs, right.inputs[count:], "other")
    graphs[1] = _widened(right, right.inputs[:count], left.inputs[count:], "other", right.inputs[count:])
    results = record(
        trace, nested.cond, (truth, *nodes, *captured[0], *captured[1]), then=graphs[0], otherwise=graphs[1]
    )  # fmt: skip
    body.differentiable = any(each.differentiable for each in bodies)
    return rebuilt(made[0][0], wrapped(trace, results, body, given))


def _widened(
    graph: Graph, before: Sequence[Node], others: Sequence[Node], prefix: str, after: Sequence[Node] = ()
) -> Graph:  # fmt: skip
    """The graph with further inputs, which only the other branch reads."""
    added = [make_input(f"{prefix}{i}", node.tensor) for i, node in enumerate(others)]
    return interned(Graph(graph.name, (*before, *added, *after), graph.nodes, graph.outputs))


# What loops and branches share


def is_smooth(node: Node) -> bool:
    return node.tensor.dtype.kind in ("float", "complex")


def name_of(function: Callable[..., Any]) -> str:
    """What the graph of a user's function is called."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() and name.isascii() else "body"


def first_axis(tensor: Tensor, dim: int, op: str) -> Tensor:
    """The tensor with that axis in front."""
    if tensor.ndim == 0:
        raise ShapeError("a zero-dim tensor has no steps", op=op)
    return movedim(tensor, axis_of(dim, tensor.ndim, op), 0) if dim else tensor


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
    wants = _wants_gradients(body, operands)
    return [trace.fresh(node, wants and is_smooth(node)) for node in results]


def _wants_gradients(body: Body, operands: Sequence[Tensor]) -> bool:
    return STATE.grad_enabled and (body.differentiable or any(tensor._requires_grad for tensor in operands))
