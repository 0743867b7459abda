"""The processor that code is made for."""

from __future__ import annotations

from dataclasses import dataclass

from brasa.ir.dtype import DType
from brasa.ir.kernel import LANES


@dataclass(frozen=True)
class Target:
    """A CPU: its LLVM triple and features, the bits of its vector registers, and its caches in bytes.

    adds_products: whether it has an instruction for the products of pairs of bfloat16 (`kernel.add_products`).
    The number of threads is not part of it: no code depends on that.
    """

    triple: str
    cpu: str
    features: str
    vector_bits: int
    vector_registers: int
    l1_bytes: int = 32 << 10
    l2_bytes: int = 1 << 20
    adds_products: bool = False

    @property
    def key(self) -> str:
        """What machine code for this target depends on."""
        return f"{self.triple}/{self.cpu}/{self.features}/{self.vector_bits}/{self.l1_bytes}/{self.l2_bytes}"

    def vectors(self, dtype: DType) -> int:
        """How many vectors of LANES lanes its registers hold."""
        return self.vector_registers // max(1, LANES * dtype.bits // self.vector_bits)
