"""vmap: a function of one sample as a function of many, along an axis that the function does not see."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from brasa.func.traced import Argument, Randomness, called, only_tensors, trace_whole
from brasa.functions.axes import movedim
from brasa.functions.joining import cat
from brasa.ir import dim
from brasa.ir.dim import Relation, Size, symbol
from brasa.ir.errors import BrasaError, IndexError, ValueError
from brasa.ir.graph import Graph
from brasa.ir.types import TensorType
from brasa.passes import batch
from brasa.tensors.inplace import overwrite
from brasa.tensors.structure import rebuilt, tensors_in
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import expand, narrow
from brasa.tracing.bodies import interned, run_nested
from brasa.tracing.sizes import SizeScope, python_size
from brasa.tracing.trace import Trace

_OP = "vmap"


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: Randomness = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """The function that gives what func gives for each sample, all samples computed at once.

    in_dims: the axis of the samples in each argument, None for arguments that all samples share; one for all, or in the
    form of the arguments. Tensors in keyword arguments have it in front. out_dims: where that axis shall be in results,
    in their form. randomness: whether random numbers inside are an error, the "same" for all samples, or "different"
    ones. chunk_size: compute so many samples at a time, which takes less memory.

    func is called once, on tensors without values: it may return tensors in any form, write in place, and hold loops,
    branches, gradients and other vmaps, but no Python that depends on values. Where a branch or the end of a loop is
    decided by a sample, all samples compute both sides, or go on until the last is done. The few ops that know no other
    way, those of users among them, run on one sample after the other; a LoopWarning says so.

    ValueError where axes, sizes or forms do not fit.
    """
    if randomness not in ("error", "same", "different"):
        raise ValueError(f"randomness is {randomness!r}, not 'error', 'same' or 'different'", op=_OP)
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size is {chunk_size}, not a number of samples", op=_OP)

    def mapped(*args: Any, **kwargs: Any) -> Any:
        return run_nested(_OP, lambda trace: _Call(trace, func, randomness).run(
            args, kwargs, in_dims, out_dims, chunk_size))  # fmt: skip

    return functools.update_wrapper(mapped, func, updated=())


class _Call:
    """One call of a vmapped function."""

    def __init__(self, trace: Trace, func: Callable[..., Any], randomness: Randomness) -> None:
        self.trace, self.func, self.randomness = trace, func, randomness

    def run(self, args: Any, kwargs: Any, in_dims: Any, out_dims: Any, chunk_size: int | None) -> Any:
        """The results for all samples."""
        form = (args, kwargs)
        dims = [*_spread(in_dims, args, "in_dims"), *((value, 0) for value in tensors_in(kwargs))]
        whole = [value if axis is None else _in_front(value, axis) for value, axis in dims]
        which = [axis is not None for _, axis in dims]
        if not any(which):
            raise ValueError("no argument has an axis of samples", op=_OP, hint="name one in in_dims")
        size = self._size([value for value, has in zip(whole, which, strict=True) if has])
        if chunk_size is None:
            return self.at_once(form, whole, which, size, out_dims)
        count, parts = self.trace.scope.fix(size), []
        for start in range(0, count, chunk_size):
            some = min(chunk_size, count - start)
            cut = [narrow(value, 0, start, some) if has else value for value, has in zip(whole, which, strict=True)]
            parts.append(self.at_once(form, cut, which, some, out_dims))
        axes = [axis for _, axis in _spread(out_dims, parts[0], "out_dims")]
        pieces = zip(*map(tensors_in, parts), strict=True)
        return rebuilt(parts[0], [
            piece[0] if axis is None else cat(piece, axis) for piece, axis in zip(pieces, axes, strict=True)
        ])  # fmt: skip

    def at_once(self, form: Any, whole: Sequence[Tensor], which: Sequence[bool], size: Size, out_dims: Any) -> Any:
        """The results for these samples. whole: the tensors of the arguments, the axis of samples in front."""
        trace = self.trace
        nodes = [trace.node_of(value) for value in whole]
        mapped = [node for node, has in zip(nodes, which, strict=True) if has]

        def make(_: Any, samples: list[Tensor]) -> Any:
            given = iter(samples)
            args, kwargs = rebuilt(
                form, [next(given) if has else value for value, has in zip(whole, which, strict=True)]
            )
            result = self.func(*args, **kwargs)
            only_tensors(result, _OP, "results")
            return result

        own = [value for value, has in zip(whole, which, strict=True) if has]
        types = [TensorType(node.tensor.shape[1:], node.tensor.dtype, node.tensor.device) for node in mapped]
        arguments = [Argument(type, value._requires_grad, value) for type, value in zip(types, own, strict=True)]
        traced = trace_whole(trace, _OP, self.func, make, arguments, self.randomness)
        axes = [axis for _, axis in _spread(out_dims, traced.result, "out_dims")]
        has_axis = (*(True for _ in mapped), *(False for _ in traced.outside))
        graph, found = _batched(trace.scope, traced.graph, has_axis, size, self.randomness == "different")
        results = called(trace, graph, (*mapped, *traced.outside), traced.flags(whole))
        count = python_size(size, trace.scope)
        for target, value, has in zip(traced.written, results[len(axes) :], found[len(axes) :], strict=True):
            apart = any(each is target for each in own)
            if has and not apart:
                raise BrasaError("a tensor that all samples share is written what differs from sample to sample",
                                 op=_OP, hint="use the out-of-place form")  # fmt: skip
            overwrite(target, _placed(value, 0, has, count) if apart else value, _OP)
        placed = [_placed(result, axis, has, count) for result, axis, has in zip(results, axes, found, strict=False)]
        return rebuilt(traced.result, placed)

    def _size(self, values: Sequence[Tensor]) -> Size:
        """How many samples there are."""
        sizes = [self.trace.node_of(value).tensor.shape[0] for value in values]
        with dim.solving(self.trace.scope):
            for size in sizes:
                if not dim.equal(size, sizes[0]):
                    counts = sorted({self.trace.scope.hint(each) for each in sizes})
                    raise ValueError(f"the axes of samples have different sizes, {counts}", op=_OP)
        return sizes[0]


def _spread(dims: Any, value: Any, name: str) -> Iterator[tuple[Tensor, int | None]]:
    """Each tensor of a value with its axis of samples. dims: one for all in it, or a form of them like the value."""
    if dims is None or (isinstance(dims, int) and not isinstance(dims, bool)):
        if dims is not None and name == "in_dims":
            only_tensors(value, _OP, f"arguments of in_dims={dims}")
        yield from ((tensor, dims) for tensor in tensors_in(value))
        return
    pairs: Any = None
    if isinstance(dims, tuple | list) and isinstance(value, tuple | list) and len(dims) == len(value):
        pairs = zip(dims, value, strict=True)
    elif isinstance(dims, dict) and isinstance(value, dict) and dims.keys() == value.keys():
        pairs = ((dims[key], value[key]) for key in value)
    elif isinstance(dims, tuple | list) and len(dims) == 1 and name == "out_dims":
        pairs = ((dims[0], value),)
    if pairs is None:
        what = "the results" if name == "out_dims" else "the arguments"
        raise ValueError(f"{name} {dims!r} has another form than {what}", op=_OP)
    for axis, part in pairs:
        yield from _spread(axis, part, name)


def _in_front(value: Tensor, axis: int) -> Tensor:
    if not -value.ndim <= axis < value.ndim:
        raise ValueError(f"an argument with {value.ndim} axes has no axis {axis}", op=_OP)
    return movedim(value, axis, 0) if axis % value.ndim else value


def _placed(result: Tensor, axis: int | None, has: bool, count: Any) -> Tensor:
    """A result with the axis of samples, which is in front if it has one, in its place."""
    if axis is None:
        if has:
            raise ValueError("out_dims is None for a result that differs from sample to sample", op=_OP)
        return result
    rank = result.ndim + (not has)
    if not -rank <= axis < rank:
        raise IndexError(f"out_dims is {axis} for a result of {rank} axes", op=_OP)
    if not has:
        result = expand(result, count, *result.shape)
    return movedim(result, 0, axis) if axis % rank else result


class _NumberNeeded(Exception):
    """How many samples there are has to be a number, not a name."""


class _Deciding:
    """Decides about sizes as they are, which the function has been traced for (the `Solver` of brasa.ir.dim)."""

    def __init__(self, scope: SizeScope, size: Size) -> None:
        self.scope, self.size = scope, size

    def decide(self, lhs: Size, relation: Relation, rhs: Size) -> bool:
        try:
            left, right = (self._hint(size) for size in (lhs, rhs))
        except KeyError:  # a size of a graph that is held, which that graph alone can tell
            return relation == "<="
        return left == right if relation == "==" else left <= right

    def fix(self, size: Size) -> int:
        if str(_SAMPLES) in dim.symbols(size):
            raise _NumberNeeded
        return self.scope.fix(size)

    def resolve(self, size: Size) -> Size:
        return size

    def _hint(self, size: Size) -> int:
        return self.scope.hint(self.scope.resolve(dim.substitute(size, {str(_SAMPLES): self.size})))


_SAMPLES = symbol("samples")
_Made = tuple[Graph, tuple[bool, ...]]
_cache: WeakKeyDictionary[Graph, dict[Any, _Made | None]] = WeakKeyDictionary()


def _batched(scope: SizeScope, graph: Graph, which: tuple[bool, ...], size: Size, different: bool) -> _Made:
    """The graph for so many samples, for any number of them where that can be."""
    made = _cache.setdefault(graph, {})
    size = scope.resolve(size)
    key = (which, size if isinstance(size, int) else None, different)
    if key not in made:
        try:
            with dim.solving(_Deciding(scope, size)):
                found, axes = batch(graph, which, size if isinstance(size, int) else _SAMPLES, different)
            made[key] = interned(found), axes
        except _NumberNeeded:
            made[key] = None
    return made[key] or _batched(scope, graph, which, scope.fix(size), different)
