"""Einstein summation: products of tensors, summed over the labels that the result does not have."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.matrix import check_same_dtype, multiplied
from brasa.functions.strided import diagonal
from brasa.ir import dim
from brasa.ir.dim import Size, product
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops import reduce
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, current, permute, reshape, type_of

__all__ = ["einsum"]

# Labels of axes: letters are 0 to 51, as in the sublist form; those that an ellipsis stands for are -1 (the last), -2..
Labels = tuple[int, ...]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ELLIPSIS = "..."


class _Term(NamedTuple):
    """A tensor whose axes have these labels, all different."""

    tensor: Tensor
    labels: Labels


@operator()
def einsum(*args: Any) -> Tensor:
    """Products of tensors summed as an equation says: einsum("bij,bjk->bik", a, b), or einsum(a, [0, 1], ..., [1, 0]).

    Repeated labels take diagonals, an ellipsis stands for axes that are broadcast, a missing right side for the labels
    that occur once, in alphabetical order. With opt_einsum installed, it finds the order of more than two operands.
    ValueError and ShapeError for equations that do not fit the operands.
    """
    if not args:
        raise ValueError("needs an equation or operands", op="einsum")
    if isinstance(args[0], str):
        equation, operands = args[0], args[1:]
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
        subscripts, result = _parse(equation)
    else:
        operands = args[: len(args) // 2 * 2 : 2]
        subscripts = [_of_sublist(labels) for labels in args[1::2]]
        result = _of_sublist(args[-1]) if len(args) % 2 else None
    if not operands:
        raise ValueError("needs at least one operand", op="einsum")
    require_tensors("einsum", **{f"operand {i}": operand for i, operand in enumerate(operands)})
    check_same_dtype("einsum", *operands)
    if len(subscripts) != len(operands):
        raise ValueError(f"the equation has {len(subscripts)} terms, {len(operands)} operands were given", op="einsum")
    pairs = zip(subscripts, operands, strict=True)
    labels = tuple(_with_ellipsis(each, operand.ndim, i) for i, (each, operand) in enumerate(pairs))
    if any(len(each) != operand.ndim for each, operand in zip(labels, operands, strict=True)):
        i = next(i for i, (each, operand) in enumerate(zip(labels, operands, strict=True)) if len(each) != operand.ndim)
        raise ValueError(f"operand {i} is {type_text(operands[i])}, its term has {len(labels[i])} labels", op="einsum")
    _check_sizes(operands, labels)
    wanted = _result_labels(labels, result)
    return _contract(list(operands), labels, wanted, _path(operands, labels, wanted))


def _parse(equation: str) -> tuple[list[list[Any]], list[Any] | None]:
    """The labels of each term, and of the result if it stands there; an Ellipsis among them for `...`."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    return [_of_text(term) for term in left.split(",")], _of_text(right) if arrow else None


def _of_text(term: str) -> list[Any]:
    found: list[Any] = []
    before, dots, after = term.partition(_ELLIPSIS)
    for letter in before + after:
        if letter not in _LETTERS:
            raise ValueError(f"{letter!r} in {term!r} is no label: labels are letters", op="einsum")
    found += [_LETTERS.index(letter) for letter in before]
    if dots:
        found.append(Ellipsis)
    return found + [_LETTERS.index(letter) for letter in after]


def _of_sublist(labels: Any) -> list[Any]:
    if not isinstance(labels, list | tuple):
        raise ArgumentError(f"expected a list of labels, found {type(labels).__name__}", op="einsum")
    for label in labels:
        if label is not Ellipsis and not (isinstance(label, int) and 0 <= label < len(_LETTERS)):
            raise ValueError(f"{label!r} is no label: labels are 0 to {len(_LETTERS) - 1}", op="einsum")
    return list(labels)


def _with_ellipsis(labels: list[Any], rank: int, number: int) -> Labels:
    """The labels with those that the ellipsis stands for."""
    if Ellipsis not in labels:
        return tuple(labels)
    missing = rank - len(labels) + 1
    if missing < 0:
        raise ValueError(f"operand {number} has {rank} axes, its term {len(labels) - 1} labels", op="einsum")
    at = labels.index(Ellipsis)
    return (*labels[:at], *range(-missing, 0), *labels[at + 1 :])


def _result_labels(labels: Sequence[Labels], given: list[Any] | None) -> Labels:
    every = [label for each in labels for label in each]
    batch = tuple(range(min([0, *every]), 0))
    if given is None:
        once = sorted({label for label in every if label >= 0 and every.count(label) == 1})
        return (*batch, *once)
    at = given.index(Ellipsis) if Ellipsis in given else None
    result = tuple(given) if at is None else (*given[:at], *batch, *given[at + 1 :])
    for label in result:
        if result.count(label) > 1:
            raise ValueError(f"label {_LETTERS[label]} stands twice in the result", op="einsum")
        if label not in every:
            raise ValueError(f"label {_LETTERS[label]} of the result is in no operand", op="einsum")
    return result


def _check_sizes(operands: Sequence[Tensor], labels: Sequence[Labels]) -> None:
    """All axes of one label have one size, or 1."""
    seen: dict[int, Any] = {}
    for operand, each in zip(operands, labels, strict=True):
        for label, size in zip(each, operand.shape, strict=True):
            known = seen.setdefault(label, size)
            if known == 1:
                seen[label] = size
            elif size != 1 and size != known:
                name = _LETTERS[label] if label >= 0 else "of the ellipsis"
                raise ShapeError(f"label {name} stands for sizes {known} and {size}", op="einsum")


