"""One program for all sizes that it is right for, and what it asks of them."""

import random

import numpy as np
import pytest

import brasa
from brasa import nn
from tests.compiling import assert_compiles

F = nn.functional


def images(*shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return brasa.tensor(values.astype(np.float32))


def same_bits(x, y):
    return x.detach().numpy().tobytes() == y.detach().numpy().tobytes()


def flattening():
    brasa.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 16, 10),
    )  # fmt: skip


def test_adaptive_pooling_takes_every_size_in_one_program():
    brasa.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(8 * 16, 10),
    )  # fmt: skip
    compiled, draw = brasa.compile(model), random.Random(0)
    with brasa.no_grad(), assert_compiles(1):
        for seed in range(200):
            x = images(draw.randint(1, 8), 3, draw.randint(8, 24), draw.randint(8, 24), seed=seed)
            if seed % 20:
                compiled(x)
            else:
                assert same_bits(compiled(x), model(x))
    assert "input.shape[2] >= 2" in brasa.explain(compiled).constraints


def test_images_that_flatten_to_the_same_number_of_features_share_a_program():
    model = flattening()
    compiled = brasa.compile(model)
    with brasa.no_grad(), assert_compiles(1):
        for height, width in ((16, 16), (17, 19), (18, 18), (19, 16), (16, 16), (19, 19)):
            for rows in (1, 3):
                x = images(rows, 3, height, width, seed=height)
                assert same_bits(compiled(x), model(x))
    assert brasa.explain(compiled).constraints == (
        "input.shape[1] == 3", "16 <= input.shape[2] <= 19", "16 <= input.shape[3] <= 19",
    )  # fmt: skip
    with pytest.raises(ValueError, match="inner sizes differ, 200 "):
        compiled(images(1, 3, 20, 20))
    x = images(2, 3, 33, 9)  # as many features, in another shape
    assert same_bits(compiled(x), model(x))


def test_training_shares_a_program_across_those_sizes():
    def losses(compile):
        model = flattening()
        optimizer = brasa.optim.SGD(model.parameters(), lr=0.01)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = brasa.compile(step) if compile else step
        sizes = ((16, 16), (17, 19), (19, 18), (16, 16))
        found = [run(images(2, 3, *size, seed=i), brasa.tensor([1, 7])).item() for i, size in enumerate(sizes)]
        return found, [parameter.detach().numpy().tobytes() for parameter in model.parameters()]

    eager = losses(False)
    with assert_compiles(1):
        compiled = losses(True)
    assert compiled == eager


@pytest.mark.parametrize("flatten", [
    lambda x: x.view(x.shape[0], -1), lambda x: x.view(-1, 128), lambda x: x.reshape(x.shape[0], 128),
    lambda x: x.flatten(1),
])  # fmt: skip
def test_ways_to_flatten(flatten):
    weight = images(128, 5, seed=1).requires_grad_()

    def call(x):
        return flatten(F.avg_pool2d(x, 4)) @ weight

    compiled = brasa.compile(call)
    for size in (16, 18, 17, 19, 16):
        results = []
        for run in (call, compiled):
            x, weight.grad = images(2, 8, size, size, seed=size).requires_grad_(), None
            y = run(x)
            y.square().sum().backward()
            results.append((y, x.grad, weight.grad))
        assert all(map(same_bits, *results))
    constraints = brasa.explain(compiled).constraints
    assert ("16 <= x.shape[2] <= 19" in constraints) == ("x.shape[2] == 16" not in constraints), constraints


def test_sizes_that_meet_after_a_division():
    def join(x, y):
        return F.max_pool2d(x, 2) + y[..., ::2, ::2]

    compiled = brasa.compile(join)
    with assert_compiles(1):
        for height, width in ((6, 8), (10, 4), (8, 8)):
            x, y = images(1, 1, height, width), images(1, 1, height, width, seed=1)
            assert same_bits(compiled(x, y), join(x, y))


