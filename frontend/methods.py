"""Tensor's methods and operators: the functions, bound to the class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa import creation, indexing, views
from brasa._state import DEFAULTS, bump_epoch
from brasa.arguments import require_tensors
from brasa.autograd.engine import backward
from brasa.copies import cast, clone
from brasa.devices import device_name, moved_to
from brasa.functions import matrix, pointwise
from brasa.functions.filling import FILLS
from brasa.functions.complex import COMPLEX_METHODS
from brasa.functions.pointwise import add, div, floor_divide, mul, pow, remainder, sub
from brasa.inplace import assign, in_place
from brasa.ir.dtype import DType, bool_, complex64, complex128, float16, float32, float64, int8, int16, int32, int64, uint8
from brasa.ir.dtype import bfloat16 as bfloat16_dtype
from brasa.ir.errors import ArgumentError
from brasa.operators import OPERATORS
from brasa.representation import represent
from brasa.tape import add_hook
from brasa.tensor import Device, Tensor

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


def _matmul(self: Tensor, other: Any) -> Any:
    return matrix.matmul(self, other) if isinstance(other, Tensor) else NotImplemented


def _flip_where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    return pointwise.where(condition, self, other)


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype or on another device: to(dtype), to(device), to(device, dtype), to(other)."""
    dtype, device = kwargs.get("dtype"), kwargs.get("device")
    for argument in args:
        if isinstance(argument, DType):
            dtype = argument
        elif isinstance(argument, str | Device):
            device = argument
        elif isinstance(argument, Tensor):
            dtype, device = argument.dtype, argument.device
        elif not isinstance(argument, bool):
            raise ArgumentError(f"expected a dtype, a device or a tensor, found {type(argument).__name__}", op="to")
    moved = self
    if device is not None and device_name(device) != str(self.device):
        moved = moved_to(self, device)
    result = moved if dtype is None else cast(moved, dtype)
    return clone(result) if kwargs.get("copy") and result is self else result


def _caster(dtype: DType) -> Callable[[Tensor], Tensor]:
    return lambda self: cast(self, dtype)


def _type(self: Tensor, dtype: Any = None) -> Any:
    """The tensor in another dtype; without one, the name of its type."""
    return f"brasa.{self.dtype.long_name.title()}Tensor" if dtype is None else cast(self, dtype)


def _copy_(self: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """Write another tensor's elements here, converted and broadcast."""
    require_tensors("copy_", source=source)
    value = source.to(self.device)  # type: ignore[attr-defined]
    if value.dtype is not self.dtype:
        value = cast(value, self.dtype)
    return assign(self, value, "copy_")


def _fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value everywhere."""
    number = value.item() if isinstance(value, Tensor) else value
    return assign(self, creation.full_like(self, number), "fill_")


def _zero_(self: Tensor) -> Tensor:
    """Write 0 everywhere."""
    return _fill_(self, 0)


def _detach_(self: Tensor) -> Tensor:
    """Cut this tensor itself off from the graph."""
    self._requires_grad, self._edge = False, None
    return self


def _new(maker: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def make_new(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        kwargs.setdefault("dtype", self.dtype)
        return maker(*args, device=self.device, **kwargs)

    return make_new


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
    "__matmul__": _matmul, "__neg__": pointwise.neg, "__abs__": pointwise.abs, "__pos__": lambda self: self,
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
    "where": _flip_where, "to": _to, "type": _type, "copy_": _copy_, "fill_": _fill_, "zero_": _zero_,
    **FILLS, "detach_": _detach_,
    "float": _caster(float32), "double": _caster(float64), "half": _caster(float16),
    "bfloat16": _caster(bfloat16_dtype), "int": _caster(int32), "long": _caster(int64), "short": _caster(int16),
    "char": _caster(int8), "byte": _caster(uint8), "bool": _caster(bool_), "cpu": lambda self: self.to("cpu"),
    "new_zeros": _new(creation.zeros), "new_ones": _new(creation.ones), "new_empty": _new(creation.empty),
    "new_full": _new(creation.full), "new_tensor": _new(creation.tensor), "data": property(_data, _set_data),
    "T": property(_transposed), "mT": property(lambda self: views.transpose(self, -2, -1)),
    **COMPLEX_METHODS, "cfloat": _caster(complex64), "cdouble": _caster(complex128),
    "type_as": lambda self, other: cast(self, other.dtype),
}  # fmt: skip
