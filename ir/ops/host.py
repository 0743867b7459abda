"""Ops of the host: what NumPy's LAPACK and FFT compute, between kernels. Shapes only; the ops stand in other files.

A host op is a record of kind HOST like any other, with one field more:

    run(operands, results, **attrs)     fills the arrays `results`, given the arrays `operands`

The arrays are row-major and 64-byte aligned; operands are read-only. Leading axes are a batch, and each matrix of it
must come out as it would alone: that is how NumPy's linear algebra and FFT work, on the one thread that they are held
at. Sizes are those of the arrays: what an op cannot tell from its operands' shapes it reads off the shapes of its
results, or off an attribute that is a size, which arrives as an int. A LinAlgError raised in `run` is the user's error.
`evaluate` stays what it is for all ops, the plain meaning that tests judge `run` by; so it is not `run` again.

    fourier = Op(
        "fourier", Kind.HOST, ("x",),
        infer=lambda x: x,
        evaluate=lambda x: np.einsum("...k,kj->...j", x, np.exp(-2j * np.pi * np.outer(*2 * [np.arange(n)]) / n)),
        vjp=lambda node, g: (conj(inverse_fourier(conj(g))),),
        run=run_into(lambda x: np.fft.fft(x)),
    )

It stands in a file of brasa.ir.ops that `brasa.ir.ops.__init__` lists, and has samples in tests/samples like every op.
An op with several results has a tuple as its type; functions take them apart with `apply_several`. Its vjp is given a
tuple of gradients, None for a result that has none, and must be written with ops that can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.errors import DTypeError, LinAlgError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.types import TensorType


def run_into(compute: Callable[..., Any]) -> Callable[..., None]:
    """The `run` of an op whose results a NumPy function returns."""

    def run(operands: Sequence[Any], results: Sequence[Any], **attrs: Any) -> None:
        made = compute(*operands, **attrs)
        for result, value in zip(results, made if isinstance(made, tuple) else (made,), strict=True):
            result[...] = value

    return run


def check_factorizable(x: TensorType) -> None:
    """Raise unless x is a batch of matrices of a dtype that LAPACK knows."""
    if x.dtype.kind not in ("float", "complex") or x.dtype.bits < 32:
        raise DTypeError(f"is not defined for {x.dtype.name}")
    if x.rank < 2:
        raise ShapeError(f"x is {x}, which has fewer than two axes")


def check_square(x: TensorType, name: str = "x") -> None:
    """Raise unless x is a batch of square matrices of a dtype that LAPACK knows."""
    check_factorizable(x)
    if not dim.equal(x.shape[-1], x.shape[-2]):
        raise ShapeError(f"{name} is {x}, whose matrices are not square")


def _require_type(x: TensorType, info: TensorType, *, caller: str, reason: str) -> TensorType:
    if info.dtype.kind not in ("int", "bool"):
        raise DTypeError(f"info is {info.dtype.name}, not an integer")
    return x


def _require_value(x: Any, info: Any, *, caller: str, reason: str) -> Any:
    failed = np.flatnonzero(info)
    if failed.size:
        place = f"(Batch element {failed[0]}): " if info.ndim else ""
        raise LinAlgError(place + reason.replace("{info}", str(info.flat[failed[0]])), op=caller)
    return x


def _require_vjp(node: Node, g: Node) -> tuple[Node, None]:
    return g, None


# x itself, where every element of info is 0; else a LinAlgError of the function `caller`, whose reason may speak of
# the number {info}.
require = Op(
    "require", Kind.HOST, ("x", "info"), _require_type, _require_value, _require_vjp, run=run_into(_require_value)
)
