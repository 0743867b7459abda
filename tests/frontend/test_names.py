"""Names that programs written for PyTorch use beside its operators."""

from __future__ import annotations

import numpy as np
import pytest

import brasa
from brasa import BrasaError
from brasa.nn import functional as F


def test_constants() -> None:
    assert (brasa.pi, brasa.e, brasa.inf) == (np.pi, np.e, np.inf) and np.isnan(brasa.nan)
    assert brasa.ones(2)[brasa.newaxis].shape == (1, 2)


@pytest.mark.parametrize("name", ["abs_", "exp_", "clamp_", "index_put_", "nan_to_num_", "zero_"])
def test_functions_in_place(name: str) -> None:
    extra = {"clamp_": (0.0,), "index_put_": ((brasa.tensor([0]),), brasa.tensor([2.0]))}.get(name, ())
    one, other = brasa.tensor([-1.0, 2.0]), brasa.tensor([-1.0, 2.0])
    assert getattr(brasa, name)(one, *extra) is one
    assert one.tolist() == getattr(other, name)(*extra).tolist()


@pytest.mark.parametrize("name", ["celu", "elu", "hardtanh", "leaky_relu", "relu", "rrelu", "selu", "threshold"])
def test_activations_in_place(name: str) -> None:
    extra = (0.5, 0.0) if name == "threshold" else ()
    x, wanted = brasa.tensor([-1.0, 2.0]), getattr(F, name)(brasa.tensor([-1.0, 2.0]), *extra)
    assert getattr(F, f"{name}_")(x, *extra) is x
    assert x.tolist() == wanted.tolist()


def test_tensors_by_their_oldest_names() -> None:
    assert brasa.Tensor(2, 3).shape == (2, 3) and brasa.Tensor().shape == (0,)
    assert brasa.Tensor([1, 2]).dtype is brasa.float32
    for name, dtype in (("Long", brasa.int64), ("Float", brasa.float32), ("Half", brasa.float16), ("Bool", brasa.bool)):
        make = getattr(brasa, f"{name}Tensor")
        assert make(2, 3).shape == (2, 3) and make([1, 0]).tolist() == [1, 0]
        assert make([1, 0]).dtype is make(1).dtype is dtype


def test_what_is_always_so() -> None:
    brasa.use_deterministic_algorithms(False)
    assert brasa.are_deterministic_algorithms_enabled()
    brasa.set_float32_matmul_precision("medium")
    assert brasa.get_float32_matmul_precision() == "highest"
    with pytest.raises(BrasaError, match="set_float32_matmul_precision: precision must be 'highest', 'high' or"):
        brasa.set_float32_matmul_precision("low")


@pytest.mark.parametrize("shape", [(4,), (2, 3), (3, 1, 5)])
def test_unravel_index(shape: tuple[int, ...]) -> None:
    places = np.arange(np.prod(shape)).reshape(-1, 1)
    found = brasa.unravel_index(brasa.tensor(places), shape)
    for one, other in zip(found, np.unravel_index(places, shape), strict=True):
        assert np.array_equal(one.numpy(), other)
    with pytest.raises(ValueError, match="unravel_index: indices must be integers, they are f32"):
        brasa.unravel_index(brasa.ones(2), shape)


def test_gumbel_softmax() -> None:
    """Samples have the frequencies of softmax; a hard one is a single choice with the soft one's gradient."""
    logits = np.log(np.array([0.1, 0.2, 0.7]))
    many = brasa.tensor(logits).expand(4000, 3)
    brasa.manual_seed(0)
    chosen = F.gumbel_softmax(many, hard=True)
    assert set(chosen.numpy().ravel().tolist()) == {0, 1} and chosen.sum(-1).tolist() == [1.0] * 4000
    np.testing.assert_allclose(chosen.numpy().mean(0), [0.1, 0.2, 0.7], atol=0.03)
    weights = brasa.tensor([1.0, 2.0, 4.0], dtype=brasa.float64)
    gradients = []
    for call in (F.gumbel_softmax, brasa.compile(F.gumbel_softmax)):
        for hard in (False, True):
            x = brasa.tensor(logits, requires_grad=True)
            brasa.manual_seed(1)
            sample = call(x, tau=0.5, hard=hard)
            np.testing.assert_allclose(sample.sum().item(), 1, rtol=1e-12)
            (sample * weights).sum().backward()
            gradients.append(x.grad.tolist())
    assert gradients[0] == gradients[1] == gradients[2] == gradients[3]
    with pytest.raises(TypeError, match="gumbel_softmax: logits must be floats, they are i64"):
        F.gumbel_softmax(brasa.tensor([1, 2]))
