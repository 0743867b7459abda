"""The inverse of printing: text to graphs, with errors that mark the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import BY_NAME
from brasa.ir.errors import BrasaError, ParseError
from brasa.ir.graph import Graph, Kind, Node, Op, located
from brasa.ir.types import TensorType, TupleType, Type

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)|(?P<comment>\#[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<number>-?(?:inf|nan)\b|-?\d+\.\d*(?:e[+-]?\d+)?|-?\d+e[+-]?\d+|\d+)
    |(?P<name>(?<![\w)])%\d+|@?[A-Za-z_][\w.]*)|(?P<mark>//|[][(){}<>:,=*+%@-])""",
    re.VERBOSE,
)
_WORDS = {"true": True, "false": False, "none": None}
_T = TypeVar("_T")


def parse(text: str, ops: Mapping[str, Op]) -> Graph:
    """The last graph of the text; the ones before it are those that its nodes hold.

    Raises ParseError (with line, column and a `^` under the place) for text that is not a graph or does not type.
    """
    return _Parser(text, ops).graphs()


def parse_type(text: str) -> TensorType:
    """A tensor type such as `f32[n,1,8,8]`; ParseError for anything else."""
    parser = _Parser(text, {})
    result = parser.tensor_type()
    if parser.kind != "end":
        parser.fail(f"expected the end of the type, found {parser.text!r}")
    return result


def parse_types(text: str) -> list[TensorType]:
    """Tensor types such as `f32[n,1,8,8], i64[n]`; ParseError for anything else."""
    parser = _Parser(text, {})
    result = [parser.tensor_type()]
    while parser.accept(","):
        result.append(parser.tensor_type())
    if parser.kind != "end":
        parser.fail(f"expected a comma or the end, found {parser.text!r}")
    return result


def parse_size(text: str) -> Size:
    """A size such as `n*4`; ParseError for anything else."""
    parser = _Parser(text, {})
    result = parser.size()
    if parser.kind != "end":
        parser.fail(f"expected the end of the size, found {parser.text!r}")
    return result


