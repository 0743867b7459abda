"""The pass that replaces nodes by simpler ones with the same bits; its rules are data, in `brasa.passes.rules`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from brasa.ir.graph import Graph, Node, rewrite
from brasa.passes import rules as ruleset
from brasa.passes.patterns import Apply, Bindings, Name, Number, build, match
from brasa.passes.rules import Rule


def simplify(graph: Graph, rules: tuple[Rule, ...] | None = None) -> Graph:
    """Apply the rules until none applies; those of `brasa.passes.rules` if none are given.

    %0 = neg(x); %1 = neg(%0); return %1    ->    return x

    One walk is enough: a rule looks at a node and what it is made of, and that is simple already.
    """
    by_op = _by_op(ruleset.RULES if rules is None else rules)

    def settle(node: Node) -> Node:
        while (better := _better(by_op.get(node.op.name, ()), node, settle)) is not None:
            node = better
        return node

    return rewrite(graph, settle)


class _Choice(NamedTuple):
    """One form that a rule takes. ops: which operands are of which op; so most forms are ruled out at once."""

    rule: Rule
    form: Apply
    ops: tuple[tuple[int, str], ...]


@cache
def _by_op(rules: tuple[Rule, ...]) -> dict[str, tuple[_Choice, ...]]:
    choices: dict[str, list[_Choice]] = {}
    for rule in rules:
        for form in rule.choices:
            operands = enumerate(form.operands)
            ops = [
                (i, "constant" if isinstance(each, Number) else each.op)
                for i, each in operands
                if not isinstance(each, Name)
            ]
            choices.setdefault(form.op, []).append(_Choice(rule, form, tuple(ops)))
    return {op: tuple(forms) for op, forms in choices.items()}


def _better(choices: tuple[_Choice, ...], node: Node, settle: Callable[[Node], Node]) -> Node | None:
    """What the first rule that applies makes of the node; None where none does."""
    operands = node.operands
    for rule, form, ops in choices:
        for i, op in ops:
            if i >= len(operands) or operands[i].op.name != op:
                break
        else:
            found: Bindings = {}
            if match(form, node, found) and _allows(rule, node, found):
                return build(rule.result, node, found, settle)
    return None


def _allows(rule: Rule, node: Node, found: Bindings) -> bool:
    """Whether the rule's condition holds; names that it gives are added to those found."""
    if rule.given is None:
        return True
    names = {**found, "it": node}
    answer = rule.given(*(names[name] for name in rule.takes))
    if answer is None or isinstance(answer, bool):
        return bool(answer)
    found.update(answer)
    return True
