"""autograd.Function: functions of tensors whose gradients their author writes."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from brasa._state import STATE
from brasa.autograd.modes import enable_grad, no_grad
from brasa.execution.nodes import Edge, TapeNode, edge_of
from brasa.execution.saving import keep, take
from brasa.ir.errors import ArgumentError, GradientError, NotImplementedError, ShapeError
from brasa.tensors.tensor import Tensor, make, zero_filled
from brasa.tracing.casting import cast
from brasa.tracing.places import user_location
from brasa.tracing.trace import CaptureError


class FunctionCtx:
    """What a forward hands to its backward: `ctx`. Anything may be put on it; tensors through save_for_backward.

    needs_input_grad: for each argument, whether it is a tensor that requires a gradient.
    """

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    to_save: tuple[Any, ...] = ()
    dirty: tuple[Tensor, ...] = ()
    non_differentiable: tuple[Tensor, ...] = ()
    _read: Callable[[], Any] | None = None  # a weak reference to the tape's node

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (or None) for backward; they are `saved_tensors` there."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise ArgumentError(f"expected tensors or None, found {type(tensor).__name__}", op="save_for_backward",
                                    hint="put other values on ctx")  # fmt: skip
        self.to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which arguments forward has written to; each must be among its results."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which results have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros, or None, for results whose gradient nobody asked for."""
        self.materialize_grads = bool(value)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was given to save_for_backward."""
        return self.to_save if self._read is None else self._read()()


class Function:
    """The base of functions with a gradient of their own: subclasses define static methods, callers use apply().

        class Cube(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, grad):
                (x,) = ctx.saved_tensors
                return grad * 3 * x**2

    backward gets a gradient for each result and returns one for each argument, None where there is none. Or forward
    takes no ctx, and setup_context(ctx, inputs, output) says what to keep. A backward that is itself recorded
    (create_graph) is differentiated through the functions that it calls.

    In a compiled program forward and backward are traced, both where apply() is called; where backward asks for
    values of tensors, the program runs eagerly from there on.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The results: a tensor, or a tuple of which others than tensors have no gradient."""
        raise NotImplementedError("a Function must define forward()", op="Function")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """What to keep of a forward that takes no ctx."""
        raise NotImplementedError("setup_context() is not defined", op="Function")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradients of the arguments by those of the results."""
        raise NotImplementedError("a Function must define backward() or vjp() to be differentiated", op="Function")

    vjp = backward

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """The results of forward for these arguments, with the gradients that backward gives."""
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(value, Tensor) and value._requires_grad for value in args)
        with no_grad():
            if cls.setup_context is Function.setup_context:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        several = isinstance(output, tuple)
        results = list(output) if several else [output]
        results = _marked(cls, ctx, args, results)
        return tuple(results) if several else results[0]


def _marked(cls: type[Function], ctx: FunctionCtx, args: Sequence[Any], results: list[Any]) -> list[Any]:
    """The results of a forward, recorded so that the backward is called for them."""
    _check_dirty(cls, ctx, args, results)
    plain = {id(tensor) for tensor in ctx.non_differentiable}
    places = [
        i for i, value in enumerate(results)
        if isinstance(value, Tensor) and id(value) not in plain and value.dtype.kind in ("float", "complex")
    ]  # fmt: skip
    inputs = {id(value) for value in args if isinstance(value, Tensor)} - {id(tensor) for tensor in ctx.dirty}
    results = [value.detach() if id(value) in inputs else value for value in results]
    if not STATE.grad_enabled or True not in ctx.needs_input_grad:
        return results
    trace = STATE.trace
    if trace is not None and places:
        try:
            return _traced(trace, cls, ctx, args, results, places)
        except CaptureError as error:
            trace.leave(error)
    node = CustomNode(cls, ctx, args, results)
    if STATE.anomaly is not None:
        node.where = user_location()
    for place in places:
        results[place]._requires_grad, results[place]._edge = True, Edge(node, place)
    return results


def _check_dirty(cls: type[Function], ctx: FunctionCtx, args: Sequence[Any], results: Sequence[Any]) -> None:
    for tensor in ctx.dirty:
        if not any(value is tensor for value in results):
            raise GradientError("a tensor that is marked dirty is not among the results", op=cls.__name__)
        if STATE.grad_enabled and tensor._requires_grad and tensor.is_leaf:
            raise GradientError("a leaf that requires gradients cannot be changed in place", op=cls.__name__)
        if not any(value is tensor for value in args):
            raise GradientError("a tensor that is marked dirty is not among the arguments", op=cls.__name__)


