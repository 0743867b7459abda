"""Kernels as text: for people and golden files; nothing reads it back."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.ir.kernel import Assign, Barrier, Check, Expr, For, If, Kernel, Let, Number, Prefetch, Statement, Store

_INFIX = {
    "add": ("+", 5), "sub": ("-", 5), "mul": ("*", 6), "div": ("/", 6), "quotient": ("//", 6), "modulo": ("%", 6),
    "shl": ("<<", 4), "shr": (">>", 4), "and": ("&", 3), "xor": ("^", 2), "or": ("|", 1),
    "eq": ("==", 0), "ne": ("!=", 0), "lt": ("<", 0), "le": ("<=", 0),
}  # fmt: skip


def print_kernel(kernel: Kernel) -> str:
    """The kernel's text."""
    arguments = [f"{buffer.access} {buffer.name}: {buffer.dtype.name}" for buffer in kernel.arguments]
    head = f"kernel {kernel.name}({', '.join(arguments)}; {', '.join(size.attr for size in kernel.sizes)}) {{"
    own = [
        f"  {buffer.access} {buffer.name}: {buffer.dtype.name}[{buffer.extent}]"
        for buffer in kernel.buffers
        if buffer.access in ("stack", "shared")
    ]
    return "\n".join([head, *own, *_block(kernel.body, "  "), "}"])


def _block(statements: Sequence[Statement], indent: str) -> list[str]:
    return [line for statement in statements for line in _statement(statement, indent)]


def _statement(statement: Statement, indent: str) -> list[str]:
    match statement:
        case Let(var, value):
            return [f"{indent}let {var.attr} = {print_expr(value)}"]
        case Assign(local, index, value):
            at = f"[{', '.join(map(print_expr, index))}]" if index else ""
            return [f"{indent}{local.name}{at} = {print_expr(value)}"]
        case Store(buffer, index, value, mask, streamed):
            start = f"{indent}stream " if streamed else indent
            suffix = f" if {print_expr(mask)}" if mask is not None else ""
            return [f"{start}{buffer.name}[{print_expr(index)}] = {print_expr(value)}{suffix}"]
        case For(var, extent, kind, body):
            suffix = "" if kind == "serial" else f" {kind}"
            return [
                f"{indent}for {var.attr} in 0..{print_expr(extent, 7)}{suffix} {{",
                *_block(body, indent + "  "),
                f"{indent}}}",
            ]
        case If(condition, then, orelse):
            lines = [f"{indent}if {print_expr(condition)} {{", *_block(then, indent + "  ")]
            if orelse:
                lines += [f"{indent}}} else {{", *_block(orelse, indent + "  ")]
            return [*lines, f"{indent}}}"]
        case Check(ok, position):
            return [f"{indent}check {print_expr(ok)} at {print_expr(position)}"]
        case Barrier():
            return [f"{indent}barrier"]
        case Prefetch(buffer, index, cache):
            return [f"{indent}prefetch {buffer.name}[{print_expr(index)}]{' into cache 2' if cache == 2 else ''}"]


def print_expr(expr: Expr, outer: int = -1) -> str:
    """The expression's text, in parentheses where the context binds tighter than `outer`."""
    if expr.op in _INFIX:
        mark, level = _INFIX[expr.op]
        text = f"{print_expr(expr.args[0], level)} {mark} {print_expr(expr.args[1], level + 1)}"
        return f"({text})" if level < outer else text
    match expr.op:
        case "const":
            return _constant(expr.attr)
        case "var" | "size":
            return str(expr.attr)
        case "lane":
            return "lane"
        case "local":
            return str(expr.attr.name) + (f"[{', '.join(map(print_expr, expr.args))}]" if expr.args else "")
        case "load":
            mask = f" if {print_expr(expr.args[1])}" if len(expr.args) > 1 else ""
            return f"{expr.attr.name}[{print_expr(expr.args[0])}{mask}]"
        case "aligned":
            return f"aligned({expr.attr.name})"
        case "cast" | "bitcast":
            return f"{expr.op}<{expr.dtype.name}>({print_expr(expr.args[0])})"
    name = expr.attr if expr.op == "intrinsic" else expr.op
    extra = [str(expr.attr)] if expr.op in ("shifted", "evens", "odds") else []
    return f"{name}({', '.join([*map(print_expr, expr.args), *extra])})"


def _constant(value: Number) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
