"""The layer that multiplies two inputs."""

from __future__ import annotations

from brasa.functions import pointwise
from brasa.functions.matrix import matmul
from brasa.ir.dim import product
from brasa.ir.errors import ShapeError
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import permute, reshape, type_of


@function(fixed=("weight", "bias"))
def _bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    lead = type_of(input1).shape[:-1]
    outs, first, second = type_of(weight).shape
    rows = product(lead)
    a, b = reshape(input1, (rows, first)), reshape(input2, (rows, second))
    turned = reshape(permute(weight, (1, 0, 2)), (first, outs * second))
    half = reshape(matmul(a, turned), (rows, outs, second))
    result = reshape(matmul(half, reshape(b, (rows, second, 1))), (*lead, outs))
    return result if bias is None else pointwise.add(result, bias)


@operator(namespace="nn.functional")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1[..., i] * weight[o, i, j] * input2[..., j], summed over i and j, plus bias[o]."""
    require_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    if weight.ndim != 3 or not input1.ndim or not input2.ndim or tuple(input1.shape[:-1]) != tuple(input2.shape[:-1]):
        raise ShapeError(f"weight must have 3 axes, it has {weight.ndim}; the inputs must agree but for the last axis,"
                         f" they are {list(input1.shape)} and {list(input2.shape)}", op="bilinear")  # fmt: skip
    if input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        raise ShapeError(f"inputs of {input1.shape[-1]} and {input2.shape[-1]} features do not fit weight "
                         f"{list(weight.shape)}", op="bilinear")  # fmt: skip
    return _bilinear(input1, input2, weight, bias)
