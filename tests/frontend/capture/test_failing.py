"""A compiled program that fails has done what eager code does before that place, and nothing else."""

import warnings

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.ir.errors import GradientError
from brasa.library import custom_op

F = nn.functional


class Refused(Exception):
    pass


@custom_op("failing::judge", mutates_args=(), reference=np.copy)
def judge(x):
    if x.sum().item() > 100:
        raise Refused("too much")
    return x.clone()


judge.register_fake(brasa.empty_like)
judge.register_autograd(lambda ctx, grad: grad)


def looked_up(x):
    return F.embedding(x, brasa.ones(4, 2))


def divided(x):
    return (brasa.ones(2, dtype=brasa.int64) * 12) // x


def drawn(x):
    return brasa.normal(0.0, x.float())


def judged(x):
    return judge(x.float())


CASES = {
    "index": (looked_up, [1, 2], [1, 9], IndexError, "index 9 is outside 0..3"),
    "division": (divided, [3, 4], [3, 0], RuntimeError, "division by zero"),
    "check": (drawn, [1, 2], [-1, 2], RuntimeError, "a standard deviation is negative"),
    "host": (judged, [1, 2], [99, 2], Refused, "too much"),
}


def made(fails):
    """A training step in the midst of which something may fail, and all that it changes."""
    brasa.manual_seed(0)
    model, state = nn.Linear(2, 2), brasa.zeros(2)
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, count):
        optimizer.zero_grad()
        state.add_(brasa.rand(2))
        model(state).sum().backward()
        optimizer.step()
        kept = fails(x)
        state.mul_(brasa.rand(2) + count)
        model(kept.float().sum() + state).square().sum().backward()
        optimizer.step()
        return state.sum()

    def seen():
        tensors = [state, *model.parameters(), *(parameter.grad for parameter in model.parameters()), brasa.rand(3)]
        momenta = [each["momentum_buffer"] for each in optimizer.state.values()]
        return [tensor.detach().numpy().tobytes() for tensor in (*tensors, *momenta)]

    return step, seen


@pytest.mark.parametrize("case", CASES)
def test_what_comes_before_is_done_and_the_rest_is_not(case):
    fails, good, bad, error, message = CASES[case]
    plan = [good, bad, good, good, good, good, bad, bad, good]
    outcomes = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for compile in (lambda step: step, brasa.compile):
            step, seen = made(fails)
            run, found = compile(step), []
            for given in plan:
                x = brasa.tensor(given)
                if given is bad:
                    with pytest.raises(error, match=message):
                        run(x, 0.5)
                else:
                    run(x, 0.5)
                found.append(seen())
            outcomes.append(found)
    for count, (eager, compiled) in enumerate(zip(*outcomes, strict=True)):
        assert eager == compiled, count


def test_a_sealed_program_fails_where_eager_code_does():
    @brasa.compile
    def call(x):
        y = x + 1
        return looked_up(y) * 2  # the line that fails

    for _ in range(6):
        call(brasa.tensor([0, 1]))
    assert call.sealed
    with pytest.raises(IndexError) as caught:
        call(brasa.tensor([0, 3]))
    assert any("the line that fails" in str(entry.statement) for entry in caught.traceback)
    assert call(brasa.tensor([0, 1])).tolist() == [[2.0, 2.0]] * 2


def test_an_earlier_segment_stays_done():
    total = brasa.zeros(1)

    def call(x):
        total.add_(1)
        seen = total.item()
        total.add_(10)
        y = looked_up(x)
        total.add_(100)
        return y * seen

    results = []
    for run in (call, brasa.compile(call)):
        total.zero_()
        for given in ([0, 1], [0, 9], [9, 1], [2, 1]):
            try:
                run(brasa.tensor(given))
            except IndexError:
                results.append(total.item())
    assert results == [122.0, 133.0] * 2


