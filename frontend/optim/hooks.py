"""Hooks of optimisers: on steps, of one optimiser or of all, and on states."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from brasa.execution.hooks import RemovableHandle
from brasa.ir.errors import ArgumentError
from brasa.nn.hooks import add_hook
from brasa.nn.registry import Registry

_C = TypeVar("_C", bound=Callable[..., Any])

_BEFORE_ALL, _AFTER_ALL = Registry(), Registry()


class Hooked:
    """The part of an optimiser that is its hooks."""

    def __init__(self) -> None:
        self._make_tables()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _hooked(cls.step)  # type: ignore[attr-defined]

    def _make_tables(self) -> None:
        """Tables without hooks; those of hooks on all optimisers are attributes, so that compiled steps see them."""
        self._every_pre_hooks, self._every_post_hooks = _BEFORE_ALL, _AFTER_ALL
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre",
                     "load_state_dict_post"):  # fmt: skip
            setattr(self, f"_optimizer_{name}_hooks", Registry())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.endswith("_hooks")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_tables()

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before every step; it may return other (args, kwargs)."""
        return RemovableHandle(self._optimizer_step_pre_hooks, hook)  # type: ignore[attr-defined]

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after every step."""
        return RemovableHandle(self._optimizer_step_post_hooks, hook)  # type: ignore[attr-defined]

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before a state is made."""
        return add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)  # type: ignore[attr-defined]

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after a state is made; what it returns takes its place."""
        return add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)  # type: ignore[attr-defined]

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before a state is loaded; what it returns takes its place."""
        return add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)  # type: ignore[attr-defined]

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after a state is loaded."""
        return add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)  # type: ignore[attr-defined]

    def _through(self, hooks: dict[int, Callable[..., Any]], state: Any) -> Any:
        """The state after hooks that may replace it."""
        for hook in list(hooks.values()):
            changed = hook(self, state)
            state = state if changed is None else changed
        return state


def _hooked(step: _C) -> _C:
    @functools.wraps(step)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        for before in (*self._every_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            changed = before(self, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise ArgumentError(f"a hook gives None, or a tuple (args, kwargs), not a {type(changed).__name__}",
                                        op="register_step_pre_hook")  # fmt: skip
                args, kwargs = changed
        result = step(self, *args, **kwargs)
        for after in (*self._optimizer_step_post_hooks.values(), *self._every_post_hooks.values()):
            after(self, args, kwargs)
        return result

    return call  # type: ignore[return-value]


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before every step of every optimiser."""
    return RemovableHandle(_BEFORE_ALL, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after every step of every optimiser."""
    return RemovableHandle(_AFTER_ALL, hook)
