"""REINFORCE balances a pole on a cart: after each episode, what led to more than usual becomes more likely.

Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992. Run it with
`--compiled` to compile the choice of an action, and the update: one program for episodes of all lengths.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import brasa
from brasa import Tensor, nn, optim
from brasa.distributions import Categorical

EPISODES, MEANT, WANTED = 300, 50, 150.0  # the mean return of so many episodes in a row shall be WANTED
DISCOUNT = 0.99

Act = Callable[[Tensor], Tensor]
Update = Callable[[Tensor, Tensor, Tensor], Tensor]


class Policy(nn.Module):
    """How likely each of the two actions is, from states[..., 4]."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    def forward(self, states: Tensor) -> Categorical:
        return Categorical(logits=self.layers(states), validate_args=False)  # to check looks at values, on every call


def make_functions(policy: Policy, compiled: bool) -> tuple[Act, Update]:
    """The choice of an action for state[4], and one step of training by an episode: states, actions, returns."""
    optimizer = optim.Adam(policy.parameters(), lr=5e-3)

    def act(state: Tensor) -> Tensor:
        with brasa.no_grad():
            return policy(state).sample().clone()  # a copy, because programs that give views are not sealed

    def update(states: Tensor, actions: Tensor, returns: Tensor) -> Tensor:
        optimizer.zero_grad()
        advantages = (returns - returns.mean()) / (returns.std() + 1e-8)
        loss = -(policy(states).log_prob(actions) * advantages).mean()
        loss.backward()
        optimizer.step()
        return loss

    return (brasa.compile(act), brasa.compile(update)) if compiled else (act, update)


def play(environment: Any, act: Act) -> tuple[Tensor, Tensor, list[float]]:
    """One episode: its states, the actions chosen there, and the rewards."""
    states, actions, rewards = [], [], []
    state, _ = environment.reset()
    ended = False
    while not ended:
        action = act(brasa.from_numpy(state)).item()
        states.append(state)
        actions.append(action)
        state, reward, terminated, truncated, _ = environment.step(action)
        rewards.append(reward)
        ended = terminated or truncated
    return brasa.tensor(np.array(states)), brasa.tensor(actions), rewards


def discounted(rewards: list[float]) -> Tensor:
    """The return from each step of an episode on."""
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + DISCOUNT * total
        returns.append(total)
    return brasa.tensor(returns[::-1])


def train(
    episodes: int, compiled: bool, seed: int = 0, told: Callable[[float], Any] = lambda mean: None
) -> tuple[Policy, list[float]]:
    """A new policy, and the returns of episodes until their mean is WANTED. told: is called with the mean so far."""
    import gymnasium

    brasa.manual_seed(seed)
    environment = gymnasium.make("CartPole-v1")
    environment.reset(seed=seed)
    policy = Policy()
    act, update = make_functions(policy, compiled)
    returns: list[float] = []
    while len(returns) < episodes and not solved(returns):
        states, actions, rewards = play(environment, act)
        update(states, actions, discounted(rewards))
        returns.append(sum(rewards))
        told(fmean(returns[-MEANT:]))
    environment.close()
    return policy, returns


def solved(returns: list[float]) -> bool:
    """Whether the mean return of the last MEANT episodes is WANTED."""
    return len(returns) >= MEANT and fmean(returns[-MEANT:]) >= WANTED


def draw(returns: list[float], path: Path) -> None:
    """Write the return of each episode, and the running mean, as a picture."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    means = [fmean(returns[max(0, end - MEANT) : end]) for end in range(1, len(returns) + 1)]
    axes.plot(range(1, len(returns) + 1), returns, alpha=0.4, label="episode")
    axes.plot(range(1, len(returns) + 1), means, linewidth=2, label=f"mean of {MEANT}")
    axes.axhline(WANTED, linestyle=":", color="gray")
    axes.set(xlabel="episode", ylabel="return")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    """Train, and write the curve of the returns; 1 if their mean is not what it should be."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=EPISODES, help="the most that are played")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="the folder of the picture")
    parser.add_argument("--compiled", action="store_true", help="compile what computes with tensors")
    wanted = parser.parse_args()
    console = Console()
    columns = (*Progress.get_default_columns(), TextColumn("mean return {task.fields[mean]:.1f}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("episodes", total=wanted.episodes, mean=0.0)
        _, returns = train(
            wanted.episodes, wanted.compiled, wanted.seed, lambda mean: progress.update(bar, advance=1, mean=mean)
        )
    wanted.output.mkdir(parents=True, exist_ok=True)
    draw(returns, wanted.output / "reinforce.png")
    console.print(f"The returns are in {wanted.output}/reinforce.png.")
    mean = fmean(returns[-MEANT:])
    console.print(f"The mean return of the last {MEANT} of {len(returns)} episodes is {mean:.1f}.")
    return int(not solved(returns))


if __name__ == "__main__":
    raise SystemExit(main())
