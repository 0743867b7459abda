"""Kernels to CUDA C++."""

from brasa.codegen.cuda.emit import emit_cuda as emit_cuda
