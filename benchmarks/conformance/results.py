"""Results that outlive a run: a file of JSON lines for each column and dtype."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

CORE_FILE = Path(__file__).with_name("core.txt")


@cache
def core() -> frozenset[str]:
    """The names of the operators that ordinary programs use, which come first."""
    return frozenset(CORE_FILE.read_text().split())


def is_core(name: str) -> bool:
    """Whether an entry of that full name is, or is a variant of, an operator of the core."""
    return name in core() or name.rpartition(".")[0] in core()


class ResultFile:
    """The records of one column and dtype by the name of the entry, in a file that only grows; the last one counts."""

    def __init__(self, folder: Path, column: str, dtype: str) -> None:
        self.path = folder / f"{column}-{dtype}.jsonl"
        self.records: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            records = map(json.loads, self.path.read_text().splitlines())
            self.records = {record["op"]: record for record in records}

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record."""
        self.records[record["op"]] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
