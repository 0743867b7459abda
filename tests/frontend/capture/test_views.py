"""Views of what comes in: compiled functions give them back as views, with gradients, followed or sealed."""

import numpy as np
import pytest

import brasa


def numbers(*shape, seed=0, requires_grad=False):
    values = np.random.default_rng(seed).standard_normal(shape)
    return brasa.tensor(values.astype(np.float32), requires_grad=requires_grad)


@pytest.mark.parametrize("call", [
    lambda x: x.T, lambda x: x.expand(2, *x.shape), lambda x: x.select(0, 1), lambda x: x.reshape(-1),
    lambda x: x.chunk(2)[1],
])  # fmt: skip
def test_the_gradient_flows_through_a_view_of_an_argument(call):
    compiled = brasa.compile(call, fullgraph=True)
    for shape in ((2, 3), (4, 5), (2, 3)):
        for _ in range(3):
            x, y = numbers(*shape, requires_grad=True), numbers(*shape, requires_grad=True)
            (call(x) * 3.0).sum().backward()
            (compiled(y) * 3.0).sum().backward()
            assert y.grad.tolist() == x.grad.tolist()


def test_a_view_of_an_argument_beside_a_computed_value():
    compiled = brasa.compile(lambda x: (x + 1.0, x.T), fullgraph=True)
    for seed in range(6):  # followed, then sealed
        x = numbers(2, 3, seed=seed)
        more, turned = compiled(x)
        assert more.tolist() == (x + 1.0).tolist()
        assert turned.data_ptr() == x.data_ptr()
        assert turned.tolist() == x.T.tolist()
    assert compiled.sealed


def test_a_view_of_a_written_argument_shares_its_memory():
    def function(x):
        x.add_(1.0)
        return x[0]

    compiled = brasa.compile(function)
    for seed in range(6):
        x = numbers(2, 3, seed=seed)
        want = x.numpy() + np.float32(1)
        row = compiled(x)
        assert row.data_ptr() == x.data_ptr()
        assert row.tolist() == want[0].tolist()


def test_a_detached_view_that_wants_gradients_is_a_leaf():
    def function(x):
        return x.detach().requires_grad_()

    leaf = brasa.compile(function)(numbers(2, requires_grad=True))
    assert leaf.is_leaf
    (leaf * 2.0).sum().backward()
    assert leaf.grad.tolist() == [2.0, 2.0]


def test_only_the_sizes_of_an_argument_are_read():
    compiled = brasa.compile(lambda x: brasa.zeros_like(x), fullgraph=True)
    for shape in ((2, 3), (4, 1), (0, 2), (3, 3), (2, 3)):
        assert compiled(numbers(*shape)).tolist() == np.zeros(shape).tolist()
    several = brasa.compile(lambda x, y: brasa.ones_like(y[:-1]) * x.shape[0], fullgraph=True)
    for rows, columns in ((2, 3), (4, 2), (2, 3)):
        assert several(numbers(rows), numbers(columns)).tolist() == [rows] * (columns - 1)


def test_empty_axes_of_what_was_compiled_for_full_ones():
    compiled = brasa.compile(lambda x: brasa.unbind_copy(x, 0), fullgraph=True)
    for shape in ((5, 5, 5), (5, 0, 5), (5, 2, 0)):
        assert [part.tolist() for part in compiled(brasa.ones(shape))] == [np.ones(shape[1:]).tolist()] * 5


def test_results_that_are_empty_at_constant_sizes():
    compiled = brasa.compile(lambda x, times: x.repeat(times), fullgraph=True)
    for shape, times in (((), (0,)), ((2, 3), (2, 0)), ((0, 2), (2, 0)), ((3, 0), (2, 1, 2)), ((2, 3), (0, 1, 1))):
        assert compiled(brasa.ones(shape), times).tolist() == np.tile(np.ones(shape), times).tolist()


@pytest.mark.filterwarnings("ignore:.*runs eagerly from")
@pytest.mark.parametrize("step", [1, 2])
def test_strided_memory_in_another_shape(step):
    """Whether that is a view hangs on strides which a program does not know; it must not guess."""

    def function(x):
        flat = x.reshape(-1)
        flat[:2] += 1
        return brasa.dot(x.flatten(), x.flatten()) + x.view(-1)[0]

    compiled = brasa.compile(function)
    for shape in ((3, 8), (5, 6)):
        one, other = (brasa.arange(shape[0] * shape[1]).float().reshape(shape)[..., ::step] * 1 for _ in range(2))
        one, other = (brasa.stack([each, each], -1)[..., 0] if step > 1 else each for each in (one, other))
        assert function(one).item() == compiled(other).item() and one.tolist() == other.tolist()


