"""NVIDIA's own compilers, which need no GPU: NVRTC where its wheel and cupy are installed, else nvcc."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

_ARCHITECTURE = "sm_80"


def compile_for_gpu(text: str) -> None:
    """Fail with the compiler's message if the text is not CUDA C++; skip where there is no compiler."""
    if find_spec("cupy") and find_spec("nvidia"):
        _compile_by_nvrtc(text)
    elif shutil.which("nvcc"):
        command = ["nvcc", f"-arch={_ARCHITECTURE}", "-std=c++17", "-ptx", "-x", "cu", "-", "-o", "-"]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    else:
        pytest.skip("needs NVRTC or nvcc")


def _compile_by_nvrtc(text: str) -> None:
    import nvidia
    from cupy.cuda import nvrtc

    headers = [path.parent for folder in nvidia.__path__ for path in Path(folder).rglob("cuda_fp16.h")]
    program = nvrtc.createProgram(text, "kernels.cu", (), ())
    try:
        options = (
            f"--gpu-architecture={_ARCHITECTURE}",
            "--std=c++17",
            *(f"--include-path={each}" for each in headers),
        )
        nvrtc.compileProgram(program, options)
        assert nvrtc.getCUBIN(program)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    finally:
        nvrtc.destroyProgram(program)
