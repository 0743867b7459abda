"""A deep Q-network balances a pole on a cart: it learns what each action is worth, from a memory of transitions.

Mnih et al., "Human-level control through deep reinforcement learning", 2015; the second network, by which targets are
made, follows the first one slowly. Run it with `--compiled` to compile the choice of an action, and the update with its
draw from the memory: one program, however much the memory holds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

import brasa
from brasa import Tensor, nn, optim

EPISODES, MEANT, WANTED = 300, 50, 150.0  # the mean return of so many episodes in a row shall be WANTED
DISCOUNT, BATCH, CAPACITY, WARM, FOLLOWING = 0.99, 64, 10_000, 500, 0.01
GREEDY, PATIENCE = 0.02, 1000.0  # the share of random actions in the end, and after how many it has fallen to a third

Act = Callable[[Tensor], Tensor]
Update = Callable[[Tensor, Tensor], Tensor]


class QNetwork(nn.Module):
    """What each of the two actions is worth, from states[..., 4]."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2)
        )

    def forward(self, states: Tensor) -> Tensor:
        return self.layers(states)


class Memory:
    """The last CAPACITY transitions: rows of state, action, reward, next state, and whether it was the last one."""

    def __init__(self) -> None:
        self.rows = brasa.zeros(CAPACITY, 11)
        self.count = 0

    def add(self, state: Any, action: int, reward: float, following: Any, terminated: bool) -> None:
        """Keep a transition, in place of the oldest one if there is no room."""
        row = np.array([*state, action, reward, *following, terminated], np.float32)
        self.rows[self.count % CAPACITY] = brasa.from_numpy(row)
        self.count += 1


def make_functions(network: QNetwork, compiled: bool) -> tuple[Act, Update]:
    """The best action for state[4], and one step of training by some of the first `count` rows of the memory.

    That is a tensor, because machine code would hold for one number only.
    """
    slow = deepcopy(network)
    optimizer = optim.Adam(network.parameters(), lr=1e-3)

    def act(state: Tensor) -> Tensor:
        with brasa.no_grad():
            return network(state).argmax()

    def update(rows: Tensor, count: Tensor) -> Tensor:
        optimizer.zero_grad()
        drawn = rows[(brasa.rand(BATCH) * count).long()]
        states, actions, rewards, following, terminated = drawn.split([4, 1, 1, 4, 1], 1)
        with brasa.no_grad():
            targets = rewards + DISCOUNT * (1 - terminated) * slow(following).max(1, keepdim=True).values
        loss = nn.functional.smooth_l1_loss(network(states).gather(1, actions.long()), targets)
        loss.backward()
        optimizer.step()
        with brasa.no_grad():
            for old, new in zip(slow.parameters(), network.parameters(), strict=True):
                old.lerp_(new, FOLLOWING)
        return loss

    return (brasa.compile(act), brasa.compile(update)) if compiled else (act, update)


def train(
    episodes: int, compiled: bool, seed: int = 0, told: Callable[[float], Any] = lambda mean: None
) -> tuple[QNetwork, list[float]]:
    """A new network, and the returns of episodes until their mean is WANTED. told: is called with the mean so far."""
    import gymnasium

    brasa.manual_seed(seed)
    environment = gymnasium.make("CartPole-v1")
    environment.reset(seed=seed)
    network, memory, chance = QNetwork(), Memory(), Random(seed)
    act, update = make_functions(network, compiled)
    returns: list[float] = []
    while len(returns) < episodes and not solved(returns):
        state, _ = environment.reset()
        terminated = truncated = False
        total = 0.0
        while not (terminated or truncated):
            if chance.random() < GREEDY + (1 - GREEDY) * math.exp(-memory.count / PATIENCE):
                action = chance.randrange(2)
            else:
                action = act(brasa.from_numpy(state)).item()
            following, reward, terminated, truncated, _ = environment.step(action)
            memory.add(state, action, reward, following, terminated)
            state, total = following, total + reward
            if memory.count >= WARM:
                update(memory.rows, brasa.tensor(min(memory.count, CAPACITY)))
        returns.append(total)
        told(fmean(returns[-MEANT:]))
    environment.close()
    return network, returns


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
    draw(returns, wanted.output / "dqn.png")
    console.print(f"The returns are in {wanted.output}/dqn.png.")
    mean = fmean(returns[-MEANT:])
    console.print(f"The mean return of the last {MEANT} of {len(returns)} episodes is {mean:.1f}.")
    return int(not solved(returns))


if __name__ == "__main__":
    raise SystemExit(main())
