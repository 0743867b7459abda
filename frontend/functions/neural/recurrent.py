"""Recurrent networks over whole sequences, of one length or packed: layers, directions, and the time in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.control_flow import grouped_scan
from brasa.functions.joining import cat, stack
from brasa.functions.matrix import linear
from brasa.functions.neural.dropout import dropout as drop
from brasa.functions.neural.recurrent_cells import affine, gru_moment, lstm_moment
from brasa.ir.errors import ArgumentError, ShapeError
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import narrow, reshape
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]

States = tuple[Tensor, ...]


# A layer over all its moments: sums[time, row, gate] over the input, states[row, size]. What a moment sums up is a
# result too, so that backward need not multiply again.


@function(fixed=("w_hh", "w_hr"))
def _lstm_layer(
    sums: Tensor, hidden: Tensor, cell: Tensor, w_hh: Tensor, w_hr: Tensor | None, backwards: bool
) -> tuple[Tensor, Tensor, Tensor]:
    def step(states: States, moment: Tensor) -> tuple[States, States]:
        total = pointwise.add(affine(states[0], w_hh, None), moment)
        after, kept = lstm_moment(total, states[1])
        after = after if w_hr is None else affine(after, w_hr, None)
        return (after, kept), (after, total)

    (hidden, cell), (seen, _) = grouped_scan(step, (hidden, cell), sums, reverse=backwards)
    return seen, hidden, cell


@function(fixed=("w_hh",))
def _gru_layer(
    sums: Tensor, hidden: Tensor, w_hh: Tensor, b_hh: Tensor | None, backwards: bool
) -> tuple[Tensor, Tensor]:
    def step(state: Tensor, moment: Tensor) -> tuple[Tensor, States]:
        total = affine(state, w_hh, b_hh)
        after = gru_moment(moment, total, state)
        return after, (after, total)

    hidden, (seen, _) = grouped_scan(step, hidden, sums, reverse=backwards)
    return seen, hidden


@function(fixed=("w_hh",))
def _rnn_layer(sums: Tensor, hidden: Tensor, w_hh: Tensor, tanh: bool, backwards: bool) -> tuple[Tensor, Tensor]:
    def step(state: Tensor, moment: Tensor) -> tuple[Tensor, States]:
        total = pointwise.add(affine(state, w_hh, None), moment)
        after = pointwise.tanh(total) if tanh else pointwise.relu(total)
        return after, (after, total)

    hidden, (seen, _) = grouped_scan(step, hidden, sums, reverse=backwards)
    return seen, hidden


class _Weights(NamedTuple):
    """Those of one direction of one layer. w_hr: of a projection of the hidden state, if there is one."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None


class _Kind(NamedTuple):
    """A kind of network. layer: (sums over the input, *states, *of, backwards) -> hidden states, last states.

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


class _Segment(NamedTuple):
    """Moments at which equally many sequences go on: `times` * `rows` rows of the data, from `start` on."""

    start: Any
    times: Any
    rows: Any


def _segments(batch_sizes: Sequence[int]) -> list[_Segment]:
    segments: list[_Segment] = []
    start = 0
    for rows in batch_sizes:
        if segments and segments[-1].rows == rows:
            segments[-1] = segments[-1]._replace(times=segments[-1].times + 1)
        else:
            segments.append(_Segment(start, 1, rows))
        start += rows
    return segments


def _rows(tensors: States, start: Any, end: Any) -> States:
    return tuple(narrow(tensor, 0, start, end - start) for tensor in tensors)


def _joined(parts: Iterable[States]) -> States:
    """Rows of states below one another."""
    return tuple(each[0] if len(each) == 1 else cat(each) for each in zip(*parts, strict=True))


def _direction(
    kind: _Kind, data: Tensor, segments: Sequence[_Segment], initial: States, weights: _Weights, backwards: bool
) -> tuple[Tensor, States]:
    """One layer in one direction over packed rows: hidden states as rows, and the states that each sequence ends in."""
    bias = weights.b_ih
    if bias is not None and weights.b_hh is not None and not kind.apart:
        bias = pointwise.add(bias, weights.b_hh)
    sums = linear(data, weights.w_ih, bias)
    ordered = segments[::-1] if backwards else segments
    states, present = initial, segments[0].rows
    ended: list[States] = []
    hidden: list[Tensor] = []
    for segment in ordered:
        rows, count = segment.rows, segment.times * segment.rows
        if segment is ordered[0] and backwards and len(segments) > 1:
            states = _rows(initial, 0, rows)
        elif rows < present:
            ended.insert(0, _rows(states, rows, present))
            states = _rows(states, 0, rows)
        elif rows > present:
            states = _joined((states, _rows(initial, present, rows)))
        part = sums if len(segments) == 1 else narrow(sums, 0, segment.start, count)
        moments = reshape(part, (segment.times, rows, -1))
        seen, *last = kind.layer(moments, *states, *kind.of(weights), backwards)
        states = tuple(last)
        hidden.append(reshape(seen, (count, -1)))
        present = rows
    (whole,) = _joined((each,) for each in (hidden[::-1] if backwards else hidden))
    return whole, _joined((states, *ended))


def _network(
    kind: _Kind, data: Tensor, segments: Sequence[_Segment], initial: States, network: _Network
) -> tuple[Tensor, States]:
    """All layers over packed rows."""
    projected = len(initial) == 2 and initial[0].shape[2] != initial[1].shape[2]
    weights, directions = network.weights(kind, projected), 1 + network.bidirectional
    _check(kind, data, segments[0].rows, initial, weights)
    ends: list[States] = []
    for layer in range(network.num_layers):
        seen = []
        for number in range(layer * directions, (layer + 1) * directions):
            states = tuple(state[number] for state in initial)
            backwards = number % directions == 1
            hidden, end = _direction(kind, data, segments, states, weights[number], backwards)
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
        segments = [_Segment(0, times, batch)]
        network = _Network(params, has_biases, num_layers, dropout, train, bidirectional)
        data, ends = _network(kind, reshape(rows, (times * batch, rows.shape[2])), segments, initial, network)
        output = reshape(data, (times, batch, data.shape[1]))
        return (output.transpose(0, 1) if batch_first else output), *ends  # type: ignore[attr-defined]
    initial, (params, *facts) = states(rest[0]), rest[1:]
    require_tensors(kind.op, data=input, batch_sizes=hx, **{f"hx[{i}]": each for i, each in enumerate(initial)})
    data, ends = _network(kind, input, _segments(hx.tolist()), initial, _Network(params, *facts))
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
