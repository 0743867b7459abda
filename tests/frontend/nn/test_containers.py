"""Sequential, ModuleList and ModuleDict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn


def layers(count: int) -> list[nn.Module]:
    """Modules that can be told apart."""
    return [nn.LeakyReLU(float(number)) for number in range(count)]


def slopes(modules: Any) -> list[int]:
    """Which of the layers these are."""
    return [int(module.negative_slope) for module in modules]


@pytest.mark.parametrize("make", [lambda items: nn.Sequential(*items), nn.ModuleList])
def test_lists(make: Callable[[list[nn.Module]], Any]) -> None:
    items = layers(8)
    made = make(items[:4])
    assert len(made) == 4
    assert made[-1] is items[3]
    assert slopes(made[1:3]) == [1, 2]
    assert type(made[1:3]) is type(made)
    made[0] = items[5]
    made.append(items[4]).insert(1, items[6])
    made += [items[7]]
    assert slopes(made) == [5, 6, 1, 2, 3, 4, 7]
    assert list(made._modules) == [str(number) for number in range(7)]
    del made[0]
    del made[1:3]
    assert slopes(made) == [6, 3, 4, 7]
    assert made.pop(1) is items[3]
    assert slopes(made + make(items[:1])) == [6, 4, 7, 0]
    assert slopes(reversed(list(made))) == [7, 4, 6]
    with pytest.raises(IndexError, match="index 3 is outside the 3 modules"):
        made[3]
    with pytest.raises(TypeError, match="must be a Module or None, not int"):
        made.append(1)


def test_sequential() -> None:
    named = nn.Sequential(OrderedDict(first=nn.Linear(2, 2), second=nn.Tanh()))
    assert list(named._modules) == ["first", "second"]
    assert named.first is named[0]
    x = brasa.rand(3, 2)
    assert named(x).tolist() == named.second(named.first(x)).tolist()
    assert list(named[:1].state_dict()) == ["first.weight", "first.bias"]
    assert nn.Sequential()(x) is x


def test_a_list_has_no_forward() -> None:
    with pytest.raises(NotImplementedError, match=r"ModuleList does not define forward\(\)"):
        nn.ModuleList()(1)


def test_equal_modules_of_a_list_print_once() -> None:
    made = nn.ModuleList([*(nn.Linear(2, 2) for _ in range(3)), nn.ReLU()])
    assert repr(made) == (
        "ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n  (3): ReLU()\n)"
    )


def test_dicts() -> None:
    first, second = layers(2)
    made = nn.ModuleDict({"a": first})
    made["b"] = second
    assert list(made) == list(made.keys()) == ["a", "b"]
    assert list(made.values()) == [first, second]
    assert dict(made.items()) == {"a": first, "b": second}
    assert "a" in made
    assert made.a is made["a"] is first
    made.update([("a", second)])
    assert made["a"] is second
    assert len(nn.ModuleDict(made)) == 2
    assert made.pop("a") is second
    del made["b"]
    assert len(made) == 0
    made["c"] = first
    made.clear()
    assert repr(made) == "ModuleDict()"
    with pytest.raises(ValueError, match="ModuleDict has an attribute 'keys' already"):
        made["keys"] = first
    with pytest.raises(KeyError):
        made["none"]
