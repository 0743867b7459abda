"""The program that runs PyTorch's samples: it passes what is right, finds what is wrong, and writes what it found."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("expecttest")
pytest.importorskip("torch")

import brasa
from benchmarks.conformance import page
from benchmarks.conformance.forms import run_errors, run_forms
from benchmarks.conformance.isolate import isolated
from benchmarks.conformance.judge import Tolerance
from benchmarks.conformance.measuring import decides
from benchmarks.conformance.results import ResultFile
from benchmarks.conformance.values import run_values

pytestmark = pytest.mark.filterwarnings("ignore")


def entry_of(name: str) -> Any:
    from torch.testing._internal.common_methods_invocations import op_db

    return next(entry for entry in op_db if entry.name == name)


def instead(**functions: Any) -> Any:
    """brasa with other functions in it."""
    return SimpleNamespace(**{**vars(brasa), "compile": brasa.compile} | functions)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int64"])
def test_right_values_pass(dtype: str) -> None:
    record = run_values(entry_of("neg"), brasa, dtype, methods=False, most=2)
    assert record["status"] == "pass" and record["notes"] == []
    assert record["samples"] == record["forward"] == record["compiled_forward"] >= 1
    assert record["gradient"] == record["gradients"] == (0 if dtype == "int64" else record["samples"])


@pytest.mark.parametrize(
    ("wrong", "forward", "note"),
    [
        (lambda x: -x * 1.01, False, "values off"),
        (lambda x: (-x).double(), False, "dtype float64 want float32"),
        (lambda x: (-x)[..., None], False, "want"),
        (lambda x: x.missing, False, "AttributeError"),
        (lambda x: -x.detach() + 0 * x, True, "gradient"),
    ],
)
def test_wrong_values_fail(wrong: Any, forward: bool, note: str) -> None:
    record = run_values(entry_of("neg"), instead(neg=wrong), "float32", methods=False, most=1)
    assert record["status"] == "fail" and (record["forward"] == 1) is forward and record["gradient"] == 0
    assert note in record["notes"][0]


def test_gradients_are_measured_where_they_differ() -> None:
    """PyTorch takes a sixth that is rounded to float32; of functions that are wrong themselves nothing is excused."""
    entry = entry_of("nn.functional.hardsigmoid")
    record = run_values(entry, brasa, "float64", methods=False, most=2)
    assert record["status"] == "pass" and 0 < record["differences"] <= record["samples"]

    right = brasa.nn.functional.hardsigmoid
    functional = vars(brasa.nn.functional) | {"hardsigmoid": lambda x: right(x) + 0.1 * (x - x.detach())}
    module = instead(nn=SimpleNamespace(functional=SimpleNamespace(**functional)))
    record = run_values(entry, module, "float64", methods=False, most=2)
    assert record["status"] == "fail" and record["differences"] == 0 and record["forward"] == record["samples"]


def test_gradients_that_are_only_less_wrong_are_not_excused() -> None:
    truth = [np.ones(3)]
    close, off = [np.full(3, 1 + 1e-9)], [np.full(3, 1.02)]
    assert decides(close, [np.full(3, 1.5)], truth, Tolerance(1e-3, 1e-4))
    assert not decides(off, [np.full(3, 1.5)], truth, Tolerance(1e-3, 1e-4))
    assert not decides(close, [np.full(3, 1 + 2e-9)], truth, Tolerance(1e-3, 1e-4))


def test_names_that_lack() -> None:
    module = ModuleType("empty")
    module.compile = brasa.compile
    assert run_values(entry_of("neg"), module, "float32", methods=False, most=1)["status"] == "missing"


def test_forms() -> None:
    assert run_forms(entry_of("abs"), brasa, "float32", "inplace", most=1)["status"] == "pass"
    assert run_forms(entry_of("abs"), brasa, "float32", "out", most=1)["status"] == "pass"
    assert run_errors(entry_of("dot"), brasa, most=1)["status"] == "pass"
    assert run_forms(entry_of("uniform"), brasa, "float32", "inplace", most=1)["status"] == "pass"  # random
    assert run_forms(entry_of("empty"), brasa, "float32", "out", most=1)["status"] == "pass"  # not written
    accepting = run_errors(entry_of("dot"), instead(dot=lambda *_: 0), most=1)
    assert accepting["status"] == "fail" and "accepted" in accepting["notes"][0]


def test_crashes_and_hangs_are_results() -> None:
    assert isolated(lambda: {"status": "pass"}, 10)["status"] == "pass"
    assert isolated(lambda: {"status": 1 / 0}, 10)["status"] == "crash"
    assert isolated(lambda: __import__("time").sleep(10), 0.1)["status"] == "timeout"


def test_page_counts(tmp_path: Path) -> None:
    kept = ResultFile(tmp_path, "values", "float32")
    counts = {"samples": 4, "skipped": 1, "gradients": 2, "forward": 4, "compiled_forward": 4, "compiled_gradient": 2}
    kept.add({"op": "add", "status": "timeout", "notes": ["over 1 s"]})
    kept.add({"op": "add", "status": "pass", "notes": [], **counts, "gradient": 2})
    kept.add({"op": "mul", "status": "fail", "notes": ["gradient #0: off"], **counts, "gradient": 1})
    text = page.text({("values", "float32"): ResultFile(tmp_path, "values", "float32").records})
    assert "| float32 | 677 | 2 | 1 | 2 of 369 | 1 | 2 of 2 | 1 of 2 | 2 of 2 | 2 of 2 | 8 | 2 (20.0 %) | 0 |" in text
    assert "- `mul` (core): fail 1 of 2; gradient #0: off" in text
    records = {"add": {"op": "add", "status": "nosample"}, "mul": {"op": "mul", "status": "missing", "notes": ["mul"]}}
    text = page.text({("out", "float32"): records})
    assert "| With `out=`, float32 | 1 | 0 | 1 | 0 | 0 | 0 (0.0 %) |" in text
    assert "`mul` (core): missing; mul" in text and "`add`" not in text
