"""Targets: the processor at hand, or another one by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from brasa.codegen.llvm.compile import assembly
from brasa.ir.target import Target

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_AARCH64 = Target("aarch64-unknown-linux-gnu", "generic", "+neon", 128, 32)

_NEEDED = {"x86-64-v4": "avx512bw avx512dq avx512vl", "x86-64-v3": "avx2 fma", "x86-64-v2": "sse4.2"}


@cache
def host_target(override: str = "") -> Target:
    """The processor at hand; or, at an override, the x86 processor of that LLVM name, or "aarch64"."""
    if override == "aarch64":
        return _AARCH64
    from llvmlite import binding

    triple: str = binding.get_default_triple()
    l1, l2 = _cache_bytes(1, 32 << 10), _cache_bytes(2, 1 << 20)
    if override:
        features, processor = "", override
    else:
        found = binding.get_host_cpu_features()
        features, processor = found.flatten(), _generation(found)
    bits, converts_halves, adds_products = _probe(triple, processor, features)
    if not converts_halves and "-f16c" not in features:
        features = ",".join(filter(None, (features, "-f16c")))
    registers = 32 if bits == 512 or "aarch64" in triple else 16
    return Target(triple, processor, features, bits, registers, l1, l2, adds_products)


def can_run(processor: str) -> bool:
    """Whether the processor at hand runs code for this one, "haswell" or one of those that are plain."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return all(features.get(name) for name in _NEEDED["x86-64-v3" if processor == "haswell" else processor].split())


def _generation(features: dict[str, bool]) -> str:
    """The plain processor whose instruction costs fit: names of real ones are often reported wrongly."""
    for processor, needed in _NEEDED.items():
        if all(features.get(name) for name in needed.split()):
            return processor
    return "x86-64" if "sse2" in features else "generic"


def _probe(triple: str, processor: str, features: str) -> tuple[int, bool, bool]:
    """The bits of the widest vectors, and whether instructions convert halves and add products of pairs of bfloat16.

    That is seen in code made for the processor: those that add such products (AVX512-BF16) convert to bfloat16, too.
    """
    text = """
        define void @f(ptr %p) #0 {
          %x = load <16 x half>, ptr %p
          %y = fpext <16 x half> %x to <16 x float>
          store <16 x float> %y, ptr %p
          %z = fptrunc <16 x float> %y to <16 x bfloat>
          store <16 x bfloat> %z, ptr %p
          ret void
        }
        attributes #0 = { "prefer-vector-width"="512" }"""
    made = assembly(text, Target(triple, processor, features, 512, 32))
    bits = 512 if "%zmm" in made else 256 if "%ymm" in made else 128
    return bits, "__extendhfsf2" not in made, bits == 512 and "vcvtneps2bf16\t%zmm" in made


def _cache_bytes(level: int, default: int) -> int:
    """The size of the data cache of a level."""
    for index in sorted(_CACHES.glob("index*")):
        try:
            found, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if found == str(level) and kind in ("Data", "Unified") and size.endswith("K"):
            return int(size[:-1]) << 10
    return default
