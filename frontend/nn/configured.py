"""Layers that are a function with options, and have no parameters."""

from __future__ import annotations

from brasa.nn.module import Module


class Configured(Module):
    """A layer whose options are its attributes. shown: those that are printed, `inplace` only where it is set."""

    shown: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        facts = [f"{name}={getattr(self, name)}" for name in self.shown]
        if getattr(self, "inplace", False) and "inplace" not in self.shown:
            facts.append("inplace=True")
        return ", ".join(facts)


class InPlace(Configured):
    """A layer that may write to its input's memory."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace
