"""custom_op: functions of the user's Python as operators, which compiled programs call between their kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from brasa._state import STATE
from brasa.autograd.function import Function
from brasa.autograd.modes import no_grad
from brasa.ir.errors import ArgumentError, BrasaError, GradientError, ValueError
from brasa.ir.graph import Node
from brasa.ir.ops.library import OPERATORS, Operator, library
from brasa.ir.types import TensorType, TupleType
from brasa.library.arguments import put_together, taken_apart
from brasa.library.checking import check
from brasa.tensors.creation import from_numpy
from brasa.tensors.tensor import Tensor, array_of
from brasa.tracing.trace import CaptureError, Trace

_defined: dict[str, CustomOp] = {}


class CustomOp:
    """An operator that custom_op has made: call it, register its parts, test it."""

    def __init__(
        self, name: str, function: Callable[..., Any], mutates: frozenset[str], reference: Callable[..., Any] | None
    ) -> None:
        self.name, self.function, self.reference = name, function, reference
        self.__name__, self.__doc__ = name, function.__doc__
        self.parameters = inspect.signature(function)
        unknown = mutates - set(self.parameters.parameters)
        if unknown:
            raise ArgumentError(f"mutates_args names {min(unknown)!r}, which is no parameter", op=name)
        self.mutated = tuple(i for i, key in enumerate(self.parameters.parameters) if key in mutates)
        self.fake: Callable[..., Any] | None = None
        self.differentiable = _differentiable(self, None, None)
        self.has_gradient = False
        OPERATORS[name] = Operator(self._on_arrays, self.reference_on_arrays)
        _defined[name] = self

    # registering

    def register_fake(self, fake: Callable[..., Any]) -> Callable[..., Any]:
        """Say what the results are like: a function of the same arguments that returns empty tensors."""
        self.fake = fake
        return fake

    def register_autograd(
        self, backward: Callable[..., Any], *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Give the gradient: backward(ctx, *grads) returns one for each argument; setup_context(ctx, inputs, output)
        keeps what it needs."""
        if self.mutated:
            raise ArgumentError("an operator that writes to its arguments cannot have a gradient", op=self.name)
        self.differentiable, self.has_gradient = _differentiable(self, backward, setup_context), True

    def register_reference(self, reference: Callable[..., Any]) -> Callable[..., Any]:
        """Give the meaning in NumPy: a function of the same arguments, arrays for tensors, that returns arrays."""
        self.reference = reference
        return reference

    def test(self, *args: Any, **kwargs: Any) -> None:
        """Check the operator on these arguments, as opcheck does; OpCheckError says what does not agree."""
        check(self, self.arranged(args, kwargs))

    # calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The results for these arguments; ArgumentError while there is no reference."""
        if self.reference is None:
            raise ArgumentError("has no reference: what it computes, in NumPy, is what it is tested by", op=self.name,
                                hint="pass reference= to custom_op, or call register_reference")  # fmt: skip
        values = self.arranged(args, kwargs)
        wanted = STATE.grad_enabled and any(isinstance(value, Tensor) and value._requires_grad for value in values)
        if wanted and not self.mutated and (self.has_gradient or STATE.trace is None):
            return self.differentiable.apply(*values)
        return self.run(values)

    def arranged(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """All arguments in the order of the parameters; ArgumentError where they do not fit."""
        try:
            bound = self.parameters.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(str(error), op=self.name) from None
        bound.apply_defaults()
        return [bound.arguments[key] for key in self.parameters.parameters]

    def run(self, values: Sequence[Any]) -> Any:
        """The results, without a gradient."""
        trace = STATE.trace
        if trace is not None:
            try:
                return self._traced(trace, values)
            except CaptureError as error:
                error.op = error.op or self.name
                trace.leave(error)
        return self._eagerly(values)

    def _eagerly(self, values: Sequence[Any]) -> Any:
        varying, text = taken_apart(values, self.name)
        plain = [each.detach() if isinstance(each, Tensor) else each for each in varying]
        given = [each for each in plain if isinstance(each, Tensor)]
        before = [tensor._buffer.version for tensor in given]
        passed = put_together(text, plain)
        with no_grad():
            result = self.function(*passed)
        written = {id(passed[i]) for i in self.mutated}
        for tensor, version in zip(given, before, strict=True):
            if id(tensor) in written:
                tensor._buffer.version = max(tensor._buffer.version, version + 1)
            elif tensor._buffer.version != version:
                raise BrasaError("it wrote to an argument that mutates_args does not name", op=self.name)
        for made in self.results_of(result):
            if any(made is tensor for tensor in given):
                raise BrasaError("it returned one of its arguments", op=self.name, hint="return a .clone()")
        return result

    def results_of(self, result: Any) -> list[Tensor]:
        """The tensors that a call of the function, or of its fake, gave."""
        made = list(result) if isinstance(result, tuple | list) else [] if result is None else [result]
        for each in made:
            if not isinstance(each, Tensor):
                raise ArgumentError(f"returned a {type(each).__name__}, not tensors", op=self.name)
        return made

    # in a trace

    def _traced(self, trace: Trace, values: Sequence[Any]) -> Any:
        if self.fake is None:
            raise CaptureError("it has no register_fake, which says what its results are like", op=self.name)
        varying, text = taken_apart(values, self.name)
        nodes = tuple(trace.number(each) if isinstance(each, float) else trace.node_of(each) for each in varying)
        written = [values[i] for i in self.mutated if isinstance(values[i], Tensor)]
        form, results = trace.step((self, nodes, text), lambda: self._record(trace, values, nodes, text, written))
        differentiable = STATE.grad_enabled and any(isinstance(v, Tensor) and v._requires_grad for v in varying)
        count = len(results) - len(written)
        made = [
            trace.fresh(node, differentiable and node.tensor.dtype.kind in ("float", "complex"))
            for node in results[:count]
        ]
        for tensor, node in zip(written, results[count:], strict=True):
            trace.write(tensor, node, aside=not STATE.grad_enabled)
        return None if form is None else made[0] if form is Tensor else form(made)

    def _record(
        self, trace: Trace, values: Sequence[Any], nodes: tuple[Node, ...], text: str, written: Sequence[Tensor]
    ) -> tuple[Any, tuple[Node, ...]]:
        """(None, Tensor, tuple or list, the nodes of the results and then of what is written)."""
        assert self.fake is not None
        homes = [trace.node_of(tensor) for tensor in written]
        with no_grad():
            result = self.fake(*values)
        types = [trace.type_of(tensor) for tensor in self.results_of(result)]
        types += [home.tensor for home in homes]
        if not types:
            raise CaptureError("it returns nothing and writes to nothing", op=self.name)
        type: TensorType | TupleType = types[0] if len(types) == 1 else TupleType(tuple(types))
        node = trace.record(library(*nodes, name=self.name, arguments=text, type=type))
        form = None if result is None else tuple if isinstance(result, tuple) else list
        return Tensor if isinstance(result, Tensor) else form, trace.items(node)

    # between kernels

    def _on_arrays(self, arrays: Sequence[Any], text: str) -> list[Any]:
        """What the machine code calls: arrays are copies of its own."""
        values = put_together(text, [from_numpy(array) for array in arrays])
        made = self.results_of(self._eagerly(values))
        written = [values[i] for i in self.mutated if isinstance(values[i], Tensor)]
        return [array_of(tensor) for tensor in (*made, *written)]

    def reference_on_arrays(self, arrays: Sequence[Any], text: str) -> list[Any]:
        """What the reference gives for copies of these arrays, and then what it has written."""
        copies = [np.array(array) for array in arrays]
        values = put_together(text, copies)
        assert self.reference is not None
        made = self.reference(*values)
        results = list(made) if isinstance(made, tuple | list) else [] if made is None else [made]
        return [*results, *(values[i] for i in self.mutated if isinstance(values[i], np.ndarray))]

    def __repr__(self) -> str:
        return f"<operator {self.name}>"


def _differentiable(
    op: CustomOp, backward: Callable[..., Any] | None, setup_context: Callable[..., Any] | None
) -> type[Function]:
    """The autograd.Function of an operator, whose backward says so where none was given."""

    def no_gradient(ctx: Any, *grads: Any) -> Any:
        raise GradientError("has no gradient: register_autograd was not called", op=op.name)

    members = {
        "forward": staticmethod(lambda *values: op.run(values)),
        "setup_context": staticmethod(setup_context or (lambda ctx, inputs, output: None)),
        "backward": staticmethod(backward or no_gradient),
    }
    return type(op.name, (Function,), members)


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: str | Iterable[str],
    device_types: Any = None, schema: str | None = None, reference: Callable[..., Any] | None = None,
) -> Any:  # fmt: skip
    """Make an operator of a Python function of tensors; also as a decorator.

        @brasa.library.custom_op("shop::total", mutates_args=(), reference=lambda prices: prices.sum(keepdims=True))
        def total(prices: Tensor) -> Tensor:
            return brasa.from_numpy(prices.numpy().sum(keepdims=True))

        @total.register_fake
        def _(prices):
            return prices.new_empty(1)

    In a compiled program it is one step between kernels, whatever its Python does; for that register_fake says what
    the results are like. mutates_args: the names of the parameters that it writes to, of all others nothing may be
    changed; "unknown" stands for all. reference: the same in NumPy, which op.test and opcheck compare it with; no
    operator can be called without one. ints, bools, strings and dtypes among the arguments are part of a program,
    tensors and floats vary. device_types and schema are accepted for PyTorch's sake.
    """
    if fn is None:
        return lambda function: custom_op(name, function, mutates_args=mutates_args, reference=reference)
    parts = name.split("::")
    if len(parts) != 2 or not all(map(str.isidentifier, parts)):
        raise ValueError(f"a name has the form 'namespace::name', not {name!r}", op="custom_op")
    if mutates_args == "unknown":
        mutates_args = tuple(inspect.signature(fn).parameters)
    elif isinstance(mutates_args, str):
        raise ArgumentError(f"mutates_args must be names or 'unknown', not {mutates_args!r}", op="custom_op")
    return CustomOp(name, fn, frozenset(mutates_args), reference)


