"""`BRASA_CPU` names another processor: its code gives the same bits, and one that this cannot run is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from brasa.codegen import llvm as codegen
from brasa.execution import runner
from brasa.runtime.settings import read_settings

CORPUS = """
import hashlib, json, brasa
from brasa.nn import functional as F

results = {}


def note(name, *tensors):
    data = b"".join(tensor.detach().nan_to_num(0.5).numpy().tobytes() for tensor in tensors)
    results[name] = hashlib.sha256(data).hexdigest()


brasa.manual_seed(1)
for dtype in (brasa.float32, brasa.float64):
    kind = str(dtype)
    x, w = (brasa.randn(*shape, dtype=dtype, requires_grad=True) for shape in ((65, 300), (70, 300)))
    step = brasa.compile(lambda: F.layer_norm(F.gelu(F.linear(x, w)), (70,)).softmax(-1).square().sum())
    loss = step()
    loss.backward()
    note(f"{kind} layer", loss, x.grad, w.grad, x @ w.mT, x.logsumexp(0), x.var(1), x.cumsum(1), x.prod(0))
    images, filters = (brasa.randn(*s, dtype=dtype, requires_grad=True) for s in ((3, 8, 20, 20), (16, 8, 3, 3)))
    made = F.group_norm(F.conv2d(images, filters, stride=2, padding=1), 4)
    made.square().sum().backward()
    note(f"{kind} convolution", made, images.grad, filters.grad, F.max_pool2d(images, 2))
    query = brasa.randn(2, 3, 130, 16, dtype=dtype, requires_grad=True)
    attended = F.scaled_dot_product_attention(query, query, query, is_causal=True)
    attended.sum().backward()
    note(f"{kind} attention", attended, query.grad)
    wide = brasa.randn(2000, dtype=dtype) * 10 ** brasa.linspace(-6, 3, 2000, dtype=dtype)
    functions = (brasa.exp, brasa.log1p, brasa.tanh, brasa.erf, brasa.sin, brasa.atan, brasa.lgamma, F.silu, F.softplus)
    note(f"{kind} functions", *(function(wide) for function in functions), wide.abs() ** wide.flip(0).clamp(-3, 3))
print(json.dumps(results))
"""


def run(cpu: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BRASA_CPU": cpu}
    return subprocess.run([sys.executable, "-c", CORPUS], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.skipif(not codegen.can_run("haswell"), reason="this processor has no AVX2")
def test_avx2_gives_the_same_bits() -> None:
    mine, others = (json.loads(run(cpu).stdout) for cpu in ("native", "haswell"))
    assert len(mine) == 8
    assert mine == others


def test_a_processor_that_cannot_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codegen, "can_run", lambda processor: False)
    monkeypatch.setattr(runner.runtime, "settings", lambda: read_settings({"BRASA_CPU": "haswell"}))
    with pytest.raises(ValueError, match="BRASA_CPU: code for haswell does not run on this processor"):
        runner.target.__wrapped__()
