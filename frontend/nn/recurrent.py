"""Recurrent layers: networks over sequences, padded to one length or packed."""

from __future__ import annotations

import math
import warnings
from typing import Any

from brasa.functions.gathering import index_select
from brasa.functions.neural.packing import open_size
from brasa.functions.neural.recurrent import gru, lstm, rnn_relu, rnn_tanh
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.nn import init
from brasa.nn.module import Module
from brasa.nn.parameter import Parameter
from brasa.nn.utils.rnn import PackedSequence
from brasa.tensors.creation import empty, zeros
from brasa.tensors.tensor import Tensor

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}
_FUNCTIONS = {"RNN_TANH": rnn_tanh, "RNN_RELU": rnn_relu, "GRU": gru, "LSTM": lstm}


class RNNBase(Module):
    """num_layers layers of one kind over sequences, each in one direction or both; what all kinds share.

    mode: RNN_TANH, RNN_RELU, GRU or LSTM. proj_size: of a projection of an LSTM's hidden state, 0 for none.
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._check_options()
        self.dropout = float(dropout)
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                self._add_weights(layer, f"_l{layer}{suffix}", device, dtype)
        self.reset_parameters()

    def _check_options(self) -> None:
        name = type(self).__name__
        if not isinstance(self.dropout, int | float) or isinstance(self.dropout, bool) or not 0 <= self.dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element "
                             f"being zeroed, not {self.dropout!r}", op=name)  # fmt: skip
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                          f"num_layers greater than 1, but got dropout={self.dropout} and num_layers=1", UserWarning,
                          stacklevel=4)  # fmt: skip
        for option, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, option)
            if not isinstance(value, kind):
                raise ArgumentError(f"{option} should be of type {kind.__name__}, got: {type(value).__name__}", op=name)
        for option in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, option) <= 0:
                raise ValueError(f"{option} must be greater than zero", op=name)
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size, and not negative", op=name)
        if self.mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}", op=name)
        if self.proj_size and self.mode != "LSTM":
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU", op=name)

    def _add_weights(self, layer: int, suffix: str, device: Any, dtype: Any) -> None:
        rows, seen = _GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        below = seen * (1 + self.bidirectional) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, below), "weight_hh": (rows, seen)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name + suffix, Parameter(empty(shape, device=device, dtype=dtype)))
        self._all_weights.append([name + suffix for name in shapes])

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights and biases of each direction of each layer."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Accepted for PyTorch's sake: weights are read where they lie."""

    def extra_repr(self) -> str:
        facts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False),
                            ("dropout", 0), ("bidirectional", False)):  # fmt: skip
            if getattr(self, name) != usual:
                facts.append(f"{name}={getattr(self, name)}")
        return ", ".join(facts)

    # forward

    def _sizes(self) -> tuple[int, ...]:
        """The size of each of the states."""
        hidden = self.proj_size or self.hidden_size
        return (hidden, self.hidden_size) if self.mode == "LSTM" else (hidden,)

    def _initial(self, data: Tensor, rows: Any, given: tuple[Any, ...] | None, order: Tensor | None) -> tuple[Any, ...]:
        """The states before the first moment, in the order of packed sequences: those given, or 0."""
        layers = self.num_layers * (1 + self.bidirectional)
        shapes = [(layers, rows, size) for size in self._sizes()]
        if given is None:
            return tuple(zeros(*shape, dtype=data.dtype, device=data.device) for shape in shapes)
        for state, shape, what in zip(given, shapes, ("hidden", "cell"), strict=False):
            if tuple(state.shape) != shape:
                wanted = tuple(map(int, shape))
                raise ShapeError(f"Expected {what} size {wanted}, got {list(state.shape)}", op=type(self).__name__)
        return given if order is None else tuple(index_select(state, 1, order) for state in given)

    def _check(self, data: Tensor, rank: int) -> None:
        name, weight = type(self).__name__, self.weight_ih_l0
        if data.dtype is not weight.dtype:
            raise ValueError(f"RNN input dtype ({data.dtype}) does not match weight dtype ({weight.dtype}). "
                             f"Convert input: input.to({weight.dtype}), or convert model: model.to({data.dtype})",
                             op=name)  # fmt: skip
        if data.ndim != rank:
            raise ShapeError(f"input must have {rank} dimensions, got {data.ndim}", op=name)
        if data.shape[-1] != self.input_size:
            raise ShapeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                             f"{data.shape[-1]}", op=name)  # fmt: skip

    def _run(self, *arguments: Any, **last: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        weights = [weight for weights in self.all_weights for weight in weights]
        single = arguments[-1] if self.mode == "LSTM" else arguments[-1][0]
        output, *states = _FUNCTIONS[self.mode](
            *arguments[:-1], single, weights, self.bias, self.num_layers, self.dropout, self.training,
            self.bidirectional, *last.values(),
        )  # fmt: skip
        return output, tuple(states)

    def _packed(self, input: PackedSequence, given: tuple[Any, ...] | None) -> tuple[Any, tuple[Any, ...]]:
        data, sizes, order, back = input
        self._check(data, 2)
        initial = self._initial(data, open_size(sizes.tolist()[0]), given, order)
        output, states = self._run(data, sizes, initial)
        if back is not None:
            states = tuple(index_select(state, 1, back) for state in states)
        return PackedSequence(output, sizes, order, back), states

    def _padded(self, input: Tensor, given: tuple[Any, ...] | None) -> tuple[Any, tuple[Any, ...]]:
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise ShapeError(f"Expected input to be 2D or 3D, got {input.ndim}D instead", op=name)
        if given is not None and any(state.ndim != input.ndim for state in given):
            kind = "batched" if input.ndim == 3 else "unbatched"
            ranks = " and ".join(f"{state.ndim}-D" for state in given)
            raise ShapeError(f"For {kind} {input.ndim}-D input, hx should also be {input.ndim}-D but got {ranks}",
                             op=name)  # fmt: skip
        batch_axis = 0 if self.batch_first else 1
        batch: Any = input
        if input.ndim == 2:
            batch = input.unsqueeze(batch_axis)  # type: ignore[attr-defined]
            given = None if given is None else tuple(state.unsqueeze(1) for state in given)
        self._check(batch, 3)
        initial = self._initial(batch, batch.shape[batch_axis], given, None)
        output, states = self._run(batch, initial, batch_first=self.batch_first)
        if input.ndim == 2:
            return output.squeeze(batch_axis), tuple(state.squeeze(1) for state in states)  # type: ignore[attr-defined]
        return output, states

    def _computed(self, input: Any, given: tuple[Any, ...] | None) -> tuple[Any, tuple[Any, ...]]:
        return self._packed(input, given) if isinstance(input, PackedSequence) else self._padded(input, given)


class RNN(RNNBase):
    """Recurrent layers with tanh or relu (Elman, 1990).

    input[time, batch, input_size] (batch first with batch_first, without a batch, or packed) and
    hx[layers * directions, batch, hidden_size] give the output[time, batch, directions * hidden_size] and the last hx.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device: Any = None,
        dtype: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        _reject(options)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.", op="RNN")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (hidden,) = self._computed(input, None if hx is None else (hx,))
        return output, hidden


class GRU(RNNBase):
    """Layers of gated recurrent units (Cho et al., 2014); inputs and results as those of RNN."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        _reject(options)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (hidden,) = self._computed(input, None if hx is None else (hx,))
        return output, hidden


class LSTM(RNNBase):
    """Layers of long short-term memory (Hochreiter and Schmidhuber, 1997; projections: Sak et al., 2014).

    input as that of RNN; hx = (hidden[layers * directions, batch, proj_size or hidden_size], cell[..., hidden_size]).
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        output, (hidden, cell) = self._computed(input, None if hx is None else tuple(hx))
        return output, (hidden, cell)


def _reject(options: dict[str, Any]) -> None:
    """Only an LSTM has projections; anything else is no option of any of them."""
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU", op="RNNBase")
    if options:
        raise ArgumentError(f"got unexpected keyword arguments {', '.join(options)}", op="RNNBase")
