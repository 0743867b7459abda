"""Sealed programs: when a call is proven pure, later ones check its guard and enter native code at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any
from weakref import ref

from brasa._state import DEFAULTS, STATE
from brasa.capture.any_size import AnySize, any_size
from brasa.capture.facts import Facts
from brasa.capture.follow import Capture
from brasa.capture.guards import change_of
from brasa.capture.moving import Moving
from brasa.capture.purity import Impure, Observation, Walk, roots_of
from brasa.capture.template import Output, OutputNote, Template, outcome
from brasa.capture.tree import Segment
from brasa.execution.hooks import is_hooked
from brasa.execution.nodes import Edge, FreedNode, TapeNode, edge_of
from brasa.execution.runner import Bound, Runner
from brasa.execution.tape import run_graph
from brasa.execution.user_passes import Passes
from brasa.random import Generator
from brasa.runtime import Buffer, allocate, is_own
from brasa.tensors.tensor import Tensor, make
from brasa.tracing.arguments import Draw
from brasa.tracing.held import Held

_SIGNATURES = 4096  # argument signatures that a sealed form remembers
# ("argument", number), ("fixed", tensor or number), ("grad", tensor), ("held", a number read anew), or
# ("seed" or "call", (generator, calls before))
Source = tuple[str, Any]


class Candidate:
    """What one observed call had read: the guard of a sealed form, if a later call leaves it as it is.

    objects: the arguments that are neither tensors nor plain values; the facts speak of these alone.
    """

    def __init__(
        self, observation: Observation, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        objects: Sequence[Any], moving: Moving,
    ) -> None:  # fmt: skip
        if observation.fault or moving.fault:
            raise Impure(observation.fault or moving.fault)
        walk, self.moving, self.calls_users = Walk(observation, moving), moving, observation.called
        self.transforms = observation.transforms
        *outer, arguments = roots_of(function, (args, kwargs) if kwargs else (args,))
        for root in outer:
            walk.value(*root)
        self.elsewhere = {tensor._ptr for tensor in walk.tensors}  # where tensors lie that are not only arguments
        walk.value(*arguments)
        self.facts, self.tensors, self.objects, self.free = walk.finish(), walk.tensors, objects, walk.free
        self.reads_gradients = not observation.names.isdisjoint(("grad", "_grad", "backward"))

    def holds(self, objects: Sequence[Any]) -> bool:
        """Whether all that was read is as it was, and a call is given the same objects."""
        return self.objects == objects and self.facts.steady_hold() and self.facts.hold()


class Entry:
    """The state at the beginning of a call that is not covered by facts: gradients, which may be dropped in it.

    specs: by the ids of the tensors, those of their gradients.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        present = {id(tensor): tensor._grad for tensor in tensors}
        self.specs = {number: None if grad is None else grad._spec for number, grad in present.items()}
        self._grads = {number: None if grad is None else ref(grad) for number, grad in present.items()}

    def had(self, tensor: Tensor, grad: Tensor | None) -> bool:
        """Whether this was the tensor's gradient."""
        known = self._grads.get(id(tensor))
        return grad is None if known is None else grad is not None and grad is known()


