"""What stands beside models: `checkpoint`; `data`; and `tensorboard`, which is imported by its own name."""

from importlib import import_module as _import_module
from typing import Any as _Any

from brasa.utils import checkpoint as checkpoint


def __getattr__(name: str) -> _Any:
    if name == "data":  # imported when it is first used
        return _import_module("brasa.utils.data")
    raise AttributeError(f"module 'brasa.utils' has no attribute '{name}'")
