"""Arguments of the wrong kind: the error says which one, and is also Python's TypeError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import BrasaError
from brasa.nn import functional as F

X = brasa.ones(2, 3)
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: brasa.sin("a"), "sin: input must be a tensor, not str"),
    (lambda: brasa.reshape([1.0], (1,)), "reshape: input must be a tensor, not list"),
    (lambda: brasa.fft.rfft(None), "rfft: input must be a tensor, not NoneType"),
    (lambda: brasa.linalg.inv(3), "linalg.inv: A must be a tensor, not int"),
    (lambda: brasa.linalg.tensorinv(2.5), "linalg.tensorinv: A must be a tensor, not float"),
    (lambda: brasa.meshgrid(X[0], 2), "meshgrid: tensors must be a tensor, not int"),
    (lambda: brasa.meshgrid([X[0], 2]), "meshgrid: tensors must be a tensor, not int"),
    (lambda: brasa.isclose(X, 1.0), "isclose: other must be a tensor, not float"),
    (lambda: X.expand_as(2), "expand_as: other must be a tensor, not int"),
    (lambda: X.index_put((0,), X), "index_put: indices[0] must be a tensor, not int"),
    (lambda: brasa.where(X > 0, X), "where: expected a tensor or a number, found NoneType"),
    (lambda: brasa.narrow(X, 0), "narrow: missing a required argument: 'start'"),
    (lambda: brasa.zeros(2, dtpye=brasa.int64), "zeros: got an unexpected keyword argument 'dtpye'"),
    (lambda: X.view(6, shape=1), "view: got an unexpected keyword argument 'shape'"),
    (lambda: brasa.flip(X, (0,), depth=1), "flip: got an unexpected keyword argument 'depth'"),
    (lambda: brasa.from_dlpack(3), "from_dlpack: expected a tensor or a DLPack capsule, found int"),
    (lambda: brasa.result_type(X, "a"), "expected a tensor or a number, found str"),
    (lambda: brasa.normal(X, None), "normal: mean and std must be tensors or numbers, they are Tensor and NoneType"),
    (lambda: F.gaussian_nll_loss(X, X, "a"), "gaussian_nll_loss: var must be a tensor or a number, not str"),
    (lambda: F.gelu(X, out=3), "gelu: out must be a tensor, not int"),
    *[(lambda name=name: getattr(brasa, name)(2, 3), f"{name}: one of the operands must be a tensor")
      for name in ("xlogy", "bitwise_and", "bitwise_left_shift", "pow", "remainder")],
    *[(lambda name=name: getattr(brasa.special, name)(2, 3), f"{name}: one of the operands must be a tensor")
      for name in ("xlog1py", "zeta", "legendre_polynomial_p")],
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), WRONG, ids=[text for _, text in WRONG])
def test_wrong_kinds(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(BrasaError) as found:
        call()
    assert str(found.value).startswith(text) and isinstance(found.value, TypeError)


SHAPES: list[tuple[Callable[[], Any], str]] = [
    (lambda: F.linear(X, brasa.tensor(1.0)), "linear: weight must have 1 or 2 axes, it has 0"),
    (lambda: brasa.tensor([1, 2]).matrix_power(2), "matrix_power: A must have at least two axes"),
    (lambda: brasa.native_batch_norm(X[0], None, None, None, None, True, 0.1, 1e-5), "native_batch_norm: input must"),
    (lambda: F.multi_margin_loss(X, X[:, 0], weight=X), "multi_margin_loss: weight has shape [2, 3], input [2, 3]"),
    (lambda: F.bilinear(brasa.tensor(1.0), X[0], X[None]), "bilinear: weight must have 3 axes, it has 3"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), SHAPES, ids=[text for _, text in SHAPES])
def test_wrong_shapes(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(BrasaError) as found:
        call()
    assert str(found.value).startswith(text) and isinstance(found.value, ValueError)


def test_errors_of_the_function_itself_pass() -> None:
    """What is no mistake of the caller is not taken for one."""

    class Broken:
        def __index__(self) -> int:
            raise AttributeError("of its own")

    with pytest.raises(AttributeError, match="of its own"):
        brasa.reshape(X, (Broken(),))


@pytest.mark.parametrize("wide", [False, True])
def test_weights_of_covariances_are_not_negative(wide: bool) -> None:
    weights = {"aweights": brasa.tensor([1.0, -1, 1])} if wide else {"fweights": brasa.tensor([1, -1, 1])}
    for call in (brasa.cov, brasa.compile(brasa.cov)):
        with pytest.raises(BrasaError, match="a weight is negative"):
            call(X, **weights)


def test_numbers_of_numpy() -> None:
    """They are numbers as Python's own are; a float is one also where it is whole."""
    for x in (brasa.ones(2), brasa.ones(2, dtype=brasa.int64)):
        for number in (np.bool_(True), np.int64(3), np.float64(2), np.float32(0.5)):
            for call in (brasa.add, brasa.mul, brasa.pow):
                found, wanted = call(x, number), call(x, number.item())
                assert found.dtype is wanted.dtype and found.tolist() == wanted.tolist()
    assert (brasa.ones(2, dtype=brasa.int64) ** 2.0).dtype is brasa.float32
    assert brasa.arange(6)[range(1, 3)].tolist() == [1, 2]


def test_functions_as_methods() -> None:
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert np.isclose(brasa.tensor(matrix).det().item(), 5)
    assert np.allclose([each.item() for each in brasa.tensor(matrix).slogdet()], [1, np.log(5)])
    x = brasa.tensor([1.0, 2.0], dtype=brasa.float64)
    assert np.allclose(x.polygamma(1).numpy(), [np.pi**2 / 6, np.pi**2 / 6 - 1])
    assert x.polygamma_(1) is x and np.isclose(x[0].item(), np.pi**2 / 6)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_norms_of_nothing(shape: tuple[int, int]) -> None:
    """The largest of no numbers is 0; the smallest is an error, as in PyTorch."""
    nothing = brasa.ones(*shape)
    for order in (1, 2, float("inf"), "fro", "nuc"):
        assert brasa.linalg.norm(nothing, order).item() == 0
    with pytest.raises(BrasaError):
        brasa.linalg.norm(nothing, -2)
