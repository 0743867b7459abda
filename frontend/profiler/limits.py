"""What the machine can do at most: how fast it copies memory, and how many multiplications and additions it makes.

Measured when they are asked for the first time, for half a second, and kept with the compiled programs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter

from brasa import runtime
from brasa.execution.runner import target
from brasa.ir.dtype import float32
from brasa.ir.kernel import LANES, const, fma, lane, spread
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.program import Input, Launch, Place, Program, Signature
from brasa.ir.types import TensorType

_SUMS, _ROUNDS = 12, 1000  # chains that do not wait for each other, and how long they are
_SIZES = tuple(1 << power for power in range(14, 28, 2))  # bytes that are copied
_CHUNK = 1 << 14  # numbers that one thread copies at a time
_BURST = 2e-4  # seconds that one measurement takes at least: so short that most are not interrupted
_TRIES, _SPENT = 6, 0.05  # measurements of one rate at least, and seconds


@dataclass(frozen=True)
class Limits:
    """The machine's limits with the threads that brasa uses.

    copying: (bytes read and written, bytes per second) for ever more memory: caches are faster. flops: additions and
    multiplications of float32 per second, those of fused ones counted as two.
    """

    threads: int
    copying: tuple[tuple[int, float], ...]
    flops: float

    def seconds(self, flops: float, nbytes: float, dtype: str = "f32") -> float:
        """The least time in which so much can be done: in which the slower of both is."""
        rate = next((rate for most, rate in self.copying if nbytes <= most), self.copying[-1][1])
        return max(nbytes / rate, flops / (self.flops / 2 if dtype in ("f64", "c128") else self.flops))


def machine_limits() -> Limits:
    """The machine's limits for the present number of threads, measured if they are not known."""
    return _limits(runtime.get_num_threads())


@cache
def _limits(threads: int) -> Limits:
    key = runtime.cache_key(f"limits of {threads} threads", target().key)
    entry = runtime.disk_cache().read(key)
    if entry is not None:
        return entry.notes  # type: ignore[no-any-return]
    rates = [2 * n * _per_second(_copy(n)) for n in _SIZES]  # less memory is never slower
    best = [max(rates[i:]) for i in range(len(rates))]
    found = Limits(threads, tuple(zip([2 * n for n in _SIZES], best, strict=True)), _flops(threads))
    runtime.disk_cache().write(key, found, ())
    return found


def _per_second(call: Callable[[], object]) -> float:
    """How often it runs in a second, at best."""
    call()
    start = perf_counter()
    call()
    count = max(1, int(_BURST / max(perf_counter() - start, 1e-7)))
    begin, times = perf_counter(), []
    while len(times) < _TRIES or perf_counter() < begin + _SPENT:
        start = perf_counter()
        for _ in range(count):
            call()
        times.append((perf_counter() - start) / count)
    return 1 / min(times)


def _copy(nbytes: int) -> Callable[[], object]:
    """Copies so many bytes: on all threads where that pays, as programs do."""
    builder = KernelBuilder("copy")
    source, result = builder.buffer("x", float32, "in"), builder.buffer("y", float32, "out")
    count = nbytes // 4
    chunk = min(count, _CHUNK)
    chunks = builder.loop("chunk", count // chunk, "parallel", cost=chunk // LANES)
    with chunks as number, builder.loop("i", chunk, "vector") as i:
        builder.store(result, number * chunk + i, source.load(number * chunk + i))
    return _calls(builder, count)


def _flops(threads: int) -> float:
    """Chains of fused multiplications and additions in registers, the same on each thread."""
    pieces = 8 * threads
    builder = KernelBuilder("peak")
    source, result = builder.buffer("x", float32, "in"), builder.buffer("y", float32, "out")
    with builder.loop("piece", pieces, "parallel", cost=_SUMS * _ROUNDS) as piece:
        factor = spread(builder.let("factor", source.load(0)))
        sums = builder.local("sum", float32, spread(const(1.0, float32)), lanes=LANES, shape=(_SUMS,))
        with builder.loop("round", _ROUNDS):
            for n in range(_SUMS):
                builder.assign(sums, fma(sums[n], factor, sums[n]), (n,))
        for n in range(1, _SUMS):
            builder.assign(sums, sums[0] + sums[n], (0,))
        builder.store(result, piece * LANES + lane(), sums[0])
    return 2 * pieces * _SUMS * LANES * _ROUNDS * _per_second(_calls(builder, pieces * LANES))


def _calls(builder: KernelBuilder, count: int) -> Callable[[], object]:
    """The call of a program that is this one kernel, which reads and writes so many numbers."""
    from brasa.codegen.llvm import compile_text, emit_program

    type = TensorType((count,), float32)
    signature = Signature(builder.name, (Input("x", type),), (type,))
    program = Program(signature, (Launch(builder.finish(), (Place("input", 0), Place("output", 0)), ()),))
    code = runtime.load(signature, [compile_text(emit_program(program, target()), target(), 3)])
    call = code.prepare(((count,),)).call
    x, y = (runtime.allocate(4 * count) for _ in range(2))
    for each in (x, y):
        ctypes.memset(each.ptr, 0, 4 * count)
    return lambda kept=(x, y): call(x.ptr, y.ptr)
