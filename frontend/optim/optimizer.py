"""Optimizer: groups of parameters with their hyperparameters, and the state that belongs to each parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

from brasa._state import STATE
from brasa.autograd import enable_grad, no_grad
from brasa.ir.errors import ArgumentError, NotImplementedError, ValueError
from brasa.nn.parameter import clear_gradient
from brasa.nn.registry import Registries, Registry, RegistryList
from brasa.optim.hooks import Hooked
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import tracing


class Optimizer(Hooked):
    """The base of all optimisers, as `torch.optim.Optimizer`.

    Subclasses define `_initial_state`, and `_update`, which changes one parameter. Hyperparameters are numbers at run
    time: to change one compiles nothing.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        super().__init__()
        self.defaults = defaults
        self.state: dict[Any, dict[str, Any]] = Registries()
        self.param_groups: list[dict[str, Any]] = RegistryList()
        if isinstance(params, Tensor):
            raise ArgumentError("expected parameters or groups of them, found one tensor", op=type(self).__name__,
                                hint="put it in a list")  # fmt: skip
        listed = list(params)
        if not listed:
            raise ValueError("there are no parameters", op=type(self).__name__)
        for group in listed if isinstance(listed[0], dict) else [{"params": listed}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take more parameters: {"params": ..., and the hyperparameters that differ from the defaults}."""
        if not isinstance(param_group, dict):
            raise ArgumentError(f"a group must be a dict, not {type(param_group).__name__}", op="add_param_group")
        group = {**self.defaults, **param_group}
        given = group.pop("params")
        pairs = [item if isinstance(item, tuple) else (None, item) for item in _listed(given)]
        parameters = [parameter for _, parameter in pairs]
        self._check(parameters)
        group = Registry(params=RegistryList(parameters), **group)
        if pairs and pairs[0][0] is not None:
            group["param_names"] = [name for name, _ in pairs]
        self.param_groups.append(group)

    def _check(self, parameters: list[Any]) -> None:
        known = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        for parameter in parameters:
            if not isinstance(parameter, Tensor):
                raise ArgumentError(f"expected tensors, found {type(parameter).__name__}", op="add_param_group")
            if not parameter.is_leaf:
                raise ValueError("a computed tensor cannot be optimised, only a leaf", op="add_param_group")
            if id(parameter) in known:
                raise ValueError("a parameter is given twice", op="add_param_group")
            known.add(id(parameter))

    # steps

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; `closure`, if given, computes the loss first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                options = self._options(group)
                for parameter in options["params"]:
                    if parameter._grad is not None:
                        self._update(parameter, parameter._grad, self._state_of(parameter, options), options)
        return loss

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        """A group as its update reads it: in a captured step, those of brasa hand on numbers that each run has anew."""
        return (
            STATE.trace.held(group) if STATE.trace is not None and type(self).__module__.startswith("brasa.") else group
        )

    def _state_of(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            with tracing(None):  # a captured step finds real tensors, which are inputs of its program
                state.update(self._initial_state(parameter, group))
        return state

    def _initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state of a parameter before its first step."""
        raise NotImplementedError(f"{type(self).__name__} does not define _initial_state()")

    def _update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one parameter and its state."""
        raise NotImplementedError(f"{type(self).__name__} does not define _update()")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero."""
        for group in self.param_groups:
            for parameter in group["params"]:
                clear_gradient(parameter, set_to_none)

    # state

    def state_dict(self) -> dict[str, Any]:
        """The state by the parameters' numbers, and the groups with numbers in the place of parameters."""
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                numbers.setdefault(id(parameter), len(numbers))
        groups = [
            {**{key: value for key, value in group.items() if key != "params"},
             "params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]  # fmt: skip
        state = {numbers.get(id(key), key): dict(value) for key, value in self.state.items()}
        return self._through(self._optimizer_state_dict_post_hooks, {"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state: parameters are matched by their order in the groups."""
        state_dict = self._through(self._optimizer_load_state_dict_pre_hooks, dict(state_dict))
        groups = deepcopy(state_dict["param_groups"])
        self._check_groups(groups)
        pairs = [
            pair for own, saved in zip(self.param_groups, groups, strict=True)
            for pair in zip(saved["params"], own["params"], strict=True)
        ]  # fmt: skip
        by_number = dict(pairs)
        state = Registries()
        for number, values in state_dict["state"].items():
            parameter = by_number.get(number, number)
            state[parameter].update((key, _like_parameter(key, value, parameter)) for key, value in values.items())
        for own, saved in zip(self.param_groups, groups, strict=True):
            parameters = own["params"]
            own.clear()
            own.update({**saved, "params": parameters})
        self.state = state
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def _check_groups(self, groups: list[dict[str, Any]]) -> None:
        have = [len(group["params"]) for group in self.param_groups]
        given = [len(group["params"]) for group in groups]
        if have != given:
            raise ValueError(f"the state is of groups of {given} parameters, the optimiser has {have}",
                             op="load_state_dict")  # fmt: skip

    # text

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _listed(given: Any) -> Iterable[Any]:
    if isinstance(given, Tensor):
        return [given]
    if isinstance(given, set):
        raise ArgumentError("the parameters of a group need an order, a set has none", op="add_param_group",
                            hint="pass a list")  # fmt: skip
    return list(given)


def _like_parameter(key: str, value: Any, parameter: Any) -> Any:
    """A copy of a saved value, in the parameter's dtype; numbers that belong to no element keep their own."""
    if not isinstance(value, Tensor):
        return deepcopy(value)
    kept = key == "step" or (value.ndim == 0 and parameter.ndim > 0) or not parameter.is_floating_point()
    return value.detach().to(parameter.device, value.dtype if kept else parameter.dtype, copy=True)
