"""The pass that replaces nodes by simpler ones with the same bits; its rules are data, in `brasa.passes.rules`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from brasa.ir.graph import Graph, Node, rewrite
from brasa.passes.patterns import Apply, Bindings, build, match
from brasa.passes.rules import RULES, Rule


def simplify(graph: Graph, rules: tuple[Rule, ...] = RULES) -> Graph:
    """Apply the rules until none applies.

    %0 = neg(x); %1 = neg(%0); return %1    ->    return x
    """
    by_op = _by_op(rules)
    while True:
        changed = False

        def change(node: Node) -> Node:
            nonlocal changed
            while (better := _apply_first(by_op.get(node.op.name, ()), node)) is not None:
                node, changed = better, True
            return node

        result = rewrite(graph, change)
        if not changed:
            return graph
        graph = result


@cache
def _by_op(rules: tuple[Rule, ...]) -> dict[str, list[Rule]]:
    by_op: dict[str, list[Rule]] = {}
    for rule in rules:
        for op in dict.fromkeys(choice.op for choice in rule.choices if isinstance(choice, Apply)):
            by_op.setdefault(op, []).append(rule)
    return by_op


def _apply_first(rules: Sequence[Rule], node: Node) -> Node | None:
    for rule in rules:
        better = apply_rule(rule, node)
        if better is not None:
            return better
    return None


def apply_rule(rule: Rule, node: Node) -> Node | None:
    """What the rule makes of the node; None where it does not apply."""
    for choice in rule.choices:
        found: Bindings = {}
        if not match(choice, node, found):
            continue
        if rule.given is not None:
            names = {**found, "it": node}
            answer = rule.given(*(names[name] for name in rule.takes))
            if answer is None or answer is False:
                continue
            if answer is not True:
                found.update(answer)
        return build(rule.result, node, found)
    return None
