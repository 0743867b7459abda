"""Recomputation: functions whose intermediate values are not kept for backward, but computed again in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from brasa._state import STATE, set_autocast
from brasa.autograd.graph import saved_tensors_hooks
from brasa.autograd.modes import enable_grad
from brasa.capture.recomputation import recomputed
from brasa.execution.saving import keep, take
from brasa.ir.errors import GradientError, ValueError
from brasa.random import default_generator
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import tracing

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def noop_context_fn() -> Contexts:
    """No contexts, for the forward and for its repetition."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn, determinism_check: str = "default", debug: bool = False,
    early_stop: bool = True, preserve_rng_state: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """function(*args, **kwargs), computed again in backward instead of keeping what backward needs (Chen et al. 2016).

    The results and gradients have the bits that they have without. The function must do the same both times:
    GradientError where it does not. Gradients flow to the arguments and to all else that the function uses.

    use_reentrant: PyTorch's two ways of doing this are one here, which can do what either can; debug is for PyTorch's
    sake, too. preserve_rng_state: draw the same random numbers again. context_fn gives two contexts, of which one
    holds during the forward and the other while it is repeated. determinism_check="none": do not compare the types of
    what is kept. early_stop: repeat only up to the last value that backward needs.

    In a compiled program all inner values are computed again, and only those that gradients need.
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check must be 'default' or 'none', not {determinism_check!r}", op="checkpoint")
    first, again = context_fn()
    if STATE.trace is not None:
        with first:
            return recomputed(STATE.trace, partial(function, *args, **kwargs))
    forward = _Forward(function, args, kwargs, again, determinism_check == "default", early_stop, preserve_rng_state)
    with first, saved_tensors_hooks(forward.pack, forward.unpack):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:  # fmt: skip
    """The functions one after the other, in so many segments, of which all but the last are checkpointed.

    functions: a Sequential, or a list of functions.
    """
    layers = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= len(layers):
        raise ValueError(f"{len(layers)} functions cannot be cut into {segments} segments", op="checkpoint_sequential")
    size = len(layers) // segments
    cuts = [size * number for number in range(segments)]
    for start, end in zip(cuts, cuts[1:], strict=False):
        input = checkpoint(_chain(layers[start:end]), input, use_reentrant=use_reentrant, **kwargs)
    return _chain(layers[cuts[-1] :])(input)


def _chain(layers: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(input: Any) -> Any:
        for layer in layers:
            input = layer(input)
        return input

    return run


class _Enough(BaseException):
    """Ends a repetition that has computed all that is needed; no handler of errors should see it."""


class _Forward:
    """One call whose kept values are only counted. The first that backward wants is a reason to compute all again."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        context: AbstractContextManager[Any], check: bool, early_stop: bool, preserve_random: bool,
    ) -> None:  # fmt: skip
        self.function, self.context, self.check, self.early_stop = function, context, check, early_stop
        (self.arguments,) = keep([*args, *kwargs.values()])  # an enclosing checkpoint does not keep them either
        self.names = tuple(kwargs)
        self.random = default_generator.get_state() if preserve_random else None
        self.autocast = STATE.autocast
        self.types: list[Any] = []
        self.found: dict[int, Tensor] = {}

    def pack(self, tensor: Tensor) -> int:
        """The number of the value, instead of the value."""
        self.types.append(tensor._spec)
        return len(self.types) - 1

    def unpack(self, number: int) -> Tensor:
        """The value of that number, computed again if it is not there."""
        if number not in self.found:
            self._repeat()
        return self.found.pop(number)

    def _repeat(self) -> None:
        values = [take(kept, "checkpoint") for kept in self.arguments]
        args, given = values[: len(values) - len(self.names)], values[len(values) - len(self.names) :]
        self.found = {}
        seen = 0

        def collect(tensor: Tensor) -> Tensor:
            nonlocal seen
            if seen < len(self.types):
                self._compare(seen, tensor)
                self.found[seen] = tensor
            seen += 1
            if self.early_stop and seen == len(self.types):
                raise _Enough
            return tensor

        with tracing(None), _random_from(self.random), _autocast(self.autocast), enable_grad(), self.context:
            try:
                with saved_tensors_hooks(collect, lambda tensor: tensor):
                    self.function(*args, **dict(zip(self.names, given, strict=True)))
            except _Enough:
                pass
        if seen != len(self.types):
            raise GradientError(f"the function kept {len(self.types)} values for backward, and {seen} when it was "
                                "repeated", op="checkpoint")  # fmt: skip

    def _compare(self, number: int, tensor: Tensor) -> None:
        if self.check and tensor._spec is not self.types[number]:
            raise GradientError(f"value {number} that the function keeps for backward was {self.types[number].type}, "
                                f"and is {tensor._spec.type} when it is repeated", op="checkpoint")  # fmt: skip


@contextmanager
def _random_from(state: Tensor | None) -> Iterator[None]:
    """A block that draws random numbers from this state of the default generator on, and leaves no trace in it."""
    before = default_generator.get_state()
    if state is not None:
        default_generator.set_state(state)
    try:
        yield
    finally:
        if state is not None:
            default_generator.set_state(before)


@contextmanager
def _autocast(lower: Any) -> Iterator[None]:
    """A block under the autocast that there was."""
    outer = STATE.autocast
    set_autocast(lower)
    try:
        yield
    finally:
        set_autocast(outer)
