"""`BRASA=check`: what passes and machine code make of a program, compared with what its graph means."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from brasa import passes, runtime
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph
from brasa.ir.ops import OPS
from brasa.ir.ops.window import window_scatter
from brasa.ir.parsing import parse
from brasa.ir.printing import held_graphs
from brasa.ir.program import Signature
from brasa.passes.check_meaning import (
    PLAIN,
    Doubt,
    checked_passes,
    difference,
    evaluate,
    is_exact,
    same_bits,
    samples,
    smallest,
)
from brasa.passes.pipeline import Pass
from brasa.passes.split import JOINT, Kept, Split, split

_TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float16": 2e-2, "bfloat16": 1e-1}  # of the others: 1e-3
_NOISE = 1e-6  # how much inputs are moved to see which results hang by a thread
_TRIES = 8  # ways in which they are moved: a tie may break as before by chance
_DIGITS = 18  # of binary fractions that are coarse
# More of them, of fewer digits, for orders, comparisons and what is no number, of which many may be on an edge.
_EXACT_TRIES = 16

Code = tuple[Signature, tuple[bytes, ...]]


class CheckWarning(UserWarning):
    """A part of the compiler was left out, because what it made of a program is not what the program means."""


def checked_pipeline(name: str) -> tuple[tuple[str, Pass], ...]:
    """The passes for a program of that name, each left out where it is wrong, with a warning."""
    return checked_passes(lambda doubt: _warn_of_pass(name, doubt))


def checked_user_passes(name: str, steps: Sequence[tuple[str, Pass]]) -> list[tuple[str, Pass]]:
    """Passes of the user's for a program of that name, each left out where it is wrong, with a warning."""

    def report(doubt: Doubt, function: Pass) -> None:
        path = _reproducer(doubt.name, doubt.fact, doubt.before, "graph_difference(PASS, ", _place_of(function))
        _warn(f"{doubt.name} changes what {name} means, {doubt.fact}; it is left out", path)

    made: list[tuple[str, Pass]] = []
    for own, function in steps:
        made += checked_passes(partial(report, function=function), [(f"the pass {own}", function)])
    return made


def _place_of(function: Any) -> str:
    """A line of Python that gets a pass of the user's under the name PASS: an import, if it can be imported."""
    module, name = getattr(function, "__module__", "__main__"), getattr(function, "__qualname__", "<")
    if module != "__main__" and "<" not in name and "." not in name:
        return f"from {module} import {name} as PASS\n"
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "yours"
    return f"PASS = ...  # put the pass here that stands at {where}\n"


def _warn_of_pass(name: str, doubt: Doubt) -> None:
    rule = f" (rule: {doubt.rule})" if doubt.rule else ""
    path = _reproducer(doubt.name, doubt.fact, doubt.before, f'pass_difference("{doubt.name}", ')
    _warn(f"{doubt.name}{rule} changes what {name} means, {doubt.fact}; it is left out", path)


def pass_difference(name: str, text: str) -> str:
    """Where a pass of the pipeline changes what a graph in text means; empty if nowhere."""
    return graph_difference(dict(passes.PIPELINE)[name], text, is_exact(name))


def graph_difference(change: Pass, text: str, exact: bool = True) -> str:
    """Where a function from graph to graph changes what a graph in text means; empty if nowhere."""
    graph = parse(text, OPS)
    return difference(graph, change(graph), exact)


def cut_difference(wanted: tuple[bool, ...], text: str) -> str:
    """Where forward and backward do not give what a graph in text and its gradients do; empty if nowhere."""
    graph = parse(text, OPS)
    return split_difference(graph, wanted, split(graph, wanted))


def _warn(fact: str, path: Path) -> None:
    warnings.warn(f"{fact}. Reproduce: python {path}", CheckWarning, stacklevel=3)


def _reproducer(part: str, fact: str, graph: Graph, call: str, first: str = "", home: str = "checking") -> Path:
    """A program of ten lines, or a few more, that shows a fact, as a file beside the cache.

    call: its beginning. first: a line before it. home: the file that has the function it calls.
    """
    text = "\n".join(line.split("  #")[0].rstrip() for line in str(graph).splitlines())
    name = call.partition("(")[0]
    source = (
        f"# {part}: {fact.splitlines()[0]}\nfrom brasa.execution.{home} import {name}\n{first}"
        f'print({call}"""\n{text}\n"""))\n'
    )
    folder = runtime.settings().cache / "check"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part.replace(' ', '-')}-{hashlib.sha256(source.encode()).hexdigest()[:8]}.py"
    path.write_text(source)
    return path


