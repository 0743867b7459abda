"""The number of threads: who sets it, and what is refused; and which way into machine code is taken."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from brasa.ir.errors import ArgumentError, ValueError
from brasa.runtime import cpu, cpu_native, cpu_portable, get_num_threads, set_num_threads, settings


def test_set_and_get(keep_threads: None) -> None:
    for count in (1, 5, 2):
        set_num_threads(count)
        assert get_num_threads() == count


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_wrong_numbers(count: int) -> None:
    before = get_num_threads()
    with pytest.raises(ValueError, match=f"^set_num_threads: {count} is not a number of threads, 1 to 1024$"):
        set_num_threads(count)
    assert get_num_threads() == before


@pytest.mark.parametrize("count", ["2", 2.0, None, True])
def test_wrong_types(count: int) -> None:
    with pytest.raises(ArgumentError, match=r"^set_num_threads: takes an integer, not "):
        set_num_threads(count)


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_threads", None)
    monkeypatch.setattr(cpu, "settings", lambda: replace(settings(), threads=7))
    assert get_num_threads() == 7


@pytest.mark.parametrize(("allowed", "quotas", "expected"), [(8, [], 8), (8, [3], 3), (2, [3, 5], 2), (4000, [], 1024)])
def test_the_machine_comes_next(
    monkeypatch: pytest.MonkeyPatch, allowed: int, quotas: list[int], expected: int
) -> None:
    monkeypatch.setattr(cpu, "_threads", None)
    monkeypatch.setattr(cpu, "settings", lambda: replace(settings(), threads=None))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(allowed)))
    monkeypatch.setattr(cpu, "_quotas", lambda membership, root: quotas)
    assert get_num_threads() == expected


def quotas(folder: Path, membership: str, files: dict[str, str]) -> list[int]:
    """The quotas found when these files stand for the file system of control groups."""
    for name, text in files.items():
        path = folder / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "membership").write_text(membership)
    return cpu._quotas(folder / "membership", folder / "groups")


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        (
            "0::/user/job\n",
            {
                "user/job/cpu.max": "150000 100000\n",
                "user/cpu.max": "max 100000\n",
                "cpu.max": "400000 100000\n",
            },
            [2, 4],
        ),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, [1]),
        (
            "3:memory:/x\n2:cpu,cpuacct:/\n",
            {"cpu,cpuacct/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            [3],
        ),
        ("2:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, []),
        ("0::/elsewhere\n", {}, []),
        ("", {"cpu.max": "50000 100000\n"}, []),
    ],
)
def test_quotas_of_control_groups(tmp_path: Path, membership: str, files: dict[str, str], expected: list[int]) -> None:
    assert quotas(tmp_path, membership, files) == expected


def test_systems_without_control_groups(tmp_path: Path) -> None:
    assert cpu._quotas(tmp_path / "absent", tmp_path) == []


def test_the_entry_is_the_one_asked_for(each_entry: str) -> None:
    assert cpu.entry() is {"native": cpu_native, "portable": cpu_portable}[each_entry]


@pytest.mark.parametrize(
    ("place", "attribute", "value"),
    [("platform", "machine", lambda: "aarch64"), ("sys", "platform", "darwin"), ("sys", "maxsize", 1 << 31)],
)
def test_other_machines_are_entered_portably(
    monkeypatch: pytest.MonkeyPatch, place: str, attribute: str, value: object
) -> None:
    monkeypatch.setattr(f"brasa.runtime.cpu_native.{place}.{attribute}", value)
    cpu.entry.cache_clear()
    assert cpu.entry() is cpu_portable
    monkeypatch.undo()
    cpu.entry.cache_clear()
    assert cpu.entry() is cpu_native
