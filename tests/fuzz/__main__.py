"""`make fuzz`: runs random programs until one has two answers, shrinks it, and goes on where it was stopped before."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait

from tests.fuzz.seeds import FOLDER, Finding, work

_MOST = 500  # seeds of one process: what it has compiled takes some 4 MB each
_LONGEST = 900  # seconds for one seed


class Campaign:
    """Seeds from `first` on: which are done, and what they found; kept in a file, so that it can be taken up again."""

    def __init__(self, first: int, count: int, again: bool) -> None:
        self.path = FOLDER / f"from-{first}.json"
        self.seeds = range(first, first + count)
        kept = json.loads(self.path.read_text()) if self.path.is_file() and not again else {}
        self.next, self.found = (
            kept.get("next", first),
            {int(seed): fact for seed, fact in kept.get("found", {}).items()},
        )
        self.done: set[int] = set()
        self.started, self.count = time.monotonic(), 0

    def note(self, seed: int, finding: Finding | None) -> None:
        """Write down that a seed is done, and the test that it has found."""
        self.done.add(seed)
        self.count += 1
        while self.next in self.done:
            self.done.discard(self.next)
            self.next += 1
        if finding is not None:
            self.found[seed] = finding.fact
            (FOLDER / f"seed-{seed}.py").write_text(finding.test)
            print(f"\rseed {seed}: {finding.fact}\n{finding.test}", flush=True)
        written = self.path.with_suffix(".new")  # whoever is stopped while writing has the old one still
        written.write_text(json.dumps({"next": self.next, "found": self.found}, indent=1))
        written.replace(self.path)
        self._show()

    def _show(self) -> None:
        if not sys.stdout.isatty() and self.count % 100:
            return
        done = self.next - self.seeds.start + len(self.done)
        rate = self.count / (time.monotonic() - self.started)
        width = 30 * done // len(self.seeds)
        bar = f"[{'#' * width}{'.' * (30 - width)}]"
        line = f"{bar} {done}/{len(self.seeds)} programs, {rate:.1f} a second, {len(self.found)} differ"
        print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)

    def open_seeds(self) -> Iterator[int]:
        """The seeds that are still to be judged."""
        return iter(range(self.next, self.seeds.stop))


class Worker:
    """A process that judges one seed after the other. seed: the one that it has now."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.seed, self.done, self.started = 0, 0, 0.0

    def give(self, seed: int) -> None:
        """Let it judge a seed."""
        self.seed, self.started = seed, time.monotonic()
        self.connection.send(seed)

    def take(self) -> Finding | None:
        """What its seed has found; EOFError if the process has died of it."""
        self.done += 1
        found: Finding | None = self.connection.recv()
        return found

    def end(self) -> None:
        """Let it end, if it has not yet."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def run(campaign: Campaign, workers: int) -> None:
    """Judge all seeds in so many processes.

    A process that dies, or takes too long, leaves the others alone, and is a finding where a new one does it again.
    """
    seeds, suspects = campaign.open_seeds(), set[int]()
    crew = [_with(seed) for _, seed in zip(range(workers), seeds, strict=False)]
    try:
        while crew:
            worker = _ready(crew)
            seed: int | None = worker.seed
            died = False
            try:
                found = worker.take()
            except EOFError:
                died, found = (
                    True,
                    Finding(worker.seed, f"the process died of it, or took more than {_LONGEST} seconds", ""),
                )
            if died and seed not in suspects:
                suspects.add(worker.seed)
            else:
                campaign.note(worker.seed, found)
                seed = next(seeds, None)
            if seed is not None and not died and worker.done < _MOST:
                worker.give(seed)
                continue
            worker.end()
            crew.remove(worker)
            crew += [] if seed is None else [_with(seed)]
    finally:
        for worker in crew:
            worker.end()


def _ready(crew: Sequence[Worker]) -> Worker:
    """The first that has an answer, or has died; whoever takes too long is ended."""
    while not (ready := wait([worker.connection for worker in crew], _LONGEST / 100)):
        for worker in crew:
            if time.monotonic() - worker.started > _LONGEST:
                worker.process.kill()
    return next(worker for worker in crew if worker.connection is ready[0])


def _with(seed: int) -> Worker:
    """A new process that judges the seed."""
    worker = Worker()
    worker.give(seed)
    return worker


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000, help="programs (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per processor)")
    parser.add_argument("--again", action="store_true", help="begin anew instead of going on")
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    campaign = Campaign(given.first, given.count, given.again)
    try:
        run(campaign, given.workers)
    except KeyboardInterrupt:
        print(f"\nstopped before seed {campaign.next}; the same command goes on from there")
    print(f"\n{len(campaign.found)} programs have more than one answer{': ' if campaign.found else ''}"
          f"{', '.join(map(str, sorted(campaign.found)))}")  # fmt: skip
    sys.exit(1 if campaign.found else 0)


if __name__ == "__main__":
    main()
