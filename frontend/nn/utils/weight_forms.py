"""Norms of weights, and the power iteration for the largest singular value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.autograd import no_grad
from brasa.functions import pointwise, reduction
from brasa.functions.matrix import dot, mv
from brasa.ir.errors import ValueError
from brasa.nn import functional
from brasa.tensors.tensor import Tensor


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """The norms of the slices along an axis, which stays beside axes of size 1; None: the norm of all."""
    axes = None if dim is None else [axis for axis in range(v.ndim) if axis != dim % v.ndim]
    total = v * v if axes == [] else reduction.sum(v * v, axes, axes is not None)
    return pointwise.sqrt(total)


def with_norms(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """The direction v with the norms g (Salimans and Kingma, "Weight normalization", 2016)."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with the axis first, and all others as one."""
    return weight.moveaxis(dim, 0).flatten(1)


def start_vectors(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Random unit vectors [rows] and [columns]."""
    with no_grad():
        rows, columns = (matrix.new_empty(size).normal_() for size in matrix.shape)
        return functional.normalize(rows, dim=0, eps=eps), functional.normalize(columns, dim=0, eps=eps)


def iterate(matrix: Tensor, u: Tensor, v: Tensor, count: int, eps: float, rows_first: bool) -> None:
    """Move u and v towards the first singular vectors, in place (Miyato et al., "Spectral normalization", 2018)."""
    with no_grad():
        matrix = matrix.detach()
        steps: list[Callable[[], Any]] = [
            lambda: u.copy_(functional.normalize(mv(matrix, v), dim=0, eps=eps)),
            lambda: v.copy_(functional.normalize(mv(matrix.t(), u), dim=0, eps=eps)),
        ]
        for _ in range(count):
            for step in steps if rows_first else reversed(steps):
                step()


def largest_singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """u @ matrix @ v, for copies of u and v: two forwards may come before a backward."""
    return dot(u.clone(), mv(matrix, v.clone()))


def check_iterations(count: int) -> None:
    """Raise an error unless there is a positive number of iterations."""
    if count <= 0:
        raise ValueError(f"n_power_iterations must be positive, found {count}", op="spectral_norm")


def output_axis(module: Any) -> int:
    """The axis of a layer's weight that counts its outputs: the second one of transposed convolutions."""
    return 1 if getattr(module, "transposed", False) else 0
