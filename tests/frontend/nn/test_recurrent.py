"""Recurrent layers: the values of a loop in NumPy, gradients by differences, packed as padded, compiled as eager."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.functions.neural.packing import padded_places
from brasa.nn.utils.rnn import PackedSequence, pack_padded_sequence
from tests.compiling import assert_compiles
from tests.frontend.functions.harness import flat, same_bits
from tests.frontend.nn.judges import Array, arrays_of, assert_gradients
from tests.frontend.nn.training import same_after_training


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def moment(kind: str, weights: list[Array], x: Array, states: list[Array]) -> list[Array]:
    """What one moment makes of x[n, in] and the states; weights in PyTorch's order, with biases."""
    w_ih, w_hh, b_ih, b_hh, *projection = weights
    inner, outer = x @ w_ih.T + b_ih, states[0] @ w_hh.T + b_hh
    if kind == "LSTM":
        enter, forget, new, leave = np.split(inner + outer, 4, 1)
        cell = sigmoid(forget) * states[1] + sigmoid(enter) * np.tanh(new)
        hidden = sigmoid(leave) * np.tanh(cell)
        return [hidden @ projection[0].T if projection else hidden, cell]
    if kind == "GRU":
        (r, z, n), (r_h, z_h, n_h) = np.split(inner, 3, 1), np.split(outer, 3, 1)
        update = sigmoid(z + z_h)
        return [(1 - update) * np.tanh(n + sigmoid(r + r_h) * n_h) + update * states[0]]
    return [np.tanh(inner + outer) if kind == "RNN" else np.maximum(inner + outer, 0)]


def weights_of(module: Any, suffix: str = "") -> list[Array]:
    """The weights of one direction of one layer, or of a cell, in float64."""
    state = arrays_of(module)
    rows = state[f"weight_ih{suffix}"].shape[0]
    biases = [state.get(f"{name}{suffix}", np.zeros(rows)) for name in ("bias_ih", "bias_hh")]
    projection = [state[f"weight_hr{suffix}"]] if f"weight_hr{suffix}" in state else []
    return [state[f"weight_ih{suffix}"], state[f"weight_hh{suffix}"], *biases, *projection]


def reference(module: Any, x: Array, states: list[Array]) -> tuple[Array, list[Array]]:
    """The output and the last states for x[time, n, in]."""
    kind = "relu" if module.mode == "RNN_RELU" else type(module).__name__
    ends: list[list[Array]] = []
    for layer in range(module.num_layers):
        seen = []
        for suffix in ("", "_reverse")[: 1 + module.bidirectional]:
            weights = weights_of(module, f"_l{layer}{suffix}")
            now = [state[len(ends)] for state in states]
            hidden = []
            for step in x[::-1] if suffix else x:
                now = moment(kind, weights, step, now)
                hidden.append(now[0])
            seen.append(np.stack(hidden[::-1] if suffix else hidden))
            ends.append(now)
        x = np.concatenate(seen, 2)
    return x, [np.stack(each) for each in zip(*ends, strict=True)]


LAYERS: dict[str, Callable[[], Any]] = {
    "RNN": lambda: nn.RNN(3, 4, 2),
    "relu": lambda: nn.RNN(3, 4, nonlinearity="relu", bidirectional=True, bias=False),
    "GRU": lambda: nn.GRU(3, 4, bias=False),
    "GRU both ways": lambda: nn.GRU(3, 4, 2, bidirectional=True),
    "LSTM": lambda: nn.LSTM(3, 4, 2),
    "LSTM both ways": lambda: nn.LSTM(3, 4, bidirectional=True, bias=False),
    "LSTM projected": lambda: nn.LSTM(3, 5, 2, bidirectional=True, proj_size=2),
}
RANDOM = np.random.default_rng(0)


def made(name: str) -> tuple[Any, Array, list[Array]]:
    """The layer in float64, an input of four moments and two sequences, and states."""
    brasa.manual_seed(1)
    module = LAYERS[name]().double()
    count = module.num_layers * (1 + module.bidirectional)
    sizes = [module.proj_size or module.hidden_size, module.hidden_size][: 1 + (module.mode == "LSTM")]
    return module, RANDOM.standard_normal((4, 2, 3)), [RANDOM.standard_normal((count, 2, size)) for size in sizes]


def called(module: Any, x: Any, states: Any) -> list[Any]:
    """The output and the last states."""
    return flat(module(x, tuple(states) if module.mode == "LSTM" else states[0]))


