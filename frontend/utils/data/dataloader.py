"""DataLoader: a dataset in batches, in order or shuffled, made here or by worker processes."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from brasa.ir.errors import ArgumentError, ValueError
from brasa.random import Generator, default_generator
from brasa.utils.data.collate import default_collate, default_convert
from brasa.utils.data.dataset import IterableDataset
from brasa.utils.data.fetching import Source
from brasa.utils.data.iterators import Indices, Position, Serial
from brasa.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

_T_co = TypeVar("_T_co", covariant=True)
_OP = "DataLoader"
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[_T_co]):
    """A dataset in batches, as `torch.utils.data.DataLoader`.

    dataset: one with numbered samples and a length, or an IterableDataset. batch_size: None for samples as they are.
    shuffle: a new random order in each epoch. sampler: gives the numbers of samples; batch_sampler: those of each
    batch. collate_fn: makes a batch of a list of samples; default_collate without one. drop_last: leave out a last
    batch that is smaller. generator: where the random order comes from, if not the default one.

    num_workers: processes that make the batches, and hand them over in shared memory; 0: made here when asked for.
    prefetch_factor: how many batches each makes ahead, 2 unless given. worker_init_fn: called with its number in each
    worker. multiprocessing_context: "fork", "spawn" and so on. persistent_workers: keep them from epoch to epoch.
    timeout: seconds to wait for a batch, 0 for ever. in_order: give batches in their order, not as they are ready.
    pin_memory, pin_memory_device: for PyTorch's sake; no memory of a CPU needs to be pinned.

    The same batches come in the same order with any number of workers, and random numbers that brasa draws in the
    dataset are the same too: they follow from the epoch and the batch. `state_dict` says where in an epoch the loader
    is; a new loader that is given it with `load_state_dict` goes on with the batch after.
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[Any] | Iterable[Any] | None = None, num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Callable[[int], Any] | None = None, multiprocessing_context: Any = None,
        generator: Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
        pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        self.dataset, self.num_workers, self.timeout = dataset, num_workers, timeout
        self.pin_memory, self.pin_memory_device, self.drop_last = pin_memory, pin_memory_device, drop_last
        self.worker_init_fn, self.generator, self.in_order = worker_init_fn, generator, in_order
        self.persistent_workers, self.multiprocessing_context = persistent_workers, multiprocessing_context
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers > 0 else prefetch_factor
        self._iterable = isinstance(dataset, IterableDataset)
        self._check_workers(prefetch_factor)
        self._check_order(batch_size, shuffle, sampler, batch_sampler)
        if sampler is None and not self._iterable:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.batch_size = batch_size if batch_sampler is None else None
        if self.batch_size is not None and sampler is not None:
            batch_sampler = BatchSampler(sampler, self.batch_size, drop_last)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._batched = batch_sampler is not None or self.batch_size is not None
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)
        self._position: Position | None = None
        self._resume: Position | None = None
        self._workers: Any = None
        self._made = True

    def _check_workers(self, prefetch_factor: int | None) -> None:
        count = self.num_workers
        if count < 0:
            raise ValueError(f"num_workers must not be negative, it is {count}", op=_OP)
        if self.timeout < 0:
            raise ValueError(f"timeout must not be negative, it is {self.timeout}", op=_OP)
        if prefetch_factor is not None and (count == 0 or prefetch_factor < 1):
            fact = f"prefetch_factor must be positive, it is {prefetch_factor}" if count else _needs("prefetch_factor")
            raise ValueError(fact, op=_OP)
        if self.persistent_workers and count == 0:
            raise ValueError(_needs("persistent_workers"), op=_OP)
        if self.multiprocessing_context is not None:
            if count == 0:
                raise ValueError(_needs("multiprocessing_context"), op=_OP)
            self.multiprocessing_context = context_of(self.multiprocessing_context)

    def _check_order(self, batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
        options = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        given = [name for name, value in options.items() if value is not None]
        if self._iterable and given:
            raise ValueError(f"an IterableDataset has its own order, and takes no {given[0]}", op=_OP)
        if batch_sampler is not None and (len(given) > 1 or batch_size != 1 or self.drop_last):
            raise ValueError(
                "batch_sampler leaves nothing for batch_size, shuffle, sampler and drop_last to say", op=_OP
            )
        if len(given) > 1:
            raise ValueError("a sampler has its own order, and takes no shuffle", op=_OP)
        if batch_size is None and self.drop_last:
            raise ValueError("drop_last needs batches, and batch_size=None makes none", op=_OP)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_made" in self.__dict__:
            raise ValueError(f"{name} cannot be changed once there is a loader", op=_OP)
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self.batch_sampler if self._batched else self.sampler)  # type: ignore[arg-type]
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    # epochs

    def __iter__(self) -> Iterator[Any]:
        position, self._resume = self._resume, None
        default = default_generator.get_state()
        generators = self._generators()
        if position is None:
            position = Position([generator.get_state() for generator in generators])
            resumed = False
        else:
            resumed = True
            for generator, state in zip(generators, position.generators, strict=True):
                generator.set_state(state)
        seed = draw_seed(self.generator)
        indices = Indices(self._numbers(), position)
        if resumed:  # an epoch's random numbers were drawn before the state was saved
            indices.look()
            default_generator.set_state(default)
        self._position = position
        source = Source(self.dataset, self.collate_fn, self._iterable, self._batched, self.batch_size, self.drop_last)
        if self.num_workers == 0:
            return Serial(source, indices, position, seed)
        return self._in_parallel(source, indices, position, seed)

    def _numbers(self) -> Any:
        """What gives the numbers of the samples of each batch."""
        if self._iterable:
            return itertools.repeat(None)
        return self.batch_sampler if self._batched else self.sampler

    def _generators(self) -> list[Generator]:
        """All that an epoch draws from."""
        samplers = (self, self.sampler, self.batch_sampler, getattr(self.batch_sampler, "sampler", None))
        own = [getattr(each, "generator", None) for each in samplers]
        return list(dict.fromkeys([default_generator, *(each for each in own if isinstance(each, Generator))]))

    def _in_parallel(self, source: Source, indices: Indices, position: Position, seed: int) -> Iterator[Any]:
        from brasa.utils.data.parallel import Parallel
        from brasa.utils.data.workers import Workers

        workers = self._workers
        if workers is None or workers.closed:
            context = self.multiprocessing_context or multiprocessing.get_context()
            workers = Workers(source, self.num_workers, context, self.worker_init_fn, seed, self.timeout)
        self._workers = workers if self.persistent_workers else None
        assert self.prefetch_factor is not None
        return Parallel(source, indices, position, seed, workers, self.prefetch_factor, self.in_order,
                        self.persistent_workers)  # fmt: skip

    # resuming

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: after the last batch that the latest epoch gave out, or between two epochs.

        Plain values and tensors, which `brasa.save` takes. With it are the states of the dataset, of what iterates over
        it and of the sampler, where these have `state_dict` and `load_state_dict`.
        """
        if self._resume is not None:
            return {"epoch": self._resume.state()}
        if not self.in_order and self.num_workers > 0:
            raise ValueError("batches that came out of order leave no place to go on from", op="DataLoader.state_dict",
                             hint="in_order=True")  # fmt: skip
        position = self._position
        return {"epoch": None if position is None or position.finished else position.state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next epoch go on where `state_dict` was called: its first batch is the one after.

        The dataset and the options must be the same. The number of workers may be another one, unless the dataset is
        iterated over or has a state. What the loader draws from the default generator stays as it was; its own state,
        `brasa.get_rng_state()`, is the caller's to save.
        """
        epoch = state_dict["epoch"]
        self._resume = None if epoch is None else Position(**epoch)
        self._position = None


def _needs(option: str) -> str:
    return f"{option} is for worker processes, and num_workers is 0"


def context_of(named: Any) -> Any:
    """The multiprocessing context of this name, or that is given."""
    if isinstance(named, str):
        known = multiprocessing.get_all_start_methods()
        if named not in known:
            raise ValueError(f"multiprocessing_context must be one of {', '.join(known)}, not {named!r}", op=_OP)
        return multiprocessing.get_context(named)
    if not isinstance(named, multiprocessing.context.BaseContext):
        raise ArgumentError(f"multiprocessing_context must be a name or a context, not {type(named).__name__}", op=_OP)
    return named
