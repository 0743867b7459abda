"""The Tensor: memory with a spec in eager mode, a node of a graph while a program is traced."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from brasa._state import STATE, bump_epoch
from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import DTypeError, GradientError, ValueError
from brasa.ir.layout import is_row_major
from brasa.runtime import Buffer, allocate
from brasa.tensors.arrays import array_over
from brasa.tensors.formats import channels_last, channels_last_3d, contiguous_format, strided
from brasa.tensors.spec import Device, Size, Spec, spec_of

if TYPE_CHECKING:
    from brasa.execution.nodes import Edge, TapeNode
    from brasa.tensors.tensor_methods import TensorMethods
    from brasa.tracing.cell import Cell
else:
    TensorMethods = object


class Tensor(TensorMethods):
    """A multi-dimensional array of one dtype. Make one with `brasa.tensor`, `brasa.zeros`, `brasa.from_numpy`, ...

    Eager tensors have `_buffer`, `_ptr` and `_spec`. Traced ones have `_cell` (the memory that they stand for) and
    `_path` (the views that lead to them); `_buffer` is then None.
    """

    # What every tensor is given when it is made: CPython is slow to read and set what its class has, too.
    _buffer: Buffer | None
    _ptr: int
    _spec: Spec
    _cell: Cell | None
    _requires_grad: bool

    _path: tuple[Any, ...] = ()
    _seen: tuple[int, Any] | None = None  # the version of the cell when the views were last applied, and their node
    _weak: bool = False  # a Python number that takes part in tracing
    _grad: Tensor | None = None
    _edge: Edge | None = None  # where gradients of this value go; None for leaves until one is needed
    _base: Tensor | None = None  # the tensor that this is a view of
    _views: list[weakref.ref[Tensor]] | None = None  # those of this one whose gradients a write to it redirects
    _is_parameter: bool = False

    # facts

    @property
    def shape(self) -> Size:
        """The sizes of the axes; while traced, sizes may be symbolic."""
        trace = STATE.trace if self._cell is None else self._cell.trace
        return self._spec.shape if trace is None else trace.shape_of(self)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def dtype(self) -> DType:
        return self._spec.dtype if self._cell is None else self._cell.trace.node_of(self).tensor.dtype

    @property
    def device(self) -> Device:
        """Where the memory lies."""
        name = self._spec.device if self._cell is None else self._cell.trace.node_of(self).tensor.device
        return Device(name)

    @property
    def ndim(self) -> int:
        return self._spec.rank if self._cell is None else self._cell.trace.node_of(self).tensor.rank

    def dim(self) -> int:
        """The number of axes."""
        return self.ndim

    def numel(self) -> Any:
        """The number of elements."""
        trace = STATE.trace if self._cell is None else self._cell.trace
        return self._spec.numel if trace is None else trace.shape_of(self).numel()

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """The strides in elements, or the one of an axis."""
        traced = None if self._cell is None else self._cell.trace.steps_of(self)
        strides = self._materialized()._spec.strides if traced is None else traced
        return strides if dim is None else strides[dim]

    def storage_offset(self) -> int:
        """Elements between the start of the memory and the first element."""
        real = self._settled()  # no guard tells where memory begins
        assert real._buffer is not None
        return (real._ptr - real._buffer.ptr) // real._spec.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return int(self.numel()) * self.element_size()

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._settled()._ptr

    def is_contiguous(self, memory_format: Any = contiguous_format) -> bool:
        """Whether the elements lie without gaps in row-major order, or in the order that a memory format names."""
        if memory_format in (channels_last, channels_last_3d):
            order = (0, *range(2, self.ndim), 1)
            return self.ndim == (4 if memory_format is channels_last else 5) and is_row_major(
                [self.shape[axis] for axis in order], [self.stride(axis) for axis in order])  # fmt: skip
        return self._spec.row_major if self._cell is None else self._cell.trace.is_row_major(self)

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def get_device(self) -> int:
        """The number of the tensor's GPU; -1 on a CPU."""
        return -1 if self.device.type == "cpu" else self.device.index or 0

    ndimension = dim
    itemsize = property(element_size)
    layout = strided
    is_sparse = is_quantized = is_meta = False

    @property
    def is_cpu(self) -> bool:
        return self.device.type == "cpu"

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded function made this value."""
        if self._cell is not None:
            return not self._requires_grad or self._cell.trace.node_of(self) in self._cell.trace.leaves
        return not self._requires_grad or self._edge is None or self._edge.node.is_leaf

    @property
    def grad_fn(self) -> TapeNode | None:
        """The recorded function that made this value."""
        return None if self._edge is None or self._edge.node.is_leaf else self._edge.node

    # gradients

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Record (or stop recording) what is done with this tensor."""
        if requires_grad and self.dtype.kind not in ("float", "complex"):
            raise DTypeError(f"only float tensors can require gradients, this one is {self.dtype.name}",
                             op="requires_grad_")  # fmt: skip
        if not requires_grad and not self.is_leaf:
            raise GradientError("only a leaf can stop requiring gradients", op="requires_grad_",
                                hint="use .detach() for a copy that is cut off from the graph")  # fmt: skip
        self._requires_grad = bool(requires_grad)
        if self._cell is not None:
            self._cell.trace.leaves[self._cell.trace.node_of(self)], self._cell.plain = self, None
            self._cell.trace.own_leaves.append(self)
        bump_epoch()
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() has gathered here, for a leaf or after retain_grad()."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and tuple(value.shape) != tuple(self.shape):
            raise ValueError(f"the gradient has shape {list(value.shape)}, the tensor {list(self.shape)}", op="grad")
        self._grad = value

    def retain_grad(self) -> None:
        """Keep the gradient of this value in `.grad` although it is not a leaf."""
        if not self._requires_grad:
            raise GradientError("the tensor does not require gradients", op="retain_grad")
        if self._cell is not None:
            self._cell.trace.leaves[self._cell.trace.node_of(self)] = self
        elif self._edge is not None and not self._edge.node.is_leaf:
            node = self._edge.node
            node.retained = {**(node.retained or {}), self._edge.index: weakref.ref(self)}

    # values

    def _materialized(self) -> Tensor:
        """This tensor with its memory; while traced, the program runs up to here first."""
        if self._cell is not None:
            self._cell.trace.materialize(self)
        return self

    def _settled(self) -> Tensor:
        """This tensor with its memory, whose values are about to be read."""
        if self._cell is None and STATE.trace is not None:
            STATE.trace.look(self)
        return self._materialized()

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GradientError("only leaves can be deep-copied", op="deepcopy", hint="detach() it first")
        with_grad = self._requires_grad
        copied = like(self, array_of(self._settled()).copy())
        copied._requires_grad = with_grad
        copied._grad = None if self._grad is None else self._grad.__deepcopy__(memo)
        copied.__class__ = self.__class__
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = (np.asarray(self.detach().numpy(), order="C"), self._requires_grad)  # type: ignore[attr-defined]
        return _rebuild, (type(self), *state)


