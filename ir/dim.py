"""Symbolic sizes: integer polynomials over named sizes, with floor division, remainder, minimum and maximum.

A size is an `int` or a `Dim`. Equality is equality of normal forms, so `n*4 == n+n+n+n`, and nothing that needs a
proof beyond algebra is ever assumed. All named sizes are integers >= 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from threading import local
from typing import Any, Literal, Protocol, TypeAlias

Size: TypeAlias = "int | Dim"
Atom: TypeAlias = "str | Compound"
Monomial: TypeAlias = tuple[Atom, ...]
Relation: TypeAlias = Literal["==", "<="]
_REMEMBERED = 1 << 14  # results of arithmetic: programs ask for the same ones all the time


@dataclass(frozen=True)
class Compound:
    """An atom that algebra does not look into: `a // b`, `a % b`, `min(a, b)` or `max(a, b)`."""

    function: str
    lhs: Size
    rhs: Size

    def __str__(self) -> str:
        if self.function in ("min", "max"):
            return f"{self.function}({self.lhs}, {self.rhs})"
        return f"{_wrapped(self.lhs)}{self.function}{_wrapped(self.rhs)}"

    __repr__ = __str__


def _wrapped(size: Size) -> str:
    return str(size) if (size >= 0 if isinstance(size, int) else size.is_symbol) else f"({size})"


@lru_cache(maxsize=_REMEMBERED)
def _key(monomial: Monomial) -> tuple[int, tuple[str, ...]]:
    return -len(monomial), tuple(str(atom) for atom in monomial)


@dataclass(frozen=True, eq=False, repr=False)
class Dim:
    """A size that is not a constant: a sum of monomials with integer coefficients, in normal form.

    Its text, hash and names are kept: compounds hold sizes that hold compounds, and all are asked for all the time.
    """

    terms: tuple[tuple[Monomial, int], ...]

    @property
    def is_symbol(self) -> bool:
        """Whether this is one named size alone."""
        return isinstance(atom_of(self), str)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dim) and self.terms == other.terms)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Dim, (self.terms,)  # hashes are others in each process

    @cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    @cached_property
    def _atom(self) -> Atom | None:
        monomial, factor = self.terms[0]
        return monomial[0] if len(self.terms) == len(monomial) == factor == 1 else None

    @cached_property
    def _names(self) -> tuple[str, ...]:
        names = ((atom,) if isinstance(atom, str) else (*symbols(atom.lhs), *symbols(atom.rhs)) for atom in atoms(self))
        return tuple(dict.fromkeys(chain.from_iterable(names)))

    def __add__(self, other: Size) -> Size:
        return _combined(self, 1, other)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return _combined(0, -1, self)

    def __sub__(self, other: Size) -> Size:
        return _combined(self, -1, other)

    def __rsub__(self, other: Size) -> Size:
        return _combined(other, -1, self)

    def __mul__(self, other: Size) -> Size:
        return _multiplied(self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        return floor_divide(self, other)

    def __rfloordiv__(self, other: Size) -> Size:
        return floor_divide(other, self)

    def __mod__(self, other: Size) -> Size:
        return remainder(self, other)

    def __rmod__(self, other: Size) -> Size:
        return remainder(other, self)

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        text = ""
        for monomial, factor in self.terms:
            sign = "-" if factor < 0 else "+" if text else ""
            single = len(monomial) == 1 and abs(factor) == 1
            atoms = "*".join(
                str(atom) if single or isinstance(atom, str) or atom.function in ("min", "max") else f"({atom})"
                for atom in monomial
            )
            scale = str(abs(factor)) if not monomial else "" if abs(factor) == 1 else f"*{abs(factor)}"
            text += f"{sign}{atoms}{scale}"
        return text

    __repr__ = __str__


def _terms(size: Size) -> Iterable[tuple[Monomial, int]]:
    return size.terms if isinstance(size, Dim) else (((), size),)


@lru_cache(maxsize=_REMEMBERED)
def _combined(lhs: Size, sign: int, rhs: Size) -> Size:
    return sum_of((*_terms(lhs), *((monomial, sign * factor) for monomial, factor in _terms(rhs))))


@lru_cache(maxsize=_REMEMBERED)
def _multiplied(lhs: Dim, rhs: Size) -> Size:
    pairs = [(left + right, a * b) for left, a in lhs.terms for right, b in _terms(rhs)]
    return sum_of((tuple(sorted(monomial, key=str)), factor) for monomial, factor in pairs)


def sum_of(terms: Iterable[tuple[Monomial, int]]) -> Size:
    """The sum of the terms, which may come in any order and more than once."""
    total: dict[Monomial, int] = {}
    for monomial, factor in terms:
        total[monomial] = total.get(monomial, 0) + factor
    kept = [(monomial, factor) for monomial, factor in total.items() if factor]
    if len(kept) > 1:
        kept.sort(key=lambda term: _key(term[0]))
    if not kept or not kept[0][0]:
        return kept[0][1] if kept else 0
    return Dim(tuple(kept))


@lru_cache(maxsize=_REMEMBERED)
def symbol(atom: Atom) -> Dim:
    """The named size of that name, or the size that another atom alone is."""
    return Dim((((atom,), 1),))


@lru_cache(maxsize=_REMEMBERED)
def floor_divide(lhs: Size, rhs: Size) -> Size:
    """lhs // rhs; exact when every term of lhs is a multiple of rhs."""
    if isinstance(lhs, int) and isinstance(rhs, int):
        return lhs // rhs
    if (quotient := divide_exactly(lhs, rhs)) is not None:
        return quotient
    if isinstance(lhs, Dim) and isinstance(rhs, int) and rhs > 0:
        whole = [(m, f // rhs) for m, f in lhs.terms if f % rhs == 0]
        rest = [(m, f) for m, f in lhs.terms if f % rhs]
        if whole:
            return sum_of(whole) + floor_divide(sum_of(rest), rhs)
    return symbol(Compound("//", lhs, rhs))


@lru_cache(maxsize=_REMEMBERED)
def divide_exactly(lhs: Size, rhs: Size) -> Size | None:
    """The quotient when lhs is provably a multiple of rhs, else None. 0 is one of every size, also of an empty one."""
    if lhs == 0 and rhs != 0:
        return 0
    if isinstance(rhs, Dim) and len(rhs.terms) != 1:
        return _divide_polynomials(lhs, rhs)
    ((divisor, factor),) = _terms(rhs)
    if factor == 0:
        return None
    result: list[tuple[Monomial, int]] = []
    for monomial, coefficient in _terms(lhs):
        rest = list(monomial)
        for atom in divisor:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coefficient % factor:
            return None
        result.append((tuple(rest), coefficient // factor))
    return sum_of(result)


def _divide_polynomials(lhs: Size, rhs: Dim) -> Size | None:
    """Long division by leading terms; None when it leaves a rest."""
    quotient: Size = 0
    leading = Dim(rhs.terms[:1])
    for _ in range(len(lhs.terms) if isinstance(lhs, Dim) else 0):
        if not isinstance(lhs, Dim):
            break
        step = divide_exactly(Dim(lhs.terms[:1]), leading)
        if step is None:
            return None
        quotient, lhs = quotient + step, lhs - step * rhs
    return quotient if lhs == 0 else None


def remainder(lhs: Size, rhs: Size) -> Size:
    """lhs % rhs, with the sign of rhs."""
    if divide_exactly(lhs, rhs) is not None:
        return 0
    if isinstance(lhs, Dim) and isinstance(rhs, int):
        lhs = sum_of((m, f % rhs) for m, f in lhs.terms)
    return lhs % rhs if isinstance(lhs, int) and isinstance(rhs, int) else symbol(Compound("%", lhs, rhs))


def smallest(lhs: Size, rhs: Size) -> Size:
    """min(lhs, rhs)."""
    gap = lhs - rhs
    return symbol(Compound("min", lhs, rhs)) if isinstance(gap, Dim) else lhs if gap <= 0 else rhs


def largest(lhs: Size, rhs: Size) -> Size:
    """max(lhs, rhs)."""
    gap = lhs - rhs
    return symbol(Compound("max", lhs, rhs)) if isinstance(gap, Dim) else lhs if gap >= 0 else rhs


def product(sizes: Iterable[Size]) -> Size:
    """The product of all sizes; 1 for none."""
    return math.prod(sizes)


def ceil_divide(lhs: Size, rhs: Size) -> Size:
    """lhs / rhs, rounded up."""
    return floor_divide(lhs + rhs - 1, rhs)


_FUNCTIONS: Mapping[str, Callable[..., Size]] = {"//": floor_divide, "%": remainder, "min": smallest, "max": largest}


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """The size with each named size in `values` replaced."""
    if isinstance(size, int):
        return size
    if isinstance(size._atom, str):
        return values.get(size._atom, size)
    if values.keys().isdisjoint(size._names):
        return size

    def new(atom: Atom) -> Size:
        return values.get(atom, symbol(atom)) if isinstance(atom, str) else _with_parts(atom, substitute, values)

    return _with_atoms(size, new)


def replace_atoms(size: Size, values: Mapping[Atom, Size]) -> Size:
    """As substitute, where quotients, remainders and the like have values of their own too."""

    def new(atom: Atom) -> Size:
        made = symbol(atom) if isinstance(atom, str) else _with_parts(atom, replace_atoms, values)
        found = atom_of(made)
        return made if found is None else values.get(found, made)

    return size if isinstance(size, int) else _with_atoms(size, new)


def _with_atoms(size: Dim, new: Callable[[Atom], Size]) -> Size:
    return sum((factor * math.prod(map(new, monomial)) for monomial, factor in size.terms), 0)


def _with_parts(atom: Compound, change: Callable[[Size, Any], Size], values: Any) -> Any:
    return _FUNCTIONS[atom.function](change(atom.lhs, values), change(atom.rhs, values))


def atom_of(size: Size) -> Atom | None:
    """The atom that the size is, if it is one alone."""
    return None if isinstance(size, int) else size._atom


def atoms(size: Size) -> Iterator[Atom]:
    """The atoms of the size's terms, in order, with repetitions."""
    return (atom for monomial, _ in _terms(size) for atom in monomial)


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """The integer that the size is when the named sizes have these values; KeyError for one that is not named."""
    if isinstance(size, int):
        return size
    if isinstance(size._atom, str):
        return values[size._atom]
    return sum(
        factor * math.prod([values[a] if isinstance(a, str) else _with_parts(a, evaluate, values) for a in monomial])
        for monomial, factor in size.terms
    )


def symbols(size: Size) -> tuple[str, ...]:
    """The names that occur in the size, in order, each once."""
    return () if isinstance(size, int) else size._names


def lower_bound(size: Size) -> int | None:
    """A number that the size is never below, from the fact that named sizes are >= 0; None when none is known."""
    total = 0
    for monomial, factor in _terms(_with_less(size)):
        if (factor < 0 and monomial) or not all(map(_is_not_negative, monomial)):
            return None
        total += factor if not monomial else 0
    return total


def _with_less(size: Size) -> Size:
    """The size with a // b * b, where that is taken away, replaced by a, which is not less."""
    less: Size = 0
    for monomial, factor in _terms(size):
        (atom, rest) = (monomial[0], factor) if len(monomial) == 1 else ("", 0)
        if isinstance(atom, Compound) and atom.function == "//" and isinstance(atom.rhs, int) and atom.rhs > 0:
            rest = -factor // atom.rhs if factor < 0 and factor % atom.rhs == 0 else 0
            less = less + rest * (atom.lhs - symbol(atom) * atom.rhs)
    return size - less


def _is_not_negative(atom: Atom) -> bool:
    if isinstance(atom, str):
        return True
    left, right = (-1 if bound is None else bound for bound in map(lower_bound, (atom.lhs, atom.rhs)))
    both, either = left >= 0 and right >= 0, left >= 0 or right >= 0
    return {"%": right > 0, "//": both and right > 0, "min": both, "max": either}[atom.function]


class Solver(Protocol):
    """Decides, while a program is traced, what algebra cannot; each answer becomes a guard of the trace."""

    resolve: Callable[[Size], Size]  # a size by what has been decided before

    def decide(self, lhs: Size, relation: Relation, rhs: Size) -> bool:
        """Whether the relation holds at the sizes of this call."""

    def fix(self, size: Size) -> int:
        """The size at this call, which the trace then takes as a constant."""


class _State(local):
    solver: Solver | None = None


_state = _State()


class solving:
    """A block inside which `solver` decides the relations that come up, on this thread."""

    def __init__(self, solver: Solver | None) -> None:
        self._solver = solver

    def __enter__(self) -> None:
        self._outer, _state.solver = _state.solver, self._solver

    def __exit__(self, *_: object) -> None:
        _state.solver = self._outer


def equal(lhs: Size, rhs: Size) -> bool:
    """Whether the sizes are equal: by normal form, else as the solver in force decides, else False."""
    solver = _state.solver
    return lhs == rhs or (solver is not None and isinstance(lhs - rhs, Dim) and solver.decide(lhs, "==", rhs))


def resolved(size: Size) -> Size:
    """The size by what the solver in force has decided before."""
    return size if _state.solver is None else _state.solver.resolve(size)


def at_most(lhs: Size, rhs: Size) -> bool:
    """Whether lhs <= rhs; what neither algebra nor a solver decides counts as true (it is checked when it runs)."""
    gap, solver = rhs - lhs, _state.solver
    bound = lower_bound(gap)
    at_least = bound is not None and bound >= 0
    return at_least or (isinstance(gap, Dim) and (solver is None or solver.decide(lhs, "<=", rhs)))


def constant(size: Size) -> int | None:
    """The size as an integer: a symbolic one as the solver in force fixes it, else None."""
    return size if isinstance(size, int) else None if _state.solver is None else _state.solver.fix(size)
