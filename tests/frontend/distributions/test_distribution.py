"""What all distributions share: shapes, expansion, errors, text; and what users make of the base class."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions as d
from brasa.distributions import constraints
from tests.frontend.distributions.cases import CASES, kinds, long_but, made


def test_every_class_has_a_case() -> None:
    abstract = {"Distribution", "ExponentialFamily", "TransformedDistribution", "Independent", "MixtureSameFamily"}
    found = {name for name in d.__all__ if isinstance(getattr(d, name), type)
             and issubclass(getattr(d, name), d.Distribution)}  # fmt: skip
    assert found - abstract == kinds()


@pytest.mark.parametrize("name", long_but(
    CASES, "Categorical", "Chi2", "HalfNormal", "LogisticNormal", "Multinomial", "MultivariateNormal", "Normal",
    "OneHotCategorical", "RelaxedBernoulli", "Uniform",
))  # fmt: skip
def test_shapes(name: str) -> None:
    """Of samples and densities, also of the expanded distribution, which is the same one."""
    distribution = made(name, brasa.float32)
    wide = distribution.expand((4, *distribution.batch_shape))
    assert type(wide) is type(distribution) and wide.expand(wide.batch_shape).batch_shape == wide.batch_shape
    batch, event = tuple(distribution.batch_shape), tuple(distribution.event_shape)
    assert tuple(wide.batch_shape) == (4, *batch) and tuple(wide.event_shape) == event
    sample = wide.sample((2,))
    assert tuple(sample.shape) == (2, 4, *batch, *event) and sample.dtype in (brasa.float32, brasa.int64)
    logs = wide.log_prob(sample)
    assert tuple(logs.shape) == (2, 4, *batch)
    np.testing.assert_array_equal(logs.numpy(), distribution.log_prob(sample).numpy())
    for part in ("mean", "variance"):
        try:
            value = getattr(distribution, part)
        except NotImplementedError:
            continue
        np.testing.assert_array_equal(getattr(wide, part).numpy(), np.broadcast_to(value.numpy(), (4, *value.shape)))
    if distribution.has_enumerate_support:
        values = wide.enumerate_support()
        assert tuple(values.shape[1:]) == (4, *batch, *event) and len(wide.enumerate_support(False)) == len(values)
    assert repr(distribution).startswith(f"{type(distribution).__name__}(")


@pytest.mark.parametrize("name", long_but(
    [name for name in CASES if made(name).has_rsample], "Gamma", "Laplace", "MultivariateNormal", "RelaxedBernoulli"
))  # fmt: skip
def test_modes_of_gradients(name: str) -> None:
    """rsample is on the tape, sample is not; both give the same numbers."""
    kind, given = CASES[name]
    leaves = {k: brasa.tensor(v).requires_grad_() if isinstance(v, np.ndarray) else v for k, v in given.items()}
    distribution = getattr(d, kind)(**leaves)
    brasa.manual_seed(9)
    moving = distribution.rsample((2,))
    brasa.manual_seed(9)
    fixed = distribution.sample((2,))
    assert moving.requires_grad and not fixed.requires_grad
    np.testing.assert_allclose(moving.detach().numpy(), fixed.numpy(), 1e-12, 1e-15)


def test_text() -> None:
    assert repr(d.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(d.Categorical(brasa.ones(2, 3))) == "Categorical(probs: brasa.Size([2, 3]))"
    assert repr(d.Independent(d.Exponential(brasa.ones(2)), 1)) == "Independent(Exponential(rate: brasa.Size([2])), 1)"
    assert repr(d.Chi2(3.0)) == "Chi2(df: 3.0)"
    assert repr(d.OneHotCategorical(brasa.ones(3))) == "OneHotCategorical(probs: brasa.Size([3]))"
    assert repr(d.transforms.ComposeTransform([d.ExpTransform(), d.TanhTransform().inv])) == (
        "ComposeTransform(ExpTransform(), InverseTransform(TanhTransform()))"
    )


ONES = brasa.ones(3)
ERRORS: list[tuple[Any, str]] = [
    (lambda: d.Normal(0.0, brasa.tensor([1.0, -2.0])),
     r"Normal: scale must satisfy GreaterThan\(lower_bound=0.0\), the first that does not is -2.0\n  scale  f32\[2\]"),
    (lambda: d.Bernoulli(1.5), r"Bernoulli: probs must satisfy Interval\(lower_bound=0.0, upper_bound=1.0\)"),
    (lambda: d.Bernoulli(), "Bernoulli: give either probs or logits, not both"),
    (lambda: d.Categorical(ONES, logits=ONES), "give either probs or logits"),
    (lambda: d.Categorical(brasa.tensor(1.0)), "Categorical: the parameter needs at least one dim"),
    (lambda: d.Categorical(brasa.tensor([0.5, -0.1])), r"probs must satisfy Simplex\(\)"),
    (lambda: d.Geometric(0.0), "Geometric: probs must satisfy GreaterThan"),
    (lambda: d.Uniform(1.0, 1.0), "Uniform: low must be below high"),
    (lambda: d.Multinomial(ONES, ONES), "total_count must be an int, not Tensor"),
    (lambda: d.Dirichlet(brasa.tensor(1.0)), "concentration needs at least one dim"),
    (lambda: d.LKJCholesky(1), "dim must be at least 2, it is 1"),
    (lambda: d.Wishart(1.0, brasa.eye(3)), "df must be above 2 for matrices of size 3"),
    (lambda: d.MultivariateNormal(ONES), "give exactly one of covariance_matrix, precision_matrix, scale_tril"),
    (lambda: d.MultivariateNormal(ONES, ONES), "covariance_matrix needs at least two dims"),
    (lambda: d.MultivariateNormal(ONES, -brasa.eye(3)), r"covariance_matrix must satisfy PositiveDefinite\(\)"),
    (lambda: d.MultivariateNormal(brasa.tensor(1.0), brasa.eye(1)), "loc needs at least one dim"),
    (lambda: d.LowRankMultivariateNormal(ONES, brasa.ones(2, 1), ONES), "for 3 numbers cov_factor has the shape"),
    (lambda: d.Independent(d.Normal(0.0, 1.0), 1), "1 dims cannot be taken of the batch shape"),
    (lambda: d.MixtureSameFamily(ONES, d.Normal(ONES, 1.0)), "mixture_distribution must be a Categorical"),
    (lambda: d.MixtureSameFamily(d.Categorical(ONES), ONES), "component_distribution must be a Distribution"),
    (lambda: d.MixtureSameFamily(d.Categorical(ONES), d.Normal(0.0, 1.0)), "the mixture has 3 components"),
    (lambda: d.MixtureSameFamily(d.Categorical(brasa.ones(2, 3)), d.Normal(brasa.ones(4, 3), 1.0)), "batch shape"),
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]), "transforms must be a Transform or a list"),
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), d.StickBreakingTransform()), "the transforms take 1 dims"),
    (lambda: d.Normal("a", 1.0), "parameters must be tensors or numbers, not str"),
    (lambda: d.Normal(ONES, 1.0).log_prob(brasa.ones(2)), r"\[2\] cannot be broadcast with batch and event, \[3\]"),
    (lambda: d.Dirichlet(ONES).log_prob(brasa.ones(2)), "does not end with the event's"),
    (lambda: d.Normal(0.0, 1.0).log_prob(0.5), "the value must be a tensor, not float"),
    (lambda: d.Poisson(1.0).log_prob(brasa.tensor(0.5)), "the value must satisfy IntegerGreaterThan"),
    (lambda: d.Categorical(ONES).log_prob(brasa.tensor(3)), r"IntegerInterval\(lower_bound=0, upper_bound=2\)"),
    (lambda: d.Distribution.set_default_validate_args(2), "expected True or False, not 2"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), ERRORS, ids=[text[:30] for _, text in ERRORS])
def test_errors(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


UNDEFINED = ["mean", "mode", "variance", "stddev", "support"]


def test_undefined() -> None:
    base = d.Distribution(brasa.Size([2]), validate_args=False)
    for part in UNDEFINED:
        with pytest.raises(NotImplementedError, match="Distribution: "):
            getattr(base, part)
    for call in (base.sample, base.rsample, base.entropy, base.enumerate_support, base.perplexity):
        with pytest.raises(NotImplementedError, match=r"Distribution: .* is not defined"):
            call()
    with pytest.raises(NotImplementedError, match="Poisson: _mean_carrier_measure is not defined"):
        d.Poisson(1.0).entropy()
    with pytest.raises(NotImplementedError, match="different total_counts have different values"):
        d.Binomial(brasa.tensor([2.0, 3.0]), 0.5).enumerate_support()
    with pytest.raises(NotImplementedError, match="several dims together"):
        d.Independent(d.Bernoulli(ONES / 2), 1).enumerate_support()


def test_checks_can_be_left_out() -> None:
    assert np.isnan(d.Normal(0.0, -1.0, validate_args=False).log_prob(brasa.tensor(0.0)).item())
    before = d.Distribution._validate_args
    try:
        d.Distribution.set_default_validate_args(False)
        d.Normal(0.0, -1.0)
        with pytest.raises(ValueError, match="scale must satisfy"):
            d.Normal(0.0, -1.0, validate_args=True)
    finally:
        d.Distribution.set_default_validate_args(before)


def test_a_class_of_a_user() -> None:
    """As PyTorch's documentation has it: own parameters, an own expand through _get_checked_instance."""

    class Shifted(d.Normal):
        """A normal distribution around twice a number."""

        def __init__(self, half: Any, validate_args: bool | None = None) -> None:
            self.half = half
            super().__init__(2 * half, 1.0, validate_args=validate_args)

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            new = self._get_checked_instance(Shifted, _instance)
            new.half = self.half.expand(batch_shape)
            return super().expand(batch_shape, _instance=new)

    made_now = Shifted(brasa.ones(2)).expand((3, 2))
    assert isinstance(made_now, Shifted) and tuple(made_now.half.shape) == (3, 2)
    assert made_now.mean.tolist() == [[2.0, 2.0]] * 3

    class Careless(Shifted):
        """One that forgot it."""

        def __init__(self) -> None:
            super().__init__(brasa.ones(1))

    with pytest.raises(NotImplementedError, match="must also define expand"):
        Careless().expand((2,))

    class Coin(d.Distribution):
        """A distribution from nothing."""

        arg_constraints = {"p": constraints.unit_interval}  # noqa: RUF012

        def __init__(self, p: Any) -> None:
            self.p = p
            super().__init__(p.shape)

        def log_prob(self, value: Any) -> Any:
            return self._checked(value) * 0

    assert Coin(ONES / 2).log_prob(ONES).tolist() == [0.0, 0.0, 0.0]


def test_numbers_as_parameters() -> None:
    assert d.Normal(0, 1).loc.dtype is brasa.float32 and d.Normal(0, 1).batch_shape == ()
    assert d.Normal(brasa.zeros(2, dtype=brasa.float64), 1).scale.dtype is brasa.float64
    assert d.Gamma(brasa.ones(2, 1), brasa.ones(3)).batch_shape == (2, 3)
    assert d.HalfNormal(2).sample().shape == () and d.Bernoulli(0.5).sample((2,)).shape == (2,)
    assert d.Normal(0.0, 1.0).sample_n(3).shape == (3,) and abs(d.Uniform(0.0, 2.0).perplexity().item() - 2) < 1e-6


def test_it_is_imported_when_it_is_asked_for() -> None:
    script = (
        "import sys, brasa; assert 'brasa.distributions' not in sys.modules; brasa.distributions.Normal; "
        "from brasa.distributions import Normal, constraints; from brasa.distributions.kl import kl_divergence; "
        "assert not hasattr(brasa, 'distribution')"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