class CustomNode(TapeNode):
    """One call of a Function on the tape."""

    def __init__(self, cls: type[Function], ctx: FunctionCtx, args: Sequence[Any], results: Sequence[Any]) -> None:
        super().__init__(cls.__name__, [edge_of(value) for value in args], len(results))
        self.cls, self.ctx = cls, ctx
        self.specs = [value._spec if isinstance(value, Tensor) else None for value in args]
        self.result_specs = [value._spec if isinstance(value, Tensor) else None for value in results]
        own = {id(value): place for place, value in enumerate(results) if isinstance(value, Tensor)}
        self._places = [own.get(id(value)) for value in ctx.to_save]
        (self._kept,) = keep([
            value if place is None else make(value._buffer, value._spec, value._ptr)
            for value, place in zip(ctx.to_save, self._places, strict=True)
        ])  # fmt: skip
        ctx.to_save, ctx._read = (), weakref.WeakMethod(self._saved)
        ctx.dirty = ctx.non_differentiable = ()

    def name(self) -> str:
        return f"{self._name}Backward"

    def _saved(self) -> tuple[Any, ...]:
        """What was saved; a result of the call itself again comes from this node."""
        if self.ctx is None:
            raise GradientError("the graph has been freed by an earlier backward", op=self.name(),
                                hint="pass retain_graph=True to the first backward")  # fmt: skip
        values = [take(kept, self.name()) for kept in self._kept]
        return tuple(
            value if place is None else self._result(value, place)
            for value, place in zip(values, self._places, strict=True)
        )

    def _result(self, value: Tensor, place: int) -> Tensor:
        assert value._buffer is not None
        made = make(value._buffer, value._spec, value._ptr)
        made._requires_grad = value.dtype.kind in ("float", "complex")
        made._edge = Edge(self, place)
        return made

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        if self.ctx is None:
            return self._saved()
        if self.ctx.materialize_grads:
            given = zip(grads, self.result_specs, strict=True)
            grads = [zero_filled(spec) if grad is None and spec is not None else grad for grad, spec in given]
        return called_back(self.cls, self.ctx, grads, [None if s is None else (s.shape, s.dtype) for s in self.specs])

    def release(self, used: Sequence[int]) -> None:
        self.ctx, self._kept = None, []  # type: ignore[assignment]


def called_back(
    cls: type[Function], ctx: FunctionCtx, grads: Sequence[Any], kinds: Sequence[Any]
) -> list[Tensor | None]:
    """What the backward gives, one gradient for each argument. kinds: shape and dtype of those that are tensors."""
    backward = cls.vjp if cls.vjp is not Function.vjp else cls.backward
    found = backward(ctx, *grads)
    results = list(found) if isinstance(found, tuple | list) else [found]
    if len(results) < len(kinds) or any(each is not None for each in results[len(kinds) :]):
        raise GradientError(f"backward() gave {len(results)} gradients for {len(kinds)} arguments", op=cls.__name__)
    return [
        None if grad is None or kind is None else _fitted(cls, i, grad, *kind)
        for i, (grad, kind) in enumerate(zip(results, kinds, strict=False))
    ]


def _fitted(cls: type[Function], place: int, grad: Any, shape: Any, dtype: Any) -> Tensor:
    if not isinstance(grad, Tensor):
        raise ArgumentError(f"gradient {place} must be a tensor or None, not {type(grad).__name__}", op=cls.__name__)
    if tuple(grad.shape) != tuple(shape):
        try:
            grad = grad.sum_to_size(shape)  # type: ignore[attr-defined]
        except ShapeError:
            raise ShapeError(f"gradient {place} has shape {list(grad.shape)}, the argument {list(shape)}",
                             op=cls.__name__) from None  # fmt: skip
    return cast(grad, dtype)


def _traced(
    trace: Any, cls: type[Function], ctx: FunctionCtx, args: Sequence[Any], results: list[Any], places: list[int]
) -> list[Any]:
    """In a compiled program: the backward becomes nodes over placeholders for the gradients of the results."""
    if ctx.dirty:
        raise CaptureError(f"{cls.__name__} writes to its arguments")
    if not ctx.materialize_grads and len(places) > 1:
        raise CaptureError(f"{cls.__name__} wants to know which gradients there are")
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad) if needed]
    kinds = [(value.shape, value.dtype) if isinstance(value, Tensor) else None for value in args]

    def backward(own: Sequence[Tensor], seeds: Sequence[Tensor]) -> list[Tensor | None]:
        grads: list[Any] = [None] * len(results)
        for place, seed in zip(places, seeds, strict=True):
            grads[place] = seed
        saved, again = ctx.to_save, {id(results[place]): tensor for place, tensor in zip(places, own, strict=True)}
        ctx.to_save = tuple(again.get(id(value), value) for value in saved)
        try:
            with enable_grad():
                found = called_back(cls, ctx, grads, kinds)
        finally:
            ctx.to_save = saved
        return [found[i] for i in wanted]

    once = bool(getattr(cls.backward, "once", False))
    made = trace.custom([results[i] for i in places], [args[i] for i in wanted], backward, once)
    for place, tensor in zip(places, made, strict=True):
        results[place] = tensor
    return results


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a backward that cannot be differentiated itself: doing so is an error, instead of wrong numbers."""

    @functools.wraps(backward)
    def run(ctx: Any, *grads: Any) -> Any:
        recording = STATE.grad_enabled and STATE.trace is None
        with no_grad():
            found = backward(ctx, *grads)
        if not recording:
            return found
        results = found if isinstance(found, tuple) else (found,)
        sources = [*grads, *ctx.saved_tensors]
        if any(isinstance(value, Tensor) and value._requires_grad for value in sources):
            for result in results:
                if isinstance(result, Tensor):
                    result._requires_grad, result._edge = True, Edge(_OnceNode(), 0)
        return found

    run.once = True  # type: ignore[attr-defined]
    return run


class _OnceNode(TapeNode):
    """Where a gradient comes from that has no gradient."""

    def __init__(self) -> None:
        super().__init__("once_differentiable", (), 1)

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        raise GradientError("a backward that is marked once_differentiable is being differentiated", op=self.name())
