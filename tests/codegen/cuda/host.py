"""CUDA modules on the CPU: what cupy does on a GPU, by NumPy, g++ and host.h."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from brasa.ir.grid import evaluate_extent, function_name, kernel_grid
from brasa.ir.kernel import Kernel

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="CUDA on the CPU needs g++")
_HEADER = Path(__file__).with_name("host.h")
_FLAGS = ("-std=c++17", "-O1", "-shared", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-w")
_KERNEL = re.compile(r"__launch_bounds__\(\d+\) (\w+)\(")


class HostModule:
    """A compiled CUDA source. reverse: whether blocks and threads take their turns in descending order."""

    reverse = False

    def __init__(self, code: str, options: tuple[str, ...] = ()) -> None:
        body = re.sub(r"#include <cuda_\w+\.h>\n", "", code)
        exports = "".join(f"HOST_KERNEL({name})\n" for name in _KERNEL.findall(code))
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder, "kernels.so")
            command = ["g++", *_FLAGS, "-x", "c++", "-", "-o", library]
            subprocess.run(command, input=f'#include "{_HEADER}"\n{body}{exports}', text=True, check=True)
            self.library = ctypes.CDLL(str(library))

    def get_function(self, name: str) -> HostFunction:
        return HostFunction(self, name)


class HostFunction:
    """A kernel, called as cupy calls it: (grid, block, arguments)."""

    def __init__(self, module: HostModule, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: Sequence[Any]) -> None:
        words = np.array([each.ctypes.data if isinstance(each, np.ndarray) else int(each) for each in args], np.int64)
        pointers = words.ctypes.data + 8 * np.arange(len(args))
        launch = self.module.library[f"launch_{self.name}"]
        line = launch(ctypes.c_void_p(pointers.ctypes.data), ctypes.c_int64(*grid), *block, self.module.reverse)
        assert line == 0, f"{self.name}: not all threads reach the barrier at line {line}"


def cupy_on_host() -> SimpleNamespace:
    """What brasa.runtime.cuda takes from cupy."""
    functions = {name: getattr(np, name) for name in ("asarray", "empty", "full", "int64")}
    return SimpleNamespace(RawModule=HostModule, **functions)


def run_kernel(module: HostModule, kernel: Kernel, buffers: Sequence[np.ndarray], sizes: Sequence[int]) -> None:
    """Launch one kernel on these buffers, in the grid that it asks for."""
    grid = kernel_grid(kernel)
    named = {size.attr: value for size, value in zip(kernel.sizes, sizes, strict=True)}
    function = module.get_function(function_name(kernel))
    function((evaluate_extent(grid.blocks, named),), (grid.threads,), (*buffers, *map(np.int64, sizes)))


def same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    """Assert that two arrays are equal bit for bit, except that any NaN equals any other."""
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    differ = actual.view(f"u{actual.itemsize}") != expected.view(f"u{actual.itemsize}")
    differ &= ~(np.isnan(actual) & np.isnan(expected))
    assert not differ.any(), f"{differ.sum()} of {differ.size} differ: {actual[differ][:4]}, not {expected[differ][:4]}"
