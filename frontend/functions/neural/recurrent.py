"""Recurrent networks over whole sequences, of one length or packed: layers, directions, and the time in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.joining import cat, stack
from brasa.functions.matrix import linear
from brasa.functions.neural.dropout import dropout as drop
from brasa.functions.neural.packing import States, padded_places, scanned
from brasa.functions.neural.recurrent_cells import affine, gru_moment, lstm_moment
from brasa.ir.errors import ArgumentError, ShapeError
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]

# A layer over all its moments: sums[time, row, gate] over the input, states[row, size]. What a moment sums up is a
# result too, so that backward need not multiply again. Packed: sums[row of the data, gate], and the places of packing.


@function(fixed=("w_hh", "w_hr"))
def _lstm_layer(
    sums: Tensor, hidden: Tensor, cell: Tensor, groups: Sequence[Tensor], order: Tensor | None, w_hh: Tensor,
    w_hr: Tensor | None, backwards: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    def step(states: States, moment: Tensor) -> tuple[States, States]:
        total = pointwise.add(affine(states[0], w_hh, None), moment)
        after, kept = lstm_moment(total, states[1])
        after = after if w_hr is None else affine(after, w_hr, None)
        return (after, kept), (after, total)

    seen, hidden, cell = scanned(step, (hidden, cell), sums, groups, order, backwards)
    return seen, hidden, cell


@function(fixed=("w_hh",))
def _gru_layer(
    sums: Tensor, hidden: Tensor, groups: Sequence[Tensor], order: Tensor | None, w_hh: Tensor, b_hh: Tensor | None,
    backwards: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    def step(states: States, moment: Tensor) -> tuple[States, States]:
        total = affine(states[0], w_hh, b_hh)
        after = gru_moment(moment, total, states[0])
        return (after,), (after, total)

    seen, hidden = scanned(step, (hidden,), sums, groups, order, backwards)
    return seen, hidden


@function(fixed=("w_hh",))
def _rnn_layer(
    sums: Tensor, hidden: Tensor, groups: Sequence[Tensor], order: Tensor | None, w_hh: Tensor, tanh: bool,
    backwards: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    def step(states: States, moment: Tensor) -> tuple[States, States]:
        total = pointwise.add(affine(states[0], w_hh, None), moment)
        after = pointwise.tanh(total) if tanh else pointwise.relu(total)
        return (after,), (after, total)

    seen, hidden = scanned(step, (hidden,), sums, groups, order, backwards)
    return seen, hidden


class _Weights(NamedTuple):
    """Those of one direction of one layer. w_hr: of a projection of the hidden state, if there is one."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None


class _Kind(NamedTuple):
    """A kind of network. layer: (sums over the input, *states, groups, order, *of, backwards) -> hidden states, last
    states.

    of: what a layer needs besides. apart: whether the state's bias must stay apart from the input's.
    """

    op: str
    layer: Callable[..., States]
    of: Callable[[_Weights], tuple[Any, ...]]
    apart: bool = False


_LSTM = _Kind("lstm", _lstm_layer, lambda weights: (weights.w_hh, weights.w_hr))
_GRU = _Kind("gru", _gru_layer, lambda weights: (weights.w_hh, weights.b_hh), apart=True)
_RNN_TANH = _Kind("rnn_tanh", _rnn_layer, lambda weights: (weights.w_hh, True))
_RNN_RELU = _Kind("rnn_relu", _rnn_layer, lambda weights: (weights.w_hh, False))


class _Network(NamedTuple):
    """What a call says of a network but its data and states."""

    params: Sequence[Tensor]
    has_biases: bool
    num_layers: int
    dropout: float
    train: bool
    bidirectional: bool

    def weights(self, kind: _Kind, projected: bool) -> list[_Weights]:
        """The weights of each direction of each layer."""
        each = 2 + 2 * self.has_biases + projected
        count = self.num_layers * (1 + self.bidirectional)
        if len(self.params) != each * count:
            raise ArgumentError(f"needs {each * count} weights, {each} for each direction of each layer, not "
                                f"{len(self.params)}", op=kind.op)  # fmt: skip
        require_tensors(kind.op, **{f"params[{i}]": param for i, param in enumerate(self.params)})
        found = []
        for start in range(0, each * count, each):
            w_ih, w_hh, *rest = self.params[start : start + each]
            w_hr = rest.pop() if projected else None
            found.append(_Weights(w_ih, w_hh, *(rest or (None, None)), w_hr))
        return found


class _Moments(NamedTuple):
    """The moments of the data: so many of all rows, or those of packed data in groups, and its order (`packing`)."""

    times: Any
    rows: Any
    groups: Sequence[Tensor] = ()
    order: Tensor | None = None


def _direction(
    kind: _Kind, data: Tensor, moments: _Moments, initial: States, weights: _Weights, backwards: bool
) -> tuple[Tensor, States]:
    """One layer in one direction over rows: hidden states as rows, and the states that each sequence ends in."""
    bias = weights.b_ih
    if bias is not None and weights.b_hh is not None and not kind.apart:
        bias = pointwise.add(bias, weights.b_hh)
    sums = linear(data, weights.w_ih, bias)
    if moments.order is None:
        sums = reshape(sums, (moments.times, moments.rows, -1))
    seen, *ends = kind.layer(sums, *initial, moments.groups, moments.order, *kind.of(weights), backwards)
    return seen if moments.order is not None else reshape(seen, (moments.times * moments.rows, -1)), tuple(ends)


