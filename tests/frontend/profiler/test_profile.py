"""profile: which kernels it sees, what it counts by closed formulas, and that all runs as ever before and after."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.execution.runner import RUNNERS, WATCHING, forget_executables
from brasa.ir.errors import ArgumentError, BrasaError
from brasa.profiler import Event, Limits, averages, clocked, profile, record_function
from brasa.profiler import profile as profile_class

_HEAD = "name of calls time share per call bytes/call GB/s GFLOP/s of limit line"
LIMITS = Limits(2, ((1 << 20, 8e9), (1 << 30, 4e9)), 100e9)


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of known limits; and nothing is left of a profile."""
    from brasa.profiler import recording

    monkeypatch.setattr(averages, "machine_limits", lambda: LIMITS)
    monkeypatch.setattr(recording, "machine_limits", lambda: LIMITS)
    yield
    bounds = [bound for runner in RUNNERS for bound in runner.bounds.values()]
    assert not WATCHING
    assert not any(isinstance(bound.call, clocked.Clocked) for bound in bounds)
    assert clocked._log()[0] == 0


def kernels(p: Any) -> list[Event]:
    """What computed."""
    return [event for event in p.events() if event.kind in ("kernel", "host")]


def test_eager_functions_with_their_lines() -> None:
    x, w = brasa.randn(30, 40), brasa.randn(40, 50)
    wanted = (x @ w).tanh()
    with brasa.profile() as p:
        y = x @ w
        y = y.tanh()
    assert brasa.equal(y, wanted)
    product, tanh = kernels(p)
    assert [product.program, tanh.program] == ["matmul", "tanh"]
    lines = [int(event.where.removeprefix("test_profile.py:")) for event in (product, tanh)]
    assert lines[1] == lines[0] + 1
    assert (product.flops, product.nbytes) == (2 * 30 * 40 * 50, 4 * (30 * 40 + 40 * 50 + 30 * 50))
    assert (tanh.flops, tanh.nbytes) == (30 * 50, 2 * 4 * 30 * 50)


def test_compiled_functions_with_their_lines() -> None:
    w = brasa.randn(40, 50)

    @brasa.compile
    def f(x: brasa.Tensor) -> brasa.Tensor:
        y = x @ w
        return y.softmax(1) * 2

    x = brasa.randn(30, 40)
    wanted = [f(x) for _ in range(4)]
    with brasa.profile() as p:
        found = [f(x) for _ in range(3)]
    assert all(map(brasa.equal, found, wanted))
    rows = {row.where: row for row in p.key_averages() if row.kind == "kernel"}
    assert [row.count for row in rows.values()] == [3, 3]
    (product, _), (softmax, _) = sorted(((row, row.where) for row in rows.values()), key=lambda pair: pair[1])
    assert (product.key, product.flops) == ("matmul", 3 * 2 * 30 * 40 * 50)
    assert softmax.nbytes == 3 * (4 * 2 * 30 * 50 + 8)  # and the 2


def test_kernels_lie_inside_their_programs_one_after_the_other() -> None:
    f = brasa.compile(lambda x: (x @ x).tanh() @ x)
    x = brasa.randn(60, 60)
    with brasa.profile() as p:
        f(x)
    (call,) = [event for event in p.events() if event.kind == "program"]
    times = [time for event in kernels(p) for time in (event.begin, event.end)]
    assert len(times) == 4
    assert sorted([call.begin, *times, call.end]) == [call.begin, *times, call.end]


def test_loops_branches_and_steps_of_the_host() -> None:
    def f(x: brasa.Tensor) -> Any:
        last, _ = brasa.scan(lambda h, v: (h * 0.5 + v, h), x[0] * 0, x)
        return brasa.cond(last.sum() > 1e9, lambda v: v * 2, lambda v: (v - 1).cumsum(0), (last,)), brasa.linalg.inv(x)

    x = brasa.randn(7, 7) + 7 * brasa.eye(7)
    g = brasa.compile(f)
    wanted = g(x)
    with brasa.profile() as p:
        found = g(x)
    assert all(map(brasa.equal, found, wanted))
    assert [event.name for event in kernels(p)].count("mul_add") == 7
    assert sum(event.name.endswith("cumsum") for event in kernels(p)) == 1
    assert next(event.name for event in kernels(p) if event.kind == "host") == "lu"


def test_gradients_training_and_embeddings() -> None:
    """A lookup reads the rows that it gives, and what backward computes has the line of backward."""
    model = brasa.nn.Sequential(brasa.nn.Embedding(1000, 8), brasa.nn.Flatten(), brasa.nn.Linear(24, 2))
    x = brasa.tensor([[1, 2, 999], [0, 5, 5]])
    with brasa.profile() as p:
        loss = model(x).square().sum()
        loss.backward()
    lookup = next(event for event in kernels(p) if event.program == "embedding")
    assert lookup.nbytes == 8 * 6 + 2 * 4 * 6 * 8
    lines = {int(event.where.split(":")[1].split()[0]) for event in kernels(p)}
    assert len(lines) == 2
    assert max(lines) == min(lines) + 1


def test_more_launches_than_there_is_room_for() -> None:
    f = brasa.compile(lambda n: brasa.while_loop(lambda i: i < n, lambda i: (i + 1,), (n * 0,)))
    n = brasa.tensor(40000)
    f(n)
    with brasa.profile() as p:
        (found,) = f(n)
    assert found == 40000
    assert len(kernels(p)) == 1 << 16
    assert str(p).splitlines()[-1].endswith("more launches were not recorded")


def test_a_failed_check_is_the_error_that_it_is() -> None:
    x = brasa.randn(5)
    with brasa.profile(), pytest.raises(IndexError, match=r"index 7 is outside -5\.\.4"):
        x[brasa.tensor([1, 7])].tanh()


def test_programs_from_disk_say_the_same() -> None:
    x = brasa.randn(11, 13)

    def seen() -> list[tuple[Any, ...]]:
        with brasa.profile(record_shapes=True) as p:
            x.softmax(1)
        return [(e.name, e.program, e.flops, e.nbytes, e.shapes, e.dtype) for e in kernels(p)]

    first = seen()
    clocked._programs.clear()
    forget_executables()
    assert seen() == first
    assert first[0][4:] == (((11, 13),), "f32")


def test_threads_are_recorded() -> None:
    x = brasa.randn(50)
    with brasa.profile() as p:
        barrier = threading.Barrier(3)
        threads = [threading.Thread(target=lambda: [(barrier.wait(), x.tanh()) for _ in range(20)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({event.thread for event in kernels(p)}) == 3
    assert sum(event.program == "tanh" for event in kernels(p)) == 60


def test_tables() -> None:
    rows = profile_class()
    rows.current_action = brasa.profiler.ProfilerAction.RECORD
    rows.add([
        Event("kernel", "matmul", "f", "a.py:1", 0, 4000, 1, 200_000, 16_000, ((2, 3),)),
        Event("kernel", "matmul", "f", "a.py:1", 5000, 9000, 1, 200_000, 16_000, ((4, 3),)),
        Event("kernel", "tanh", "f", "a.py:2", 9000, 10_000, 1, 10, 4_000, ()),
        Event("range", "part", "", "a.py:3", 0, 12_000, 1),
    ])  # fmt: skip
    rows.current_action = brasa.profiler.ProfilerAction.NONE
    table = rows.key_averages().table()
    head, _, *lines, _, elapsed, limits = table.splitlines()
    assert head.split() == _HEAD.split()
    assert [line.split() for line in lines] == [
        ["part", "1", "12.000", "us", "12.000", "us", "a.py:3"],
        ["matmul", "f", "2", "8.000", "us", "88.9", "%", "4.000", "us", "16,000", "4.0", "50.0", "50", "%", "a.py:1"],
        ["tanh", "f", "1", "1.000", "us", "11.1", "%", "1.000", "us", "4,000", "4.0", "0.0", "50", "%", "a.py:2"],
    ]
    assert elapsed.startswith("0.009 ms in kernels of ")
    assert limits == "limits: 4.0 GB/s copied, from the cache 8; 100 GFLOP/s"
    by_count = rows.key_averages().table("count", row_limit=1)
    assert "matmul" in by_count
    assert "tanh" not in by_count
    matmul = next(row for row in rows.key_averages() if row.key == "matmul")
    assert (matmul.cpu_time_total, matmul.cpu_time, matmul.self_cpu_time_total) == (8.0, 4.0, 8.0)
    assert "<td" in rows._repr_html_()
    with pytest.raises(ArgumentError, match="table: 'cuda_time' is not one of cpu_time_total, "):
        rows.key_averages().table("cuda_time")


def test_shapes_apart() -> None:
    with brasa.profile(record_shapes=True) as p:
        for size in (4, 5, 5):
            brasa.ones(size).tanh()
    found = {row.input_shapes: row.count for row in p.key_averages() if row.program == "tanh" and row.kind == "kernel"}
    assert found == {((4,),): 1, ((5,),): 2}
    assert sum(row.program == "tanh" and row.kind == "kernel" for row in averages.average(p.events())) == 1


def test_trace_files(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with brasa.profile() as p, record_function("a part"):
        brasa.randn(10).exp()
    p.export_chrome_trace(str(path))
    written = json.loads(path.read_text())["traceEvents"]
    complete = [event for event in written if event["ph"] == "X"]
    assert all(event["dur"] >= 0 and {"ts", "pid", "tid", "name", "cat"} <= event.keys() for event in complete)
    (part,) = [event for event in complete if event["name"] == "a part"]
    exp = next(event for event in complete if event["cat"] == "kernel" and event["name"] == "exp")
    assert part["ts"] <= exp["ts"] <= exp["ts"] + exp["dur"] <= part["ts"] + part["dur"]
    assert exp["args"]["bytes"] == 80


def test_record_function_as_a_decorator_and_without_a_profile() -> None:
    @record_function("twice")
    def f(n: int) -> int:
        return 1 if n == 0 else 2 * f(n - 1)

    assert f(3) == 8
    with brasa.profile() as p:
        f(2)
    assert [(event.kind, event.name) for event in p.events()] == [("range", "twice")] * 3


def test_mistakes() -> None:
    with brasa.profile(), pytest.raises(BrasaError, match="another profile is recording"):
        brasa.profile().start()
    with pytest.raises(ArgumentError, match=r"memory is not recorded; brasa.plan\(\) tells it"):
        brasa.profile(profile_memory=True)
    with pytest.raises(ArgumentError, match="an activity is a ProfilerActivity, not str"):
        brasa.profile(activities=["cpu"])


def test_under_the_names_of_pytorch(tmp_path: Path) -> None:
    """What a program that was written for PyTorch does, word for word."""
    from brasa.profiler import ProfilerActivity, schedule, tensorboard_trace_handler

    model = brasa.compile(brasa.nn.Linear(4, 3))
    for _ in range(3):
        model(brasa.zeros(2, 4))
    with profile(activities=[ProfilerActivity.CPU], schedule=schedule(wait=1, warmup=1, active=2, repeat=1),
                 on_trace_ready=tensorboard_trace_handler(str(tmp_path)), with_stack=True) as p:  # fmt: skip
        for _ in range(5):
            with record_function("model_inference"):
                model(brasa.zeros(2, 4))
            p.step()
    (path,) = tmp_path.iterdir()
    names = [event["name"] for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X"]
    assert names.count("model_inference") == 2
    assert [name for name in names if name.startswith("ProfilerStep")] == ["ProfilerStep#2", "ProfilerStep#3"]
    assert [name for name in names if name.startswith("compile ")] == []  # that was in the step for warming up
    assert "model_inference" in p.key_averages().table(sort_by="cpu_time_total", row_limit=10)


def test_what_is_measured_of_the_machine() -> None:
    assert LIMITS.seconds(0, 1 << 20) == (1 << 20) / 8e9
    assert LIMITS.seconds(0, 1 << 21) == (1 << 21) / 4e9
    assert LIMITS.seconds(1e9, 8) == 0.01
    assert LIMITS.seconds(1e9, 8, "f64") == 0.02
    found = brasa.profiler.machine_limits()
    rates = [rate for _, rate in found.copying]
    assert rates == sorted(rates, reverse=True)
    assert 1e9 < found.flops < 1e14
    assert np.all(np.diff([nbytes for nbytes, _ in found.copying]) > 0)
    again = brasa.profiler.limits._limits.__wrapped__(found.threads)
    assert again == found
