"""inspect: which tensors live, what they are called, and where they were born."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.seeing.inspection import LiveTensor
from brasa.tensors.tensor import make, make_tensors_with
from brasa.tracing.trace import Trace


class Perceptron(nn.Module):
    """One layer in another, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, 3)
        self.register_buffer("scale", brasa.full((3,), 2.0))

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        """Scaled."""
        return self.layer(x) * self.scale


@pytest.fixture(autouse=True)
def _only_what_is_new() -> Iterator[None]:
    """Hide what other tests have left from the search for live tensors, which would go through all of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def named() -> dict[str, LiveTensor]:
    """What is alive, by name."""
    return {tensor.name: tensor for tensor in brasa.inspect() if "Perceptron" in tensor.name}


def test_names() -> None:
    model = Perceptron()
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(brasa.ones(2, 7)).sum().backward()
    optimizer.step()
    row = model.layer.weight.detach()[1]
    found = named()
    assert set(found) == {
        "Perceptron.layer.weight", "Perceptron.layer.bias", "Perceptron.scale", "gradient of Perceptron.layer.weight",
        "gradient of Perceptron.layer.bias", "SGD momentum_buffer of Perceptron.layer.weight",
        "SGD momentum_buffer of Perceptron.layer.bias", "view of Perceptron.layer.weight",
    }  # fmt: skip
    weight = found["Perceptron.layer.weight"]
    assert (weight.shape, weight.dtype, str(weight.device)) == ((3, 7), brasa.float32, "cpu")
    assert (weight.requires_grad, weight.has_grad, weight.nbytes, weight.born) == (True, True, 84, "")
    view = found["view of Perceptron.layer.weight"]
    assert (view.nbytes, view.memory) == (row.nbytes, weight.memory)
    second = Perceptron()
    assert "Perceptron#2.scale" in named()
    del model, optimizer, row, second
    assert named() == {}


def test_totals() -> None:
    before = brasa.inspect()
    big = brasa.zeros(1 << 16)
    parts = [big[:10], big.view(256, 256)]
    after = brasa.inspect()
    assert len(after) == len(before) + 3
    assert after.total_bytes - before.total_bytes == big.nbytes
    assert [tensor.shape for tensor in after][:2] in ([(1 << 16,), (256, 256)], [(256, 256), (1 << 16,)])
    del parts


def lines_of(function: Callable[..., Any]) -> int:
    """The line that a function starts in."""
    return function.__code__.co_firstlineno


def test_births() -> None:
    with brasa.inspect.recording():
        model = Perceptron()
        made = model(brasa.ones(2, 7)) + 1
        seen = {tensor.name: tensor.born for tensor in brasa.inspect() if tensor.born}
        shown = str(brasa.inspect())
        plain = [tensor.born for tensor in brasa.inspect() if tensor.memory[0] == made.data_ptr()]
    first = lines_of(test_births)
    assert seen["Perceptron.scale"] == f"test_inspection.py:{lines_of(Perceptron.__init__) + 3}"
    assert seen["Perceptron.layer.weight"] == f"test_inspection.py:{lines_of(Perceptron.__init__) + 2}"
    assert plain == [f"test_inspection.py:{first + 3}"]
    assert f"Perceptron.scale{' ' * 5}" in shown and shown.endswith("of memory")
    assert brasa.inspect()._repr_html_().count("<tr>") == len(brasa.inspect()) + 1


def test_births_in_compiled_programs() -> None:
    layer = nn.Linear(3, 2)
    step = brasa.compile(lambda x: layer(x) * 2)
    with brasa.inspect.recording():
        results = [step(brasa.ones(1, 3)) for _ in range(5)]
        born = {
            tensor.born for tensor in brasa.inspect() for result in results if tensor.memory[0] == result.data_ptr()
        }
    line = lines_of(test_births_in_compiled_programs)
    assert born <= {f"test_inspection.py:{line + 2}", f"test_inspection.py:{line + 4}"} and born


def test_nothing_is_recorded_otherwise() -> None:
    alias, parameter = Trace.alias, nn.Parameter.__init__
    with brasa.inspect.recording(), brasa.inspect.recording():
        assert Trace.alias is not alias
    assert (Trace.alias, nn.Parameter.__init__) == (alias, parameter)
    new = make_tensors_with(object.__new__)
    assert new is object.__new__
    tensor = brasa.ones(3)
    assert "_born" not in vars(tensor)
    calls: list[Any] = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        make(tensor._buffer, tensor._spec)
    finally:
        sys.setprofile(None)
    assert calls == ["make"]
