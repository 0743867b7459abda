"""Parametrizations that keep a property of a weight: its norms, its largest singular value, orthogonality."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.functions.joining import cat
from brasa.functions.linalg.orthogonal import geqrf, householder_product
from brasa.functions.linalg.powers import matrix_exp
from brasa.functions.linalg.solving import solve
from brasa.functions.pointwise import sign, where
from brasa.functions.strided import diagonal
from brasa.ir.errors import ArgumentError, IndexError, NotImplementedError, ShapeError, ValueError
from brasa.nn import functional
from brasa.nn.module import Module
from brasa.nn.utils.parametrize import register_parametrization
from brasa.nn.utils.weight_forms import (
    as_matrix,
    check_iterations,
    iterate,
    largest_singular_value,
    norm_except_dim,
    output_axis,
    start_vectors,
    with_norms,
)
from brasa.tensors.creation import zeros, zeros_like
from brasa.tensors.dtype_facts import finfo
from brasa.tensors.ranges import eye
from brasa.tensors.tensor import Tensor

_MAPS = ("matrix_exp", "cayley", "householder")


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, norms: Tensor, direction: Tensor) -> Tensor:
        return with_norms(norms, direction, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The norms and the direction of a weight."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train norms and direction of a weight apart: original0 holds the norms of the slices along dim, original1 the
    direction. States of the older `nn.utils.weight_norm`, with the names weight_g and weight_v, load too."""
    register_parametrization(module, name, _WeightNorm(None if dim == -1 else dim), unsafe=True)

    def rename(state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        for old, place in (("g", 0), ("v", 1)):
            if f"{prefix}{name}_{old}" in state_dict:
                key = f"{prefix}parametrizations.{name}.original{place}"
                state_dict[key] = state_dict.pop(f"{prefix}{name}_{old}")

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(f"axis {dim} is outside the {weight.ndim} axes of the weight", op="spectral_norm")
        check_iterations(n_power_iterations)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim % weight.ndim, eps
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), self.dim)
            rows, columns = start_vectors(matrix, eps)
            self.register_buffer("_u", rows)
            self.register_buffer("_v", columns)
            iterate(matrix, rows, columns, 15, eps, rows_first=True)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return functional.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            iterate(matrix, self._u, self._v, self.n_power_iterations, self.eps, rows_first=True)
        return weight / largest_singular_value(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which is taken to have the property."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, which follows it by power iterations while training."""
    axis = output_axis(module) if dim is None else dim
    made = _SpectralNorm(getattr(module, name), n_power_iterations, axis, eps)
    return register_parametrization(module, name, made)


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape, self.orthogonal_map = tuple(weight.shape), map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        result = self._reflected(x) if self.orthogonal_map == "householder" else self._turned(x)
        result = self.base @ result if "base" in self._buffers else result
        return result.mT if wide else result

    def _reflected(self, x: Tensor) -> Tensor:
        below = x.tril(-1)
        taus = 2.0 / (1.0 + (below * below).sum(-2))
        return householder_product(below, taus) * diagonal(x, dim1=-2, dim2=-1).detach().round().unsqueeze(-2)

    def _turned(self, x: Tensor) -> Tensor:
        """The map of the skew matrix that the lower triangle holds."""
        rows, columns = int(x.shape[-2]), int(x.shape[-1])
        x = x.tril()
        if rows != columns:
            x = cat([x, zeros(*x.shape[:-1], rows - columns, dtype=x.dtype)], -1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            square = matrix_exp(skew)
        else:
            identity = eye(rows, dtype=x.dtype)
            square = solve(identity - skew * 0.5, identity + skew * 0.5)
        return square[..., :columns]

    @no_grad()
    def right_inverse(self, value: Tensor) -> Tensor:
        """What gives the value, or the orthogonal matrix of its QR decomposition if it is not orthogonal."""
        if tuple(value.shape) != self.shape:
            raise ShapeError(f"the weight has the shape {list(self.shape)}, the value {list(value.shape)}",
                             op="orthogonal")  # fmt: skip
        wide = value.shape[-2] < value.shape[-1]
        tall = value.mT if wide else value
        if "base" in self._buffers:
            self.base = _completed(tall)
            start = zeros_like(value)
            diagonal(start, dim1=-2, dim2=-1).fill_(-1.0)  # every map of this is the identity
            return start
        if self.orthogonal_map != "householder":
            raise NotImplementedError(f"a matrix cannot be assigned to {self.orthogonal_map} without trivialization")
        packed, taus = geqrf(tall)
        corner = diagonal(packed, dim1=-2, dim2=-1)
        corner.copy_(where(taus == 0, -sign(corner), sign(corner)))
        return packed.mT if wide else packed


def _completed(tall: Tensor) -> Tensor:
    """A square orthogonal matrix that starts with the columns of this one, made orthogonal where they are not."""
    rows, columns = int(tall.shape[-2]), int(tall.shape[-1])
    if rows == columns and _is_orthogonal(tall):
        return tall.clone()
    more = tall.new_empty(*tall.shape[:-1], rows - columns).normal_()
    packed, taus = geqrf(cat([tall, more], -1) if rows > columns else tall)
    turned = householder_product(packed, taus)
    return turned * sign(diagonal(packed, dim1=-2, dim2=-1)).unsqueeze(-2)


def _is_orthogonal(square: Tensor) -> bool:
    size = int(square.shape[-1])
    gap = square.mH @ square - eye(size, dtype=square.dtype)
    return bool(gap.abs().max() < 10 * size * finfo(square.dtype).eps)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a weight orthogonal: a matrix, or a batch of them, whose columns (rows, if it is wide) are orthonormal.

    orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square or complex weights, the
    last for others. use_trivialization: compute near the present weight, which makes assigning possible (Lezcano
    Casado, "Trivializations for gradient-based optimization on manifolds", 2019).
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"{type(module).__name__} has no parameter or buffer '{name}'", op="orthogonal")
    if weight.ndim < 2:
        raise ShapeError(f"a matrix is needed, the weight has {weight.ndim} axes", op="orthogonal")
    usual = "matrix_exp" if weight.shape[-2] == weight.shape[-1] or weight.is_complex() else "householder"
    chosen = orthogonal_map or usual
    if chosen not in _MAPS:
        raise ValueError(f"orthogonal_map must be one of {', '.join(_MAPS)}, not {orthogonal_map!r}", op="orthogonal")
    if weight.is_complex() and chosen == "householder":
        raise ValueError("householder is for real weights only", op="orthogonal")
    return register_parametrization(module, name, _Orthogonal(weight, chosen, use_trivialization), unsafe=True)
