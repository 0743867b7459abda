"""Sealed programs take sizes that they have never seen where their guards say so, and nowhere else."""

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.capture.compiled import CompiledFunction

pytestmark = pytest.mark.usefixtures("either_way")


def numbers(*shape, seed=0):
    return brasa.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def bits(result):
    parts = result if isinstance(result, tuple) else (result,)
    return [each.detach().numpy().tobytes() if isinstance(each, brasa.Tensor) else each for each in parts]


def by_inequality(x):
    return x * 2.0 if x.shape[0] > 8 else x - 3.0


def by_failure(x):
    try:
        return x.reshape(2, -1) + 1.0
    except ValueError:
        return x.reshape(1, -1) - 1.0


def by_number(x):
    return x * float(int(x.shape[0]))


def by_product(x):
    rows = x.shape[0] // 2
    return (x[: rows * 2].reshape(rows, 2) + 1.0) if x.shape[0] % 2 else x.sum()


def by_dropout(x):
    return nn.functional.dropout(x, 0.5), brasa.rand(x.shape[0])


def by_drawing_in_a_loop(x):
    drawn = brasa.scan(lambda total, item: (total + item * brasa.rand(()), total), brasa.zeros(()), x)
    return drawn[0] + brasa.rand(())


def by_samples(x):
    return brasa.func.vmap(lambda row: row * 2.0 + row.shape[0])(x.reshape(-1, 1))


SIZED = [
    by_inequality, by_failure, by_number, by_product, by_dropout, by_drawing_in_a_loop, by_samples,
    lambda x: (x * 2.0)[1:], lambda x: (x + 1.0, x.shape[0]), lambda x: x + brasa.arange(x.shape[0]),
]  # fmt: skip


@pytest.mark.parametrize("function", SIZED, ids=lambda each: each.__name__)
def test_every_size_has_eagers_bits(function):
    compiled = brasa.compile(function)
    for size in (4, 4, 4, 4, 4, 6, 12, 5, 9, 8, 1, 3, 12, 7, 16, 4):
        x = numbers(size, seed=size)
        brasa.manual_seed(size)
        expected = (*bits(function(x)), *bits(brasa.rand(2)))
        brasa.manual_seed(size)
        assert (*bits(compiled(x)), *bits(brasa.rand(2))) == expected, size


def test_two_arguments_whose_sizes_meet_or_do_not():
    compiled = brasa.compile(lambda x, y: x * 2.0 + y)
    for _ in range(5):
        compiled(numbers(4, 3), numbers(4, 3))
    for shape, other in (((5, 3), (5, 3)), ((5, 1), (5, 3)), ((1, 3), (2, 3)), ((2, 7), (2, 7)), ((2, 3), (1, 1))):
        x, y = numbers(*shape), numbers(*other, seed=1)
        assert bits(compiled(x, y)) == bits(x * 2.0 + y)
    with pytest.raises(ValueError, match="cannot be broadcast"):
        compiled(numbers(4, 3), numbers(5, 3))


def test_memory_that_lies_otherwise():
    compiled = brasa.compile(lambda x: x.reshape(-1) * 2.0)
    for _ in range(5):
        compiled(numbers(4, 3))
    for x in (numbers(3, 5).T, numbers(6, 6)[:, :4], numbers(5, 2), numbers(2, 1).expand(2, 4)):
        assert bits(compiled(x)) == bits(x.reshape(-1) * 2.0)


def test_new_sizes_are_not_followed(monkeypatch, request):
    if "retraced" in request.node.name:
        pytest.skip("every call is followed")
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    compiled, followed = brasa.compile(model), []
    original = CompiledFunction._followed
    monkeypatch.setattr(CompiledFunction, "_followed", lambda *call: followed.append(1) or original(*call))
    for rows in range(2, 20):
        x = numbers(rows, 3, seed=rows)
        assert bits(compiled(x)) == bits(model(x))
    assert 2 <= len(followed) <= 8
    before = len(followed)
    compiled.eval()
    assert bits(compiled(numbers(40, 3))) == bits(model(numbers(40, 3)))
    assert len(followed) == before + 1  # the mode has changed


def test_a_size_that_is_fixed_stays_fixed():
    compiled = brasa.compile(lambda x: x * 2.0, dynamic=False)
    for size in (3, 3, 3, 3, 3, 4, 5, 4):
        assert bits(compiled(numbers(size))) == bits(numbers(size) * 2.0)
    assert len(brasa.explain(compiled).programs) == 3