def _path(operands: Sequence[Tensor], labels: Sequence[Labels], wanted: Labels) -> tuple[tuple[int, int], ...]:
    """Which two of the remaining operands to multiply next: their product goes to the end."""
    if len(operands) <= 2 or find_spec("opt_einsum") is None:
        return ((0, 1), *((0, left) for left in range(len(operands) - 2, 0, -1))) if len(operands) > 1 else ()
    import opt_einsum

    numbers = {label: place for place, label in enumerate({label for each in labels for label in each})}
    terms = ["".join(opt_einsum.get_symbol(numbers[label]) for label in each) for each in (*labels, wanted)]
    shapes = [tuple(map(int, operand.shape)) for operand in operands]
    equation = f"{','.join(terms[:-1])}->{terms[-1]}"
    path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto")
    steps: list[tuple[int, int]] = []
    left = len(operands)
    for step in path:
        chosen = sorted(step)
        while len(chosen) > 1:  # a step of several operands is one of pairs
            first, second = chosen[0], chosen[1]
            steps.append((first, second))
            left -= 1
            chosen = [i - 2 for i in chosen[2:]] + [left - 1]
    return tuple(steps)


@function
def _contract(operands: Sequence[Tensor], labels: Any, wanted: Any, path: Any) -> Tensor:
    terms = [_of_different_labels(operand, each) for operand, each in zip(operands, labels, strict=True)]
    for first, second in path:
        lhs, rhs = terms[first], terms[second]
        terms = [term for i, term in enumerate(terms) if i not in (first, second)]
        needed = {*wanted, *(label for term in terms for label in term.labels)}
        terms.append(_multiplied(_summed(lhs, needed | {*rhs.labels}), _summed(rhs, needed | {*lhs.labels}), needed))
    (term,) = terms
    term = _summed(term, set(wanted))
    missing = [label for label in wanted if label not in term.labels]  # axes of size 1 that were dropped
    tensor = reshape(term.tensor, (*type_of(term.tensor).shape, *(1 for _ in missing)))
    every = (*term.labels, *missing)
    order = tuple(every.index(label) for label in wanted)
    return permute(tensor, order) if order != tuple(range(len(order))) else tensor


def _of_different_labels(tensor: Tensor, labels: Labels) -> _Term:
    """The term with diagonals taken where a label is repeated."""
    axes = list(labels)
    for label in dict.fromkeys(labels):
        while axes.count(label) > 1:
            first = axes.index(label)
            second = axes.index(label, first + 1)
            tensor = diagonal(tensor, 0, first, second)
            axes = [each for i, each in enumerate(axes) if i not in (first, second)] + [label]
    return _Term(tensor, tuple(axes))


def _summed(term: _Term, kept: set[int]) -> _Term:
    """The term summed over the labels that are not to be kept."""
    axes = tuple(axis for axis, label in enumerate(term.labels) if label not in kept)
    if not axes:
        return term
    return _Term(apply(reduce.sum_, term.tensor, axes=axes), tuple(each for each in term.labels if each in kept))


def _multiplied(lhs: _Term, rhs: _Term, kept: set[int]) -> _Term:
    """The product of two terms, summed over shared labels that are not to be kept: one batched matrix product."""
    shared = [label for label in lhs.labels if label in rhs.labels]
    for label in shared:
        a, b = (type_of(term.tensor).shape[term.labels.index(label)] for term in (lhs, rhs))
        with dim.solving(current().scope):
            if a != b and dim.equal(a, 1) and not dim.equal(b, 1):
                lhs = _without(lhs, label)
            elif a != b and dim.equal(b, 1) and not dim.equal(a, 1):
                rhs = _without(rhs, label)
    lhs, rhs = _summed(lhs, kept | {*rhs.labels}), _summed(rhs, kept | {*lhs.labels})
    shared = [label for label in lhs.labels if label in rhs.labels]
    batch, inside = [each for each in shared if each in kept], [each for each in shared if each not in kept]
    rows = [each for each in lhs.labels if each not in shared]
    columns = [each for each in rhs.labels if each not in shared]
    labels = (*batch, *rows, *columns)
    if not inside:
        a, b = _aligned(lhs, batch, rows, len(columns)), _aligned(rhs, [*batch], columns, 0, len(rows))
        return _Term(pointwise.mul(a, b), labels)
    shapes = [dict(zip(term.labels, type_of(term.tensor).shape, strict=True)) for term in (lhs, rhs)]
    sizes: dict[int, Size] = {**shapes[1], **shapes[0]}
    b, m, n, k = (product(sizes[label] for label in group) for group in (batch, rows, columns, inside))
    left = reshape(_ordered(lhs, [*batch, *rows, *inside]), (b, m, k))
    right = reshape(_ordered(rhs, [*batch, *inside, *columns]), (b, k, n))
    return _Term(reshape(multiplied(left, right), [sizes[label] for label in labels]), labels)


def _without(term: _Term, label: int) -> _Term:
    """The term without an axis of size 1."""
    axis = term.labels.index(label)
    shape = type_of(term.tensor).shape
    labels = tuple(each for each in term.labels if each != label)
    return _Term(reshape(term.tensor, (*shape[:axis], *shape[axis + 1 :])), labels)


def _ordered(term: _Term, labels: Sequence[int]) -> Tensor:
    order = tuple(term.labels.index(label) for label in labels)
    return permute(term.tensor, order) if order != tuple(range(len(order))) else term.tensor


def _aligned(term: _Term, batch: list[int], own: list[int], after: int, before: int = 0) -> Tensor:
    """The term with its batch axes, axes of size 1 for the other term's own, and its own."""
    tensor = _ordered(term, [*batch, *own])
    shape = type_of(tensor).shape
    ones = (1,) * before
    return reshape(tensor, (*shape[: len(batch)], *ones, *shape[len(batch) :], *(1,) * after))
