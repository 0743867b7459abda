"""The shortest way into sealed programs that compute one tensor from plain tensors and change nothing.

Small programs are called so often that Python's share counts: one function looks at the arguments, compares the guard
and enters machine code. It knows arguments of one signature; all other calls go the general way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa._state import DEFAULTS, STATE
from brasa.capture.facts import MISSING
from brasa.capture.sealed import Sealed
from brasa.runtime import allocate
from brasa.tensors.spec import Spec
from brasa.tensors.tensor import Tensor, make

_MOST = 8  # arguments of which each is compared with all before it
# Gives the result of a call with these arguments on no detour, or None where it has to go the general way. The first
# argument is a plain tensor with the spec that the shortcut is known by.
Shortcut = Callable[[tuple[Any, ...]], Tensor | None]


def shortcut(sealed: Sealed, key: tuple[Any, ...]) -> Shortcut | None:
    """The shortcut for calls of a signature that has just been run, in the modes that this thread is in."""
    bound, count, others = sealed.bounds[key], len(key), key[1:]
    if not sealed.simple or bound is None or count > _MOST or not (key and all(part.__class__ is Spec for part in key)):
        return None
    enabled, facts, places = STATE.grad_enabled, sealed.facts, sealed.places
    polled, functions, rest_holds = facts.polled, facts.functions, facts.rest_holds
    only_arguments = [place for _, place in places] == list(range(count)) and count == len(sealed.pointers)

    def run(args: tuple[Any, ...]) -> Tensor | None:
        first = args[0]
        if first._requires_grad or len(args) != count:
            return None
        if STATE.grad_enabled is not enabled or DEFAULTS.epoch != sealed.epoch:
            return None
        given = [first._ptr]
        if others:
            for item, spec in zip(args[1:], others):  # noqa: B905 - their lengths were compared
                if item.__class__ is not Tensor or item._spec is not spec or item._requires_grad:
                    return None
                ptr = item._ptr
                if ptr in given:  # tensors that lie at the same place make another program
                    return None
                given.append(ptr)
        for holder, name, value in polled:
            if holder.get(name, MISSING) is not value:
                return None
        for function, code, defaults, named in functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return None
            if function.__kwdefaults__ is not named:
                return None
        if rest_holds is not None and not rest_holds():
            return None
        if not only_arguments:
            fixed = sealed.pointers.copy()
            for index, place in places:
                fixed[index] = given[place]
            given = fixed
        buffer = allocate(bound.nbytes[0])
        # After a failed check nothing was committed: the general way finds the error.
        return make(buffer, bound.specs[0]) if bound.call(*given, buffer.ptr) is None else None

    return run
