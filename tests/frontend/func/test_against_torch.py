"""The same programs, written once, run by brasa.func and by torch.func."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
import brasa.func

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]
RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(4, 4))
LIBRARIES = ((brasa, brasa.func), (torch, torch.func))


def leaves(value: Any) -> list[np.ndarray[Any, Any]]:
    """The arrays in a result of either library, in order."""
    if isinstance(value, dict):
        return [each for part in value.values() for each in leaves(part)]
    if isinstance(value, tuple | list):
        return [each for part in value for each in leaves(part)]
    return [np.array(value.detach().numpy())]


def per_sample(library: Any, f: Any) -> Any:
    def loss(w: Any, row: Any, target: Any) -> Any:
        return library.nn.functional.mse_loss(library.tanh(w["a"] @ row), target) + w["b"].sum() ** 2

    a, b, c = map(library.tensor, (A, B, C))
    return f.vmap(f.grad_and_value(loss), in_dims=({"a": None, "b": None}, 0, 0))({"a": c, "b": b}, a, b)


def jacobians(library: Any, f: Any) -> Any:
    def function(x: Any, w: Any) -> Any:
        return {"p": (x @ w).sin(), "q": (x.sum(), w.T @ x)}

    x, w = library.tensor(A[0]), library.tensor(C)
    return [of(function, argnums=by)(x, w) for of in (f.jacrev, f.jacfwd) for by in (0, (0, 1))]


def hessians(library: Any, f: Any) -> Any:
    def function(x: Any, w: Any) -> Any:
        return (library.softmax(x @ w, -1) * x).prod()

    x, w = library.tensor(A), library.tensor(C)
    return f.vmap(f.hessian(function, argnums=(0, 1)), in_dims=(0, None), out_dims=1)(x, w)


def products(library: Any, f: Any) -> Any:
    def function(x: Any, y: Any) -> Any:
        return x.cumsum(-1) * y, x.sort(-1)[0].exp().mean(0)

    x, y, c = (library.tensor(each) for each in (A, B, A + 1))
    results, pull = f.vjp(function, x, y)
    moved = f.jvp(function, (x, y), (c, c))
    value, push = f.linearize(function, x, y)
    return results, pull(results), moved, value, push(y, c)


def layers(library: Any, f: Any) -> Any:
    functional = library.nn.functional

    def function(x: Any, w: Any) -> Any:
        made = functional.conv1d(x[None], w[:, :3].reshape(2, 3, 2), padding=1)
        return functional.layer_norm(functional.gelu(made), (5,))[0].amax(-1)

    x, w = library.tensor(np.stack([A, B])), library.tensor(np.stack([C, C + 1])[:, :2].repeat(2, 1)[:, :4])
    return f.vmap(f.jacrev(lambda x, w: function(x, w), argnums=1))(x, w)


def nested(library: Any, f: Any) -> Any:
    x = library.tensor(A)
    laplacian = f.vmap(lambda row: library.diagonal(f.jacfwd(f.grad(lambda v: (v**3).sum().sin()))(row)).sum())
    pairs = f.vmap(f.vmap(lambda a, b: (a - b).pow(2).sum(), in_dims=(None, 0)), in_dims=(0, None))
    return laplacian(x), pairs(x, library.tensor(B)), f.grad(lambda v: laplacian(v).sum())(x)


@pytest.mark.parametrize("program", [per_sample, jacobians, hessians, products, layers, nested])
def test_a_program_gives_what_pytorch_gives(program: Callable[..., Any]) -> None:
    mine, theirs = (leaves(program(*library)) for library in LIBRARIES)
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


NAMES = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
         "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_signatures(name: str) -> None:
    mine, theirs = (inspect.signature(getattr(module, name)).parameters for module in (brasa.func, torch.func))
    assert [(each.name, each.kind, each.default) for each in mine.values()] == [
        (each.name, each.kind, each.default) for each in theirs.values()
    ]


def test_names() -> None:
    missing = {name for name in vars(torch.func) if not name.startswith("_")} - {*vars(brasa.func)}
    assert missing == {"debug_unwrap", "functionalize", "rearrange"}