class _Parser:
    def __init__(self, source: str, ops: Mapping[str, Op]) -> None:
        self.source, self.ops = source, ops
        self.position = self.start = 0
        self.kind = self.text = self.comment = ""
        self.known: dict[str, Graph] = {}
        self.advance()

    def advance(self) -> str:
        """Take the current token and move to the next; a comment passed on the way is kept for its node."""
        taken = self.text
        while True:
            self.start = self.position
            if self.position >= len(self.source):
                self.kind = self.text = "end"
                return taken
            match = _TOKEN.match(self.source, self.position)
            if match is None:
                self.fail(f"unexpected character {self.source[self.position]!r}")
            self.position = match.end()
            self.kind, self.text = match.lastgroup or "", match.group()
            if self.kind == "comment":
                self.comment = self.text[1:].strip()
            elif self.kind != "space":
                return taken

    def fail(self, fact: str, at: int | None = None) -> NoReturn:
        at = self.start if at is None else at
        before = self.source[:at]
        line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
        shown = self.source.split("\n")[line - 1]
        raise ParseError(f"line {line}, column {column}: {fact}\n  {shown}\n  {' ' * (column - 1)}^")

    def expect(self, text: str) -> str:
        if self.text != text or self.kind == "string":
            self.fail(f"expected {text!r}, found {'the end' if self.kind == 'end' else repr(self.text)}")
        return self.advance()

    def accept(self, text: str) -> bool:
        if self.text == text and self.kind in ("mark", "name"):
            self.advance()
            return True
        return False

    def name(self, what: str) -> str:
        if self.kind != "name":
            self.fail(f"expected {what}, found {'the end' if self.kind == 'end' else repr(self.text)}")
        return self.advance()

    def separated(self, close: str, item: Callable[[], _T]) -> list[_T]:
        items: list[_T] = []
        while not self.accept(close):
            if items:
                self.expect(",")
            items.append(item())
        return items

    # graphs

    def graphs(self) -> Graph:
        if self.kind == "end":
            self.fail("expected a graph, found the end")
        while self.kind != "end":
            graph = self.graph()
            self.known[graph.name] = graph
        return graph

    def graph(self) -> Graph:
        self.expect("graph")
        name = self.name("the graph's name")
        self.expect("(")
        values: dict[str, Node] = {}
        self.separated(")", lambda: self.input(values))
        inputs = tuple(values.values())
        self.expect("{")
        nodes: list[Node] = []
        while self.text != "return":
            nodes.append(self.node(values))
        self.comment = ""
        self.expect("return")
        outputs: list[Node] = []
        updates: list[tuple[int, int]] = []
        while not self.accept("}"):
            if outputs:
                self.expect(",")
            outputs.append(self.value(values))
            if self.accept("into"):
                at, target = self.start, self.value(values)
                if target not in inputs:
                    self.fail("only an input can be written to", at)
                updates.append((len(outputs) - 1, inputs.index(target)))
        return Graph(name, inputs, tuple(nodes), tuple(outputs), tuple(updates))

    def input(self, values: dict[str, Node]) -> None:
        at, name = self.start, self.name("an input's name")
        if name in values:
            self.fail(f"{name!r} is defined twice", at)
        self.expect(":")
        attrs: dict[str, Any] = {"name": name}
        type_ = self.tensor_type()
        if self.accept("strides"):
            self.expect("(")
            attrs["strides"] = tuple(self.separated(")", self.advance))
        if self.kind == "name":
            attrs["role"] = self.advance()
            if self.kind == "string":
                attrs["path"] = self.string()
        values[name] = Node(self.ops["input"], (), MappingProxyType(attrs | {"type": type_}), type_)

    def value(self, values: dict[str, Node]) -> Node:
        at, name = self.start, self.name("a value")
        if name not in values:
            self.fail(f"{name!r} is not defined here", at)
        return values[name]

    def node(self, values: dict[str, Node]) -> Node:
        at = self.start
        name = self.name("a value's name")
        if name in values:
            self.fail(f"{name!r} is defined twice", at)
        self.expect(":")
        written = self.type()
        self.expect("=")
        op_at, op_name = self.start, self.name("an op")
        if op_name not in self.ops:
            self.fail(f"there is no op {op_name!r}", op_at)
        self.expect("(")
        operands: list[Node] = []
        attrs: dict[str, Any] = {}
        self.comment = ""
        self.separated(")", lambda: self.argument(values, operands, attrs))
        node = self.apply(self.ops[op_name], operands, attrs, written, op_at)
        values[name] = node
        return node

    def argument(self, values: dict[str, Node], operands: list[Node], attrs: dict[str, Any]) -> None:
        at = self.start
        name = self.name("an operand or an attribute")
        if self.accept("="):
            attrs[name] = self.attr()
        elif name in values:
            operands.append(values[name])
        else:
            self.fail(f"{name!r} is not defined here", at)

    def apply(self, op: Op, operands: list[Node], attrs: dict[str, Any], written: Type, at: int) -> Node:
        where, self.comment = self.comment, ""
        if op.declares_type or op.kind in (Kind.SOURCE, Kind.RANDOM):
            attrs["type"] = written
        try:
            with located(where):
                node = op(*operands, **attrs)
        except (BrasaError, TypeError) as error:
            self.fail(str(error) if isinstance(error, BrasaError) else f"{op.name}: {error}", at)
        if node.type != written:
            self.fail(f"{op.name} gives {node.type}, the text says {written}", at)
        return node

    # types and attributes

    def type(self) -> Type:
        if self.accept("("):
            return TupleType(tuple(self.separated(")", self.tensor_type)))
        return self.tensor_type()

    def tensor_type(self) -> TensorType:
        at, name = self.start, self.name("a type such as f32[n,3]")
        if name not in BY_NAME:
            self.fail(f"there is no dtype {name!r}; the dtypes are {', '.join(BY_NAME)}", at)
        self.expect("[")
        shape = tuple(self.separated("]", self.size))
        return TensorType(shape, BY_NAME[name], self.device())

    def device(self) -> str:
        if not self.text.startswith("@"):
            return "cpu"
        name = self.name("a device such as @cuda")[1:]
        return f"{name}:{self.advance()}" if self.accept(":") else name

    def string(self) -> str:
        return re.sub(r"\\(.)", r"\1", self.advance()[1:-1])

    def attr(self) -> Any:
        if self.kind == "string":
            return self.string()
        if self.accept("["):
            return tuple(self.separated("]", self.attr))
        if self.kind == "name" and self.text.startswith("@"):
            at, name = self.start, self.advance()[1:]
            if name not in self.known:
                self.fail(f"graph @{name} is not defined above", at)
            return self.known[name]
        if self.kind == "name" and self.text in _WORDS:
            return _WORDS[self.advance()]
        if self.kind == "name" and self.text in BY_NAME:
            return (
                self.tensor_type() if self.source[self.position : self.position + 1] == "[" else BY_NAME[self.advance()]
            )
        if self.kind == "number" and not self.text.isdigit():
            return float(self.advance())
        size = self.size()
        if str(size) == "complex" and self.accept("("):
            return complex(*self.separated(")", self.attr))
        return size

    def size(self) -> Size:
        total: Size = -self.factor() if self.accept("-") else self.factor()
        while self.text in ("+", "-"):
            total = total + self.factor() if self.advance() == "+" else total - self.factor()
        return total

    def factor(self) -> Size:
        result = self.atom()
        while self.text in ("*", "//", "%"):
            mark = self.advance()
            rhs = self.atom()
            result = result * rhs if mark == "*" else (dim.floor_divide if mark == "//" else dim.remainder)(result, rhs)
        return result

    def atom(self) -> Size:
        if self.kind == "number" and self.text.isdigit():
            return int(self.advance())
        if self.accept("("):
            inner = self.size()
            self.expect(")")
            return inner
        name = self.name("a size")
        if name in ("min", "max") and self.accept("("):
            lhs = self.size()
            self.expect(",")
            rhs = self.size()
            self.expect(")")
            return dim.smallest(lhs, rhs) if name == "min" else dim.largest(lhs, rhs)
        return dim.symbol(name)
