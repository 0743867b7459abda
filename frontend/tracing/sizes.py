"""Sizes while a program is traced: names for the sizes of its inputs, what is learnt about them, and guards."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from brasa._state import STATE
from brasa.ir import dim
from brasa.ir.dim import Atom, Dim, Relation, Size
from brasa.ir.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class Guard:
    """A relation between sizes, and whether it held when the program was traced."""

    lhs: Size
    relation: Relation
    rhs: Size
    holds: bool

    def check(self, sizes: Mapping[str, int]) -> bool:
        """Whether the relation comes out the same at these sizes."""
        lhs, rhs = dim.evaluate(self.lhs, sizes), dim.evaluate(self.rhs, sizes)
        return (lhs == rhs if self.relation == "==" else lhs <= rhs) is self.holds

    def __str__(self) -> str:
        sign = self.relation if self.holds else {"==": "!=", "<=": ">"}[self.relation]
        return f"{self.lhs} {sign} {self.rhs}"


class SizeScope:
    """The named sizes of one trace (the `Solver` of brasa.ir.dim): their values at this call decide, guards remember.

    An equality that holds makes its names one: `known` maps a name to the size that it turned out to be, in the whole
    graph. Where the names must stay open, as those of the height below `h//2//2 == 8`, `facts` maps the quotient to
    its size instead: types still say `h//2//2`, so whoever relies on the fact narrows values to it (Trace.narrowed).
    runs_anew: whether code that asks for sizes does so at every call, so that a Python number made of them is an
    operand of what it enters; asked: whether code has been told a size in that way.
    """

    runs_anew = asked = False

    def __init__(self) -> None:
        self.hints: dict[str, int] = {}
        self.known: dict[str, Size] = {}
        self.facts: dict[Atom, Size] = {}
        self.guards: list[Guard] = []
        self.ones: dict[str, Size] = {}  # 1 for each name of a size that is 1 at every call

    def name(self, name: str, hint: int, is_one: bool = False) -> Size:
        """A new named size that is `hint` at this call. is_one: at every call, and that is 1."""
        self.hints[name] = hint
        if is_one:
            self.ones[name] = 1
        return dim.symbol(name)

    def is_one(self, size: Size) -> bool:
        """Whether a named size is 1 at every call."""
        return size.__class__ is not int and dim.substitute(self.resolve(size), self.ones) == 1

    def is_nothing(self, sizes: Sequence[Size]) -> bool:
        """Whether one of these named sizes is 0 at this call, which is then decided."""
        named = (size for size in map(self.resolve, sizes) if not isinstance(size, int))
        return any(self.hint(size) == 0 and self.decide(size, "==", 0) for size in named)

    def ones_among(
        self, sizes: Sequence[Size], is_written: bool
    ) -> tuple[tuple[int | None, ...] | None, tuple[int, ...]]:
        """(which of an operand's sizes are constants, its axes of size 1), as a signature has them.

        is_written: whether a 1 was written by a function, so that it is 1 whatever that is called with.
        """
        written = [size == 1 and is_written for size in sizes]
        ones = [axis for axis, size in enumerate(sizes) if not written[axis] and (size == 1 or self.is_one(size))]
        return tuple([1 if each else None for each in written]) if any(written) else None, tuple(ones)

    def resolve(self, size: Size) -> Size:
        """The size in terms of the names that are still free."""
        if size.__class__ is int:
            return size
        size = dim.substitute(size, self.known) if self.known else size
        return dim.replace_atoms(size, self.facts) if self.facts else size

    def hint(self, size: Size) -> int:
        """The size at this call."""
        return dim.evaluate(size, self.hints)

    def decide(self, lhs: Size, relation: Relation, rhs: Size, narrows: bool = False) -> bool:
        """Whether the relation holds. narrows: who asks narrows the values of these sizes, so that names stay open."""
        lhs, rhs = self.resolve(lhs), self.resolve(rhs)
        gap = rhs - lhs
        if isinstance(gap, int):
            return gap == 0 if relation == "==" else gap >= 0
        left, right = self.hint(lhs), self.hint(rhs)
        holds = left == right if relation == "==" else left <= right
        equal = relation == "==" and holds
        if equal and narrows:
            self._agree(lhs, rhs)
            return True
        if equal or not isinstance(dim.substitute(gap, self.ones), int):  # what else is given at every call is no guard
            self.guards.append(Guard(lhs, relation, rhs, holds))
        if equal:
            self._unify(lhs, rhs)
        return holds

    def _unify(self, lhs: Size, rhs: Size) -> None:
        if not self._rename(lhs, rhs):
            for name in {*dim.symbols(lhs), *dim.symbols(rhs)}:
                self.fix(dim.symbol(name))

    def _rename(self, lhs: Size, rhs: Size) -> bool:
        """Take a name for what it has to be, if one of the two is a name that the other does not speak of.

        Or if there is one in a sum: past+1 == length+1 makes length another name for past.
        """
        for name_side, other in ((rhs, lhs), (lhs, rhs)):
            if isinstance(name_side, Dim) and name_side.is_symbol and str(name_side) not in dim.symbols(other):
                self._learn(str(name_side), other)
                return True
        gap = rhs - lhs
        for monomial, factor in gap.terms if isinstance(gap, Dim) else ():
            if len(monomial) == 1 and isinstance(monomial[0], str) and abs(factor) == 1:
                rest = gap - dim.symbol(monomial[0]) * factor
                if monomial[0] not in dim.symbols(rest):
                    self._learn(monomial[0], rest * -factor)
                    return True
        return False

    def _agree(self, lhs: Size, rhs: Size) -> None:
        """Take the sizes for equal, and no more names for fixed than that needs."""
        for one, other in ((lhs, rhs), (rhs, lhs)):
            atom = dim.atom_of(one)
            if atom is not None and dim.replace_atoms(other, {atom: other}) == other:
                self.guards.append(Guard(lhs, "==", rhs, True))
                if not self._rename(lhs, rhs):
                    self._note(atom, other)
                return
        for atom in dict.fromkeys((*dim.atoms(lhs), *dim.atoms(rhs))):
            left, right = (dim.divide_exactly(side, dim.symbol(atom)) for side in (lhs, rhs))
            if left is not None and right is not None and self.hint(left) == self.hint(right):
                self.decide(left, "==", right, narrows=True)
                return
        if self._rename(lhs, rhs):
            self.guards.append(Guard(lhs, "==", rhs, True))
            return
        for atom in dict.fromkeys((*dim.atoms(lhs), *dim.atoms(rhs))):
            self.fix(dim.symbol(atom), narrows=True)

    def _learn(self, name: str, size: Size) -> None:
        self.known = {key: dim.substitute(value, {name: size}) for key, value in self.known.items()}
        self.known[name] = size
        self._note_again({name: size})

    def _note(self, atom: Atom, size: Size) -> None:
        self._note_again({atom: size})
        self.facts[atom] = size

    def _note_again(self, news: Mapping[Atom, Size]) -> None:
        """Say all facts in the words of today; one that has no such words is forgotten, its guard remains."""
        for before, size in list(self.facts.items()):
            del self.facts[before]
            atom = dim.atom_of(dim.replace_atoms(dim.symbol(before), news))
            if atom is not None:
                self.facts[atom] = dim.replace_atoms(size, news)

    def fix(self, size: Size, narrows: bool = False) -> int:
        """The size at this call, from now on a constant. narrows: as in decide."""
        size = self.resolve(size)
        if isinstance(size, int):
            return size
        value, atom = self.hint(size), dim.atom_of(size)
        self.guards.append(Guard(size, "==", value, True))
        if isinstance(atom, str):
            self._learn(atom, value)
        elif atom is not None and narrows:
            self._note(atom, value)
        return value

    def read(self, size: Size) -> int:
        """The size at this call, for arithmetic of Python's: it is constant only if the code does not run anew."""
        if not self.runs_anew:
            return self.fix(size)
        self.asked = True
        return self.hint(self.resolve(size))

    def end(self) -> None:
        """The trace is left: sizes that Python still holds are those of this call."""
        self.known, self.facts = dict(self.hints), {}

    def same_elements(self, shape: tuple[Size, ...], other: tuple[Size, ...]) -> bool:
        """Whether two shapes are known to have as many elements; where not, it is decided, which may tell sizes."""
        elements, wanted = _elements(shape), _elements(other)
        if elements == wanted:
            return True
        self.decide(elements, "==", wanted, narrows=True)
        return False

    def divided(self, shape: Sequence[Size], factor: Size) -> tuple[Size, Size]:
        """(elements of the shape, factor), of which the second divides the first, if it does at this call at all.

        For that the fewest neighbouring sizes that multiply to the factor are fixed, the last ones first; the others
        stay open. Where there are none, everything is fixed.
        """
        total = self.resolve(dim.product(shape))
        if factor == 0 or dim.divide_exactly(total, factor) is not None:
            return total, factor
        wanted, sizes = self.hint(factor), [self.hint(size) for size in shape]
        runs = [(i, j) for j in range(len(shape), 0, -1) for i in range(j - 1, -1, -1)]
        first, last = next((run for run in runs if math.prod(sizes[slice(*run)]) == wanted), (0, len(shape)))
        atoms = (atom for size in (*shape[first:last], factor) for atom in dim.atoms(self.resolve(size)))
        for atom in dict.fromkeys(atoms):
            self.fix(dim.symbol(atom), narrows=True)
        return self.resolve(total), self.resolve(factor)


@cache
def _elements(shape: tuple[Size, ...]) -> Size:
    return dim.product(shape)


class SymbolicSize:
    """A size as Python code sees it while a program is traced: arithmetic stays symbolic, a comparison is a guard.

    What needs a whole number (int(), indexing) fixes it: the trace is then for that size alone. What is made of it as
    a float is a number like any other of Python's (SizeScope.read).
    """

    __slots__ = ("scope", "size")

    def __init__(self, size: Dim, scope: SizeScope) -> None:
        self.size, self.scope = size, scope

    def __index__(self) -> int:
        return self.scope.fix(self.size)

    def now(self) -> int:
        """The size at this call, for what is made anew at each call."""
        return self.scope.hint(self.scope.resolve(self.size))

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.scope.read(self.size))

    def __bool__(self) -> bool:
        return not self.scope.decide(self.size, "==", 0)

    def __hash__(self) -> int:
        return hash(self.__index__())

    def __repr__(self) -> str:
        return str(self.scope.resolve(self.size))

    def __format__(self, spec: str) -> str:
        return format(self.scope.read(self.size), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | SymbolicSize) and self.scope.decide(self.size, "==", plain_size(other))

    def __le__(self, other: Any) -> bool:
        return self.scope.decide(self.size, "<=", plain_size(other))

    def __lt__(self, other: Any) -> bool:
        return self.scope.decide(self.size + 1, "<=", plain_size(other))

    def __ge__(self, other: Any) -> bool:
        return self.scope.decide(plain_size(other), "<=", self.size)

    def __gt__(self, other: Any) -> bool:
        return self.scope.decide(plain_size(other) + 1, "<=", self.size)

    def __neg__(self) -> Any:
        return python_size(-self.size, self.scope)

    def __truediv__(self, other: Any) -> float:
        return self.scope.read(self.size) / other if isinstance(other, _NUMBERS) else NotImplemented

    def __rtruediv__(self, other: Any) -> float:
        return other / self.scope.read(self.size) if isinstance(other, _NUMBERS) else NotImplemented

    def __pow__(self, other: Any) -> Any:
        if other.__class__ is int and 0 <= other <= _POWERS:
            return python_size(dim.product((self.size,) * other), self.scope)
        return self.scope.read(self.size) ** other if isinstance(other, _NUMBERS) else NotImplemented

    def __rpow__(self, other: Any) -> Any:
        return other ** self.scope.read(self.size) if isinstance(other, _NUMBERS) else NotImplemented