def found(op: str | CustomOp, caller: str) -> CustomOp:
    """The operator, or that of this name; ArgumentError where there is none."""
    if isinstance(op, CustomOp):
        return op
    if op not in _defined:
        raise ArgumentError(f"there is no operator {op!r}", op=caller,
                            hint=f"known are {', '.join(sorted(_defined))}" if _defined else "")  # fmt: skip
    return _defined[op]


def register_fake(op: str | CustomOp, fn: Callable[..., Any] | None = None, /) -> Any:
    """As the method of an operator, which may be given by name; also as a decorator."""
    return found(op, "register_fake").register_fake if fn is None else found(op, "register_fake").register_fake(fn)


def register_reference(op: str | CustomOp, fn: Callable[..., Any] | None = None, /) -> Any:
    """As the method of an operator, which may be given by name; also as a decorator."""
    register = found(op, "register_reference").register_reference
    return register if fn is None else register(fn)


def register_autograd(
    op: str | CustomOp, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
) -> None:
    """As the method of an operator, which may be given by name."""
    found(op, "register_autograd").register_autograd(backward, setup_context=setup_context)


def opcheck(op: str | CustomOp, args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> dict[str, str]:
    """Check an operator on these arguments; {"test_reference": "SUCCESS", ...}, or OpCheckError.

    Its results are those of the reference, within PyTorch's tolerances for their dtypes; it writes to no argument but
    those that it says it writes to; compiled it gives the bits that it gives eagerly, of the types that its fake says;
    and where it has a gradient and arguments require one, that is the one of central differences in float64.
    """
    operator = found(op, "opcheck")
    return check(operator, operator.arranged(args, kwargs or {}))
