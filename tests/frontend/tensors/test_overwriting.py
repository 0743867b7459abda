"""Writes that do not read what they replace: gradients go to what was written, and are 0 for what is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import Tensor

WEIGHT = np.array([3.0, 5.0, 7.0], np.float32)
WRITES: dict[str, tuple[Callable[[Tensor, Tensor], Any], tuple[int, ...]]] = {  # the write, and the places written
    "copy": (lambda y, v: y.copy_(v), (0, 1, 2)),
    "ellipsis": (lambda y, v: y.__setitem__(..., v), (0, 1, 2)),
    "whole": (lambda y, v: y.__setitem__(slice(None), v), (0, 1, 2)),
    "new axis": (lambda y, v: y.__setitem__(None, v), (0, 1, 2)),
    "part": (lambda y, v: y.__setitem__(slice(1, None), v[1:]), (1, 2)),
    "places": (lambda y, v: y.__setitem__(brasa.tensor([2, 0]), v[[2, 0]]), (0, 2)),
    "view": (lambda y, v: y.view(3, 1)[1].copy_(v[1:2]), (1,)),
    "another dtype": (lambda y, v: y.copy_(v.double()), (0, 1, 2)),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", WRITES)
def test_gradients_of_a_write(name: str, compiled: bool) -> None:
    write, places = WRITES[name]
    z, v = brasa.ones(3, requires_grad=True), brasa.ones(3, requires_grad=True)

    def loss(z: Tensor, v: Tensor) -> Tensor:
        y = z * 2
        write(y, v)
        return (y * brasa.from_numpy(WEIGHT)).sum()

    (brasa.compile(loss) if compiled else loss)(z, v).backward()
    written = np.isin(np.arange(3), places)
    assert np.array_equal(z.grad.numpy(), np.where(written, 0, 2 * WEIGHT))
    assert np.array_equal(v.grad.numpy(), np.where(written, WEIGHT, 0))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("write", [Tensor.zero_, lambda y: y.fill_(2.0), Tensor.normal_, lambda y: y[:].uniform_()])
def test_constants_leave_a_gradient_of_0(write: Callable[[Tensor], Any], compiled: bool) -> None:
    z = brasa.ones(3, requires_grad=True)

    def loss(z: Tensor) -> Tensor:
        y = z * 2
        write(y)
        return y.sum()

    (brasa.compile(loss) if compiled else loss)(z).backward()
    assert z.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_read_is_what_was_there_before(compiled: bool) -> None:
    """Memory that is read and written, in places that overlap."""
    x = np.arange(6.0, dtype=np.float32)
    cases: list[tuple[Callable[[Tensor], Any], Any]] = [
        (lambda y: y[1:].add_(y[:-1]), np.concatenate([x[:1], x[1:] + x[:-1]])),
        (lambda y: y[:-1].copy_(y[1:]), np.concatenate([x[1:], x[-1:]])),
        (lambda y: brasa.mul(y[1:], 2, out=y[:-1]), np.concatenate([2 * x[1:], x[-1:]])),
        (lambda y: brasa.gather(y, 0, brasa.tensor([5, 4, 3, 2, 1, 0]), out=y), x[::-1]),
        (lambda y: brasa.cat([y[3:], y[:3]], out=y), np.roll(x, 3)),
    ]
    for write, wanted in cases:
        y = brasa.tensor(x)
        (brasa.compile(write) if compiled else write)(y)
        assert np.array_equal(y.numpy(), wanted)