_NUMBERS = (int, float, complex, SymbolicSize)
_POWERS = 4  # that are written as products


def _arithmetic(function: Callable[[Any, Any], Any], swap: bool) -> Callable[[SymbolicSize, Any], Any]:
    def method(self: SymbolicSize, other: Any) -> Any:
        if isinstance(other, float):
            number = self.scope.read(self.size)
            return function(other, number) if swap else function(number, other)
        if not isinstance(other, int | SymbolicSize):
            return NotImplemented
        lhs, rhs = self.size, plain_size(other)
        return python_size(function(rhs, lhs) if swap else function(lhs, rhs), self.scope)

    return method


for _name, _function in (
    ("add", operator.add), ("sub", operator.sub), ("mul", operator.mul),
    ("floordiv", operator.floordiv), ("mod", operator.mod),
):  # fmt: skip
    setattr(SymbolicSize, f"__{_name}__", _arithmetic(_function, swap=False))
    setattr(SymbolicSize, f"__r{_name}__", _arithmetic(_function, swap=True))


def plain_size(size: Any) -> Size:
    """The IR's form of a size that Python code gives."""
    if isinstance(size, SymbolicSize):
        return size.scope.resolve(size.size)
    return size if isinstance(size, Dim) else operator.index(size)


def inferred_sizes(have: Sequence[Size], shape: tuple[Any, ...], op: str) -> tuple[Size, ...]:
    """The shape, with -1 worked out, of a tensor in other sizes; equal factors are cancelled before one divides."""
    sizes = [plain_size(size) for size in shape]
    unknown = [i for i, size in enumerate(sizes) if size == -1]
    if len(unknown) > 1:
        raise ShapeError("only one size can be -1", op=op)
    if unknown:
        known = dim.product(size for size in sizes if size != -1)
        total = dim.product(have)
        if STATE.trace is not None:
            total, known = STATE.trace.scope.divided(have, known)
            if STATE.trace.scope.decide(known, "==", 0):
                known = 0
        quotient = None if known == 0 else dim.divide_exactly(total, known)
        if quotient is None:
            raise ShapeError(f"{total} elements do not divide into [{','.join(map(str, shape))}]", op=op)
        sizes[unknown[0]] = quotient
    return tuple(sizes)


def python_size(size: Size, scope: SizeScope) -> Any:
    """The form in which Python code sees a size."""
    size = size if size.__class__ is int else scope.resolve(size)
    return size if size.__class__ is int else SymbolicSize(size, scope)


NOTHING_GIVEN: Mapping[str, Any] = MappingProxyType({})


def flatten_sizes(
    sizes: Sequence[Any], op: str, given: Mapping[str, Any] = NOTHING_GIVEN, name: str = ""
) -> tuple[Any, ...]:
    """Sizes given as several arguments, as one sequence, or as the one keyword that there is."""
    for key, value in given.items() if given else ():
        if key != name:
            raise ArgumentError(f"got an unexpected keyword argument '{key}'", op=op)
        sizes = (value,)
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = sizes[0]
    for size in sizes:
        if size.__class__ is not int and not isinstance(size, int | SymbolicSize) and not hasattr(size, "__index__"):
            raise ArgumentError(f"a size must be an int, not {type(size).__name__}", op=op)
    return tuple(sizes)
