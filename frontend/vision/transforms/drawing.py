"""Numbers that transforms draw from the default generator."""

from __future__ import annotations

from brasa.functions.sampling import rand, randint, randperm


def uniform(low: float, high: float) -> float:
    """A number between the two."""
    return low + (high - low) * float(rand(1).item())


def below(count: int) -> int:
    """One of 0, 1, ..., count - 1."""
    return int(randint(0, count, (1,)).item())


def order(count: int) -> list[int]:
    """0, 1, ..., count - 1 in any order."""
    return list(randperm(count).tolist())
