"""The public functions of tensors: each is registered once, with the forms that users may call it in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from brasa.casting import autocasting, plain
from brasa.inplace import write_out

_C = TypeVar("_C", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operator:
    """One public function.

    name: with its namespace, as "add", "linalg.inv" or "nn.functional.relu".
    call: the function itself, which knows nothing of `out`.
    method, in_place, out: whether Tensor has it as a method `x.name()` and as `x.name_()`, and whether it takes `out=`.
    """

    name: str
    call: Callable[..., Any]
    method: bool
    in_place: bool
    out: bool


OPERATORS: dict[str, Operator] = {}


def operator(
    *, method: bool = False, in_place: bool = False, out: bool = False, creates: bool = False, namespace: str = "",
    aliases: Sequence[str] = (),
) -> Callable[[_C], _C]:  # fmt: skip
    """Register a public function under its own name and its aliases, in a namespace of `brasa`, with these forms.

    creates: it makes a tensor of nothing; given `out` and no dtype, one of the dtype of `out`.
    """

    def register(call: _C) -> _C:
        call = autocasting(call)
        for name in (call.__name__.rstrip("_"), *aliases):
            qualified = f"{namespace}.{name}" if namespace else name
            OPERATORS[qualified] = Operator(qualified, call, method, in_place, out)
        return _with_out(call, creates) if out else call

    return register


def _with_out(function: _C, creates: bool) -> _C:
    """The function, with a keyword `out`: a tensor, or one for each result, that takes the result."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return function(*args)
        out = kwargs.pop("out", None)
        if out is None:
            return function(*args, **kwargs)
        if creates:
            kwargs.setdefault("dtype", out.dtype)
        return write_out(function.__name__.rstrip("_"), out, plain(function)(*args, **kwargs))

    return call  # type: ignore[return-value]
