"""`make mutate`: draws mistakes in passes/ and codegen/, and counts those that `BRASA=check` and a corpus catch."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.mutation.mutants import Mutant, drawn

_LIMIT = 120 * 4  # seconds for one mutant; a corpus that does not end is caught, too


def judge(mutant: Mutant, right: Path) -> str:
    """Who has caught the mutant, "" if nobody."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "BRASA": "check", "BRASA_CACHE": cache}
        command = [sys.executable, "-m", "tests.mutation.corpus", mutant.path, str(mutant.number), str(right)]
        try:
            run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return "time"
    if run.returncode == 0:
        return ""
    last = (run.stderr.strip().splitlines() or ["?"])[-1]
    if any(fact in run.stderr for fact in ("CheckWarning", "changes what", "is not what it means")):
        return "check"
    return "the process died" if run.returncode < 0 else last[:100]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200, help="mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path(".fuzz/mutants.json"), help="where results are kept")
    given = parser.parse_args()
    given.results.parent.mkdir(exist_ok=True)
    right = given.results.with_suffix(".texts")
    subprocess.run([sys.executable, "-m", "tests.mutation.corpus", str(right)], check=True)
    known = json.loads(given.results.read_text()) if given.results.is_file() else {}
    counts: Counter[str] = Counter()
    for mutant in list(drawn(200, given.seed))[: given.count]:
        key = f"{mutant.path}:{mutant.line} #{mutant.number} {mutant.text}"
        start = time.monotonic()
        if key not in known:
            known[key] = judge(mutant, right)
            given.results.write_text(json.dumps(known, indent=1))
        counts["caught" if known[key] else "survived"] += 1
        print(f"{known[key] or 'SURVIVED':40.40} {key} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{counts['caught']} of {sum(counts.values())} caught; the others are equivalent, or are to be looked at")


if __name__ == "__main__":
    main()
