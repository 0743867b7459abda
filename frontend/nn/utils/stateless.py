"""Modules called with other parameters and buffers than their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from brasa.ir.errors import ArgumentError, ValueError
from brasa.nn.module import Module
from brasa.tensors.tensor import Tensor


def functional_call(
    module: Module, parameters_and_buffers: Mapping[str, Tensor], args: Any = None,
    kwargs: Mapping[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """What the module gives with tensors of these dotted names in the place of its own.

    tie_weights: a tensor that has several names is replaced under all of them. strict: every parameter and buffer has
    to be given, and nothing else. What the module writes to buffers ends up in the tensors that were given.
    """
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        given = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*given, **(kwargs or {}))


def _places(module: Module) -> dict[str, tuple[dict[str, Any], str]]:
    """The table and the name in it of every parameter and buffer, by dotted name."""
    return {
        f"{path}.{name}" if path else name: (table, name)
        for path, holder in module.named_modules(remove_duplicate=False)
        for table in (holder._parameters, holder._buffers)
        for name, tensor in table.items()
        if tensor is not None
    }


@contextmanager
def _replaced(module: Module, given: Mapping[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    places = _places(module)
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise ArgumentError(f"'{name}' must be a tensor, not {type(value).__name__}", op="functional_call")
    wrong = [f"unexpected: {name}" for name in given if name not in places]
    own = {name: table[key] for name, (table, key) in places.items()}
    values = dict(given)
    if tie_weights:
        by_tensor = {id(own[name]): value for name, value in given.items() if name in own}
        values |= {name: by_tensor[id(tensor)] for name, tensor in own.items() if id(tensor) in by_tensor}
    if strict:
        wrong += [f"missing: {name}" for name in own if name not in values]
    if wrong:
        raise ValueError(f"the names do not fit {type(module).__name__}: {', '.join(wrong)}", op="functional_call")
    try:
        for name, value in values.items():
            table, key = places[name]
            table[key] = value
        yield
    finally:
        for name in values:
            table, key = places[name]
            table[key] = own[name]
