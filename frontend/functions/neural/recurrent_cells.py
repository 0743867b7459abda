"""Cells of recurrent networks: what one moment makes of an input and the state before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.functions.matrix import multiplied
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.errors import ShapeError
from brasa.ir.ops import move
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, permute, type_of

__all__ = ["gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"]


def affine(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """input[n, in] @ weight[out, in].T + bias[out], inside a function."""
    result = multiplied(input, permute(weight, (1, 0)))
    return result if bias is None else pointwise.add(result, bias)


def _gates(x: Tensor, count: int) -> list[Tensor]:
    """x[n, count * size] cut into parts [n, size]."""
    rows, width = type_of(x).shape
    size = width // count
    return [
        apply(move.slice_, x, starts=(0, number * size), sizes=(rows, size), steps=(1, 1)) for number in range(count)
    ]


def lstm_moment(sums: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """(hidden, cell) of a long short-term memory, given the sums of its four gates (Hochreiter et al., 1997)."""
    wide, before = widened(sums, cell)
    enter, forget, new, leave = _gates(wide, 4)
    kept = pointwise.mul(pointwise.sigmoid(forget), before)
    after = pointwise.add(kept, pointwise.mul(pointwise.sigmoid(enter), pointwise.tanh(new)))
    return rounded(pointwise.mul(pointwise.sigmoid(leave), pointwise.tanh(after)), sums), rounded(after, sums)


def gru_moment(inner: Tensor, outer: Tensor, hidden: Tensor) -> Tensor:
    """The state of a gated recurrent unit, given its sums over the input and over the state (Cho et al., 2014)."""
    x, h, before = widened(inner, outer, hidden)
    (reset, update, new), (reset_h, update_h, new_h) = _gates(x, 3), _gates(h, 3)
    r, z = pointwise.sigmoid(pointwise.add(reset, reset_h)), pointwise.sigmoid(pointwise.add(update, update_h))
    made = pointwise.tanh(pointwise.add(new, pointwise.mul(r, new_h)))
    return rounded(pointwise.add(made, pointwise.mul(z, pointwise.sub(before, made))), hidden)


@function(fixed=("w_ih", "w_hh"))
def _lstm_cell(
    input: Tensor, hidden: Tensor, cell: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> tuple[Tensor, Tensor]:
    return lstm_moment(pointwise.add(affine(input, w_ih, b_ih), affine(hidden, w_hh, b_hh)), cell)


@function(fixed=("w_ih", "w_hh"))
def _gru_cell(
    input: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> Tensor:
    return gru_moment(affine(input, w_ih, b_ih), affine(hidden, w_hh, b_hh), hidden)


@function(fixed=("w_ih", "w_hh"))
def _rnn_tanh_cell(
    input: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> Tensor:
    return pointwise.tanh(pointwise.add(affine(input, w_ih, b_ih), affine(hidden, w_hh, b_hh)))


@function(fixed=("w_ih", "w_hh"))
def _rnn_relu_cell(
    input: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> Tensor:
    return pointwise.relu(pointwise.add(affine(input, w_ih, b_ih), affine(hidden, w_hh, b_hh)))


def _check(op: str, gates: int, input: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor | None]) -> None:
    w_ih, w_hh, *biases = weights
    require_tensors(op, input=input, w_ih=w_ih, w_hh=w_hh, **{f"hx[{i}]": each for i, each in enumerate(states)})
    assert w_ih is not None and w_hh is not None
    if input.ndim != 2 or any(state.ndim != 2 for state in states) or w_ih.ndim != 2 or w_hh.ndim != 2:
        raise ShapeError("input, hidden state and weights must be matrices", op=op)
    if input.shape[1] != w_ih.shape[1]:
        raise ShapeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}", op=op)
    size = w_hh.shape[1]
    for number, state in enumerate(states):
        if state.shape[0] != input.shape[0]:
            raise ShapeError(f"Input batch size {input.shape[0]} doesn't match hidden{number} batch size "
                             f"{state.shape[0]}", op=op)  # fmt: skip
        if state.shape[1] != size:
            raise ShapeError(f"hidden{number} has inconsistent hidden_size: got {state.shape[1]}, expected {size}",
                             op=op)  # fmt: skip
    for each in (w_ih, w_hh, *biases):
        if each is not None and each.shape[0] != gates * size:
            raise ShapeError(f"weights and biases of {gates} gates of {size} must have {gates * size} rows, not "
                             f"{each.shape[0]}", op=op)  # fmt: skip


def _one_state(name: str, gates: int, compute: Callable[..., Tensor], doc: str) -> Any:
    def build(
        input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
    ) -> Tensor:
        _check(name, gates, input, (hx,), (w_ih, w_hh, b_ih, b_hh))
        return compute(input, hx, w_ih, w_hh, b_ih, b_hh)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"{doc}\n\n    input[n, in] and hx[n, size] give [n, size]; weights have {gates} * size rows."
    return operator()(build)


rnn_tanh_cell = _one_state("rnn_tanh_cell", 1, _rnn_tanh_cell, "tanh of the weighed input and state (Elman, 1990).")
rnn_relu_cell = _one_state("rnn_relu_cell", 1, _rnn_relu_cell, "relu of the weighed input and state.")
gru_cell = _one_state("gru_cell", 3, _gru_cell, "One moment of a gated recurrent unit (Cho et al., 2014).")


@operator()
def lstm_cell(
    input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One moment of a long short-term memory (Hochreiter and Schmidhuber, 1997): its hidden and its cell state.

    input[n, in] and hx = (hidden[n, size], cell[n, size]); weights have 4 * size rows: those of the gates that let in,
    keep, make new, and let out.
    """
    hidden, cell = hx
    _check("lstm_cell", 4, input, (hidden, cell), (w_ih, w_hh, b_ih, b_hh))
    return _lstm_cell(input, hidden, cell, w_ih, w_hh, b_ih, b_hh)
