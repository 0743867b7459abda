"""Module: layers and models as objects that hold parameters, buffers and other modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from brasa._state import STATE
from brasa.autograd import no_grad
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, DTypeError, NotImplementedError
from brasa.nn.parameter import clear_gradient, is_lazy
from brasa.nn.representation import represent
from brasa.nn.state import Stateful
from brasa.tensors.creation import empty_like
from brasa.tensors.tensor import Tensor

_M = TypeVar("_M", bound="Module")


class Module(Stateful):
    """The base of all layers and models, as `torch.nn.Module`. Subclasses define `forward`.

    Parameters, modules and buffers are kept in tables of their own, `_parameters`, `_modules` and `_buffers`;
    everything else is an ordinary attribute. What a module is made of: its members (members.py), hooks on its calls
    (hooks.py), and its state (state.py).
    """

    _compiled: Callable[..., Any] | None = None

    # calls

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled is not None and STATE.trace is None:
            return self._compiled(*args, **kwargs)
        if self._is_hooked():
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def compile(self, **options: Any) -> None:
        """Run calls of this module compiled from now on; the options are those of brasa.compile."""
        from brasa.capture import compile as compiled  # capture imports much that a module does not need

        self._compiled = compiled(self.__call__, **options)

    # changes to all of it

    def apply(self: _M, fn: Callable[[Module], Any]) -> _M:
        """Call fn with every module in this one, and with this one last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: _M, mode: bool = True) -> _M:
        """Switch to training (or, with False, to evaluation): dropout and batch norm behave differently."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"mode must be a bool, not {type(mode).__name__}", op="train")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: _M) -> _M:
        """Switch to evaluation."""
        return self.train(False)

    def requires_grad_(self: _M, requires_grad: bool = True) -> _M:
        """Train all parameters, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero."""
        for parameter in self.parameters():
            clear_gradient(parameter, set_to_none)

    def _apply(self: _M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _M:
        """Replace the memory of every parameter, its gradient and every buffer by what fn makes of it."""
        for child in self.children() if recurse else ():
            child._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if is_lazy(parameter):
                    fn(parameter)
                elif parameter is not None:
                    parameter.data = fn(parameter.data)
                    parameter._grad = None if parameter._grad is None else fn(parameter._grad.detach())
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: _M, *args: Any, **kwargs: Any) -> _M:
        """Move to a device, convert to a float dtype, or both: to(device), to(dtype), to(device, dtype), to(tensor)."""
        every = [*args, *kwargs.values()]
        dtype = next((value if isinstance(value, DType) else value.dtype for value in every
                      if isinstance(value, DType | Tensor)), None)  # fmt: skip
        if dtype is not None and dtype.kind not in ("float", "complex"):
            raise DTypeError(f"a module can only become a float dtype, not {dtype.name}", op="to")

        def change(tensor: Tensor) -> Tensor:
            converted = tensor if dtype is None or not _is_float(tensor) else tensor.to(dtype)
            device = [value.device if isinstance(value, Tensor) else value for value in every
                      if not isinstance(value, DType | bool)]  # fmt: skip
            return converted.to(*device[:1]) if device else converted

        return self._apply(change)

    def share_memory(self: _M) -> _M:
        """Move all parameters, their gradients and all buffers to memory that other processes can see."""
        from brasa.tensors.shared import share  # needs what only some systems have

        gradients = [parameter._grad for parameter in self.parameters() if parameter._grad is not None]
        share([*self.parameters(), *gradients, *self.buffers()])
        return self

    def to_empty(self: _M, *, device: Any, recurse: bool = True) -> _M:
        """Move to a device without the values: the memory of all parameters and buffers then holds anything."""
        return self._apply(
            lambda tensor: tensor.to(device) if is_lazy(tensor) else empty_like(tensor, device=device), recurse
        )

    def type(self: _M, dst_type: DType) -> _M:
        """Convert all parameters and buffers to a dtype."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def cpu(self: _M) -> _M:
        """Move to the CPU."""
        return self.to("cpu")

    def float(self: _M) -> _M:
        """Convert to float32 what is float."""
        return self.to(dtypes.float32)

    def double(self: _M) -> _M:
        """Convert to float64 what is float."""
        return self.to(dtypes.float64)

    def half(self: _M) -> _M:
        """Convert to float16 what is float."""
        return self.to(dtypes.float16)

    def bfloat16(self: _M) -> _M:
        """Convert to bfloat16 what is float."""
        return self.to(dtypes.bfloat16)

    # copies and text

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """What a module's own line says of it."""
        return ""

    def __repr__(self) -> str:
        children = [(name, repr(module)) for name, module in self._modules.items()]
        return represent(self._get_name(), self.extra_repr(), children)


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype.kind in ("float", "complex")
