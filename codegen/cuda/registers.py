"""Where registers are declared: a kernel does not say it, but a variable of C++ lives in one block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from brasa.ir.kernel import Assign, Check, Expr, For, If, Let, Local, Statement, Store


class Registers:
    """Finds the innermost block that holds every use of a local."""

    def __init__(self) -> None:
        self._started: set[Local] = set()
        self._found: dict[int, tuple[set[Local], set[Local]]] = {}  # by statement: what it uses, and that itself

    def starting(self, statements: Sequence[Statement]) -> Iterator[list[Local]]:
        """For each statement of a block, the locals that must be declared before it."""
        uses = Counter(local for statement in statements for local in self._uses(statement)[0])
        for statement in statements:
            inside, itself = self._uses(statement)
            fresh = [local for local in inside - self._started if uses[local] > 1 or local in itself]
            self._started.update(fresh)
            yield sorted(fresh, key=lambda local: local.name)

    def _uses(self, statement: Statement) -> tuple[set[Local], set[Local]]:
        """The locals in a statement, and those of them that it uses outside of blocks of its own."""
        if id(statement) not in self._found:
            itself = {local for expr in _expressions(statement) for local in _locals(expr)}
            if isinstance(statement, Assign):
                itself.add(statement.local)
            inner = [self._uses(each)[0] for each in _blocks(statement)]
            self._found[id(statement)] = itself.union(*inner), itself
        return self._found[id(statement)]


def _blocks(statement: Statement) -> tuple[Statement, ...]:
    match statement:
        case For():
            return statement.body
        case If(_, then, orelse):
            return (*then, *orelse)
    return ()


def _expressions(statement: Statement) -> tuple[Expr, ...]:
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
            return (ok, position)
    return ()


def _locals(root: Expr) -> Iterator[Local]:
    seen, stack = {root}, [root]
    while stack:
        expr = stack.pop()
        if expr.op == "local":
            yield expr.attr
        stack += [arg for arg in expr.args if arg not in seen]
        seen.update(expr.args)


def is_zero_fill(statement: Statement, local: Local) -> bool:
    """Whether a statement does no more than set every element of an array to zero."""
    indices = []
    while isinstance(statement, For) and len(statement.body) == 1 and statement.extent.op == "const":
        indices.append((statement.var, statement.extent.attr))
        (statement,) = statement.body
    if not isinstance(statement, Assign) or statement.local is not local or statement.value.op != "const":
        return False
    whole = [(index, extent) for index, extent in zip(statement.index, local.shape, strict=True)]
    return bool(indices) and indices == whole and str(statement.value.attr) in ("0", "0.0", "False")
