"""`tensor.data = value` in compiled functions: from there on the tensor lies where the value does."""

import numpy as np
import pytest

import brasa
from brasa.tracing.trace import CaptureError


def descent(weight, x):
    (weight * x).square().sum().backward()
    weight.data = weight.data - 0.1 * weight.grad
    weight.grad = None
    (weight * x).exp().sum().backward()
    return weight.grad.clone()


def a_computed_value(weight, x):
    hidden = weight * x
    tripled = hidden * 3
    hidden.data = hidden.data * 5
    (hidden * hidden + tripled).sum().backward()
    return weight.grad.clone()


def what_lay_there_before(weight, x):
    before = weight.data
    weight.data = x * 2
    before.add_(1)
    return before + weight.data


def written_first(weight, x):
    before = weight.detach()
    with brasa.no_grad():
        weight.mul_(2)
    weight.data = x + 1
    return before, weight.detach().clone()


def memory_is_shared_then(weight, x):
    value = x * 2
    weight.data = value
    value.add_(1)
    return weight.detach().clone()


def another_shape(weight, x):
    weight.data = x.expand(2, 3).clone()
    return weight.sum().detach()


PROGRAMS = [
    descent, a_computed_value, what_lay_there_before, written_first, memory_is_shared_then, another_shape,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
@pytest.mark.filterwarnings("ignore::brasa.capture.compiled.CompileWarning")
def test_as_in_eager_mode(program):
    both = []
    for run in (program, brasa.compile(program)):
        seen = []
        for round in range(5):
            weight = brasa.tensor([1.0, -2.0, 0.5 + round], requires_grad=True)
            results = run(weight, brasa.tensor([0.5, 1.0, -1.0]))
            results = results if isinstance(results, tuple) else (results,)
            seen += [each.tolist() for each in (weight, *results)] + [weight.is_leaf, weight.requires_grad]
        both.append(seen)
    assert both[0] == both[1]


@pytest.mark.filterwarnings("ignore::brasa.capture.compiled.CompileWarning")
def test_a_module_that_is_called_again():
    layer, other = (brasa.nn.Linear(3, 1, bias=False) for _ in range(2))
    other.load_state_dict(layer.state_dict())

    def step(layer, x):
        layer(x).square().sum().backward()
        layer.weight.data = layer.weight.data - 0.01 * layer.weight.grad
        layer.weight.grad = None

    compiled = brasa.compile(step)
    for _ in range(6):
        x = brasa.randn(4, 3)
        step(layer, x)
        compiled(other, x)
    np.testing.assert_array_equal(layer.weight.detach().numpy(), other.weight.detach().numpy())


def test_it_is_no_whole_program():
    with pytest.raises(CaptureError, match="data: a tensor is given other memory"):
        brasa.compile(descent, fullgraph=True)(brasa.ones(3, requires_grad=True), brasa.ones(3))
