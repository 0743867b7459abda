"""How modules print: as PyTorch prints them."""

from __future__ import annotations

from collections.abc import Iterable

_INDENT = "  "


def represent(name: str, facts: str, children: Iterable[tuple[str, str]]) -> str:
    """Name(facts), with one line for each (name, text) of the modules inside."""
    lines = facts.split("\n") if facts else []
    inner = [f"({key}): {indented(text)}" for key, text in children]
    if not inner and len(lines) <= 1:
        return f"{name}({facts})"
    return f"{name}(\n{_INDENT}" + f"\n{_INDENT}".join([*lines, *inner]) + "\n)"


def indented(text: str) -> str:
    """The text with all lines but the first moved to the right."""
    return text.replace("\n", f"\n{_INDENT}")


def runs_of(texts: Iterable[str]) -> list[tuple[str, str]]:
    """(place, text) of each run of equal texts: `(0-2): 3 x ReLU()`."""
    runs: list[tuple[int, int, str]] = []
    for index, text in enumerate(texts):
        if runs and runs[-1][2] == text:
            runs[-1] = (runs[-1][0], index, text)
        else:
            runs.append((index, index, text))
    return [
        (str(first), text) if first == last else (f"{first}-{last}", f"{last - first + 1} x {text}")
        for first, last, text in runs
    ]
