"""Patterns over nodes, written as text: `mul(x, 1)`, `permute(permute(x, axes=a), axes=b)`.

A name stands for any node, or for any attribute after `=`, and for the same one wherever it is repeated. A number or
`true`/`false` stands for a constant all of whose elements have exactly that value (0 is not -0). `op(...)` stands for
a node of that op with just these operands; attributes that are not written may be anything. `|` separates choices.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from brasa.ir.errors import ParseError
from brasa.ir.graph import Kind, Node
from brasa.ir.ops import OPS
from brasa.ir.ops.source import full

Bindings: TypeAlias = dict[str, Any]
_TOKEN = re.compile(r"\s*(?:(-?\d+(?:\.\d+)?)|(\w+)|([(),=|]))")


@dataclass(frozen=True)
class Name:
    """Any node, the same one at each occurrence."""

    name: str


@dataclass(frozen=True)
class Number:
    """A constant whose elements all have this value."""

    value: bool | int | float


@dataclass(frozen=True)
class Apply:
    """A node of that op. attrs: pairs of an attribute and the name that it is bound to."""

    op: str
    operands: tuple[Pattern, ...]
    attrs: tuple[tuple[str, str], ...]


Pattern: TypeAlias = Name | Number | Apply


def read_patterns(text: str) -> tuple[Pattern, ...]:
    """The choices that the text of a pattern gives; ParseError for anything else."""
    return tuple(_Reader(choice).whole() for choice in text.split("|"))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [match.group().strip() for match in _TOKEN.finditer(text)]
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise ParseError(f"not a pattern: {text}")

    def whole(self) -> Pattern:
        pattern = self.pattern()
        if self.tokens:
            raise ParseError(f"not a pattern: {self.text}")
        return pattern

    def pattern(self) -> Pattern:
        token = self.tokens.pop(0)
        if token in ("true", "false"):
            return Number(token == "true")
        if token[0] in "-0123456789":
            return Number(float(token) if "." in token else int(token))
        if not self.tokens or self.tokens[0] != "(":
            return Name(token)
        operands: list[Pattern] = []
        attrs: list[tuple[str, str]] = []
        while self.tokens.pop(0) != ")":
            if self.tokens[1:2] == ["="]:
                attrs.append((self.tokens[0], self.tokens[2]))
                del self.tokens[:3]
            elif self.tokens[0] != ")":
                operands.append(self.pattern())
        if token not in OPS:
            raise ParseError(f"there is no op {token!r} in {self.text}")
        return Apply(token, tuple(operands), tuple(attrs))


def match(pattern: Pattern, node: Node, found: Bindings) -> bool:
    """Whether the node has the form of the pattern; names are bound in `found`."""
    if isinstance(pattern, Name):
        return found.setdefault(pattern.name, node) is node
    if isinstance(pattern, Number):
        is_truth = isinstance(pattern.value, bool)  # which an integer's constant may be made of, too
        if node.op.name != "constant" or is_truth != (node.tensor.dtype.kind == "bool"):
            return False
        return _same_value(node.attrs["value"], pattern.value)
    if node.op.name != pattern.op or len(node.operands) != len(pattern.operands):
        return False
    for inner, operand in zip(pattern.operands, node.operands, strict=True):
        if not match(inner, operand, found):
            return False
    return all(found.setdefault(name, node.attrs[attr]) == node.attrs[attr] for attr, name in pattern.attrs)


def _same_value(value: Any, wanted: bool | int | float) -> bool:
    if isinstance(value, tuple | complex) or isinstance(value, bool) != isinstance(wanted, bool) or value != wanted:
        return False
    return value != 0 or math.copysign(1, value) == math.copysign(1, wanted)


def build(pattern: Pattern, root: Node, found: Mapping[str, Any], settle: Callable[[Node], Node]) -> Node:
    """The node that a replacement describes; its numbers and sources take the type of the replaced `root`.

    settle: simplifies the nodes that are made on the way.
    """
    if isinstance(pattern, Name):
        node: Node = found[pattern.name]
        return node
    if isinstance(pattern, Number):
        return full(root.tensor, pattern.value)
    attrs = {attr: found[name] for attr, name in pattern.attrs}
    op = OPS[pattern.op]
    if op.kind is Kind.SOURCE:
        attrs["type"] = root.type
    return op(*(settle(build(inner, root, found, settle)) for inner in pattern.operands), **attrs)
