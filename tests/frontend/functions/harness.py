"""What every public function must hold: NumPy's values, finite differences' gradients, the same bits when compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import brasa
from brasa import Tensor

Array = np.ndarray[Any, Any]
_TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-3, "bfloat16": 2e-2}


class Case(NamedTuple):
    """A function of tensors beside its meaning.

    call: takes a tensor for each array, gives one tensor or several. reference: the same of NumPy arrays in float64.
    gradient: whether to compare gradients by the arrays of floats. compiled: whether it is one executable.
    tolerance: relative and absolute, by default what the dtype allows.
    """

    call: Callable[..., Any]
    reference: Callable[..., Any]
    arrays: Sequence[Any]
    gradient: bool = True
    compiled: bool = True
    tolerance: float | None = None


def check(case: Case) -> None:
    """All of it for one case: values in the arrays' dtypes, gradients in float64."""
    check_values(case)
    if case.gradient:
        check_gradients(case)


def check_values(case: Case) -> None:
    """Eager values are the reference's, compiled ones have the same bits."""
    arrays = [np.asarray(a) for a in case.arrays]
    got = flat(case.call(*map(brasa.tensor, arrays)))
    want = _tupled(case.reference(*map(widened, arrays)))
    assert len(got) == len(want), f"{len(got)} results, {len(want)} expected"
    for tensor, value in zip(got, map(np.asarray, want), strict=True):
        have = tensor.detach().numpy()
        assert have.shape == value.shape, f"shape {have.shape}, {value.shape} expected"
        if not (is_float(have) or have.dtype.kind == "c"):
            np.testing.assert_array_equal(have, value)
            continue
        bound = case.tolerance or _TOLERANCE.get(have.dtype.name, 2e-5)
        wide = have if have.dtype.kind == "c" else have.astype(np.float64)
        np.testing.assert_allclose(wide, value, rtol=bound, atol=bound, equal_nan=True)
    if case.compiled:
        compiled = brasa.compile(case.call, fullgraph=True)
        for eager, again in zip(got, flat(compiled(*map(brasa.tensor, arrays))), strict=True):
            same_bits(eager, again)


def check_gradients(case: Case, step: float = 1e-6) -> None:
    """Along one random direction the gradient is what finite differences give; compiled ones have the same bits."""
    rng = np.random.default_rng(3)
    arrays = [widened(np.asarray(array)) for array in case.arrays]
    ways = [_way(rng, a) for a in arrays]
    outputs = [_parts(t) for t in flat(case.call(*map(brasa.tensor, arrays)))]
    weights = [rng.standard_normal(tuple(t.shape)) for t in outputs]

    def loss(call: Callable[..., Any], values: Sequence[Any]) -> tuple[Tensor, list[Tensor]]:
        inputs = [brasa.tensor(a, requires_grad=np.asarray(a).dtype.kind in "fc") for a in values]
        pairs = zip(map(_parts, flat(call(*inputs))), weights, strict=True)
        terms = [(t * brasa.tensor(w)).sum() for t, w in pairs if t.dtype.is_floating_point]
        return sum(terms[1:], terms[0]), inputs

    def moved(by: float) -> list[Any]:
        return [a if way is None else a + by * way for a, way in zip(arrays, ways, strict=True)]

    total, inputs = loss(case.call, arrays)
    total.backward()
    slope = (loss(case.call, moved(step))[0].item() - loss(case.call, moved(-step))[0].item()) / (2 * step)
    along = sum(
        float((t.grad.numpy().conj() * way).real.sum())
        for t, way in zip(inputs, ways, strict=True) if way is not None and t.grad is not None
    )  # fmt: skip
    np.testing.assert_allclose(along, slope, rtol=1e-5, atol=1e-6)
    if case.compiled:
        total, again = loss(brasa.compile(case.call, fullgraph=True), arrays)
        total.backward()
        for one, other in zip(inputs, again, strict=True):
            assert (one.grad is None) == (other.grad is None)
            if one.grad is not None and other.grad is not None:
                same_bits(one.grad, other.grad)


def widened(array: Array) -> Array:
    """The array in double precision, if it holds floats or complex numbers."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64) if _has_gradient(array) else array


def _has_gradient(array: Array) -> bool:
    return is_float(array) or array.dtype.kind == "c"


def _way(rng: np.random.Generator, array: Array) -> Array | None:
    """A random direction for what has a gradient."""
    way = rng.standard_normal(array.shape) if _has_gradient(array) else None
    return way + 1j * rng.standard_normal(array.shape) if way is not None and array.dtype.kind == "c" else way


def _parts(tensor: Tensor) -> Tensor:
    """A complex tensor as its parts."""
    return brasa.view_as_real(tensor) if tensor.is_complex() else tensor


def same_bits(one: Tensor, other: Tensor) -> None:
    """Equal dtype, shape and values, NaN equal to NaN and -0 different from 0."""
    a, b = one.detach().numpy(), other.detach().numpy()
    assert a.dtype == b.dtype and a.shape == b.shape
    if is_float(a):
        assert np.array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))
        a, b = a.astype(np.float64), b.astype(np.float64)
    np.testing.assert_array_equal(a, b)


def is_float(array: Array) -> bool:
    """Whether an array holds real floating-point numbers, bfloat16 included."""
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def flat(result: Any) -> list[Tensor]:
    """The tensors of a result, from left to right."""
    if isinstance(result, tuple | list):
        return [tensor for item in result for tensor in flat(item)]
    return [result]


def _tupled(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, tuple | list) else (result,)
