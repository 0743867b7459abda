"""Normal distributions of vectors, of full covariance and of a diagonal plus a matrix of low rank."""

from __future__ import annotations

import math
from typing import Any

from brasa import linalg
from brasa.distributions import constraints
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import normal_numbers
from brasa.distributions.parameters import lazy_property
from brasa.functions.axes import broadcast_shapes
from brasa.functions.linalg.cholesky import cholesky_inverse
from brasa.ir.errors import ShapeError, ValueError
from brasa.tensors.ranges import eye
from brasa.tensors.spec import Size

_MATRICES = ("covariance_matrix", "precision_matrix", "scale_tril")


def the_matrix(given: dict[str, Any], op: str) -> tuple[str, Any]:
    """Name and value of the one matrix that is given.

    ValueError unless there is exactly one, ShapeError for what is no matrix.
    """
    found = [(name, value) for name, value in given.items() if value is not None]
    if len(found) != 1:
        raise ValueError(f"give exactly one of {', '.join(given)}", op=op)
    if found[0][1].ndim < 2:
        raise ShapeError(f"{found[0][0]} needs at least two dims", op=op)
    return found[0]


def identity_like(matrix: Any) -> Any:
    """The identity of the matrices' size."""
    return eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def factor_of(name: str, matrix: Any) -> Any:
    """The lower triangular factor of the covariance, of one of the three matrices.

    A precision's factor is taken with rows and columns in reverse order, so that its inverse is lower again.
    """
    if name == "covariance_matrix":
        return linalg.cholesky(matrix)
    if name == "scale_tril":
        return matrix
    turned = linalg.cholesky(matrix.flip((-2, -1))).flip((-2, -1)).mT
    return linalg.solve_triangular(turned, identity_like(matrix), upper=False)


def squared_distance(factor: Any, away: Any) -> Any:
    """Mahalanobis' distances squared, |factor**-1 away|**2, of vectors over more dims than the factors have.

    The dims in front become the columns of one triangular system for each factor.
    """
    front = away.ndim - factor.ndim + 1
    if front <= 0:
        return (linalg.solve_triangular(factor, away.unsqueeze(-1), upper=False).squeeze(-1) ** 2).sum(-1)
    shape = away.shape
    columns = away.reshape((-1, *shape[front:])).movedim(0, -1)
    squares = (linalg.solve_triangular(factor, columns, upper=False) ** 2).sum(-2)
    return squares.movedim(-1, 0).reshape(shape[:-1])


def half_log_det(factor: Any) -> Any:
    """Half the logarithm of the determinant of what the factor is of."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """The normal distribution of this mean, and one of covariance_matrix, precision_matrix or scale_tril, the lower
    triangular factor of the covariance.

    ShapeError for a loc without dims or a matrix of less than two, ValueError unless one matrix is given.
    """

    arg_constraints = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None, scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if loc.ndim < 1:
            raise ShapeError("loc needs at least one dim", op="MultivariateNormal")
        given = dict(zip(_MATRICES, (covariance_matrix, precision_matrix, scale_tril), strict=True))
        name, matrix = the_matrix(given, "MultivariateNormal")
        batch, size = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]), matrix.shape[-1]
        self.__dict__[name] = matrix.expand((*batch, size, size))
        self.loc = loc.expand((*batch, size))
        super().__init__(batch, (size,), validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    def _spread(self, matrix: Any) -> Any:
        return matrix.expand((*self.batch_shape, *matrix.shape[-2:]))

    @lazy_property
    def scale_tril(self) -> Any:
        """The lower triangular factor of the covariance."""
        return self._spread(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self._spread(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._spread(cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return (self._unbroadcasted_scale_tril**2).sum(-1).expand(self._extended_shape())

    def rsample(self, sample_shape: Any = ()) -> Any:
        noise = normal_numbers(self.loc, self._extended_shape(sample_shape))
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Any:
        factor = self._unbroadcasted_scale_tril
        distance = squared_distance(factor, self._checked(value) - self.loc)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(factor)

    def entropy(self) -> Any:
        whole = 0.5 * self.event_shape[0] * (1 + math.log(2 * math.pi)) + half_log_det(self._unbroadcasted_scale_tril)
        return whole.expand(self.batch_shape)


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of the covariance cov_factor @ cov_factor.mT + diag(cov_diag).

    cov_factor[..., n, k] of a small rank k; all costs are linear in n (Woodbury's formula). ShapeError for shapes that
    do not fit.
    """

    arg_constraints = {
        "loc": constraints.real_vector, "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        if loc.ndim < 1 or cov_factor.ndim < 2 or cov_diag.ndim < 1:
            raise ShapeError("loc and cov_diag need at least one dim, cov_factor two", op="LowRankMultivariateNormal")
        size = loc.shape[-1]
        if cov_factor.shape[-2] != size or cov_diag.shape[-1] != size:
            raise ShapeError(f"for {size} numbers cov_factor has the shape {list(cov_factor.shape)}, cov_diag "
                             f"{list(cov_diag.shape)}", op="LowRankMultivariateNormal")  # fmt: skip
        batch = broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand((*batch, size)), cov_diag.expand((*batch, size))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        super().__init__(batch, (size,), validate_args=validate_args)
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = capacitance_factor(cov_factor, cov_diag)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))
        return new

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self) -> Any:
        """The lower triangular factor of the covariance."""
        return linalg.cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        scaled = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        inner = linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return (1 / self.cov_diag).diag_embed() - inner.mT @ inner

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        few = normal_numbers(self.loc, Size((*shape[:-1], self.cov_factor.shape[-1])))
        low = (self._unbroadcasted_cov_factor @ few.unsqueeze(-1)).squeeze(-1)
        return self.loc + low + self._unbroadcasted_cov_diag.sqrt() * normal_numbers(self.loc, shape)

    def log_prob(self, value: Any) -> Any:
        away = self._checked(value) - self.loc
        factor, diag = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        distance = low_rank_distance(factor, diag, away, self._capacitance_tril)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + low_rank_log_det(self) + distance)

    def entropy(self) -> Any:
        whole = 0.5 * (self.event_shape[0] * (1 + math.log(2 * math.pi)) + low_rank_log_det(self))
        return whole.expand(self.batch_shape)


def capacitance_factor(factor: Any, diag: Any) -> Any:
    """The factor of I + W.T D**-1 W, for W of low rank and D diagonal."""
    matrix = factor.mT @ (factor / diag.unsqueeze(-1))
    return linalg.cholesky(matrix + identity_like(matrix))


def low_rank_log_det(distribution: LowRankMultivariateNormal) -> Any:
    """The logarithm of the covariance's determinant, by the lemma of determinants."""
    logs = distribution._unbroadcasted_cov_diag.log().sum(-1)
    return 2 * half_log_det(distribution._capacitance_tril) + logs


def low_rank_distance(factor: Any, diag: Any, away: Any, capacitance: Any) -> Any:
    """Mahalanobis' distances squared for the covariance W W.T + D, by Woodbury's formula."""
    scaled = (factor.mT @ (away / diag).unsqueeze(-1)).squeeze(-1)
    return (away**2 / diag).sum(-1) - squared_distance(capacitance, scaled)