def test_a_loop_that_has_no_gradient_fails_where_it_is_called():
    def call(x, state):
        state.add_(1)
        (x * 3).sum().backward()
        brasa.while_loop(lambda h: h.sum() < 10, lambda h: h + 1, (x,))  # nobody reads the result
        state.add_(100)

    for run in (call, brasa.compile(call), brasa.compile(call, fullgraph=True)):
        x, state = brasa.ones(2, requires_grad=True), brasa.zeros(1)
        with pytest.raises(GradientError, match="while_loop: has no gradient: nobody knows"):
            run(x, state)
        assert (x.grad.tolist(), state.tolist()) == ([3.0, 3.0], [1.0])
        with brasa.no_grad():
            brasa.compile(lambda x: brasa.while_loop(lambda h: h.sum() < 10, lambda h: h + 1, (x,)))(x)


def test_what_interrupts_compiling_leaves_the_gradients_of_before(monkeypatch):
    def call(x):
        (x * 3).sum().backward()
        brasa.rand(1)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    x, run = brasa.ones(2, requires_grad=True), brasa.compile(call)
    run(x)
    brasa.manual_seed(1)
    with monkeypatch.context() as patch:
        patch.setattr("brasa.capture.follow.run_graph", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(x)
    assert x.grad.tolist() == [3.0, 3.0]
    drawn = brasa.rand(1)
    brasa.manual_seed(1)
    assert brasa.equal(drawn, brasa.rand(1))
    run(x)
    assert x.grad.tolist() == [6.0, 6.0]


def test_gradients_stay_that_were_taken_before_a_view_that_cannot_be():
    def call(x):
        short = brasa.ones(4)
        x.tanh().sum().backward()
        return short.expand(5, 5)

    grads = []
    for run in (call, brasa.compile(call), brasa.compile(call, fullgraph=True)):
        x = brasa.tensor([0.5, -1.0], requires_grad=True)
        with pytest.raises(RuntimeError, match="expand"):
            run(x)
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1] == grads[2]


@pytest.mark.parametrize("fullgraph", [False, True])
def test_a_program_for_which_memory_is_missing_changes_nothing(fullgraph):
    def step(x):
        x.add_(1)
        return brasa.outer(x, x) + 1

    x = brasa.zeros(1 << 22)
    with pytest.raises(brasa.OutOfMemoryError, match="bytes cannot be allocated") as caught:
        brasa.compile(step, fullgraph=fullgraph)(x)
    assert caught.value.__suppress_context__
    assert not x.any()
    assert brasa.compile(lambda x: x.add_(2))(x).sum() == 2 << 22


def picks(x, i):
    x[i]


def overwrites(x, i):
    F.embedding(i, x).zero_()


def solves(x, i):
    return brasa.linalg.solve(x * 0, x).zero_()


SINGULAR = brasa.zeros(3, 3).requires_grad_()


def solves_with_gradients(x, i):
    return brasa.linalg.solve(SINGULAR + 0, x).mul_(2).fill_(1)


def branches(x, i):
    brasa.cond(x.sum() > 0, lambda: x[i] * 1, lambda: x[:1] * 1)
    return x * 2


def divides(x, i):
    (i // (i * 0)).max(0)
    return x * 2


@pytest.mark.parametrize("fullgraph", [False, True])
@pytest.mark.parametrize("program", [picks, overwrites, solves, solves_with_gradients, branches, divides])
def test_what_nobody_reads_may_fail_too(program, fullgraph):
    compiled = brasa.compile(lambda x, i: (x.add_(1), program(x, i)), fullgraph=fullgraph)
    for _ in range(4):
        wrong, i = brasa.ones(3, 3), brasa.tensor([7])
        with pytest.raises(brasa.BrasaError) as wanted:
            program(wrong.clone(), i)
        with pytest.raises(brasa.BrasaError) as found:
            compiled(wrong, i)
        assert type(found.value) is type(wanted.value)
        assert wrong.sum() == 18