def _network(kind: _Kind, data: Tensor, moments: _Moments, initial: States, network: _Network) -> tuple[Tensor, States]:
    """All layers over rows."""
    projected = len(initial) == 2 and initial[0].shape[2] != initial[1].shape[2]
    weights, directions = network.weights(kind, projected), 1 + network.bidirectional
    _check(kind, data, moments.rows, initial, weights)
    ends: list[States] = []
    for layer in range(network.num_layers):
        seen = []
        for number in range(layer * directions, (layer + 1) * directions):
            states = tuple(state[number] for state in initial)
            backwards = number % directions == 1
            hidden, end = _direction(kind, data, moments, states, weights[number], backwards)
            seen.append(hidden)
            ends.append(end)
        data = seen[0] if directions == 1 else cat(seen, 1)
        if layer < network.num_layers - 1:
            data = drop(data, network.dropout, network.train)
    return data, tuple(stack(each) for each in zip(*ends, strict=True))


def _check(kind: _Kind, data: Tensor, rows: Any, initial: States, weights: Sequence[_Weights]) -> None:
    if data.shape[1] != weights[0].w_ih.shape[1]:
        raise ShapeError(f"input has {data.shape[1]} features, the first weight is for {weights[0].w_ih.shape[1]}",
                         op=kind.op)  # fmt: skip
    sizes = [weights[0].w_hh.shape[1], *([initial[1].shape[2]] if len(initial) == 2 else [])]
    for state, size in zip(initial, sizes, strict=True):
        if tuple(state.shape) != (len(weights), rows, size):
            raise ShapeError(f"Expected hidden size {(len(weights), int(rows), int(size))}, got {list(state.shape)}",
                             op=kind.op)  # fmt: skip


def _called(kind: _Kind, states: Any, input: Any, hx: Any, rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """The network over a padded batch, or over packed data: then `hx` holds the sizes of its batches."""
    if isinstance(rest[1], bool):
        params, has_biases, num_layers, dropout, train, bidirectional, batch_first = rest
        initial = states(hx)
        require_tensors(kind.op, input=input, **{f"hx[{i}]": each for i, each in enumerate(initial)})
        if input.ndim != 3:
            raise ShapeError(f"input must have 3 axes, it has {input.ndim}", op=kind.op)
        rows = input.transpose(0, 1) if batch_first else input
        times, batch = rows.shape[0], rows.shape[1]
        if not times:
            raise ShapeError("Expected sequence length to be larger than 0 in RNN", op=kind.op)
        network = _Network(params, has_biases, num_layers, dropout, train, bidirectional)
        data, ends = _network(
            kind, reshape(rows, (times * batch, rows.shape[2])), _Moments(times, batch), initial, network
        )
        output = reshape(data, (times, batch, data.shape[1]))
        return (output.transpose(0, 1) if batch_first else output), *ends  # type: ignore[attr-defined]
    initial, (params, *facts) = states(rest[0]), rest[1:]
    require_tensors(kind.op, data=input, batch_sizes=hx, **{f"hx[{i}]": each for i, each in enumerate(initial)})
    groups, order = padded_places(hx.tolist())
    moments = _Moments(groups[0].shape[0], groups[0].shape[1], groups, order)
    data, ends = _network(kind, input, moments, initial, _Network(params, *facts))
    return data, *ends


_FORMS = """input[time, batch, in] gives output[time, batch, directions * size]; with batch_first the batch is axis 0.
    params: for each direction of each layer its weights, and its biases if has_biases. As PyTorch has it, a second
    form takes packed data, (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional).
    dropout: of what all layers but the last give, while training."""


def _one_state(name: str, kind: _Kind, sentence: str) -> Any:
    def build(
        input: Tensor, hx: Tensor, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any,
        bidirectional: Any, batch_first: Any,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        rest = (params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
        output, hidden = _called(kind, lambda state: (state,), input, hx, rest)
        return output, hidden

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"""{sentence}

    hx[layers * directions, batch, size] and the second result are the states before and after. {_FORMS}
    """
    return operator()(build)


rnn_tanh = _one_state("rnn_tanh", _RNN_TANH, "A recurrent network with tanh (Elman, 1990).")
rnn_relu = _one_state("rnn_relu", _RNN_RELU, "A recurrent network with relu.")
gru = _one_state("gru", _GRU, "A network of gated recurrent units (Cho et al., 2014).")


@operator()
def lstm(
    input: Tensor, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any,
    bidirectional: Any, batch_first: Any,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A long short-term memory (Hochreiter and Schmidhuber, 1997).

    hx = (hidden, cell), each [layers * directions, batch, size], and the other two results are the states before and
    after; a hidden state that is smaller than the cell's is a projection of it. All else is as in `gru`.
    """
    rest = (params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, hidden, cell = _called(_LSTM, tuple, input, hx, rest)
    return output, hidden, cell