def test_what_is_halved_and_doubled_meets_what_was_not():
    up = nn.Upsample(scale_factor=2)

    def hourglass(x):
        return brasa.cat([x, up(F.max_pool2d(x, 2) + up(F.max_pool2d(x, 4)))], 1)

    compiled = brasa.compile(hourglass)
    with assert_compiles(1):
        for height, width in ((8, 12), (16, 4), (12, 12)):
            x = images(2, 3, height, width)
            assert same_bits(compiled(x), hourglass(x))
    with pytest.raises(ValueError):
        compiled(images(2, 3, 6, 9))


def test_an_inequality_is_all_that_python_asks_for():
    def call(x):
        return x * 2 if x.shape[0] > 8 else x + 1

    compiled = brasa.compile(call)
    with assert_compiles(2):
        for rows in (3, 9, 8, 40, 1, 10):
            assert same_bits(compiled(images(rows, 2)), call(images(rows, 2)))
    first, second = brasa.explain(compiled).programs
    assert {first.constraints, second.constraints} == {("x.shape[0] <= 8",), ("x.shape[0] >= 9",)}


def test_sizes_are_fixed_when_that_is_asked_for():
    compiled = brasa.compile(lambda x: x * 2, dynamic=False)
    with assert_compiles(3):
        for rows in (3, 9, 8, 3, 9):
            compiled(images(rows, 2))
    assert brasa.explain(compiled).constraints == ()


def test_a_view_of_open_sizes_decides_them():
    """A view that no algebra allows: the sizes of the call decide, and its strides are those of these sizes."""
    compiled = brasa.compile(lambda x: x.view(3, 4) * 2, fullgraph=True)
    for shape in ((2, 6), (4, 3), (1, 12), (12,), (2, 6)):
        x = brasa.arange(12.0).view(shape)
        assert compiled(x).tolist() == (x.view(3, 4) * 2).tolist()


def test_a_half_that_is_the_whole():
    """One row: half of the rows, rounded up, are as many; no name is then said to be its own half."""

    def function(x):
        return brasa.hypot(x, (x[::2] * 2).cumsum(1))

    compiled = brasa.compile(function, fullgraph=True)
    for _ in range(2):
        x = images(1, 7)
        assert same_bits(compiled(x), function(x))


# Of the last axis, which is 1, only a program knows the size; in an order of summation it counts all the same.
LAYERS = {
    "conv2d": lambda x, of: F.conv2d(x, of(4, 3, 3, 3), of(4), padding=1),
    "conv_transpose2d": lambda x, of: F.conv_transpose2d(x, of(3, 5, 3, 3), of(5), padding=1),
    "batch_norm": lambda x, of: F.batch_norm(x, None, None, of(3), of(3), training=True),
    "group_norm": lambda x, of: F.group_norm(x, 3, of(3), of(3)),
    "prelu": lambda x, of: F.prelu(x, of(3)),
    "std": lambda x, of: x.std((2, 3)),
    "reshaped": lambda x, of: x * of(3).reshape(1, 3, 1, 1),
    "expanded": lambda x, of: x + of(3, 1, 1).expand(3, 1, 5),
    "lerp": lambda x, of: brasa.lerp(x, of(1, 3, 1, 1), 0.3),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_gradients_add_up_over_axes_that_are_known_to_be_one(layer):
    def gradients(x, weights):
        given = iter(weights)
        y = layer(x[..., None], lambda *shape: next(given))
        return brasa.autograd.grad(y, (x, *weights), brasa.arange(y.numel()).reshape(y.shape).cos())

    shapes: list[tuple[int, ...]] = []
    layer(images(2, 3, 9, 1), lambda *shape: shapes.append(shape) or images(*shape))
    x, weights = images(3, 3, 33), [images(*shape) for shape in shapes]
    for value in (x, *weights):
        value.requires_grad_()
    for have, want in zip(brasa.compile(gradients, fullgraph=True)(x, weights), gradients(x, weights), strict=True):
        assert same_bits(have, want)