class Sealed:
    """One pure call as a program: where its operands come from, what it gives and changes, and its guard.

    bounds: for each signature of arguments under which it was seen, the executable once it was used.
    draws: each random generator that it draws from, and how often. held: the numbers that it reads anew. schedules:
    those that make their steps after it. sizes: other sizes of arguments for which it is right, too.
    """

    def __init__(
        self, segment: Segment, sources: Sequence[Source], template: Template, outputs: Sequence[OutputNote],
        facts: Facts, grads: Sequence[tuple[Tensor, Any]], argument_grads: Sequence[tuple[int, Any]],
        draws: Sequence[tuple[Generator, int]], held: Sequence[Held], schedules: tuple[Any, ...],
        sizes: AnySize | None, passes: Passes,
    ) -> None:  # fmt: skip
        self.graph, self.views = segment.graph, len(segment.views)
        self.sources, self.template, self.outputs = tuple(sources), template, tuple(outputs)
        self.facts, self.grads, self.draws = facts, tuple(grads), tuple(draws)
        self.argument_grads = tuple(argument_grads)
        self.tensors = [(value, value._spec, value._requires_grad) for _, value in sources if isinstance(value, Tensor)]
        self.runner, self.passes = Runner(self.graph, passes=passes), passes
        self.bounds: dict[tuple[Any, ...], Bound | None] = {}
        self.sizes = sizes
        self.grad_enabled, self.autocast, self.dtype = STATE.grad_enabled, STATE.autocast, DEFAULTS.dtype
        self.notable = tuple(note if note.freed or note.grad_of is not None else None for note in outputs)
        read = [value for kind, value in sources if kind == "grad"]
        self.renewed = {  # outputs that take the place of gradients that the program does not read
            number: note.grad_of for number, note in enumerate(outputs)
            if note.grad_of is not None and not any(note.grad_of is tensor for tensor in read)
        }  # fmt: skip
        self.has_notes = any(note is not None for note in self.notable)
        self.tracked = any(note.tracked for note in self.outputs)
        self.landings = dict(self.graph.updates)
        self.places = [(i, value) for i, (kind, value) in enumerate(sources) if kind == "argument"]
        self.grad_places = [(i, value) for i, (kind, value) in enumerate(sources) if kind == "grad"]
        self.drawn = [(i, *source) for i, source in enumerate(sources) if source[0] in ("seed", "call")]
        self.held, self.schedules = tuple(held), schedules
        self.held_places: dict[Held, list[int]] = {value: [] for value in held}
        for index, (kind, value) in enumerate(sources):
            if kind == "held":
                self.held_places[value].append(index)
        # whether all that a run does is to compute its result from fixed tensors and arguments
        self.simple = template.pattern.__class__ is Output and len(outputs) == 1 and not (
            self.landings or self.has_notes or self.tracked or draws or grads or argument_grads or schedules
            or self.grad_places or self.autocast
        )  # fmt: skip
        self._note_epoch()

    def _note_epoch(self) -> None:
        """Where fixed operands lie, and numbers of optimisers: they are only exchanged with a change of the epoch."""
        self.epoch = DEFAULTS.epoch
        fixed = [value if kind == "fixed" else None for kind, value in self.sources]
        self.pointers = [value._ptr if isinstance(value, Tensor) else value for value in fixed]
        self.buffers = {id(value._buffer) for value in fixed if isinstance(value, Tensor)}
        for held, places in self.held_places.items():
            number = held.read()
            for place in places:
                self.pointers[place] = number

    def fits(self, key: tuple[Any, ...], tensors: Sequence[Tensor]) -> bool:
        """Whether a call with arguments of this signature would do the same."""
        if self.grad_enabled is not STATE.grad_enabled or self.dtype is not DEFAULTS.dtype:
            return False
        known = key in self.bounds
        if self.autocast is not STATE.autocast or not (known or (self.sizes and self.sizes.includes(key, tensors))):
            return False
        if self.epoch != DEFAULTS.epoch:
            if not self.facts.steady_hold() or not all(map(_is_as_noted, self.tensors)):
                return False
            if any(is_hooked(tensor) for tensor, _ in self.grads) or not all(held.holds() for held in self.held):
                return False
            self._note_epoch()
        for tensor, spec in self.grads:
            grad = tensor._grad
            if (None if grad is None else grad._spec) is not spec:
                return False
        for place, spec in self.argument_grads:
            grad = tensors[place]._grad
            if (None if grad is None else grad._spec) is not spec:
                return False
        if (self.landings or self.argument_grads) and share_memory(tensors, self.buffers):
            return False
        if not self.facts.hold():
            return False
        if not known:
            self.note(key)
        return True

    def note(self, key: tuple[Any, ...]) -> None:
        """Remember a signature of arguments, and not more than so many."""
        if len(self.bounds) >= _SIGNATURES:
            del self.bounds[next(iter(self.bounds))]
        self.bounds.setdefault(key, None)

    def change(self) -> str:
        """Why a call with a known signature does not fit, in words."""
        if self.grad_enabled is not STATE.grad_enabled:
            return f"gradients were {'on' if self.grad_enabled else 'off'}"
        if self.dtype is not DEFAULTS.dtype:
            return f"the default dtype was {self.dtype.name} and is {DEFAULTS.dtype.name}"
        if not self.facts.steady_hold() or not self.facts.hold():
            return change_of(self.facts)
        if not all(held.holds() for held in self.held):
            return "a number of an optimiser is none any more, or zero, or was"
        return "a gradient, or the memory of an argument, is not as it was"

    def is_like(self, other: Sealed) -> bool:
        """Whether another sealed form is this one with other arguments."""
        if self.facts is not other.facts or self.grads != other.grads or self.draws != other.draws:
            return False
        if (self.grad_enabled, self.autocast, self.dtype) != (other.grad_enabled, other.autocast, other.dtype):
            return False
        return self.graph is other.graph and all(
            a == b if a[0] != "fixed" else type(a[1]) is type(b[1]) and (a[1] is b[1] or (
                not isinstance(a[1], Tensor) and a[1] == b[1]))
            for a, b in zip(self.sources, other.sources, strict=True)
        )  # fmt: skip

    def run(self, tensors: Sequence[Tensor], key: tuple[Any, ...]) -> Any:
        """The result, everything written and every gradient set as the function would have."""
        if self.tracked:
            results = self._run_on_tape(tensors)
        else:
            bound = self.bounds[key]
            if bound is None:
                specs = tuple(o._spec if isinstance(o, Tensor) else None for o in self.operands(tensors))
                bound = self.bounds[key] = self.runner.bind(specs)
            pointers = self.pointers.copy()
            for index, place in self.places:
                pointers[index] = tensors[place]._ptr
            for index, tensor in self.grad_places:
                pointers[index] = tensor._grad._ptr
            for index, kind, value in self.drawn:
                pointers[index] = _drawn(kind, value)
            results = self._enter(bound, pointers, tensors)
        for generator, count in self.draws:
            generator.offset += count
        if self.has_notes:
            self._apply_notes(results, tensors)
        return self.template.fill(results, tensors, self._node(results) if self.views else None)

    def _enter(self, bound: Bound, pointers: list[Any], tensors: Sequence[Tensor]) -> list[Tensor]:
        """Run the machine code; outputs that update an operand are not among the results."""
        landings = self.landings
        results: list[Tensor] = []
        for index, (spec, nbytes) in enumerate(zip(bound.specs, bound.nbytes, strict=True)):
            if index in landings:
                pointers.append(pointers[landings[index]])
            else:
                kept = self._replaced(index, spec, tensors) if index in self.renewed and index in bound.sure else None
                buffer = kept or allocate(nbytes)
                pointers.append(buffer.ptr)
                results.append(make(buffer, spec))
        status = bound.call(*pointers)
        if status is not None:
            raise self.runner.failure(status, self.operands(tensors))
        for operand in landings.values():
            kind, value = self.sources[operand]
            (tensors[value] if kind == "argument" else value)._buffer.version += 1
        return results

    def _replaced(self, index: int, spec: Any, tensors: Sequence[Tensor]) -> Buffer | None:
        """The memory of the gradient that an output takes the place of, if nobody else refers to it."""
        place = self.renewed[index]
        owner: Any = tensors[place] if isinstance(place, int) else place
        if getrefcount(owner._grad) != 2 or owner._grad._spec is not spec or getrefcount(owner._grad._buffer) != 2:
            return None
        old = owner._grad
        return old._buffer if is_own(old._buffer) and old._ptr == old._buffer.ptr else None

    def operands(self, tensors: Sequence[Tensor]) -> list[Any]:
        """What the program reads when a call is given these tensors."""
        return [
            tensors[value] if kind == "argument" else value if kind == "fixed" else
            value._grad if kind == "grad" else value.read() if kind == "held" else _drawn(kind, value)
            for kind, value in self.sources
        ]  # fmt: skip

    def _run_on_tape(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """A call that the tape records."""
        operands = self.operands(tensors)
        written = [(operands[i], operands[i]._requires_grad, edge_of(operands[i])) for i in self.landings.values()]
        results = run_graph(self.graph, "compiled", operands, passes=self.passes, views=self.views)
        for target, needs, edge in written:
            target._requires_grad, target._edge = needs, edge
        for note, result in zip(self.outputs, results, strict=False):
            if not note.tracked:
                result._requires_grad, result._edge = False, None
        return results

    def _node(self, results: Sequence[Tensor]) -> TapeNode:
        """What stands on the tape for the call."""
        return next(r._edge.node for note, r in zip(self.outputs, results, strict=False) if note.tracked)

    def _apply_notes(self, results: Sequence[Tensor], arguments: Sequence[Tensor]) -> None:
        for note, result in zip(self.notable, results, strict=False):
            if note is None:
                continue
            if note.grad_of is not None:
                (arguments[note.grad_of] if isinstance(note.grad_of, int) else note.grad_of)._grad = result
            elif note.freed:
                result._requires_grad, result._edge = True, Edge(FreedNode(), 0)


def _drawn(kind: str, value: tuple[Generator, int]) -> int:
    """What a random call of this run is given: the generator's seed, or the number of the call."""
    generator, after = value
    return generator.seed_value if kind == "seed" else generator.offset + after


def share_memory(tensors: Sequence[Tensor], others: set[int]) -> bool:
    """Whether two of the tensors, or one of them and one of the other buffers, are the same memory."""
    found = {id(tensor._buffer) for tensor in tensors}
    return len(found) < len(tensors) or not found.isdisjoint(others)


def _is_as_noted(note: tuple[Tensor, Any, bool]) -> bool:
    tensor, spec, requires_grad = note
    return tensor._spec is spec and tensor._requires_grad is requires_grad


def seal(
    candidate: Candidate, entry: Entry, capture: Capture, key: tuple[Any, ...], arguments: Sequence[Tensor], result: Any
) -> Sealed:
    """The sealed form of a call that has just been followed; Impure says why there is none."""
    run = capture.last
    if capture.flushes != 1 or run is None:
        raise Impure("it needs values in the middle")
    if capture.looked:
        raise Impure("it looks at values of tensors")
    if capture.seeds_used:
        raise Impure("it reads or sets the state of a random generator")
    if any(capture.ends):
        raise Impure("it writes values with gradients to memory from outside")
    if any(map(is_hooked, capture.leaves.values())):
        raise Impure("a hook waits for a gradient")
    moving = capture.moving
    if moving.fault or list(map(id, moving.schedules)) != list(map(id, candidate.moving.schedules)):
        raise Impure(moving.fault or "it makes steps of other schedules")
    if any(tensor._ptr in candidate.elsewhere for tensor in arguments):
        raise Impure("an argument is a tensor that it also reads from elsewhere")
    places = {id(tensor): i for i, tensor in enumerate(arguments)}
    tensors = candidate.tensors
    sources = [
        _source(capture.anew.get(node, capture.bound_before[node]), places, entry, candidate, arguments)
        for node in run.inputs
    ]
    notes, template = outcome(capture, result, places, tensors, entry.had)
    if candidate.calls_users and (moving.last is not capture.here or template.has_numbers()):
        raise Impure("a schedule calls a function of yours, and its step is not the last thing that happens")
    holders = [tensor for tensor in tensors if tensor._requires_grad and candidate.reads_gradients]
    grads = [(tensor, entry.specs[id(tensor)]) for tensor in holders]
    fixed = {id(value._buffer) for kind, value in sources if kind == "fixed" and isinstance(value, Tensor)}
    if run.graph.updates and share_memory(arguments, fixed):
        raise Impure("it writes memory that arguments share")
    draws = [(generator, generator.offset - first) for generator, first in capture.generators.items()]
    given = [note.grad_of for note in notes if isinstance(note.grad_of, int)]
    specs = [(place, entry.specs[id(arguments[place])]) for place in given]
    sizes = None if candidate.transforms else any_size(capture, key, arguments, run.graph)
    return Sealed(run, sources, template, notes, candidate.facts, grads, specs, draws,
                  moving.distinct(candidate.free), tuple(moving.schedules), sizes, capture.passes)  # fmt: skip


def _source(
    value: Any, places: dict[int, int], entry: Entry, candidate: Candidate, arguments: Sequence[Tensor]
) -> Source:
    if isinstance(value, Draw):
        return value.kind, (value.generator, value.after)
    if isinstance(value, Held):
        return ("held", value) if (id(value.table), value.key) in candidate.free else ("fixed", value.value)
    if not isinstance(value, Tensor):
        return "fixed", value
    if id(value) in places:
        return "argument", places[id(value)]
    for tensor in (*candidate.tensors, *arguments):
        if entry.had(tensor, value):
            if id(tensor) in places:
                raise Impure("it adds to the gradient of an argument")
            return "grad", tensor
    if not any(value is tensor for tensor in candidate.tensors):
        raise Impure("it reads a tensor that the proof did not reach")
    return "fixed", value
