"""Going on in the middle of an epoch: a new loader gives the rest that the first one would have given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import brasa
from brasa.utils.data import DataLoader, Dataset, RandomSampler, Sampler
from tests.frontend.data.datasets import Counted, Numbers, StatefulStream, Stream, plain


def stop_and_go_on(make: Any, again: Any, stop: int, path: Path) -> None:
    """Takes `stop` batches and a new loader's rest: together they are the epoch, and the next one follows."""
    brasa.manual_seed(5)
    loader = make()
    whole = [[plain(batch) for batch in loader] for _ in range(2)]
    brasa.manual_seed(5)
    loader = make()
    batches = iter(loader)
    taken = [plain(next(batches)) for _ in range(stop)]
    brasa.save({"loader": loader.state_dict(), "random": brasa.get_rng_state()}, path)
    del batches, loader

    saved = brasa.load(path)
    brasa.manual_seed(99)
    brasa.set_rng_state(saved["random"])
    loader = again()
    loader.load_state_dict(saved["loader"])
    assert loader.state_dict()["epoch"]["batches"] == stop
    assert taken + [plain(batch) for batch in loader] == whole[0]
    if not isinstance(loader.dataset, Counted):
        assert [plain(batch) for batch in loader] == whole[1]


@pytest.mark.parametrize("stop", [1, 8])
@pytest.mark.parametrize(("workers", "later"), [(2, 2), (0, 2), (3, 1)])
def test_shuffled(workers: int, later: int, stop: int, tmp_path: Path) -> None:
    make, again = (lambda n=n: DataLoader(Numbers(), 4, shuffle=True, num_workers=n) for n in (workers, later))
    stop_and_go_on(make, again, stop, tmp_path / "state.brasa")


@pytest.mark.parametrize("dataset", [Counted, Stream, StatefulStream])
@pytest.mark.parametrize(("workers", "stop"), [(0, 3), (2, 1), (3, 6)])
def test_states_of_datasets(dataset: type[Dataset[Any]], workers: int, stop: int, tmp_path: Path) -> None:
    """A dataset, and what iterates over one, go on from their own states; without one, batches are read and left."""

    def make() -> DataLoader[Any]:
        return DataLoader(dataset(), 4, num_workers=workers)  # type: ignore[call-arg]

    if dataset is not StatefulStream:
        stop_and_go_on(make, make, stop, tmp_path / "state.brasa")
        return
    batches = iter(loader := make())
    taken = [next(batches) for _ in range(stop)]
    other = make()
    other.load_state_dict(loader.state_dict())
    rest, mine = ([plain(batch) for batch in each] for each in (other, batches))
    assert [numbers for numbers, _ in rest] == [numbers for numbers, _ in mine]
    assert len(taken) == stop
    again, first = (sum(steps[0] for _, steps in part) for part in (rest, mine))
    assert again < first  # nothing was read again: the new iterators count from where they began


class Own(Sampler[int]):
    """A sampler with a state: where it is."""

    def __init__(self) -> None:
        self.place = 0

    def __iter__(self) -> Iterator[int]:
        while self.place < 12:
            self.place += 1
            yield (self.place - 1) * 5 % 12
        self.place = 0

    def state_dict(self) -> dict[str, int]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.place = state["place"]


@pytest.mark.parametrize("workers", [0, 2])
def test_samplers(workers: int, tmp_path: Path) -> None:
    """One with a state, and one with a generator of its own."""

    def random() -> RandomSampler:
        return RandomSampler(range(12), replacement=True, generator=brasa.Generator().manual_seed(3))

    for sampler in (Own, random):
        make = lambda s=sampler: DataLoader(range(12), 2, sampler=s(), num_workers=workers)  # noqa: E731
        stop_and_go_on(make, make, 2, tmp_path / "state.brasa")


def test_between_epochs() -> None:
    """Before the first batch, after the last one, and once the end was seen."""
    loader = DataLoader(range(4), 2)
    assert loader.state_dict() == {"epoch": None}
    loader.load_state_dict({"epoch": None})
    batches = iter(loader)
    assert [plain(batch) for batch in batches] == [[0, 1], [2, 3]] and loader.state_dict() == {"epoch": None}
    batches = iter(loader)
    for _ in range(2):
        state = next(batches) is not None and loader.state_dict()
    other = DataLoader(range(4), 2)
    other.load_state_dict(state)
    assert [*other] == [] and [plain(batch) for batch in other] == [[0, 1], [2, 3]]


def test_what_cannot_be_resumed() -> None:
    loader = DataLoader(Counted(), 4, num_workers=2)
    batches = iter(loader)
    next(batches)
    other = DataLoader(Counted(), 4, num_workers=1)
    other.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="2 workers each saved a state of the dataset, and 1 are to go on from them"):
        next(iter(other))
    loose = DataLoader(range(4), num_workers=1, in_order=False)
    with pytest.raises(ValueError, match=r"leave no place to go on from\n  hint: in_order=True"):
        loose.state_dict()
