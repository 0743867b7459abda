"""The names that `import brasa` shows: functions and classes of brasa's own, and nothing that its files merely use."""

from __future__ import annotations

import types

import pytest

import brasa
from brasa.ir.dtype import DType
from brasa.ir.graph import Op

# What PyTorch has at its top, of that which brasa has at all.
FUNCTIONS = """
    abs add all amax amin any arange argmax argmin as_tensor bernoulli bitwise_and bmm broadcast_to cat ceil
    chunk clamp clone compile cos detach div dot empty empty_like enable_grad eq erf exp expm1 eye flatten flip
    floor from_numpy full full_like gather ge get_num_threads gt index_select inference_mode is_grad_enabled
    isfinite isinf isnan le linspace load log log1p log_softmax logical_and logical_not logsumexp lt manual_seed
    masked_fill matmul max maximum mean min minimum mm movedim mul mv narrow ne neg no_grad ones ones_like outer
    permute pow prod rand rand_like randint randn randn_like randperm reciprocal relu remainder reshape round
    rsqrt save select set_num_threads sigmoid sign sin softmax split sqrt square squeeze stack std sub sum t
    tanh tensor transpose trunc unflatten unsqueeze var where zeros zeros_like
"""


@pytest.mark.parametrize("name", FUNCTIONS.split())
def test_functions_are_there_and_documented(name: str) -> None:
    function = getattr(brasa, name)
    assert callable(function)
    assert not isinstance(function, Op)
    assert function.__module__.startswith("brasa.")
    assert function.__doc__


@pytest.mark.parametrize("module", [brasa, brasa.nn, brasa.optim], ids=lambda module: module.__name__)
def test_nothing_else_is_shown(module: types.ModuleType) -> None:
    foreign = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType | DType | float | None)
        and (isinstance(value, Op) or not getattr(value, "__module__", "").startswith("brasa."))
    ]
    modules = [
        name
        for name, value in vars(module).items()
        if isinstance(value, types.ModuleType) and not value.__name__.startswith("brasa.")
    ]
    assert foreign + modules == []
