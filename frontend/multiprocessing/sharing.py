"""The names of PyTorch's ways of sharing memory; here there is one, which needs no choosing."""

from __future__ import annotations

from brasa.ir.errors import ValueError

_ONLY = "file_descriptor"
_KNOWN = (_ONLY, "file_system")


def get_all_sharing_strategies() -> set[str]:
    """The ways there are: memory is an open file without a name, which no crash can leave behind."""
    return {_ONLY}


def get_sharing_strategy() -> str:
    """The way in use."""
    return _ONLY


def set_sharing_strategy(new_strategy: str) -> None:
    """Take note of one of PyTorch's ways. Either may be asked for, and both mean the one that there is."""
    if new_strategy not in _KNOWN:
        raise ValueError(f"a strategy is one of {', '.join(_KNOWN)}, not {new_strategy!r}", op="set_sharing_strategy")
