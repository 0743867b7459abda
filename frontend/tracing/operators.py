"""The public functions of tensors: each is registered once, with the forms that users may call it in."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from brasa.ir.errors import ArgumentError, BrasaError
from brasa.tensors.inplace import write_out
from brasa.tracing.arguments import require_tensors
from brasa.tracing.casting import autocasting, plain

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
_INNER: dict[Any, Any] = {}  # what users call, to the function below it
_PLAIN: dict[Any, Any] = {}  # that to what it is of two arguments alone


def operator(
    *, method: bool = False, in_place: bool = False, out: bool = False, creates: bool = False, namespace: str = "",
    aliases: Sequence[str] = (), plainly: Callable[..., Any] | None = None,
) -> Callable[[_C], _C]:  # fmt: skip
    """Register a public function under its own name and its aliases, in a namespace of `brasa`, with these forms.

    creates: it makes a tensor of nothing; given `out` and no dtype, one of the dtype of `out`. plainly: what it is of
    its first two arguments alone, if it takes others.
    """

    def register(call: _C) -> _C:
        known = call in _INNER  # a function in two namespaces has one public face
        below = _INNER[call] if known else autocasting(call, namespace)
        if not known and plainly is not None:
            _PLAIN[below] = plainly
        for name in (call.__name__.rstrip("_"), *aliases):
            qualified = f"{namespace}.{name}" if namespace else name
            OPERATORS[qualified] = Operator(qualified, below, method, in_place, out)
        if known:
            return call
        if not out and hasattr(below, "function"):  # compiled ones look at their arguments themselves
            return below
        return _public(below, "linalg." if namespace == "linalg" else "", out, creates)

    return register


def pair_way(call: Callable[..., Any], others: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """What a public function is of a tensor and another one or a number; of what is neither, `others` is asked."""
    below = _INNER.get(call, call)
    ways = getattr(_PLAIN.get(below, below), "pair_way", None)
    return others if ways is None else functools.wraps(others)(ways(others))


def _public(function: _C, prefix: str, takes_out: bool, creates: bool) -> _C:
    """The function as users call it: with a keyword `out`, and errors that name the argument that is no tensor.

    out: a tensor, or one for each result, that takes the result.
    """
    name = prefix + function.__name__.rstrip("_")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if kwargs and takes_out else None
        if creates and out is not None:
            kwargs.setdefault("dtype", out.dtype)
        try:
            if out is None:
                return function(*args, **kwargs)
            return write_out(name, out, plain(function)(*args, **kwargs))
        except (AttributeError, TypeError) as error:
            if isinstance(error, BrasaError):
                raise
            _check_call(function, name, args, kwargs)
            raise

    ways = getattr(function, "short_way", None)
    face = call if ways is None else functools.wraps(function)(ways(lambda args, kwargs: call(*args, **kwargs)))
    _INNER[face] = function
    return face  # type: ignore[no-any-return]


def _check_call(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise ArgumentError if arguments are missing or unknown, or no tensors where tensors are expected."""
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ArgumentError(str(error), op=name) from None
    for key, value in given.items():
        parameter = signature.parameters[key]
        kinds = str(parameter.annotation).split(" | ")
        if not {*kinds} <= {"Tensor", "Sequence[Tensor]", "None"}:
            continue
        several = parameter.kind is inspect.Parameter.VAR_POSITIONAL
        for item in value if several else (value,):
            inner = item if "Sequence[Tensor]" in kinds and isinstance(item, tuple | list) else (item,)
            for each in inner:
                if each is not None or "None" not in kinds:
                    require_tensors(name, **{key: each})
