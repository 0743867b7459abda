"""Whole training programs: eager and compiled give the same bits, at every batch size and number of threads."""

import numpy as np
import pytest

import brasa
from brasa.execution import runner as execution
from brasa.ir.ops import OPS
from tests.compiling import assert_compiles

nn = brasa.nn


def make_cnn():
    brasa.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def make_mlp():
    brasa.manual_seed(4)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 10))


def batch(shape, count, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.standard_normal((count, *shape)).astype(np.float32)
    return brasa.from_numpy(images), brasa.from_numpy(generator.integers(0, 10, count))


MODELS = {"cnn": (make_cnn, (1, 8, 8)), "mlp": (make_mlp, (12,))}


def trainer(model, compiled, momentum=0.9):
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.05, momentum=momentum)
    loss_function = nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return (brasa.compile(step) if compiled else step), optimizer


def bits(tensor):
    return tensor.detach().numpy().view(np.uint32).tolist()


@pytest.fixture(params=[1, 2])
def threads(request):
    before = brasa.get_num_threads()
    brasa.set_num_threads(request.param)
    yield request.param
    brasa.set_num_threads(before)


@pytest.mark.parametrize("name", MODELS)
def test_ten_steps_eager_and_compiled(name, threads):
    make, shape = MODELS[name]
    results = []
    for compiled in (False, True):
        model = make()
        step, _ = trainer(model, compiled)
        losses = [bits(step(*batch(shape, 17, seed))) for seed in range(10)]
        results.append((losses, [bits(p) for p in model.parameters()], [bits(p.grad) for p in model.parameters()]))
    assert results[0] == results[1]


def test_threads_change_nothing():
    results = []
    before = brasa.get_num_threads()
    for count in (1, 2):
        brasa.set_num_threads(count)
        model = make_cnn()
        step, _ = trainer(model, compiled=True)
        results.append([bits(step(*batch((1, 8, 8), 64, seed))) for seed in range(4)])
    brasa.set_num_threads(before)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", MODELS)
def test_one_compile_serves_every_batch(name):
    make, shape = MODELS[name]
    step, _ = trainer(make(), compiled=True)
    with assert_compiles(1):
        for count in (7, 1, *range(2, 66)):
            x, y = batch(shape, count, count)
            loss = step(x, y)
            assert np.isfinite(loss.item())
    model = make()
    compiled = brasa.compile(model)
    for count in (1, 2, 15, 16, 17, 33, 65):
        x, _ = batch(shape, count, count)
        assert bits(compiled(x)) == bits(model(x))


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_does_not_depend_on_its_batch(name):
    make, shape = MODELS[name]
    model = make()
    x, _ = batch(shape, 65)
    whole = bits(model(x))
    for i in (0, 1, 31, 64):
        assert bits(model(x[i : i + 1])) == whole[i : i + 1]
    assert bits(model(x[:33])) == whole[:33]


def test_a_schedule_of_rates_compiles_once():
    model = make_mlp()
    step, optimizer = trainer(model, compiled=True)
    schedule = brasa.optim.lr_scheduler.StepLR(optimizer, 2, 0.9)
    eager = make_mlp()
    eager_step, eager_optimizer = trainer(eager, compiled=False)
    eager_schedule = brasa.optim.lr_scheduler.StepLR(eager_optimizer, 2, 0.9)
    with assert_compiles(1):
        for seed in range(20):
            data = batch((12,), 9, seed)
            assert bits(step(*data)) == bits(eager_step(*data))
            schedule.step()
            eager_schedule.step()


def test_a_program_is_sealed_again_after_each_change_of_the_rate():
    model = make_mlp()
    step, optimizer = trainer(model, compiled=True)
    data = batch((12,), 9)
    for epoch in range(8):
        optimizer.param_groups[0]["lr"] = 0.1 / (epoch + 1)
        for _ in range(6):
            step(*data)
        assert step.sealed[0].facts.hold()


