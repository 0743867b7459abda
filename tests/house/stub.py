"""Writes the types of the methods that Tensor is given when brasa is imported: type checkers do not see those."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from brasa import Tensor
from tests.house.source import ROOT

PATH = ROOT / "frontend" / "tensors" / "tensor_methods.pyi"
HEADER = '''\
"""The methods that brasa.tracing.methods gives to Tensor. `make golden` writes this file."""

import builtins
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from brasa.tracing.primitive import Number
'''
_KNOWN = ("Any", "Callable", "Iterator", "Number", "Sequence", "np")
_HIDDEN = re.compile(r"(?<![\w.])(int|float|bool|type)\b")  # builtins whose names are methods of Tensor
_INCOMPATIBLE = ("__eq__", "__ne__")  # object's give a bool


def stub() -> str:
    """The text of the stub."""
    body = "\n".join(f"    {line}" if line else "" for line in _members())
    return f"{HEADER}{_imports(body)}\nclass TensorMethods:\n{body}\n"


def _imports(body: str) -> str:
    """The imports of the names that signatures use, from where their functions have them."""
    places = {}
    for value in vars(Tensor).values():
        if inspect.isfunction(value):
            places |= {
                name: thing for name, thing in inspect.unwrap(value).__globals__.items() if inspect.isclass(thing)
            }
    used = set(re.findall(r"(?<![\w.'])[A-Za-z_]\w*", body)) - {*_KNOWN, *dir(builtins)}
    found = {f"from {places[name].__module__} import {name}" for name in used if name in places}
    return "\n".join(sorted(line for line in found if line.startswith("from brasa"))) + "\n"


def _members() -> Iterator[str]:
    for name, value in sorted(vars(Tensor).items()):
        if isinstance(value, property) and value.fget is not None and value.fget.__module__ != "brasa.tensors.tensor":
            yield "@property"
            yield f"def {name}(self) -> Tensor: ..."
            if value.fset is not None:
                yield f"@{name}.setter"
                yield f"def {name}(self, value: Tensor) -> None: ..."
        elif inspect.isfunction(value) and value.__module__ != "brasa.tensors.tensor":
            ignored = "  # type: ignore[override]" if name in _INCOMPATIBLE else ""
            yield f"def {name}{_signature(name, value)}: ...{ignored}"


def _signature(name: str, function: Callable[..., Any]) -> str:
    """The signature as text: operators take numbers, and in-place methods what their plain forms take."""
    signature = inspect.signature(function)
    operator = name.startswith("__")
    parameters = list(signature.parameters.values())[1:]
    if [each.kind.name for each in parameters] == ["VAR_POSITIONAL", "VAR_KEYWORD"] and name.endswith("_"):
        plain = name.replace("__i", "__") if operator else name[:-1]
        parameters = list(inspect.signature(getattr(Tensor, plain, function)).parameters.values())[1:]
    words = ["self"]
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not any(word.startswith("*") for word in words):
            words.append("*")
        words.append(_parameter(parameter, operator))
    unclear = operator and signature.return_annotation == "Any"
    return f"({', '.join(words)}) -> {'Tensor' if unclear else _type(signature.return_annotation, 'Tensor')}"


def _parameter(parameter: inspect.Parameter, operator: bool) -> str:
    mark = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
    numeric = operator and parameter.name == "other"
    text = f"{mark}{parameter.name}: {'Number' if numeric else _type(parameter.annotation, 'Any')}"
    if parameter.default is inspect.Parameter.empty:
        return text
    simple = parameter.default is None or isinstance(parameter.default, bool | int | float | str | tuple)
    return f"{text} = {parameter.default!r}" if simple else f"{text} = ..."


def _type(annotation: Any, missing: str) -> str:
    return missing if annotation is inspect.Parameter.empty else _HIDDEN.sub(r"builtins.\1", annotation)
