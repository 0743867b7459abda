"""Ops that hold graphs, pick from several results, or speak about gradients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from brasa.ir.dim import Size
from brasa.ir.errors import GraphError
from brasa.ir.graph import Graph, Kind, Node, Op, location
from brasa.ir.interpret import Change, interpret
from brasa.ir.sizes import call_type, is_same
from brasa.ir.types import TensorType, TupleType, Type


def _call_value(
    *arrays: Any, graph: Graph, known: Mapping[str, Size] = MappingProxyType({}), change: Change = None
) -> Any:  # fmt: skip
    results = interpret(graph, arrays, known, change)
    return results[0] if len(results) == 1 else results


def _call_type(*types: TensorType, graph: Graph) -> Type:
    return call_type(graph, types)


# A function of the user's program, kept whole until it has been differentiated.
call = Op("call", Kind.CONTROL, ("x*",), _call_type, _call_value, no_vjp="autodiff differentiates the graph it holds")

# A region that becomes one kernel.
fused = Op("fused", Kind.CONTROL, ("x*",), _call_type, _call_value, no_vjp="made after autodiff")


def _item_type(x: Type, *, index: int) -> TensorType:
    if not isinstance(x, TupleType) or not 0 <= index < len(x.items):
        raise GraphError(f"takes item {index} of {x}")
    return x.items[index]


item = Op("item", Kind.CONTROL, ("x",), _item_type, lambda x, index: x[index], no_vjp="autodiff joins the items")


def items(node: Node) -> tuple[Node, ...]:
    """All results of a node, whether it has one or several."""
    if isinstance(node.type, TupleType):
        where = location()
        return tuple([
            Node(item, (node,), MappingProxyType({"index": i}), type, where) for i, type in enumerate(node.type.items)
        ])  # fmt: skip
    return (node,)


def _stop_vjp(node: Node, g: Node) -> tuple[None]:
    return (None,)


# The value itself, cut off from gradients: what detach() and no_grad leave in a program.
stop_gradient = Op("stop_gradient", Kind.VIEW, ("x",), lambda x: x, lambda x: x, _stop_vjp,
                   body=lambda index, source, result, size: index)  # fmt: skip


def _gradient_type(*types: TensorType, outputs: int) -> Type:
    if outputs < 1 or len(types) < 2 * outputs:
        raise GraphError("takes outputs, as many seeds, then what to differentiate by")
    for value, seed in zip(types[:outputs], types[outputs : 2 * outputs], strict=True):
        if not is_same(value, seed):
            raise GraphError(f"an output is {value}, its seed {seed}")
    return TupleType(types[2 * outputs :])


def _gradient_value(*_: Any, **__: Any) -> Any:
    raise GraphError("gradient has a meaning only after autodiff has expanded it")


# (outputs..., seeds..., values...) -> the gradient by each value of the outputs weighted by the seeds.
gradient = Op("gradient", Kind.CONTROL, ("x*",), _gradient_type, _gradient_value, no_vjp="autodiff expands it")


def _custom_type(*types: TensorType, outputs: int, values: int, once: bool) -> Type:
    if outputs < 1 or len(types) != 3 * outputs + 2 * values:
        raise GraphError("takes outputs, values, a stand-in and a seed for each output, and a gradient for each value")
    own = (*types[:outputs], *types[:outputs], *types[outputs : outputs + values])
    for one, other in zip(own, types[outputs + values :], strict=True):
        if not is_same(one, other):
            raise GraphError(f"an output or value is {one}, its stand-in, seed or gradient {other}")
    return types[0] if outputs == 1 else TupleType(types[:outputs])


def _custom_value(*arrays: Any, outputs: int, values: int, once: bool) -> Any:
    return arrays[0] if outputs == 1 else arrays[:outputs]


# (outputs..., values..., stand-ins..., seeds..., gradients...) -> the outputs, whose gradients by the values are not
# those of the nodes that compute them, but the gradients, with the results of this node in the place of the stand-ins
# and what comes in in the place of the seeds. once: gradients that have none themselves.
custom = Op("custom", Kind.CONTROL, ("x*",), _custom_type, _custom_value, no_vjp="autodiff writes out its gradients")


def _same_type(x: TensorType, *_: TensorType) -> TensorType:
    return x


# (value, ends...) -> the value; all between it and the ends is computed again for gradients, instead of being kept.
again = Op("again", Kind.CONTROL, ("x", "ends*"), _same_type, lambda x, *_: x,
           no_vjp="autodiff hands its gradient to the value")  # fmt: skip


def _later_vjp(node: Node, g: Node) -> tuple[Node, None]:
    return g, None


# The value itself, for what must not be computed before `gate` is there. No kernel sees it: fusion obeys it.
later = Op("later", Kind.CONTROL, ("x", "gate"), lambda x, gate: x, lambda x, gate: x, _later_vjp)
