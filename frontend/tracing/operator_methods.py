"""Python's operators on tensors: the functions, from both sides and in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brasa.functions import matrix, pointwise
from brasa.tensors.inplace import in_place
from brasa.tensors.tensor import Tensor, over_array
from brasa.tracing.operators import pair_way

# Of each the function, whose in-place form has the same name with an underscore.
_BINARY: dict[str, Callable[..., Any]] = {
    "add": pointwise.add, "sub": pointwise.sub, "mul": pointwise.mul, "truediv": pointwise.div,
    "floordiv": pointwise.floor_divide, "mod": pointwise.remainder, "pow": pointwise.pow, "matmul": matrix.matmul,
    "and": pointwise.bitwise_and, "or": pointwise.bitwise_or, "xor": pointwise.bitwise_xor,
    "lshift": pointwise.bitwise_left_shift, "rshift": pointwise.bitwise_right_shift,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[..., Any]] = {
    "eq": pointwise.eq, "ne": pointwise.ne, "lt": pointwise.lt, "le": pointwise.le, "gt": pointwise.gt,
    "ge": pointwise.ge,
}  # fmt: skip


_OPERANDS = (Tensor, int, float, complex)


def _operator(function: Callable[..., Any], swap: bool = False) -> Callable[[Tensor, Any], Any]:
    """An operator that leaves operands which are no numbers to the other side."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _OPERANDS) and not hasattr(other, "__index__") and not hasattr(other, "dtype"):
            return NotImplemented
        other = over_array(other) if isinstance(other, np.ndarray) else other
        return function(other, self) if swap else function(self, other)

    return method if swap else pair_way(function, method)


OPERATOR_METHODS: dict[str, Any] = {
    **{f"__{name}__": _operator(function) for name, function in (*_BINARY.items(), *_COMPARISONS.items())},
    **{f"__r{name}__": _operator(function, swap=True) for name, function in _BINARY.items()},
    **{f"__i{name}__": in_place(function, f"{function.__name__}_") for name, function in _BINARY.items()
       if name != "matmul"},
    "__rdiv__": _operator(pointwise.div, swap=True), "__neg__": pointwise.neg, "__abs__": pointwise.abs,
    "__pos__": pointwise.positive, "__invert__": pointwise.bitwise_not,
}  # fmt: skip
