"""The machine that figures are of: what it is, and how fast it copies and multiplies at most."""

from __future__ import annotations

import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from llvmlite import binding

_CHAINS, _COUNT = 12, 10_000_000
_COPIED = 128 << 20  # bytes for each thread: far more than any cache holds


@dataclass(frozen=True)
class Limits:
    """Bytes per second that copying reads and writes, float32 operations per second in registers."""

    bandwidth: float
    flops: float


def describe() -> str:
    """The processor, and the versions of what was measured."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    vectors = "AVX-512" if " avx512f " in text else "AVX2" if " avx2 " in text else "no AVX2"
    versions = [f"{name} {_version(name)}" for name in ("brasa", "torch", "jax", "numpy", "llvmlite")]
    return f"{os.cpu_count()} cores of {model} ({vectors}); Python {platform.python_version()}, {', '.join(versions)}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def limits(threads: int) -> Limits:
    """Measured: copying large arrays past the caches, and chains of fused multiply-adds.

    Of several tries the median of copying, as of rows: what memory gives depends on who else uses it. Of multiply-adds
    the best.
    """
    copy, nbytes = copying(threads)
    multiply = ctypes.CFUNCTYPE(None, ctypes.c_int64)(_compiled()[0].get_function_address("multiply"))
    multiplying = together([partial(multiply, _COUNT)] * threads)
    operations = 2 * _compiled()[1] * _CHAINS * _COUNT * threads
    return Limits(nbytes / statistics.median(_seconds(copy)), operations / min(_seconds(multiplying)))


def copying(threads: int) -> tuple[Callable[[], object], int]:
    """What copies large arrays past the caches, and how many bytes it reads and writes."""
    arrays = [(np.ones(_COPIED // 4, np.float32), np.ones(_COPIED // 4, np.float32)) for _ in range(threads)]
    engine, lanes = _compiled()
    copy = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(engine.get_function_address("copy"))
    vectors = _COPIED // (4 * lanes) - 16

    def one(target: np.ndarray, source: np.ndarray) -> None:
        copy(-(-target.ctypes.data // 64) * 64, -(-source.ctypes.data // 64) * 64, vectors)

    return together([partial(one, *pair) for pair in arrays]), 8 * lanes * vectors * threads


def together(jobs: list[Callable[[], object]]) -> Callable[[], object]:
    """What runs jobs at the same time: foreign code, which holds no lock of Python's."""
    pool = ThreadPoolExecutor(len(jobs))
    return lambda: list(pool.map(lambda job: job(), jobs))


def _seconds(run: Callable[[], object]) -> list[float]:
    """How long it takes, several tries."""
    found = []
    for _ in range(9):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return found


@cache
def _compiled() -> tuple[binding.ExecutionEngine, int]:
    """Machine code of two loops, over independent multiply-adds and over copied vectors; and the lanes of a vector."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features()
    lanes = 16 if features.get("avx512f") else 8
    vector, chains = f"<{lanes} x float>", range(_CHAINS)
    starts = "".join(f"  %a{i} = phi {vector} [ zeroinitializer, %entry ], [ %b{i}, %loop ]\n" for i in chains)
    steps = "".join(
        f"  %b{i} = call {vector} @llvm.fma.v{lanes}f32({vector} %a{i}, {vector} %x, {vector} %a{i})\n" for i in chains
    )
    ends = "".join(f"  store volatile {vector} %b{i}, ptr %place\n" for i in chains)
    text = f"""
declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})
define void @multiply(i64 %count) #0 {{
entry:
  %place = alloca {vector}
  %x = load volatile {vector}, ptr %place
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{starts}{steps}  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %loop, label %done
done:
{ends}  ret void
}}
define void @copy(ptr %to, ptr %from, i64 %count) #0 {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %source = getelementptr {vector}, ptr %from, i64 %i
  %target = getelementptr {vector}, ptr %to, i64 %i
  %x = load {vector}, ptr %source
  store {vector} %x, ptr %target, !nontemporal !0
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}
attributes #0 = {{ nounwind "prefer-vector-width"="512" }}
!0 = !{{i32 1}}
"""
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features.flatten(), opt=3
    )
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), machine)
    engine.finalize_object()
    return engine, lanes
