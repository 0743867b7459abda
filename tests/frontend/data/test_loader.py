"""The DataLoader: batches, their order, and its options, with any number of workers."""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.utils.data import DataLoader, RandomSampler, TensorDataset, get_worker_info
from tests.frontend.data.datasets import Numbers, Pairs, Stream, plain


@pytest.mark.parametrize("shuffle", [False, True])
def test_same_batches_for_any_number_of_workers(shuffle: bool) -> None:
    """In the same order, with the same random numbers of brasa's in them, in each epoch."""
    runs = []
    for workers in (0, 1, 2, 4):
        brasa.manual_seed(7)
        loader = DataLoader(Numbers(), 4, shuffle=shuffle, num_workers=workers)
        runs.append([[plain(batch) for batch in loader] for _ in range(2)] + [brasa.rand(1).item()])
    assert runs[0] == runs[1] == runs[2] == runs[3]
    first, second = runs[0][:2]
    assert len(first) == len(loader) == 8 and len(first[-1]["y"]) == 2
    numbers = [number for batch in first for number in batch["y"]]
    assert sorted(numbers) == [*range(30)] and (numbers != [*range(30)]) == shuffle
    assert [batch["name"] for batch in first] != [batch["name"] for batch in second] or not shuffle
    noise = np.array([row for batch in first for row in batch["noise"]])
    assert len(np.unique(noise)) == 60 and np.array_equal(
        first[0]["x"], np.array(first[0]["y"])[:, None, None] + np.zeros((2, 3))
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_start_methods(method: str) -> None:
    loader = DataLoader(Pairs(4), 2, num_workers=1, multiprocessing_context=method)
    for number, (tensors, arrays) in enumerate(loader):
        assert tensors.dtype is brasa.bfloat16 and tensors.shape == (2, 100, 100) and arrays.dtype is brasa.float32
        assert tensors[1, 7, 7].item() == arrays[1, 63].item() == 2 * number + 1


def test_batches_stay_and_can_be_written_to() -> None:
    """Each has memory of its own, for as long as it is used, whatever becomes of the loader."""
    batches = [*DataLoader(Pairs(6), 1, num_workers=2, collate_fn=lambda samples: samples[0])]
    for tensor, array in batches:
        tensor.add_(1)
        np.add(array, 1, out=array)
    assert [tensor[3, 3].item() for tensor, _ in batches] == [array[5] for _, array in batches] == [*range(1, 7)]


def test_other_values() -> None:
    """What a collate_fn gives may be anything that can be pickled, large or small."""
    for size in (3, 100_000):
        loader = DataLoader(range(4), 2, num_workers=1, collate_fn=lambda batch, n=size: (batch, "x" * n, None))
        assert [*loader] == [([0, 1], "x" * size, None), ([2, 3], "x" * size, None)]
    leaf = brasa.nn.Parameter(brasa.arange(6.0).view(2, 3).t())
    (made,) = DataLoader([leaf], None, num_workers=1)
    assert isinstance(made, brasa.nn.Parameter) and made.requires_grad and made.tolist() == leaf.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers: int) -> None:
    """Each worker has its own part; whole batches come from one worker."""
    loader = DataLoader(Stream(), 4, num_workers=workers)
    batches = [plain(batch) for batch in loader]
    assert sorted(number for batch in batches for number in batch) == [*range(25)]
    if workers == 0:
        assert [len(batch) for batch in batches] == [4] * 6 + [1]
    else:
        assert batches[:3] == [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10, 12, 14]]
    dropping = [plain(batch) for batch in DataLoader(Stream(), 4, num_workers=workers, drop_last=True)]
    assert dropping == [batch for batch in batches if len(batch) == 4]
    assert [plain(number) for number in DataLoader(Stream(5), None, num_workers=workers)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_orders(workers: int) -> None:
    """Samplers of one's own, of samples and of batches; and samples as they are."""
    given = {"sampler": [3, 1, 4], "batch_size": 2}, {"batch_sampler": [[5], [2, 6]]}, {"batch_size": None}
    wanted = [[3, 1], [4]], [[5], [2, 6]], [*range(8)]
    for options, batches in zip(given, wanted, strict=True):
        assert [plain(batch) for batch in DataLoader(range(8), num_workers=workers, **options)] == batches
    out_of_order = DataLoader(range(8), num_workers=workers, in_order=False)
    assert sorted(plain(batch) for batch in out_of_order) == [[number] for number in range(8)]
    streamed = DataLoader(Stream(9), 2, num_workers=workers, in_order=False)
    assert sorted(number for batch in streamed for number in plain(batch)) == [*range(9)]


def test_generators() -> None:
    """The order follows from the loader's generator, and leaves the default one as it was."""

    def order(seed: int) -> Any:
        brasa.manual_seed(0)
        loader = DataLoader(range(20), 20, shuffle=True, generator=brasa.Generator().manual_seed(seed))
        epochs = [plain(next(iter(loader))) for _ in range(2)]
        assert brasa.initial_seed() == 0 and brasa.get_rng_state().tolist() == [0, 0]
        return epochs

    assert order(1) == order(1) != order(2) and order(1)[0] != order(1)[1]


def test_workers_know_what_they_are() -> None:
    def see(samples: list[int]) -> list[int]:
        info = get_worker_info()
        assert info is not None and len(info.dataset) == 4
        return [info.id, info.num_workers, info.seed - info.id, brasa.get_num_threads(), seen[0]]

    seen = [0]

    def note(worker: int) -> None:
        seen[0] = 10 * worker + 5

    rows = [*DataLoader(range(4), 1, num_workers=2, collate_fn=see, worker_init_fn=note)]
    assert [row[:2] for row in rows] == [[0, 2], [1, 2]] * 2 and len({row[2] for row in rows}) == 1
    assert [row[3:] for row in rows] == [[1, 5], [1, 15]] * 2
    assert get_worker_info() is None


def test_persistent_workers() -> None:
    """The same processes make every epoch, also after one that was left before its end."""
    loader = DataLoader(Numbers(8), 2, num_workers=2, persistent_workers=True, collate_fn=_process_and_numbers)
    first = [*loader]
    next(iter(loader))
    assert [*loader] == first
    assert [*DataLoader(Numbers(8), 2, num_workers=2, collate_fn=_process_and_numbers)] != first


def _process_and_numbers(samples: list[Any]) -> Any:
    return multiprocessing.current_process().pid, [sample["y"] for sample in samples]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers must not be negative, it is -1"),
        ({"timeout": -1}, "timeout must not be negative, it is -1"),
        ({"prefetch_factor": 2}, "prefetch_factor is for worker processes, and num_workers is 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor must be positive, it is 0"),
        ({"persistent_workers": True}, "persistent_workers is for worker processes"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context is for worker processes"),
        ({"multiprocessing_context": "no", "num_workers": 1}, "must be one of .*, not 'no'"),
        ({"sampler": [1], "shuffle": True}, "a sampler has its own order, and takes no shuffle"),
        ({"batch_sampler": [[1]], "drop_last": True}, "batch_sampler leaves nothing for batch_size, shuffle,"),
        ({"batch_size": None, "drop_last": True}, "drop_last needs batches, and batch_size=None makes none"),
        ({"dataset": Stream(), "shuffle": True}, "an IterableDataset has its own order, and takes no shuffle"),
    ],
)  # fmt: skip
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"DataLoader: .*{message}"):
        DataLoader(**{"dataset": range(3), **options})


