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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.mutants import Mutant, drawn

_PATIENCE = 3  # a mutant is caught that computes so many times as long as the right compiler
_STILL = 90  # seconds without computing, after which a mutant waits for ever
_CHECKS = ("CheckWarning", "changes what", "is not what it means")


def run_corpus(*arguments: str) -> tuple[int, str, float]:
    """The exit code of the corpus, what it wrote on stderr, and the seconds that it computed."""
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryFile("w+") as errors:
        environment = {**os.environ, "BRASA": "check", "BRASA_CACHE": cache}
        command = [sys.executable, "-m", "tests.mutation.corpus", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        seconds, since = 0.0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            latest = _computed(process.pid) or seconds
            if latest > seconds + 0.1:
                seconds, since = latest, time.monotonic()
            if time.monotonic() - since > _STILL:
                process.kill()
                return process.wait(), "waits for ever", seconds
        errors.seek(0)
        return process.returncode, errors.read(), seconds


def _computed(process: int) -> float:
    """The seconds that a process has computed."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def judge(mutant: Mutant, right: Path, limit: float) -> str:
    """Who has caught the mutant, "" if nobody."""
    code, errors, seconds = run_corpus(mutant.path, str(mutant.number), str(right), str(int(limit)))
    if code == 0:
        return ""
    if any(fact in errors for fact in _CHECKS):
        return "check"
    last = (errors.strip().splitlines() or ["?"])[-1]
    if code < 0:
        return "time" if seconds >= limit - 1 or last == "waits for ever" else "the process died"
    return last[:100]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200, help="mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes at a time (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="also run those again that survived before")
    parser.add_argument("--results", type=Path, default=Path(".fuzz/mutants.json"), help="where results are kept")
    given = parser.parse_args()
    given.results.parent.mkdir(exist_ok=True)
    right = given.results.with_suffix(".texts").absolute()
    code, errors, seconds = run_corpus(str(right))
    if code:
        sys.exit(f"the corpus fails without a mutant:\n{errors}")
    print(f"the corpus takes {seconds:.0f} s", flush=True)
    known = json.loads(given.results.read_text()) if given.results.is_file() else {}
    mutants = drawn(given.count, given.seed)
    counts: Counter[str] = Counter()

    def look(mutant: Mutant) -> None:
        start = time.monotonic()
        if mutant.key not in known or (given.again and not known[mutant.key]):
            known[mutant.key] = judge(mutant, right, _PATIENCE * seconds)
            given.results.write_text(json.dumps(known, indent=1))
        who, place = known[mutant.key], f"{mutant.path}:{mutant.line} #{mutant.number} {mutant.key.partition(' | ')[2]}"
        counts["caught" if who else "survived"] += 1
        print(f"{who or 'SURVIVED':40.40} {place} ({time.monotonic() - start:.0f} s)", flush=True)

    with ThreadPoolExecutor(given.workers) as workers:
        list(workers.map(look, mutants))
    print(f"{counts['caught']} of {sum(counts.values())} caught; the others are equivalent, or are to be looked at")


if __name__ == "__main__":
    main()
