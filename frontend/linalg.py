"""Linear algebra: `brasa.linalg`."""

from brasa.functions.matrix import matmul, multi_dot

__all__ = ["matmul", "multi_dot"]
