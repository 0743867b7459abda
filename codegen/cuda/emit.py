"""Prints kernels as CUDA C++. Knows the kernel language and nothing of the ops above it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from textwrap import wrap

from brasa.codegen.cuda.prelude import prelude
from brasa.codegen.cuda.registers import Registers, is_zero_fill
from brasa.codegen.cuda.scalars import (
    ATOM,
    CHOICE,
    EQUALITY,
    ORDER,
    Text,
    constant,
    format_operation,
    memory_type,
    type_name,
)
from brasa.ir.grid import function_name, kernel_grid, loop_nests, total_extent
from brasa.ir.kernel import Assign, Barrier, Check, Expr, For, If, Kernel, Let, Local, Prefetch, Statement, Store
from brasa.ir.kernel_text import print_expr
from brasa.ir.program import Program
from brasa.ir.program_text import print_program

_WIDTH = 80  # arguments that are longer together are named one by one
_PLACES = {"block": "blockIdx.x", "thread": "threadIdx.x"}
_RESERVED = (
    "asm auto bool break case char class const continue default delete do double else enum extern float for goto if "
    "inline int long new operator private public register return short signed sizeof static struct switch template "
    "this throw true false try typedef typename union unsigned using void volatile while i8 i16 i32 i64 u8 u32 u64 "
    "minimum maximum least greatest absolute saturate quotient modulo shl shr checks blockIdx threadIdx"
)


def emit_cuda(program: Program | Iterable[Kernel]) -> str:
    """The CUDA C++ source of all kernels, each headed by the grid that it runs in; a program also by its launches."""
    if isinstance(program, Program):
        return (
            "".join(f"// {line}\n" for line in print_program(program).split("\n")) + "\n" + emit_cuda(program.kernels)
        )
    text = "".join("\n" + _Writer(kernel).write() for kernel in program)
    return prelude(set(re.findall(r"\w+", text))) + text


class _Writer:
    """Writes one kernel, line by line."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[str, str] = {}
        self.taken = set(_RESERVED.split())
        self.registers = Registers()
        self.declared: set[Local] = set()
        self.indices: set[Expr] = set(kernel.sizes)  # variables that hold nothing but indices
        self.bounds: dict[Expr, int] = {}  # of loop variables
        self.has_checks = False
        self.spreading: list[str] = []  # the kinds of the grid loops around the current statement
        self.temporaries = 0

    def write(self) -> str:
        """The kernel's text."""
        kernel, grid = self.kernel, kernel_grid(self.kernel)
        parameters = []
        for buffer in kernel.buffers:
            element, name = memory_type(buffer.dtype), self.name(buffer.name)
            if buffer in kernel.arguments:
                parameters.append(f"{'const ' if buffer.access == 'in' else ''}{element}* {name}")
            else:
                self.line(f"{'__shared__ ' if buffer.access == 'shared' else ''}{element} {name}[{buffer.extent}];")
        parameters += [self.size_parameter(size) for size in kernel.sizes]
        self.block(kernel.body)
        if self.has_checks:
            parameters.insert(0, "i64* checks")
        whole = ", ".join(parameter.replace(" ", "\0") for parameter in parameters)
        indent = "    "
        return "\n".join([
            f"// {print_expr(grid.blocks)} blocks of {grid.threads} threads",
            f'extern "C" __global__ void __launch_bounds__({grid.threads}) {function_name(kernel)}(',
            *(each.replace("\0", " ") for each in wrap(indent + whole, 117, subsequent_indent=indent)),
            ") {",
            *self.lines,
            "}\n",
        ])  # fmt: skip

    def size_parameter(self, size: Expr) -> str:
        """The parameter, with the formula that it holds if it is not a size of its own."""
        name, formula = self.name(size.attr), str(size.attr)
        return f"i64 {name}" if name == formula else f"i64 {name} /* {formula} */"

    def line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    @contextmanager
    def braces(self, head: str) -> Iterator[None]:
        self.line(f"{head} {{")
        self.depth += 1
        yield
        self.depth -= 1
        self.line("}")

    def name(self, wanted: str) -> str:
        """The C++ name of what the kernel calls `wanted`."""
        if wanted not in self.names:
            self.names[wanted] = self.fresh(re.sub(r"\W+", "_", wanted).strip("_"))
        return self.names[wanted]

    def fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    # statements

    def block(self, statements: Sequence[Statement]) -> None:
        for statement, starting in zip(statements, self.registers.starting(statements), strict=True):
            zeroed = [local for local in starting if is_zero_fill(statement, local)]
            for local in starting:
                if local.shape or not isinstance(statement, Assign):
                    shape = "".join(f"[{extent}]" for extent in local.shape)
                    value = " = {}" if local in zeroed else ""
                    self.line(f"{type_name(local.dtype)} {self.name(local.name)}{shape}{value};")
                    self.declared.add(local)
            if not zeroed:
                self.statement(statement)

    def statement(self, statement: Statement) -> None:
        match statement:
            case Let(var, value):
                text = self.text(value)
                if text.index:
                    self.indices.add(var)
                self.line(f"const {type_name(var.dtype)} {self.name(var.attr)} = {text.text};")
            case Assign():
                self.assign(statement)
            case Store(buffer, index, value, mask):
                at, text, *guard = self.texts(index, value, *(() if mask is None else (mask,)))
                condition = f"if ({guard[0].text}) " if guard else ""
                self.line(f"{condition}{self.name(buffer.name)}[{at.text}] = {text.text};")
            case For(kind="serial" | "unrolled"):
                self.loop(statement)
            case For(kind="block" | "thread"):
                self.spread(statement)
            case If(condition, then, orelse):
                with self.braces(f"if ({self.text(condition).text})"):
                    self.block(then)
                if orelse:
                    self.lines.pop()
                    with self.braces("} else"):
                        self.block(orelse)
            case Check(ok, position, code):
                truth, at = self.texts(ok, position)
                self.has_checks = True
                self.line(f"if (!{truth.inside(ATOM)}) atomicMin(&checks[{code}], {at.text});")
            case Barrier():
                self.line("__syncthreads();")
            case For():
                raise NotImplementedError(f"a GPU has no {statement.kind} loops")
            case Prefetch():
                raise NotImplementedError("a GPU has no prefetches")

    def assign(self, statement: Assign) -> None:
        local = statement.local
        *places, value = self.texts(*statement.index, statement.value)
        type = "" if local in self.declared else f"{type_name(local.dtype)} "
        self.declared.add(local)
        self.line(f"{type}{self.name(local.name)}{''.join(f'[{place.text}]' for place in places)} = {value.text};")

    def loop(self, loop: For) -> None:
        extent, var = self.text(loop.extent).inside(ORDER + 1), self.name(loop.var.attr)
        self.indices.add(loop.var)
        if loop.extent.op == "const":
            self.bounds[loop.var] = loop.extent.attr
        if loop.kind == "unrolled":
            self.line("#pragma unroll")
        with self.braces(f"for (i64 {var} = 0; {var} < {extent}; ++{var})"):
            self.block(loop.body)

    def spread(self, loop: For) -> None:
        """A loop whose iterations the blocks or threads of the grid share: its variable is this one's place."""
        place, inner = _PLACES[loop.kind], loop_nests(loop.body, loop.kind)
        if inner:
            place += f" / {self.text(total_extent(inner[0])).inside(ATOM)}"
        if loop.kind in self.spreading:
            place += f" % {self.text(loop.extent).inside(ATOM)}"
        self.indices.add(loop.var)
        self.line(f"const i64 {self.name(loop.var.attr)} = {place};")
        self.spreading.append(loop.kind)
        self.block(loop.body)
        self.spreading.pop()

    # expressions

    def text(self, expr: Expr) -> Text:
        return self.texts(expr)[0]

    def texts(self, *exprs: Expr) -> list[Text]:
        """The expressions as text; what they use more than once, and what is too long for a line, is named before."""
        order = _operands_first(exprs)
        uses = Counter(each for expr in order for each in expr.args) + Counter(exprs)
        known: dict[Expr, Text] = {}
        for expr in order:
            while sum(len(known[arg].text) for arg in expr.args) > _WIDTH:
                longest = max(expr.args, key=lambda arg: len(known[arg].text))
                known[longest] = self.named(longest, known[longest])
            # Where all are constants, nothing else tells C++ their width.
            alone = expr.op not in ("local", "load") and all(arg.op == "const" for arg in expr.args)
            args = [constant(arg.attr, arg.dtype, typed=True) if alone else known[arg] for arg in expr.args]
            known[expr] = self.expression(expr, args)
            if uses[expr] > 1 and expr.args:
                known[expr] = self.named(expr, known[expr])
        while len(exprs) > 1 and sum(len(known[expr].text) for expr in exprs) > _WIDTH:
            longest = max(exprs, key=lambda expr: len(known[expr].text))
            known[longest] = self.named(longest, known[longest])
        return [known[expr] for expr in exprs]

    def named(self, expr: Expr, text: Text) -> Text:
        self.temporaries += 1
        name = self.fresh(f"v{self.temporaries}")
        self.line(f"const {type_name(expr.dtype)} {name} = {text.text};")
        return Text(name, ATOM, text.index)

    def expression(self, expr: Expr, args: Sequence[Text]) -> Text:
        if expr.lanes > 1:
            raise NotImplementedError(f"kernel {self.kernel.name}: {expr.op} of {expr.lanes} lanes; a GPU has threads")
        match expr.op:
            case "const":
                return constant(expr.attr, expr.dtype)
            case "var" | "size":
                return Text(self.name(expr.attr), ATOM, expr in self.indices, self.bounds.get(expr, inf))
            case "local":
                return Text(self.name(expr.attr.name) + "".join(f"[{arg.text}]" for arg in args))
            case "load":
                return self.load(expr, args)
        return format_operation(expr, args)

    def load(self, expr: Expr, args: Sequence[Text]) -> Text:
        element = Text(f"{self.name(expr.attr.name)}[{args[0].text}]")
        if expr.dtype.kind == "bool":
            element = Text(f"{element.text} != 0", EQUALITY)
        if len(args) == 1:
            return element
        return Text(f"{args[1].inside(CHOICE + 1)} ? {element.text} : {constant(0, expr.dtype).text}", CHOICE)


def _operands_first(exprs: Iterable[Expr]) -> list[Expr]:
    """The expressions and all that they are made of, each once, operands before what uses them."""
    order: dict[Expr, None] = {}
    stack = [(expr, False) for expr in reversed(list(exprs))]
    while stack:
        expr, done = stack.pop()
        if done:
            order[expr] = None
        elif expr not in order:
            stack.append((expr, True))
            stack += [(arg, False) for arg in reversed(expr.args)]
    return list(order)
