"""The thread pool: every iteration once, whoever calls, however often, and after forks and interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from brasa.runtime import Executable, Frame, cpu_native, set_num_threads
from brasa.runtime.cpu_pool import PIECE_NANOSECONDS, PIECES_PER_THREAD
from tests.runtime import programs
from tests.runtime.programs import program, run, zeros

pytestmark = pytest.mark.usefixtures("keep_threads")
ROOT = Path(__file__).parents[2]

# pointers: threads that have come, then the number of the thread of each iteration (i64 each). sizes: the iterations.
# The first piece of each thread waits for a second thread to come.
WHO = """
declare i64 @syscall(i64, ...)
define internal void @body(ptr %pointers, i64 %begin, i64 %end) {
entry:
  %come = load ptr, ptr %pointers
  %who_at = getelementptr ptr, ptr %pointers, i64 1
  %who = load ptr, ptr %who_at
  %thread = call i64 (i64, ...) @syscall(i64 186)
  br label %write
write:
  %i = phi i64 [%begin, %entry], [%next, %write]
  %place = getelementptr i64, ptr %who, i64 %i
  store i64 %thread, ptr %place
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %write, label %meet
meet:
  %before = atomicrmw add ptr %come, i64 1 seq_cst
  br label %look
look:
  %turn = phi i64 [0, %meet], [%next_turn, %look]
  %now = load atomic i64, ptr %come seq_cst, align 8
  %next_turn = add i64 %turn, 1
  %alone = icmp slt i64 %now, 2
  %patient = icmp slt i64 %turn, 300000000
  %waits = and i1 %alone, %patient
  br i1 %waits, label %look, label %out
out:
  ret void
}
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %parallel_for = load ptr, ptr %context
  %extent = load i64, ptr %sizes
  call void %parallel_for(ptr %context, ptr @body, ptr %pointers, i64 %extent, i64 10000)
  ret i64 0
}
"""


def counting() -> Executable:
    """Counts how often each iteration runs, how many pieces there are, and how long the shortest is."""
    return program(programs.COUNT, ("i64[n]", "i64[2]", "i8[extent]", "i8[cost]"), sizes=("extent", "cost"))


def count(executable: Executable, extent: int, cost: int) -> tuple[bool, int, int]:
    """Whether all iterations ran once, the number of pieces, and the length of the shortest."""
    counters, statistics = zeros(max(extent, 16 << 10)), np.array([0, 1 << 60])
    frame = executable.prepare((counters.shape, (2,), (extent,), (cost,)))
    assert run(frame, counters, statistics, 1, 1) is None
    expected = zeros(*counters.shape)
    expected[:extent] = 1
    return bool((counters == expected).all()), int(statistics[0]), int(statistics[1])


@pytest.mark.usefixtures("each_entry")
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_every_iteration_runs_once(threads: int) -> None:
    set_num_threads(threads)
    executable = counting()
    for extent, cost in product((0, 1, 2, 3, 7, 31, 32, 1000, 100_003), (0, 1, 20, 3000, 9999, 10_000, 1 << 40)):
        complete, pieces, shortest = count(executable, extent, cost)
        assert complete
        assert pieces <= threads * PIECES_PER_THREAD
        assert (pieces == 0) == (extent == 0)
        assert pieces <= 1 or shortest * max(cost, 1) >= PIECE_NANOSECONDS


def test_jobs_are_cut_for_the_threads() -> None:
    set_num_threads(3)
    assert count(counting(), 10_000, 1000)[1:] == (3 * PIECES_PER_THREAD, 10_000 // (3 * PIECES_PER_THREAD))
    assert count(counting(), 10_000, 4)[1:] == (4, 2500)
    set_num_threads(1)
    assert count(counting(), 10_000, 1000)[1:] == (1, 10_000)


@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_threads_work_at_the_same_time(pause: float) -> None:
    """Each piece waits for a second thread to come; with a pause the workers sleep and have to be woken."""
    set_num_threads(8)
    assert count(counting(), 100_000, 10_000)[0]
    set_num_threads(2)  # of the workers that there are now, only one may come
    executable = program(programs.MEET, ("i64[2]", "i8[n]"), sizes=("n",))
    for _ in range(5):
        time.sleep(pause)
        present = zeros(2)
        run(executable.prepare(((2,), (1 << 20,))), present, 1)
        assert present[1] == 2


def test_each_thread_has_pieces_next_to_each_other() -> None:
    """The caller begins at the first, a second thread in the middle."""
    set_num_threads(2)
    executable = program(WHO, ("i64[1]", "i64[n]"), sizes=("n",))
    for _ in range(5):
        come, who = zeros(1), zeros(1000)
        run(executable.prepare(((1,), (1000,))), come, who)
        assert who.all()
        assert who[0] == threading.get_native_id() != who[500]


def test_jobs_in_quick_succession() -> None:
    """Workers that come late find another job, or none."""
    set_num_threads(4)
    executable = counting()
    assert all(count(executable, extent, 10_000)[0] for extent in (2, 17, 3, 40) * 1000)


def test_idle_threads_sleep() -> None:
    set_num_threads(8)
    assert count(counting(), 100_000, 10_000)[0]
    for threads in (8, 2, 1):
        set_num_threads(threads)
        assert count(counting(), 100_000, 10_000)[0]
        time.sleep(0.02)
        before = time.process_time()
        time.sleep(0.1)
        assert time.process_time() - before < 0.05


@pytest.mark.usefixtures("each_entry")
def test_nested_jobs() -> None:
    set_num_threads(4)
    counters = zeros(100, 100)
    frame = program(programs.NESTED, ("i64[n,n]",), sizes=("n",)).prepare(((100, 100),))
    for _ in range(20):
        assert run(frame, counters) is None
    assert (counters == 20).all()


@pytest.mark.usefixtures("each_entry")
def test_many_callers() -> None:
    set_num_threads(3)
    executable = counting()
    with ThreadPoolExecutor(8) as callers:
        results = list(callers.map(lambda turn: count(executable, 20_000 + turn, 10)[0], range(200)))
    assert results == [True] * 200


def test_the_number_of_threads_may_change_at_any_time() -> None:
    executable, stop = counting(), threading.Event()

    def change() -> None:
        while not stop.is_set():
            for threads in (1, 4, 2, 8, 3):
                set_num_threads(threads)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        assert all(count(executable, 20_000, 10)[0] for _ in range(100))
    finally:
        stop.set()
        changer.join()


def wait_for_flag() -> Frame:
    """A job that runs until its flag is set, with the interpreter lock released."""
    return program(programs.WAIT, ("i64[]", "i8[n]"), sizes=("n",)).prepare(((), (1 << 20,)))


def test_an_interrupt_is_seen_when_the_call_returns() -> None:
    set_num_threads(2)
    frame, flag = wait_for_flag(), zeros()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        flag[()] = 1

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    threading.Timer(0.05, interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(frame, flag, 1)
            time.sleep(1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert flag == 1 + (1 << 20)
    assert count(counting(), 100_000, 10)[0]


FORK = """
import os, threading, time
from brasa.runtime import set_num_threads
from tests.runtime.test_cpu_pool import count, counting, run, wait_for_flag, zeros

