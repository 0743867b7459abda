"""Distributions of matrices: Wishart's, and that of Lewandowski, Kurowicka and Joe."""

from __future__ import annotations

import math
from typing import Any

from brasa.autograd import no_grad
from brasa.distributions import constraints
from brasa.distributions.beta import Beta
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import normal_numbers
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.multivariate_normal import factor_of, half_log_det, the_matrix
from brasa.distributions.parameters import lazy_property
from brasa.functions.axes import broadcast_shapes
from brasa.functions.gamma_sampling import standard_gamma
from brasa.functions.joining import cat
from brasa.functions.linalg.cholesky import cholesky_inverse
from brasa.functions.special import mvlgamma
from brasa.ir.errors import ValueError
from brasa.linalg import slogdet, solve_triangular
from brasa.tensors.creation import zeros
from brasa.tensors.dtype_facts import finfo
from brasa.tensors.ranges import arange
from brasa.tensors.tensor import Tensor


class Wishart(ExponentialFamily):
    """The distribution of sums of x x.T over df normal vectors x; df may be any number above n - 1.

    Given df and one of covariance_matrix, precision_matrix or scale_tril, the lower triangular factor of the
    covariance of the vectors. ValueError for a df that is too small, or unless one matrix is given; ShapeError for
    what is no matrix.
    """

    arg_constraints = {
        "df": constraints.greater_than(0), "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, df: Any, covariance_matrix: Any = None, precision_matrix: Any = None, scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        name, matrix = the_matrix(given, "Wishart")
        df = df if isinstance(df, Tensor) else matrix.new_full((), df)
        batch, size = broadcast_shapes(matrix.shape[:-2], df.shape), matrix.shape[-1]
        self.__dict__[name] = matrix.expand((*batch, size, size))
        self.df = df.expand(batch)
        super().__init__(batch, (size, size), validate_args=validate_args)
        if self._validate_args and not bool((self.df > size - 1).all()):
            raise ValueError(f"df must be above {int(size) - 1} for matrices of size {int(size)}", op="Wishart")
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    @lazy_property
    def scale_tril(self) -> Any:
        """The lower triangular factor of the covariance of the vectors."""
        return self._unbroadcasted_scale_tril.expand(self._extended_shape())

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance of the vectors."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Any:
        """Its inverse."""
        return cholesky_inverse(self.scale_tril)

    @property
    def _size(self) -> Any:
        return self.event_shape[-1]

    @property
    def _df(self) -> Any:
        return self.df[..., None, None]

    @property
    def mean(self) -> Any:
        return self._df * self.covariance_matrix

    @property
    def mode(self) -> Any:
        """NaN for df below n + 1."""
        factor = self._df - self._size - 1
        return factor.masked_fill(factor <= 0, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Any:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        return self._df * (covariance**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _half_dfs(self) -> Any:
        """Half of df, df - 1, ... along a last dim."""
        return (self.df.unsqueeze(-1) - arange(self._size, dtype=self.df.dtype, device=self.df.device)) / 2

    def rsample(self, sample_shape: Any = ()) -> Any:
        """By Bartlett's decomposition: a triangle of normal numbers, on its diagonal the roots of chi-squared ones."""
        shape = self._extended_shape(sample_shape)
        squares = 2 * standard_gamma(self._half_dfs().expand(shape[:-1]))
        noise = normal_numbers(self.df, shape).tril(-1)
        noise = noise + squares.clamp(min=finfo(noise.dtype).tiny).sqrt().diag_embed()
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def _norm(self) -> Any:
        size, half = self._size, self.df / 2
        return self.df * (half_log_det(self._unbroadcasted_scale_tril) + 0.5 * size * math.log(2)) + mvlgamma(
            half, int(size)
        )  # fmt: skip

    def log_prob(self, value: Any) -> Any:
        value = self._checked(value)
        inner = solve_triangular(self._unbroadcasted_scale_tril, value, upper=False)
        whole = solve_triangular(self._unbroadcasted_scale_tril.mT, inner, upper=True)
        trace = whole.diagonal(dim1=-2, dim2=-1).sum(-1)
        return 0.5 * (self.df - self._size - 1) * slogdet(value).logabsdet - 0.5 * trace - self._norm()

    def entropy(self) -> Any:
        mean_log = self._half_dfs().digamma().sum(-1) + self._size * math.log(2)
        mean_log = mean_log + 2 * half_log_det(self._unbroadcasted_scale_tril)
        return self._norm() - 0.5 * (self.df - self._size - 1) * mean_log + 0.5 * self.df * self._size


class LKJCholesky(Distribution):
    """Lower triangular factors of correlation matrices of size dim, of density det**(concentration - 1) as matrices.

    concentration 1 is even over all correlation matrices (Lewandowski, Kurowicka, Joe, "Generating random correlation
    matrices based on vines and extended onion method", 2009). ValueError for dim below 2.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"dim must be at least 2, it is {dim}", op="LKJCholesky")
        self.dim = dim
        self.concentration = concentration if isinstance(concentration, Tensor) else zeros(()) + concentration
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def _rows(self) -> Any:
        return arange(1, self.dim, dtype=self.concentration.dtype, device=self.concentration.device)

    def sample(self, sample_shape: Any = ()) -> Any:
        """Row by row: a direction, and how much of the norm 1 it takes."""
        with no_grad():
            rows = self._rows()
            b = self.concentration.unsqueeze(-1) + (self.dim - 1 - rows) / 2
            taken = Beta(rows / 2, b, validate_args=False).sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            noise = normal_numbers(self.concentration, (*shape[:-2], self.dim - 1, self.dim)).tril()
            directions = noise / (noise**2).sum(-1, True).sqrt()
            first = noise.new_zeros((*shape[:-2], 1, self.dim))
            below = cat([first, directions * taken.sqrt()], -2)
            rest = cat([taken.new_ones((*shape[:-2], 1)), (1 - taken.squeeze(-1)).sqrt()], -1)
            return below + rest.clamp(min=finfo(rest.dtype).tiny).diag_embed()

    def log_prob(self, value: Any) -> Any:
        rows = self._rows()
        logs = self._checked(value).diagonal(dim1=-2, dim2=-1)[..., 1:].log()
        powers = 2 * (self.concentration.unsqueeze(-1) - 1) + self.dim - 1 - rows
        count = self.dim - 1
        top = self.concentration + 0.5 * count
        norm = 0.5 * count * math.log(math.pi) + mvlgamma(top - 0.5, count) - top.lgamma() * count
        return (powers * logs).sum(-1) - norm
