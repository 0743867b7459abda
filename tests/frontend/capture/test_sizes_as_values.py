"""Sizes that are used as numbers: one program for all of them, with eager's bits."""

import math

import numpy as np
import pytest

import brasa
from brasa import nn

pytestmark = pytest.mark.usefixtures("either_way")

SIZES = (5, 7, 5, 9, 6, 7)


def numbers(*shape, seed=0):
    return brasa.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def same(one, other):
    assert one.dtype is other.dtype
    assert one.detach().numpy().tobytes() == other.detach().numpy().tobytes()


VALUES = {
    "a mean": lambda x: x.sum() / x.shape[0],
    "all arithmetic": lambda x: (x * x.shape[0] + x.size(0) - (1 - x.shape[0])) / (x.shape[0] - 1),
    "a number in front": lambda x: x.shape[0] - x.shape[0] / (2 + x.abs()),
    "a bound": lambda x: x.clamp(max=x.shape[0] - 6),
    "compared": lambda x: x * 4 > x.shape[0],
    "in place": lambda x: x.clone().mul_(x.shape[0]),
    "a filled tensor": lambda x: brasa.full((x.shape[0],), x.shape[0]),
    "a new tensor": lambda x: brasa.tensor(x.shape[0]) * x,
    "a list of sizes": lambda x: brasa.tensor([x.shape[0], 2]) * 3,
    "a range": lambda x: brasa.arange(x.shape[0]),
    "a range from a size": lambda x: brasa.arange(x.shape[0] - 2, 2 * x.shape[0], 2),
    "random integers": lambda x: brasa.randint(0, x.shape[0], (6,)),
    "a root": lambda x: x * (1 / math.sqrt(x.shape[0])),
    "powers": lambda x: x / x.shape[0] ** 0.5 + x.shape[0] ** 2 - 0.5 ** x.shape[0],
    "a ratio": lambda x: x * (x.shape[0] / (x.shape[0] + 1)) + float(x.shape[0]) * 0.5,
    "a text": lambda x: x * len(f"{x.shape[0]:05d}"),
    "a root in a step": lambda x: brasa.scan(lambda c, r: (c + r / math.log(x.shape[0]), r), x[0], x)[0],
    "a root in a gradient": lambda x: brasa.func.grad(lambda y: (y * y).sum() / math.sqrt(y.shape[0]))(x),
    "a degree of freedom": lambda x: (x - x.mean()).square().sum() / (x.numel() - 1),
}


@pytest.mark.parametrize("name", VALUES)
def test_one_program_for_a_size_as_a_number(name):
    function = VALUES[name]
    compiled = brasa.compile(function)
    for size in SIZES:
        x = numbers(size, seed=size)
        brasa.manual_seed(size)
        result = compiled(x)
        brasa.manual_seed(size)
        same(result, function(x))
    assert len(brasa.explain(compiled).programs) == 1


def test_numbers_made_of_sizes_are_those_of_each_call():
    """Also where a size comes so often that Python is skipped, and where Python decides by them."""

    def function(x):
        return x * (1 / math.sqrt(x.shape[0])) if x.shape[0] / 2 < 4 else x + x.shape[0] * 0.5

    compiled = brasa.compile(function)
    for size in (5, 5, 5, 5, 7, 5, 7, 7, 9, 6, 9, 9, 11, 5, 11):
        x = numbers(size, seed=size)
        same(compiled(x), function(x))
    assert len(brasa.explain(compiled).programs) == 2


def test_two_computed_sizes_that_agree_are_one():
    """The cache of keys and values of a model that generates."""

    def function(x, keys, values):
        keys, values = brasa.cat([keys, x], 1), brasa.cat([values, x], 1)
        return nn.functional.scaled_dot_product_attention(x, keys, values), keys, values

    compiled = brasa.compile(function)
    keys, values, expected = numbers(2, 3, 4), numbers(2, 3, 4, seed=1), (None,)
    for seed in range(8):
        x = numbers(2, 1, 4, seed=seed)
        expected = function(x, keys, values)
        results = compiled(x, keys, values)
        for one, other in zip(results, expected, strict=True):
            same(one, other)
        _, keys, values = results
    assert len(brasa.explain(compiled).programs) == 1


def test_sizes_that_agree_no_more_are_an_error():
    def function(x, y):
        return brasa.cat([x, x[:1]]) * brasa.cat([y, y[:1]])

    compiled = brasa.compile(function)
    for size in SIZES:
        same(compiled(numbers(size), numbers(size)), function(numbers(size), numbers(size)))
    with pytest.raises(ValueError, match="cannot be broadcast"):
        compiled(numbers(4), numbers(6))
    assert compiled(numbers(4), numbers(4)).tolist() == function(numbers(4), numbers(4)).tolist()


def test_attention_trains_on_every_batch_and_length_in_one_program():
    def made():
        brasa.manual_seed(0)
        layer = nn.MultiheadAttention(4, 2, batch_first=True)
        optimizer = brasa.optim.SGD(layer.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = layer(x, x, x)[0].square().mean()
            loss.backward()
            optimizer.step()
            return loss

        return step

    compiled, eager = brasa.compile(made()), made()
    for batch, length in ((3, 5), (2, 5), (4, 7), (3, 6), (2, 5)):
        x = numbers(batch, length, 4)
        brasa.manual_seed(length)
        result = compiled(x)
        brasa.manual_seed(length)
        same(result, eager(x))
    assert len(brasa.explain(compiled).programs) == 1


def test_a_tensor_of_python_numbers_has_open_sizes():
    def function(x, words):
        places = brasa.tensor(words)
        return x[places] * brasa.tensor([0.5, 2.0, 1.0]), places.sum(), places.shape[0]

    compiled, x = brasa.compile(function), numbers(9, 3)
    for words in ([1, 4], [0, 8, 3, 3], [2], [5, 6, 7], [4, 1]):
        (rows, total, count), expected = compiled(x, words), function(x, words)
        same(rows, expected[0])
        same(total, expected[1])
        assert count == len(words)
    assert len(brasa.explain(compiled).programs) == 1
