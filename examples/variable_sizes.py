"""Inputs that are not all alike: one compiled network for images of any size, and one as deep as its input asks.

The first is compiled once, whatever the sizes. The second repeats a layer until its answer stays the same: an ordinary
`while` over values, which is compiled too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import brasa
from brasa import Tensor, nn, optim

CLASSES = 4
DEEPEST = 12
SETTLED = 0.05  # root mean square of what the last layer changed

Step = Callable[[Tensor, Tensor], Tensor]


class AnySize(nn.Module):
    """Scores for the four textures, from images[n, 1, height, width]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, CLASSES),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class UntilSettled(nn.Module):
    """Scores for being in a ring or not, from points[n, 2]: a layer is repeated until it changes little."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.enter = nn.Linear(2, width)
        self.repeated = nn.Linear(width, width, bias=False)
        self.leave = nn.Linear(width, 2)
        self.depth = 0  # of the last call

    def forward(self, points: Tensor) -> Tensor:
        given = self.enter(points)
        state, change, self.depth = brasa.tanh(given), brasa.tensor(brasa.inf), 0
        while change > SETTLED and self.depth < DEEPEST:
            before, state = state, brasa.tanh(given + self.repeated(state))
            change = (state - before).detach().square().mean().sqrt()
            self.depth += 1
        return self.leave(state)


def textures(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Images of one size with their labels: noise over stripes that lie, stand, cross, or are not there."""
    labels = brasa.randint(CLASSES, (count,))
    frequency, phase = 0.8 + brasa.rand(count, 1, 1, 1), 6 * brasa.rand(count, 1, 1, 1)
    lying = (brasa.arange(height).view(-1, 1) * frequency + phase).sin().expand(-1, -1, -1, width)
    standing = (brasa.arange(width) * frequency + phase).sin().expand(-1, -1, height, -1)
    kinds = brasa.stack((lying, standing, lying * standing, brasa.zeros_like(lying)))
    return kinds[labels, brasa.arange(count)] + 0.5 * brasa.randn(count, 1, height, width), labels


def batches(count: int, largest: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of images, each of a size and a number of its own."""
    for _ in range(count):
        number, height, width = (brasa.randint(8, high + 1, ()).item() for high in (32, largest, largest))
        yield textures(number, height, width)


def rings(count: int) -> tuple[Tensor, Tensor]:
    """Points of a square, and whether each lies in a ring around the middle."""
    points = 2 * brasa.rand(count, 2) - 1
    far = points.norm(dim=1)
    return points, ((far > 0.4) & (far < 0.8)).long()


def make_step(model: nn.Module, lr: float, compiled: bool) -> Step:
    """One step of training, as a function of a batch."""
    optimizer = optim.Adam(model.parameters(), lr)

    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    return brasa.compile(step) if compiled else step


def learn_sizes(steps: int, compiled: bool, largest: int = 48) -> tuple[AnySize, Step, list[float], int]:
    """The model and its training step, the losses, and how many sizes of images there were."""
    model = AnySize()
    step = make_step(model, 0.01, compiled)
    losses, sizes = [], set()
    for images, labels in batches(steps, largest):
        sizes.add(tuple(images.shape[2:]))
        losses.append(step(images, labels).item())
    return model, step, losses, len(sizes)


def learn_depths(steps: int, compiled: bool) -> tuple[UntilSettled, Step, list[float], list[int]]:
    """The model and its training step, the losses, and how deep the network was in each step."""
    model = UntilSettled()
    step = make_step(model, 0.003, compiled)
    losses, depths = [], []
    for _ in range(steps):
        losses.append(step(*rings(64)).item())
        depths.append(model.depth)
    return model, step, losses, depths


@brasa.no_grad()
def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """The share that the model says rightly."""
    return (model(inputs).argmax(1) == labels).float().mean().item()


def main() -> int:
    """Train both; 1 if one learnt badly, or the first was compiled more than once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    brasa.manual_seed(0)
    model, step, losses, sizes = learn_sizes(wanted.steps // 3, wanted.compiled)
    programs = 1
    if wanted.compiled:
        programs = len(brasa.explain(step).programs)
        print(brasa.explain(step))
    print(f"images: the loss goes from {losses[0]:.2f} to {losses[-1]:.2f}")
    read = sum(accuracy(model, *batch) for batch in batches(20, 64)) / 20

    settling, _, losses, depths = learn_depths(wanted.steps, wanted.compiled)
    print(f"points: the loss goes from {losses[0]:.2f} to {losses[-1]:.2f}")
    for depth in sorted(set(depths)):
        print(f"{depth:4} layers in {depths.count(depth)} steps")
    told = accuracy(settling, *rings(1000))
    ways = f"{programs} program{'s' if programs > 1 else ''}" if wanted.compiled else "Eager code"
    print(
        f"{ways} for images of {sizes} sizes reads {read:.1%} of others rightly; "
        f"{min(depths)} to {max(depths)} layers, as the points ask for, tell {told:.1%} of them rightly."
    )
    return int(programs > 1 or min(read, told) < 0.9 or min(depths) == max(depths))


if __name__ == "__main__":
    raise SystemExit(main())
