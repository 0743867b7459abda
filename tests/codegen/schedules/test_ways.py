"""Kernels that can be made in several ways: each choice is a choice, and none of them changes a bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.codegen.schedules import Ways
from tests.codegen.schedules.orders import same_bits
from tests.codegen.schedules.running import Array, Machine, read
from tests.codegen.schedules.test_convolution import Case
from tests.codegen.schedules.test_products import product

_random = np.random.default_rng(29)
_CONV = Case(3, 5, 9, 8, 7, 3, padding=1)


def floats(*shape: int) -> Array:
    return _random.standard_normal(shape).astype(np.float32)


def options_of(text: str) -> dict[str, Any]:
    """What there is to choose in the kernel of a graph's text, by name."""
    found: dict[str, Any] = {}

    def choose(ways: Ways) -> Mapping[str, Any]:
        found.update(ways.first.options)
        return {}

    Machine(read(text), host_target(), choose=choose)
    return found


@pytest.mark.parametrize(
    ("text", "shapes", "names"),
    [
        (product("m", 70, 75), ((37, 70), (70, 75)), {"copies", "tile", "rows"}),
        (product(61, "k", "n"), ((61, 70), (70, 75)), {"copies", "tile", "rows"}),
        (product("m", 1030, 64), ((50, 1030), (1030, 64)), {"copies", "tile", "rows"}),
        (product("m", 40, 35, "dot"), ((37, 40), (35, 40)), {"tile"}),
        (_CONV.forward("n", True), ((3, 5, 9, 8), (7, 5, 3, 3)), {"positions", "tile", "rows"}),
        (_CONV.input_gradient("n"), ((3, 7, 9, 8), (7, 5, 3, 3)), {"positions", "tile", "rows"}),
        (_CONV.weight_gradient("n"), ((3, 5, 9, 8), (3, 7, 9, 8)), {"columns", "tile"}),
    ],
)  # fmt: skip
def test_no_choice_changes_a_bit(text: str, shapes: tuple[tuple[int, ...], ...], names: set[str]) -> None:
    arrays = [floats(*shape) for shape in shapes]
    options = options_of(text)
    assert set(options) == names
    first = Machine(read(text), host_target())
    wanted, kernels = first.run(*arrays).outputs[0], {str(replace(first.program.kernels[0], name=""))}
    for name, values in options.items():
        for value in values[1:]:
            other = Machine(read(text), host_target(), choose=lambda ways, each={name: value}: each)  # type: ignore[misc]
            (kernel,) = other.program.kernels
            assert kernel.name.partition(" ")[2].startswith(f"{name}=")
            kernels.add(str(replace(kernel, name="")))
            same_bits(other.run(*arrays).outputs[0], wanted)
    assert len(kernels) > 1  # they do differ


def test_what_is_no_option_is_not_chosen() -> None:
    text = product("m", 40, 35, "dot")
    plain = Machine(read(text), host_target())
    other = Machine(read(text), host_target(), choose=lambda ways: {"tile": (7, 7), "colour": "red"})
    kernels = [replace(each.program.kernels[0], name="") for each in (plain, other)]
    assert str(kernels[0]) == str(kernels[1])
