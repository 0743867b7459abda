"""Arguments of functions: which are operands, what they may be, and how they enter a signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from brasa._state import STATE
from brasa.ir.dtype import DType, float64, int64
from brasa.ir.errors import ArgumentError, DeviceError
from brasa.tensors.tensor import Tensor
from brasa.tracing.held import Held
from brasa.tracing.sizes import SymbolicSize, plain_size


class Operand(NamedTuple):
    """What a signature holds of one operand. shape: the sizes that are constants, None for those that may vary.

    ones: axes of these that are known to be of size 1, which gives way in broadcasting, whatever it meets.
    """

    dtype: DType
    rank: int
    marks: tuple[str, ...]
    device: str
    shape: tuple[int | None, ...] | None
    number: bool
    ones: tuple[int, ...] = ()


class Draw(int):
    """What a random generator gave while a program is recorded: its seed, or the number of a call.

    after: for a call, how many came before it in this run of the program.
    """

    generator: Any
    kind: str
    after: int

    def __new__(cls, value: int, generator: Any, kind: str, after: int) -> Draw:
        made = super().__new__(cls, value)
        made.generator, made.kind, made.after = generator, kind, after
        return made


class Parameter(NamedTuple):
    """A parameter of a function. default: inspect.Parameter.empty where it must be given."""

    name: str
    annotation: str
    default: Any


def parameters_of(build: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters in their order. As inspect.signature has them, without its cost at import."""
    build = inspect.unwrap(build)
    code = build.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    values = build.__defaults__ or ()
    defaults = dict(zip(names[code.co_argcount - len(values) :], values, strict=False)) | (build.__kwdefaults__ or {})
    annotations = build.__annotations__
    return tuple(
        Parameter(name, str(annotations.get(name, "")), defaults.get(name, inspect.Parameter.empty)) for name in names
    )


@cache
def takes_tensors(annotation: str) -> bool:
    """Whether a parameter is an operand: its annotation speaks of tensors or numbers that are no ints."""
    return "Tensor" in annotation or "Number" in annotation or annotation.split(" ", maxsplit=1)[0] == "float"


@cache
def accepted_kinds(annotation: str) -> frozenset[str]:
    """What a parameter takes besides tensors."""
    marks = {"number": ("Number", "float"), "none": ("None",), "sequence": ("Sequence",)}
    return frozenset(kind for kind, words in marks.items() if any(word in annotation for word in words))


def number_operand(value: int | float) -> Operand:
    """What a signature holds of a Python number."""
    return Operand(float64 if isinstance(value, float) else int64, 0, (), "cpu", (), True)


def as_number(value: Any, name: str) -> Any:
    """A Python number of what NumPy and sizes give; ArgumentError for what is no number."""
    if value.__class__ in (float, int, bool, complex) or (value.__class__ in (Draw, Held) and STATE.trace is not None):
        return value
    if isinstance(value, SymbolicSize):
        return value if STATE.trace is not None else int(value)
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        return value.item()
    if isinstance(value, Held):
        return float(value)
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return kind(value)
    raise ArgumentError(f"expected a tensor or a number, found {type(value).__name__}", op=name)


def freeze(value: Any, name: str) -> Any:
    """A static argument as a signature holds it: hashable, numbers with their types."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item, name) for item in value)
    if isinstance(value, SymbolicSize):
        return plain_size(value)
    if isinstance(value, Tensor):
        raise ArgumentError("a tensor was given where a plain value is expected", op=name)
    return (type(value), value) if isinstance(value, bool | float) else value


def in_numbers(values: Sequence[Any], is_operand: Sequence[bool]) -> list[Any]:
    """Arguments with sizes as numbers, which the trace then is for, in those that are static."""
    return [value if given else _in_numbers(value) for value, given in zip(values, is_operand, strict=True)]


def _in_numbers(value: Any) -> Any:
    if isinstance(value, SymbolicSize):
        return int(value)
    sizes = isinstance(value, tuple | list) and any(isinstance(item, SymbolicSize) for item in value)
    return tuple(map(_in_numbers, value)) if sizes else value


def require_tensors(op: str, **values: Any) -> None:
    """Raise ArgumentError, naming the argument, unless all values are tensors."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise ArgumentError(f"{name} must be a tensor, not {type(value).__name__}", op=op)


def needs_gradients(operand: Any) -> bool:
    """Whether an operand is a tensor that requires gradients."""
    return isinstance(operand, Tensor) and operand._requires_grad


def check_devices(name: str, devices: set[str]) -> None:
    """Raise DeviceError unless the operands are on one device."""
    if len(devices) > 1:
        raise DeviceError(f"tensors are on different devices, {' and '.join(sorted(devices))}", op=name)
