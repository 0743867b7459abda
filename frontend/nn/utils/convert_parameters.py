"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from brasa.functions.joining import cat
from brasa.ir.errors import ArgumentError, ShapeError
from brasa.tensors.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other."""
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make slices of a vector the values of the parameters; they share its memory, as in PyTorch."""
    if not isinstance(vec, Tensor):
        raise ArgumentError(f"expected a tensor, found {type(vec).__name__}", op="vector_to_parameters")
    listed = list(parameters)
    wanted = sum(int(parameter.numel()) for parameter in listed)
    if vec.ndim != 1 or vec.numel() < wanted:
        raise ShapeError(f"the parameters have {wanted} elements, the vector's shape is {list(vec.shape)}",
                         op="vector_to_parameters")  # fmt: skip
    start = 0
    for parameter in listed:
        end = start + int(parameter.numel())
        parameter.data = vec[start:end].view(parameter.shape).data
        start = end
