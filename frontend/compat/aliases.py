"""Modules under PyTorch's and torchvision's names that hold what brasa's hold, and the finder of imports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from brasa.compat.facts import FACTS
from brasa.ir.errors import BrasaError

# What the names stand for.
_ROOTS = {"torch": "brasa", "torchvision": "brasa.vision"}
# Where brasa keeps what PyTorch has in a module of another name.
_HOMES = {
    "torch.nn.modules": "brasa.nn", "torch.functional": "brasa",
    "torch.utils.data._utils.collate": "brasa.utils.data.collate", "torch.utils.data._utils": "brasa.utils.data",
    "torch.autograd.profiler": "brasa.profiler", "torchvision.transforms.transforms": "brasa.vision.transforms",
}  # fmt: skip


class Alias(ModuleType):
    """A module under PyTorch's name. What its module of brasa lacks raises an error that names what is nearest."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"brasa under the name {name}.")
        home = _home(name)
        self.__path__: list[str] = []  # so that all imports of what is inside come to the finder
        self._home = None if home is None else importlib.import_module(home)
        found = {} if self._home is None else vars(self._home)
        self.__dict__.update({key: value for key, value in found.items()
                              if not key.startswith("_") and not isinstance(value, ModuleType)})  # fmt: skip
        self.__dict__.update(FACTS.get(name, {}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        inner = f"{self.__name__}.{name}"
        if _is_module(inner):
            return importlib.import_module(inner)
        if self._home is None or not hasattr(self._home, name):
            raise AttributeError(_missing(self.__name__, name), name=name, obj=self)
        found = self.__dict__[name] = getattr(self._home, name)
        return found

    def __dir__(self) -> list[str]:
        held = set() if self._home is None else {*dir(self._home), *_parts(self._home)}
        return sorted({*vars(self), *held, *_parts_of_facts(self.__name__)})


class _Finder:
    """Finds modules under PyTorch's names; makes them, too."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """How the module of that name is made; an ImportError for one that brasa lacks."""
        if name.partition(".")[0] not in _ROOTS:
            return None
        if not _is_module(name):
            parent, _, last = name.rpartition(".")
            raise ImportError(_missing(parent, last), name=name)
        return spec_from_loader(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> Alias:
        """The module itself: it needs nothing to be executed."""
        return Alias(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: see create_module."""


_finder = _Finder()


def install() -> None:
    """Let `import torch` give brasa, and `import torchvision` brasa.vision, in this process from now on.

    So too for their modules, as `torch.nn.functional`. What brasa lacks raises an ImportError or AttributeError that
    names it and the nearest name there is. There is no GPU: `torch.cuda.is_available()` is False. BrasaError if PyTorch
    itself has been imported already.
    """
    if _finder in sys.meta_path:
        return
    if "torch" in sys.modules:
        raise BrasaError("PyTorch itself has been imported already", op="compat.install",
                         hint="call install() before the first import of torch")  # fmt: skip
    sys.meta_path.insert(0, _finder)  # type: ignore[arg-type]


def uninstall() -> None:
    """Let `import torch` give PyTorch again, or nothing; what was imported before stays what it is."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)  # type: ignore[arg-type]
    for name in [name for name, module in sys.modules.items() if isinstance(module, Alias)]:
        del sys.modules[name]


def _home(name: str) -> str | None:
    """The module of brasa that has what PyTorch has under this name."""
    root = name.partition(".")[0]
    home = _ROOTS[root] + name.removeprefix(root)
    if not _exists(home):
        home = next((other for prefix, other in _HOMES.items() if f"{name}.".startswith(f"{prefix}.")), "")
    return home if home and _exists(home) else None


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of what it would be inside of
        return False


def _is_module(name: str) -> bool:
    return name in FACTS or _home(name) is not None


def _parts(home: ModuleType) -> set[str]:
    """The modules in a package of brasa, imported or not; but for the root's, which are not all public."""
    path = getattr(home, "__path__", ()) if home.__name__ != "brasa" else ()
    return {part.name for part in iter_modules(path)}


def _parts_of_facts(name: str) -> set[str]:
    return {other.rpartition(".")[2] for other in FACTS if other.rpartition(".")[0] == name}


def _missing(module: str, name: str) -> str:
    names = [each for each in dir(importlib.import_module(module)) if not each.startswith("_")]
    nearest = get_close_matches(name, names, 1)
    return f"brasa has no {module}.{name}" + (f"; the nearest is {module}.{nearest[0]}" if nearest else "")
