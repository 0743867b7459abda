"""Hooks of all kinds: when they run, what they may change, and that compiled programs run them too."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.nn.modules import module as everywhere


def double(module: nn.Module, args: tuple[Any, ...]) -> brasa.Tensor:
    """A pre-hook that doubles the argument."""
    return args[0] * 2


def forward_cases() -> Iterator[tuple[str, Callable[[nn.Module], Any], list[float]]]:
    """Hooks on a module that multiplies [1, 2] by 3, and what it gives with them."""
    yield "pre", lambda m: m.register_forward_pre_hook(double), [6.0, 12.0]
    yield "post", lambda m: m.register_forward_hook(lambda m, args, result: result - args[0]), [2.0, 4.0]
    yield "none", lambda m: m.register_forward_hook(lambda m, args, result: None), [3.0, 6.0]
    yield "keywords", lambda m: m.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"add": 1.0}), with_kwargs=True), [4.0, 7.0]  # fmt: skip
    yield "everywhere before", lambda m: everywhere.register_module_forward_pre_hook(double), [6.0, 12.0]
    yield "everywhere after", lambda m: everywhere.register_module_forward_hook(
        lambda m, args, kwargs, result: result + len(kwargs), with_kwargs=True), [3.0, 6.0]  # fmt: skip


class Triple(nn.Module):
    """3 * x + add, with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(brasa.tensor(3.0))

    def forward(self, x: brasa.Tensor, add: float = 0.0) -> brasa.Tensor:
        return self.factor * x + add


@pytest.mark.parametrize("case", list(forward_cases()), ids=lambda case: case[0])
def test_forward_hooks_eagerly_and_compiled(case: Any) -> None:
    _, register, wanted = case
    module, x = Triple(), brasa.tensor([1.0, 2.0])
    compiled = brasa.compile(module, fullgraph=True)
    for _ in range(6):  # followed at first, sealed in the end
        assert compiled(x).tolist() == [3.0, 6.0]
    handle = register(module)
    for run in (module, *[compiled] * 6):
        assert run(x).tolist() == wanted
    handle.remove()
    assert module(x).tolist() == compiled(x).tolist() == [3.0, 6.0]


def test_the_order_of_forward_hooks() -> None:
    module, seen = Triple(), list[str]()
    handles = [
        module.register_forward_pre_hook(lambda *_: seen.append("b")),
        module.register_forward_pre_hook(lambda *_: seen.append("a"), prepend=True),
        module.register_forward_hook(lambda *_: seen.append("d")),
        module.register_forward_hook(lambda *_: seen.append("c"), prepend=True),
        everywhere.register_module_forward_pre_hook(lambda *_: seen.append("first")),
        everywhere.register_module_forward_hook(lambda *_: seen.append("between")),
    ]
    module(brasa.ones(1))
    assert seen == ["first", "a", "b", "between", "c", "d"]
    for handle in handles:
        handle.remove()
    with module.register_forward_hook(lambda *_: seen.append("again")):
        module(brasa.ones(1))
    module(brasa.ones(1))
    assert seen[6:] == ["again"]