def test_adam_compiles_once_and_equals_eager():
    results = []
    for compiled in (False, True):
        model = make_mlp()
        optimizer = brasa.optim.Adam(model.parameters(), lr=0.01)

        def step(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = brasa.compile(step) if compiled else step
        results.append([bits(run(*batch((12,), 9, seed))) for seed in range(8)])
    assert results[0] == results[1]


def test_compiled_modules_share_everything():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    compiled = brasa.compile(model)
    assert isinstance(compiled, nn.Sequential)
    assert list(compiled.state_dict()) == list(model.state_dict())
    assert compiled[0].weight is model[0].weight
    twin = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    twin.load_state_dict(model.state_dict())
    for seed in range(5):
        x, _ = batch((3,), 6, seed)
        assert bits(compiled(x)) == bits(twin(x))
        assert bits(model[1].running_mean) == bits(twin[1].running_mean)
    compiled.eval()
    twin.eval()
    assert not model.training
    assert bits(compiled(x)) == bits(twin(x))


def test_dropout_draws_the_same_numbers():
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    compiled = brasa.compile(model)
    x, _ = batch((8,), 4)
    for _ in range(5):
        brasa.manual_seed(11)
        eager = [bits(model(x)) for _ in range(2)]
        brasa.manual_seed(11)
        assert [bits(compiled(x)) for _ in range(2)] == eager
        assert eager[0] != eager[1]


def test_losses_follow_numpy_in_float64():
    model = make_mlp()
    weights = [p.detach().numpy().astype(np.float64) for p in model.parameters()]
    step, _ = trainer(model, compiled=True, momentum=0.0)
    for seed in range(100):
        x, y = batch((12,), 16, seed)
        loss = step(x, y).item()
        want = numpy_step(weights, x.numpy().astype(np.float64), y.numpy(), 0.05)
        assert abs(loss - want) <= 1e-5 * abs(want)


def numpy_step(weights, x, y, rate):
    """One step of plain SGD on Linear, ReLU, Linear, cross entropy; changes the weights, gives the loss."""
    w1, b1, w2, b2 = weights
    hidden = x @ w1.T + b1
    active = np.maximum(hidden, 0)
    logits = active @ w2.T + b2
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    rows = np.arange(len(y))
    error = np.exp(logs)
    error[rows, y] -= 1
    error /= len(y)
    back = (error @ w2) * (hidden > 0)
    for i, grad in enumerate((back.T @ x, back.sum(0), error.T @ active, error.sum(0))):
        weights[i] = weights[i] - rate * grad
    return -logs[rows, y].mean()


def test_no_numpy_behind_the_curtain(monkeypatch, tmp_path):
    """With every op's NumPy meaning taken away, training still works: nothing but kernels computes."""
    monkeypatch.setattr(brasa.runtime, "disk_cache", lambda: brasa.runtime.DiskCache(tmp_path))
    execution.forget_executables()

    def refuse(*_, **__):
        raise AssertionError("an op's evaluate was used")

    for op in OPS.values():
        monkeypatch.setitem(vars(op), "evaluate", refuse)  # the records are frozen
    for make, shape in MODELS.values():
        for compiled in (False, True):
            step, _ = trainer(make(), compiled)
            losses = [step(*batch(shape, 5)).item() for _ in range(5)]
            assert losses[-1] < losses[0]


def test_a_label_out_of_range_changes_nothing():
    model = make_mlp()
    step, _ = trainer(model, compiled=True)
    x, y = batch((12,), 5)
    for _ in range(6):
        step(x, y)
    before = [bits(p) for p in model.parameters()]
    wrong = y.clone()
    wrong[3] = 10
    for run in (step, trainer(model, compiled=False)[0]):
        with pytest.raises(IndexError, match=r"cross_entropy: index 10 is outside 0\.\.9 \(at element 3, test_tr"):
            run(x, wrong)
        assert [bits(p) for p in model.parameters()] == before
    assert np.isfinite(step(x, y).item())
