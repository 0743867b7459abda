"""An actor and a critic balance a pole on a cart: the critic learns what to expect, the actor what is better than that.

Advantages are estimated as by Schulman et al., "High-dimensional continuous control using generalized advantage
estimation", 2016. Run it with `--compiled` to compile the choice of an action, and the update of both networks: one
program for episodes of all lengths.
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
DISCOUNT, DECAY = 0.99, 0.98  # DECAY: of the critic's errors, the further ahead they are

Act = Callable[[Tensor], tuple[Tensor, Tensor]]
Update = Callable[[Tensor, Tensor, Tensor], Tensor]


class ActorCritic(nn.Module):
    """How likely each of the two actions is, and the return[..., 1] to expect, from states[..., 4]."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 2))
        self.critic = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, states: Tensor) -> tuple[Categorical, Tensor]:
        choice = Categorical(logits=self.actor(states), validate_args=False)  # to check looks at values, on every call
        return choice, self.critic(states)


def make_functions(model: ActorCritic, compiled: bool) -> tuple[Act, Update]:
    """The choice of an action for state[4], and one step of training by an episode: states, actions, targets."""
    optimizer = optim.Adam(model.parameters(), lr=5e-3)

    def act(state: Tensor) -> tuple[Tensor, Tensor]:
        with brasa.no_grad():
            choice, value = model(state)
            return choice.sample().clone(), value  # a copy, because programs that give views are not sealed

    def update(states: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad()
        choice, values = model(states)
        values = values.squeeze(1)
        advantages = targets - values.detach()
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        gained = (choice.log_prob(actions) * advantages).mean()
        loss = nn.functional.smooth_l1_loss(values, targets) - gained - 0.01 * choice.entropy().mean()
        loss.backward()
        optimizer.step()
        return loss

    return (brasa.compile(act), brasa.compile(update)) if compiled else (act, update)


def play(environment: Any, act: Act) -> tuple[Tensor, Tensor, list[float], list[float]]:
    """One episode: its states, the actions chosen there, the rewards, and the critic's values, one more than these."""
    states, actions, rewards, values = [], [], [], []
    state, _ = environment.reset()
    terminated = truncated = False
    while not (terminated or truncated):
        action, value = act(brasa.from_numpy(state))
        states.append(state)
        actions.append(action.item())
        values.append(value.item())
        state, reward, terminated, truncated, _ = environment.step(actions[-1])
        rewards.append(reward)
    values.append(0.0 if terminated else act(brasa.from_numpy(state))[1].item())
    return brasa.tensor(np.array(states)), brasa.tensor(actions), rewards, values


def targets_of(rewards: list[float], values: list[float]) -> Tensor:
    """What the critic should have said: its values, and the errors from there on, which decay."""
    targets, error = [], 0.0
    for reward, value, following in zip(reversed(rewards), values[-2::-1], values[:0:-1], strict=True):
        error = reward + DISCOUNT * following - value + DISCOUNT * DECAY * error
        targets.append(value + error)
    return brasa.tensor(targets[::-1])


def train(
    episodes: int, compiled: bool, seed: int = 0, told: Callable[[float], Any] = lambda mean: None
) -> tuple[ActorCritic, list[float]]:
    """A new model, and the returns of episodes until their mean is WANTED. told: is called with the mean so far."""
    import gymnasium

    brasa.manual_seed(seed)
    environment = gymnasium.make("CartPole-v1")
    environment.reset(seed=seed)
    model = ActorCritic()
    act, update = make_functions(model, compiled)
    returns: list[float] = []
    while len(returns) < episodes and not solved(returns):
        states, actions, rewards, values = play(environment, act)
        update(states, actions, targets_of(rewards, values))
        returns.append(sum(rewards))
        told(fmean(returns[-MEANT:]))
    environment.close()
    return model, returns


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
    draw(returns, wanted.output / "actor_critic.png")
    console.print(f"The returns are in {wanted.output}/actor_critic.png.")
    mean = fmean(returns[-MEANT:])
    console.print(f"The mean return of the last {MEANT} of {len(returns)} episodes is {mean:.1f}.")
    return int(not solved(returns))


if __name__ == "__main__":
    raise SystemExit(main())
