"""The op behind the operators that users define: what their Python computes between kernels, known by name.

An operator of the user's is entered in OPERATORS before a node of it is made. The text of its other arguments stands in
the attribute `arguments`, with the places at which tensors go; how that is read is the front end's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from brasa.ir.errors import GraphError
from brasa.ir.graph import Kind, Op
from brasa.ir.types import Type


class Operator(NamedTuple):
    """What a user's operator computes, and what it should: both (arrays, arguments) -> the arrays of its results."""

    compute: Callable[[Sequence[Any], str], Sequence[Any]]
    reference: Callable[[Sequence[Any], str], Sequence[Any]]


OPERATORS: dict[str, Operator] = {}


def _operator(name: str) -> Operator:
    found = OPERATORS.get(name)
    if found is None:
        raise GraphError(f"the operator {name} is not defined", op="library")
    return found


def _type(*_: Type, name: str, arguments: str, type: Type) -> Type:
    _operator(name)
    return type


def _value(*arrays: Any, name: str, arguments: str, type: Type) -> Any:
    results = tuple(map(np.asarray, _operator(name).reference(arrays, arguments)))
    return results if len(results) > 1 else results[0]


def _run(operands: Sequence[Any], results: Sequence[Any], *, name: str, arguments: str) -> None:
    made = _operator(name).compute([array.copy() for array in operands], arguments)
    for number, (result, value) in enumerate(zip(results, made, strict=True)):
        if value.shape != result.shape or value.dtype != result.dtype:
            raise GraphError(f"result {number} is {value.dtype}{list(value.shape)}, its register_fake says "
                             f"{result.dtype}{list(result.shape)}", op=name)  # fmt: skip
        result[...] = value


# The results of the operator `name`, of the type that its fake gives.
library = Op(
    "library", Kind.HOST, ("x*",), _type, _value, no_vjp="its author gave it none: see register_autograd", run=_run,
    declares_type=True,
)  # fmt: skip
