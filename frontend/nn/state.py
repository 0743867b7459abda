"""The state of a module by dotted names: saving it; checking a saved one as a whole, then loading it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from brasa._state import bump_epoch
from brasa.autograd import no_grad
from brasa.execution.hooks import RemovableHandle
from brasa.ir.errors import ArgumentError, Operand, ValueError
from brasa.nn.hooks import Hooked, add_hook
from brasa.nn.parameter import Parameter, is_lazy
from brasa.nn.registry import Registry
from brasa.tensors.tensor import Tensor, type_text

_EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What load_state_dict(strict=False) passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Stateful(Hooked):
    """The part of a module that is its state: state_dict, load_state_dict and the hooks on both.

    A subclass may override `_save_to_state_dict` and `_load_from_state_dict`, which treat the members of one module,
    and `get_extra_state` with `set_extra_state`, for what is no tensor.
    """

    _version: int = 1
    _state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _state_dict_hooks: dict[int, Callable[..., Any]]
    _load_state_dict_pre_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _load_state_dict_post_hooks: dict[int, Callable[..., Any]]

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(
            _state_dict_pre_hooks=Registry(), _state_dict_hooks=Registry(), _load_state_dict_pre_hooks=Registry(),
            _load_state_dict_post_hooks=Registry(),
        )  # fmt: skip

    # saving

    def state_dict(
        self, *, destination: OrderedDict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """All parameters and persistent buffers by dotted name, sharing their memory with the module."""
        state: Any = destination
        if state is None:
            state = OrderedDict()
            state._metadata = OrderedDict()
        facts = {"version": self._version}
        if hasattr(state, "_metadata"):
            state._metadata[prefix[:-1]] = facts
        for before in self._state_dict_pre_hooks.values():
            before(self, prefix, keep_vars)
        self._save_to_state_dict(state, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for after in self._state_dict_hooks.values():
            changed = after(self, state, prefix, facts)
            state = state if changed is None else changed
        return state  # type: ignore[no-any-return]

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Any]:
        """The parameters and persistent buffers directly in this module."""
        return {
            name: tensor for name, tensor in (*self._parameters.items(), *self._buffers.items())
            if tensor is not None and name not in self._non_persistent_buffers_set
        }  # fmt: skip

    def get_extra_state(self) -> Any:
        """What else is saved with the state; a subclass that has something defines this and set_extra_state."""
        raise NotImplementedError

    def set_extra_state(self, state: Any) -> None:
        """Take what get_extra_state gave."""
        raise NotImplementedError

    # loading

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state into this module's tensors. All that does not fit is named in one error, before any copy.

        strict: names that only one side has are an error. assign: take over the state's tensors instead of copying.
        Hooks that run after loading see what was loaded, so with them an error of `strict` comes after the copies.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentError(f"expected a dict, found {type(state_dict).__name__}", op="load_state_dict")
        loading = _Loading()
        given: Any = OrderedDict(state_dict)
        facts = getattr(state_dict, "_metadata", {})
        for path, module in self.named_modules(remove_duplicate=False):
            own = {**facts.get(path, {}), **({"assign_to_params_buffers": True} if assign else {})}
            module._load_from_state_dict(
                given, f"{path}." if path else "", own, True, loading.missing, loading.unexpected, loading
            )
        passed = IncompatibleKeys(loading.missing, loading.unexpected)
        hooked = any(module._load_state_dict_post_hooks for module in self.modules())
        loading.check(self, given, strict and not hooked)
        loading.commit()
        if hooked:
            self._after_loading(passed)
            loading.check(self, given, strict)
        return passed

    def _after_loading(self, passed: IncompatibleKeys) -> None:
        for child in self._modules.values():
            if child is not None:
                child._after_loading(passed)
        for hook in self._load_state_dict_post_hooks.values():
            hook(self, passed)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        for hook, with_module in self._load_state_dict_pre_hooks.values():
            first = (self,) if with_module else ()
            hook(*first, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        loading = error_msgs if isinstance(error_msgs, _Loading) else _Loading()
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = self._own_state()
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys += [key] if strict else []
            elif _fits(tensor, state_dict[key]):
                loading.pending.append(lambda name=name, value=state_dict[key]: self._take(name, value, assign))
            else:
                origin = f"is {_describe(state_dict[key])} in the state"
                loading.misfits.append(Operand(key, _describe(tensor), origin))
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if prefix + _EXTRA in state_dict:
                loading.pending.append(lambda extra=state_dict[prefix + _EXTRA]: self.set_extra_state(extra))
            elif strict:
                missing_keys.append(prefix + _EXTRA)
            own[_EXTRA] = None
        for key in state_dict if strict else ():
            if str(key).startswith(prefix):
                name, _, rest = str(key)[len(prefix) :].partition(".")
                if name not in (self._modules if rest else own):
                    unexpected_keys.append(str(key))
        if loading is not error_msgs:
            error_msgs += [f"{each.name} {each.type} {each.origin}" for each in loading.misfits]
            loading.commit()

    def _take(self, name: str, value: Tensor, assign: bool) -> None:
        """Copy a value to a member, or put it in the member's place."""
        own: Any = self._parameters.get(name)
        own = self._buffers[name] if own is None else own
        if assign and isinstance(own, Parameter):
            given = value if isinstance(value, Parameter) else Parameter(value, own.requires_grad)
            self._parameters[name] = given.requires_grad_(own.requires_grad)
        elif assign:
            self._buffers[name] = value
        else:
            if is_lazy(own) and not is_lazy(value):
                own.materialize(value.shape)
            if not is_lazy(own):
                own.copy_(value)

    # hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before a state is made."""
        return add_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after a state is made; it may change the state."""

        def checked(*args: Any) -> None:
            if hook(*args) is not None:
                raise ArgumentError("the hook must change the state in place and return None",
                                    op="register_state_dict_post_hook")  # fmt: skip

        return add_hook(self._state_dict_hooks, checked)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As register_state_dict_post_hook; what it returns takes the place of the state."""
        return add_hook(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, *arguments of _load_from_state_dict)` before a state is looked at; it may change it."""
        return add_hook(self._load_state_dict_pre_hooks, (hook, True))

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        return add_hook(self._load_state_dict_pre_hooks, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may take keys out of the two lists."""
        return add_hook(self._load_state_dict_post_hooks, hook)


class _Loading(list[str]):
    """One load: the messages of methods that load by themselves; what does not fit; what will be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.misfits: list[Operand] = []
        self.pending: list[Callable[[], None]] = []
        self.committed = False

    def check(self, module: Stateful, state: Mapping[str, Any], strict: bool) -> None:
        """Raise an error that names everything that is wrong."""
        faults = [*self.misfits, *(Operand(text, "") for text in self)]
        if strict:
            own = module.state_dict(keep_vars=True) if self.missing else {}
            faults += [Operand(key, _describe(own.get(key)), "is missing in the state") for key in self.missing]
            faults += [Operand(str(key), _describe(state.get(key)), "is not in the module") for key in self.unexpected]
        if faults:
            outcome = "the rest was loaded" if self.committed else "nothing was loaded"
            raise ValueError(f"the state does not fit {type(module).__name__}, {outcome}", op="load_state_dict",
                             operands=tuple(faults))  # fmt: skip

    def commit(self) -> None:
        """Copy what fits."""
        with no_grad():
            for load in self.pending:
                load()
        self.committed = True
        bump_epoch()


def _fits(own: Any, given: Any) -> bool:
    """Whether a value has the shape of a member, or decides it."""
    if not isinstance(given, Tensor) or is_lazy(own):
        return isinstance(given, Tensor)
    return not is_lazy(given) and tuple(given.shape) == tuple(own.shape)


def _describe(value: Any) -> str:
    if not isinstance(value, Tensor):
        return "" if value is None else type(value).__name__
    return "without a shape yet" if is_lazy(value) else type_text(value)
