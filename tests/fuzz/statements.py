"""What statements the fuzzer's programs are made of: each grower writes one over the values that there are."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import brasa
from brasa.ir.graph import Kind
from brasa.ir.ops import OPS
from tests.house.source import ROOT

if TYPE_CHECKING:
    from tests.fuzz.growing import Grower

# What has other values in each call, or gives no tensor.
_LEFT_OUT = re.compile(
    r"empty|from_|frombuffer|seed|can_cast|promote_types|is_|numel|equal\(|allclose|result_type|_rank|manual|initial"
    r"|set_|get_|lobpcg|lowrank|resize|lstsq|eig|svd|qr|lu|hessian|ormqr"
)
_MAKERS = {"x": "fit", "spd": "positive", "z": "paired"}
_CAST = (
    "float()",
    "double()",
    "bfloat16()",
    "half()",
    "long()",
    "int()",
    "bool()",
    "to(brasa.uint8)",
    "to(brasa.int16)",
)


@cache
def elementwise(arity: int) -> list[str]:
    """The public functions that are elementwise ops of so many operands."""
    ops = [op for op in OPS.values() if op.kind is Kind.ELEMENTWISE and len(op.operands) == arity]
    return [op.name for op in ops if hasattr(brasa, op.name)]


@cache
def calls() -> list[str]:
    """The calls that show the public functions, but for those that no program can be judged by."""
    lines = (ROOT / "tests" / "samples" / "calls.txt").read_text().splitlines()
    return [line for line in lines if not _LEFT_OUT.search(line.partition("(")[0] + "(")]


def unary(grower: Grower) -> str:
    a = grower.pick()
    return f"{grower.fresh()} = brasa.{grower.random.choice(elementwise(1))}({a})"


def binary(grower: Grower) -> str:
    a = grower.pick()
    b = grower.like(a) if grower.random.random() < 0.8 else grower.random.choice(("2", "0.5", "-1", "3.0", "True", "0"))
    if grower.random.random() < 0.3:
        a, b = b, a
    if grower.random.random() < 0.5:
        sign = grower.random.choice(("+", "-", "*", "/", "<", "<=", "==", "!=", "//", "%", "**", "&", "|", "^"))
        return f"{grower.fresh()} = {a} {sign} {b}"
    return f"{grower.fresh()} = brasa.{grower.random.choice(elementwise(2))}({a}, {b})"


def ternary(grower: Grower) -> str:
    a = grower.pick()
    b, c = grower.like(a), grower.like(a)
    form = grower.random.choice((
        f"brasa.where({a} > {b}, {a}, {c})", f"brasa.addcmul({a}, {b}, {c}, value=0.5)", f"brasa.lerp({a}, {b}, 0.25)",
        f"{a}.clamp(-0.5, 2)", f"brasa.where({b} == 0, {a}, 1)", f"brasa.add({a}, {b}, alpha=2)",
    ))  # fmt: skip
    return f"{grower.fresh()} = {form}"


def public(grower: Grower) -> str:
    """A call of any public function."""
    line = grower.random.choice(calls())
    call = re.sub(r"(?<![\w.])(x|spd|z)\(", lambda found: f"{_MAKERS[found[1]]}({grower.number()}, ", line)
    call = re.sub(r"(?<![\w.])[ib]\((True|False|-?\d+|\[[^()]*?\]+)\)", r"brasa.tensor(\1)", call)
    call = call.replace(", )", ")")
    plain = re.match(r"[\w.]+", call)
    if plain and not plain[0].startswith(("fit", "positive", "paired", "brasa")):
        call = f"brasa.{call}"
    call = re.sub(r"(?<![\w.])(int\d+|float\d+|bool)(?=[,)])", r"brasa.\1", call)
    if not isinstance(_probe(grower, call), brasa.Tensor):
        call = f"{call}[{grower.random.choice((0, 0, 1))}]"
    return f"{grower.fresh()} = {call}"


def _probe(grower: Grower, call: str) -> object:
    """What a call gives, if it can be made at all."""
    try:
        return eval(call, dict(grower.scope))
    except (brasa.BrasaError, ArithmeticError, TypeError, AttributeError, NameError):
        raise LookupError from None


_VIEWS = (
    "{a}[1:]", "{a}[::2]", "{a}[..., 1:]", "{a}[..., ::2]", "{a}[-1]", "{a}[0]", "{a}[..., 0]", "{a}[None]",
    "{a}[..., None]", "{a}.flatten()", "{a}.reshape(-1)", "{a}.unsqueeze({i})", "{a}.squeeze()", "{a}.squeeze({i})",
    "{a}.transpose({i}, {j})", "{a}.mT", "{a}.movedim({i}, {j})", "{a}.contiguous()", "{a}.clone()", "{a}.detach()",
    "{a}.expand(2, *{a}.shape)", "{a}.expand_as({b})", "brasa.broadcast_to({a}, {b}.shape)", "{a}.flip({i})",
    "{a}.roll(1, {i})", "{a}.narrow({i}, 1, {a}.shape[{i}] - 1)", "{a}.diagonal()", "{a}.chunk(2, {i})[0]",
    "{a}.chunk(2, {i})[-1]", "{a}.unbind({i})[0]", "{a}.unfold({i}, 2, 1)", "{a}.select({i}, -1)", "{a}.T",
    "{a}.reshape({a}.shape[0], -1)", "{a}.view({a}.shape)", "{a}.repeat(2, *[1] * ({a}.dim() - 1))", "{a}.tril()",
    "{a}.triu(1)", "{a}.split(2, {i})[0]", "{a}.swapaxes({i}, {j})", "{a}.view(-1)", "{a}[: {a}.shape[0] // 2]",
    "{a}.unflatten({i}, (-1, 1))", "{a}.permute(tuple(range({a}.dim()))[::-1])", "{a}.repeat_interleave(2, {i})",
)  # fmt: skip


def view(grower: Grower) -> str:
    a = grower.pick(lambda value: value.dim() > 0)
    form = grower.random.choice(_VIEWS).format(a=a, b=grower.pick(), i=grower.axis(a), j=grower.axis(a))
    return f"{grower.fresh()} = {form}"


_WRITES = (
    "{a} += {b}", "{a} *= {b}", "{a}.mul_({b})", "{a}.add_({b}, alpha=2)", "{a}.copy_({b})", "{a}.zero_()", "{a} -= 1",
    "{a}.clamp_(-1, 1)", "{a}[0] = {b}", "{a}[0] = 1", "{a}[1:] = {a}[:-1]", "{a}[..., 0] = 2", "{a}[::2] += 1",
    "{a}[..., 1:] *= 2", "{a}[{a} > 0] = 0", "{a}.masked_fill_({b} > 0, 1)", "{a}.fill_(3)",
    "{a}.transpose({i}, {j}).mul_(2)",
    "{a}.view(-1)[:1].add_(1)", "{a}.diagonal().add_(1)", "{a}[-1:].copy_({a}[:1])", "{a}.exp_()", "{a}.tanh_()",
    "{a}.flatten()[0] = 1", "{a}[{a}.shape[0] // 2 :] = 0", "{a}.select({i}, 0).sub_(1)",
    "{a}.index_fill_({i}, brasa.tensor([0]), 1)",
    "{a}.scatter_add_({i}, brasa.zeros_like({a}, dtype=brasa.int64), {a})",
    "{a}.index_add_({i}, brasa.tensor([0]), {a}.narrow({i}, 0, 1))",
    "{a}.cumsum_({i})", "{a}.neg_()", "{a}.where_({b} > 0)", "brasa.add({a}, 1, out={a})",
    "{a}.addcmul_({b}, {b}, value=0.5)",
)  # fmt: skip


def write(grower: Grower) -> str:
    a = grower.pick(lambda value: value.dim() > 0)
    return grower.random.choice(_WRITES).format(a=a, b=grower.like(a), i=grower.axis(a), j=grower.axis(a))


_REDUCTIONS = (
    "{a}.sum()", "{a}.sum({i})", "{a}.sum({i}, keepdim=True)", "{a}.mean({i})", "{a}.mean()", "{a}.amax({i})",
    "{a}.amin({i}, True)",
    "{a}.max({i})[0]", "{a}.max({i})[1]", "{a}.argmax({i})", "{a}.argmin()", "{a}.prod({i})", "{a}.var({i})",
    "{a}.std({i}, unbiased=False)", "{a}.logsumexp({i})", "{a}.norm()", "{a}.norm(dim={i})", "{a}.any({i})",
    "{a}.all()",
    "{a}.cumsum({i})", "{a}.cumprod({i})", "{a}.cummax({i})[0]", "{a}.softmax({i})", "{a}.log_softmax({i})",
    "{a}.sort({i})[0]",
    "{a}.argsort({i})", "{a}.topk(1, {i})[0]", "{a}.count_nonzero({i})", "{a}.median({i})[0]",
    "{a} - {a}.mean({i}, keepdim=True)",
    "{a} / {a}.sum({i}, keepdim=True)", "nn.functional.layer_norm({a}, {a}.shape[-1:])",
    "nn.functional.normalize({a}, dim={i})",
    "{a}.sum(tuple(range({a}.dim())))", "{a}.logcumsumexp({i})", "{a}.quantile(0.3, {i})", "{a}.nansum({i})",
)  # fmt: skip


def reduction(grower: Grower) -> str:
    a = grower.pick(lambda value: value.dim() > 0)
    return f"{grower.fresh()} = {grower.random.choice(_REDUCTIONS).format(a=a, i=grower.axis(a))}"


_PRODUCTS = (
    "{a} @ {b}", "{a} @ {b}.mT", "{a}.mT @ {b}", "{a}.mT @ {b}.mT", "{a} @ {a}.mT", "{a}.mT @ {a}",
    "nn.functional.linear({a}, {b})",
    "nn.functional.linear({a}, fit({b}, 4, {a}.shape[-1]), fit({b}, 4))", "{a} @ fit({b}, {a}.shape[-1], 3)",
    "fit({b}, 5, {a}.shape[-2]) @ {a}", "brasa.einsum('...i,...j->...ij', {a}, {a})",
    "brasa.einsum('ij,kj->ik', {a}, {b})",
    "brasa.outer({a}.flatten(), {b}.flatten())", "brasa.dot({a}.flatten(), {a}.flatten())",
    "brasa.mv({a}, fit({b}, {a}.shape[-1]))",
    "brasa.addmm(fit({b}, {a}.shape[0]), {a}.mT, {a}, beta=0.5)", "brasa.bmm(fit({a}, 2, 3, 4), fit({b}, 2, 4, 3))",
    "brasa.tensordot({a}, {b}, 1)", "{a}.T @ {b}.T", "brasa.kron({a}, fit({b}, 2, 2))",
)  # fmt: skip


def product(grower: Grower) -> str:
    a = grower.number(2)
    dtype = grower.values[a].dtype
    b = grower.pick(lambda value: value.dtype is dtype and value.dim() > 0)
    return f"{grower.fresh()} = {grower.random.choice(_PRODUCTS).format(a=a, b=b)}"


_WINDOWS = (
    "nn.functional.conv2d({x}, fit({a}, 4, 3, 3, 3), fit({b}, 4), padding=1)",
    "nn.functional.conv2d({x}, fit({a}, 2, 3, 2, 2), stride=2)",
    "nn.functional.conv2d({x}, fit({a}, 3, 1, 3, 3), groups=3, dilation=2)",
    "nn.functional.conv1d({x}[0], fit({a}, 2, 3, 2))",
    "nn.functional.max_pool2d({x}, 2)", "nn.functional.avg_pool2d({x}, 3, 1, 1)",
    "nn.functional.adaptive_avg_pool2d({x}, 2)",
    "nn.functional.pad({x}, (1, 0, 2, 1))", "nn.functional.pad({x}, (1, 1), mode='reflect')",
    "nn.functional.interpolate({x}, scale_factor=2)",
    "nn.functional.conv_transpose2d({x}, fit({a}, 3, 2, 2, 2), stride=2)",
    "nn.functional.batch_norm({x}, None, None, training=True)",
    "nn.functional.group_norm({x}, 3)", "nn.functional.interpolate({x}, size=(4, 5), mode='bilinear')",
    "nn.functional.instance_norm({x})", "nn.functional.unfold({x}, 2)", "nn.functional.max_pool2d({x}, 3, 2, 1)",
)  # fmt: skip


def window(grower: Grower) -> str:
    a = grower.number()
    try:
        x = grower.pick(
            lambda value: value.dim() == 4 and value.shape[1] == 3 and value.dtype is grower.values[a].dtype
        )
    except LookupError:
        x = f"fit({a}, 2, 3, 6, 6)"
    return f"{grower.fresh()} = {grower.random.choice(_WINDOWS).format(x=x, a=a, b=a)}"


_INDEXING = (
    "{a}[{k} % {a}.shape[0]]", "{a}.index_select({i}, {k}.flatten() % {a}.shape[{i}])",
    "{a}.gather({i}, brasa.zeros_like({a}, dtype=brasa.int64))",
    "{a}.gather({i}, {a}.argsort({i}))", "{a}[brasa.arange({a}.shape[0]).flip(0)]",
    "{a}.take_along_dim({a}.argsort({i}), {i})",
    "{a}[{a} > 0]", "{a}.masked_select({a} > 0.1)", "brasa.nonzero({a})", "nn.functional.one_hot({k} % 4, 4)",
    "{a}.take({k} % {a}.numel())",
    "nn.functional.embedding({k} % {a}.shape[0], {a})", "brasa.cat([{a}, {a}], {i})", "brasa.stack([{a}, {b}], {i})",
    "brasa.cat([{a}, {b}], {i})",
    "{a}.scatter({i}, brasa.zeros_like({a}, dtype=brasa.int64), {a}, reduce='add')",
    "brasa.searchsorted({a}.sort()[0], {a})",
    "{a}.index_add(0, {k}.flatten()[:1] % {a}.shape[0], {a}[:1])", "brasa.unique({a})", "brasa.bincount({k}.flatten())",
    "{a}[..., {k} % {a}.shape[-1]]", "{a}.index_put(({k} % {a}.shape[0],), {a}[0], accumulate=True)",
)  # fmt: skip


def indexing(grower: Grower) -> str:
    a = grower.pick(lambda value: value.dim() > 0)
    try:
        k = grower.pick(lambda value: value.dtype is brasa.int64 and value.dim() < 3)
    except LookupError:
        k = f"{a}.argsort(0).abs()"
    form = grower.random.choice(_INDEXING).format(a=a, b=grower.pick(), k=k, i=grower.axis(a))
    return f"{grower.fresh()} = {form}"


_STEPS = (
    "{x}.tanh()",
    "{x} * 0.5 + {c}",
    "{x} + 1",
    "({x} * {c}).sigmoid()",
    "{x} - {x}.mean()",
    "brasa.where({x} > 0, {x}, -{x})",
    "{x}.cos() * 2",
)


def nested(grower: Grower) -> str:
    """A loop or branch that is one node of the program."""
    a = grower.number(1)
    c = grower.like(a)
    step = [grower.random.choice(_STEPS) for _ in range(3)]
    v = grower.fresh()
    one, two, three = (text.format(x="h", c="0.3") for text in step)
    form = grower.random.choice((
        f"brasa.scan(lambda h, x: ({one} + x, {two}), {a}[0] * 0, {a})[{grower.random.randrange(2)}]",
        f"brasa.scan(lambda h, x: ({one} * x, x.sin()), {a}[0].clone(), {a}, reverse=True)[0]",
        f"brasa.map(lambda h: {one}, {a})", f"brasa.cond({a}.sum() > 0, lambda h: {one}, lambda h: {two}, ({a},))",
        f"brasa.while_loop(lambda h, k: k < 3, lambda h, k: ({one}, k + 1), ({a}, brasa.tensor(0)))[0]",
        f"brasa.while_loop(lambda h, k: (h.abs().sum() < 9) & (k < 4), lambda h, k: ({two} + 1, k + 1), "
        f"({a}, brasa.tensor(0)), max_steps=4)[0]",
        f"brasa.map(lambda h: brasa.cond(h.sum() > 0, lambda: {one}, lambda: {two}), {a})",
        f"brasa.scan(lambda h, x: (h + {c}.sum(), {three.replace('h', 'x')}), {a}.sum(), {a})[1]",
    ))  # fmt: skip
    return f"{v} = {form}"


def python(grower: Grower) -> str:
    """Python that looks at values, or loops."""
    a, b = grower.number(), grower.number()
    v, k = grower.fresh(), grower.fresh()
    step, other = (grower.random.choice(_STEPS) for _ in range(2))
    one, two = (each.format(x=a, c="0.3") for each in (step, other))
    again = step.format(x=v, c="0.3")
    return grower.random.choice((
        f"if {b}.sum() > 0:\n    {v} = {one}\nelse:\n    {v} = {two}",
        f"{v} = {a} * float({b}.mean())", f"{v} = {a} + int({b}.numel())",
        f"{v} = {one} if bool(({b} > 0).any()) else {two}",
        f"{v} = {a}\nfor {k} in range(3):\n    {v} = {again}",
        f"{v}, {k} = {one}, 0\nwhile {v}.abs().max() < 5 and {k} < 4:\n    {v}, {k} = {again} + 1, {k} + 1",
        f"{v} = {one} if {a}.shape[-1:] > (3,) else {two}", f"{v} = {a} * {b}.shape[0]",
        f"{v} = {one}\nif {v}.isnan().any():\n    {v} = {v}.nan_to_num()", f"with brasa.no_grad():\n    {v} = {one}",
        f"{v} = sum({a}.unbind(0)) if {a}.dim() else {two}", f"{v} = {a} * round({b}.sum().item(), 2)",
    ))  # fmt: skip


def drawn(grower: Grower) -> str:
    a = grower.number()
    v = grower.fresh()
    return f"{v} = " + grower.random.choice((
        f"brasa.rand_like({a})", f"brasa.randn_like({a})", f"nn.functional.dropout({a}, 0.5)",
        f"brasa.bernoulli({a}.sigmoid())",
        f"{a} + 0.1 * brasa.randn({a}.shape)", "brasa.randint(0, 5, (3,))", f"brasa.randperm({a}.numel())",
        f"brasa.normal({a}, 1.0)",
        f"brasa.poisson({a}.abs())", f"brasa.multinomial(fit({a}, 5).sigmoid(), 2)", f"{a}.detach().clone().uniform_()",
    ))  # fmt: skip


def cast(grower: Grower) -> str:
    return f"{grower.fresh()} = {grower.pick()}.{grower.random.choice(_CAST)}"


def gradient(grower: Grower) -> str:
    """Gradients of some values by the inputs, and by what was computed on the way."""
    wanted = [name for name, value in grower.values.items() if value.requires_grad]
    by = grower.random.sample(wanted, min(len(wanted), grower.random.randint(1, 2)))
    values = ", ".join(
        grower.random.sample(wanted[1:] or wanted, min(len(wanted[1:]) or 1, grower.random.randint(1, 3)))
    )
    v = [grower.fresh() for _ in by]
    if not by:
        raise LookupError
    left, by_these = ", ".join(v), ", ".join(by)
    match grower.random.randrange(3):
        case 0:
            return f"total({values}).backward()\n{v[0]} = {by[0]}.grad"
        case 1:
            return f"{left}, = brasa.autograd.grad(total({values}), ({by_these},), allow_unused=True)"
        case _:
            options = "create_graph=True, allow_unused=True"
            return f"{left}, = brasa.autograd.grad(total({values}), ({by_these},), {options})"


GROWERS: dict[Callable[[Grower], str], int] = {
    unary: 14, binary: 14, ternary: 4, view: 16, write: 10, reduction: 10, product: 7, window: 3, indexing: 6,
    nested: 3, python: 4, drawn: 3, cast: 3, public: 8,
}  # fmt: skip
GRADIENTS: dict[Callable[[Grower], str], int] = {gradient: 1}
