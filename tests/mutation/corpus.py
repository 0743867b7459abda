"""The programs that a mutant of the compiler is run on, under `BRASA=check`: it is caught where one fails."""

from __future__ import annotations

import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.mutation.mutants import install

_MEMORY = 8 << 30  # bytes that a mutant may ask for


def programs() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any], list[Any]]]:
    """(name, program, its meaning in NumPy's float64, arrays)."""
    import brasa
    from brasa.nn import functional as F

    random = np.random.default_rng(0)

    def x(*shape: int) -> Any:
        return random.standard_normal(shape).astype(np.float32)

    yield "products", lambda a, b: (a @ b).tanh() + 1, lambda a, b: np.tanh(a @ b) + 1, [x(33, 70), x(70, 19)]
    yield "long k", lambda a, b: a @ b.T, lambda a, b: a @ b.T, [x(3, 9000), x(2, 9000)]
    yield "batches", lambda a, b: a.mT @ b, lambda a, b: a.swapaxes(1, 2) @ b, [x(2, 600, 5), x(2, 600, 17)]
    yield "rows", lambda a: a.softmax(1).sum(0), lambda a: _softmax(a).sum(0), [x(40, 70)]
    yield "long rows", lambda a: (a * a).sum(1), lambda a: (a * a).sum(1), [x(2, 40000)]
    yield "columns", lambda a: a.mean(0), lambda a: a.mean(0), [x(700, 5)]
    yield (
        "extremes",
        lambda a: (a.amax(1) + a.amin(1), a.argmax(1)),
        lambda a: (a.max(1) + a.min(1), a.argmax(1)),
        [x(9, 50)],
    )
    yield "sums along", lambda a: a.cumsum(0) + a.cumsum(1), lambda a: a.cumsum(0) + a.cumsum(1), [x(300, 40)]
    yield "order", lambda a: (a.sort(1)[0], a.argsort(0, descending=True)), lambda a: (
        np.sort(a, 1), np.argsort(-a, 0, kind="stable")), [x(50, 40)]  # fmt: skip
    yield "views", lambda a: (a[1:, ::2].T.reshape(-1) * 2, a.flip(1)), lambda a: (
        a[1:, ::2].T.reshape(-1) * 2, a[:, ::-1]), [x(7, 18)]  # fmt: skip
    yield (
        "places",
        lambda a: a[brasa.arange(6, -1, -1)].index_add(0, brasa.tensor([0, 2, 0]), a[:3]),
        _places,
        [x(7, 18)],
    )
    yield "joined", lambda a, b: F.pad(brasa.cat([a, b], 1), (1, 2)), lambda a, b: np.pad(
        np.concatenate([a, b], 1), ((0, 0), (1, 2))), [x(7, 18), x(7, 3)]  # fmt: skip
    yield "windows", lambda a: F.max_pool2d(a, 3, 2, 1), _max_pool, [x(2, 3, 9, 20)]
    yield "convolution", lambda a, w: F.conv2d(a, w, padding=1), _convolution, [x(2, 5, 9, 20), x(7, 5, 3, 3)]
    yield "halves", lambda a: (a.half() * 2).float() + a.bfloat16().float(), lambda a: a * 3, [np.round(x(70) * 8) / 8]
    yield (
        "complex",
        lambda a, b: (brasa.complex(a, b) * brasa.complex(b, a)).imag,
        lambda a, b: a * a + b * b,
        [x(19), x(19)],
    )
    yield "loop", lambda a: brasa.scan(lambda h, v: (h * 0.5 + v, h.tanh()), a[0] * 0, a)[0], _loop, [x(6, 18)]
    yield (
        "branch",
        lambda a: brasa.cond(a.sum() > 1e9, lambda v: v * 2, lambda v: v - 1, (a,)),
        lambda a: a - 1,
        [x(18)],
    )


