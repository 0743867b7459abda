"""Parameters: tensors that a module trains."""

from __future__ import annotations

from typing import Any

from brasa._state import bump_epoch
from brasa.ir.errors import ArgumentError
from brasa.tensor import Tensor


class Parameter(Tensor):
    """A tensor that becomes one of a module's parameters when it is assigned to one of the module's attributes."""

    _is_parameter = True

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            super().__init__()
        elif isinstance(data, Tensor):
            source = data._materialized()
            self._buffer, self._ptr, self._spec = source._buffer, source._ptr, source._spec
        else:
            raise ArgumentError(f"expected a tensor, found {type(data).__name__}", op="Parameter",
                                hint="wrap the data in brasa.tensor(...)")  # fmt: skip
        self.requires_grad_(requires_grad)

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


def clear_gradient(parameter: Tensor, set_to_none: bool) -> None:
    """Forget a gradient, or set it to zero in its own memory."""
    if set_to_none or parameter._grad is None:
        parameter._grad = None
    else:
        parameter._grad = parameter._grad.detach().zero_()
