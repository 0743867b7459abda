"""Constraints: where parameters and values of distributions may lie, as objects that check tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.functions.diagonals import tril
from brasa.functions.joining import cat as joined
from brasa.functions.joining import stack as stacked
from brasa.functions.linalg.cholesky import cholesky_ex
from brasa.functions.linalg.spectra import eigvalsh
from brasa.ir.dtype import bool_
from brasa.ir.errors import NotImplementedError
from brasa.tensors.creation import full
from brasa.tensors.dtype_facts import finfo

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval",
    "is_dependent", "less_than", "lower_cholesky", "lower_triangular", "multinomial", "nonnegative",
    "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer", "positive_semidefinite",
    "real", "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A region. is_discrete: of whole numbers; event_dim: how many last dims are checked together."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Any) -> Any:
        """Whether values lie in the region: a bool tensor of the shape of `value` without the last event_dim dims."""
        raise NotImplementedError("check is not defined", op=type(self).__name__)

    def __repr__(self) -> str:
        words = type(self).__name__.lstrip("_").split("_")
        name = "".join(word[:1].upper() + word[1:] for word in words)
        given = ", ".join(f"{key}={value}" for key, value in vars(self).items() if not key.startswith("_"))
        return f"{name}({given})"


class _Dependent(Constraint):
    """A region that depends on other values, so that nothing can be checked without them."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete: bool | None = None, event_dim: int | None = None) -> _Dependent:
        """The same with other facts."""
        return _Dependent(is_discrete=self.is_discrete if is_discrete is None else is_discrete,
                          event_dim=self.event_dim if event_dim is None else event_dim)  # fmt: skip

    def check(self, value: Any) -> Any:
        raise NotImplementedError("what depends on other values cannot be checked alone", op="dependent")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on other values."""
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):
    """A constraint that is a property of an instance; of the class it is dependent."""

    def __init__(self, fn: Any = None, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn: Any) -> dependent_property:  # type: ignore[override]
        """As a decorator with facts."""
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


def _region(name: str, holds: Callable[[Any], Any], event_dim: int = 0, is_discrete: bool = False) -> Constraint:
    """The one instance of a class of its own: biject_to and transform_to know regions by their classes."""
    facts = {"check": lambda self, value: holds(value), "event_dim": event_dim, "is_discrete": is_discrete}
    return type(name, (Constraint,), facts)()


class _Bounded(Constraint):
    """Numbers on one side of a bound, or between two."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound


class interval(_Bounded):
    """Numbers from lower_bound to upper_bound."""

    def check(self, value: Any) -> Any:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class half_open_interval(_Bounded):
    """Numbers from lower_bound to below upper_bound."""

    def check(self, value: Any) -> Any:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class integer_interval(_Bounded):
    """Whole numbers from lower_bound to upper_bound."""

    is_discrete = True

    def check(self, value: Any) -> Any:
        return _whole(value) & (value >= self.lower_bound) & (value <= self.upper_bound)


class greater_than(Constraint):
    """Numbers above lower_bound."""

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Any) -> Any:
        return value > self.lower_bound


class greater_than_eq(greater_than):
    """Numbers from lower_bound on."""

    def check(self, value: Any) -> Any:
        return value >= self.lower_bound


class _integer_greater_than(greater_than):
    """Whole numbers from lower_bound on."""

    is_discrete = True

    def check(self, value: Any) -> Any:
        return _whole(value) & (value >= self.lower_bound)


class less_than(Constraint):
    """Numbers below upper_bound."""

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Any) -> Any:
        return value < self.upper_bound


class _Multinomial(Constraint):
    """Vectors of whole numbers that sum to at most upper_bound."""

    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Any) -> Any:
        return ((value >= 0) & _whole(value)).all(-1) & (value.sum(-1) <= self.upper_bound)


class independent(Constraint):
    """A constraint of which so many last dims more are checked together."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """As the base."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """That of the base, and what is reinterpreted."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Any) -> Any:
        result = self.base_constraint.check(value)
        for _ in range(self.reinterpreted_batch_ndims):
            result = result.all(-1)
        return result


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture, whose values lack the dim of components that the base constraint is checked over."""

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = base_constraint
        self.is_discrete, self.event_dim = base_constraint.is_discrete, base_constraint.event_dim

    def check(self, value: Any) -> Any:
        return self.base_constraint.check(value.unsqueeze(-1 - self.event_dim)).all(-1)


class _Several(Constraint):
    """Constraints of parts of a tensor along a dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int) -> None:
        self.cseq, self.dim = list(cseq), dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """Whether one part is."""
        return any(each.is_discrete for each in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """The greatest of the parts."""
        return max(each.event_dim for each in self.cseq)


class cat(_Several):
    """Constraints of parts of these lengths, one after the other along a dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    def check(self, value: Any) -> Any:
        parts, start = [], 0
        for each, length in zip(self.cseq, self.lengths, strict=True):
            parts.append(each.check(value.narrow(self.dim, start, length)))
            start += length
        return joined(parts, self.dim)


class stack(_Several):
    """One constraint for each place along a dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        super().__init__(cseq, dim)

    def check(self, value: Any) -> Any:
        checks = [each.check(value.select(self.dim, i)) for i, each in enumerate(self.cseq)]
        return stacked(checks, self.dim)


def _whole(value: Any) -> Any:
    return value % 1 == 0


def _is_simplex(value: Any) -> Any:
    return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


def _is_lower_triangular(value: Any) -> Any:
    return (tril(value) == value).all(-1).all(-1)


def _is_lower_cholesky(value: Any) -> Any:
    return _is_lower_triangular(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _is_corr_cholesky(value: Any) -> Any:
    """As lower_cholesky, with rows of norm 1; rounding may take 10 last places for each column."""
    tolerance = finfo(value.dtype).eps * value.shape[-1] * 10
    norms = (value * value).sum(-1).sqrt()
    return _is_lower_cholesky(value) & ((norms - 1).abs() < tolerance).all(-1)


def _is_symmetric(value: Any) -> Any:
    return pointwise.isclose(value, value.mT, atol=1e-6).all(-1).all(-1)


dependent = _Dependent()
boolean = _region("Boolean", lambda x: (x == 0) | (x == 1), is_discrete=True)
one_hot = _region("OneHot", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1, is_discrete=True)
nonnegative_integer = _integer_greater_than(0)
positive_integer = _integer_greater_than(1)
real = _region("Real", lambda x: x == x)  # noqa: PLR0124 (all but NaN)
real_vector = independent(real, 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
multinomial = _Multinomial
simplex = _region("Simplex", _is_simplex, 1)
lower_triangular = _region("LowerTriangular", _is_lower_triangular, 2)
lower_cholesky = _region("LowerCholesky", _is_lower_cholesky, 2)
corr_cholesky = _region("CorrCholesky", _is_corr_cholesky, 2)
square = _region("Square", lambda x: full(x.shape[:-2], x.shape[-1] == x.shape[-2], dtype=bool_), 2)
symmetric = _region("Symmetric", _is_symmetric, 2)
positive_semidefinite = _region("PositiveSemidefinite", lambda x: _is_symmetric(x) & (eigvalsh(x) >= 0).all(-1), 2)
positive_definite = _region("PositiveDefinite", lambda x: _is_symmetric(x) & (cholesky_ex(x).info == 0), 2)
