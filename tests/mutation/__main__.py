"""`make mutate`: draws mistakes in passes/ and codegen/, and counts those that `BRASA=check` and a corpus catch."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, drawn
from tests.mutation.page import write_page

_PATIENCE = 3  # a mutant is caught that computes so many times as long as the right compiler
_STILL = 90  # seconds without computing, after which a mutant waits for ever
_ERROR = re.compile(r"[\w.]*(Error|Exception)\b")  # the line of a traceback that says what it was
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
                errors.seek(0)
                return process.wait(), errors.read() + "\nwaits for ever", seconds
        errors.seek(0)
        return process.returncode, errors.read(), seconds


def _computed(process: int) -> float:
    """The seconds that a process has computed."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def chosen_parts(mutant: Mutant, facts: dict[str, Any]) -> list[str]:
    """The parts of the corpus that run the mutant's statement, the quickest first: the others cannot tell."""
    reached = [
        name for name, fact in facts.items()
        if not mutant.statement or not set(mutant.statement).isdisjoint(fact["lines"].get(mutant.path, ()))
    ]  # fmt: skip
    return sorted(reached, key=lambda name: facts[name]["seconds"])


def judge(mutant: Mutant, path: Path, facts: dict[str, Any], parts: list[str]) -> str:
    """Who has caught the mutant in these parts, "" if nobody."""
    if not parts:
        return ""
    limit = int(20 + _PATIENCE * sum(facts[name]["seconds"] for name in parts))
    code, errors, seconds = run_corpus(mutant.path, str(mutant.number), str(path), str(limit), *parts)
    if code == 0:
        return ""
    lines = errors.strip().splitlines()
    part = next((line[5:] for line in reversed(lines) if line.startswith("part ")), "import")
    if any(fact in errors for fact in _CHECKS):
        return f"check ({part})"
    last = next((line for line in reversed(lines) if _ERROR.match(line)), "?")
    if code < 0:
        last = "time" if seconds >= limit - 1 or lines[-1:] == ["waits for ever"] else "the process died"
    return f"{last[:100]} ({part})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200, help="mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes at a time (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=Path(".fuzz/mutants.json"), help="where results are kept")
    given = parser.parse_args()
    given.results.parent.mkdir(exist_ok=True)
    path = given.results.with_suffix(".facts").absolute()
    code, errors, _ = run_corpus(str(path))
    if code:
        sys.exit(f"the corpus fails without a mutant:\n{errors}")
    facts = json.loads(path.read_text())
    seconds = sum(fact["seconds"] for fact in facts.values())
    print(f"the corpus takes {seconds:.0f} s", flush=True)
    known = json.loads(given.results.read_text()) if given.results.is_file() else {}
    mutants = drawn(given.count, given.seed)
    counts: Counter[str] = Counter()

    def look(mutant: Mutant) -> None:
        start = time.monotonic()
        who, survived = known.get(mutant.key, ["", []])
        parts = [] if who else [name for name in chosen_parts(mutant, facts) if name not in survived]
        if parts:
            who = judge(mutant, path, facts, parts)
            known[mutant.key] = [who, [*survived, *parts]]
            given.results.write_text(json.dumps(known, indent=1))
        place = f"{mutant.path}:{mutant.line} #{mutant.number} {mutant.key.partition(' | ')[2]}"
        counts["caught" if who else "survived"] += 1
        print(f"{who or 'SURVIVED':40.40} {place} ({time.monotonic() - start:.0f} s)", flush=True)

    with ThreadPoolExecutor(given.workers) as workers:
        list(workers.map(look, mutants))
    print(f"{counts['caught']} of {sum(counts.values())} caught")
    print(write_page(mutants, {key: who for key, (who, _) in known.items()}, seconds))


if __name__ == "__main__":
    main()
