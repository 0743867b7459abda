"""Tensor's methods and operators: the functions, bound to the class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa import creation, indexing, views
from brasa._state import DEFAULTS, bump_epoch
from brasa.arguments import require_tensors
from brasa.autograd.engine import backward
from brasa.conversion import CONVERSIONS
from brasa.copies import cast
from brasa.exchange import VALUE_METHODS
from brasa.functions import matrix, pointwise
from brasa.functions.complex import COMPLEX_METHODS
from brasa.functions.filling import FILLS
from brasa.functions.overwriting import OVERWRITES
from brasa.functions.pointwise import add, div, floor_divide, mul, pow, remainder, sub
from brasa.functions.turning import TURNS
from brasa.inplace import assign, in_place
from brasa.operators import OPERATORS
from brasa.representation import represent
from brasa.tape import add_hook
from brasa.tensor import Tensor

_NUMBERS = (int, float, bool)


def install() -> None:
    """Give Tensor its methods."""
    for operator in OPERATORS.values():
        name = operator.name.rpartition(".")[2]
        if operator.method:
            setattr(Tensor, name, operator.call)
        if operator.in_place:
            setattr(Tensor, f"{name}_", in_place(operator.call, f"{name}_"))
    for name, method in _METHODS.items():
        setattr(Tensor, name, method)


def _operator(function: Callable[..., Any], swap: bool = False) -> Callable[[Tensor, Any], Any]:
    """An operator that leaves operands which are no numbers to the other side."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor | int | float | complex) and not hasattr(other, "__index__") and not hasattr(
            other, "dtype"):  # fmt: skip
            return NotImplemented
        return function(other, self) if swap else function(self, other)

    return method


def _flip_where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    return pointwise.where(condition, self, other)


def _copy_(self: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """Write another tensor's elements here, converted and broadcast."""
    require_tensors("copy_", source=source)
    value = source.to(self.device)  # type: ignore[attr-defined]
    if value.dtype is not self.dtype:
        value = cast(value, self.dtype)
    return assign(self, value, "copy_")


def _detach_(self: Tensor) -> Tensor:
    """Cut this tensor itself off from the graph."""
    self._requires_grad, self._edge = False, None
    return self


def _data(self: Tensor) -> Tensor:
    """The same memory, cut off from gradients."""
    return views.detach(self)


def _set_data(self: Tensor, value: Tensor) -> None:
    if self._cell is not None or value._cell is not None:
        assign(self, value.detach(), "data")  # type: ignore[attr-defined]
    else:
        self._buffer, self._ptr, self._spec = value._buffer, value._ptr, value._spec
        bump_epoch()


def _transposed(self: Tensor) -> Tensor:
    return views.permute(self, tuple(reversed(range(self.ndim))))


def _init(self: Tensor, data: Any = ()) -> None:
    """Tensor(data): as brasa.tensor, in the default dtype."""
    made = creation.tensor(data, dtype=DEFAULTS.dtype)
    self._buffer, self._ptr, self._spec = made._buffer, made._ptr, made._spec


_METHODS: dict[str, Any] = {
    "__init__": _init, "__repr__": represent, "backward": backward, "register_hook": add_hook,
    "__add__": _operator(add), "__radd__": _operator(add, swap=True),
    "__sub__": _operator(sub), "__rsub__": _operator(sub, swap=True),
    "__mul__": _operator(mul), "__rmul__": _operator(mul, swap=True),
    "__truediv__": _operator(div), "__rtruediv__": _operator(div, swap=True),
    "__floordiv__": _operator(floor_divide), "__rfloordiv__": _operator(floor_divide, swap=True),
    "__mod__": _operator(remainder), "__rmod__": _operator(remainder, swap=True),
    "__pow__": _operator(pow), "__rpow__": _operator(pow, swap=True),
    "__matmul__": _operator(matrix.matmul), "__rmatmul__": _operator(matrix.matmul, swap=True),
    "__neg__": pointwise.neg, "__abs__": pointwise.abs, "__pos__": lambda self: self,
    "__invert__": pointwise.bitwise_not,
    "__eq__": _operator(pointwise.eq), "__ne__": _operator(pointwise.ne),
    "__lt__": _operator(pointwise.lt), "__le__": _operator(pointwise.le),
    "__gt__": _operator(pointwise.gt), "__ge__": _operator(pointwise.ge),
    "__and__": _operator(pointwise.bitwise_and), "__or__": _operator(pointwise.bitwise_or),
    "__xor__": _operator(pointwise.bitwise_xor), "__rand__": _operator(pointwise.bitwise_and, swap=True),
    "__ror__": _operator(pointwise.bitwise_or, swap=True), "__rxor__": _operator(pointwise.bitwise_xor, swap=True),
    "__lshift__": _operator(pointwise.bitwise_left_shift), "__rshift__": _operator(pointwise.bitwise_right_shift),
    "__iadd__": in_place(add, "add_"), "__isub__": in_place(sub, "sub_"), "__imul__": in_place(mul, "mul_"),
    "__itruediv__": in_place(div, "div_"), "__getitem__": indexing.get_item, "__setitem__": indexing.set_item,
    "where": _flip_where, "copy_": _copy_, **OVERWRITES, **TURNS, **FILLS, "detach_": _detach_,
    "data": property(_data, _set_data),
    "T": property(_transposed), "mT": property(lambda self: views.transpose(self, -2, -1)),
    **COMPLEX_METHODS, **CONVERSIONS, **VALUE_METHODS,
}  # fmt: skip
