"""The programs that a mutant of the compiler is run on, under `BRASA=check`: it is caught where one fails."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from tests.mutation.mutants import install, tracer

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
    yield "framed", lambda a: F.pad(a[:, ::2], (0, 0, 1, 1)) + F.pad(a.flip(1), (0, 0, 1, 1))[:, :9], lambda a: np.pad(
        a[:, ::2] + a[:, :8:-1], ((1, 1), (0, 0))), [x(7, 18)]  # fmt: skip
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


def _run_program(program: Callable[..., Any], meaning: Callable[..., Any], arrays: list[Any]) -> None:
    """A program eagerly and compiled, with gradients, to the same bits, and against NumPy."""
    import brasa
    from tests.passes.checks import same_bits

    wanted = meaning(*(array.astype(np.float64) for array in arrays))
    left = []
    for call in (program, brasa.compile(program)):
        inputs = [brasa.tensor(array, requires_grad=True) for array in arrays]
        found = call(*inputs)
        pairs = list(zip(*(value if isinstance(value, tuple) else (value,) for value in (found, wanted)), strict=True))
        for have, want in pairs:
            np.testing.assert_allclose(have.detach().numpy(), want, 2e-4, 2e-4)
        (pairs[0][0] * pairs[0][0]).sum().backward()
        left.append([*(have for have, _ in pairs), *(each.grad for each in inputs if each.grad is not None)])
    for one, other in zip(*left, strict=True):
        assert same_bits(one.detach().numpy(), other.detach().numpy()), f"eager {one}\ncompiled {other}"


def _train() -> None:
    import brasa
    from brasa.nn import functional as F

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


def _attend() -> None:
    import brasa
    from brasa.nn import functional as F

    q = brasa.randn(1, 2, 70, 8, requires_grad=True)
    F.scaled_dot_product_attention(q, q, q, is_causal=True).sum().backward()


def _text(seed: int) -> str:
    """What is only text here: a program for a GPU, and drawings."""
    from brasa.codegen.cuda import emit_cuda
    from brasa.codegen.schedules.cuda import lower_for_gpu
    from brasa.ir.errors import BrasaError
    from brasa.passes import PIPELINE, run, to_dot, to_svg
    from tests.fuzz.graphs import random_graph

    graph = random_graph(seed, differentiate=False, ordered=False)
    try:
        return "\n".join([emit_cuda(lower_for_gpu(run(graph, PIPELINE))), to_dot(graph), to_svg(graph)])
    except BrasaError as error:
        return str(error)


def parts() -> dict[str, Callable[[], str | None]]:
    """All that is run, by name. What a part gives is a text that must be as it is without a mutant."""
    from tests.codegen.test_samples import NO_CODE, test_machine_code
    from tests.fuzz.judging_graphs import TWO_VARIANTS, judge_machine_code, judge_nesting, judge_passes
    from tests.mutation import features, kernels
    from tests.samples import SAMPLES

    made: dict[str, Callable[[], str | None]] = {}
    for seed in range(12):
        made[f"text {seed}"] = partial(_text, seed)
    for seed in range(8):
        made[f"passes {seed}"] = partial(judge_passes, seed)
        made[f"code {seed}"] = partial(judge_machine_code, seed, TWO_VARIANTS)
    for seed in range(3):
        made[f"nesting {seed}"] = partial(judge_nesting, seed)
    for name, program, meaning, arrays in programs():
        made[name] = partial(_run_program, program, meaning, arrays)
    made |= {"training": _train, "attention": _attend}
    for seed in range(8, 24):
        made[f"code {seed}"] = partial(judge_machine_code, seed, TWO_VARIANTS)
    for name in SAMPLES:
        if name not in NO_CODE:
            made[f"samples of {name}"] = partial(test_machine_code, name)
    made["rules"] = _rules
    for module in (features, kernels):
        made |= {name: part for name, part in vars(module).items()
                 if getattr(part, "__module__", "") == module.__name__ and not signature(part).parameters}  # fmt: skip
    return made


def _rules() -> None:
    """Every rule on graphs in which it applies, and graphs that all must leave as they are."""
    from brasa.passes.rules import RULES
    from tests.passes.test_rules import KEPT, test_rule_fires_and_keeps_every_bit, test_what_would_change_bits_stays

    for rule in RULES:
        test_rule_fires_and_keeps_every_bit(rule)
    for inputs, lines in KEPT:
        test_what_would_change_bits_stays(inputs, lines)


def run_part(name: str) -> str | None:
    """Run one part: CheckWarning or another exception where something is wrong."""
    import brasa
    from brasa.execution.checking import CheckWarning

    warnings.simplefilter("ignore")
    warnings.simplefilter("error", CheckWarning)
    brasa.manual_seed(0)
    return parts()[name]()


def measure(path: Path) -> None:
    """Write down of each part, in a process of its own: the seconds that it takes, its text, and the lines it runs.

    Those that are there already stay, so that a long measurement can be taken up again.
    """
    imported: dict[str, set[int]] = {}
    sys.settrace(tracer(imported))
    names = list(parts())
    sys.settrace(None)
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for name in names:
        if name not in found:
            found[name] = _observed(name, {}, None) | _observed(name, imported, tracer)
            path.write_text(json.dumps(found))


def _observed(name: str, imported: dict[str, set[int]], observe: Callable[..., Any] | None) -> Any:
    """What a part gives in a copy of this process, or which lines it runs."""
    source, sink = os.pipe()
    if os.fork() == 0:
        lines = {path: set(each) for path, each in imported.items()}
        if observe is not None:
            threading.settrace(observe(lines))
            sys.settrace(observe(lines))
        start = time.process_time()
        text = run_part(name)
        facts = {"lines": {path: sorted(each) for path, each in lines.items()}} if observe is not None else {
            "seconds": time.process_time() - start, "text": text}  # fmt: skip
        with open(sink, "w") as pipe:
            json.dump(facts, pipe)
        os._exit(0)
    os.close(sink)
    with open(source) as pipe:
        found = pipe.read()
    os.wait()
    return json.loads(found)


def main() -> None:
    """FACTS: measure the parts that are not in it. PATH NUMBER FACTS SECONDS PART...: run these parts on a mutant."""
    if len(sys.argv) == 2:
        measure(Path(sys.argv[1]))
        return
    path, number, facts, seconds, *chosen = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    install(path, int(number))
    known = json.loads(Path(facts).read_text())
    for name in chosen:
        print(f"part {name}", file=sys.stderr, flush=True)
        if run_part(name) != known[name]["text"]:
            raise AssertionError("text differs")


if __name__ == "__main__":
    main()
