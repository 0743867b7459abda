"""`BRASA=tune`: kernels that can be made in several ways are measured at the sizes of a call, and the fastest is used.

All ways give the same bits, so this changes nothing but time. It is measured on scratch memory, for two seconds a
kernel at most; what was found is kept with the compiled programs, by kernel, processor, threads, and sizes up to a
power of two. Without the word in BRASA the cost model decides, whatever was measured before: runs stay comparable.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from brasa import runtime
from brasa.execution.trials import Trial, Trials
from brasa.ir import dim
from brasa.ir.graph import Graph
from brasa.ir.target import Target
from brasa.tensors.spec import Spec

if TYPE_CHECKING:
    from brasa.codegen.schedules import Ways

Wanted: TypeAlias = Mapping[str, Any]
Clock: TypeAlias = Callable[[], float]

BOX = 2.0  # seconds that one kernel may take
_BURST = 5e-4  # seconds that one sample takes at least
_ROUNDS, _FIRST_ROUNDS = 9, 3  # samples of a way; of one that is clearly slower
_SLOWER, _FASTER = 1.05, 0.97  # of the time of the best so far: what is clearly slower, and what is preferred
_LOGGER = logging.getLogger("brasa")


def sizes_of(graph: Graph, specs: Sequence[Spec | None]) -> dict[str, int]:
    """What the named sizes of a program's inputs are at these specs."""
    return {
        str(size): int(actual)
        for node, spec in zip(graph.inputs, specs, strict=True) if spec is not None
        for size, actual in zip(node.tensor.shape, spec.stored_shape, strict=False)
    }  # fmt: skip


def tuner_for(graph: Graph, specs: Sequence[Spec | None], target: Callable[[], Target]) -> Tuner | None:
    """Who chooses for a program that is called with operands of these specs; nobody, unless BRASA says so."""
    return Tuner(target(), sizes_of(graph, specs)) if runtime.settings().tune else None


class Tuner:
    """Chooses by measurement. key: what its choices depend on besides program and target."""

    def __init__(self, target: Target, sizes: Mapping[str, int], clock: Clock = perf_counter) -> None:
        self._target, self._sizes, self._clock = target, sizes, clock
        self.key = _class_of(sizes)

    def __call__(self, ways: Ways) -> Wanted:
        """The choices that make the fastest kernel among those that there was time for."""
        sizes = {name: dim.evaluate(size, self._sizes) for name, size in ways.values.items()}
        numbered = {str(number): size for number, size in enumerate(sizes.values())}
        key = runtime.cache_key(ways.key + _class_of(numbered), self._target.key)
        entry = runtime.disk_cache().read(key)
        if entry is not None:
            return entry.notes  # type: ignore[no-any-return]
        found = self._measured(ways, Trials(ways, sizes, self._target))
        runtime.disk_cache().write(key, found, ())
        return found

    def _measured(self, ways: Ways, trials: Trials) -> Wanted:
        """One choice after the other, the others as they are best so far."""
        begin = self._clock()
        best = trials.make({})
        if best is None:
            return {}
        count, longest, gain = 1, self._clock() - begin, 1.0
        longest += (1 + 2 * _FIRST_ROUNDS) * max(self._seconds(best, 1), _BURST)
        for name, options in ways.first.options.items():
            for option in options[1:]:
                start = self._clock()
                if start + longest > begin + BOX:
                    break
                _show(f"tuning {ways.region.name}: way {count + 1}")
                other = trials.make({**best.wanted, name: option})
                if other is not None:
                    count += 1
                    ratio = self._ratio(best, other, begin + BOX)
                    best, gain = (other, gain / ratio) if ratio < _FASTER else (best, gain)
                longest = max(longest, self._clock() - start)
        _show("")
        name = ways.make(best.wanted).kernel.name
        _LOGGER.info("tune: %s, %.2f times as fast as the cost model's way, the best of %d in %.2f s",
                     name, gain, count, self._clock() - begin)  # fmt: skip
        return best.wanted

    def _ratio(self, best: Trial, other: Trial, end: float) -> float:
        """The time that `other` takes as a share of that of `best`, measured by turns; 1 if time runs out before."""
        start = self._clock()
        other.call()
        calls = max(1, int(_BURST / max(self._clock() - start, 1e-7)))
        ratios: list[float] = []
        while len(ratios) < _ROUNDS and not (len(ratios) == _FIRST_ROUNDS and median(ratios) > _SLOWER):
            start = self._clock()
            times = [self._seconds(each, calls) for each in (best, other)]
            ratios.append(times[1] / times[0])
            if 2 * self._clock() - start > end:
                break
        return median(ratios) if len(ratios) >= _FIRST_ROUNDS else 1.0

    def _seconds(self, trial: Trial, calls: int) -> float:
        start = self._clock()
        for _ in range(calls):
            trial.call()
        return max(self._clock() - start, 1e-9)


def _class_of(sizes: Mapping[str, int]) -> str:
    """A text that is the same for sizes between the same powers of two."""
    lengths = ", ".join(f"{name} of {size.bit_length()} bits" for name, size in sizes.items())
    return f"\ntuned for {runtime.get_num_threads()} threads, {lengths}"


def _show(text: str) -> None:
    """A line for a person at a terminal, in place of the one before."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
