"""How tensors print. What is expected was printed by PyTorch."""

import numpy as np
import pytest

import brasa


@pytest.fixture(autouse=True)
def default_options():
    yield
    brasa.set_printoptions(profile="default")


@pytest.mark.parametrize(
    "data, text",
    [
        (1.5, "tensor(1.5000)"),
        (True, "tensor(True)"),
        (2 + 3j, "tensor(2.+3.j)"),
        ([], "tensor([])"),
        ([1.0, 2.0, 3.0], "tensor([1., 2., 3.])"),
        ([1.0, -2.5], "tensor([ 1.0000, -2.5000])"),
        ([1, -20], "tensor([  1, -20])"),
        ([[True], [False]], "tensor([[ True],\n        [False]])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([1e9, 0.0], "tensor([1.0000e+09, 0.0000e+00])"),
        ([100000.0, 1.0], "tensor([1.0000e+05, 1.0000e+00])"),
        ([float("inf"), float("nan"), 1.0], "tensor([inf, nan, 1.])"),
        ([float("-inf"), 0.5], "tensor([  -inf, 0.5000])"),
        ([1 - 1j, -0.25j], "tensor([1.-1.0000j, -0.-0.2500j])"),
        ([[[1.0], [2.0]], [[3.0], [4.0]]], "tensor([[[1.],\n         [2.]],\n\n        [[3.],\n         [4.]]])"),
    ],
)
def test_elements(data, text):
    assert repr(brasa.tensor(data)) == text


@pytest.mark.parametrize(
    "tensor, text",
    [
        (lambda: brasa.zeros(0, 3), "tensor([], size=(0, 3))"),
        (lambda: brasa.zeros(0, dtype=brasa.int64), "tensor([], dtype=brasa.int64)"),
        (lambda: brasa.ones(2, dtype=brasa.float16), "tensor([1., 1.], dtype=brasa.float16)"),
        (lambda: brasa.ones(2, dtype=brasa.bfloat16), "tensor([1., 1.], dtype=brasa.bfloat16)"),
        (lambda: brasa.ones(2, dtype=brasa.uint8), "tensor([1, 1], dtype=brasa.uint8)"),
        (lambda: brasa.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: brasa.ones(1, requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward0>)"),
        (lambda: brasa.nn.Parameter(brasa.ones(1)), "Parameter containing:\ntensor([1.], requires_grad=True)"),
    ],
)
def test_suffixes(tensor, text):
    assert repr(tensor()) == text


def test_long_lines_are_broken_and_a_suffix_takes_a_line_of_its_own():
    assert repr(brasa.full((20,), 20.0, dtype=brasa.float64, requires_grad=True) * 1) == (
        "tensor([20., 20., 20., 20., 20., 20., 20., 20., 20., 20., 20., 20., 20., 20.,\n"
        "        20., 20., 20., 20., 20., 20.], dtype=brasa.float64,\n       grad_fn=<MulBackward0>)"
    )


def test_only_the_ends_of_many_elements_are_shown():
    assert repr(brasa.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert repr(brasa.arange(1001).expand(1, 1001)) == "tensor([[   0,    1,    2,  ...,  998,  999, 1000]])"
    square = repr(brasa.arange(1024.0).reshape(32, 32)).split("\n")
    assert square[0] == "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 2.9000e+01, 3.0000e+01,"
    assert square[6:8] == ["        ...,", "        [9.2800e+02, 9.2900e+02, 9.3000e+02,  ..., 9.5700e+02, 9.5800e+02,"]
    assert repr(brasa.zeros(1).expand(2**33)) == "tensor([0., 0., 0.,  ..., 0., 0., 0.])"


def test_options():
    values = brasa.tensor([1.23456, 1000.5])
    brasa.set_printoptions(precision=2)
    assert repr(values) == "tensor([   1.23, 1000.50])"
    brasa.set_printoptions(sci_mode=True)
    assert repr(values) == "tensor([1.23e+00, 1.00e+03])"
    brasa.set_printoptions(profile="default", linewidth=30)
    assert repr(brasa.arange(9)) == "tensor([0, 1, 2, 3, 4, 5, 6,\n        7, 8])"
    brasa.set_printoptions(profile="short", threshold=4)
    assert repr(brasa.arange(9)) == "tensor([0, 1,  ..., 7, 8])"
    brasa.set_printoptions(profile="full")
    assert repr(brasa.arange(1500)).count(",") == 1499
    with pytest.raises(ValueError, match="there is no profile 'wide'"):
        brasa.set_printoptions(profile="wide")


def test_a_format_is_that_of_the_number():
    assert f"{brasa.tensor(0.5):.3f}" == "0.500"
    assert f"{brasa.tensor([0.5])}" == "tensor([0.5000])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{brasa.tensor([0.5]):.3f}"


def test_random_numbers_are_aligned():
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    lines = repr(brasa.tensor(values)).split("\n")
    assert len({len(line.rstrip("],)")) for line in lines}) == 1
