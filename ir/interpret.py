"""The NumPy meaning of a graph: slow, simple, and the judge of every pass and every kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from brasa.ir.dim import Size
from brasa.ir.dtype import from_numpy
from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.sizes import bind, substitute_attrs
from brasa.ir.types import TensorType

Change: TypeAlias = Callable[[Any], Any] | None


def interpret(
    graph: Graph, arrays: Sequence[Any], known: Mapping[str, Size] = MappingProxyType({}),
    change: Change = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The graph's outputs for these input arrays, by each op's `evaluate`; named sizes come from the arrays.

    known: sizes that the arrays do not tell, as a region's, whose names are those of the graph around it.
    change: what becomes of each tensor that is computed, in the graphs that nodes hold, too.
    Every value is made row-major, so that NumPy adds in the same order however a value came about.
    """
    arrays = [np.asarray(array, order="C") for array in arrays]
    given = [TensorType(array.shape, from_numpy(array.dtype)) for array in arrays]
    sizes = bind([TensorType(node.tensor.shape, node.tensor.dtype) for node in graph.inputs], given, known)
    values: dict[Node, Any] = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        attrs = substitute_attrs(node.attrs, sizes)
        if node.op.kind in (Kind.CONTROL, Kind.NESTED) and any(isinstance(value, Graph) for value in attrs.values()):
            attrs |= {"known": sizes, "change": change}
        with np.errstate(all="ignore"):  # infinities and NaN are values like others
            result = node.op.evaluate(*(values[operand] for operand in node.operands), **attrs)
        if isinstance(node.type, TensorType):
            result = np.asarray(result, dtype=node.type.dtype.numpy, order="C")
            if change is not None:
                result = change(result)
        values[node] = result
    return tuple(values[node] for node in graph.outputs)
