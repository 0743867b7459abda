"""Facts about dtypes: their ranges, what they promote to, what they can be cast to; and questions about objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa._state import DEFAULTS
from brasa.ir.dtype import DType, real_dtype
from brasa.ir.errors import ArgumentError
from brasa.tensors.formats import as_dtype
from brasa.tensors.tensor import Tensor
from brasa.tracing.operators import operator
from brasa.tracing.promotion import number_dtype, result_dtype
from brasa.tracing.promotion import promote_types as promoted

__all__ = [
    "can_cast", "finfo", "iinfo", "is_floating_point", "is_nonzero", "is_same_size", "is_signed", "is_tensor", "numel",
    "promote_types", "result_type",
]  # fmt: skip


class finfo:
    """The range and precision of a float dtype; of a complex one, those of its parts."""

    def __init__(self, type: DType | None = None) -> None:
        kind = real_dtype(DEFAULTS.dtype if type is None else as_dtype(type))
        if kind.kind != "float":
            raise ArgumentError(f"expects a float dtype, not {kind.long_name}; use iinfo", op="finfo")
        facts = _float_facts(kind)
        self.bits, self.dtype = kind.bits, kind.long_name
        self.min, self.max, self.eps = (float(getattr(facts, name)) for name in ("min", "max", "eps"))
        self.tiny = self.smallest_normal = float(facts.smallest_normal)
        self.resolution = 10.0 ** -int(facts.precision)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):.6g}' for name in names)}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


def _float_facts(kind: DType) -> Any:
    if kind.name == "bf16":
        import ml_dtypes

        return ml_dtypes.finfo(kind.numpy)
    return np.finfo(kind.numpy)


class iinfo:
    """The range of an integer dtype."""

    def __init__(self, type: DType) -> None:
        kind = as_dtype(type)
        if kind.kind not in ("int", "uint"):
            raise ArgumentError(f"expects an integer dtype, not {kind.long_name}; use finfo", op="iinfo")
        bounds = np.iinfo(kind.numpy)
        self.bits, self.min, self.max, self.dtype = kind.bits, int(bounds.min), int(bounds.max), kind.long_name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


@operator()
def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that both can be turned into."""
    return promoted(as_dtype(type1), as_dtype(type2))


@operator()
def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype that arithmetic on two operands, tensors or numbers, would have."""
    return result_dtype(
        (x.dtype, 2 if x.ndim else 1) if isinstance(x, Tensor) else (number_dtype(type(x)), 0)
        for x in (tensor1, tensor2)
    )


@operator()
def can_cast(from_: DType, to: DType) -> bool:
    """Whether values may be cast by PyTorch's rules: never from complex to real, float to integer, numbers to bool."""
    order = {"bool": 0, "int": 1, "uint": 1, "float": 2, "complex": 3}
    return order[as_dtype(from_).kind] <= order[as_dtype(to).kind]


@operator()
def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


@operator()
def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor holds real floating-point numbers."""
    return input.is_floating_point()


@operator()
def is_signed(input: Tensor) -> bool:
    """Whether a tensor's dtype has negative values."""
    return input.is_signed()


@operator()
def numel(input: Tensor) -> int:
    """The number of elements of a tensor."""
    return input.numel()  # type: ignore[no-any-return]


@operator(method=True)
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element of a tensor is not zero."""
    return bool(input)


@operator(method=True)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(input.shape) == tuple(other.shape)