def make(buffer: Buffer, spec: Spec, ptr: int | None = None) -> Tensor:
    """An eager tensor over memory."""
    tensor = _new(Tensor)
    tensor._buffer = buffer
    tensor._ptr = buffer.ptr if ptr is None else ptr
    tensor._spec = spec
    tensor._cell = None
    tensor._requires_grad = False
    return tensor


def lie_where(tensor: Tensor, other: Tensor) -> None:
    """Let a tensor that has no facts yet lie where an eager one does."""
    tensor._buffer, tensor._ptr, tensor._spec = other._buffer, other._ptr, other._spec
    tensor._cell, tensor._requires_grad = None, False


_new: Callable[[type[Tensor]], Tensor] = object.__new__


def make_tensors_with(new: Callable[[type[Tensor]], Tensor]) -> Callable[[type[Tensor]], Tensor]:
    """Let another function make the tensors, as yet without facts, that get memory; the one that did so before."""
    global _new
    before, _new = _new, new
    return before


def empty_of(spec: Spec) -> Tensor:
    """An eager tensor with memory of its own that holds anything."""
    return make(allocate(spec.nbytes), spec)


def zero_filled(spec: Spec) -> Tensor:
    """An eager tensor of zeros."""
    made = empty_of(spec)
    ctypes.memset(made._ptr, 0, spec.nbytes)
    return made


def unread(spec: Spec | None) -> Tensor | int:
    """A stand-in with this spec for a tensor whose memory will not be read; for a number, where there is none."""
    return 0 if spec is None else make(unread_memory(), spec)


@cache
def unread_memory() -> Buffer:
    """What stand-ins have for memory."""
    return allocate(64)


