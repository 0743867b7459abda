"""Which functions stay calls in a program: those in which gradients meet."""

import pytest

import brasa
from brasa.capture.outline import outline
from brasa.ir.dim import symbol
from brasa.ir.dtype import float32
from brasa.ir.types import TensorType

ROWS, ROW = TensorType((symbol("n"), 4), float32), TensorType((4,), float32)


def calls_in(function, *types, train):
    nodes = outline(function, types, train).nodes
    return [node.attrs["graph"].name for node in nodes if node.op.name == "call"]


@pytest.mark.parametrize(("function", "types", "calls"), [
    (lambda x, y: x * y, (ROWS, ROW), ["mul"]),  # y is repeated
    (lambda x, y: x * y, (ROWS, ROWS), []),
    (lambda x: x * 2.0, (ROWS,), []),  # so is the number, but no gradient comes to it
    (lambda x: x.exp(), (ROWS,), []),
    (lambda x: brasa.sub(x, x, alpha=2.0), (ROWS,), ["sub_scaled"]),  # x is multiplied first
])  # fmt: skip
def test_a_function_in_which_gradients_meet_stays_a_call(function, types, calls):
    assert calls_in(function, *types, train=True) == calls
    assert calls_in(function, *types, train=False) == []
