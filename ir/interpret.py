"""The NumPy meaning of a graph: slow, simple, and the judge of every pass and every kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brasa.ir.dtype import from_numpy
from brasa.ir.graph import Graph, Node
from brasa.ir.sizes import bind, substitute_attrs
from brasa.ir.types import TensorType


def interpret(graph: Graph, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The graph's outputs for these input arrays, by each op's `evaluate`; named sizes come from the arrays."""
    arrays = [np.asarray(array) for array in arrays]
    given = [TensorType(array.shape, from_numpy(array.dtype)) for array in arrays]
    sizes = bind([TensorType(node.tensor.shape, node.tensor.dtype) for node in graph.inputs], given)
    values: dict[Node, Any] = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        attrs = substitute_attrs(node.attrs, sizes)
        result = node.op.evaluate(*(values[operand] for operand in node.operands), **attrs)
        if isinstance(node.type, TensorType):
            result = np.asarray(result).astype(node.type.dtype.numpy, copy=False)
        values[node] = result
    return tuple(values[node] for node in graph.outputs)
