"""How tensors print. What is expected was printed by PyTorch."""

import pickle

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
    assert f"{brasa.tensor(3)}" == "3"
    assert f"{brasa.tensor([0.5])}" == "tensor([0.5000])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{brasa.tensor([0.5]):.3f}"


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda x: x.max(0), "max(\nvalues=tensor([3., 2.]),\nindices=tensor([1, 0]))"),
        (lambda x: x[0].sort(), "sort(\nvalues=tensor([1., 2.]),\nindices=tensor([0, 1]))"),
        (lambda x: x[0].aminmax(), "aminmax(\nmin=tensor(1.),\nmax=tensor(2.))"),
        (lambda x: brasa.linalg.slogdet(brasa.eye(2)), "linalg_slogdet(\nsign=tensor(1.),\nlogabsdet=tensor(0.))"),
    ],
)
def test_several_results(call, text):
    found = call(brasa.tensor([[1.0, 2.0], [3.0, 1.0]]))
    assert repr(found) == f"brasa.return_types.{text}"
    kind = getattr(brasa.return_types, text.partition("(")[0])
    assert type(found) is kind and repr(pickle.loads(pickle.dumps(found))) == repr(found)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda x: x[0], "Select"), (lambda x: x.view(-1), "View"), (lambda x: x.unsqueeze(0), "Unsqueeze"),
        (lambda x: x.clone(), "Clone"), (lambda x: x.double(), "ToCopy"), (lambda x: x / 2, "Div"),
        (lambda x: x**2, "Pow"), (lambda x: x[[0]], "Index"), (lambda x: x.max(0).values, "Max"),
    ],
)  # fmt: skip
def test_names_of_gradients_are_pytorchs(call, name):
    assert call(brasa.ones(2, 2, requires_grad=True)).grad_fn.name() == f"{name}Backward0"


def test_numbers_print_as_pytorch_prints_them():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for shape in ((), (0,), (2, 0), (5,), (3, 4), (2, 3, 4), (1001,), (40, 30), (3, 500, 2)):
        for dtype in ("float32", "float64", "float16", "bfloat16", "complex64", "int64", "uint8", "bool"):
            for scale in (1, 1e-5, 1e6) if dtype[0] in "fc" and dtype != "float16" else (1,):
                values = rng.standard_normal(shape) * scale
                values = values + 1j * rng.standard_normal(shape) if dtype == "complex64" else values
                values = np.round(np.abs(values) * 10) if dtype in ("int64", "uint8") else values
                texts = [repr(module.tensor(values).to(getattr(module, dtype))) for module in (brasa, torch)]
                assert texts[0] == texts[1].replace("torch.", "brasa."), (shape, dtype, scale)
    special = [0.0, -0.0, 1e-5, 0.1, 1 / 3, 1.0, 1000.5, 1001.0, 1e8, 123456789.0, np.inf, -np.inf, np.nan]
    for one in special:
        for other in special:
            pair = [one, other]
            assert repr(brasa.tensor(pair)) == repr(torch.tensor(pair)), pair


def test_random_numbers_are_aligned():
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    lines = repr(brasa.tensor(values)).split("\n")
    assert len({len(line.rstrip("],)")) for line in lines}) == 1
