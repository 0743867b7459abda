"""What a recorded function keeps for backward: tensors as they are, or what hooks have made of them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from brasa._state import STATE
from brasa.ir.errors import GradientError
from brasa.tensors.tensor import Tensor, copy_lying_as, make, type_text


class Hooks(NamedTuple):
    """pack takes a tensor that is kept and gives anything; unpack makes an equal tensor of that."""

    pack: Callable[[Tensor], Any]
    unpack: Callable[[Any], Tensor]


class Packed:
    """A tensor that hooks have taken, and what else is needed to have it again."""

    __slots__ = ("buffer", "hooks", "packed", "traits")

    def __init__(self, value: Tensor, hooks: Hooks) -> None:
        assert value._buffer is not None
        self.hooks, self.buffer = hooks, weakref.ref(value._buffer)
        self.traits = value._spec, value._ptr, value._requires_grad, value._edge
        self.packed = hooks.pack(make(value._buffer, value._spec, value._ptr))

    def take(self, op: str) -> Tensor:
        """The tensor, from the hooks; GradientError where they give another."""
        spec, _, requires_grad, edge = self.traits
        found = self.hooks.unpack(self.packed)
        if not isinstance(found, Tensor) or found.dtype is not spec.dtype or tuple(found.shape) != tuple(spec.shape):
            given = type_text(found) if isinstance(found, Tensor) else type(found).__name__
            raise GradientError(f"an unpack hook gave {given} for {spec.type}", op=op)
        return _like(found, spec, requires_grad, edge)

    def apart(self, tensor: Tensor) -> Packed:
        """As the function apart()."""
        buffer = self.buffer()
        if buffer is None or buffer is not tensor._buffer:
            return self
        spec, pointer, requires_grad, edge = self.traits
        copy = copy_lying_as(spec, make(buffer, spec, pointer))
        copy._requires_grad, copy._edge = requires_grad, edge
        return Packed(copy, self.hooks)


def _like(found: Tensor, spec: Any, requires_grad: bool, edge: Any) -> Tensor:
    """The values with the strides and the place in the graph that the kept tensor had."""
    assert found._buffer is not None
    made = make(found._buffer, spec, found._ptr) if found._spec is spec else copy_lying_as(spec, found)
    made._requires_grad, made._edge = requires_grad, edge
    return made


Kept: TypeAlias = tuple[Any, int] | Packed  # a tensor with the version of its memory, a number with -1, or packed


def keep(*groups: Sequence[Any]) -> list[list[Kept]]:
    """Keep groups of values for backward; hooks, if this thread has any, get each tensor once."""
    hooks = STATE.saving
    if hooks is None:
        return [[(v, v._buffer.version) if isinstance(v, Tensor) else (v, -1) for v in group] for group in groups]
    made: dict[int, Kept] = {}
    for value in (value for group in groups for value in group):
        if id(value) not in made:
            made[id(value)] = Packed(value, hooks) if isinstance(value, Tensor) else (value, -1)
    return [[made[id(value)] for value in group] for group in groups]


def take(kept: Kept, op: str) -> Any:
    """What was kept; GradientError where its memory has been written since."""
    if isinstance(kept, Packed):
        return kept.take(op)
    value, version = kept
    if version >= 0 and value._buffer.version != version:
        raise GradientError(
            "a value that backward needs has been changed in place since it was computed "
            f"(version {value._buffer.version}, expected {version})", op=op,
            hint="use the out-of-place form of the op that changed it",
        )  # fmt: skip
    return value


def apart(kept: Kept, tensor: Tensor) -> Kept:
    """The same for a backward after the tensor's memory has been overwritten: a copy, where the value lies there."""
    if isinstance(kept, Packed):
        return kept.apart(tensor)
    value, version = kept
    if version < 0 or value._buffer is not tensor._buffer:
        return kept
    copy = copy_lying_as(value._spec, value)
    copy._requires_grad, copy._edge = value._requires_grad, value._edge
    return copy, copy._buffer.version
