"""Ops that run graphs that they hold: `scan` step after step, `while` as long as a truth holds, `cond` one of two.

A held graph has names of sizes of its own, which its inputs tell, or, once it is optimized, those around it. All that
it reads is passed to it, tensors that a user's function merely closes over too: they are the constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_, from_numpy
from brasa.ir.errors import DTypeError, GraphError, ShapeError
from brasa.ir.graph import Graph, Kind, Node, Op, item_types
from brasa.ir.interpret import Change, interpret
from brasa.ir.sizes import bind, call_type, is_same, substitute_tensor
from brasa.ir.types import TensorType, TupleType, Type

Known: TypeAlias = Mapping[str, Size]  # what names of sizes stand for that the inputs of a graph do not tell alone
NO_SIZES: Known = MappingProxyType({})


def _results(types: Sequence[TensorType]) -> Type:
    return types[0] if len(types) == 1 else TupleType(tuple(types))


def _check_carries(given: Sequence[TensorType], made: Sequence[TensorType]) -> None:
    if len(made) < len(given):
        raise GraphError(f"carries {len(given)} values, its graph gives {len(made)}")
    for number, (before, after) in enumerate(zip(given, made, strict=False)):
        if not is_same(before, after):
            raise ShapeError(f"carry {number} is {before} before a step and {after} after it")


# (carries..., sequences..., constants...) -> the carries after the last step, then what each step gave, stacked.
# The graph takes carries, a slice of each sequence, and the constants; it gives new carries, then the step's results.
# grouped: gradients by constants are products over all steps where they can be, not sums of products step by step.


def _slice(type: TensorType, length: Size) -> TensorType:
    if not type.shape or not dim.equal(type.shape[0], length):
        raise ShapeError(f"{type} does not have {length} steps along its first axis")
    return TensorType(type.shape[1:], type.dtype, type.device)


def _scan_type(
    *types: TensorType, graph: Graph, carries: int, sequences: int, length: Size, reverse: bool, grouped: bool = False
) -> Type:  # fmt: skip
    if len(types) < carries + sequences:
        raise GraphError(f"takes {carries} carries and {sequences} sequences, not {len(types)} operands")
    made = item_types(call_type(graph, _scan_arguments(types, carries, sequences, length)))
    _check_carries(types[:carries], made)
    stacked = (TensorType((length, *type.shape), type.dtype, type.device) for type in made[carries:])
    return _results((*types[:carries], *stacked))


def _scan_arguments(
    types: Sequence[TensorType], carries: int, sequences: int, length: Size
) -> tuple[TensorType, ...]:  # fmt: skip
    slices = (_slice(type, length) for type in types[carries : carries + sequences])
    return (*types[:carries], *slices, *types[carries + sequences :])


def _scan_value(
    *arrays: Any, graph: Graph, carries: int, sequences: int, length: int, reverse: bool, grouped: bool = False,
    known: Known = NO_SIZES, change: Change = None,
) -> Any:  # fmt: skip
    carry, over, rest = arrays[:carries], arrays[carries : carries + sequences], arrays[carries + sequences :]
    first = [*carry, *(np.empty(array.shape[1:], array.dtype) for array in over), *rest]
    shapes = _result_shapes(graph, first, known)
    stacked = [
        np.zeros((length, *shape), node.tensor.dtype.numpy)
        for node, shape in zip(graph.outputs[carries:], shapes[carries:], strict=True)
    ]
    for step in range(length)[:: -1 if reverse else 1]:
        results = interpret(graph, (*carry, *(array[step] for array in over), *rest), known, change)
        carry = results[:carries]
        for whole, made in zip(stacked, results[carries:], strict=True):
            whole[step] = made
    values = (*carry, *stacked)
    return values[0] if len(values) == 1 else values


def _result_shapes(graph: Graph, arrays: Sequence[Any], known: Known) -> list[tuple[int, ...]]:
    types = [TensorType(node.tensor.shape, node.tensor.dtype) for node in graph.inputs]
    sizes = bind(types, [TensorType(array.shape, from_numpy(array.dtype)) for array in arrays], known)
    types = [substitute_tensor(node.tensor, sizes) for node in graph.outputs]
    return [tuple(dim.evaluate(size, {}) for size in type.shape) for type in types]


scan = Op("scan", Kind.NESTED, ("x*",), _scan_type, _scan_value,
          no_vjp="autodiff differentiates the graph it holds")  # fmt: skip


# (go, carries..., constants...) -> the carries when go is false; carries: how many, with go.
# The graph takes and gives what is carried.


def _while_type(*types: TensorType, graph: Graph, carries: int) -> Type:
    if not 1 < carries <= len(types):
        raise GraphError(f"carries {carries} of {len(types)} operands; it takes whether to go on, then values")
    _check_truth(types[0])
    made = item_types(call_type(graph, types))
    _check_carries(types[:carries], made)
    if len(made) != carries:
        raise GraphError(f"carries {carries} values, its graph gives {len(made)}")
    return _results(types[1:carries])


def _check_truth(type: TensorType) -> None:
    if type.dtype is not bool_ or type.shape:
        raise DTypeError(f"is decided by a bool[], not by {type}")


def _while_value(
    *arrays: Any, graph: Graph, carries: int, known: Known = NO_SIZES, change: Change = None
) -> Any:  # fmt: skip
    carry, rest = arrays[:carries], arrays[carries:]
    while carry[0]:
        carry = interpret(graph, (*carry, *rest), known, change)
    return carry[1] if carries == 2 else carry[1:]


while_ = Op("while", Kind.NESTED, ("x*",), _while_type, _while_value,
            no_vjp="nobody knows how many steps it will take")  # fmt: skip


# (choice, operands...) -> what the graph `then` gives where the choice is true, else what `otherwise` gives.


def _cond_type(choice: TensorType, *types: TensorType, then: Graph, otherwise: Graph) -> Type:
    _check_truth(choice)
    first, second = (item_types(call_type(graph, types)) for graph in (then, otherwise))
    if len(first) != len(second):
        raise GraphError(f"one graph gives {len(first)} values, the other {len(second)}")
    for number, (left, right) in enumerate(zip(first, second, strict=True)):
        if not is_same(left, right):
            raise ShapeError(f"result {number} is {left} in one branch and {right} in the other")
    return _results(first)


def _cond_value(
    choice: Any, *arrays: Any, then: Graph, otherwise: Graph, known: Known = NO_SIZES, change: Change = None
) -> Any:  # fmt: skip
    results = interpret(then if choice else otherwise, arrays, known, change)
    return results[0] if len(results) == 1 else results


cond = Op("cond", Kind.NESTED, ("choice", "x*"), _cond_type, _cond_value,
          no_vjp="autodiff differentiates the graphs it holds")  # fmt: skip


# What passes and lowering ask


def bodies(node: Node) -> dict[str, Graph]:
    """The graphs that a nested node runs, by attribute."""
    return {name: value for name, value in node.attrs.items() if isinstance(value, Graph)}


def carried(node: Node) -> int:
    """How many of the first inputs of its graph are what the graph gave in the step before."""
    return node.attrs.get("carries", 0)  # type: ignore[no-any-return]


def first_argument(node: Node) -> int:
    """The number of operands that its graphs do not see."""
    return 1 if node.op is cond else 0


def hidden_results(node: Node) -> int:
    """The number of its graph's first outputs that are no results of the node."""
    return 1 if node.op is while_ else 0


def argument_types(node: Node) -> tuple[TensorType, ...]:
    """The types of what its graphs are given."""
    types = [operand.tensor for operand in node.operands[first_argument(node) :]]
    if node.op is scan:
        return _scan_arguments(types, node.attrs["carries"], node.attrs["sequences"], node.attrs["length"])
    return tuple(types)


def bound_sizes(node: Node, graph: Graph) -> Mapping[str, Size]:
    """What the names of sizes of one of its graphs stand for."""
    return bind([each.tensor for each in graph.inputs], argument_types(node))
