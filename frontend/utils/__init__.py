"""What stands beside models: `checkpoint`, `data` and `tensorboard`."""

from importlib import import_module as _import_module
from typing import Any as _Any

from brasa.utils import checkpoint as checkpoint

_LATE = ("data", "tensorboard")  # imported when their names are first read


def __getattr__(name: str) -> _Any:
    if name in _LATE:
        return _import_module(f"brasa.utils.{name}")
    raise AttributeError(f"module 'brasa.utils' has no attribute '{name}'")