set_num_threads(4)
executable, frame, flag = counting(), wait_for_flag(), zeros()
assert count(executable, 100_000, 10)[0]

def check_in_child(depth):
    child = os.fork()
    if child == 0:
        good = len(os.listdir("/proc/self/task")) == 1
        good = good and all(count(executable, 100_000, 10)[0] for _ in range(50))
        good = good and len(os.listdir("/proc/self/task")) == 4
        if depth:
            check_in_child(depth - 1)
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0

check_in_child(1)
waiting = threading.Thread(target=run, args=(frame, flag, 1))
waiting.start()
time.sleep(0.1)
check_in_child(0)  # while another thread's job holds the pool
flag[()] = 1
waiting.join()
assert flag == 1 + (1 << 20)
assert count(executable, 100_000, 10)[0]
"""


def succeeds(script: str) -> None:
    """Run the script in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_forks() -> None:
    succeeds(FORK)


def test_threads_start_with_the_first_parallel_job() -> None:
    succeeds("""
import os
from brasa.runtime import set_num_threads
from tests.runtime.test_cpu_pool import count, counting
def threads(): return len(os.listdir("/proc/self/task"))
before = threads()
set_num_threads(5)
executable = counting()
assert count(executable, 100, 1)[0]
assert threads() == before, threads()
assert count(executable, 100_000, 10_000)[0]
assert threads() == before + 4, threads()
set_num_threads(2)
assert count(executable, 100_000, 10_000)[0]
assert threads() == before + 4, threads()
""")


def test_threads_that_the_system_refuses() -> None:
    succeeds("""
import os, resource
from brasa.runtime import set_num_threads
from tests.runtime.test_cpu_pool import count, counting
executable = counting()
assert count(executable, 100, 1)[0]
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (100 << 20)  # room for the stacks of some ten threads
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
set_num_threads(1000)
for _ in range(20):
    assert count(executable, 100_000, 10_000)[0]
assert 2 < len(os.listdir("/proc/self/task")) < 50
""")


@pytest.mark.skipif(not cpu_native.is_available(), reason="threads and functions are Python's own")
def test_what_functions_read_when_they_go_outlives_the_module() -> None:
    succeeds("""
import ctypes, gc
from brasa.runtime import cpu_native
address = cpu_native._support().definition_address
before = ctypes.string_at(address, 32)
cpu_native._loaded = None
gc.collect()
others = [10**9 + i for i in range(200_000)]
assert ctypes.string_at(address, 32) == before
""")
