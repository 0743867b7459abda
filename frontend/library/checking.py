"""What opcheck does: a user's operator against its reference, its fake, finite differences, and itself compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brasa.autograd.gradcheck import GradcheckError, gradcheck
from brasa.autograd.modes import no_grad
from brasa.capture import compile
from brasa.ir.errors import BrasaError
from brasa.library.arguments import put_together, taken_apart
from brasa.tensors.tensor import Tensor, array_of, copied

# Relative and absolute, as PyTorch's; other dtypes must be equal.
_TOLERANCES = {
    "float64": (1e-7, 1e-7), "complex128": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "complex64": (1.3e-6, 1e-5),
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5),
}  # fmt: skip


class OpCheckError(BrasaError):
    """An operator that is not what its parts say."""


def check(operator: Any, values: Sequence[Any]) -> dict[str, str]:
    """Check an operator on arguments in the order of its parameters; see opcheck."""
    checks: dict[str, Callable[[Any, Sequence[Any]], None]] = {
        "test_reference": _check_reference, "test_mutation": _check_mutation,
    }  # fmt: skip
    if operator.fake is not None:
        checks["test_compiled"] = _check_compiled
    if operator.has_gradient and any(isinstance(value, Tensor) and value._requires_grad for value in values):
        checks["test_autograd"] = _check_gradient
    for run in checks.values():
        run(operator, values)
    return dict.fromkeys(checks, "SUCCESS")


def _called(op: Any, call: Any, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """What a call on copies of the arguments gives, and what the arguments are afterwards, tensors as arrays."""
    varying, text = taken_apart(values, op.name)
    given = put_together(text, [copied(array_of(each)) if isinstance(each, Tensor) else each for each in varying])
    with no_grad():
        made = op.results_of(call(*given))
    return [array_of(each) for each in made], [array_of(each) if isinstance(each, Tensor) else each for each in given]


def _check_reference(op: Any, values: Sequence[Any]) -> None:
    made, after = _called(op, op, values)
    made += [after[place] for place in op.mutated if isinstance(values[place], Tensor)]
    varying, text = taken_apart(values, op.name)
    arrays = [array_of(each) if isinstance(each, Tensor) else each for each in varying]
    wanted = list(map(np.asarray, op.reference_on_arrays(arrays, text)))
    if len(wanted) != len(made):
        raise OpCheckError(f"it gives {len(made)} results, its reference {len(wanted)}", op=op.name)
    for number, (have, want) in enumerate(zip(made, wanted, strict=True)):
        if have.shape != want.shape:
            fact = f"result {number} has shape {list(have.shape)}, that of the reference {list(want.shape)}"
            raise OpCheckError(fact, op=op.name)
        relative, absolute = _TOLERANCES.get(have.dtype.name, (0.0, 0.0))
        wide = np.result_type(have.dtype, np.float64) if relative else have.dtype
        gap = ~np.isclose(have.astype(wide), want.astype(wide), relative, absolute, equal_nan=True)
        if gap.any():
            place = tuple(map(int, np.argwhere(gap)[0]))
            fact = f"result {number} is {have[place]} at {list(place)}, that of the reference {want[place]}"
            raise OpCheckError(fact, op=op.name)


def _check_mutation(op: Any, values: Sequence[Any]) -> None:
    _, after = _called(op, op, values)
    for place, (value, now) in enumerate(zip(values, after, strict=True)):
        if isinstance(value, Tensor) and place not in op.mutated and array_of(value).tobytes() != now.tobytes():
            name = list(op.parameters.parameters)[place]
            raise OpCheckError(f"it writes to {name}, which mutates_args does not name", op=op.name)


def _check_compiled(op: Any, values: Sequence[Any]) -> None:
    compiled = compile(op.__call__, fullgraph=True)
    for eager, other in zip(_called(op, op, values), _called(op, compiled, values), strict=True):
        for number, (have, want) in enumerate(zip(other, eager, strict=True)):
            if isinstance(want, np.ndarray) and have.tobytes() != want.tobytes():
                raise OpCheckError(f"compiled, result or argument {number} has other bits than eagerly", op=op.name)


def _check_gradient(op: Any, values: Sequence[Any]) -> None:
    wide = [
        value.detach().double().requires_grad_() if isinstance(value, Tensor) and value._requires_grad else value
        for value in values
    ]
    try:
        gradcheck(op, wide)
    except GradcheckError as error:
        raise OpCheckError(f"its gradient is not that of central differences: {error.fact}", op=op.name) from error
