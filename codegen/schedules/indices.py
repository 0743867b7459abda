"""Index arithmetic in normal form: polynomials over sizes and loop variables, with the bounds that loops give them.

An index is a `Size` in which loop variables are named sizes whose name begins with `%`. View bodies are written over
expressions; `leaf` wraps an index for them and `Ranges.fold` reads what they return back, dividing where bounds allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import add, mul, sub
from typing import TypeAlias, cast

from brasa.ir import dim
from brasa.ir.dim import Atom, Compound, Dim, Monomial, Size
from brasa.ir.dtype import int64
from brasa.ir.kernel import Expr

Index: TypeAlias = tuple[Size, ...]
Divisions: TypeAlias = Sequence[tuple[Size, Size]]  # dividends, and rests that bounds have told
_PREFIX = "%"


def variable(name: str) -> Dim:
    """The loop variable of that name, as an index."""
    return dim.symbol(_PREFIX + name)


def leaf(size: Size) -> Expr:
    """An index as an expression, for the bodies of views and moves."""
    return Expr("index", (), int64, 1, size)


def terms(size: Size) -> Iterator[tuple[Monomial, int]]:
    """The monomials of a size with their factors."""
    yield from size.terms if isinstance(size, Dim) else (((), size),)


def varies(size: Size | Atom) -> bool:
    """Whether a loop variable occurs in it."""
    if isinstance(size, str):
        return size.startswith(_PREFIX)
    if isinstance(size, Compound):
        return varies(size.lhs) or varies(size.rhs)
    return any(name[0] == _PREFIX for name in dim.symbols(size))


def monomial_of(atoms: Sequence[Atom], factor: int = 1) -> Size:
    """The product of atoms that stand in normal order."""
    return Dim(((tuple(atoms), factor),)) if atoms and factor else factor


def coefficient(size: Size, name: str) -> Size | None:
    """What the variable is multiplied by in the index; None when the index is not linear in it."""
    total: Size = 0
    for atoms, factor in terms(size):
        if any(isinstance(atom, Compound) and name in dim.symbols(monomial_of((atom,))) for atom in atoms):
            return None
        if atoms.count(name) > 1:
            return None
        if name in atoms:
            total = total + monomial_of([atom for atom in atoms if atom != name], factor)
    return total


def by_variables(size: Size) -> dict[Monomial, Size]:
    """The index as a sum: what each product of loop variables is multiplied by; () stands for none."""
    found: dict[Monomial, list[tuple[Monomial, int]]] = {}
    for atoms, factor in terms(size):
        moving = tuple([atom for atom in atoms if varies(atom)])
        fixed = tuple([atom for atom in atoms if atom not in moving]) if moving else atoms
        found.setdefault(moving, []).append((fixed, factor))
    return {moving: dim.sum_of(fixed) for moving, fixed in found.items()}


def are_joint(outer: Dim, inner: Dim, extent: Size, uses: Sequence[Size], divisions: Divisions = ()) -> bool:
    """Whether every use sees two variables only through outer * extent + inner: then one variable can replace them.

    What was divided must see them so, too, where their extents have told the rest.
    """
    both = {str(outer), str(inner)}
    for use in (*uses, *(dividend for dividend, rest in divisions if not both.isdisjoint(dim.symbols(rest)))):
        far, near = coefficient(use, str(outer)), coefficient(use, str(inner))
        if far is None or near is None or far != near * extent:
            return False
    return True


class Ranges:
    """What is known of loop variables: the extent of each, which its values are below.

    divisions: of indices, as far as these extents decided them.
    """

    def __init__(self) -> None:
        self.extents: dict[str, Size] = {}
        self.divisions: list[tuple[Size, Size]] = []

    def is_below(self, lhs: Size, rhs: Size) -> bool:
        """Whether 0 <= lhs < rhs is certain."""
        return self.is_natural(lhs) and self.is_natural(rhs - lhs - 1)

    def is_natural(self, size: Size) -> bool:
        """Whether the index is certainly not negative."""
        least = self._bound(size, upper=False)
        return least is not None and self._is_natural_size(least)

    def _is_natural_size(self, size: Size) -> bool:
        """Whether sizes alone, or the extents of loops that are running, show that it is not negative."""
        bound = dim.lower_bound(size)
        if bound is not None and bound >= 0:
            return True
        divisors = (extent for extent in self.extents.values() if isinstance(extent, Dim) and not varies(extent))
        quotients = (dim.divide_exactly(size, extent) for extent in dict.fromkeys(divisors))
        return any(quotient is not None and self._is_natural_size(quotient) for quotient in quotients)

    def _bound(self, size: Size, *, upper: bool) -> Size | None:
        """A size that the index never exceeds (or never falls below)."""
        total: Size = 0
        for moving, factor in by_variables(size).items():
            term, grows = factor, True
            if moving and not self._is_natural_size(factor):
                if not self._is_natural_size(-factor):
                    return None
                grows = False
            for atom in moving:
                bound = self._atom_bound(atom, upper=upper == grows)
                if bound is None:
                    return None
                term = term * bound
            total = total + term
        return total

    def _atom_bound(self, atom: Atom, *, upper: bool) -> Size | None:
        if isinstance(atom, str):
            if not upper:
                return 0
            extent = self.extents.get(atom)
            return None if extent is None else extent - 1
        if atom.function == "%":
            return (None if varies(atom.rhs) else atom.rhs - 1) if upper else 0
        if atom.function == "//" and ((natural := self.is_natural(atom.lhs)) or isinstance(atom.rhs, int)):
            bound = 0 if natural and not upper else self._bound(atom.lhs, upper=upper)
            return None if bound is None else dim.floor_divide(bound, atom.rhs)
        if atom.function == "min" and upper:
            return self._bound(atom.lhs, upper=True)
        return None

    def shortage(self, atom: Compound) -> Size:
        """How often the divisor must be added to a dividend, for it not to be negative.

        What a number divides has lost its multiples of that number: (5 - i) // 5 is 1 + (-i) // 5.
        """
        if atom.function not in ("//", "%") or not isinstance(atom.rhs, int) or self.is_natural(atom.lhs):
            return 0
        least = self._bound(atom.lhs, upper=False)
        return 0 if least is None else dim.ceil_divide(-least, atom.rhs)

    def quotient(self, lhs: Size, rhs: Size) -> Size:
        """lhs // rhs, neither negative; what an empty extent divides is in a loop that never runs."""
        if rhs == 0:
            return 0
        whole, rest = self._split(lhs, rhs)
        return dim.floor_divide(lhs, rhs) if rest is None else whole

    def remainder(self, lhs: Size, rhs: Size) -> Size:
        """lhs % rhs, neither negative."""
        if rhs == 0:
            return 0
        _, rest = self._split(lhs, rhs)
        return dim.remainder(lhs, rhs) if rest is None else rest

    def _split(self, lhs: Size, rhs: Size) -> tuple[Size, Size | None]:
        """The quotient by rhs of the terms that it divides, and the other terms; None where they may be no rest."""
        whole: Size = 0
        rest: Size = 0
        for moving, fixed in by_variables(lhs).items():
            quotient = dim.divide_exactly(fixed, rhs) if rhs != 0 else None
            if quotient is None:
                rest = rest + monomial_of(moving) * fixed
            else:
                whole = whole + monomial_of(moving) * quotient
        if not self.is_below(rest, rhs):
            return whole, None
        if varies(rest):
            self.divisions.append((lhs, rest))
        return whole, rest

    def fold(self, expr: Expr) -> Size:
        """The index that an expression over leaves stands for."""
        if expr.op in ("index", "const"):
            return cast(Size, expr.attr)
        made = {"add": add, "sub": sub, "mul": mul, "quotient": self.quotient, "modulo": self.remainder}[expr.op]
        return cast(Size, made(*map(self.fold, expr.args)))


def rejoined(size: Size) -> Size:
    """The index with every a // b * b + a % b in it made a again."""
    for atoms, _ in terms(size):
        if len(atoms) == 1 and isinstance(atoms[0], Compound) and atoms[0].function == "%":
            lhs, rhs = atoms[0].lhs, atoms[0].rhs
            rest, whole = Dim(((atoms, 1),)), dim.floor_divide(lhs, rhs)
            factors = by_variables(size)
            factor = factors.get(atoms, 0)
            quotient = by_variables(whole)
            if (
                len(quotient) == 1
                and factors.get(next(iter(quotient)), 0) == factor * rhs * quotient[next(iter(quotient))]
            ):
                return rejoined(size - factor * rest - factor * rhs * whole + factor * lhs)
    return size


def flatten(index: Sequence[Size], shape: Sequence[Size]) -> Size:
    """The row-major position of an index."""
    flat: Size = 0
    for i, extent in zip(index, shape, strict=True):
        flat = flat * extent + i
    return flat
