"""Probability distributions with PyTorch's names: samples, densities, entropies, divergences, transforms."""

from brasa.distributions import constraints as constraints
from brasa.distributions import kl_families as _kl_families  # noqa: F401 (registers formulas)
from brasa.distributions import kl_moments as _kl_moments  # noqa: F401 (registers formulas)
from brasa.distributions import transforms as transforms
from brasa.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from brasa.distributions.beta import Beta, Dirichlet, Kumaraswamy
from brasa.distributions.categorical import Categorical, OneHotCategorical, OneHotCategoricalStraightThrough
from brasa.distributions.constraint_registry import biject_to, transform_to
from brasa.distributions.counts import Binomial, Geometric, Multinomial, NegativeBinomial, Poisson
from brasa.distributions.distribution import Distribution
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.gamma import Chi2, FisherSnedecor, Gamma, InverseGamma, StudentT
from brasa.distributions.independent import Independent
from brasa.distributions.kl import kl_divergence, register_kl
from brasa.distributions.lifetimes import Exponential, GeneralizedPareto, Pareto, Weibull
from brasa.distributions.location_scale import Cauchy, Gumbel, HalfCauchy, Laplace, Uniform
from brasa.distributions.matrices import LKJCholesky, Wishart
from brasa.distributions.mixture import MixtureSameFamily
from brasa.distributions.multivariate_normal import LowRankMultivariateNormal, MultivariateNormal
from brasa.distributions.normal import HalfNormal, LogisticNormal, LogNormal, Normal
from brasa.distributions.relaxed import RelaxedBernoulli, RelaxedOneHotCategorical
from brasa.distributions.transformed import TransformedDistribution
from brasa.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from brasa.distributions.von_mises import VonMises

__all__ = [
    "AbsTransform", "AffineTransform", "Bernoulli", "Beta", "Binomial", "CatTransform", "Categorical", "Cauchy",
    "Chi2", "ComposeTransform", "ContinuousBernoulli", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "Dirichlet", "Distribution", "ExpTransform", "Exponential",
    "ExponentialFamily", "FisherSnedecor", "Gamma", "GeneralizedPareto", "Geometric", "Gumbel", "HalfCauchy",
    "HalfNormal", "Independent", "IndependentTransform", "InverseGamma", "Kumaraswamy", "LKJCholesky",
    "Laplace", "LogNormal", "LogisticNormal", "LowRankMultivariateNormal", "LowerCholeskyTransform",
    "MixtureSameFamily", "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal", "OneHotCategorical",
    "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "PositiveDefiniteTransform", "PowerTransform",
    "RelaxedBernoulli", "RelaxedOneHotCategorical", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "StudentT", "TanhTransform", "Transform",
    "TransformedDistribution", "Uniform", "VonMises", "Weibull", "Wishart", "biject_to", "identity_transform",
    "kl_divergence", "register_kl", "transform_to",
]  # fmt: skip
