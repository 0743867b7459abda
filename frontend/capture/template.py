"""What a sealed program gives: the form of its result, and which of its outputs, arguments and views stand in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from brasa.capture.facts import same
from brasa.capture.follow import Capture
from brasa.capture.purity import Impure
from brasa.execution.nodes import Edge, TapeNode
from brasa.ir import dim
from brasa.tensors.tensor import Tensor
from brasa.tensors.view_paths import Path, ViewPaths
from brasa.tracing.references import ALONE
from brasa.tracing.sizes import SymbolicSize, plain_size


class OutputNote:
    """What becomes of one output. grad_of: the tensor whose gradient it is, or the number of the argument."""

    __slots__ = ("freed", "grad_of", "tracked")

    def __init__(self, tracked: bool, freed: bool, grad_of: Tensor | int | None) -> None:
        self.tracked, self.freed, self.grad_of = tracked, freed, grad_of


class Output:
    """Stands for an output of the program."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class _Argument:
    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class _View:
    """A view of what the pattern `source` gives. output: the number of the output to which its gradients come."""

    __slots__ = ("output", "path", "source")

    def __init__(self, source: Any, path: Path, output: int | None) -> None:
        self.source, self.path, self.output = source, path, output


class _Size:
    """Stands for a number that follows from sizes of arguments."""

    __slots__ = ("size",)

    def __init__(self, size: dim.Size) -> None:
        self.size = size


class Template:
    """The form of a call's result, of which only tensors and sizes are others in each call.

    sizes: each named size that a number or the place of a view depends on, with the number of an argument and an axis
    that has it.
    """

    def __init__(self, pattern: Any, sizes: Sequence[tuple[str, int, int]]) -> None:
        self.pattern, self.sizes = pattern, tuple(sizes)

    def fill(self, results: Sequence[Tensor], arguments: Sequence[Tensor], node: TapeNode | None = None) -> Any:
        """The result of a call whose outputs and arguments are these. node: of the tape, if gradients come to views."""
        if self.pattern.__class__ is Output:
            return results[self.pattern.index]
        sizes = {name: arguments[place]._spec.shape[axis] for name, place, axis in self.sizes}
        return _Filling(results, arguments, sizes, node).fill(self.pattern)

    def has_numbers(self) -> bool:
        """Whether there is more in the result than tensors, None, and what holds them."""
        return _has_numbers(self.pattern)

    def answers(self, result: Any) -> bool:
        """Whether a result has the form that this gives, and the same plain values."""
        return _answers(self.pattern, result)


def outcome(
    capture: Capture, result: Any, places: Mapping[int, int], tensors: Sequence[Tensor],
    had: Callable[[Tensor, Tensor | None], bool],
) -> tuple[list[OutputNote], Template]:  # fmt: skip
    """What becomes of the outputs of a call that has been followed, and the form of its result.

    places: the numbers of its arguments, by their ids; tensors: those that its proof reached; had: whether one had a
    gradient before. Impure where a later call could not be given the same.
    """
    made = _Outcome(capture, places, tensors)
    made.note_gradients(had)
    pattern = made.pattern(result)
    made.check_all_used()
    named = {
        str(size): (places[id(bound)], axis)
        for node, bound in capture.bindings.items() if id(bound) in places and node.op.name == "input"
        for axis, size in enumerate(node.tensor.shape) if not isinstance(size, int) and str(size) in made.names
    }  # fmt: skip
    if made.names - named.keys():
        raise Impure("a size that it returns, or that the place of a view depends on, is none of an argument's")
    return made.notes, Template(pattern, [(name, *place) for name, place in named.items()])


