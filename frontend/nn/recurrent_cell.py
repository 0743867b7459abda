"""Recurrent cells: one moment of a recurrent network."""

from __future__ import annotations

import math
from typing import Any

from brasa.functions.neural.recurrent_cells import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from brasa.ir.errors import BrasaError, ShapeError
from brasa.nn import init
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.tensors.creation import empty, zeros
from brasa.tensors.tensor import Tensor


class RNNCellBase(Module):
    """Weights of `num_chunks` gates over an input and over the state before."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        for name, columns in (("ih", input_size), ("hh", hidden_size)):
            setattr(self, f"weight_{name}", Parameter(empty(rows, columns, device=device, dtype=dtype)))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _batched(self, input: Tensor, **states: Tensor | None) -> tuple[Any, ...]:
        """The input and the states as batches, of one row where there was none; states not given are 0."""
        name = type(self).__name__
        for what, each in (("input", input), *states.items()):
            if each is not None and each.ndim not in (1, 2):
                raise ShapeError(f"Expected {what} to be 1D or 2D, got {each.ndim}D instead", op=name)
        rows: Any = input.unsqueeze(0) if input.ndim == 1 else input  # type: ignore[attr-defined]
        given: list[Any] = list(states.values())
        made = [
            zeros(rows.shape[0], self.hidden_size, dtype=input.dtype, device=input.device) if each is None
            else each.unsqueeze(0) if input.ndim == 1 else each
            for each in given
        ]  # fmt: skip
        return rows, *made


class _OneState(RNNCellBase):
    def _computed(self, function: Any, input: Tensor, hx: Tensor | None) -> Tensor:
        rows, hidden = self._batched(input, hidden=hx)
        result = function(rows, hidden, *self._weights)
        return result.squeeze(0) if input.ndim == 1 else result  # type: ignore[no-any-return]


class RNNCell(_OneState):
    """tanh or relu of weighed input and state (Elman, 1990)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise BrasaError(f"Unknown nonlinearity: {self.nonlinearity}", op="RNNCell")
        return self._computed(rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell, input, hx)


class GRUCell(_OneState):
    """A gated recurrent unit (Cho et al., 2014)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._computed(gru_cell, input, hx)


class LSTMCell(RNNCellBase):
    """A cell of a long short-term memory (Hochreiter and Schmidhuber, 1997): (hidden, cell) after one moment."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        given = (None, None) if hx is None else hx
        rows, *states = self._batched(input, **{f"hx[{i}]": each for i, each in enumerate(given)})
        hidden, cell = lstm_cell(rows, tuple(states), *self._weights)
        return (hidden.squeeze(0), cell.squeeze(0)) if input.ndim == 1 else (hidden, cell)  # type: ignore[attr-defined]
