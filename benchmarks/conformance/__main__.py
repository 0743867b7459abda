"""`make conformance`: PyTorch's own samples of its operators through brasa, and docs/conformance.md from the results.

    python -m benchmarks.conformance                               every column of every dtype, then the page: hours
    python -m benchmarks.conformance values float32 --core         one column, the operators that matter most
    python -m benchmarks.conformance values float32 --ops add,linalg.inv -v
    python -m benchmarks.conformance values float32 --shard 0/2    every second entry; 1/2 are the others
    python -m benchmarks.conformance values float32 --failed       again what did not pass
    python -m benchmarks.conformance --page                        the page alone

Each entry runs in a process of its own, for at most --limit seconds. Results are appended to a file for each column and
dtype in --results, one line of JSON for each entry. What has a line there is not run again, except with --ops, with
--failed, and when --samples had left some out; the last line of an entry counts.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from benchmarks.conformance import page, results
from benchmarks.conformance.callables import entries_of, full_name
from benchmarks.conformance.forms import run_errors, run_forms
from benchmarks.conformance.isolate import isolated
from benchmarks.conformance.values import run_values

# The columns of docs/conformance.md, each with the dtype of its samples.
SWEEPS = (
    ("values", "float32"), ("values", "float64"), ("values", "bfloat16"), ("values", "int64"), ("values", "bool"),
    ("inplace", "float32"), ("out", "float32"), ("errors", "float32"),
)  # fmt: skip


def main() -> int:
    """Run what the command line asks for; 1 if an entry of it does not pass and no page says so."""
    chosen = _arguments()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    fine = True
    if not chosen.page:
        for column, dtype in [(chosen.column, chosen.dtype)] if chosen.column else SWEEPS:
            fine &= run(column, dtype, chosen)
    if chosen.page or not chosen.column:
        page.write(chosen.results, SWEEPS)
        return 0
    return 0 if fine else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("column", nargs="?", choices=("values", "inplace", "out", "errors"))
    parser.add_argument("dtype", nargs="?", default="float32")
    parser.add_argument("--ops", default="", help="names, with commas between them; or /pattern/")
    parser.add_argument("--core", action="store_true", help=f"only the entries of {results.CORE_FILE.name}")
    parser.add_argument("--shard", default="0/1", help="i/n: every n-th entry from the i-th")
    parser.add_argument("--failed", action="store_true", help="run again what did not pass")
    parser.add_argument("--page", action="store_true", help=f"only write {page.PATH.name} from the results")
    parser.add_argument("--results", type=Path, default=Path(".conformance"), help="the folder of results")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one entry")
    parser.add_argument("--samples", type=int, default=0, help="at most so many samples of an entry; 0 for all")
    parser.add_argument("--module", default="brasa", help="the module under test; `torch` tests the harness")
    parser.add_argument("--methods", action="store_true", help="call methods of Tensor where PyTorch has them")
    parser.add_argument("-v", "--verbose", action="store_true", help="all that was noted of what does not pass")
    return parser.parse_args()


def run(column: str, dtype: str, chosen: argparse.Namespace) -> bool:
    """Run the chosen entries of one column; whether all pass, or cannot."""
    module, kept = import_module(chosen.module), results.ResultFile(chosen.results, column, dtype)
    fine = True
    for entry in chosen_entries(dtype, chosen):
        before = kept.records.get(full_name(entry))
        if before and not chosen.ops and not _again(before, chosen):
            continue
        record = isolated(partial(run_entry, entry, module, column, dtype, chosen), chosen.limit)
        record = {"op": full_name(entry), **record} | ({"most": chosen.samples} if chosen.samples else {})
        kept.add(record)
        print(line_of(record), *(record["notes"] if chosen.verbose else record["notes"][:1]), sep="\n    ", flush=True)
        fine &= record["status"] in ("pass", "unmapped", "nosample")
    return fine


def _again(before: dict[str, Any], chosen: argparse.Namespace) -> bool:
    """Whether an entry runs though it has run: it failed and that is asked for, or not all its samples were tried."""
    tried_all = not before.get("most") or 0 < chosen.samples <= before["most"]
    return not tried_all or (chosen.failed and before["status"] != "pass")


def run_entry(entry: Any, module: ModuleType, column: str, dtype: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """The record of one entry in one column."""
    if column == "values":
        return run_values(entry, module, dtype, chosen.methods, chosen.samples)
    if column == "errors":
        return run_errors(entry, module, chosen.samples)
    return run_forms(entry, module, dtype, column, chosen.samples)


def chosen_entries(dtype: str, chosen: argparse.Namespace) -> Iterator[Any]:
    """The entries that have the dtype and that the command line chooses."""
    names = chosen.ops.split(",") if chosen.ops else []
    having = entries_of(dtype)
    if chosen.core:
        having = [entry for entry in having if results.is_core(full_name(entry))]
    if names and chosen.ops.startswith("/"):
        having = [entry for entry in having if re.search(chosen.ops.strip("/"), full_name(entry))]
    elif names:
        having = [entry for entry in having if entry.name in names or full_name(entry) in names]
    first, step = map(int, chosen.shard.split("/"))
    return iter(having[first::step])


def line_of(record: dict[str, Any]) -> str:
    """A record on one line."""
    counts = [f"{key} {value}" for key, value in record.items() if isinstance(value, int) and value]
    return f"{record['status']:8} {record['op']:45} {record['seconds']:6.1f} s  {', '.join(counts)}"


if __name__ == "__main__":
    sys.exit(main())
