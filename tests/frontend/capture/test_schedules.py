"""Learning rates that change from step to step: read anew in each run of a sealed step, whoever changes them."""

import numpy as np
import pytest

import brasa
from brasa import nn, optim
from brasa.optim import lr_scheduler

pytestmark = pytest.mark.usefixtures("either_way")

SEEN = 1.0


def numbers(seed):
    return brasa.tensor(np.random.default_rng(seed).standard_normal((4, 3)).astype(np.float32))


class Training:
    """A model with its optimiser, and what they are trained with."""

    def __init__(self, optimizer, schedule=None):
        brasa.manual_seed(0)
        self.model = nn.Linear(3, 3)
        self.optimizer = optimizer(self.model.parameters())
        self.schedule = None if schedule is None else schedule(self.optimizer)

    def update(self, x):
        self.optimizer.zero_grad()
        loss = self.model(x).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def step(self, x):
        loss = self.update(x)
        self.schedule.step()
        return loss

    def bits(self):
        return [parameter.detach().numpy().tobytes() for parameter in self.model.parameters()]


def same_as_eager(make, step, count=20, between=lambda training, number: None):
    """What is said of a compiled step that has done what the eager one does."""
    training, other = make(), make()
    compiled = brasa.compile(lambda x: step(training, x))
    for number in range(count):
        result, expected = compiled(numbers(number)), step(other, numbers(number))
        for mine, its in zip(
            *(each if isinstance(each, tuple) else (each,) for each in (result, expected)), strict=True
        ):
            assert mine == its
        assert training.bits() == other.bits(), number
        between(training, number)
        between(other, number)
    if training.schedule is not None:
        assert training.schedule.get_last_lr() == other.schedule.get_last_lr()
    return brasa.explain(compiled)


def sgd(parameters):
    return optim.SGD(parameters, lr=0.1, momentum=0.9)


def adam(parameters):
    return optim.Adam(parameters, lr=0.01)


SCHEDULES = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3, 0.5),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 12),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=30),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.95**epoch),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.ExponentialLR(o, 0.9)], [4]),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)]),
}  # fmt: skip


@pytest.mark.parametrize("optimizer", [sgd, adam])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_step_with_its_schedule_is_sealed(name, optimizer):
    explanation = same_as_eager(lambda: Training(optimizer, SCHEDULES[name]), Training.step)
    assert (explanation.way, len(explanation.programs), explanation.changes) == ("sealed", 1, ())


@pytest.mark.parametrize("optimizer", [sgd, adam])
def test_a_schedule_outside_of_the_step(optimizer):
    def between(training, number):
        training.schedule.step()

    make = lambda: Training(optimizer, SCHEDULES["OneCycleLR"])  # noqa: E731
    explanation = same_as_eager(make, Training.update, between=between)
    assert (explanation.way, len(explanation.programs), explanation.changes) == ("sealed", 1, ())


def test_what_a_user_sets_between_the_steps():
    def between(training, number):
        group = training.optimizer.param_groups[0]
        group["lr"] = (0.1, 0.2, 1, brasa.tensor(0.05), 0.3)[number // 6]
        group["momentum"] = (0.9, 0.5, 0.25, 0.0, 0.9)[number // 6]

    same_as_eager(lambda: Training(sgd), Training.update, 30, between)


def halved(training, x):
    for group in training.optimizer.param_groups:
        group["lr"] = group["lr"] / 2 if training.model.training else 0.1
    return training.update(x)


def set_and_set_back(training, x):
    group = training.optimizer.param_groups[0]
    group["lr"] = float(training.model.weight.shape[0])
    loss = training.update(x)
    group.update(lr=0.1)
    return loss


def returned(training, x):
    return training.step(x), training.optimizer.param_groups[0]["lr"]


def asked(training, x):
    return training.step(x), training.schedule.get_last_lr()[0]


def counted(training, x):
    return training.step(x), training.schedule.last_epoch


def shown(training, x):
    return training.step(x), repr(training.optimizer)


def used_after(training, x):
    loss = training.step(x)
    return loss, loss * training.optimizer.param_groups[0]["lr"]


def early(training, x):
    training.schedule.step()
    return training.update(x)


@pytest.mark.parametrize("step", [halved, set_and_set_back, returned, asked, counted, shown, used_after, early])
def test_steps_that_look_at_what_changes(step):
    same_as_eager(lambda: Training(sgd, SCHEDULES["StepLR"]), step)


def test_a_function_of_the_users_that_does_more_than_to_give_a_rate():
    def noting(epoch):
        globals()["SEEN"] = float(epoch)
        return 0.95**epoch

    def step(training, x):
        global SEEN
        loss = training.step(x)
        result = loss * SEEN
        SEEN = 1.0
        return result

    same_as_eager(lambda: Training(sgd, lambda o: lr_scheduler.LambdaLR(o, noting)), step)


def test_another_schedule_takes_the_place_of_the_first():
    def between(training, number):
        if number == 9:
            training.schedule = SCHEDULES["LambdaLR"](training.optimizer)

    same_as_eager(lambda: Training(adam, SCHEDULES["StepLR"]), Training.step, between=between)


def test_two_optimisers_and_their_schedules():
    def make():
        training = Training(sgd, SCHEDULES["StepLR"])
        training.second = Training(adam, SCHEDULES["OneCycleLR"])
        return training

    def step(training, x):
        return training.step(x), training.second.step(x)

    assert same_as_eager(make, step).way == "sealed"


def test_a_schedule_that_has_come_to_its_end_raises_its_error():
    training = Training(sgd, lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=8))
    other = Training(sgd, lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=8))
    compiled = brasa.compile(training.step)
    for number in range(8):
        compiled(numbers(number))
        other.step(numbers(number))
    for step in (compiled, other.step):
        with pytest.raises(ValueError, match="step 9 of 8"):
            step(numbers(8))
    assert training.bits() == other.bits()


def test_a_number_is_one_input_however_many_parameters_there_are():
    """A rate that changes between two steps is two inputs, beside the momentum."""
    training = Training(lambda parameters: optim.SGD(parameters, 0.5, momentum=0.9))

    def both(x):
        first = training.update(x)
        training.optimizer.param_groups[0]["lr"] = 0.25
        second = training.update(x)
        training.optimizer.param_groups[0]["lr"] = 0.5
        return first, second

    def numbers_given(step):
        compiled = brasa.compile(step)
        compiled(numbers(0))
        (program,) = brasa.explain(compiled).programs
        (segment,) = program.segments
        given = [node.tensor.dtype for node in segment.inputs if node.attrs.get("role") == "number"]
        return given.count(brasa.float64)

    assert numbers_given(training.update) == 2 and numbers_given(both) == 3
    same_as_eager(lambda: Training(lambda parameters: optim.SGD(parameters, 0.5, momentum=0.9)), Training.update)