@pytest.mark.parametrize("name", LAYERS)
def test_values(name: str) -> None:
    module, x, states = made(name)
    output, ends = reference(module, x, states)
    given = [brasa.tensor(state) for state in states]
    results = called(module, brasa.tensor(x), given)
    for result, want in zip(results, (output, *ends), strict=True):
        np.testing.assert_allclose(result.detach().numpy(), want, rtol=1e-11, atol=1e-12)
    without = flat(module(brasa.tensor(x)))
    for result, want in zip(
        without, flat(called(module, brasa.tensor(x), [0 * state for state in given])), strict=True
    ):
        same_bits(result, want)
    module.batch_first = True
    turned = called(module, brasa.tensor(x.swapaxes(0, 1)), given)
    same_bits(turned[0].transpose(0, 1), results[0])
    single = called(module, brasa.tensor(x[:, 1]), [state[:, 1] for state in given])
    for result, want in zip(single, (output, *ends), strict=True):
        np.testing.assert_allclose(result.detach().numpy(), want[:, 1], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["RNN", "relu", "GRU both ways", "LSTM projected"])
def test_gradients(name: str) -> None:
    module, x, states = made(name)
    names = [each for each, _ in module.named_parameters()]
    values = [parameter.detach().numpy() for parameter in module.parameters()]

    def outcome(x: Any, *rest: Any) -> Any:
        for each, value in zip(names, rest[len(states) :], strict=True):
            module._parameters[each] = value
        return brasa.cat([each.reshape(-1) for each in called(module, x, rest[: len(states)])])

    assert_gradients(lambda *arrays: outcome(*map(brasa.as_tensor, arrays)), x, *states, *values)