@pytest.mark.parametrize("make", [
    lambda x: x.new_zeros((2, 8, 3)).reshape(2, 4, 2, 3).transpose(1, 2), lambda x: brasa.zeros((3, 2)).copy_(x.T),
    lambda x: (x + 1).T.mul_(2).T,
])  # fmt: skip
def test_computed_memory_is_row_major_whatever_view_gave_its_values(make):
    def function(x):
        whole = make(x)
        whole.reshape(-1).add_(1)  # to a view or to a copy
        return whole

    compiled = brasa.compile(function, fullgraph=True)
    for seed in range(4):
        x = numbers(2, 3, seed=seed)
        assert compiled(x).tolist() == function(x).tolist()


@pytest.mark.parametrize("cut", [lambda x: x[: x.shape[0] // 2], lambda x: x[2:]])
def test_memory_in_another_shape_where_a_computed_size_is_one(cut):
    def function(x):
        rows = x.movedim(0, -1)
        cut(rows).reshape(-1).add_(1)  # a view of one row, a copy of more
        return rows

    compiled = brasa.compile(function, fullgraph=True)
    for columns in (3, 5, 3, 6, 2):
        assert compiled(numbers(4, columns)).tolist() == function(numbers(4, columns)).tolist()


def _scaled(x, i):
    x[i].mul_(x[0])


def _copied(x, i):
    part = x[..., i]
    part.copy_(x[..., 0] * 3)


def _of_a_part(x, i):
    x[i, 1:][0] = 7


def _twice(x, i):
    x[i] *= 2


def _of_what_is_computed(x, i):
    y = x * 2
    y[i].neg_()
    x.copy_(y)


def _read_later(x, i):
    part, view = x[i], x[i][1:]
    x.add_(1)
    part.mul_(3)
    x[0] = view[0]


def _exchanged(x, i):
    part = x[i]
    x[i] = x[0]
    x[0] = part * 2


@pytest.mark.parametrize("write", [_scaled, _copied, _of_a_part, _twice, _of_what_is_computed, _read_later, _exchanged])
def test_what_an_index_tensor_picks_is_a_view(write):
    def gradients(weight, i):
        x = weight * 1.5
        write(x, i)
        return x, brasa.autograd.grad((x * x).sum(), weight)[0]

    i = brasa.tensor(2)
    weight = brasa.arange(9.0).reshape(3, 3).cos().requires_grad_()
    for have, want in zip(brasa.compile(gradients, fullgraph=True)(weight, i), gradients(weight, i), strict=True):
        assert have.tolist() == want.tolist()
    plain = weight.detach()
    have, want = plain.clone(), plain.clone()
    brasa.compile(write, fullgraph=True)(have, i)
    write(want, i)
    assert have.tolist() == want.tolist() != plain.tolist()


def test_gradients_of_a_view_and_of_a_view_of_it_meet_before_they_go_on():
    """As on the tape: what comes to x is one sum for both, which has other last bits than one after the other."""

    def function(x):
        turned = x.T
        return turned, turned[1:], x * 1.01

    compiled = brasa.compile(function)
    for seed in range(6):  # followed, then sealed
        x, y = (numbers(40, 30, seed=seed, requires_grad=True) for _ in range(2))
        grads = [numbers(*shape, seed=seed + i) for i, shape in enumerate([(30, 40), (29, 40), (40, 30)])]
        brasa.autograd.backward(function(x)[:2], grads[:2])
        brasa.autograd.backward(compiled(y)[:2], grads[:2])
        brasa.autograd.backward(function(x), grads)
        brasa.autograd.backward(compiled(y), grads)
        assert y.grad.tolist() == x.grad.tolist()
    assert compiled.sealed


def test_a_view_that_is_returned_twice_is_one_view():
    compiled = brasa.compile(lambda x: 2 * (x.T[0],))
    for seed in range(6):
        first, second = compiled(numbers(2, 3, seed=seed))
        assert first is second
