"""The exponential of matrices, on the host: as kernels its thirty products would take seconds to compile."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.host import check_square, run_into
from brasa.ir.ops.matrices import adjoint, beside, part, stacked
from brasa.ir.ops.source import full_like
from brasa.ir.types import TensorType

_BOUND = 0.75  # up to this norm the polynomial of degree 16 is exact to half a unit in the last place of a double


def _type(x: TensorType) -> TensorType:
    check_square(x)
    return x


def _series(x: Any) -> Any:
    """The plain series of each matrix, halved until it converges at once."""
    norms = np.abs(x).sum(-1)
    halvings = int(np.ceil(np.log2(max(1.0, norms.max(initial=0, where=np.isfinite(norms)) * 8))))
    small = x / 2.0**halvings
    result = term = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    for i in range(1, 25):
        term = np.einsum("...ij,...jk->...ik", term, small) / i
        result = result + term
    for _ in range(halvings):
        result = np.einsum("...ij,...jk->...ik", result, result)
    return result.astype(x.dtype)


def _exponential(x: Any) -> Any:
    """Scaling and squaring, each matrix by its own norm, of the Taylor polynomial of degree 16.

    The polynomial is evaluated by powers of the fourth power (Paterson and Stockmeyer, "On the number of nonscalar
    multiplications necessary to evaluate polynomials", 1973).
    """
    norm = np.abs(x).sum(-1).max(-1, initial=0)[..., None, None]
    steps = np.where(norm > _BOUND, np.ceil(np.log2(np.where(norm > _BOUND, norm, 1) / _BOUND)), 0)
    steps = np.where(np.isfinite(steps), steps, 0)
    small = (x * np.exp2(-steps)).astype(x.dtype)
    powers = [np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape), small]
    for _ in range(3):
        powers.append(powers[-1] @ small)
    result = powers[4] / factorial(16)
    for start in (12, 8, 4, 0):
        for i in range(4):
            result = result + powers[i] / factorial(start + i)
        result = result @ powers[4] if start else result
    for step in range(int(steps.max(initial=0))):
        result = np.where(step < steps, result @ result, result)
    return result.astype(x.dtype)


def _vjp(node: Node, g: Node) -> tuple[Node]:
    """The exponential of [[x.mH, g], [0, x.mH]] has the gradient in its upper right corner."""
    turned = adjoint(node.operands[0])
    whole = stacked(beside(turned, g), beside(full_like(turned, 0), turned))
    size = turned.tensor.shape[-1]
    return (part(part(matrix_exp(whole), -2, 0, size), -1, size, size + size),)


# The exponential of square matrices.
matrix_exp = Op("matrix_exp", Kind.HOST, ("x",), _type, _series, _vjp, run=run_into(_exponential))
