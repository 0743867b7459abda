"""Tensors in several processes: the same memory, freed when the last of them is done with it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import brasa
import brasa.multiprocessing as mp
from brasa import nn
from tests.frontend.multiprocessing import programs


def open_files() -> set[str]:
    """The files in memory that this process has open or sees."""
    found = {
        os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{n}")
    }
    with open("/proc/self/maps") as maps:
        return {each for each in found if "memfd:brasa" in each} | {line for line in maps if "memfd:brasa" in line}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No process and no shared memory stays after a test."""
    yield
    if open_files():
        gc.collect()  # what cycles hold
    assert multiprocessing.active_children() == [] and open_files() == set()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_one_memory(method: str) -> None:
    """Through a queue, a pipe, and as an argument; with views of it on both sides."""
    context = mp.get_context(method)
    tasks, done, (ours, theirs) = context.Queue(), context.SimpleQueue(), context.Pipe()
    argument = brasa.ones(3).share_memory_()
    process = context.Process(target=programs.change, args=(tasks, done, argument, theirs))
    process.start()
    x = brasa.zeros(2, 3)
    view = x.t()[1]
    assert not x.is_shared()
    tasks.put(x)
    assert done.get() == x.tolist() == [[1, 1, 1]] * 2 and x.is_shared() and view.tolist() == [1, 1]
    tasks.put(view)
    assert done.get() == view.tolist() == [2, 2] and x.tolist() == [[1, 2, 1]] * 2
    tasks.put(None)
    ours.send({"x": x})
    row, pid = ours.recv()
    process.join()
    assert argument.tolist() == [2, 2, 2]
    assert pid == process.pid and x.tolist() == [[0] * 3] * 2
    row.fill_(5)
    assert x[1].tolist() == [5] * 3 and row._buffer is x._buffer


def test_what_is_sent_outlives_the_sender() -> None:
    """The views in one message share memory; kinds and strides stay."""
    context = mp.get_context("fork")
    for made in (context.Queue, context.JoinableQueue, context.SimpleQueue):
        channel = made()
        process = context.Process(target=programs.give, args=(channel,))
        process.start()
        process.join()
        x, turned, parameter, text = channel.get()
        x[0, 1] = 9
        assert turned.tolist() == [[0, 3], [9, 4], [2, 5]] and turned._buffer is x._buffer and text == "text"
        assert isinstance(parameter, nn.Parameter) and parameter.requires_grad and parameter.tolist() == [1, 1]
        channel.close()


def test_pool() -> None:
    with mp.Pool(2) as pool:
        assert [made.tolist() for made in pool.map(programs.square, [brasa.arange(3), brasa.ones(1)])] == [
            [0, 1, 4],
            [1],
        ]
    pool.join()


def test_queues_of_python() -> None:
    """Through them, too, while the sender lives; an error that says what to do afterwards."""
    context = multiprocessing.get_context("fork")
    channel = context.Queue()
    x = brasa.zeros(2)
    channel.put(x)
    channel.get(timeout=5).add_(3)
    assert x.tolist() == [3, 3]
    process = context.Process(target=programs.give, args=(channel,))
    process.start()
    process.join()
    with pytest.raises(RuntimeError, match=r"ended before the tensor was received\n  hint: send it through a Queue"):
        channel.get(timeout=5)
    channel.close()
    multiprocessing.resource_sharer.stop()


def test_queues_as_pythons() -> None:
    channel = mp.Queue(1)
    channel.put(1)
    with pytest.raises(queue.Full):
        channel.put(brasa.ones(1), timeout=0.01)
    assert channel.get() == 1
    with pytest.raises(queue.Empty):
        channel.get(timeout=0.01)
    with pytest.raises(brasa.BrasaError, match="made cannot be sent to another process\n  hint: detach"):
        channel.put(brasa.ones(1, requires_grad=True) * 2)
    channel.put(brasa.ones(300_000))  # of more bytes than a socket holds
    assert channel.get().sum().item() == 300_000 and channel.empty()
    for _ in range(10):  # the queue's thread lets go of the memory while this one receives it
        channel.put([brasa.full((1,), float(number)) for number in range(230)])  # more files than go with one message
        assert [each.item() for each in channel.get()] == [*range(230)]
    channel.close()
    one, other = mp.Pipe(duplex=False)
    with pytest.raises(OSError, match="read-only"):
        one.send(1)
    other.send_bytes(b"abc")
    other.close()
    assert one.recv_bytes() == b"abc"
    with pytest.raises(EOFError):
        one.recv()


def test_sharing_looks_for_views_only_where_there_may_be_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """All objects of a program are many."""
    x, looks = brasa.ones(3), []
    monkeypatch.setattr("brasa.tensors.shared.gc.get_objects", lambda: looks.append(1) or [])
    x.share_memory_()
    assert x.is_shared() and not looks
    y = brasa.ones(3)
    view = y[1:]
    y.share_memory_()
    assert looks and not view.is_shared()
    with pytest.raises(ValueError, match="share_memory_: there is no memory to be shared yet"):
        nn.LazyLinear(2).share_memory()


