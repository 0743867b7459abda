"""Sequential, ModuleList and ModuleDict."""

from __future__ import annotations

import copy
import pickle
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


def test_repeated_sequences() -> None:
    layer = nn.Linear(2, 2)
    twice = nn.Sequential(layer, nn.ReLU()) * 2
    assert [type(module).__name__ for module in twice] == ["Linear", "ReLU"] * 2
    assert twice[2] is layer
    twice *= 2
    assert len(twice) == 8
    assert len(3 * nn.Sequential(layer)) == 3
    with pytest.raises(TypeError, match="the number of repetitions must be a positive int, not 0"):
        nn.Sequential(layer) * 0


def test_parameter_list() -> None:
    values = nn.ParameterList([brasa.ones(2), nn.Parameter(brasa.zeros(1, 3))])
    values.append("a word").extend([brasa.ones(1)])
    assert len(values) == 4
    assert values[2] == "a word"
    assert isinstance(values[-1], nn.Parameter)
    assert [name for name, _ in values.named_parameters()] == ["0", "1", "3"]
    assert list(values[1:]) == [values[1], "a word", values[3]]
    values[0] = brasa.zeros(5)
    assert values[0].shape == (5,)
    values += [brasa.ones(2)]
    assert repr(values[:3]) == (
        "ParameterList(\n  (0): Parameter containing: [brasa.float32 of size 5]\n"
        "  (1): Parameter containing: [brasa.float32 of size 1x3]\n  (2): Object of type: str\n)"
    )
    with pytest.raises(IndexError, match="ParameterList: index 7 is outside the 5 values"):
        values[7]
    with pytest.raises(TypeError, match="ParameterList: expected values, found Tensor"):
        values.extend(brasa.ones(2))
    for each in (copy.deepcopy(values), pickle.loads(pickle.dumps(values))):
        assert list(each.state_dict()) == ["0", "1", "3", "4"]


def test_parameter_dict() -> None:
    values = nn.ParameterDict({"b": brasa.ones(2), "a": nn.Parameter(brasa.zeros(1))})
    assert list(values) == list(values.keys()) == ["b", "a"]
    assert list(reversed(values)) == ["a", "b"]
    assert isinstance(values["b"], nn.Parameter)
    assert "c" not in values
    assert values.get("c") is None
    assert values.setdefault("c", brasa.ones(3)) is values["c"]
    assert [name for name, _ in values.named_parameters()] == ["b", "a", "c"]
    assert values.popitem()[0] == "c"
    assert values.pop("a").shape == (1,)
    assert list(values | {"z": brasa.ones(1)}) == ["b", "z"]
    assert list({"z": brasa.ones(1)} | values) == ["z", "b"]
    values |= {"z": brasa.ones(1)}
    assert len(values) == 2
    assert repr(values).splitlines()[1] == "  (b): Parameter containing: [brasa.float32 of size 2]"
    assert {values, values.copy()} != {values}
    del values["z"]
    assert not hasattr(values, "z")
    values.clear()
    assert len(values) == 0
    with pytest.raises(TypeError, match="ParameterDict: a key must be a str, not int"):
        values[3] = brasa.ones(1)
    with pytest.raises(KeyError):
        values["b"]
    assert list(values.fromkeys(["x", "y"], 1).values()) == [1, 1]


def test_compiled_programs_see_changes_of_parameter_containers() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.list, self.dict = nn.ParameterList([brasa.ones(2)]), nn.ParameterDict({"a": brasa.ones(2)})

        def forward(self, x: brasa.Tensor) -> brasa.Tensor:
            for value in self.list:
                x = x * value
            for value in self.dict.values():
                x = x * value
            return x

    module, x = Weighted(), brasa.ones(2)
    compiled = brasa.compile(module)
    for _ in range(6):
        assert compiled(x).tolist() == [1.0, 1.0]
    module.list.append(brasa.ones(2) * 3)
    assert compiled(x).tolist() == [3.0, 3.0]
    module.dict["b"] = brasa.ones(2) * 5
    assert compiled(x).tolist() == [15.0, 15.0]


def test_synchronised_batch_norm_in_one_process() -> None:
    plain = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm2d(2, affine=False)))
    made = nn.SyncBatchNorm.convert_sync_batchnorm(plain)
    assert made is plain
    assert [type(module) for module in (made[0], made[1][0])] == [nn.SyncBatchNorm] * 2
    x = brasa.rand(4, 3)
    other = nn.BatchNorm1d(3)
    assert brasa.equal(made[0](x), other(x))
    assert brasa.equal(made[0].running_mean, other.running_mean)
    with pytest.raises(ValueError, match="SyncBatchNorm: input must have at least 2 axes, it has 1"):
        made[0](x[0])
