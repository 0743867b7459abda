"""Pruning: what is chosen, what is chosen next, that it stays zero while training, and removal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.nn.utils import prune


def layer() -> nn.Linear:
    """Weights 1 to 12, with signs."""
    made = nn.Linear(4, 3)
    signs = np.array([1, -1, 1, -1] * 3)
    made.weight.data = brasa.tensor((np.arange(1.0, 13) * signs).reshape(3, 4).astype(np.float32))
    return made


def test_smallest_elements() -> None:
    made, x = layer(), brasa.ones(2, 4)
    assert prune.l1_unstructured(made, "weight", 0.25) is made
    assert list(made.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    assert made.weight_mask.flatten().tolist() == [0.0] * 3 + [1.0] * 9
    prune.l1_unstructured(made, "weight", 2)
    assert made.weight_mask.flatten().tolist() == [0.0] * 5 + [1.0] * 7
    prune.l1_unstructured(made, "weight", 0.5)  # of the seven that are left
    assert made.weight_mask.sum() == 3
    assert prune.is_pruned(nn.Sequential(made))
    optimizer = brasa.optim.SGD(made.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        made(x).square().sum().backward()
        optimizer.step()
    assert made(x) is not None
    assert (made.weight.flatten()[:9] == 0).all()
    original = made.weight_orig
    prune.remove(made, "weight")
    assert made.weight is original
    assert list(made.state_dict()) == ["bias", "weight"]
    assert (made.weight.flatten()[:9] == 0).all()
    assert not prune.is_pruned(made)


def test_slices() -> None:
    made = prune.ln_structured(layer(), "weight", 1, 2, 0)
    assert made.weight_mask.tolist() == [[0.0] * 4, [1.0] * 4, [1.0] * 4]
    prune.ln_structured(made, "weight", 0.5, 1, 0)
    assert made.weight_mask.tolist() == [[0.0] * 4, [0.0] * 4, [1.0] * 4]
    prune.ln_structured(made, "weight", 1, float("inf"), -1)
    assert made.weight_mask.tolist()[2] == [0.0, 1.0, 1.0, 1.0]
    mask = prune.random_structured(layer(), "weight", 2, 1).weight_mask
    assert sorted(mask.sum(0).tolist()) == [0.0, 0.0, 3.0, 3.0]


def test_chance_masks_and_scores() -> None:
    brasa.manual_seed(0)
    masks = [prune.random_unstructured(layer(), "weight", 0.5).weight_mask for _ in range(40)]
    assert all(mask.sum() == 6 for mask in masks)
    share = brasa.stack(masks).mean(0)
    assert share.min() > 0.2 and share.max() < 0.8
    made = prune.custom_from_mask(layer(), "bias", brasa.tensor([0, 1, 1]))
    assert made.bias[0] == 0
    made = prune.l1_unstructured(layer(), "weight", 3, importance_scores=-brasa.arange(12.0).reshape(3, 4))
    assert made.weight_mask.flatten().tolist() == [0.0] * 3 + [1.0] * 9
    assert prune.identity(layer(), "weight").weight_mask.sum() == 12


def test_several_parameters() -> None:
    small, large = layer(), layer()
    large.weight.data.mul_(100)
    prune.global_unstructured([(small, "weight"), (large, "weight")], prune.L1Unstructured, amount=0.5)
    assert small.weight_mask.sum() == 0
    assert large.weight_mask.sum() == 12
    prune.global_unstructured([(small, "weight"), (large, "weight")], prune.L1Unstructured, amount=4)
    assert large.weight_mask.flatten().tolist() == [0.0] * 4 + [1.0] * 8


def test_methods_of_users_and_compiled_programs() -> None:
    class EveryOther(prune.BasePruningMethod):
        def compute_mask(self, t: brasa.Tensor, default_mask: brasa.Tensor) -> brasa.Tensor:
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    made, x = layer(), brasa.ones(1, 4)
    compiled = brasa.compile(made)
    for _ in range(4):
        assert brasa.equal(compiled(x), made(x))
    EveryOther.apply(made, "weight")
    assert made.weight_mask.tolist() == [[0.0, 1.0] * 2] * 3
    assert brasa.equal(compiled(x), made(x))


ERRORS: dict[str, Callable[[], Any]] = {
    "remove: 'weight' of Linear is not pruned": lambda: prune.remove(layer(), "weight"),
    "prune: amount must be a number of elements or a share in 0..1, not 1.5":
        lambda: prune.l1_unstructured(layer(), "weight", 1.5),
    "prune: 13 elements cannot be pruned of 12": lambda: prune.l1_unstructured(layer(), "weight", 13),
    "prune: the scores have the shape [3], the parameter [3, 4]":
        lambda: prune.l1_unstructured(layer(), "weight", 1, importance_scores=brasa.ones(3)),
    "global_unstructured: LnStructured does not prune single elements":
        lambda: prune.global_unstructured([(layer(), "weight")], prune.LnStructured, amount=1, n=1),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
