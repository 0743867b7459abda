"""Views that are made again: where the first one lay, and of the same gradients, whatever else changes."""

import numpy as np
import pytest

import brasa

VIEWS = [
    (lambda x: x.transpose(0, 1), lambda a: a.swapaxes(0, 1)),
    (lambda x: x.transpose(dim0=-1, dim1=0), lambda a: a.swapaxes(-1, 0)),
    (lambda x: x.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    (lambda x: x.permute((2, 0, 1)), lambda a: a.transpose(2, 0, 1)),
    (lambda x: x.mT, lambda a: a.swapaxes(-1, -2)),
    (lambda x: x[0].T, lambda a: a[0].T),
    (lambda x: x.unsqueeze(1), lambda a: a[:, None]),
    (lambda x: x.unsqueeze(-1).squeeze(-1), lambda a: a),
    (lambda x: x[:1].squeeze(), lambda a: a[0]),
    (lambda x: x[:1].squeeze(dim=0), lambda a: a[0]),
    (lambda x: x[:, :1].squeeze((0, 1)), lambda a: a[:, 0]),
    (lambda x: x.narrow(1, 1, 2), lambda a: a[:, 1:3]),
    (lambda x: x.select(1, -1), lambda a: a[:, -1]),
    (lambda x: x.view(6, 4), lambda a: a.reshape(6, 4)),
    (lambda x: x.view(-1, 2), lambda a: a.reshape(-1, 2)),
    (lambda x: x.view((*x[0].shape, 2)).reshape((4, -1)), lambda a: a.reshape(4, 6)),
    (lambda x: x.flatten(), lambda a: a.reshape(-1)),
    (lambda x: x.flatten(1), lambda a: a.reshape(2, -1)),
    (lambda x: x[:1].expand(5, 3, 4), lambda a: np.broadcast_to(a[:1], (5, 3, 4))),
    (lambda x: x[1], lambda a: a[1]),
    (lambda x: x[-1], lambda a: a[-1]),
    (lambda x: x[1, 2], lambda a: a[1, 2]),
    (lambda x: x[1, 2, 3], lambda a: a[1, 2, 3]),
    (lambda x: x[:, 1], lambda a: a[:, 1]),
    (lambda x: x[..., 1], lambda a: a[..., 1]),
    (lambda x: x[..., None, :2], lambda a: a[..., None, :2]),
    (lambda x: x[:, ::2, 1:3], lambda a: a[:, ::2, 1:3]),
    (lambda x: x[1:, None, -2:], lambda a: a[1:, None, -2:]),
    (lambda x: x.mT[0, 1:], lambda a: a.swapaxes(1, 2)[0, 1:]),
    (lambda x: x.unbind(1)[2], lambda a: a[:, 2]),
    (lambda x: x.chunk(2, dim=2)[1], lambda a: a[..., 2:]),
]


@pytest.mark.parametrize("view, expected", VIEWS)
def test_every_one_is_the_first_one(view, expected):
    generator = np.random.default_rng(0)
    places = expected(np.arange(24).reshape(2, 3, 4))
    for wanted in (False, True, True, False, True):
        values = generator.standard_normal((2, 3, 4)).astype(np.float32)
        x = brasa.tensor(values, requires_grad=wanted)
        seen = view(x)
        assert seen.detach().numpy().tolist() == expected(values).tolist()
        steps = [(size, step * 8) for size, step in zip(seen.shape, seen.stride(), strict=True) if size > 1]
        assert steps == [(size, step) for size, step in zip(places.shape, places.strides, strict=True) if size > 1]
        assert seen.requires_grad is wanted
        with brasa.no_grad():
            assert not view(x).requires_grad
            x.mul_(2.0)
        assert seen.detach().numpy().tolist() == (2 * expected(values)).tolist()
        if wanted:
            weight = generator.standard_normal(places.shape).astype(np.float32)
            again = view(x)
            again.backward(brasa.tensor(weight))
            sums = np.bincount(places.ravel(), weight.ravel(), 24).reshape(2, 3, 4)
            np.testing.assert_allclose(x.grad.numpy(), sums, rtol=1e-6, atol=1e-6)
            assert again.grad_fn.name() == view(x).grad_fn.name()


def test_gradients_of_gradients_go_through_views_of_views():
    for _ in range(3):
        x = brasa.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
        (first,) = brasa.autograd.grad((x[1, 1:] ** 3).sum(), x, create_graph=True)
        (second,) = brasa.autograd.grad(first.sum(), x)
        assert second.tolist() == [[0, 0, 0], [0, 24, 30]]


def test_what_is_written_through_one_has_its_gradient():
    for _ in range(3):
        x = brasa.ones(3, 4, requires_grad=True)
        y = x * 2.0
        y[1, 1:].mul_(5.0)
        y.T[0].zero_()
        y.sum().backward()
        assert x.grad.tolist() == [[0, 2, 2, 2], [0, 10, 10, 10], [0, 2, 2, 2]]


def test_other_memory_and_other_keys_are_not_taken_for_known_ones():
    x = brasa.arange(12).reshape(3, 4)
    turned = brasa.arange(12).reshape(4, 3).T
    for _ in range(2):
        assert x[1].tolist() == [4, 5, 6, 7]
        assert turned[1].tolist() == [1, 4, 7, 10]
        assert x[True].shape == (1, 3, 4)
        assert x.flatten().data_ptr() == x.data_ptr()
        assert turned.flatten().data_ptr() != turned.data_ptr()
        assert turned.flatten().tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
        assert x.double()[1].dtype is brasa.float64
    with pytest.raises(brasa.BrasaError, match="dim must be an int, not bool"):
        x.transpose(0, True)
    with pytest.raises(brasa.BrasaError, match="dim must be an int, not float"):
        x.transpose(0, 1.0)
    with pytest.raises(IndexError, match="outside"):
        x[3]
    with pytest.raises(IndexError, match="outside"):
        x.select(0, 3)