@pytest.mark.parametrize("name", ["RNN", "GRU both ways", "LSTM projected"])
@pytest.mark.parametrize("lengths", [[3, 1, 3], [4, 4, 2]])
def test_packed_is_padded_of_each_sequence(name: str, lengths: list[int]) -> None:
    module, _, states = made(name)
    x = RANDOM.standard_normal((4, 3, 3))
    given = [brasa.tensor(RANDOM.standard_normal((state.shape[0], 3, state.shape[2]))) for state in states]
    leaf = brasa.tensor(x, requires_grad=True)
    packed = pack_padded_sequence(leaf, lengths, enforce_sorted=False)
    output, last = module(packed, tuple(given) if module.mode == "LSTM" else given[0])
    ends = flat(last)
    assert isinstance(output, PackedSequence)
    padded, known = nn.utils.rnn.pad_packed_sequence(output, total_length=5, padding_value=7.0)
    assert known.tolist() == lengths
    weigh = np.cos(np.arange(padded[:4].numel())).reshape(padded[:4].shape)
    (padded[:4] * brasa.tensor(weigh)).sum().backward()
    weights = [parameter.grad for parameter in module.parameters()]
    module.zero_grad()
    for number, length in enumerate(lengths):
        alone = brasa.tensor(x[:length, number : number + 1], requires_grad=True)
        result = called(module, alone, [state[:, number : number + 1] for state in given])
        np.testing.assert_allclose(padded[:length, number].detach(), result[0][:, 0].detach(), rtol=1e-12, atol=1e-13)
        assert bool((padded[length:, number] == 7.0).all())
        for end, want in zip(ends, result[1:], strict=True):
            np.testing.assert_allclose(end[:, number].detach(), want[:, 0].detach(), rtol=1e-12, atol=1e-13)
        (result[0] * brasa.tensor(weigh[:length, number : number + 1])).sum().backward()
        np.testing.assert_allclose(leaf.grad[:length, number], alone.grad[:, 0], rtol=1e-11, atol=1e-12)
        assert bool((leaf.grad[length:, number] == 0).all())
    for one, parameter in zip(weights, module.parameters(), strict=True):
        np.testing.assert_allclose(one.numpy(), parameter.grad.numpy(), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", ["RNN", "GRU both ways", "LSTM projected"])
def test_training_compiles_to_the_same_bits(name: str) -> None:
    same_after_training(LAYERS[name], brasa.tensor(RANDOM.standard_normal((3, 2, 3)).astype(np.float32)))


def test_second_derivatives() -> None:
    module, x, states = made("GRU")

    def slope(x: Any) -> Any:
        inner = brasa.as_tensor(x)
        inner = inner if inner.requires_grad else inner.requires_grad_()
        output, _ = module(inner, brasa.tensor(states[0]))
        return brasa.autograd.grad((output * output).sum(), [inner], create_graph=True)[0]

    assert_gradients(slope, x)


def test_dropout_between_layers() -> None:
    module = nn.LSTM(3, 8, 2, dropout=0.5)
    x = brasa.randn(4, 2, 3)
    brasa.manual_seed(2)
    first = module(x)[0]
    brasa.manual_seed(2)
    same_bits(brasa.compile(module)(x)[0], first)
    assert not bool((module(x)[0] == first).all())
    same_bits(module.eval()(x)[0], module(x)[0])


def test_one_program_for_all_lengths_and_batches() -> None:
    module = nn.GRU(3, 4, 2, bidirectional=True)
    run = brasa.compile(module, fullgraph=True)
    with brasa.no_grad(), assert_compiles(1):
        for times, batch in ((3, 2), (5, 4), (1, 3), (7, 1)):
            x = brasa.randn(times, batch, 3)
            for one, other in zip(flat(run(x)), flat(module(x)), strict=True):
                same_bits(one, other)


LENGTHS = ([3, 1, 2, 2, 1, 3, 2], [4], [2, 2, 2], [1, 5], [6, 4, 4, 1, 2])


def trained_on_packed(module: Any, batch: Any, lengths: list[int]) -> Any:
    """What a step of training gives, padded again, the last states, and the gradients."""
    output, ends = module(pack_padded_sequence(batch, lengths, enforce_sorted=False))
    padded, _ = nn.utils.rnn.pad_packed_sequence(output)
    (padded * padded).sum().backward()
    gradients = [parameter.grad for parameter in module.parameters()]
    module.zero_grad()
    return [padded.detach(), *(end.detach() for end in flat(ends)), *gradients]


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_one_program_for_all_sets_of_lengths(kind: str) -> None:
    module = getattr(nn, kind)(3, 4, bidirectional=kind == "RNN")
    run = brasa.compile(trained_on_packed, fullgraph=True)
    with assert_compiles(1):
        for lengths in LENGTHS:
            batch = brasa.tensor(RANDOM.standard_normal((max(lengths) + 1, len(lengths), 3)).astype(np.float32))
            for one, other in zip(run(module, batch, lengths), trained_on_packed(module, batch, lengths), strict=True):
                same_bits(one, other)


def test_packed_arguments_share_a_program() -> None:
    module = nn.GRU(3, 4, batch_first=True)
    run = brasa.compile(module)
    with assert_compiles(1):
        for lengths in LENGTHS:
            packed = pack_padded_sequence(brasa.ones(len(lengths), max(lengths), 3), lengths, True, False)
            left = []
            for call in (module, run):
                output, ends = call(packed)
                (output.data * output.data).sum().backward()
                left.append([output.data, *flat(ends), *(parameter.grad for parameter in module.parameters())])
                module.zero_grad()
            for one, other in zip(*left, strict=True):
                same_bits(one, other)


@pytest.mark.parametrize("lengths", [*LENGTHS, [9], [1] * 5, list(range(1, 30)), [40, 2, 1]])
def test_places_of_packed_rows(lengths: list[int]) -> None:
    descending = sorted(lengths, reverse=True)
    sizes = [sum(length > time for length in lengths) for time in range(max(lengths))]
    groups, order = padded_places(sizes)
    rows = [row for group in groups for time in group.tolist() for row in time]
    assert [rows[place] for place in order.tolist()] == list(range(sum(lengths)))
    assert sum(row >= 0 for row in rows) == sum(lengths)
    moments = [time for group in groups for time in group.tolist()]
    assert [len(each) >= size for each, size in zip(moments, sizes, strict=True)]
    alive = [[moment[n] >= 0 for moment in moments if n < len(moment)] for n in range(len(lengths))]
    assert [sum(each) for each in alive] == descending
    if len(lengths) > 20:
        assert len(rows) < 1.3 * sum(lengths)


def test_texts_and_state() -> None:
    module = nn.LSTM(3, 5, 2, bias=False, batch_first=True, dropout=0.25, bidirectional=True, proj_size=2)
    assert repr(module) == (
        "LSTM(3, 5, proj_size=2, num_layers=2, bias=False, batch_first=True, dropout=0.25, bidirectional=True)"
    )
    assert list(module.state_dict())[:4] == ["weight_ih_l0", "weight_hh_l0", "weight_hr_l0", "weight_ih_l0_reverse"]
    assert [tuple(weight.shape) for weight in module.all_weights[2]] == [(20, 4), (20, 2), (2, 5)]
    module.flatten_parameters()


def test_initial_weights() -> None:
    brasa.manual_seed(0)
    for module in (nn.GRU(30, 16), nn.LSTMCell(30, 16)):
        for parameter in module.parameters():
            values = np.sort(parameter.detach().numpy().ravel())
            places = (values + 0.25) / 0.5  # uniform within 1 / sqrt(16)
            even = (np.arange(len(values)) + 0.5) / len(values)
            assert abs(places - even).max() < 1.95 / np.sqrt(len(values))


CELLS: dict[str, tuple[Callable[[], Any], int]] = {
    "RNN": (lambda: nn.RNNCell(3, 4), 1),
    "relu": (lambda: nn.RNNCell(3, 4, bias=False, nonlinearity="relu"), 1),
    "GRU": (lambda: nn.GRUCell(3, 4), 1),
    "LSTM": (lambda: nn.LSTMCell(3, 4), 2),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str) -> None:
    make, count = CELLS[name]
    module = make().double()
    x, states = RANDOM.standard_normal((2, 3)), [RANDOM.standard_normal((2, 4)) for _ in range(count)]
    given = [brasa.tensor(state) for state in states]
    results = flat(module(brasa.tensor(x), given[0] if count == 1 else tuple(given)))
    for result, want in zip(results, moment(name, weights_of(module), x, states), strict=True):
        np.testing.assert_allclose(result.detach().numpy(), want, rtol=1e-12, atol=1e-13)
    single = flat(module(brasa.tensor(x[1])))
    zeros = [np.zeros((1, 4))] * count
    for result, want in zip(single, moment(name, weights_of(module), x[1:], zeros), strict=True):
        np.testing.assert_allclose(result.detach().numpy(), want[0], rtol=1e-12, atol=1e-13)
    same_after_training(lambda: make().double(), brasa.tensor(x))


ERRORS: dict[str, Callable[[], object]] = {
    "LSTM: hidden_size must be greater than zero": lambda: nn.LSTM(3, 0),
    "GRU: num_layers must be greater than zero": lambda: nn.GRU(3, 4, 0),
    "LSTM: proj_size has to be smaller than hidden_size, and not negative": lambda: nn.LSTM(3, 4, proj_size=4),
    "RNNBase: proj_size argument is only supported for LSTM, not RNN or GRU": lambda: nn.GRU(3, 4, proj_size=2),
    "RNN: Unknown nonlinearity 'sin'. Select from 'tanh' or 'relu'.": lambda: nn.RNN(3, 4, nonlinearity="sin"),
    "GRU: Expected input to be 2D or 3D, got 1D instead": lambda: nn.GRU(3, 4)(brasa.ones(3)),
    "GRU: input.size(-1) must be equal to input_size. Expected 3, got 5": lambda: nn.GRU(3, 4)(brasa.ones(2, 2, 5)),
    "LSTM: Expected cell size (1, 2, 4), got [1, 2, 5]": lambda: nn.LSTM(3, 4)(
        brasa.ones(2, 2, 3), (brasa.ones(1, 2, 4), brasa.ones(1, 2, 5))
    ),
    "RNN: For batched 3-D input, hx should also be 3-D but got 2-D": lambda: nn.RNN(3, 4)(
        brasa.ones(2, 2, 3), brasa.ones(1, 4)
    ),
    "gru: Expected sequence length to be larger than 0 in RNN": lambda: nn.GRU(3, 4)(brasa.ones(0, 2, 3)),
    "gru: needs 4 weights, 4 for each direction of each layer, not 1": lambda: brasa.gru(
        brasa.ones(2, 2, 3), brasa.ones(1, 2, 4), [brasa.ones(3)], True, 1, 0.0, False, False, False
    ),
    "gru_cell: hidden0 has inconsistent hidden_size: got 5, expected 4": lambda: nn.GRUCell(3, 4)(
        brasa.ones(2, 3), brasa.ones(2, 5)
    ),
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message


def test_dropout_of_one_layer_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
        nn.GRU(3, 4, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.GRU(3, 4, 2, dropout=0.5)
