"""Hooks: functions that are called before and after a module's forward and backward, of one module or of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from brasa.execution.hooks import RemovableHandle
from brasa.ir.errors import ArgumentError
from brasa.nn.backward_gates import BackwardGates
from brasa.nn.members import Members
from brasa.nn.registry import Registry


class Hook(NamedTuple):
    """One hook. with_kwargs: it also takes the keyword arguments; always_call: it runs when forward fails, too."""

    call: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class Hooked(Members):
    """The part of a module that is its hooks on calls."""

    _forward_pre_hooks: dict[int, Hook]
    _forward_hooks: dict[int, Hook]
    _backward_pre_hooks: dict[int, Hook]
    _backward_hooks: dict[int, Hook]
    _everywhere: ClassVar[dict[int, tuple[str, Hook]]] = Registry()  # (name of a table, hook) for all modules

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(
            _forward_pre_hooks=Registry(), _forward_hooks=Registry(), _backward_pre_hooks=Registry(),
            _backward_hooks=Registry(),
        )  # fmt: skip

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError

    def _is_hooked(self) -> bool:
        return bool(
            self._forward_hooks or self._forward_pre_hooks or self._everywhere or self._backward_hooks
            or self._backward_pre_hooks
        )  # fmt: skip

    def _hooks_of(self, table: str) -> dict[int, Hook]:
        """The hooks on all modules, then those on this one."""
        common = {key: hook for key, (kind, hook) in self._everywhere.items() if kind == table}
        return {**common, **getattr(self, table)}

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        waiting, result = self._hooks_of("_forward_hooks"), None
        try:
            args, kwargs = self._before_forward(args, kwargs)
            before, after = (
                [hook.call for hook in self._hooks_of(table).values()]
                for table in ("_backward_pre_hooks", "_backward_hooks")
            )
            gates = BackwardGates(self, before, after) if before or after else None
            args = args if gates is None else gates.enter(args)
            result = self.forward(*args, **kwargs)
            for key in list(waiting):
                result = self._after_forward(waiting.pop(key), args, kwargs, result)
            return result if gates is None else gates.leave(result)
        except Exception:
            for hook in waiting.values():
                if hook.always_call:
                    result = self._after_forward(hook, args, kwargs, result)
            raise

    def _before_forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        for hook in self._hooks_of("_forward_pre_hooks").values():
            changed = hook.call(self, args, kwargs) if hook.with_kwargs else hook.call(self, args)
            if changed is None:
                continue
            if not hook.with_kwargs:
                args = changed if isinstance(changed, tuple) else (changed,)
            elif isinstance(changed, tuple) and len(changed) == 2:
                args, kwargs = changed
            else:
                raise ArgumentError("a hook with_kwargs gives None, or a tuple (args, kwargs), not a "
                                    f"{type(changed).__name__}", op="register_forward_pre_hook")  # fmt: skip
        return args, kwargs

    def _after_forward(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        changed = hook.call(self, args, kwargs, result) if hook.with_kwargs else hook.call(self, args, result)
        return result if changed is None else changed

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward; what it returns takes the place of the arguments."""
        return add_hook(self._forward_pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, result)` after every forward; what it returns takes the place of the result.

        always_call: also when the forward raises an error; the result is then None.
        """
        return add_hook(self._forward_hooks, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the results are known; it may return others."""
        return add_hook(self._backward_pre_hooks, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the positional arguments are known.

        What it returns takes the place of grad_input. Both are tuples with None for what has no gradient.
        """
        return add_hook(self._backward_hooks, Hook(hook), prepend)


def add_hook(table: dict[int, Any], entry: Any, prepend: bool = False) -> RemovableHandle:
    """Put a hook into a table, as its last or its first."""
    others = dict(table) if prepend else {}
    handle = RemovableHandle(table, entry)
    for key, other in others.items():  # what is put in again comes last
        del table[key]
        table[key] = other
    return handle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module, before its own hooks."""
    return add_hook(Hooked._everywhere, ("_forward_pre_hooks", Hook(hook)))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, result)` after the forward of every module, before its own hooks."""
    return add_hook(Hooked._everywhere, ("_forward_hooks", Hook(hook, with_kwargs, always_call)))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` for every module, before its own hooks."""
    return add_hook(Hooked._everywhere, ("_backward_pre_hooks", Hook(hook)))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` for every module, before its own hooks."""
    return add_hook(Hooked._everywhere, ("_backward_hooks", Hook(hook)))