class _Outcome:
    def __init__(self, capture: Capture, places: Mapping[int, int], tensors: Sequence[Tensor]) -> None:
        self.capture, self.places, self.tensors = capture, places, tensors
        self.notes = [OutputNote(tracked, freed, None) for tracked, freed in capture.outcome]
        self.settled = {id(each.tensor): each for each in capture.settled}
        self.used: dict[int, Tensor] = {}
        self.names: set[str] = set()  # sizes that places of views depend on
        if any(each.path is None for each in capture.settled):
            raise Impure("it gives a part that a tensor has picked, which is a view")

    def note_gradients(self, had: Callable[[Tensor, Tensor | None], bool]) -> None:
        """Which outputs are gradients now."""
        for tensor in dict.fromkeys((*self.tensors, *self.capture.leaves.values())):
            grad = tensor._grad
            if grad is not None and id(grad) in self.settled:
                _, index, path, _ = self.settled[id(grad)]
                if path or isinstance(index, Tensor) or self.notes[index].grad_of is not None:
                    raise Impure("a gradient is a view")
                self.notes[index].grad_of = self.places.get(id(tensor), tensor)
                self.used[id(grad)] = grad
            elif not had(tensor, grad):
                raise Impure("it drops gradients")

    def pattern(self, value: Any) -> Any:
        """What stands for a value in the form of the result."""
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, tuple) and hasattr(value, "_make"):
            return type(value)._make(map(self.pattern, value))  # type: ignore[attr-defined]
        if isinstance(value, tuple | list):
            return type(value)(map(self.pattern, value))
        if isinstance(value, dict):
            return {key: self.pattern(item) for key, item in value.items()}
        if isinstance(value, SymbolicSize):
            size = plain_size(value)
            self.names.update(dim.symbols(size))
            return _Size(size)
        if value is None or isinstance(value, int | float | str):
            return value
        raise Impure(f"it returns a {type(value).__name__}")

    def _tensor(self, value: Tensor) -> Any:
        if id(value) in self.settled:
            self.used[id(value)] = value
            _, index, path, output = self.settled[id(value)]
            if value._requires_grad and value.is_leaf:
                raise Impure("it returns a value that it made a leaf")
            source = self._tensor(index) if isinstance(index, Tensor) else Output(index)
            return self._view(source, path, output) if path else source
        if id(value) in self.places:
            return _Argument(self.places[id(value)])
        if any(value is tensor for tensor in self.tensors):
            return value
        raise Impure("it returns a tensor of unknown origin")

    def _view(self, source: Any, path: Path, output: int | None) -> _View:
        self.names.update(*(_names_in(attrs) for _, attrs in path))
        return _View(source, path, output)

    def check_all_used(self) -> None:
        """Raise Impure unless all tensors that are alive are gradients, or in the result, or what views there show."""
        views = list(self.used.values())
        for tensor, *_ in self.capture.settled:
            if id(tensor) in self.used:
                continue
            shown_by = sum(view._base is tensor for view in views)
            if not shown_by or sys.getrefcount(tensor) != shown_by + _KNOWN_REFERENCES:
                raise Impure("it keeps a tensor that it computed")


_KNOWN_REFERENCES = ALONE + 1  # in check_all_used: of the loop, and of what the capture has noted


def _names_in(attrs: Mapping[str, Any]) -> set[str]:
    """The named sizes in the attributes of a view."""
    return {name for value in attrs.values() for size in _leaves(value) for name in dim.symbols(size)}


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dim.Dim):
        yield value


class _Filling:
    """Puts what a call has given in the place of what stands for it."""

    def __init__(
        self, results: Sequence[Tensor], arguments: Sequence[Tensor], sizes: Mapping[str, int], node: TapeNode | None
    ) -> None:
        self.results, self.arguments, self.sizes, self.node = results, arguments, sizes, node
        self.views = ViewPaths(sizes)

    def fill(self, pattern: Any) -> Any:
        """What the pattern gives."""
        if isinstance(pattern, Output):
            return self.results[pattern.index]
        if isinstance(pattern, _Argument):
            return self.arguments[pattern.index]
        if isinstance(pattern, _View):
            view = self.views.follow(self.fill(pattern.source), pattern.path)
            if pattern.output is not None and self.node is not None:
                view._edge = Edge(self.node, pattern.output)
            return view
        if isinstance(pattern, _Size):
            return dim.evaluate(pattern.size, self.sizes)
        if isinstance(pattern, tuple) and hasattr(pattern, "_make"):
            return type(pattern)._make(map(self.fill, pattern))  # type: ignore[attr-defined]
        if isinstance(pattern, tuple | list):
            return type(pattern)(map(self.fill, pattern))
        if isinstance(pattern, dict):
            return {key: self.fill(item) for key, item in pattern.items()}
        return pattern


def _has_numbers(pattern: Any) -> bool:
    if isinstance(pattern, tuple | list):
        return any(map(_has_numbers, pattern))
    if isinstance(pattern, dict):
        return any(map(_has_numbers, pattern.values()))
    return not (pattern is None or isinstance(pattern, Output | _Argument | _View | Tensor))


def _answers(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, Output | _Argument | _View | Tensor):
        return isinstance(value, Tensor)
    if isinstance(pattern, _Size):
        return isinstance(value, int)
    if type(pattern) is not type(value):
        return False
    if isinstance(pattern, tuple | list):
        return len(pattern) == len(value) and all(map(_answers, pattern, value))
    if isinstance(pattern, dict):
        return list(pattern) == list(value) and all(_answers(item, value[key]) for key, item in pattern.items())
    return same(value, pattern)


def in_numbers(value: Any) -> Any:
    """A result with the sizes in it as numbers; lists and dicts stay the objects that they are."""
    if isinstance(value, SymbolicSize):
        return int(value)
    if isinstance(value, list | tuple):
        made = list(map(in_numbers, value))
        if all(new is old for new, old in zip(made, value, strict=True)):
            return value
        if isinstance(value, list):
            value[:] = made
            return value
        return type(value)._make(made) if hasattr(value, "_make") else type(value)(made)
    if isinstance(value, dict):
        for key, item in value.items():
            if (number := in_numbers(item)) is not item:
                value[key] = number
    return value
