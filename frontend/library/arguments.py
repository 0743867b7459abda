"""Arguments of a user's operator: tensors and floats, which vary, apart from all else, which is part of the program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from brasa.ir.dtype import BY_NAME, DType
from brasa.ir.errors import ArgumentError
from brasa.tensors.tensor import Tensor
from brasa.tracing.sizes import SymbolicSize


def taken_apart(values: Sequence[Any], name: str) -> tuple[list[Any], str]:
    """(tensors and floats in order, the text of the rest with their places).

    ArgumentError for what is neither of these nor an int, bool, str, dtype or None, or a sequence of such.
    """
    varying: list[Any] = []
    return varying, json.dumps([_described(value, varying, name) for value in values])


def _described(value: Any, varying: list[Any], name: str) -> Any:
    """A value as JSON has it. No function in a function: one that calls itself would keep the tensors alive."""
    if isinstance(value, Tensor | float):
        varying.append(value)
        return {"tensor" if isinstance(value, Tensor) else "float": len(varying) - 1}
    if isinstance(value, list | tuple):
        return [_described(item, varying, name) for item in value]
    if isinstance(value, DType):
        return {"dtype": value.name}
    if isinstance(value, int | SymbolicSize) and not isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, bool | str):
        return value
    raise ArgumentError(f"does not take a {type(value).__name__}", op=name)


def put_together(text: str, varying: Sequence[Any]) -> list[Any]:
    """The arguments, with these tensors or arrays in their places; what stands for a float becomes one."""
    return [_placed(value, varying) for value in json.loads(text)]


def _placed(value: Any, varying: Sequence[Any]) -> Any:
    match value:
        case list():
            return [_placed(item, varying) for item in value]
        case {"tensor": place}:
            return varying[place]
        case {"float": place}:
            return float(varying[place])
        case {"dtype": name}:
            return BY_NAME[name]
    return value
