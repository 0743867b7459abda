"""What the parts of a kernel read and write, worked out once for each part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from brasa.ir.kernel import Assign, Buffer, Check, Expr, For, If, Let, Local, Prefetch, Statement, Store


@dataclass(frozen=True)
class Effects:
    """What statements write (buffers, locals), which locals they read, and how many expressions they hold."""

    writes: frozenset[Buffer]
    assigns: frozenset[Local]
    reads: frozenset[Local]
    expressions: int


class Reading:
    """Answers questions about expressions and statements, each worked out once."""

    def __init__(self) -> None:
        self._state: dict[Expr, bool] = {}
        self._effects: dict[int, Effects] = {}

    def depends_on_state(self, expr: Expr) -> bool:
        """Whether the value may change when a buffer or a local does."""
        known = self._state.get(expr)
        if known is None:
            known = expr.op in ("load", "local") or any(map(self.depends_on_state, expr.args))
            self._state[expr] = known
        return known

    def effects(self, statements: Sequence[Statement]) -> Effects:
        """What the statements, and those inside them, read and write."""
        known = self._effects.get(id(statements))
        if known is None:
            known = self._effects[id(statements)] = _effects(statements)
        return known


def _effects(statements: Sequence[Statement]) -> Effects:
    every = list(walk(statements))
    expressions = set(_expressions(every))
    return Effects(
        frozenset(each.buffer for each in every if isinstance(each, Store)),
        frozenset(each.local for each in every if isinstance(each, Assign)),
        frozenset(each.attr for each in expressions if each.op == "local"),
        len(expressions),
    )


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Every statement, outer ones first."""
    for statement in statements:
        yield statement
        match statement:
            case For():
                yield from walk(statement.body)
            case If():
                yield from walk(statement.then)
                yield from walk(statement.orelse)


def _expressions(statements: Iterable[Statement]) -> Iterator[Expr]:
    seen: set[Expr] = set()
    pending = [root for statement in statements for root in _roots(statement)]
    while pending:
        expr = pending.pop()
        if expr not in seen:
            seen.add(expr)
            yield expr
            pending += expr.args


def _roots(statement: Statement) -> tuple[Expr, ...]:
    match statement:
        case Let(_, value):
            return (value,)
        case Assign(_, index, value):
            return (*index, value)
        case Store(_, index, value, mask):
            return (index, value) if mask is None else (index, value, mask)
        case For(_, extent):
            return (extent,)
        case If(condition):
            return (condition,)
        case Check(ok, position):
            return ok, position
        case Prefetch(_, index):
            return (index,)
    return ()
