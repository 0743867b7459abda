"""Parameters: tensors that a module trains; buffers: tensors that it keeps; and both before they have a shape."""

from __future__ import annotations

from typing import Any

from brasa._state import bump_epoch
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, ValueError
from brasa.tensors.creation import empty
from brasa.tensors.tensor import Tensor, lie_where


class Parameter(Tensor):
    """A tensor that becomes one of a module's parameters when it is assigned to one of the module's attributes."""

    _is_parameter = True

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        _take_memory(self, data)
        self.requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        memo[id(self)] = made = type(self)(self.data.clone(), self._requires_grad)
        return made

    def requires_grad_(self, requires_grad: bool = True) -> Parameter:
        """Record (or stop recording) what is done with this parameter."""
        super().requires_grad_(requires_grad)
        bump_epoch()
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, cut off from gradients."""
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        Tensor.data.fset(self, value)
        bump_epoch()


class Buffer(Tensor):
    """A tensor that becomes one of a module's buffers when it is assigned to one of the module's attributes."""

    persistent: bool = True

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        _take_memory(self, data)
        self.persistent = persistent

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        memo[id(self)] = made = type(self)(self.detach().clone(), persistent=self.persistent)
        return made


def _take_memory(made: Tensor, data: Tensor | None) -> None:
    """Give a tensor the memory of another one, or of nothing."""
    if data is None:
        Tensor.__init__(made)
    elif isinstance(data, Tensor):
        lie_where(made, data._materialized())
    else:
        raise ArgumentError(f"expected a tensor, found {type(data).__name__}", op=type(made).__name__,
                            hint="wrap the data in brasa.tensor(...)")  # fmt: skip


class Uninitialized(Tensor):
    """A parameter or buffer whose shape is not known yet; `materialize` makes it an ordinary one."""

    _becomes: type[Tensor]

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: DType | None = None) -> None:
        self.__dict__["_options"] = {"device": device, "dtype": dtype}
        self._buffer, self._ptr, self._cell, self._requires_grad = None, 0, None, requires_grad

    @property
    def _spec(self) -> Any:  # type: ignore[override]
        raise ValueError("a value is missing: this parameter or buffer has no shape yet", op=type(self).__name__,
                         hint="call the module once, or materialize(shape)")  # fmt: skip

    shape = _spec  # type: ignore[assignment]

    @property
    def dtype(self) -> DType:
        """The element type that it will have."""
        return empty(0, **self.__dict__["_options"]).dtype

    @property
    def device(self) -> Any:
        """Where it will lie."""
        return empty(0, **self.__dict__["_options"]).device

    @property
    def is_leaf(self) -> bool:
        return True

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Decide whether it will be trained."""
        self._requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """Itself, as there is nothing to cut off."""
        return self

    def materialize(self, shape: Any, device: Any = None, dtype: DType | None = None) -> None:
        """Become an ordinary parameter or buffer of this shape, with memory that holds anything."""
        given = {"device": device, "dtype": dtype}
        options = {key: value if given[key] is None else given[key] for key, value in self.__dict__["_options"].items()}
        made = empty(*map(int, shape), **options)
        del self.__dict__["_options"]
        self.__class__ = self._becomes
        self._buffer, self._ptr, self._spec = made._buffer, made._ptr, made._spec  # type: ignore[misc]
        bump_epoch()

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Take another device or dtype for the time when there is a shape."""
        options = self.__dict__["_options"]
        for value in (*args, *kwargs.values()):
            if not isinstance(value, bool):
                options["dtype" if isinstance(value, DType) else "device"] = value
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        memo[id(self)] = made = type(self)(self._requires_grad, **self.__dict__["_options"])
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        options = self.__dict__["_options"]
        return type(self), (self._requires_grad, options["device"], options["dtype"])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter whose shape is not known yet, as layers have that take it from their first input."""

    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: DType | None = None) -> None:
        super().__init__(requires_grad, device, dtype)


class UninitializedBuffer(Uninitialized):
    """A buffer whose shape is not known yet."""

    _becomes = Tensor


def is_lazy(tensor: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(tensor, Uninitialized)


def clear_gradient(parameter: Tensor, set_to_none: bool) -> None:
    """Forget a gradient, or set it to zero in its own memory."""
    if set_to_none or parameter._grad is None:
        parameter._grad = None
    else:
        parameter._grad = parameter._grad.detach().zero_()
