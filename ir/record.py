"""Records: small objects that are made by the thousand and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(eq_default=False, frozen_default=True)
def record(kind: type[_T]) -> type[_T]:
    """A dataclass whose instances equal themselves alone. That nobody changes one, mypy checks: when one is made, it
    would cost more than all the rest."""
    return dataclass(eq=False, repr=False, slots=True)(kind)


@dataclass_transform(frozen_default=True)
def value(kind: type[_T]) -> type[_T]:
    """As `record`, of instances that equal all others of the same contents."""
    return dataclass(unsafe_hash=True, slots=True)(kind)
