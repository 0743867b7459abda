"""What compiled functions keep alive: nothing of a call that is over, and the gradients of the last one once."""

import gc
import weakref

import numpy as np
import pytest

import brasa
from brasa import nn

F = nn.functional


def training():
    """A step, its layer, and what it is called with: rows of numbers that are looked up."""
    brasa.manual_seed(0)
    table, layer = nn.Embedding(9, 4), nn.Linear(4, 3)
    optimizer = brasa.optim.SGD([*table.parameters(), *layer.parameters()], lr=0.1, momentum=0.9)

    def step(words):
        optimizer.zero_grad()
        loss = layer(table(words)).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, layer, table, brasa.tensor([1, 2, 2, 5])


def test_no_call_keeps_gradients_of_one_before() -> None:
    step, layer, _, words = training()
    compiled = brasa.compile(step)
    made = []
    gc.disable()
    try:
        for _ in range(6):
            compiled(words)
            made.append(weakref.ref(layer.weight.grad))
            assert [grad() is None for grad in made] == [True] * (len(made) - 1) + [False]
    finally:
        gc.enable()
    assert len(compiled.sealed) == 1


def sealed_step():
    step, layer, table, words = training()
    compiled = brasa.compile(step)
    for _ in range(5):
        compiled(words)
    assert len(compiled.sealed) == 1
    return compiled, layer, table, words


def test_gradients_are_made_where_the_ones_lie_that_they_replace() -> None:
    compiled, layer, table, words = sealed_step()
    places = [tensor.grad.data_ptr() for tensor in (layer.weight, layer.bias, table.weight)]
    compiled(words)
    assert [tensor.grad.data_ptr() for tensor in (layer.weight, layer.bias, table.weight)] == places


@pytest.mark.parametrize("keep", [lambda grad: grad, lambda grad: grad.numpy(), lambda grad: grad[0], np.from_dlpack],
                         ids=["tensor", "array", "view", "dlpack"])  # fmt: skip
def test_gradients_that_somebody_has_stay_as_they_are(keep) -> None:
    compiled, layer, _, words = sealed_step()
    kept = keep(layer.weight.grad)
    before = np.array(kept)
    compiled(words)
    assert np.array_equal(np.array(kept), before)
    assert not np.array_equal(np.array(keep(layer.weight.grad)), before)


def test_memory_that_a_user_made_is_not_written() -> None:
    compiled, layer, _, words = sealed_step()
    mine = np.ones((3, 4), np.float32)
    layer.weight.grad = brasa.from_numpy(mine)
    compiled(words)
    assert np.array_equal(mine, np.ones((3, 4), np.float32))


def test_a_call_that_fails_leaves_the_gradients_of_the_one_before() -> None:
    brasa.manual_seed(0)
    layer, places = nn.Linear(3, 2), brasa.ones(4)
    compiled = brasa.compile(lambda x, at: _late(layer, places, x, at))
    x, at = brasa.rand(2, 3), brasa.tensor([1, 2])
    for _ in range(5):
        compiled(x, at)
    before = layer.weight.grad.numpy().copy()
    with pytest.raises(brasa.BrasaError, match="index 4 is outside"):
        compiled(x + 1, at * 2)
    assert np.array_equal(layer.weight.grad.numpy(), before)


def _late(layer, places, x, at):
    found = places[at].sum()  # eager code fails here, before gradients are dropped
    layer.zero_grad()
    (layer(x).sum() * found).backward()
    return found


def test_gelu_keeps_one_value_for_its_gradient() -> None:
    first, second = nn.Linear(8, 4096, bias=False), nn.Linear(4096, 8, bias=False)

    def step(x):
        second(F.gelu(first(x))).square().mean().backward()

    wide = 512 * 4096 * 4
    planned = brasa.plan(step, brasa.rand(512, 8))
    assert sum(value.nbytes == wide for value in planned.values) == 3  # of which two, and the gradient, meet
    assert 2 * wide < planned.arena_bytes < 3.3 * wide
