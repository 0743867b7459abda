"""docs/conformance.md, written from results."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.conformance.callables import entries_of, full_name
from benchmarks.conformance.judge import TOLERANCES
from benchmarks.conformance.results import ResultFile, core, is_core

PATH = Path(__file__).parents[2] / "docs" / "conformance.md"
_TESTED = {
    "values": (
        ("forward", "samples"), ("gradient", "gradients"),
        ("compiled_forward", "samples"), ("compiled_gradient", "gradients"),
    ),
    "inplace": (("forward", "samples"),),
    "out": (("forward", "samples"),),
    "errors": (("forward", "samples"),),
}  # fmt: skip
_WITHOUT_FORM = ("nosample", "unmapped")
_TITLES = {"inplace": "In place", "out": "With `out=`", "errors": "Errors"}
_HEADER = """\
# Conformance

PyTorch tests itself with a database of its operators (`op_db`), each entry with a function that makes samples of its
inputs. `make conformance` runs these samples through brasa and compares with what PyTorch gives; this page is written
by `python -m benchmarks.conformance --page` from the results. {date}: {versions}.

- An entry passes when every sample of it does, in every column: the results, the gradients of a weighted sum of them,
  and both again from `brasa.compile(function, fullgraph=True)`. Entries whose shapes depend on values may split.
- An entry that has not run, where "run" is below "entries", is not known to pass: a run goes on where it was
  interrupted.
- An entry with no sample that ran counts as failed, and so does one that PyTorch has no public name for ("unmapped").
- A value may be off by absolute + relative × |PyTorch's|: {tolerances}. Shapes, dtypes, integers and truth values are
  exact. Where a sample of a narrow dtype differs, PyTorch's answer to the same numbers in float64, which is nearer to
  the truth, counts as well: "by float64" says of how many samples.
- Where gradients differ, central differences of PyTorch's own function in float64 decide: brasa's must agree with them
  (by the tolerances, 1e-7 at best) and be ten times nearer than PyTorch's. "By differences" says of how many samples.
- Vectors whose signs are open (of `linalg.eigh`, `linalg.eig` and `linalg.svd`) are compared as PyTorch's own tests do,
  by the function that comes with a sample and takes signs away. Random results, and memory that nobody wrote, are
  compared in shape and dtype.
- A sample is skipped when it cannot be given to another library (sparse tensors, generators) or PyTorch itself refuses
  it as it travels, as new tensors with the values.
- core: the {core} operators of [core.txt](../benchmarks/conformance/core.txt), some of which have several entries.
"""


def write(folder: Path, sweeps: Iterable[tuple[str, str]]) -> None:
    """Write the page, of what the folder has results for."""
    files = {sweep: ResultFile(folder, *sweep).records for sweep in sweeps}
    PATH.write_text(text({sweep: records for sweep, records in files.items() if records}))


def text(sweeps: dict[tuple[str, str], dict[str, dict[str, Any]]]) -> str:
    """The page for records by name, by (column, dtype)."""
    tolerances = "; ".join(
        f"{dtype} {results.absolute:g}, {results.relative:g}, gradients {slopes.absolute:g}, {slopes.relative:g}"
        for dtype, (results, slopes) in TOLERANCES.items()
    )
    versions = f"brasa {version('brasa')}, PyTorch {torch.__version__}, NumPy {np.__version__}"
    versions += f", Python {platform.python_version()}"
    today = datetime.date.today().isoformat()
    lines = [_HEADER.format(date=today, versions=versions, tolerances=tolerances, core=len(core()))]
    lines += _values_table(sweeps)
    lines += _forms_table(sweeps)
    for (column, dtype), records in sweeps.items():
        passing = ("pass",) if column == "values" else ("pass", *_WITHOUT_FORM)
        failing = [_reason(record) for _, record in sorted(records.items()) if record["status"] not in passing]
        title = f"{dtype}" if column == "values" else _TITLES[column].lower()
        lines += [f"## Does not pass: {title}", "", *(failing or ["Nothing."]), ""]
    return "\n".join(lines)


def _values_table(sweeps: dict[tuple[str, str], dict[str, dict[str, Any]]]) -> Iterator[str]:
    tested, judged = "forward | gradient | compiled | its gradient", "by float64 | by differences"
    yield f"| values | entries | run | pass | core: run | core: pass | {tested} | samples | skipped | {judged} |"
    yield f"| --- |{' --: |' * 13}"
    for (column, dtype), records in sweeps.items():
        if column == "values":
            tested = [_tally(records.values(), *pair) for pair in _TESTED[column]]
            other = [
                str(sum(record.get(judge, 0) for record in records.values())) for judge in ("exact", "differences")
            ]
            names = {full_name(entry) for entry in entries_of(dtype)}
            counts = [str(len(names)), *_counts(names, records), *_counts(set(filter(is_core, names)), records, True)]
            short = sum("most" in record for record in records.values())
            title = f"{dtype}, the first samples of {short}" if short else dtype
            yield f"| {' | '.join([title, *counts, *tested, *_samples(records), *other])} |"
    yield ""


def _forms_table(sweeps: dict[tuple[str, str], dict[str, dict[str, Any]]]) -> Iterator[str]:
    if all(column == "values" for column, _ in sweeps):
        return
    yield "| forms | run | pass | core: run | core: pass | samples | skipped |"
    yield f"| --- |{' --: |' * 6}"
    for (column, dtype), records in sweeps.items():
        if column != "values":
            having = {name: record for name, record in records.items() if record["status"] not in _WITHOUT_FORM}
            counts = [*_counts(having, having), *_counts(filter(is_core, having), having)]
            yield f"| {' | '.join([f'{_TITLES[column]}, {dtype}', *counts, *_samples(having)])} |"
    yield ""


def _counts(names: Iterable[str], records: dict[str, dict[str, Any]], of: bool = False) -> tuple[str, str]:
    """How many of the entries have run, of all of them if that is to be said, and how many of them pass."""
    every = set(names)
    ran = every & records.keys()
    passing = sum(records[name]["status"] == "pass" for name in ran)
    return f"{len(ran)} of {len(every)}" if of else str(len(ran)), str(passing)


def _tally(records: Iterable[dict[str, Any]], good: str, of: str) -> str:
    """How many entries, of those that have something to count, have all of it right."""
    having = [record for record in records if record.get(of)]
    return f"{sum(record[good] == record[of] for record in having)} of {len(having)}"


def _samples(records: dict[str, dict[str, Any]]) -> tuple[str, str]:
    run, skipped = (sum(record.get(key, 0) for record in records.values()) for key in ("samples", "skipped"))
    return str(run), f"{skipped} ({100 * skipped / max(run + skipped, 1):.1f} %)"


def _reason(record: dict[str, Any]) -> str:
    core_mark = " (core)" if is_core(record["op"]) else ""
    why = (record.get("notes") or [record.get("why_skipped", "")])[0].replace("\n", " ")[:160]
    counts = f" {_best(record)}" if record["status"] == "fail" else ""
    return f"- `{record['op']}`{core_mark}: {record['status']}{counts}{'; ' if why else ''}{why}"


def _best(record: dict[str, Any]) -> str:
    """The worst column, as how many samples of how many are right."""
    shares = [(record[good], record[of]) for good, of in _TESTED["values"] if good in record and record[of]]
    good, of = min(shares, key=lambda share: share[0] / share[1])
    return f"{good} of {of}"
