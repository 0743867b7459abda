"""The pass that replaces nodes by simpler ones with the same bits; its rules are data, in `brasa.passes.rules`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from brasa.ir.graph import Graph, Node, rewrite
from brasa.passes import rules as ruleset
from brasa.passes.patterns import Bindings, build, match
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


@cache
def _by_op(rules: tuple[Rule, ...]) -> dict[str, tuple[Rule, ...]]:
    ops = dict.fromkeys(choice.op for rule in rules for choice in rule.choices)
    return {op: tuple(rule for rule in rules if any(choice.op == op for choice in rule.choices)) for op in ops}


def _better(rules: tuple[Rule, ...], node: Node, settle: Callable[[Node], Node]) -> Node | None:
    """What the first rule that applies makes of the node; None where none does."""
    for rule in rules:
        for choice in rule.choices:
            found: Bindings = {}
            if match(choice, node, found) and _allows(rule, node, found):
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
