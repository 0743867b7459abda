"""Rows of fresh processes: imports, first calls, whole programs, peak memory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.row import Fresh
from benchmarks.rows.models import MODELS

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

RESIDENT = """
import {module}
from benchmarks.measure import memory
print(memory("VmRSS"))
"""

FIRST_OPERATOR = """
import time
import {module} as module
x = module.tensor([1.0, 2.0])
y = x * 2.0
start = time.perf_counter()
y.tanh()
print(time.perf_counter() - start)
"""

SETUP = """
import time
import {module} as module
from benchmarks.rows.models import named
program = named({name!r}, training=True)(module)
step = {call}
"""

FIRST_STEP = (
    SETUP
    + """
start = time.perf_counter()
step(*program.arguments).item()
print(time.perf_counter() - start)
"""
)

FIRST_STEP_IN_JAX = """
import time
import brasa
from benchmarks import in_jax
from benchmarks.rows.models import named
program = named({name!r}, training=True)(brasa)
step = in_jax.training(in_jax.load(), program)
start = time.perf_counter()
step().block_until_ready()
print(time.perf_counter() - start)
"""

PEAK = (
    SETUP
    + """
from pathlib import Path
from benchmarks.measure import memory
Path("/proc/self/clear_refs").write_text("5")  # the peak is what is resident now
before = memory("VmHWM")
for _ in range(3):
    step(*program.arguments).item()
print(memory("VmHWM") - before)
"""
)

# Whole programs, as a user writes them: what is printed is when they end, the seconds are those of the process.
WHOLE = (
    SETUP
    + """
print(step(*program.arguments).item())
"""
)

WHOLE_IN_JAX = """
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_default_matmul_precision", "highest")
widths = (784, 512, 512, 10)
random = np.random.default_rng(0)
sizes = zip(widths, widths[1:])
weights = [(random.standard_normal(size, np.float32) / 28, np.zeros(size[1], np.float32)) for size in sizes]

def loss(weights, x, y):
    for i, (w, b) in enumerate(weights):
        x = x @ w + b
        x = jax.nn.relu(x) if i < 2 else x
    return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()

@jax.jit
def step(weights, momenta, x, y):
    value, gradients = jax.value_and_grad(loss)(weights, x, y)
    momenta = jax.tree.map(lambda m, g: 0.9 * m + g, momenta, gradients)
    return jax.tree.map(lambda w, m: w - 1e-4 * m, weights, momenta), momenta, value

x, y = random.standard_normal((64, 784), np.float32), random.integers(0, 10, 64)
print(step(weights, jax.tree.map(np.zeros_like, weights), x, y)[2])
"""

EAGER, COMPILED = "program.function", "module.compile(program.function)"
MLP, CNN, RESNET = "MLP 784-512-512-10, batch 64", "CIFAR CNN, batch 64", "ResNet-18, 8x3x64x64"


def rows() -> Iterator[Fresh]:
    """From the import to the last training step."""
    modules = ("brasa", "torch", "jax")
    yield Fresh("processes", "import", {module: IMPORT.format(module=module) for module in modules})
    yield Fresh(
        "processes", "memory after import", {module: RESIDENT.format(module=module) for module in modules}, "MB"
    )
    first = {module: FIRST_OPERATOR.format(module=module) for module in ("brasa",)}
    yield Fresh("processes", "first call of an operator, cold", first, warm=False)
    for warm in (False, True):
        state = "cached" if warm else "cold"
        for name in (MLP, CNN, RESNET):
            programs = {
                "brasa": FIRST_STEP.format(module="brasa", name=name, call=COMPILED),
                "torch.compile": FIRST_STEP.format(module="torch", name=name, call=COMPILED),
                "jax": FIRST_STEP_IN_JAX.format(name=name),
            }
            yield Fresh("processes", f"first compiled step, {state}: {name}", programs, warm=warm)
        programs = {
            "brasa": WHOLE.format(module="brasa", name=MLP, call=COMPILED),
            "torch": WHOLE.format(module="torch", name=MLP, call=EAGER),
            "torch.compile": WHOLE.format(module="torch", name=MLP, call=COMPILED),
            "jax": WHOLE_IN_JAX,
        }
        yield Fresh("processes", f"whole process, {state}: {MLP}", programs, warm=warm, whole=True)
    for name, *_ in MODELS:
        programs = {
            "brasa": PEAK.format(module="brasa", name=name, call=COMPILED),
            "torch": PEAK.format(module="torch", name=name, call=EAGER),
        }
        yield Fresh("peak memory", name, programs, "MB")
