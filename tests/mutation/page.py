"""docs/mutants.md: how many mutants were caught, by whom, and what is known of those that were not."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from tests.house.source import ROOT
from tests.mutation.mutants import Mutant

PAGE = ROOT / "docs/mutants.md"
KNOWN = Path(__file__).with_name("survivors.json")
_KINDS = {"same": "Equivalent", "cost": "The same results, in other time or memory", "": "Not caught"}
_HEAD = """\
# Mutants

`make mutate` makes {count} small mistakes, one at a time, in lines of `passes/` and `codegen/` that are drawn by a
fixed seed: another operator, a bound one off, a condition negated, two operands exchanged. Each mutant compiles those
programs of `tests/mutation/` that reach its line, under `BRASA=check`; all of them take {seconds:.0f} seconds of one
core. Its last run to the end was on commit {commit}, and wrote this page.

| | mutants |
| --- | --- |
"""


def known_reasons() -> dict[str, tuple[str, str]]:
    """What is known of survivors, by key: a word of _KINDS, and why."""
    return {key: (kind, reason) for key, (kind, reason) in json.loads(KNOWN.read_text()).items()}


def caught_by(who: str) -> str:
    """In a few words how a mutant was caught."""
    for start, words in (
        ("check", "`check` names what is wrong"), ("the process died", "the process dies"), ("time", "it does not end"),
        ("AssertionError", "a result or a text differs"),
    ):  # fmt: skip
        if who.startswith(start):
            return words
    return "an error while compiling"


def write_page(mutants: Sequence[Mutant], caught: Mapping[str, str], seconds: float) -> str:
    """Write the page; its last sentence about numbers, for the terminal."""
    reasons = known_reasons()
    ways = Counter(caught_by(caught[each.key]) for each in mutants if caught.get(each.key))
    left = [each for each in mutants if not caught.get(each.key)]
    kinds = {each.key: reasons.get(each.key, ("", "to be looked at")) for each in left}
    counts = Counter(kind for kind, _ in kinds.values())
    total, found = len(mutants), ways.total()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [_HEAD.format(count=total, seconds=seconds, commit=commit.stdout.strip())]
    lines += [f"| caught: {way} | {count} |\n" for way, count in ways.most_common()]
    lines += [f"| {name.lower()} | {counts[kind]} |\n" for kind, name in _KINDS.items()]
    rates = [f"{found} of {n} ({100 * found / max(1, n):.1f} %)" for n in (total - counts["same"] - counts["cost"],
                                                                       total - counts["same"])]  # fmt: skip
    sentence = (f"Of the mutants that give another result {rates[0]} are caught; of all that are not equivalent, also "
                f"those that only cost time or memory, {rates[1]}.")  # fmt: skip
    lines.append(f"\n{fill(sentence, 120)}\n")
    for kind, name in _KINDS.items():
        own = [each for each in left if kinds[each.key][0] == kind]
        if own:
            lines.append(f"\n## {name}\n\n| where | line | mistake | why |\n| --- | --- | --- | --- |\n")
            lines += [_row(each, kinds[each.key][1]) for each in own]
    PAGE.write_text("".join(lines))
    return sentence


def _row(mutant: Mutant, reason: str) -> str:
    place, text, mistake = mutant.key.split(" | ")[:3]
    cells = [place, f"`` {text} ``", f"`` {mistake} ``", reason]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
