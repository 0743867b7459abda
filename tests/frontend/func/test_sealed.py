"""Transforms in sealed programs: what their functions read is guarded like what any compiled function reads."""

from __future__ import annotations

from typing import Any

import brasa
from brasa import Tensor, nn
from brasa.func import grad, hessian, vjp, vmap
from tests.frontend.functions.harness import flat, same_bits

SCALE = {"by": 2.0}


def scaled(row: Tensor) -> Tensor:
    return (row**3 * SCALE["by"]).sum()


def sealed(function: Any, *args: Any) -> Any:
    """The compiled function, after so many calls that it is sealed."""
    compiled = brasa.compile(function, fullgraph=True)
    for _ in range(5):
        compiled(*args)
    assert brasa.explain(compiled).way == "sealed", brasa.explain(compiled)
    return compiled


def test_what_the_function_of_a_transform_reads_is_guarded() -> None:
    x = brasa.ones(3, 2)
    for function in (vmap(grad(scaled)), vmap(hessian(scaled)), lambda x: vmap(grad(scaled))(x)):
        compiled = sealed(function, x)
        for by in (3.0, 5.0):
            SCALE["by"] = by
            same_bits(compiled(x), function(x))
            assert compiled(x).max() in (3 * by, 6 * by)


def test_a_module_that_is_mapped() -> None:
    model, x = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)).eval(), brasa.ones(4, 2)
    mapped = vmap(model, randomness="different")
    compiled = sealed(mapped, x)
    with brasa.no_grad():
        model[0].weight.mul_(2)
    same_bits(compiled(x), mapped(x))
    model.train()
    brasa.manual_seed(0)
    wanted = mapped(x)
    brasa.manual_seed(0)
    same_bits(compiled(x), wanted)
    model[0] = nn.Linear(2, 3)
    model.eval()
    same_bits(compiled(x), mapped(x))


def test_what_a_pullback_keeps_is_read_anew() -> None:
    weight = brasa.ones(2)
    _, pull = vjp(lambda v: v * v * weight, brasa.ones(2))
    compiled = sealed(vmap(pull), brasa.eye(2))
    weight.mul_(3)
    for got, want in zip(flat(compiled(brasa.eye(2))), flat(vmap(pull)(brasa.eye(2))), strict=True):
        same_bits(got, want)
    assert compiled(brasa.eye(2)).tolist() == [[6.0, 0.0], [0.0, 6.0]]
