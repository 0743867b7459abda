"""Which transform leads from unconstrained numbers to a constraint: one-to-one, or any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.distributions import constraints, transforms
from brasa.distributions.constraints import Constraint
from brasa.ir.errors import ArgumentError, NotImplementedError

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Makers of transforms by classes of constraints; called with a constraint, it gives its transform."""

    def __init__(self) -> None:
        self._makers: dict[type, Callable[[Any], Any]] = {}

    def register(self, constraint: Any, factory: Callable[[Any], Any] | None = None) -> Any:
        """Register a function of constraints of a class (or of the class of a constraint); also as a decorator.

        ArgumentError for what is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, Constraint)):
            raise ArgumentError(f"expected a constraint or a class of them, found {constraint!r}", op="register")
        self._makers[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Any:
        """The transform; NotImplementedError where none is registered."""
        maker = self._makers.get(type(constraint))
        if maker is None:
            raise NotImplementedError(f"no transform is known that leads to {constraint}", op="ConstraintRegistry")
        return maker(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _for_both(*kinds: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def register(maker: Callable[[Any], Any]) -> Callable[[Any], Any]:
        for kind in kinds:
            biject_to.register(kind, maker)
            transform_to.register(kind, maker)
        return maker

    return register


@_for_both(constraints.real)
def _to_real(constraint: Any) -> Any:
    return transforms.identity_transform


def _independent(registry: ConstraintRegistry) -> Callable[[Any], Any]:
    def make(constraint: Any) -> Any:
        return transforms.IndependentTransform(
            registry(constraint.base_constraint), constraint.reinterpreted_batch_ndims
        )

    return make


def _parts(registry: ConstraintRegistry, joined: Any, *facts: str) -> Callable[[Any], Any]:
    def make(constraint: Any) -> Any:
        parts = [registry(each) for each in constraint.cseq]
        return joined(parts, *(getattr(constraint, fact) for fact in facts))

    return make


for _registry in (biject_to, transform_to):
    _registry.register(constraints.independent, _independent(_registry))
    _registry.register(constraints.cat, _parts(_registry, transforms.CatTransform, "dim", "lengths"))
    _registry.register(constraints.stack, _parts(_registry, transforms.StackTransform, "dim"))


@_for_both(constraints.positive, constraints.nonnegative)
def _from_lower_bound(constraint: Any) -> Any:
    if isinstance(constraint.lower_bound, int | float) and constraint.lower_bound == 0:
        return transforms.ExpTransform()
    bound = transforms.AffineTransform(constraint.lower_bound, 1)
    return transforms.ComposeTransform([transforms.ExpTransform(), bound])


@_for_both(constraints.less_than)
def _to_upper_bound(constraint: Any) -> Any:
    bound = transforms.AffineTransform(constraint.upper_bound, -1)
    return transforms.ComposeTransform([transforms.ExpTransform(), bound])


@_for_both(constraints.interval, constraints.half_open_interval)
def _to_interval(constraint: Any) -> Any:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, int | float) and isinstance(high, int | float) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


@_for_both(constraints.corr_cholesky)
def _to_corr_cholesky(constraint: Any) -> Any:
    return transforms.CorrCholeskyTransform()


biject_to.register(constraints.simplex, lambda constraint: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda constraint: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda constraint: transforms.LowerCholeskyTransform())
for _region in (constraints.positive_definite, constraints.positive_semidefinite):
    transform_to.register(_region, lambda constraint: transforms.PositiveDefiniteTransform())
