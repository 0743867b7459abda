"""Tensors made to hold one value everywhere, and tensors given another size in place."""

from __future__ import annotations

from typing import Any

from brasa._state import STATE
from brasa.functions.joining import cat
from brasa.ir.dim import product
from brasa.ir.errors import GradientError, ShapeError
from brasa.tensors.creation import filled, sizes_of
from brasa.tensors.inplace import assign, store
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, empty_of, make, zero_filled
from brasa.tensors.views import reshape, sliced
from brasa.tracing.operators import operator
from brasa.tracing.sizes import plain_size
from brasa.tracing.trace import CaptureError

__all__ = ["fill", "fill_", "resize_as_", "zero_"]


def _one(value: Any) -> Any:
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"expects a number or a zero-dim tensor, found {list(value.shape)}", op="fill")
    return value


@operator()
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like the input with one value everywhere."""
    return filled(input, _one(value))


def fill_(input: Tensor, value: Any) -> Tensor:
    """Write one value everywhere."""
    return assign(input, filled(input, _one(value)), "fill_", overwrites=True)


def zero_(input: Tensor) -> Tensor:
    """Write 0 everywhere."""
    return fill_(input, 0)


def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another size in place: elements keep their order, new ones at the end hold anything."""
    shape = sizes_of(sizes, "resize_")
    if input._requires_grad:
        raise GradientError("a tensor that requires gradients cannot be resized", op="resize_")
    trace = STATE.trace
    if trace is not None:
        try:
            _resize_in_trace(input, shape)
            return input
        except CaptureError as error:
            trace.leave(error)
    spec = spec_of(input._spec.dtype, tuple(map(int, shape)), None, input._spec.device)
    buffer = input._buffer
    assert buffer is not None
    if input._ptr + spec.nbytes > buffer.ptr + buffer.nbytes:
        have = (buffer.ptr + buffer.nbytes - input._ptr) // spec.dtype.itemsize
        flat = spec_of(spec.dtype, (have,), None, spec.device)
        larger = empty_of(spec)
        store(make(larger._buffer, flat), make(buffer, flat, input._ptr))  # type: ignore[arg-type]
        input._buffer, input._ptr = larger._buffer, larger._ptr
    input._spec = spec
    return input


def _resize_in_trace(input: Tensor, shape: tuple[Any, ...]) -> None:
    if input._cell is None:
        raise CaptureError("a tensor from outside is resized", op="resize_")
    wanted, have = product(map(plain_size, shape)), product(map(plain_size, input.shape))
    flat = reshape(input, (-1,))
    missing = STATE.trace.scope.fix(wanted - have)  # type: ignore[union-attr]
    if missing > 0:
        fresh = zero_filled(spec_of(input.dtype, (missing,)))
        flat = cat((flat, fresh))
    made = reshape(sliced(flat, {0: (0, wanted, 1)}), shape)
    input._cell, input._path, input._seen = made._cell, made._path, None


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """resize_ to another tensor's size."""
    return resize_(input, tuple(the_template.shape))


OVERWRITES: dict[str, Any] = {"fill_": fill_, "zero_": zero_, "resize_": resize_, "resize_as_": resize_as_}
