"""A small convolutional network learns to read handwritten digits: first eagerly, then with its training step compiled.

Both runs start from the same seed, and their losses must be equal bit for bit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import brasa
from brasa import Tensor, nn, optim

if TYPE_CHECKING:
    from rich.progress import Progress

EPOCHS, BATCH, TESTED = 20, 64, 360
OUTPUT = Path("demo-output")
FIRST_STEP = "--first-step"

Step = Callable[[Tensor, Tensor], Tensor]


class CNN(nn.Module):
    """Scores for the ten digits, from images[n, 1, 8, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 2 * 2, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


@dataclass
class Digits:
    """Images with their labels, shuffled: some to learn from, the others to test with."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass
class Run:
    """What one training gave: the loss and the milliseconds of each step, the test accuracy after each epoch."""

    model: CNN
    losses: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)


def load_digits() -> Digits:
    """The 1,797 images that come with scikit-learn, their pixels from 0 to 1."""
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    brasa.manual_seed(0)
    order = brasa.randperm(len(labels))
    pixels = brasa.tensor(images, dtype=brasa.float32).reshape(-1, 1, 8, 8)[order] / 16
    numbers = brasa.tensor(labels, dtype=brasa.int64)[order]
    return Digits(pixels[TESTED:], numbers[TESTED:], pixels[:TESTED], numbers[:TESTED])


def make_step(model: nn.Module) -> Step:
    """One step of training, as a function of a batch."""
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def train(digits: Digits, compiled: bool, progress: Progress, epochs: int = EPOCHS) -> Run:
    """Train a new model, always from the same seed."""
    brasa.manual_seed(1)
    run = Run(CNN())
    step = make_step(run.model)
    if compiled:
        step = brasa.compile(step)
    count = len(digits.labels)
    bar = progress.add_task("compiled" if compiled else "eager", total=epochs * -(-count // BATCH))
    for _ in range(epochs):
        order = brasa.randperm(count)
        for first in range(0, count, BATCH):
            chosen = order[first : first + BATCH]
            images, labels = digits.images[chosen], digits.labels[chosen]
            start = perf_counter()
            loss = step(images, labels)
            run.losses.append(loss.item())
            run.times.append((perf_counter() - start) * 1000)
            progress.advance(bar)
        run.accuracies.append(accuracy(run.model, digits))
    return run


@brasa.no_grad()
def accuracy(model: CNN, digits: Digits) -> float:
    """The share of the test images that the model reads rightly."""
    model.eval()
    right = model(digits.test_images).argmax(1) == digits.test_labels
    model.train()
    return right.float().mean().item()


def first_step() -> float:
    """The seconds from calling a compiled training step for the first time to its loss."""
    brasa.manual_seed(1)
    step = brasa.compile(make_step(CNN()))
    images, labels = brasa.rand(BATCH, 1, 8, 8), brasa.arange(BATCH) % 10
    start = perf_counter()
    step(images, labels).item()
    return perf_counter() - start


def first_steps() -> tuple[float, float]:
    """first_step() in two new processes: one that finds an empty cache, and one that finds what the first left."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, FIRST_STEP]
        environment = {**os.environ, "BRASA_CACHE": cache}
        cold, warm = (
            float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
            for _ in range(2)
        )
    return cold, warm


def draw(eager: Run, compiled: Run, path: Path) -> None:
    """Write both runs' losses and test accuracies as a picture."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for run, name, style in ((eager, "eager", "-"), (compiled, "compiled", ":")):
        left.plot(run.losses, style, label=name, linewidth=2)
        right.plot(range(1, EPOCHS + 1), run.accuracies, style, label=name, linewidth=2)
    left.set(xlabel="step", ylabel="loss", yscale="log")
    right.set(xlabel="epoch", ylabel="test accuracy")
    right.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def table(eager: Run, compiled: Run, seconds: tuple[float, float]) -> Any:
    """The results of both runs side by side."""
    from rich.table import Table

    made = Table("", "eager", "compiled", title="Handwritten digits")
    both = (eager, compiled)
    made.add_row("epochs", *(str(len(run.accuracies)) for run in both))
    made.add_row("loss of the last step", *(f"{run.losses[-1]:.6f}" for run in both))
    made.add_row("test accuracy", *(f"{run.accuracies[-1]:.1%}" for run in both))
    made.add_row("ms per step (median)", *(f"{statistics.median(run.times):.2f}" for run in both))
    made.add_row("ms of the first step", *(f"{run.times[0]:.0f}" for run in both))
    made.add_row("first result of a new process, empty cache", "", f"{seconds[0]:.2f} s")
    made.add_row("first result of a new process, from the cache", "", f"{seconds[1]:.2f} s")
    return made


def main() -> int:
    """Train twice, compare, and write the curves and the model; 1 if the runs differ or the model learnt badly."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    digits = load_digits()
    with Progress(console=console) as progress:
        eager, compiled = (train(digits, way, progress) for way in (False, True))
    with console.status("starting two new processes"):
        seconds = first_steps()
    console.print(table(eager, compiled, seconds))

    weights = zip(eager.model.parameters(), compiled.model.parameters(), strict=True)
    equal = eager.losses == compiled.losses and all(a.tolist() == b.tolist() for a, b in weights)
    OUTPUT.mkdir(exist_ok=True)
    draw(eager, compiled, OUTPUT / "digits_cnn.png")
    brasa.save(compiled.model.state_dict(), OUTPUT / "digits_cnn.safetensors")
    console.print(f"The curves are in {OUTPUT}/digits_cnn.png, the model in {OUTPUT}/digits_cnn.safetensors.")
    console.print(
        f"The model reads {compiled.accuracies[-1]:.1%} of the {TESTED} test images rightly; "
        f"eager and compiled, all losses and weights are {'equal bit for bit' if equal else 'NOT EQUAL'}."
    )
    return 0 if equal and compiled.accuracies[-1] >= 0.97 else 1


if __name__ == "__main__":
    if FIRST_STEP in sys.argv:
        print(first_step())
    else:
        sys.exit(main())
