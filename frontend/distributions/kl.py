"""Kullback and Leibler's divergence: formulas by pairs of classes, and the choice of one for two distributions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from brasa.distributions.distribution import Distribution
from brasa.ir.errors import ArgumentError, NotImplementedError

_Formula = Callable[[Any, Any], Any]
_F = TypeVar("_F", bound=_Formula)

_REGISTRY: dict[tuple[type, type], _Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[_F], _F]:
    """Register the decorated function of p and q as the divergence of these classes and all that derive from them.

    ArgumentError for what are no classes of distributions.
    """
    for each in (type_p, type_q):
        if not (isinstance(each, type) and issubclass(each, Distribution)):
            raise ArgumentError(f"expected a class of distributions, found {each!r}", op="register_kl")

    def register(formula: _F) -> _F:
        _REGISTRY[type_p, type_q] = formula
        _formula_of.cache_clear()
        return formula

    return register


@cache
def _formula_of(type_p: type, type_q: type) -> _Formula | None:
    """The formula of the nearest pair of classes: nearest to p first. Warns where q would choose another."""
    near_p = {each: i for i, each in enumerate(type_p.__mro__)}
    near_q = {each: i for i, each in enumerate(type_q.__mro__)}
    known = [(near_p[p], near_q[q], (p, q)) for p, q in _REGISTRY if p in near_p and q in near_q]
    if not known:
        return None
    first, other = min(known)[2], min(known, key=lambda each: (each[1], each[0]))[2]
    if _REGISTRY[first] is not _REGISTRY[other]:
        names = "({}, {})".format(*(each.__name__ for each in first))
        warnings.warn(f"kl_divergence({type_p.__name__}, {type_q.__name__}) is ambiguous, {names} is taken; register "
                      "this pair", RuntimeWarning, stacklevel=3)  # fmt: skip
    return _REGISTRY[first]


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """The mean under p of log p(x) - log q(x), of the batch shape; NotImplementedError for pairs without a formula."""
    formula = _formula_of(type(p), type(q))
    if formula is None:
        raise NotImplementedError(f"no formula is known for {type(p).__name__} and {type(q).__name__}",
                                  op="kl_divergence", hint="register_kl takes one")  # fmt: skip
    return formula(p, q)
