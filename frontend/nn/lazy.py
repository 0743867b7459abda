"""Modules whose parameters get their shapes from the first input."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.ir.errors import NotImplementedError, ValueError
from brasa.nn.module import Module
from brasa.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from brasa.tracing.trace import tracing


class LazyModuleMixin(Module):
    """Goes before a module class; what has no shape yet is made at the first call, by `initialize_parameters`.

    cls_to_become: the class that the module has from then on. A state can be saved and loaded before the first call.
    """

    cls_to_become: type[Module] | None = None

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialise what is uninitialised, given the arguments of the first call."""
        raise NotImplementedError(f"{type(self).__name__} does not define initialize_parameters()")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A compiled module calls this method of the class that it had, whatever it has become.
        if isinstance(self, LazyModuleMixin) and (self.cls_to_become is not None or self.has_uninitialized_params()):
            with tracing(None), no_grad():
                self.initialize_parameters(*args, **kwargs)
            if self.has_uninitialized_params():
                raise ValueError("initialize_parameters() left a parameter or buffer without a shape",
                                 op=type(self).__name__)  # fmt: skip
            if self.cls_to_become is not None:
                self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return Module.__call__(self, *args, **kwargs)

    def _forget(self, *names: str, device: Any, dtype: Any) -> None:
        """Put uninitialised parameters and buffers in the place of those that are there."""
        for name in names:
            if self._parameters.get(name) is not None:
                self._parameters[name] = UninitializedParameter(device=device, dtype=dtype)
            elif self._buffers.get(name) is not None:
                self._buffers[name] = UninitializedBuffer(device=device, dtype=dtype)

    def _shape(self, **shapes: tuple[int, ...]) -> None:
        """Give parameters and buffers their shapes, and their initial values; what was loaded stays."""
        if not self.has_uninitialized_params():
            return
        for name, shape in shapes.items():
            member: Any = getattr(self, name)
            if is_lazy(member):
                member.materialize(shape)
        self.reset_parameters()  # type: ignore[operator]
