"""`make bench`: brasa beside PyTorch and JAX, row by row, and docs/benchmarks.md from the results.

    python -m benchmarks                          every row that was not measured on this commit, then the page
    python -m benchmarks --rows 'products|Adam'   the rows whose names the pattern finds; no page
    python -m benchmarks --quick                  a choice of rows in few rounds, without torch.compile
    python -m benchmarks --again                  also what was measured already
    python -m benchmarks --compare REF            rows over 5 % slower than the line of REF in history.jsonl

Each row runs in a process of its own, all competitors in turn; what they compute is compared before it is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.machine import describe, limits
from benchmarks.measure import Failure, fresh_processes
from benchmarks.results import Results, current_commit, ratios, reference, slower, write_history
from benchmarks.row import Fresh, Row
from benchmarks.rows import ROWS

QUICK = re.compile(
    r"(512x512x512|1x1024x1024) float32, 2|bfloat16.*2048|convolutions: 8x(64|512)|exp|add|chain|norm, 4|sum|softmax,"
    r"|optim|(training|inference): (MLP|tiny|CIFAR|trans)|calls|import|whole process, cached"
)


def main() -> int:
    """Measure what is asked for; 1 where a row failed, or got slower than what it is compared with."""
    chosen = _arguments()
    commit = current_commit()
    results = Results(Path(".bench"), f"{commit}-quick" if chosen.quick else commit)
    rounds = chosen.rounds or (3 if chosen.quick else 7)
    before = None if chosen.compare is None else reference(chosen.compare)
    rows = [row for row in ROWS if re.search(chosen.rows, row.key) and (not chosen.quick or QUICK.search(row.key))]
    failed = [row.key for row in rows if not show(row, results, rounds, chosen)]
    if failed:
        print("failed:", *failed, sep="\n  ")
    if len(rows) == len(ROWS):
        facts = {"rounds": rounds, "commit": commit, "date": date.today().isoformat(), "machine": describe()}
        ends = {"load": os.getloadavg()[1], "limits": {threads: limits(threads) for threads in (1, 2)}}
        page.PAGE.write_text(page.text(ROWS, results.rows, **facts, **ends))
        write_history({name: facts[name] for name in ("commit", "date", "machine")}, results.rows)
    worse = slower(before, ratios(results.rows)) if before else {}
    for key, (then, now) in worse.items():
        print(f"slower: {key}: {then:.2f} -> {now:.2f}")
    return 1 if failed or worse else 0


def show(row: Row | Fresh, results: Results, rounds: int, chosen: argparse.Namespace) -> bool:
    """Measure a row where that was not done, and print it; False if it failed."""
    if chosen.again or row.key not in results.rows:
        try:
            results.add(row.key, measured(row, rounds, chosen.quick))
        except Failure as failure:
            print(failure, file=sys.stderr)
            return False
    print(page.line(row, results.rows[row.key]), flush=True)
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="", help="a regular expression")
    parser.add_argument("--rounds", type=int, help="how often each competitor is timed; 7, or 3 with --quick")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--compare", metavar="REF", help="the beginning of a commit's name; '' is the last one")
    return parser.parse_args()


def measured(row: Row | Fresh, rounds: int, quick: bool) -> dict[str, Any]:
    """What is kept of a row: the samples of each competitor, who is left out and why."""
    absent = unavailable(quick)
    wanted = list(row.programs) if isinstance(row, Fresh) else competitors(row)
    here = [name for name in wanted if name.split(" ")[0] not in absent]
    left_out = {name: absent[name.split(" ")[0]] for name in wanted if name not in here}
    if isinstance(row, Fresh):
        programs = {name: row.programs[name] for name in here}
        times = min(rounds, 3)
        return {"samples": fresh_processes(programs, times, whole=row.whole, warm=row.warm), "left out": left_out}
    command = [sys.executable, "-m", "benchmarks.worker", row.key, str(rounds), *here]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{row.key}:\n{done.stderr}")
    return {**json.loads(done.stdout.splitlines()[-1]), "left out": left_out}


def competitors(row: Row) -> list[str]:
    """Who is timed in a row, brasa first."""
    ours = ["brasa"] if row.eager or row.group == "optimisers" else ["brasa", "brasa dynamic=False"]
    compiled = ["torch.compile"] if row.compiled_peer else []
    jax = [] if row.eager else ["jax"]
    return [*ours, "torch", *row.others, *compiled, *jax]


def unavailable(quick: bool) -> dict[str, str]:
    """Competitors that cannot run here, or are not asked to, each with the reason."""
    found = {}
    for name in ("torch", "jax"):
        if find_spec(name) is None:
            found[name] = "not installed"
    if "torch" in found or not any(map(shutil.which, ("c++", "g++", "clang++"))):
        found["torch.compile"] = found.get("torch", "no C++ compiler")
    elif quick:
        found["torch.compile"] = "takes minutes to compile"
    return found


if __name__ == "__main__":
    sys.exit(main())
