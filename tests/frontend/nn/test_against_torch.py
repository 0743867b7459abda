"""The same program in PyTorch, where it is installed: names, texts, values, distributions and trajectories."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

Make = Callable[[Any], Any]

MODULES: list[Make] = [
    lambda nn: nn.Linear(6, 3),
    lambda nn: nn.Linear(6, 3, bias=False),
    lambda nn: nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, dilation=1, groups=2),
    lambda nn: nn.Conv2d(4, 2, 3, padding="same", dilation=2, bias=False),
    lambda nn: nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    lambda nn: nn.BatchNorm2d(4),
    lambda nn: nn.BatchNorm2d(4, momentum=None, bias=False),
    lambda nn: nn.BatchNorm1d(6, affine=False, track_running_stats=False),
    lambda nn: nn.LayerNorm((7, 6)),
    lambda nn: nn.LayerNorm(6, bias=False),
    lambda nn: nn.Embedding(5, 3, padding_idx=2),
    lambda nn: nn.Dropout(0.0),
    lambda nn: nn.Flatten(),
    lambda nn: nn.Identity(3),
    lambda nn: nn.ReLU(),
    lambda nn: nn.GELU(),
    lambda nn: nn.GELU("tanh"),
    lambda nn: nn.SiLU(),
    lambda nn: nn.Sigmoid(),
    lambda nn: nn.Tanh(),
    lambda nn: nn.LeakyReLU(0.3),
    lambda nn: nn.Softmax(-1),
    lambda nn: nn.LogSoftmax(1),
    lambda nn: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.Flatten(), nn.Tanh()),
    lambda nn: nn.ModuleList([*(nn.Linear(2, 2) for _ in range(3)), nn.ReLU(inplace=True)]),
    lambda nn: nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ModuleList()}),
    lambda nn: nn.CrossEntropyLoss(),
]


def both(make: Make) -> tuple[Any, Any]:
    """brasa's module and PyTorch's, with the same state."""
    ours, theirs = make(brasa.nn), make(torch.nn)
    state = {key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours, theirs


@pytest.mark.parametrize("make", MODULES)
def test_names_and_texts(make: Make) -> None:
    ours, theirs = both(make)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_buffers()] == [name for name, _ in theirs.named_buffers()]
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    for key, value in theirs.state_dict().items():
        assert ours.state_dict()[key].dtype.long_name == str(value.dtype).removeprefix("torch.")


def input_of(module: Any) -> np.ndarray[Any, Any]:
    """An input that the module takes."""
    random = np.random.default_rng(3)
    kind = type(module).__name__
    if kind == "Embedding":
        return random.integers(0, 5, (2, 7))
    shape = (5, 6) if kind in ("Linear", "BatchNorm1d") else (3, 4, 7, 6)
    return random.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", MODULES[:24])
def test_values_and_gradients(make: Make, training: bool) -> None:
    ours, theirs = both(make)
    ours.train(training)
    theirs.train(training)
    point = input_of(ours)
    x, y = brasa.tensor(point), torch.tensor(point)
    if point.dtype.kind == "f":
        x.requires_grad_()
        y.requires_grad_()
    for _ in range(2):
        found, wanted = ours(x), theirs(y)
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-5, atol=2e-6)
        if wanted.requires_grad:
            weights = np.random.default_rng(4).standard_normal(tuple(wanted.shape)).astype(np.float32)
            (found * brasa.tensor(weights)).sum().backward()
            (wanted * torch.tensor(weights)).sum().backward()
    pairs = [(ours.get_parameter(name), parameter) for name, parameter in theirs.named_parameters()]
    for mine, other in [(x, y), *pairs]:
        if other.grad is not None:
            np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=2e-4, atol=2e-5)
    for name, buffer in theirs.named_buffers():
        np.testing.assert_allclose(ours.get_buffer(name).numpy(), buffer.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [
    {}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.2}, {"ignore_index": 3},
    {"weight": True}, {"weight": True, "ignore_index": 1, "label_smoothing": 0.1},
    {"weight": True, "reduction": "none", "label_smoothing": 0.1},
])  # fmt: skip
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 6, 3, 2)])
@pytest.mark.parametrize("soft", [False, True])
def test_cross_entropy(options: dict[str, Any], shape: tuple[int, ...], soft: bool) -> None:
    if soft and "ignore_index" in options:
        return
    random = np.random.default_rng(1)
    scores = random.standard_normal(shape)
    axis = 1 if len(shape) > 1 else 0
    target = random.random(shape) if soft else random.integers(0, 6, shape[:axis] + shape[axis + 1 :])
    results = []
    for module in (brasa, torch):
        given = {**options, "weight": module.tensor(np.arange(1.0, 7.0))} if "weight" in options else options
        x = module.tensor(scores, requires_grad=True)
        loss = module.nn.CrossEntropyLoss(**given)(x, module.tensor(target))
        loss.sum().backward()
        results.append((loss.detach().numpy(), x.grad.numpy()))
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", [
    lambda nn: nn.Linear(100, 200), lambda nn: nn.Conv2d(16, 32, 3, groups=2), lambda nn: nn.Embedding(200, 60),
])  # fmt: skip
def test_distributions(make: Make) -> None:
    brasa.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = make(brasa.nn), make(torch.nn)
    for name, value in theirs.state_dict().items():
        first, second = np.sort(ours.state_dict()[name].numpy().ravel()), np.sort(value.numpy().ravel())
        # The distance of two samples' distributions (Smirnov); the seeds are fixed.
        places = np.searchsorted(first, second) / len(first)
        assert abs(places - np.arange(len(second)) / len(second)).max() < 1.95 * np.sqrt(2 / len(first))


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.02, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.02, "amsgrad": True, "betas": (0.8, 0.99)}),
    ("AdamW", {"lr": 0.02}),
]
SCHEDULES: list[Callable[[Any, Any], Any]] = [
    lambda lr_scheduler, optimizer: lr_scheduler.StepLR(optimizer, 4, 0.5),
    lambda lr_scheduler, optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch),
    lambda lr_scheduler, optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 7, 0.001),
]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_optimizers(name: str, options: dict[str, Any]) -> None:
    data, start = np.random.default_rng(0).standard_normal((6, 4)), np.random.default_rng(1).standard_normal(4)
    states, paths, texts = [], [], []
    for module in (brasa, torch):
        w = module.nn.Parameter(module.tensor(start))
        optimizer = getattr(module.optim, name)([w], **options)
        schedules = [make(module.optim.lr_scheduler, optimizer) for make in SCHEDULES]
        path = []
        for _ in range(30):
            optimizer.zero_grad()
            ((module.tensor(data) @ w) ** 2).mean().backward()
            optimizer.step()
            for schedule in schedules:
                schedule.step()
            path.append((*w.tolist(), *(schedule.get_last_lr()[0] for schedule in schedules)))
        paths.append(path)
        states.append(optimizer.state_dict())
        texts.append(re.sub(r"(lr: 0\.\d{6})\d*", r"\1", repr(optimizer)))
    np.testing.assert_allclose(*paths, rtol=1e-9)
    assert texts[0] == texts[1]
    first, second = states
    extra = {"step"} if name == "SGD" else set()
    assert [set(state) - extra for state in first["state"].values()] == [
        set(state) for state in second["state"].values()
    ]
    assert first["param_groups"] == second["param_groups"]


@pytest.mark.parametrize("shape", [(7, 8), (8,)])
def test_adaptive_softmax(shape: tuple[int, ...]) -> None:
    ours, theirs = both(lambda nn: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 12], div_value=2.0, head_bias=True))
    assert repr(ours) == repr(theirs)
    point, target = np.random.default_rng(0).standard_normal(shape).astype(np.float32), [0, 4, 5, 11, 12, 19, 3]
    target = np.array(target if len(shape) == 2 else 12)
    found = ours(brasa.tensor(point), brasa.tensor(target))
    wanted = theirs(torch.tensor(point), torch.tensor(target))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-6)
    found.loss.backward()
    wanted.loss.backward()
    for name, parameter in theirs.named_parameters():
        slope = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        np.testing.assert_allclose(ours.get_parameter(name).grad.numpy(), slope.numpy(), rtol=1e-4, atol=1e-6)
    if len(shape) == 2:
        x, y = brasa.tensor(point), torch.tensor(point)
        np.testing.assert_allclose(ours.log_prob(x).detach().numpy(), theirs.log_prob(y).detach().numpy(), rtol=1e-5)
        assert ours.predict(x).tolist() == theirs.predict(y).tolist()
