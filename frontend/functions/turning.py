"""Views taken in place: the tensor itself becomes the view."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from brasa._state import STATE
from brasa.functions.axes import swapaxes, swapdims, t
from brasa.functions.strided import as_strided
from brasa.ir.errors import GradientError
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import squeeze, transpose, unsqueeze
from brasa.tracing.trace import CaptureError


def _in_place(see: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = f"{see.__name__}_"

    @functools.wraps(see)
    def turn(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if STATE.grad_enabled and input._requires_grad and input.is_leaf:
            raise GradientError("a leaf that requires gradients cannot be changed in place", op=name)
        trace = STATE.trace
        if trace is not None and input._cell is None:
            trace.leave(CaptureError("a tensor from outside becomes a view of itself", op=name))
        seen = see(input, *args, **kwargs)
        if input._cell is not None:
            input._path, input._seen = seen._path, None
        else:
            input._ptr, input._spec, input._edge = seen._ptr, seen._spec, seen._edge
        return input

    turn.__name__ = turn.__qualname__ = name
    turn.__doc__ = f"{see.__name__}, of this tensor itself."
    return turn


TURNS: dict[str, Any] = {
    f"{see.__name__}_": _in_place(see)
    for see in (as_strided, squeeze, swapaxes, swapdims, t, transpose, unsqueeze)
}  # fmt: skip
