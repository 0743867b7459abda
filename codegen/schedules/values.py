"""What a node of a region is worth at an index, as a kernel expression: op bodies over loads found by index maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.codegen.schedules.indices import Index, coefficient, flatten, leaf
from brasa.codegen.schedules.sharing import share
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Dim, Size
from brasa.ir.dtype import DType, float32
from brasa.ir.graph import Kind, Node
from brasa.ir.kernel import Buffer, Expr, Recurrence, Statement, cast, const, eq, select
from brasa.ir.ops.index import checked
from brasa.ir.program import Place

Store = tuple[Buffer, Size, Expr, "Expr | None"]


def accumulator(dtype: DType) -> DType:
    """The dtype that values of this one are computed in."""
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


class Values:
    """Expressions for the nodes of a writer's region.

    bound: nodes whose values the schedule has computed itself: (index, mask) -> expression.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.bound: dict[Node, Callable[[Index, Expr | None], Expr]] = {}
        self._known: dict[tuple[Node, Index, Expr | None], Expr] = {}
        self._checks: list[tuple[Expr, Size, int]] = []
        self._named_in: list[Statement] | None = None  # the block that values of recurrences were named in

    def at(self, node: Node, index: Index, mask: Expr | None = None) -> Expr:
        """The element of the node at the index; where the mask is false it may be anything and touches no memory."""
        if self._named_in is not None and not self.writer.is_open(self._named_in):
            self.forget()
        pending = [node]
        while pending:  # long chains of elementwise nodes are not climbed by recursion
            waiting = [each for each in self._chain(pending[-1]) if not self._is_known(each, index, mask)]
            if waiting:
                pending += waiting
                continue
            last = pending.pop()
            if not self._is_known(last, index, mask):
                value = self._known[last, index, mask] = self._compute(last, index, mask)
                self.writer.labels.setdefault(value, last.op.name)
        return self.bound[node](index, mask) if node in self.bound else self._known[node, index, mask]

    def _chain(self, node: Node) -> list[Node]:
        """The elementwise nodes that an elementwise node needs at its own index."""
        if node.op.kind is not Kind.ELEMENTWISE or node in self.bound:
            return []
        return [operand for operand in node.operands if operand.op.kind is Kind.ELEMENTWISE]

    def _is_known(self, node: Node, index: Index, mask: Expr | None) -> bool:
        return node in self.bound or (node, index, mask) in self._known

    def forget(self) -> None:
        """Compute everything anew from here on: where earlier values were named is out of reach."""
        self._known.clear()
        self._named_in = None

    def prefetch(self, node: Node, index: Index, cache: int = 1) -> None:
        """Bring elements of a region input that lie together into a cache; those that are computed are not."""
        while node.op.kind is Kind.VIEW:
            node, index = node.operands[0], self.through(node, index)
        if node.op.name == "input":
            place = Place("input", self.writer.region.inputs.index(node))
            offset = self.writer.offset(place, index)
            lanes = [name for name in dim.symbols(offset) if self.writer.expr(dim.symbol(name)).lanes > 1]
            if all(coefficient(offset, name) in (1, 2) for name in lanes):
                self.writer.prefetch(self.writer.buffer_of(place), self.writer.expr(offset), cache)

    def settle(self, roots: Sequence[Expr], *, hold: bool = False) -> list[Expr]:
        """The values with names for their shared parts, after the checks that came up on the way to them.

        hold: stores come between the uses of the values.
        """
        positions = [self.writer.expr(position) for _, position, _ in self._checks]
        made = share(self.writer, [*(ok for ok, _, _ in self._checks), *positions, *roots], hold=hold)
        count = len(positions)
        for (_, _, code), ok, position in zip(self._checks, made, made[count:], strict=False):
            self.writer.check(ok, position, code)
        self._checks.clear()
        return made[2 * count :]

    def name(self, label: str, value: Expr) -> Expr:
        """The value under a name, computed here and once."""
        if value.op == "load":
            self.writer.labels[value] = label
        (made,) = self.settle([value])
        return made if made.op == "var" else self.writer.let(label, made)

    def store(self, output: int, node: Node, index: Index, mask: Expr | None = None) -> Store:
        """The store of a node's element in an output's memory at the same index."""
        place = Place("output", output)
        return self.writer.buffer_of(place), self.writer.offset(place, index), self.at(node, index, mask), mask

    def put(self, stores: Sequence[Store], others: Sequence[Expr] = (), streamed: bool = False) -> list[Expr]:
        """Store values, all of them computed before the first is stored; also settle others, and give those.

        streamed: past the caches.
        """
        offsets = [self.writer.expr(offset) for _, offset, _, _ in stores]
        masks = [mask for _, _, _, mask in stores if mask is not None]
        hold = len(stores) > 1 or bool(others)
        made = iter(self.settle([*offsets, *(value for _, _, value, _ in stores), *masks, *others], hold=hold))
        places, values = ([next(made) for _ in stores] for _ in range(2))
        shared_masks = [None if mask is None else next(made) for _, _, _, mask in stores]
        for (buffer, _, _, _), place, value, mask in zip(stores, places, values, shared_masks, strict=True):
            self.writer.store(buffer, place, value, mask, streamed)
        return list(made)

    def through(self, view: Node, index: Index) -> Index:
        """Where the element of a view at the index lies in its operand."""
        source, body = view.operands[0], body_of(view)
        mapped: Any = body(tuple(map(leaf, index)), source.tensor, view.tensor, leaf, **view.attrs)
        return tuple(self.writer.ranges.fold(part) for part in mapped)

    def _compute(self, node: Node, index: Index, mask: Expr | None) -> Expr:
        match node.op.kind:
            case Kind.ELEMENTWISE:
                return self._elementwise(node, [self.at(operand, index, mask) for operand in node.operands])
            case Kind.VIEW:
                return self.at(node.operands[0], self.through(node, index), mask)
            case Kind.MOVE:
                return self._move(node, index, mask)
            case Kind.INDEX:
                return self._gather(node, index, mask)
            case Kind.CHECK:
                made: Expr = body_of(node)(self._checked(node, index, mask)[0], self.writer.expr(checked(node)[2]))
                return made
            case Kind.RANDOM:
                seed, call = (self.at(operand, (), None) for operand in node.operands)
                element = self.writer.expr(flatten(index, node.tensor.shape))
                attrs = {key: value for key, value in node.attrs.items() if key != "type"}
                bits: Expr = body_of(node)(seed, call, element, **attrs)
                return bits
        match node.op.name:
            case "input":
                return self.writer.load_input(node, index, mask)
            case "constant":
                return self._listed(node.attrs["value"], node.tensor.dtype, index)
            case "iota":
                return self.writer.expr(index[node.attrs["axis"]])
        raise ValueError(f"{node.op.name} cannot be computed element by element")

    def _listed(self, value: Any, dtype: DType, index: Index) -> Expr:
        """The element of a constant: of nested tuples, which are few, chosen by comparing the index with each place."""
        if isinstance(value, Dim):
            return cast(self.writer.expr(value), dtype)
        if not isinstance(value, tuple):
            return const(value, dtype)
        first, rest = index[0], index[1:]
        if isinstance(first, int):
            return self._listed(value[first], dtype, rest)
        result = self._listed(value[-1], dtype, rest)
        for place in reversed(range(len(value) - 1)):
            chosen = eq(self.writer.expr(first), place)
            result = select(chosen, self._listed(value[place], dtype, rest), result)
        return result

    def _elementwise(self, node: Node, args: list[Expr]) -> Expr:
        """Half precision is computed in float32 and rounded once."""
        if node.op.name not in ("cast", "bitcast"):
            args = [cast(arg, accumulator(arg.dtype)) for arg in args]
        result: Expr | Recurrence = body_of(node)(*args, **node.attrs)
        if isinstance(result, Recurrence):
            result = self.writer.repeat(result, lambda values: self.settle(values, hold=True))
            self._named_in = self.writer.block
        return cast(result, node.tensor.dtype)

    def _move(self, node: Node, index: Index, mask: Expr | None) -> Expr:
        """Operands are read under the conditions that choose them, for elsewhere their index is outside."""
        types = [operand.tensor for operand in node.operands]
        cases = body_of(node)(tuple(map(leaf, index)), types, node.tensor, leaf, **node.attrs)
        chosen: list[tuple[Expr | None, Expr]] = []
        open_ = mask
        for condition, number, place in cases:
            holds = None if condition is None else self.writer.condition(condition)
            if holds is not None and holds.op == "const":
                if not holds.attr:
                    continue
                holds = None
            at = tuple(self.writer.ranges.fold(part) for part in place)
            chosen.append((holds, self.at(node.operands[number], at, both(open_, holds))))
            if holds is None:
                break
            open_ = both(open_, ~holds)
        result = chosen[-1][1]
        for holds, value in reversed(chosen[:-1]):
            assert holds is not None
            result = select(holds, value, result)
        return result

    def _gather(self, node: Node, index: Index, mask: Expr | None) -> Expr:
        axis = node.attrs["axis"]
        place, ok = self.checked_place(node, index, mask)
        return self.at(node.operands[0], (*index[:axis], place, *index[axis + 1 :]), ok)

    def checked_place(self, node: Node, index: Index, mask: Expr | None) -> tuple[Size, Expr]:
        """The place along its axis that a node's index names, and whether it is inside, which is checked."""
        value, inside = self._checked(node, index, mask)
        return self.writer.track(value, checked(node)[2]), inside

    def _checked(self, node: Node, index: Index, mask: Expr | None) -> tuple[Expr, Expr]:
        """An element that is checked, and whether it is inside its bounds."""
        number, least, bound = checked(node)
        places = node.operands[number]
        value = self.at(places, index, mask)
        inside = (self.writer.expr(least) <= value) & (value < self.writer.expr(bound))
        if node not in self.writer.checks:
            self.writer.checks.append(node)
        holder, at = self._named(places, index)
        ok = inside if mask is None else inside | ~mask
        self._checks.append((ok, flatten(at, holder.tensor.shape), self.writer.checks.index(node)))
        return value, inside if mask is None else inside & mask

    def _named(self, places: Node, index: Index) -> tuple[Node, Index]:
        """The value that an index tensor only repeats or reshapes, and where: that is where a check fails."""
        while places.op.name in ("reshape", "expand"):
            places, index = places.operands[0], self.through(places, index)
        return places, index


def body_of(node: Node) -> Callable[..., Any]:
    """The body of a node's op."""
    assert node.op.body is not None
    return node.op.body


def both(first: Expr | None, second: Expr | None) -> Expr | None:
    """Both conditions; None stands for one that always holds."""
    if first is None or second is None:
        return first if second is None else second
    return first & second