def checked_split(graph: Graph, wanted: tuple[bool, ...], views: int = 0) -> Split:
    """The graph and its gradients cut in two; if the parts do not mean the whole, backward starts from the inputs."""
    cut = split(graph, wanted, checked_passes(lambda doubt: _warn_of_pass(graph.name, doubt), JOINT), views)
    fact = split_difference(graph, wanted, cut, views)
    if not fact:
        return cut
    small = smallest(graph, lambda each: bool(split_difference(each, wanted, split(each, wanted))), keep_inputs=True)
    path = _reproducer("split", fact, small, f"cut_difference({wanted}, ")
    _warn(f"split changes what {graph.name} means, {fact}; it is left out", path)
    kept = tuple(Kept("input", i) for i in range(len(graph.inputs)))
    results = graph.outputs[: len(graph.outputs) - views]
    forward = Graph(graph.name, graph.inputs, graph.nodes, results, graph.updates)
    return Split(passes.autodiff(forward), passes.autodiff(passes.vjp_graph(graph, wanted)), kept)


def split_difference(graph: Graph, wanted: tuple[bool, ...], cut: Split, views: int = 0) -> str:
    """Where forward and backward do not give what the graph and its gradients do; empty if nowhere.

    views: as `split` takes it.
    """
    whole, count = passes.autodiff(passes.vjp_graph(graph, wanted)), len(graph.inputs)
    for sizes, arrays, gradients in samples(whole):
        given, seeds = arrays[:count], arrays[count:]
        results, values = evaluate(cut.forward, given), evaluate(passes.autodiff(graph), given)
        values = values[: len(values) - views]
        pools = {"input": given, "output": results[: len(values)], "extra": results[len(values) :]}
        kept = [pools[each.role][each.index] for each in cut.kept]
        found = (*results[: len(values)], *evaluate(cut.backward, [*kept, *seeds]))
        for number, (one, other) in enumerate(zip((*values, *gradients), found, strict=True)):
            if not same_bits(one, other):
                return f"output {number} at {dict(sizes)}"
    return ""


def checked_code(graph: Graph, code: Code, again: Callable[[Graph, Sequence[tuple[str, Pass]]], Code]) -> Code:
    """The machine code of a graph, compared with the graph's meaning; where it is wrong, that of the plainest form.

    again: compiles a graph with these passes. BrasaError where the plainest form is wrong, too.
    """
    fact = code_difference(graph, code)
    if not fact:
        return code
    plain = again(graph, PLAIN)
    left = code_difference(graph, plain)
    if left:
        raise BrasaError(f"the machine code of {graph.name} is not what it means, {left}\n{graph}")
    small = smallest(graph, lambda each: bool(code_difference(each, again(each, passes.PIPELINE))))
    path = _reproducer("kernels", fact, small, "kernel_difference(", home="runner")
    _warn(f"the kernels of {graph.name} do not compute what it means, {fact}; each op has one of its own instead", path)
    return plain


def code_difference(graph: Graph, code: Code) -> str:
    """Where machine code gives other results than the graph means, beyond rounding; empty if nowhere."""
    return executable_difference(graph, runtime.load(*code, numbers_of(graph)))


def executable_difference(graph: Graph, loaded: runtime.Executable) -> str:
    """As code_difference, of code that is loaded. Results that change much when inputs change little do not count."""
    if any(node.op is window_scatter and node.operands[1] in graph.inputs for node in graph.nodes):
        return ""  # only places that window_argmax gives have a meaning
    meaning = passes.run(graph, [step for step in passes.PIPELINE if step[0] == "autodiff"])
    random = np.random.default_rng(0)
    for sizes, arrays, wanted in samples(meaning, special=False):
        found = _run(loaded, graph, arrays)
        if found is None:
            continue
        wrong = [np.ones(want.shape, bool) for want in wanted]
        for attempt in range(_TRIES + _EXACT_TRIES):
            if not any(map(np.any, wrong)):
                break
            digits = _DIGITS - max(0, attempt - _TRIES + 1) // 2
            change = partial(_coarse, digits=digits) if attempt % 2 else partial(_moved, random=random)
            given = [_moved(array, random, _NOISE) for array in arrays]
            if attempt >= _TRIES:  # so that what is equal by symmetry stays so
                given = list(map(change, given))
            try:
                near = evaluate(meaning, given, change)
            except (BrasaError, ValueError, IndexError):
                break
            for number, (have, want, other) in enumerate(zip(found, wanted, near, strict=True)):
                far = _far(have, want, other)
                wrong[number] &= far if attempt < _TRIES or have.dtype.kind not in "fcV" else far | np.isfinite(have)
        else:
            if _convolves_infinities(meaning, arrays):
                wrong = [far & ~np.isnan(have) for far, have in zip(wrong, found, strict=True)]
            for number, place in ((i, each) for i, far in enumerate(wrong) for each in map(tuple, np.argwhere(far))):
                want, have = wanted[number][place], found[number][place]
                return f"output {number} at {dict(sizes)}: {want} at {[*map(int, place)]} became {have}"
    return ""


def _convolves_infinities(graph: Graph, arrays: Sequence[Any]) -> bool:
    """Whether a convolution may meet infinity or NaN: kernels multiply by 0 at borders, NumPy does not."""
    if not any(node.op.name.startswith("conv") for each in (*held_graphs(graph), graph) for node in each.nodes):
        return False
    odd = [array for array in arrays if not _all_finite(array)]

    def note(array: Any) -> Any:
        if not _all_finite(array):
            odd.append(array)
        return array

    evaluate(graph, list(arrays), note)
    return bool(odd)