def _softmax(a: Any) -> Any:
    e = np.exp(a - a.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _places(a: Any) -> Any:
    made = a[::-1].copy()
    np.add.at(made, [0, 2, 0], a[:3])
    return made


def _max_pool(a: Any) -> Any:
    wide = np.pad(a, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (2, 3))[:, :, ::2, ::2].max((-1, -2))


def _convolution(a: Any, w: Any) -> Any:
    wide = np.pad(a, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.einsum("nchwij,ocij->nohw", np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (2, 3)), w)


def _loop(a: Any) -> Any:
    h = a[0] * 0
    for v in a:
        h = h * 0.5 + v
    return h


def run_programs() -> None:
    """Each program eagerly and compiled, with gradients, against NumPy."""
    import brasa
    from brasa.nn import functional as F

    for name, program, meaning, arrays in programs():
        wanted = meaning(*(array.astype(np.float64) for array in arrays))
        for call in (program, brasa.compile(program)):
            inputs = [brasa.tensor(array, requires_grad=True) for array in arrays]
            found = call(*inputs)
            pairs = zip(*(value if isinstance(value, tuple) else (value,) for value in (found, wanted)), strict=True)
            for have, want in pairs:
                np.testing.assert_allclose(have.detach().numpy(), want, 2e-4, 2e-4, err_msg=name)
            first = found[0] if isinstance(found, tuple) else found
            (first * first).sum().backward()
    layers = brasa.nn.Sequential(brasa.nn.Conv2d(2, 3, 3), brasa.nn.BatchNorm2d(3), brasa.nn.ReLU(), brasa.nn.Flatten(),
                                 brasa.nn.Linear(48, 5), brasa.nn.Dropout(0.2))  # fmt: skip
    optimizer = brasa.optim.Adam(layers.parameters())

    def step(x: Any, y: Any) -> Any:
        loss = F.cross_entropy(layers(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    compiled = brasa.compile(step)
    for _ in range(2):
        compiled(brasa.randn(4, 2, 6, 6), brasa.tensor([0, 1, 4, 2]))
    q = brasa.randn(1, 2, 70, 8, requires_grad=True)
    F.scaled_dot_product_attention(q, q, q, is_causal=True).sum().backward()


def run_graphs() -> None:
    """Random graphs, from text to machine code."""
    from tests.fuzz.judging_graphs import TWO_VARIANTS, judge_machine_code, judge_nesting, judge_passes

    for seed in range(8):
        judge_passes(seed)
        judge_machine_code(seed, TWO_VARIANTS)
    for seed in range(3):
        judge_nesting(seed)


def texts() -> str:
    """What is only text here: programs for a GPU, and drawings."""
    from brasa.codegen.cuda import emit_cuda
    from brasa.codegen.schedules.cuda import lower_for_gpu
    from brasa.ir.errors import BrasaError
    from brasa.passes import PIPELINE, plan_memory, report_memory, run, to_dot, to_svg
    from tests.fuzz.graphs import random_graph

    made = []
    for seed in range(12):
        graph = random_graph(seed, differentiate=False, ordered=False)
        try:
            fused = run(graph, PIPELINE)
            made += [emit_cuda(lower_for_gpu(fused)), to_dot(graph), to_svg(graph)]
        except BrasaError as error:
            made.append(str(error))
    assert plan_memory and report_memory
    return "\n".join(made)


def main() -> None:
    """PATH NUMBER TEXTS SECONDS: run the corpus on a mutant; TEXTS alone: on none, and write the right texts down."""
    if len(sys.argv) == 2:
        Path(sys.argv[1]).write_text(texts())
    else:
        path, number, right, seconds = sys.argv[1:]
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        install(path, int(number))
        if texts() != Path(right).read_text():
            raise AssertionError("text differs")
    from brasa.execution.checking import CheckWarning

    warnings.simplefilter("ignore")
    warnings.simplefilter("error", CheckWarning)
    run_graphs()
    run_programs()


if __name__ == "__main__":
    main()
