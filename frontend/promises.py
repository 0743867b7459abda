"""What PyTorch lets a program ask for, and brasa always does: the same bits each time, products in full precision."""

from __future__ import annotations

from brasa.ir.errors import ValueError

__all__ = [
    "are_deterministic_algorithms_enabled", "get_float32_matmul_precision", "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]  # fmt: skip


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """PyTorch's switch. There is nothing to switch: a program gives the same bits each time it runs."""


def are_deterministic_algorithms_enabled() -> bool:
    """Whether a program gives the same bits each time it runs: always."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """PyTorch's permission to multiply matrices less precisely ("high", "medium"), which is not made use of."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"precision must be 'highest', 'high' or 'medium', not {precision!r}",
                         op="set_float32_matmul_precision")  # fmt: skip


def get_float32_matmul_precision() -> str:
    """How precisely matrices of float32 are multiplied: "highest", in float32."""
    return "highest"
