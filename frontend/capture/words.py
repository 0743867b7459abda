"""What happens in a captured program, in a user's words: arguments, sizes, steps."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from brasa.ir import dim
from brasa.tracing.sizes import Guard

_SIZES_TRIED = 512


def readable(text: str) -> str:
    """Sizes in the words of Python: x_0 as x.shape[0]."""
    return re.sub(r"\b([A-Za-z]\w*)_(\d+)\b", r"\1.shape[\2]", text)


def constraints(guards: Iterable[Guard]) -> tuple[str, ...]:
    """What the guards ask of sizes: those on one size solved for it, two that are equal as squares, others as said."""
    alone: dict[str, list[Guard]] = {}
    together: dict[str, None] = {}
    squares: dict[
        str, str
    ] = {}  # the second of two sizes that are equal to the first, which is that of the axis before
    for guard in guards:
        match set(dim.symbols(guard.lhs)) | set(dim.symbols(guard.rhs)):
            case names if len(names) == 1:
                alone.setdefault(names.pop(), []).append(guard)
            case names if (pair := _square(guard)) is not None:
                squares[pair[1]] = pair[0]
            case _:
                together[readable(str(guard))] = None
    shown = [
        _said_of_square(side, [*alone.pop(side, ()), *alone.pop(other, ())], {side, other})
        for other, side in squares.items()
    ]
    return tuple(filter(None, [*(_solved(name, its) for name, its in alone.items()), *shown, *together]))


def _square(guard: Guard) -> tuple[str, str] | None:
    """The names of height and width where the guard says that they are equal, or those of a matrix's sides."""
    if not guard.holds or guard.relation != "==":
        return None
    (first, axis), (second, other) = sorted(str(size).rpartition("_")[::2] for size in (guard.lhs, guard.rhs))
    return (f"{first}_{axis}", f"{second}_{other}") if first == second and (axis, other) in _SQUARES else None


_SQUARES = {("0", "1"): "matrices", ("2", "3"): "images"}


def _said_of_square(side: str, guards: Sequence[Guard], names: Collection[str]) -> str:
    """`x takes square images of 32..35`."""
    argument, _, axis = side.rpartition("_")
    text = f"{argument} takes square {next(what for (first, _), what in _SQUARES.items() if first == axis)}"
    fitting = _fitting(names, guards)
    if not fitting:
        return readable(" and ".join(dict.fromkeys((text, *map(str, guards)))))
    first, last = fitting
    if last == _SIZES_TRIED - 1:
        return f"{text} of {first} or more" if first else text
    return f"{text} of {first}..{last}" if first < last else f"{text} of {first}"


def _fitting(names: Collection[str], guards: Sequence[Guard]) -> tuple[int, int] | None:
    """The first and the last of the sizes that are tried at which all guards hold; None if there are gaps."""
    fitting = [size for size in range(_SIZES_TRIED) if all(guard.check(dict.fromkeys(names, size)) for guard in guards)]
    gaps = not fitting or len(fitting) != fitting[-1] - fitting[0] + 1
    return None if gaps else (fitting[0], fitting[-1])


def _solved(name: str, guards: Sequence[Guard]) -> str:
    """The sizes at which all guards hold."""
    fitting = _fitting([name], guards)
    if fitting is None:
        return readable(" and ".join(dict.fromkeys(map(str, guards))))
    (first, last), size = fitting, readable(name)
    if first == last:
        return f"{size} == {first}"
    if last == _SIZES_TRIED - 1:
        return f"{size} >= {first}" if first else ""
    return f"{first} <= {size} <= {last}" if first else f"{size} <= {last}"


def argument_names(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[int, str]:
    """The names of a call's arguments, by id; of what lies in containers by the way to it."""
    names: dict[int, str] = {}
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):  # there is no signature, or the call itself will fail
        return names

    def visit(value: Any, name: str) -> None:
        if isinstance(value, list | tuple):
            for place, item in enumerate(value):
                visit(item, f"{name}_{place}")
        elif isinstance(value, dict):
            for key, item in value.items():
                visit(item, f"{name}_{re.sub('[^A-Za-z]', '', str(key))}")
        else:
            names.setdefault(id(value), name)

    for name, value in bound.arguments.items():
        visit(value, name)
    return names


def describe_turn(where: str, came: tuple[Any, ...], known: Mapping[tuple[Any, ...], Iterable[Any]]) -> str:
    """Why a call leaves the steps that are known: what came, and what had come until then."""
    if came in known:
        failed = [str(guard) for step in known[came] for guard in step.guards]
        return f"{where}: {readable(' and '.join(dict.fromkeys(failed)))} does not hold"
    had = " or ".join(dict.fromkeys(map(_describe_step, known)))
    return f"{where}: {_describe_step(came)} where there was {had}"


def _describe_step(key: tuple[Any, ...]) -> str:
    match key:
        case ("tensor", dtype, rank, _, _, shape, requires_grad):
            sizes = ", ".join(map(str, shape)) if shape is not None else ", ".join("?" * rank)
            return f"a tensor {dtype.name}[{sizes}]" + (" that requires a gradient" if requires_grad else "")
        case ("number", dtype):
            return f"a Python {'int' if dtype.kind == 'int' else 'float'}"
        case ("size", size):
            return readable(f"the number {size}")
        case ("decide", lhs, relation, rhs, holds):
            return readable(str(Guard(lhs, relation, rhs, holds)))
        case ("fix", size, value):
            return readable(f"{size} == {value}")
        case ("leaves" | "behind" | "gradient", *_):
            return "backward()"
        case ("used", *_):
            return "autograd.grad()"
        case ("part", *_):
            return "an index of a tensor"
        case ("custom", *_):
            return "a function of your own"
        case ("written" | "aside" | "again", *_):
            return "a write in place"
        case ("record", op, *_):
            return str(op.name)
    return f"{key[0].name}()"
