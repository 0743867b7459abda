"""Every public function in all its forms: as a method, in place, with out=, and of tensors that lie otherwise."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import Tensor
from brasa.tracing.operators import OPERATORS
from tests.frontend.functions.harness import flat, same_bits
from tests.house.operators_page import call_of, tensors_for, usual_dtype

_EVERY = 4  # of so many functions one is tried in a plain run


def chosen(names: list[str]) -> list[Any]:
    """The names as parameters; those that a plain run leaves out are marked long."""
    kept = {name: zlib.crc32(name.encode()) % _EVERY == 0 for name in names}
    return [pytest.param(name, marks=[] if kept[name] else [pytest.mark.long]) for name in names]


def with_tensors(*forms: str) -> list[Any]:
    """The functions whose calls hold tensors, and that have all these forms."""
    names = [name for name, operator in OPERATORS.items() if all(getattr(operator, form) for form in forms)]
    return chosen([name for name in names if call_of(name).inputs])


def made(name: str, strided: bool = False) -> list[Tensor]:
    """Tensors for the call, in the usual dtype; strided: the same values in another order, with gaps."""
    tensors = tensors_for(call_of(name), usual_dtype(name))
    return [spread(tensor) for tensor in tensors] if strided else tensors


def spread(tensor: Tensor) -> Tensor:
    """The same elements, every other one of a larger memory whose axes are reversed."""
    if tensor.ndim == 0:
        return tensor
    memory = brasa.zeros([2 * n for n in reversed(tensor.shape)], dtype=tensor.dtype)
    view = memory.permute(*reversed(range(tensor.ndim)))[tuple(slice(None, None, 2) for _ in tensor.shape)]
    view.copy_(tensor)
    return view


def results(name: str, inputs: list[Tensor]) -> list[Tensor]:
    """The tensors that the call gives, with the generator at its start."""
    brasa.manual_seed(0)
    found = call_of(name).function(*inputs)
    return [value for value in flat(found) if isinstance(value, Tensor)]


def defined(name: str) -> bool:
    """Whether the function says what its result holds."""
    return "empty" not in name


def views_memory(name: str) -> bool:
    """Whether the function sees memory in another form, which strides may not allow."""
    return name in ("view", "view_copy", "view_as_complex") or "strid" in name


def close(found: Tensor, wanted: Tensor) -> None:
    """Equal up to the order of sums, which strides may change."""
    assert found.dtype is wanted.dtype
    a, b = found.detach().numpy(), wanted.detach().numpy()
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", with_tensors())
def test_strides_do_not_matter(name: str) -> None:
    if views_memory(name):
        pytest.skip("strides do matter")
    for found, wanted in zip(results(name, made(name, strided=True)), results(name, made(name)), strict=True):
        if defined(name):
            close(found, wanted)


@pytest.mark.parametrize("name", with_tensors("out"))
def test_out(name: str) -> None:
    wanted = results(name, made(name))
    outs = [brasa.empty(0, dtype=each.dtype) for each in wanted]
    inputs = made(name)
    brasa.manual_seed(0)
    call_of(name, "out").function(*inputs, outs[0] if len(outs) == 1 else tuple(outs))
    for out, want in zip(outs, wanted, strict=True):
        if defined(name):
            same_bits(out, want)


@pytest.mark.parametrize("name", with_tensors("in_place", "method"))
def test_in_place(name: str) -> None:
    (wanted,) = results(name, made(name))
    inputs = made(name)
    if wanted.shape != inputs[0].shape:
        pytest.skip("the result does not fit its operand")
    brasa.manual_seed(0)
    given = call_of(name, "in place").function(*inputs)
    assert given is inputs[0]
    same_bits(given, wanted.to(given.dtype))


@pytest.mark.parametrize("name", with_tensors("method"))
def test_methods(name: str) -> None:
    inputs = made(name)
    brasa.manual_seed(0)
    found = flat(call_of(name, "method").function(*inputs))
    wanted = results(name, made(name))
    for one, other in zip([value for value in found if isinstance(value, Tensor)], wanted, strict=True):
        if defined(name):
            same_bits(one, other)
