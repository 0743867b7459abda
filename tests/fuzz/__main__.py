"""`make fuzz`: runs random programs until one has two answers, shrinks it, and goes on where it was stopped before."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from tests.fuzz.seeds import FOLDER, Finding, judge_seed, start_worker


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
        self.path.write_text(json.dumps({"next": self.next, "found": self.found}, indent=1))
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


def run(campaign: Campaign, workers: int) -> None:
    """Judge all seeds in so many processes; a process that dies is a finding, too."""
    seeds = campaign.open_seeds()
    context = multiprocessing.get_context("spawn")
    while True:
        for note in FOLDER.glob("running-*"):
            note.unlink()
        with ProcessPoolExecutor(workers, context, start_worker, max_tasks_per_child=1000) as pool:
            try:
                _feed(pool, campaign, seeds, workers)
                return
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise
            except BrokenProcessPool:
                dead = sorted(int(note.read_text()) for note in FOLDER.glob("running-*"))
                for seed in dead:
                    campaign.note(seed, Finding(seed, "the process died in this program or its neighbour", ""))


def _feed(pool: ProcessPoolExecutor, campaign: Campaign, seeds: Iterator[int], workers: int) -> None:
    running: dict[Future[Finding | None], int] = {}
    while True:
        while len(running) < 2 * workers and (seed := next(seeds, None)) is not None:
            running[pool.submit(judge_seed, seed)] = seed
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            campaign.note(running.pop(future), future.result())


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
