"""Tensors inside tuples, lists, dicts and None: taken out in order, and put back into the same form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from brasa.ir.errors import ArgumentError
from brasa.tensors.tensor import Tensor


def leaves(value: Any, name: str, op: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors in the value, each with the way to it, such as `init['h'][0]`; ArgumentError for anything else."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, tuple | list):
        fields = getattr(value, "_fields", None)
        for index, item in enumerate(value):
            yield from leaves(item, f"{name}.{fields[index]}" if fields else f"{name}[{index}]", op)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}[{key!r}]", op)
    elif value is not None:
        raise ArgumentError(f"{name} must be a tensor, not {type(value).__name__}", op=op)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in the value, in the order of `leaves`, whatever else it holds."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(item)


def rebuilt(form: Any, tensors: Iterable[Tensor]) -> Any:
    """The form with these tensors, in order, in the place of its own."""
    given = iter(tensors)
    return _mapped(form, lambda _: next(given))


def _mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return type(value)._make(_mapped(item, change) for item in value)  # type: ignore[attr-defined]
    if isinstance(value, tuple | list):
        return type(value)(_mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


def outline(value: Any) -> str:
    """The form in words that an error can show: `(tensor, {'h': tensor})`."""
    if isinstance(value, tuple | list):
        inner = ", ".join(map(outline, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {outline(item)}" for key, item in value.items()) + "}"
    return "tensor" if isinstance(value, Tensor) else type(value).__name__ if value is not None else "None"
