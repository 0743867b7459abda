"""as_strided in programs: its offset is counted from where memory begins, whatever part of that a tensor shows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.capture.compiled import CompileWarning

VALUES = np.arange(40, dtype=np.float32).reshape(10, 4) + np.float32(0.5)


def computed(b: Any, x: Any) -> Any:
    part = (x * 2)[1:3]
    return part.as_strided((2, 2), (1, 2), 1), part.as_strided((2, 2), (1, 5), 5)


def repeated(b: Any, x: Any) -> Any:
    part = (x * 2)[1:]
    return part.as_strided((2, 2), (0, 1), 4), part.as_strided((2, 2), (1, 1), 3)


def stepped_and_turned(b: Any, x: Any) -> Any:
    y = x * 2
    return y[::2].as_strided((4,), (3,), 1), y.T[1:].as_strided((4,), (3,), 1)


def given(b: Any, x: Any) -> Any:
    return x.as_strided((3,), (2,), 1)


def part_of_what_is_given(b: Any, x: Any) -> Any:
    return x[1:].as_strided((3,), (2,), 1) * x.mean()


def beyond_what_is_given(b: Any, x: Any) -> Any:
    return x[:1].as_strided((5,), (2,)) * 2


def from_a_size(b: Any, x: Any) -> Any:
    return x.reshape(-1).as_strided((x.shape[0],), (1,), x.shape[0]) * 2


def part_from_a_size(b: Any, x: Any) -> Any:
    sizes, steps = (x.shape[0] - 1, x.shape[1] - 2), (x.shape[1], 1)
    first = x.shape[0] - 4
    return (x * 2)[1:].as_strided(sizes, steps, first), x[1:].as_strided(sizes, steps, first) * x.shape[0]


def turned(b: Any, x: Any) -> Any:
    return x.T.as_strided((3,), (2,), 1) * x.mean()


def copied(b: Any, x: Any) -> Any:
    return b.as_strided_copy(x[1:], (3,), (2,), 1) * x.mean()


def written(b: Any, x: Any) -> Any:
    x.detach().as_strided((3,), (2,), 1).add_(1)
    return x.detach() * 1


def written_below(b: Any, x: Any) -> Any:
    y = x * 2
    part = y[1:]
    window = part.as_strided((3,), (2,), 5)
    part.mul_(x[1:])
    return y, window * 1


def looked_at(b: Any, x: Any) -> Any:
    part = (x * 2)[1:]
    float(part.detach().sum())
    window = part.as_strided((3,), (2,), 1)
    return window * x.mean(), window


def looked_at_and_written(b: Any, x: Any) -> Any:
    y = x.detach() * 2
    part = y[1:]
    float(part.sum())
    part.as_strided((3,), (2,), 1).mul_(x[0, :3])
    return y, part


def differentiated(b: Any, x: Any) -> Any:
    window = x[1:3].as_strided((2, 2), (1, 5), 5)
    (slope,) = b.autograd.grad((window * window).sum(), x, create_graph=True)
    return slope


def where_it_begins(b: Any, x: Any) -> Any:
    return x * x.storage_offset()


PROGRAMS = [
    computed, repeated, stepped_and_turned, given, part_of_what_is_given, beyond_what_is_given, from_a_size,
    part_from_a_size, turned, copied, written, written_below, looked_at, looked_at_and_written, differentiated,
    where_it_begins,
]  # fmt: skip


def outcome(b: ModuleType, program: Callable[..., Any], wrap: Callable[[Any], Any], of_a_part: bool) -> list[Any]:
    """What calls give, with parts of memory that begin elsewhere each time; the memory, and the gradients of all."""
    run, found = wrap(lambda x: program(b, x)), list[np.ndarray]()
    for offset, rows in ((0, 6), (1, 6), (0, 6), (2, 5), (1, 8), (1, 8), (3, 8)):
        start = b.tensor(VALUES[: rows + 2], requires_grad=True)
        memory = start * 1
        results = run(memory[offset : offset + rows - 1] if of_a_part else memory)
        results = results if isinstance(results, tuple) else (results,)
        total = b.zeros(())
        for number, each in enumerate(results, 1):
            total = total + (each * number * 0.01).tanh().sum() if each.requires_grad else total
        if total.requires_grad:
            total.backward()
        grads = [] if start.grad is None else [start.grad]
        found += [each.detach().numpy().copy() for each in (*results, memory, *grads)]
    return found


@pytest.mark.parametrize("of_a_part", [False, True], ids=["whole", "part"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_eager_and_compiled(program: Callable[..., Any], of_a_part: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        compiled = outcome(brasa, program, brasa.compile, of_a_part)
    eager = outcome(brasa, program, lambda run: run, of_a_part)
    assert len(eager) == len(compiled)
    assert all(one.shape == other.shape for one, other in zip(eager, compiled, strict=True))
    assert all(one.tobytes() == other.tobytes() for one, other in zip(eager, compiled, strict=True))


@pytest.mark.parametrize("of_a_part", [False, True], ids=["whole", "part"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_eager_and_pytorch(program: Callable[..., Any], of_a_part: bool) -> None:
    torch = pytest.importorskip("torch")
    eager, wanted = (outcome(b, program, lambda run: run, of_a_part) for b in (brasa, torch))
    assert len(eager) == len(wanted)
    for one, other in zip(eager, wanted, strict=True):
        assert one.shape == other.shape and np.allclose(one, other, 1e-4, 1e-5)


@pytest.mark.parametrize("program", [computed, part_from_a_size, written_below], ids=lambda each: each.__name__)
def test_without_gradients_it_is_one_program(program: Callable[..., Any]) -> None:
    compiled = brasa.compile(lambda x: program(brasa, x), fullgraph=True)
    for rows in (6, 8, 7, 6):
        x = brasa.tensor(VALUES[:rows])
        for one, other in zip(program(brasa, x), compiled(x), strict=True):
            assert one.tolist() == other.tolist()


def test_what_is_outside_of_memory_has_the_same_error() -> None:
    def program(x: Any) -> Any:
        return (x * 2)[1:].as_strided((30,), (1,), 1)

    for run in (program, brasa.compile(program)):
        with pytest.raises(brasa.BrasaError, match="as_strided: element 30 is outside the memory of 24 elements"):
            run(brasa.tensor(VALUES[:6]))


def test_the_offset_of_a_scatter_counts_from_where_memory_begins() -> None:
    def program(x: Any) -> Any:
        return brasa.as_strided_scatter(x[1:], x[0, :3] * 0, (3,), (2,), 5)

    wanted = VALUES[1:6].reshape(-1).copy()
    wanted[[1, 3, 5]] = 0
    for run in (program, brasa.compile(program)):
        assert run(brasa.tensor(VALUES[:6])).flatten().tolist() == wanted.tolist()
