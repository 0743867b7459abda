"""Element types, tensor types, and the one form of errors."""

from __future__ import annotations

import builtins
import copy
import pickle

import numpy as np
import pytest

from brasa.ir import errors
from brasa.ir.dim import symbol
from brasa.ir.dtype import BY_NAME, DTYPES, DType, bfloat16, bool_, complex64, float32, from_numpy, int8, uint64
from brasa.ir.errors import BrasaError, Operand
from brasa.ir.parsing import parse_type
from brasa.ir.types import TensorType, TupleType

N = symbol("n")


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_dtypes(dtype: DType) -> None:
    assert BY_NAME[dtype.name] is dtype
    assert from_numpy(dtype.numpy) is dtype
    assert dtype.numpy.itemsize == dtype.itemsize
    assert repr(dtype) == f"brasa.{dtype.long_name}"
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.deepcopy(dtype) is dtype


def test_properties_of_dtypes() -> None:
    assert [bool_.itemsize, int8.itemsize, bfloat16.itemsize, complex64.itemsize] == [1, 1, 2, 8]
    assert float32.is_floating_point and not complex64.is_floating_point
    assert complex64.is_complex and not float32.is_complex
    assert int8.is_signed and not uint64.is_signed and not bool_.is_signed


@pytest.mark.parametrize("other", [np.dtype(str), np.dtype(object), np.dtype(np.longdouble), np.dtype("datetime64[s]")])
def test_foreign_dtypes(other: np.dtype) -> None:
    with pytest.raises(KeyError):
        from_numpy(other)


@pytest.mark.parametrize(
    ("type", "text", "rank", "size", "nbytes"),
    [
        (TensorType((), float32), "f32[]", 0, 1, 4),
        (TensorType((2, 3), bool_), "bool[2,3]", 2, 6, 6),
        (TensorType((0, 3), complex64), "c64[0,3]", 2, 0, 0),
        (TensorType((N, 4), bfloat16), "bf16[n,4]", 2, N * 4, N * 8),
        (
            TensorType((N * 2, (N - 3) // 2), float32, "cuda:1"),
            "f32[n*2,(n-3)//2]@cuda:1",
            2,
            N * 2 * ((N - 3) // 2),
            None,
        ),
    ],
)
def test_tensor_types(type: TensorType, text: str, rank: int, size: object, nbytes: object) -> None:
    assert str(type) == text
    assert (type.rank, type.size) == (rank, size)
    assert nbytes is None or type.nbytes == nbytes


def test_types_compare_by_value() -> None:
    assert TensorType((N, 2), float32) == TensorType((symbol("n"), 2), float32)
    assert TensorType((2,), float32) != TensorType((2,), float32, "cuda")
    assert TensorType((N * 2,), float32) == TensorType((N + N,), float32)
    assert str(TupleType((TensorType((), float32), TensorType((N,), bool_)))) == "(f32[], bool[n])"


@pytest.mark.parametrize("text", ["f32[]", "i64[2,3]", "bool[n,0]", "c128[n*4,(n-4)//3]", "f32[n]@cuda", "bf16[n%2]"])
def test_types_read_back(text: str) -> None:
    assert str(parse_type(text)) == text


@pytest.mark.parametrize(
    ("text", "column", "fact"),
    [
        ("float32[2]", 1, f"there is no dtype 'float32'; the dtypes are {', '.join(BY_NAME)}"),
        ("f32", 4, "expected '[', found the end"),
        ("f32[2", 6, "expected ',', found the end"),
        ("f32[2 3]", 7, "expected ',', found '3'"),
        ("f32[2] f32", 8, "expected the end of the type, found 'f32'"),
        ("f32[2]@", 7, "expected a device such as @cuda, found '@'"),
    ],
)
def test_texts_that_are_no_types(text: str, column: int, fact: str) -> None:
    with pytest.raises(errors.ParseError) as caught:
        parse_type(text)
    assert str(caught.value) == f"line 1, column {column}: {fact}\n  {text}\n  {' ' * (column - 1)}^"


def test_error_text() -> None:
    error = errors.ShapeError(
        "inner sizes differ, 128 and 64",
        op="matmul",
        operands=(
            Operand("lhs", "f32[32,128]", "result of relu", "model.py:14"),
            Operand("rhs", "f32[10,64]", "parameter 'fc2.weight'", "model.py:9"),
            Operand("other", "f32[]"),
        ),
        hint="rhs.mT would fit",
    )
    assert str(error) == (
        "matmul: inner sizes differ, 128 and 64\n"
        "  lhs    f32[32,128]  result of relu          model.py:14\n"
        "  rhs    f32[10,64]   parameter 'fc2.weight'  model.py:9\n"
        "  other  f32[]\n"
        "  hint: rhs.mT would fit"
    )
    assert str(BrasaError("a fact")) == "a fact"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ShapeError, builtins.ValueError), (errors.DTypeError, TypeError),
        (errors.IndexError, builtins.IndexError),
        (errors.ArgumentError, TypeError), (errors.ValueError, builtins.ValueError),
        (errors.ParseError, builtins.ValueError), (errors.GraphError, RuntimeError), (errors.DeviceError, RuntimeError),
        (errors.GradientError, RuntimeError), (errors.OutOfMemoryError, MemoryError),
        (errors.AttributeError, builtins.AttributeError), (errors.NotImplementedError, builtins.NotImplementedError),
    ],
)  # fmt: skip
def test_errors_are_what_ported_code_expects(kind: type[BrasaError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin):
        raise kind("a fact")
    assert issubclass(kind, BrasaError)