def test_sharing_moves_all_views() -> None:
    """Views, what is saved for backward, and compiled programs go on with the new memory."""
    model = nn.Linear(3, 2)
    x = brasa.ones(4, 3)
    step = brasa.compile(lambda: model(x).sum())
    before = [step().item() for _ in range(3)][-1]
    transposed = model.weight.detach().t()
    loss = model(x).sum()
    model.share_memory()
    assert all(each.is_shared() for each in model.parameters()) and transposed.is_shared()
    assert model.weight._buffer is not model.bias._buffer and model.bias._buffer.owner is model.weight._buffer.owner
    loss.backward()
    assert model.weight.grad.tolist() == [[4, 4, 4]] * 2 and not model.weight.grad.is_shared()
    with brasa.no_grad():
        transposed.add_(1)
        assert step().item() == pytest.approx(before + 4 * 6, rel=1e-5)
    place = model.weight.data_ptr()
    brasa.optim.SGD(model.parameters(), lr=0.1).step()
    assert model.weight.data_ptr() == place == model.share_memory().weight.data_ptr()


def test_freed_with_the_last_user() -> None:
    """Also when a process that uses the memory is killed, and while another still does."""
    context = mp.get_context("fork")
    x = brasa.ones(1000).share_memory_()
    ours, theirs = context.Pipe()
    process = context.Process(target=signal.pause)
    process.start()
    ours.send(x)
    y = theirs.recv()
    segment = y._buffer.owner
    process.kill()
    process.join()
    del x
    assert y.sum().item() == 1000 and len(open_files()) == 2
    file = os.fstat(segment.file)
    assert file.st_nlink == 0  # it has no name: nobody has to remove it


def test_against_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("brasa.runtime.shared_memory.os.posix_fallocate", none)
    with pytest.raises(MemoryError, match="find no room in shared memory"):
        brasa.ones(2).share_memory_()


def test_spawn() -> None:
    notes = brasa.zeros(2)
    mp.spawn(programs.note, (notes,), nprocs=2)
    assert notes.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("raise", mp.ProcessRaisedException, r"process 1 ended with this error:\n\nTraceback(.|\n)*KeyError"),
        ("exit", mp.ProcessExitedException, "process 1 ended with exit code 7"),
        ("kill", mp.ProcessExitedException, "process 1 was ended by SIGKILL"),
    ],
)  # fmt: skip
def test_processes_that_fail(how: str, kind: type[mp.ProcessException], message: str) -> None:
    started = mp.start_processes(programs.fail, (how,), nprocs=2, join=False, start_method="fork")
    with pytest.raises(kind, match=message) as caught:
        while not started.join():
            pass
    assert caught.value.error_index == 1 and caught.value.error_pid == started.pids()[1]


def test_hogwild() -> None:
    """Processes that train one model at once, without locks, find what it shall learn."""
    brasa.manual_seed(0)
    true = brasa.tensor([[1.0, -2.0, 3.0]])
    x = brasa.randn(64, 3)
    y = x @ true.t()
    model = nn.Linear(3, 1).share_memory()
    context = mp.get_context("fork")
    workers = [context.Process(target=programs.train, args=(model, x, y, 100)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    np.testing.assert_allclose(model.weight.detach().numpy(), true.numpy(), atol=1e-2)


def test_strategies() -> None:
    mp.set_sharing_strategy("file_system")
    assert mp.get_all_sharing_strategies() == {mp.get_sharing_strategy()} == {"file_descriptor"}
    with pytest.raises(
        ValueError, match="set_sharing_strategy: a strategy is one of file_descriptor, file_system, not"
    ):
        mp.set_sharing_strategy("files")


def test_the_names_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    names = {name for name in dir(torch.multiprocessing) if not name.startswith("_")}
    assert names - set(dir(mp)) <= {
        "multiprocessing",
        "reductions",
        "init_reductions",
        "torch",
        "sys",
        "ENV_VAR_PARALLEL_START",
    }


def test_threads_and_caches_survive_a_fork() -> None:
    """While other threads compile and compute, children do both."""
    ends = []

    def work() -> None:
        number = 0
        while not ends:
            number += 1
            brasa.compile(lambda x, n=number: (x * n).sum())(brasa.ones(8, number % 7 + 1))
            (brasa.ones(300, 300) @ brasa.ones(300, 300)).sum()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 0.8
    while time.monotonic() < deadline:
        child = os.fork()
        if child == 0:
            total = brasa.compile(lambda x: (x * 3 + time.monotonic()).sum())(brasa.ones(5))
            big = (brasa.ones(300, 300) @ brasa.ones(300, 300)).sum().item()
            os._exit(0 if big == 300**3 and total.item() > 15 else 1)
        give_up = time.monotonic() + 60
        while (found := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > give_up:
                os.kill(child, signal.SIGKILL)
                ends.append(1)
                pytest.fail("the child waits for ever")
            time.sleep(0.002)
        assert found[1] == 0
    ends.append(1)
    for thread in threads:
        thread.join()
