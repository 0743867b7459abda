"""What docs/coming-from-pytorch.md compares: programs that PyTorch answers otherwise, names that only PyTorch has."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import brasa
from docs.site.names import public_modules

_TABLE = re.compile(r"(?<=<!-- differs -->\n)((?:\|.*\n)+)")
_ROW = re.compile(r"^\| `(?P<program>.*?)` \| (?P<theirs>.*?) ?\| (?P<ours>.*?) ?\|$", re.MULTILINE)
START, END = "<!-- missing names -->\n", "<!-- the end of the missing names -->"


def outcome(program: str, module: ModuleType) -> str:
    """What the last statement of a program gives with a module under the name torch, or what it raises, for a table."""
    *statements, last = program.split("; ")
    names: dict[str, Any] = {"torch": module}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(statements), names)
            found = eval(last, names)
    except (RuntimeError, TypeError, AttributeError, AssertionError, NameError) as error:
        return f"raises `{type(error).__name__}`"
    finally:
        module.autograd.set_detect_anomaly(False)
    return f"`{found.tolist() if hasattr(found, 'tolist') else found!r}`"


def retable(document: str, theirs: ModuleType | None) -> str:
    """The document with the cells of its tables made anew; PyTorch's only where it is given."""

    def row(match: re.Match[str]) -> str:
        program = match["program"]
        other = match["theirs"] if theirs is None else outcome(program, theirs)
        return f"| `{program}` | {other} | {outcome(program, brasa)} |"

    return _TABLE.sub(lambda table: _ROW.sub(row, table[0]), document)


def relist(document: str, theirs: ModuleType) -> str:
    """The document with its list of missing names made anew."""
    before, after = document.split(START, maxsplit=1)[0], document.split(END)[1]
    lines = [f"- `{name}`: {', '.join(f'`{each}`' for each in names)}" for name, names in missing(theirs) if names]
    modules = sorted(
        part.name
        for part in pkgutil.iter_modules(theirs.__path__)
        if not part.name.startswith("_") and not hasattr(brasa, part.name)
    )
    lines.append(f"- whole modules of `torch`: {', '.join(f'`{each}`' for each in modules)}")
    return f"{before}{START}\n" + "\n".join(lines) + f"\n\n{END}{after}"


def missing(theirs: ModuleType) -> Iterator[tuple[str, list[str]]]:
    """(what has them, names) of PyTorch that brasa lacks, for each public module and for the largest classes."""
    for ours in public_modules(brasa):
        name = ours.__name__.replace("brasa", theirs.__name__, 1)
        if name != "torch.utils.tensorboard" and (other := _imported(name)) is not None:  # which wants more installed
            around = importlib.import_module(ours.__name__.rpartition(".")[0] or "brasa")
            yield name, [each for each in _public(other) if not (hasattr(ours, each) or hasattr(around, each))]
    for holder in ("Tensor", "nn.Module", "optim.Optimizer"):
        ours, other = (eval(f"module.{holder}", {"module": module}) for module in (brasa, theirs))
        yield f"{theirs.__name__}.{holder}", [each for each in _visible(dir(other)) if not hasattr(ours, each)]


def _imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:  # brasa has modules of its own
        return None


def _public(module: ModuleType) -> list[str]:
    """The functions, classes and dtypes that a module of PyTorch shows."""
    names = getattr(module, "__all__", None) or dir(module)
    return [name for name in _visible(names) if _is_theirs(getattr(module, name, None))]


def _visible(names: Any) -> list[str]:
    return sorted({name for name in names if not name.startswith("_")}, key=lambda name: (name.lower(), name))


def _is_theirs(value: Any) -> bool:
    if type(value).__name__ == "dtype":
        return True
    home = getattr(value, "__module__", None) or "torch"
    if not callable(value) or not home.startswith("torch"):
        return False
    return not (inspect.isclass(value) and (home in ("torch", "torch._C") or home.startswith("torch.types")))
