"""gradcheck: gradients compared with finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from brasa.autograd.engine import grad
from brasa.autograd.modes import enable_grad
from brasa.ir.errors import GradientError, ValueError
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor, array_of


class GradcheckError(GradientError):
    """A gradient that is not what finite differences give."""


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_grad_dtypes: bool = False, fast_mode: bool = False,
) -> bool:  # fmt: skip
    """Whether the gradients of func's results by its inputs are those of central differences.

    Each element of each input that requires gradients is moved by eps, and the two Jacobians may differ by atol + rtol
    * (the numerical one); so inputs should be float64. Complex numbers count as pairs. nondet_tol: by how much two
    backwards may differ. check_grad_dtypes: gradients must have their inputs' dtypes. fast_mode: compare one random
    product v J u instead of all elements. GradcheckError names the place of the greatest difference, unless
    raise_exception is False; ValueError where no input requires gradients.
    """
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    places = [i for i, value in enumerate(given) if isinstance(value, Tensor) and value._requires_grad]
    if not places:
        raise ValueError("none of the inputs requires gradients", op="gradcheck")
    try:
        for number, result in enumerate(_results(func, given)):
            if fast_mode:
                _check_product(func, given, places, number, eps, atol, rtol)
            else:
                written = _analytical(func, given, places, number, check_grad_dtypes)
                again = _analytical(func, given, places, number, False)
                for i, one, other in zip(places, written, again, strict=True):
                    if not np.allclose(one, other, rtol=0, atol=nondet_tol, equal_nan=True):
                        raise GradcheckError(f"two backwards give different gradients of output {number} by input {i}",
                                             op="gradcheck", hint="set nondet_tol")  # fmt: skip
                    _compare(number, i, _numerical(func, given, i, number, eps, _reals(result).size), one, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, raise_exception: bool = True, nondet_tol: float = 0.0, check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:  # fmt: skip
    """As gradcheck, for the gradients of func's gradients, by inputs and by what weights the results (grad_outputs)."""
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    count = len(given)
    random = np.random.default_rng(0)
    if grad_outputs is None:
        weights = [_random_like(result, random).requires_grad_() for result in _results(func, given)]
    else:
        weights = list(grad_outputs) if isinstance(grad_outputs, tuple | list) else [grad_outputs]
    wanted = [i for i, value in enumerate(given) if isinstance(value, Tensor) and value._requires_grad]

    def gradients(*values: Any) -> tuple[Any, ...]:
        results = _results(func, values[:count])
        by = [values[i] for i in wanted]
        found = grad(results, by, values[count:], create_graph=True, allow_unused=True)
        return tuple(each for each in found if each is not None)

    return gradcheck(
        gradients, (*given, *weights), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_grad_dtypes=check_grad_dtypes, fast_mode=fast_mode,
    )  # fmt: skip


def _results(func: Callable[..., Any], given: Sequence[Any]) -> list[Tensor]:
    """The results that have gradients."""
    with enable_grad():
        found = func(*given)
    listed = found if isinstance(found, tuple | list) else [found]
    return [each for each in listed if isinstance(each, Tensor) and each._requires_grad]


def _reals(value: Tensor) -> np.ndarray[Any, Any]:
    """The elements one after the other in float64, complex ones as pairs."""
    array = np.ascontiguousarray(array_of(value.detach()._settled()))  # type: ignore[attr-defined]
    if array.dtype.kind == "c":
        array = array.view(array.real.dtype)
    return array.astype(np.float64).reshape(-1)


def _random_like(value: Tensor, random: np.random.Generator) -> Tensor:
    return _from_reals(random.normal(size=_reals(value).size), value)


def _from_reals(reals: np.ndarray[Any, Any], like: Tensor) -> Tensor:
    dtype = like.dtype.numpy
    array = reals.view(np.complex128) if dtype.kind == "c" else reals
    return tensor(array.reshape(tuple(like.shape)).astype(dtype))


def _moved(
    func: Callable[..., Any], given: Sequence[Any], moves: dict[int, np.ndarray[Any, Any]], number: int
) -> np.ndarray[Any, Any]:
    """A result at inputs that have been moved."""
    values = list(given)
    for i, move in moves.items():
        values[i] = _from_reals(_reals(given[i]) + move, given[i]).requires_grad_()
    return _reals(_results(func, values)[number])


def _numerical(
    func: Callable[..., Any], given: Sequence[Any], place: int, number: int, eps: float, size: int
) -> np.ndarray[Any, Any]:
    """The Jacobian [result, input] by central differences."""
    count = _reals(given[place]).size
    found = np.zeros((size, count))
    for column in range(count):
        move = np.zeros(count)
        move[column] = eps
        high, low = (_moved(func, given, {place: sign * move}, number) for sign in (1, -1))
        found[:, column] = (high - low) / (2 * eps)
    return found


def _seeds(result: Tensor) -> Iterator[Tensor]:
    """For each real number in the result a gradient that picks it."""
    for row in np.eye(_reals(result).size):
        yield _from_reals(row, result)


def _analytical(
    func: Callable[..., Any], given: Sequence[Any], places: Sequence[int], number: int, check_dtypes: bool
) -> list[np.ndarray[Any, Any]]:
    """The Jacobians [result, input] that backward gives, for each of the inputs."""
    result = _results(func, given)[number]
    rows: list[list[np.ndarray[Any, Any]]] = [[] for _ in places]
    for seed in _seeds(result):
        found = grad(result, [given[i] for i in places], seed, retain_graph=True, allow_unused=True)
        for i, each, into in zip(places, found, rows, strict=True):
            if check_dtypes and each is not None and each.dtype is not given[i].dtype:
                raise GradcheckError(f"the gradient by input {i} is {each.dtype.name}, the input {given[i].dtype.name}",
                                     op="gradcheck")  # fmt: skip
            into.append(np.zeros(_reals(given[i]).size) if each is None else _reals(each))
    return [np.array(each).reshape(len(each), -1) for each in rows]


def _compare(
    number: int, place: int, numerical: np.ndarray[Any, Any], analytical: np.ndarray[Any, Any], atol: float, rtol: float
) -> None:
    numerical = numerical.reshape(analytical.shape)
    if np.allclose(analytical, numerical, rtol=rtol, atol=atol):
        return
    apart = np.abs(analytical - numerical)
    row, column = np.unravel_index(int(np.argmax(np.where(np.isnan(apart), np.inf, apart))), apart.shape)
    raise GradcheckError(
        f"the gradient of output {number} by input {place} is {analytical[row, column]:.6g} where finite differences "
        f"give {numerical[row, column]:.6g} (element {row} by element {column})", op="gradcheck",
    )  # fmt: skip


def _check_product(
    func: Callable[..., Any], given: Sequence[Any], places: Sequence[int], number: int, eps: float, atol: float,
    rtol: float,
) -> None:  # fmt: skip
    random = np.random.default_rng(0)
    result = _results(func, given)[number]
    seed = random.normal(size=_reals(result).size)
    found = grad(result, [given[i] for i in places], _from_reals(seed, result), allow_unused=True)
    for i, each in zip(places, found, strict=True):
        move = random.normal(size=_reals(given[i]).size)
        high, low = (_moved(func, given, {i: sign * eps * move}, number) for sign in (1, -1))
        numerical = seed @ (high - low) / (2 * eps)
        analytical = 0.0 if each is None else _reals(each) @ move
        _compare(number, i, np.full((1, 1), numerical), np.full((1, 1), analytical), atol, rtol)