def test_hooks_that_are_always_called() -> None:
    class Failing(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ZeroDivisionError("no")

    module, seen = Failing(), list[Any]()
    module.register_forward_hook(lambda m, args, result: seen.append(("usual", result)))
    module.register_forward_hook(lambda m, args, result: seen.append(("always", result)), always_call=True)
    with pytest.raises(ZeroDivisionError):
        module(1)
    assert seen == [("always", None)]
    seen.clear()
    fine = nn.Identity()
    fine.register_forward_hook(lambda m, args, result: seen.append(result), always_call=True)
    assert fine(3) == 3
    assert seen == [3]


def test_builtins_as_hooks_are_called_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    module, kept = Triple(), list[Any]()
    compiled = brasa.compile(module)
    handle = module.register_forward_pre_hook(print)
    for _ in range(6):
        compiled(brasa.ones(1))
    assert capsys.readouterr().out.count("Triple") == 6
    handle.remove()
    module.factor.register_hook(kept.append)
    step = brasa.compile(lambda x: module(x).sum().backward(), fullgraph=True)
    for _ in range(6):
        step(brasa.ones(2))
    assert [grad.tolist() for grad in kept] == [2.0] * 6


def test_full_backward_hooks() -> None:
    module, x, seen = Triple(), brasa.tensor([1.0, 2.0], requires_grad=True), list[Any]()
    module.register_full_backward_pre_hook(lambda m, grads: (grads[0] * 10,))
    module.register_full_backward_hook(lambda m, inputs, outputs: seen.append((inputs, outputs)))
    last = module.register_full_backward_hook(lambda m, inputs, outputs: (inputs[0] + 1,))
    module(x, add=1.0).sum().backward()
    ((inputs, outputs),) = seen
    assert outputs[0].tolist() == [10.0, 10.0]
    assert inputs[0].tolist() == [30.0, 30.0]
    assert x.grad.tolist() == [31.0, 31.0]
    assert module.factor.grad.item() == 30.0
    last.remove()
    module(x.detach()).sum().backward()
    assert seen[-1][0] == (None,)
    assert seen[-1][1][0].tolist() == [10.0, 10.0]
    with brasa.no_grad():
        assert not module(x).requires_grad


def test_backward_hooks_on_all_modules() -> None:
    model, names = nn.Sequential(nn.Linear(2, 2), nn.Tanh()), list[str]()
    before = everywhere.register_module_full_backward_pre_hook(lambda m, grads: names.append(f"-{type(m).__name__}"))
    after = everywhere.register_module_full_backward_hook(lambda m, *_: names.append(type(m).__name__))
    with before, after:
        model(brasa.ones(1, 2, requires_grad=True)).sum().backward()
    assert names == ["-Sequential", "-Tanh", "Tanh", "-Linear", "Linear", "Sequential"]
    model(brasa.ones(1, 2)).sum().backward()
    assert len(names) == 6


@pytest.mark.filterwarnings("ignore::brasa.capture.compiled.CompileWarning")
def test_hooks_on_gradients_in_compiled_steps() -> None:
    """Hooks on leaves are followed; those on computed values and modules run eagerly from there on."""
    results = []
    for compiled in (False, True):
        model, x = nn.Sequential(Triple(), nn.Tanh()), brasa.tensor([0.1, 0.2])
        model[0].factor.register_hook(lambda grad: grad * 2)
        model[1].register_full_backward_hook(lambda m, inputs, outputs: (inputs[0] * 3,))

        def step(x: brasa.Tensor, model: Any = model) -> brasa.Tensor:
            hidden = model[0](x)
            hidden.register_hook(lambda grad: grad * 5)
            loss = model[1](hidden).sum()
            loss.backward()
            return loss

        run = brasa.compile(step) if compiled else step
        results.append([(run(x).item(), model[0].factor.grad.item()) for _ in range(5)])
    assert results[0] == results[1]
    with pytest.raises(brasa.BrasaError, match="a hook on the gradient of a computed value"):
        brasa.compile(step, fullgraph=True)(x)


def test_hooks_that_come_and_go_between_compiled_steps() -> None:
    w, x = brasa.nn.Parameter(brasa.tensor([1.0, 2.0])), brasa.ones(2)

    @brasa.compile
    def step(x: brasa.Tensor) -> brasa.Tensor:
        w.grad = None
        (w * x).sum().backward()
        return x

    for _ in range(6):
        step(x)
    for register in (lambda: w.register_hook(lambda grad: grad * 7),
                     lambda: w.register_post_accumulate_grad_hook(lambda leaf: leaf.grad.mul_(7))):  # fmt: skip
        with register():
            step(x)
        assert w.grad.tolist() == [7.0, 7.0]
        step(x)
        assert w.grad.tolist() == [1.0, 1.0]


def test_hooks_on_arguments_of_compiled_functions() -> None:
    x = brasa.ones(2, requires_grad=True)
    step = brasa.compile(lambda x: (x * 3).sum().backward())
    for _ in range(6):
        x.grad = None
        step(x)
    x.register_hook(lambda grad: grad * 7)
    x.grad = None
    step(x)
    assert x.grad.tolist() == [21.0, 21.0]


def test_an_optimizer_in_the_backward() -> None:
    parameters = [brasa.nn.Parameter(brasa.ones(2)) for _ in range(2)]
    optimizers = {parameter: brasa.optim.SGD([parameter], lr=0.5) for parameter in parameters}

    def update(parameter: brasa.Tensor) -> None:
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    for parameter in parameters:
        parameter.register_post_accumulate_grad_hook(update)
    (parameters[0] + 2 * parameters[1]).sum().backward()
    assert [parameter.tolist() for parameter in parameters] == [[0.5, 0.5], [0.0, 0.0]]
    assert all(parameter.grad is None for parameter in parameters)


def test_copies_have_hooks_of_their_own() -> None:
    module = Triple()
    module.register_forward_pre_hook(double)
    module.factor.register_hook(lambda grad: grad * 100)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other(brasa.ones(1)).item() == 6.0
        other._forward_pre_hooks.clear()
        assert other(brasa.ones(1)).item() == 3.0
        other(brasa.ones(1)).sum().backward()
        assert other.factor.grad.item() == 1.0
    assert module(brasa.ones(1)).item() == 6.0


ERRORS: dict[str, Callable[[], Any]] = {
    "register_post_accumulate_grad_hook: the tensor is computed, only a leaf gathers a gradient":
        lambda: (brasa.ones(1, requires_grad=True) * 2).register_post_accumulate_grad_hook(print),
    "register_hook: the tensor does not require gradients": lambda: brasa.ones(1).register_hook(print),
    "register_forward_pre_hook: a hook with_kwargs gives None, or a tuple (args, kwargs), not a Tensor":
        lambda: hooked(lambda m: m.register_forward_pre_hook(lambda m, args, kwargs: args[0], with_kwargs=True)),
    "register_full_backward_hook: the hook gives 2 gradients in the place of 1":
        lambda: hooked(lambda m: m.register_full_backward_hook(lambda m, inputs, outputs: (None, None))),
    "register_full_backward_pre_hook: the hook gives 0 gradients in the place of 1":
        lambda: hooked(lambda m: m.register_full_backward_pre_hook(lambda m, outputs: ())),
}  # fmt: skip


def hooked(register: Callable[[nn.Module], Any]) -> None:
    """Forward and backward of a module with a hook."""
    module = Triple()
    register(module)
    module(brasa.ones(1, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
