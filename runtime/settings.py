"""What the environment asks of brasa: the words in BRASA, and the values BRASA_CPU, BRASA_CACHE and BRASA_THREADS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from brasa.ir.errors import ValueError

WORDS = ("dump", "time", "source", "check", "retrace", "tune")
ENTRIES = ("native", "portable")
PROCESSORS = ("haswell", "x86-64-v3", "x86-64-v4")
MOST_THREADS = 1024


@dataclass(frozen=True)
class Settings:
    """The environment's wishes, checked.

    dump: print each stage of a compilation; dump_folder: to numbered files there instead (`BRASA=dump=folder`).
    time, source, check, retrace, tune: the other words in BRASA.
    cpu: how machine code is entered, one of ENTRIES; or a processor that it is made for, one of PROCESSORS, if not for
    that at hand. cache: the folder of compiled programs. threads: None when unset.
    """

    dump: bool
    dump_folder: Path | None
    time: bool
    source: bool
    check: bool
    retrace: bool
    tune: bool
    cpu: str
    cache: Path
    threads: int | None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in these variables; ValueError for what is not a word or a value of theirs."""
    words: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in environment.get("BRASA", "").split(","))):
        word, _, value = item.partition("=")
        if word not in WORDS or (value and word != "dump"):
            raise ValueError(f"{item!r} is not one of the words {', '.join(WORDS)} (or dump=folder)", op="BRASA")
        words[word] = value
    cpu = environment.get("BRASA_CPU") or "native"
    if cpu not in (*ENTRIES, *PROCESSORS):
        raise ValueError(f"{cpu!r} is not one of {', '.join((*ENTRIES, *PROCESSORS))}", op="BRASA_CPU")
    folder = words.get("dump")
    return Settings(
        dump="dump" in words,
        dump_folder=Path(folder) if folder else None,
        time="time" in words,
        source="source" in words,
        check="check" in words,
        retrace="retrace" in words,
        tune="tune" in words,
        cpu=cpu,
        cache=_cache_folder(environment),
        threads=_threads(environment),
    )


def _cache_folder(environment: Mapping[str, str]) -> Path:
    if named := environment.get("BRASA_CACHE"):
        return Path(named).expanduser()
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()) / "brasa"


def _threads(environment: Mapping[str, str]) -> int | None:
    """BRASA_THREADS, else the first number of OMP_NUM_THREADS (which may list one for each nesting level)."""
    for name in ("BRASA_THREADS", "OMP_NUM_THREADS"):
        if text := environment.get(name, "").strip():
            first = text.split(",")[0].strip() if name == "OMP_NUM_THREADS" else text
            if not (first.isdecimal() and 1 <= int(first) <= MOST_THREADS):
                raise ValueError(f"{text!r} is not a number of threads, 1 to {MOST_THREADS}", op=name)
            return int(first)
    return None


@cache
def settings() -> Settings:
    """The settings of this process, read from its environment once."""
    return read_settings(os.environ)
