"""Samples put together to batches."""

from __future__ import annotations

from collections import OrderedDict, UserDict, namedtuple
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.utils.data import DataLoader, default_collate, default_convert
from brasa.utils.data.collate import collate
from tests.frontend.data.datasets import Uneven

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("batch", "dtype", "values"),
    [
        ([1, 2], brasa.int64, [1, 2]), ([True, False], brasa.bool, [True, False]), ([True, 2], brasa.int64, [1, 2]),
        ([0.5, 2.0], brasa.float64, [0.5, 2.0]), ([1j, 2], brasa.complex64, [1j, 2]),
        ([np.float32(1), np.float32(2)], brasa.float32, [1.0, 2.0]),
        ([np.arange(2), np.arange(2)], brasa.int64, [[0, 1], [0, 1]]),
    ],
)  # fmt: skip
def test_numbers_and_arrays(batch: Any, dtype: Any, values: Any) -> None:
    made = default_collate(batch)
    assert made.dtype is dtype and made.tolist() == values


@pytest.mark.parametrize("change", ["", "view", "gradient", "dtype"])
def test_tensors(change: str) -> None:
    """Copied together where nothing stands against it, else stacked."""
    samples = [brasa.arange(6.0).view(2, 3) + k for k in range(4)]
    wanted = np.stack([sample.numpy() for sample in samples])
    if change == "view":
        samples = [sample.t() for sample in samples]
        wanted = wanted.transpose(0, 2, 1)
    elif change == "gradient":
        samples[2].requires_grad_()
    elif change == "dtype":
        samples[1] = samples[1].double()
    made = default_collate(samples)
    np.testing.assert_array_equal(made.detach().numpy(), wanted)
    assert made.requires_grad == (change == "gradient")
    assert made.dtype is (brasa.float64 if change == "dtype" else brasa.float32)
    assert default_collate([brasa.zeros(0, 2)] * 3).shape == (3, 0, 2)


def test_containers() -> None:
    tuples = default_collate([(1, "a"), (2, "b")])
    assert tuples[0].tolist() == [1, 2] and tuples[1] == ("a", "b")
    assert [part.tolist() for part in default_collate([[1, 2], [3, 4]])] == [[1, 3], [2, 4]]
    point = default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert isinstance(point, Point) and point.y.tolist() == [2.0, 4.0]
    for kind in (dict, OrderedDict, UserDict):
        made = default_collate([kind(a=1, b=b"x"), kind(a=2, b=b"y")])
        assert type(made) is kind and made["a"].tolist() == [1, 2] and made["b"] == [b"x", b"y"]


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"default_collate: a batch may hold tensors, .* not object"):
        default_collate([object()])
    with pytest.raises(TypeError, match="cannot hold arrays of <U1"):
        default_collate([np.array(["a"])])
    with pytest.raises(ValueError, match="different numbers of elements"):
        default_collate([[1], [1, 2]])


@pytest.mark.parametrize("workers", [0, 1])
def test_unequal_shapes(workers: int) -> None:
    loader = DataLoader(Uneven(), batch_size=10, num_workers=workers)
    batches = iter(loader)
    next(batches)
    with pytest.raises(ValueError, match="the samples of a batch have different shapes") as caught:
        next(batches)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert "sample 0  f32[3,32]  dataset[10]" in lines and "sample 7  f32[3,30]  dataset[17]" in lines
    assert next(batches)[1].tolist() == [*range(20, 30)]


def test_unequal_arrays() -> None:
    with pytest.raises(ValueError, match=r"different shapes\n  sample 0  \[2\]\n  sample 2  \[3\]"):
        default_collate([np.zeros(2), np.zeros(2), np.zeros(3)])


def test_functions_of_ones_own() -> None:
    made = collate([Point(1, 2), Point(3, 4)], collate_fn_map={tuple: lambda batch, *, collate_fn_map=None: len(batch)})
    assert made == 2


def test_convert() -> None:
    made = default_convert({"a": np.ones(2), "b": [1, np.float64(2)], "c": "text", "d": Point(np.ones(1), 0)})
    assert made["a"].tolist() == [1, 1] and made["b"][0] == 1 and made["b"][1].item() == 2 and made["c"] == "text"
    assert isinstance(made["d"], Point) and isinstance(made["d"].x, brasa.Tensor)
