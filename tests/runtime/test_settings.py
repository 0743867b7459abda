"""The environment: words, values, and the errors that list what is valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from brasa.ir.errors import BrasaError
from brasa.runtime.settings import WORDS, read_settings


def test_nothing_is_set() -> None:
    found = read_settings({"HOME": "/home/ada"})
    assert not any(getattr(found, word) for word in WORDS)
    assert (found.dump_folder, found.cpu, found.threads) == (None, "native", None)


@pytest.mark.parametrize("word", WORDS)
def test_one_word(word: str) -> None:
    found = read_settings({"BRASA": word})
    assert [each for each in WORDS if getattr(found, each)] == [word]


def test_several_words() -> None:
    found = read_settings({"BRASA": " check, time ,,dump=/tmp/stages,"})
    assert (found.check, found.time, found.dump, found.dump_folder) == (True, True, True, Path("/tmp/stages"))
    assert not (found.source or found.retrace or found.tune)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "BRASA",
            "dmp",
            "BRASA: 'dmp' is not one of the words dump, time, source, check, retrace, tune (or dump=folder)",
        ),
        ("BRASA", "time,Check", "BRASA: 'Check' is not one of the words dump"),
        ("BRASA", "time=3", "BRASA: 'time=3' is not one of the words dump"),
        ("BRASA_CPU", "avx", "BRASA_CPU: 'avx' is not one of native, portable, haswell"),
        ("BRASA_THREADS", "0", "BRASA_THREADS: '0' is not a number of threads, 1 to 1024"),
        ("BRASA_THREADS", "x", "BRASA_THREADS: 'x' is not a number of threads, 1 to 1024"),
        ("BRASA_THREADS", "-2", "BRASA_THREADS: '-2' is not"),
        ("BRASA_THREADS", "2,3", "BRASA_THREADS: '2,3' is not"),
        ("BRASA_THREADS", "1.5", "BRASA_THREADS: '1.5' is not"),
        ("BRASA_THREADS", "1025", "BRASA_THREADS: '1025' is not"),
        ("OMP_NUM_THREADS", "0,1", "OMP_NUM_THREADS: '0,1' is not"),
        ("OMP_NUM_THREADS", "two", "OMP_NUM_THREADS: 'two' is not"),
    ],
)
def test_wrong_values(variable: str, value: str, message: str) -> None:
    with pytest.raises(BrasaError) as caught:
        read_settings({variable: value})
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({"BRASA_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"BRASA_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
        ({"BRASA_THREADS": " 7 "}, 7),
        ({"OMP_NUM_THREADS": "4, 2,1"}, 4),
        ({"BRASA_THREADS": "1024"}, 1024),
    ],
)
def test_threads(environment: dict[str, str], threads: int) -> None:
    assert read_settings(environment).threads == threads


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    given = {"BRASA_CACHE": "~/brasa-cache", "XDG_CACHE_HOME": "/var/cache"}
    assert read_settings(given).cache == Path("/home/ada/brasa-cache")
    assert read_settings({"XDG_CACHE_HOME": "/var/cache"}).cache == Path("/var/cache/brasa")
    assert read_settings({"XDG_CACHE_HOME": "relative"}).cache == Path("/home/ada/.cache/brasa")
    assert read_settings({"BRASA_CACHE": ""}).cache == Path("/home/ada/.cache/brasa")


@pytest.mark.parametrize("cpu", ["portable", "haswell"])
def test_cpu(cpu: str) -> None:
    assert read_settings({"BRASA_CPU": cpu}).cpu == cpu
