"""Transforms beside their own inverses and numeric derivatives; which of them lead to which constraint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions
from brasa.distributions import biject_to, constraints, transform_to
from brasa.distributions import transforms as t

_GENERATOR = np.random.default_rng(0)


def real(*shape: int) -> Any:
    return _GENERATOR.normal(size=shape)


def double(value: Any) -> Any:
    return brasa.tensor(value, dtype=brasa.float64)


# Each: the transform, and an argument of one event or a batch of them.
CASES: dict[str, tuple[Any, Any]] = {
    "exp": (t.ExpTransform(), real(5)),
    "power": (t.PowerTransform(double([2.0, -1.5, 0.5])), np.exp(real(3))),
    "sigmoid": (t.SigmoidTransform(), real(5) * 5),
    "softplus": (t.SoftplusTransform(), real(5) * 5),
    "tanh": (t.TanhTransform(), real(5)),
    "affine": (t.AffineTransform(1.0, -2.0), real(4)),
    "affine of tensors": (t.AffineTransform(double([1.0, 2.0]), double([0.5, -3.0])), real(3, 2)),
    "affine vectors": (t.AffineTransform(0.5, double([0.5, -3.0]), event_dim=1), real(3, 2)),
    "cdf": (t.CumulativeDistributionTransform(distributions.Normal(double(0.5), double(2.0))), real(5)),
    "compose": (t.ComposeTransform([t.AffineTransform(0.0, 0.5), t.ExpTransform(), t.PowerTransform(2.0)]), real(4)),
    "compose vectors": (t.ComposeTransform([t.TanhTransform(), t.StickBreakingTransform()]), real(3, 2)),
    "independent": (t.IndependentTransform(t.ExpTransform(), 1), real(3, 2)),
    "reshape": (t.ReshapeTransform((2, 3), (6,)), real(4, 2, 3)),
    "stick breaking": (t.StickBreakingTransform(), real(3, 4)),
    "correlations": (t.CorrCholeskyTransform(), real(2, 6)),
    "inverse": (t.ExpTransform().inv, np.exp(real(5))),
    "cat": (t.CatTransform([t.ExpTransform(), t.identity_transform], -1, [2, 1]), real(2, 3)),
    "stack": (t.StackTransform([t.ExpTransform(), t.TanhTransform()], 1), real(3, 2)),
}  # fmt: skip


def numeric(transform: Any, x: Any, step: float = 1e-5) -> Any:
    """The derivative of one flattened event by another."""
    columns = []
    for i in range(x.size):
        away = np.zeros(x.size)
        away[i] = step
        up, down = (transform(double(x + sign * away.reshape(x.shape))).numpy() for sign in (1, -1))
        columns.append(((up - down) / (2 * step)).ravel())
    return np.stack(columns, -1)


def volume(jacobian: Any, values: Any) -> float:
    """The logarithm of the determinant, in as many coordinates of the values as there are arguments."""
    if jacobian.shape[0] > jacobian.shape[1]:
        free = np.abs(jacobian).sum(1) > 1e-9
        if values.ndim == 2:
            free &= np.tri(*values.shape, -1, bool).ravel()
        jacobian = jacobian[np.flatnonzero(free)[: jacobian.shape[1]]]
    return float(np.linalg.slogdet(jacobian)[1])


@pytest.mark.parametrize("name", CASES)
def test_transform(name: str) -> None:
    transform, x = CASES[name]
    y = transform(double(x))
    assert tuple(transform.forward_shape(x.shape)) == tuple(y.shape)
    assert tuple(transform.inverse_shape(y.shape)) == tuple(x.shape)
    np.testing.assert_allclose(transform.inv(y).numpy(), x, 1e-7, 1e-9)
    assert transform.inv.inv is transform and transform.bijective and transform.inv.bijective
    assert bool(transform.codomain.check(y).all()) and bool(transform.domain.check(double(x)).all())
    found = transform.log_abs_det_jacobian(double(x), y).numpy()
    back = transform.inv.log_abs_det_jacobian(y, double(x)).numpy()
    np.testing.assert_allclose(back, -found, 1e-12)
    rank = 0 if name in ("cat", "stack") else transform.domain.event_dim
    assert found.shape == x.shape[: x.ndim - rank]
    if rank == 0:
        np.testing.assert_allclose(found.sum(), np.linalg.slogdet(numeric(transform, x))[1], 1e-6)
    else:
        want = [volume(numeric(transform, event), transform(double(event)).numpy()) for event in x]
        np.testing.assert_allclose(found, want, 1e-5, 1e-8)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("cdf", "stack", "cat")])
def test_caches(name: str) -> None:
    """With a cache, the inverse of what was computed is the very argument."""
    transform, x = CASES[name]
    cached, x = transform.with_cache(), double(x)
    assert cached.with_cache() is cached
    y = cached(x)
    if name != "affine":
        assert cached.inv(y) is x and (cached(x) is y)
    assert cached.inv(y.clone()) is not x
    np.testing.assert_array_equal(y.numpy(), transform(x).numpy())


def test_not_bijective() -> None:
    x = double(real(2, 3, 3))
    lower = t.LowerCholeskyTransform()
    factor = lower(x)
    assert bool(constraints.lower_cholesky.check(factor).all())
    np.testing.assert_allclose(lower(lower.inv(factor)).numpy(), factor.numpy(), 1e-12)
    definite = t.PositiveDefiniteTransform()
    np.testing.assert_allclose(definite(x).numpy(), (factor @ factor.mT).numpy(), 1e-12)
    np.testing.assert_allclose(definite(definite.inv(definite(x))).numpy(), definite(x).numpy(), 1e-9)
    shares = t.SoftmaxTransform()(x)
    np.testing.assert_allclose(t.SoftmaxTransform()(t.SoftmaxTransform().inv(shares)).numpy(), shares.numpy(), 1e-12)
    assert t.AbsTransform()(double([-2.0])).tolist() == [2.0] and not t.AbsTransform().bijective


def test_equality_and_signs() -> None:
    assert t.ExpTransform() == t.ExpTransform() != t.TanhTransform()
    assert t.AffineTransform(1, 2) == t.AffineTransform(1, 2.0) != t.AffineTransform(1, 3)
    assert t.AffineTransform(double([1.0, 2.0]), 1) == t.AffineTransform(double([1.0, 2.0]), 1)
    assert t.ExpTransform().inv == t.ExpTransform().inv
    assert t.ComposeTransform([t.ExpTransform()]) == t.ComposeTransform([t.ExpTransform()])
    assert t.PowerTransform(2.0) == t.PowerTransform(2.0) != t.PowerTransform(3.0)
    assert (t.AffineTransform(0, -2).sign, t.ComposeTransform([t.ExpTransform(), t.AffineTransform(0, -1)]).sign) == (
        -1, -1,
    )  # fmt: skip
    falling = distributions.TransformedDistribution(distributions.Normal(0.0, 1.0), [t.AffineTransform(0, -2.0)])
    np.testing.assert_allclose(falling.cdf(brasa.tensor(1.0)).item(), distributions.Normal(0.0, 2.0).cdf(
        brasa.tensor(1.0)).item(), 1e-6)  # fmt: skip
    np.testing.assert_allclose(falling.icdf(brasa.tensor(0.9)).item(), 2 * 1.2815516, 1e-5)


REGIONS = [
    constraints.real, constraints.positive, constraints.nonnegative, constraints.unit_interval, constraints.simplex,
    constraints.greater_than(2.0), constraints.less_than(-1.0), constraints.interval(-1.0, 3.0),
    constraints.half_open_interval(1.0, 2.0), constraints.corr_cholesky, constraints.real_vector,
    constraints.independent(constraints.positive, 1), constraints.cat([constraints.positive, constraints.real], -1,
                                                                      [2, 4]),
    constraints.stack([constraints.positive] * 3 + [constraints.unit_interval] * 3, -1),
]  # fmt: skip


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_ways_to_regions(region: Any) -> None:
    x = double(real(3, 6))
    for registry in (biject_to, transform_to):
        y = registry(region)(x)
        assert bool(region.check(y).all())
        if registry is biject_to:
            np.testing.assert_allclose(registry(region).inv(y).numpy(), x.numpy(), 1e-9, 1e-12)


def test_more_ways() -> None:
    x = double(real(3, 3))
    for region in (constraints.lower_cholesky, constraints.positive_definite):
        assert bool(region.check(transform_to(region)(x)).all())
    with pytest.raises(NotImplementedError, match=r"no transform is known that leads to Boolean\(\)"):
        biject_to(constraints.boolean)

    class Even(constraints.Constraint):
        """Even numbers."""

    biject_to.register(Even, lambda even: t.AffineTransform(0, 2))
    assert biject_to(Even()) == t.AffineTransform(0, 2)
    with pytest.raises(TypeError, match="expected a constraint or a class of them, found 3"):
        biject_to.register(3, lambda even: t.ExpTransform())


INF, NAN = float("inf"), float("nan")
CHECKS: list[tuple[Any, Any, Any]] = [
    (constraints.boolean, [0.0, 1.0, 0.5, 2.0], [True, True, False, False]),
    (constraints.real, [0.0, NAN, 3.0], [True, False, True]),
    (constraints.positive, [0.0, -1.0, 2.0], [False, False, True]),
    (constraints.nonnegative, [0.0, -1.0, 2.0], [True, False, True]),
    (constraints.less_than(1.0), [0.0, 1.0], [True, False]),
    (constraints.half_open_interval(0.0, 1.0), [0.0, 1.0, -0.1], [True, False, False]),
    (constraints.unit_interval, [0.0, 1.0, 1.1], [True, True, False]),
    (constraints.integer_interval(0, 3), [0.0, 3.0, 1.5, 4.0], [True, True, False, False]),
    (constraints.nonnegative_integer, [0.0, 2.5, 3.0, -1.0], [True, False, True, False]),
    (constraints.positive_integer, [0.0, 1.0], [False, True]),
    (constraints.simplex, [[0.5, 0.5], [0.6, 0.5], [-0.5, 1.5]], [True, False, False]),
    (constraints.one_hot, [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]], [True, False, False]),
    (constraints.multinomial(3), [[1.0, 2.0], [2.0, 2.0], [0.5, 1.0]], [True, False, False]),
    (constraints.real_vector, [[1.0, NAN], [1.0, 2.0]], [False, True]),
    (constraints.lower_triangular, [[[1.0, 0.0], [3.0, -1.0]], [[1.0, 2.0], [0.0, 1.0]]], [True, False]),
    (constraints.lower_cholesky, [[[1.0, 0.0], [3.0, -1.0]], [[1.0, 0.0], [5.0, 1.0]]], [False, True]),
    (constraints.corr_cholesky, [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]], [True, False]),
    (constraints.symmetric, [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [3.0, 1.0]]], [True, False]),
    (constraints.positive_definite, [[[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]], [True, False]),
    (constraints.positive_semidefinite, [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]], [True, False]),
    (constraints.square, [[[1.0, 1.0], [1.0, 1.0]]], [True]),
    (constraints.square, [[[1.0, 1.0]]], [False]),
    (constraints.independent(constraints.positive, 1), [[1.0, -1.0], [1.0, 2.0]], [False, True]),
    (constraints.stack([constraints.positive, constraints.real]), [[1.0, -1.0], [-1.0, NAN]],
     [[True, False], [True, False]]),
    (constraints.cat([constraints.positive, constraints.real]), [-1.0, -1.0], [False, True]),
]  # fmt: skip


@pytest.mark.parametrize(("region", "values", "holds"), CHECKS, ids=str)
def test_checks(region: Any, values: Any, holds: Any) -> None:
    assert region.check(brasa.tensor(values)).tolist() == holds


def test_dependent() -> None:
    assert constraints.is_dependent(constraints.dependent) and constraints.is_dependent(distributions.Uniform.support)
    assert not constraints.is_dependent(distributions.Uniform(0.0, 1.0).support)
    with pytest.raises(NotImplementedError, match="cannot be checked alone"):
        constraints.dependent.check(brasa.ones(1))
    assert repr(distributions.Uniform(0.0, 1.0).support) == "Interval(lower_bound=0.0, upper_bound=1.0)"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: t.ExpTransform(2), "ExpTransform: cache_size must be 0 or 1, it is 2"),
        (lambda: t.ReshapeTransform((2, 3), (5,)), "have different numbers of elements"),
        (lambda: t.ReshapeTransform((2, 3), (6,))(brasa.ones(3, 2)), "does not end with"),
        (lambda: t.CorrCholeskyTransform()(brasa.ones(2)), "2 numbers are not those below a diagonal"),
        (lambda: t.StickBreakingTransform().event_dim, None),
        (lambda: t.CatTransform([t.ExpTransform()], 0, [2])(brasa.ones(3)), "dim 0 must have size 2, it has 3"),
        (lambda: t.StackTransform([t.ExpTransform()])(brasa.ones(3)), "dim 0 must have size 1, it has 3"),
        (lambda: t.SoftmaxTransform().log_abs_det_jacobian(None, None), "log_abs_det_jacobian is not defined"),
        (lambda: t.AbsTransform().sign, "AbsTransform: sign is not defined"),
        (lambda: t.CorrCholeskyTransform().event_dim, "different event_dim"),
    ],
)
def test_errors(make: Any, text: str | None) -> None:
    if text is None:
        assert make() == 1
    else:
        with pytest.raises((ValueError, NotImplementedError), match=text):
            make()
