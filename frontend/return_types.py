"""What functions with several results give: named tuples, which print as PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_K = TypeVar("_K", bound=type)


def returned_by(function: str) -> Callable[[_K], _K]:
    """Let a class of named tuples be known here, and print, by the name of the function that gives them."""

    def register(kind: _K) -> _K:
        def represent(self: Any) -> str:
            fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"brasa.return_types.{function}(\n{fields})"

        kind.__repr__ = represent  # type: ignore[assignment]
        globals()[function] = kind
        return kind

    return register


def also_returned_by(function: str, kind: type) -> Any:
    """A class with the same fields, for another function."""
    return returned_by(function)(type(function, (kind,), {"__slots__": (), "__module__": __name__}))
