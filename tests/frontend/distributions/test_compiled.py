"""Distributions inside compiled programs: the same samples, densities and gradients, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions, nn
from tests.frontend.distributions.cases import CASES, arguments_of, long_but


def bits(values: Any) -> list[Any]:
    return [None if x is None else np.array(x.detach().numpy(), order="C").tobytes() for x in values]


@pytest.mark.parametrize("name", long_but(CASES, "Gamma", "MultivariateNormal", "Normal"))
def test_case(name: str) -> None:
    """Checks of arguments, samples, densities, entropies, and gradients through samples."""
    given = {k: brasa.tensor(v).float() if isinstance(v, np.ndarray) else v for k, v in arguments_of(name).items()}
    moving = [key for key, value in given.items() if isinstance(value, brasa.Tensor)]

    def run(*values: Any) -> tuple[Any, ...]:
        distribution = getattr(distributions, CASES[name][0])(**{**given, **dict(zip(moving, values, strict=True))})
        sample = distribution.sample((2,))
        results = [sample, distribution.log_prob(sample)]
        if distribution.has_rsample:
            results.append(distribution.rsample())
            results[-1].sum().backward()
        if name not in ("FisherSnedecor", "LKJCholesky", "LogisticNormal", "NegativeBinomial", "Poisson") and (
            not name.startswith("Relaxed")
        ):  # fmt: skip
            results.append(distribution.entropy())
        return tuple(results)

    compiled, found = brasa.compile(run), []
    for each in (run, compiled, compiled):
        values = [given[key].clone().requires_grad_() for key in moving]
        brasa.manual_seed(1)
        results = each(*values)
        found.append(bits([*results, *(value.grad for value in values)]))
    assert found[0] == found[1] == found[2]


def trained(step_of: Callable[[Any], Any], wrap: Callable[[Any], Any], *shape: int) -> list[bytes]:
    """The parameters after three steps of a model that is always made alike."""
    brasa.manual_seed(4)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
    optimizer = brasa.optim.SGD(model.parameters(), 0.1)
    step = wrap(step_of(model))
    for _ in range(3):
        optimizer.zero_grad()
        loss = step(brasa.rand(*shape))
        loss.backward()
        optimizer.step()
    return bits(model.parameters())


def policy_gradient(model: Any) -> Callable[[Any], Any]:
    """REINFORCE: actions that were sampled are made likelier by their rewards."""

    def loss(states: Any) -> Any:
        policy = distributions.Categorical(logits=model(states))
        actions = policy.sample()
        rewards = (actions == 2).float() - 0.3
        return -(policy.log_prob(actions) * rewards).mean() - 0.01 * policy.entropy().mean()

    return loss


def variational(model: Any) -> Callable[[Any], Any]:
    """A variational encoder: a sample whose gradient goes to its distribution, and the distance to the prior."""

    def loss(data: Any) -> Any:
        loc, raw = model(data).chunk(2, -1)
        posterior = distributions.Normal(loc, raw.exp())
        code = posterior.rsample()
        prior = distributions.Normal(brasa.zeros_like(loc), 1.0)
        likelihood = distributions.Bernoulli(logits=code.sum(-1))
        fit = likelihood.log_prob((data.sum(-1) > 1.5).float()).mean()
        return distributions.kl_divergence(posterior, prior).sum(-1).mean() - fit

    return loss


@pytest.mark.parametrize("step", [policy_gradient, variational])
def test_training(step: Callable[[Any], Any]) -> None:
    eager = trained(step, lambda loss: loss, 6, 3)
    assert trained(step, brasa.compile, 6, 3) == eager
    before = trained(lambda model: lambda data: model(data).sum() * 0, lambda loss: loss, 6, 3)
    assert before != eager


def test_whole_step() -> None:
    """With backward and the optimizer inside, and numbers of samples that change."""

    def run(wrap: Callable[[Any], Any]) -> list[Any]:
        brasa.manual_seed(2)
        loc = brasa.zeros(2, requires_grad=True)
        optimizer = brasa.optim.Adam([loc], 0.1)

        def step(data: Any) -> Any:
            optimizer.zero_grad()
            loss = -distributions.Independent(distributions.Normal(loc, 0.5), 1).log_prob(data).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        compiled = wrap(step)
        return bits([*(compiled(brasa.randn(n, 2) + 1) for n in (3, 5, 4, 8)), loc])

    assert run(brasa.compile) == run(lambda step: step)


def test_made_outside() -> None:
    """A distribution that lives longer than a call keeps what it computes on demand."""
    policy = distributions.Categorical(brasa.tensor([0.2, 0.3, 0.5]))
    compiled = brasa.compile(lambda x: policy.log_prob(x) + policy.entropy())
    assert bits([compiled(brasa.tensor([1, 2]))]) == bits([compiled(brasa.tensor([1, 2]))])
    np.testing.assert_allclose(policy.logits.exp().numpy(), [0.2, 0.3, 0.5], 1e-6)


def test_errors_of_values() -> None:
    """What is wrong in a compiled program is the error that it is in an eager one."""
    compiled = brasa.compile(lambda scale: distributions.Normal(0.0, scale).sample())
    compiled(brasa.tensor([1.0]))
    with pytest.raises(ValueError, match="Normal: scale must satisfy GreaterThan"):
        compiled(brasa.tensor([-1.0]))
