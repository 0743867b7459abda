"""Random numbers: one Philox generator, the same numbers eager, compiled and on every device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa._state import DEFAULTS
from brasa.creation import sizes_of, tensor
from brasa.devices import device_name
from brasa.function import function
from brasa.functions import pointwise
from brasa.ir.dtype import DType, float32, float64, int64, uint32, uint64
from brasa.ir.errors import ValueError
from brasa.ir.ops.elementwise import shift_right
from brasa.ir.ops.source import random_bits
from brasa.ir.types import TensorType
from brasa.primitive import Number, carrier, cast, constant, current, elementwise_op, type_of
from brasa.tensor import Tensor


class Generator:
    """The state behind random numbers: a seed, and how many random calls have been made."""

    def __init__(self, device: Any = None) -> None:
        self.seed_value, self.offset = 0x5EED, 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to this seed."""
        self.seed_value, self.offset = seed & ((1 << 63) - 1), 0
        return self

    def initial_seed(self) -> int:
        """The seed in use."""
        return self.seed_value

    def seed(self) -> int:
        """Start from a seed that cannot be foreseen, and return it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self.seed_value

    def draw(self) -> tuple[int, int]:
        """(seed, number of this call): what one random function depends on."""
        self.offset += 1
        return self.seed_value, self.offset - 1

    def get_state(self) -> Tensor:
        """The state as an int64 tensor."""
        return tensor([self.seed_value, self.offset], dtype=int64)

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a state that get_state() gave."""
        self.seed_value, self.offset = (int(x) for x in state.tolist())
        return self


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator's sequence that belongs to this seed."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def seed() -> int:
    """Give the default generator a seed that cannot be foreseen."""
    return default_generator.seed()


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Set the default generator's state."""
    default_generator.set_state(state)


def next_draw(generator: Generator | None = None) -> tuple[int, int]:
    """(seed, call number) of the next random call."""
    return (generator or default_generator).draw()


def _bits(like: Tensor, seed: Number, call: Number, word: int, draw: int = 0) -> Tensor:
    type = type_of(like)
    bits = TensorType(type.shape, uint32, type.device)
    operands = [x if isinstance(x, Tensor) else constant(x, int64) for x in (seed, call)]
    return current().fresh(
        current().apply(random_bits, *(current().node_of(x) for x in operands), word=word, draw=draw, type=bits)
    )


def uniform_bits(like: Tensor, seed: Number, call: Number, draw: int = 0, dtype: DType | None = None) -> Tensor:
    """Uniform numbers in [0, 1) in the shape of a traced tensor: multiples of 2**-24 (float64: 2**-53)."""
    kind = dtype or type_of(like).dtype
    if kind is float64:
        high = cast(_bits(like, seed, call, 0, draw), uint64)
        low = cast(_bits(like, seed, call, 1, draw), uint64)
        wide = pointwise.bitwise_or(pointwise.bitwise_left_shift(high, 32), low)
        return pointwise.mul(cast(_shifted(wide, 11, uint64), float64), 2.0**-53)
    whole = _shifted(_bits(like, seed, call, 0, draw), 8, uint32)
    return cast(pointwise.mul(cast(whole, float32), 2.0**-24), kind)


def _shifted(bits: Tensor, by: int, dtype: DType) -> Tensor:
    return elementwise_op(shift_right, bits, by, dtype=dtype)


@function
def _uniform(like: Tensor, seed: Number, call: Number, low: Number, high: Number) -> Tensor:
    fraction = uniform_bits(like, seed, call)
    return pointwise.add(pointwise.mul(fraction, pointwise.sub(high, low)), low)


@function
def _normal(like: Tensor, seed: Number, call: Number, mean: Number, std: Number) -> Tensor:
    """Box and Muller's transform ("A note on the generation of random normal deviates", 1958)."""
    kind = type_of(like).dtype
    wide = float64 if kind is float64 else float32
    first = uniform_bits(like, seed, call, 0, wide)
    second = uniform_bits(like, seed, call, 1, wide)
    radius = pointwise.sqrt(pointwise.mul(pointwise.log(pointwise.sub(1.0, first)), -2.0))
    value = pointwise.mul(radius, pointwise.cos(pointwise.mul(second, 2 * math.pi)))
    return pointwise.add(pointwise.mul(cast(value, kind), std), mean)


@function
def _integers(like: Tensor, seed: Number, call: Number, low: Number, count: Number) -> Tensor:
    high_bits = cast(_bits(like, seed, call, 0), uint64)
    wide = pointwise.bitwise_or(pointwise.bitwise_left_shift(high_bits, 32), cast(_bits(like, seed, call, 1), uint64))
    positive = cast(_shifted(wide, 1, uint64), int64)
    return cast(pointwise.add(pointwise.remainder(positive, count), low), type_of(like).dtype)


@function
def _chances(input: Tensor, seed: Number, call: Number) -> Tensor:
    return cast(pointwise.lt(uniform_bits(input, seed, call), input), type_of(input).dtype)


def rand(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1)."""
    like = carrier(sizes_of(size, "rand"), dtype or DEFAULTS.dtype, device_name(device))
    made: Tensor = _uniform(like, *next_draw(generator), 0.0, 1.0)
    return made.requires_grad_() if requires_grad else made


def randn(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Numbers from the normal distribution with mean 0 and variance 1."""
    like = carrier(sizes_of(size, "randn"), dtype or DEFAULTS.dtype, device_name(device))
    made: Tensor = _normal(like, *next_draw(generator), 0.0, 1.0)
    return made.requires_grad_() if requires_grad else made


def randint(
    low: int, high: Any = None, size: Any = None, *, dtype: DType | None = None, device: Any = None,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Whole numbers from low (default 0) to high - 1, each as likely; remainders of 63 random bits."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise ValueError(f"no number is at least {low} and below {high}", op="randint")
    like = carrier(sizes_of(tuple(size), "randint"), dtype or int64, device_name(device))
    return _integers(like, *next_draw(generator), low, high - low)  # type: ignore[no-any-return]


def rand_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """rand in the shape and dtype of another tensor."""
    return rand(*input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """randn in the shape and dtype of another tensor."""
    return randn(*input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randperm(n: int, *, generator: Generator | None = None, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The numbers 0..n-1 in random order."""
    keys = rand(n, dtype=float64, generator=generator)
    return tensor(np.argsort(keys.numpy(), kind="stable"), dtype=dtype or int64, device=device)


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element of input is, else 0."""
    return _chances(input, *next_draw(generator))  # type: ignore[no-any-return]


def uniform(tensor: Tensor, low: float, high: float, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [low, high) in the shape and dtype of a tensor."""
    like = carrier(tensor.shape, tensor.dtype, str(tensor.device))
    return _uniform(like, *next_draw(generator), float(low), float(high))  # type: ignore[no-any-return]


def normal(tensor: Tensor, mean: float, std: float, generator: Generator | None = None) -> Tensor:
    """Normal numbers in the shape and dtype of a tensor."""
    like = carrier(tensor.shape, tensor.dtype, str(tensor.device))
    return _normal(like, *next_draw(generator), float(mean), float(std))  # type: ignore[no-any-return]