def _all_finite(array: Any) -> bool:
    return array.dtype.kind not in "fV" or bool(np.isfinite(array).all())


def _laid_out(array: Any, marks: Sequence[str]) -> Any:
    """The array in memory in which elements along the axis that is marked so lie next to each other."""
    order = sorted(range(array.ndim), key=lambda axis: axis < len(marks) and marks[axis] == "1")
    return (
        np.ascontiguousarray(array.transpose(order)).reshape(array.transpose(order).shape).transpose(np.argsort(order))
    )


def numbers_of(graph: Graph) -> list[int]:
    """The inputs that are passed as Python numbers."""
    return [i for i, node in enumerate(graph.inputs) if node.attrs.get("role") == "number"]


def _moved(array: Any, random: np.random.Generator, least: float = 0.0) -> Any:
    """Floats moved by about a rounding, or by a share of each: what then differs hung by a thread.

    NaNs have any sign: processors and NumPy make them with either.
    """
    if array.dtype.kind not in "fcV":
        return array
    step = max(least, float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 1e-2)
    moves = random.standard_normal(array.shape)
    moved = (array * (1 + step * moves)).astype(array.dtype)
    if array.dtype.kind == "c":
        return moved
    return np.where(np.isnan(moved), np.copysign(moved, moves.astype(array.dtype)), moved)


def _coarse(array: Any, digits: int) -> Any:
    """Floats with fewer digits, so that those are equal again which only roundings tell apart.

    Complex ones have none below those of the largest: where waves cancel, transforms leave 0 or a rounding of it.
    """
    if array.dtype.kind == "c":
        made = array.copy()
        parts = np.abs([array.real, array.imag])
        unit = np.ldexp(1.0, np.frexp(parts[np.isfinite(parts)].max(initial=0))[1] - digits)
        made.real, made.imag = (np.round(part / unit) * unit + 0.0 for part in (array.real, array.imag))  # no -0
        return made
    if array.dtype.kind != "f":
        return array
    fraction, exponent = np.frexp(array)
    return np.ldexp(np.round(np.ldexp(fraction, digits)), exponent - digits).astype(array.dtype)


def _run(loaded: runtime.Executable, graph: Graph, arrays: Sequence[Any]) -> list[Any] | None:
    """The outputs of machine code; None where a check of it failed, or memory of its kind is not at hand."""
    marks = [node.attrs.get("strides", ()) for node in graph.inputs]
    if any("0" in each or each.count("1") > 1 for each in marks):
        return None
    given = [_laid_out(np.array(array), each) for array, each in zip(arrays, marks, strict=True)]
    strided = [given[i] if node.attrs.get("strides") else None for i, node in enumerate(graph.inputs)]
    strides = tuple(() if a is None else tuple(s // a.itemsize for s in a.strides) for a in map(_parts_of, strided))
    frame = loaded.prepare(tuple(_parts_of(array).shape for array in given), strides)
    landing, outputs = dict(graph.updates), []
    if any(_parts_of(given[input]).shape != frame.shapes[output] for output, input in graph.updates):
        return None  # the program was made for sizes at which they are equal
    for number, (node, shape) in enumerate(zip(graph.outputs, frame.shapes, strict=True)):
        made = np.zeros(shape[: node.tensor.rank], node.tensor.dtype.numpy)
        outputs.append(given[landing[number]] if number in landing else made)
    numbers = numbers_of(graph)
    passed = [array.item() if i in numbers else array.ctypes.data for i, array in enumerate(given)]
    status = frame.call(*passed, *(array.ctypes.data for array in outputs))
    return outputs if status is None else None


def _parts_of(array: Any) -> Any:
    """The same memory as kernels see it: pairs of parts, where it holds complex numbers."""
    if array is None or array.dtype.kind != "c":
        return array
    parts = array.real
    return np.lib.stride_tricks.as_strided(parts, (*parts.shape, 2), (*parts.strides, parts.itemsize))


def _far(have: Any, want: Any, near: Any) -> Any:
    """Which elements are further from the wanted ones than rounding explains."""
    if have.dtype.kind not in "fcV":
        return (have != want) & (want == near)
    wide, tolerance = np.complex128 if have.dtype.kind == "c" else np.float64, _TOLERANCE.get(str(have.dtype), 1e-3)
    have, want, near = (np.asarray(each).astype(wide) for each in (have, want, near))
    with np.errstate(all="ignore"):
        sure = np.isfinite(want) & np.isfinite(near)
        scale = np.abs(want[sure]).max(initial=1.0)
        noise = np.abs(near - want)[sure].max(initial=0.0)
        is_noise = ~np.isfinite(have) & (np.abs(near - want) > np.abs(want) / 2)  # as a quotient by what is about 0
        return sure & ~is_noise & ~(np.abs(have - want) <= tolerance * scale + 1e3 * noise)
