"""Kernels as LLVM text, and LLVM text as machine code."""
