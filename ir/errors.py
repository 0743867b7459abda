"""Every error that brasa raises on purpose, and the one form in which all of them speak."""

from __future__ import annotations

import builtins
from dataclasses import dataclass


@dataclass(frozen=True)
class Operand:
    """One line of an error: an operand by name, with its type, what it is, and where it was made."""

    name: str
    type: str
    origin: str = ""
    where: str = ""

    def placed(self, origin: str, where: str) -> Operand:
        """The same operand, said to be and to come from something else."""
        return Operand(self.name, self.type, origin, where)


class BrasaError(RuntimeError):
    """The root of brasa's errors: an op, a fact, the operands with their types and origins, and a checked hint."""

    def __init__(self, fact: str, *, op: str = "", operands: tuple[Operand, ...] = (), hint: str = "") -> None:
        super().__init__(fact)
        self.fact, self.op, self.operands, self.hint = fact, op, operands, hint

    def __str__(self) -> str:
        lines = [f"{self.op}: {self.fact}" if self.op else self.fact]
        rows = [(operand.name, operand.type, operand.origin, operand.where) for operand in self.operands]
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width]
            lines.append(("  " + "  ".join(cells)).rstrip())
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class ShapeError(BrasaError, ValueError):
    """Shapes that an op cannot take together."""


class DTypeError(BrasaError, TypeError):
    """Element types that an op cannot take."""


class DeviceError(BrasaError):
    """Operands on different devices, or a device that does not exist."""


class IndexError(BrasaError, builtins.IndexError):
    """An index or an axis outside its bounds."""


class ArgumentError(BrasaError, TypeError):
    """An argument of a kind that a function does not take."""


class ValueError(BrasaError, builtins.ValueError):
    """An argument with a value that a function does not take."""


class LinAlgError(BrasaError):
    """A matrix without the factors that were asked for, or for which an iteration does not converge."""


class GraphError(BrasaError):
    """A graph that breaks a rule of the IR: always a bug in the pass or the text that made it."""


class ParseError(BrasaError, builtins.ValueError):
    """Text that is not a graph: with line, column and the place marked."""


class GradientError(BrasaError):
    """A backward pass that cannot be run: no graph, a freed graph, a value changed since it was saved."""


class OutOfMemoryError(BrasaError, MemoryError):
    """Memory that the machine does not have."""


class AttributeError(BrasaError, builtins.AttributeError):
    """An attribute that an object does not have, or does not have yet."""


class NotImplementedError(BrasaError, builtins.NotImplementedError):
    """A method that a subclass has to define."""