def over_array(array: np.ndarray[Any, Any]) -> Tensor:
    """An eager tensor over the memory of a NumPy array, which is kept alive."""
    try:
        dtype = dtypes.from_numpy(array.dtype)
    except KeyError:
        raise DTypeError(f"brasa has no dtype for NumPy's {array.dtype}", op="from_numpy") from None
    itemsize, flags, strides = array.dtype.itemsize, array.flags, None
    if not array.dtype.isnative:
        return over_array(array.astype(array.dtype.newbyteorder("=")))
    if not flags.c_contiguous:
        if any(stride % itemsize or stride < 0 for stride in array.strides):
            return over_array(np.array(array, order="C"))
        strides = tuple(stride // itemsize for stride in array.strides)
    if strides is None and flags.writeable and array.nbytes and array.dtype.isbuiltin == 1:  # the quick way to it
        address = ctypes.addressof(ctypes.c_char.from_buffer(array))
    else:
        address = array.__array_interface__["data"][0]
    if address % itemsize:
        return over_array(np.array(array, order="C"))
    return make(Buffer(address, array.nbytes, "cpu", array), spec_of(dtype, array.shape, strides))


def like(tensor: Tensor, array: np.ndarray[Any, Any]) -> Tensor:
    """An eager tensor with a copy of the array, on the device of another tensor."""
    return copied(array)


def copied(array: np.ndarray[Any, Any]) -> Tensor:
    """An eager tensor with its own row-major copy of the array."""
    made = empty_of(spec_of(dtypes.from_numpy(array.dtype), array.shape))
    array_of(made)[...] = array
    return made


def weak_complex(value: complex) -> Tensor:
    """A Python number as an operand: a scalar of complex128 whose precision does not count in promotion."""
    made = copied(np.asarray(value))
    made._weak = True
    return made


def note_weak(tensor: Tensor) -> None:
    """Let a traced tensor count as a Python number."""
    assert tensor._cell is not None
    tensor._weak, tensor._cell.plain = True, None


def array_of(tensor: Tensor) -> np.ndarray[Any, Any]:
    """A NumPy array over the memory of an eager tensor."""
    return array_over(tensor._ptr, tensor._spec, tensor._buffer)


def copy_lying_as(spec: Spec, values: Tensor) -> Tensor:
    """The values in memory of their own, with the strides of the spec; no gradients flow through the copy."""
    span = 1 + sum((size - 1) * step for size, step in zip(spec.shape, spec.strides, strict=True))
    made = make(allocate(max(0, span) * spec.dtype.itemsize), spec)
    array_of(made)[...] = array_of(values)
    return made


def _rebuild(kind: type[Tensor], array: np.ndarray[Any, Any], requires_grad: bool) -> Tensor:
    tensor = copied(array)
    tensor.__class__ = kind
    tensor._requires_grad = requires_grad
    return tensor


def type_text(tensor: Tensor) -> str:
    """The tensor's type as error messages print it."""
    return str(tensor._spec.type if tensor._cell is None else tensor._cell.trace.type_of(tensor))


_reference = weakref.ref


def remember_view(root: Tensor, view: Tensor) -> None:
    """Let writes with gradients find the view."""
    views = root._views
    if views is None:
        root._views = [_reference(view)]
        return
    count = len(views)
    if count >= 32 and count & (count - 1) == 0:
        views[:] = [reference for reference in views if reference() is not None]
    views.append(_reference(view))


def make_view(source: Tensor, spec: Spec, ptr: int, remembered: bool = True) -> Tensor:
    """An eager tensor over memory of another one; remembered: writes with gradients are to find it."""
    view = _new(Tensor)
    view._buffer, view._ptr, view._spec = source._buffer, ptr, spec
    view._cell, view._requires_grad = None, False
    root = view._base = source if source._base is None else source._base
    if remembered and STATE.grad_enabled:
        remember_view(root, view)
    return view


def views_of(root: Tensor) -> list[Tensor]:
    """The views of a tensor that are alive, of those that gradients may flow through; of its parts, too."""
    alive = (reference() for reference in root._views or ())
    kept = (root.dtype, dtypes.real_dtype(root.dtype))
    return [view for view in alive if view is not None and view.dtype in kept]


def family_of(tensor: Tensor) -> list[Tensor]:
    """A tensor, what it is a view of, and all views of that which gradients may flow through."""
    root = tensor if tensor._base is None else tensor._base
    return list(dict.fromkeys((root, tensor, *views_of(root))))