def test_attributes() -> None:
    loader = DataLoader(TensorDataset(brasa.arange(10)), 4, shuffle=True, drop_last=True, pin_memory=True)
    assert (len(loader), loader.batch_size, loader.num_workers) == (2, 4, 0) and isinstance(
        loader.sampler, RandomSampler
    )
    assert loader.batch_sampler.drop_last and loader.prefetch_factor is None
    with pytest.raises(ValueError, match="DataLoader: batch_size cannot be changed once there is a loader"):
        loader.batch_size = 3
    assert len(DataLoader(range(10), batch_sampler=[[1], [2]])) == 2 and len(DataLoader(range(10), None)) == 10


def test_against_torch() -> None:
    """The same program gives batches of the same structure, types and values."""
    torch = pytest.importorskip("torch")

    class Both(torch.utils.data.Dataset):
        def __init__(self, lib: Any) -> None:
            self.lib = lib

        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Any:
            x = self.lib.arange(3) * index
            return x, index, index / 2, "t", {"a": np.full(2, index, np.float32), "b": [x, (1, index)]}

    def described(batch: Any) -> Any:
        if isinstance(batch, dict):
            return {key: described(value) for key, value in batch.items()}
        if isinstance(batch, list | tuple):
            return type(batch), [described(value) for value in batch]
        return (str(batch.dtype).rpartition(".")[2], batch.tolist()) if hasattr(batch, "dtype") else batch

    for options in ({"batch_size": 3}, {"batch_size": None}, {"batch_size": 3, "drop_last": True, "num_workers": 2}):
        ours, theirs = (
            [described(batch) for batch in lib.utils.data.DataLoader(Both(lib), **options)] for lib in (brasa, torch)
        )
        assert ours == theirs
