"""What the command line works on: the program named by `FILE.py:NAME`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import types
from pathlib import Path
from typing import Any

_MODULE = "brasa_program"


class CommandError(Exception):
    """What a user of the command line did wrong, in one message."""


def load_target(name: str) -> Any:
    """The module or function that `FILE.py:NAME` names; a class is called, without arguments."""
    path, _, attribute = name.rpartition(":")
    if not path or not attribute:
        raise CommandError(f"{name!r} is not of the form FILE.py:NAME")
    program = _import_file(Path(path))
    target: Any = program
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise CommandError(
                f"{path} has no {attribute!r}; it defines {', '.join(_definitions(program)) or 'nothing'}"
            )
        target = getattr(target, part)
    if not callable(target):
        raise CommandError(f"{attribute} is of type {type(target).__name__}, not a module, a class or a function")
    return _call(target, attribute) if inspect.isclass(target) else target


def _import_file(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if not path.is_file():
        raise CommandError(f"{path}: there is no such file")
    if spec is None or spec.loader is None:
        raise CommandError(f"{path}: is not a Python file")
    program = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = program
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(program)
    except (Exception, SystemExit) as error:
        raise CommandError(f"{path} cannot be imported: {_summary(error, path)}") from error
    finally:
        sys.path.pop(0)
    return program


def _call(target: Any, name: str) -> Any:
    try:
        return target()
    except Exception as error:
        raise CommandError(f"{name}() cannot be made: {type(error).__name__}: {error}") from error


def _summary(error: BaseException, path: Path) -> str:
    """The error's class and message, and the last line of the file that it passed through."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    place = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{place}"


def _definitions(program: types.ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(program).items()
        if getattr(value, "__module__", None) == _MODULE and not name.startswith("_")
    ]
