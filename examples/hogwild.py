"""Hogwild: several processes train one model in shared memory at the same time, without locks, on handwritten digits.

Each takes batches of its own from all images; what one writes to the weights, the others see at once (Recht et al.
2011). Run it with `--compiled` to compile each process's training step.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import brasa
from brasa import Tensor, nn, optim
from brasa import multiprocessing as mp
from brasa.utils.data import DataLoader, Dataset, TensorDataset, random_split

BATCH, TESTED = 32, 360

Data = Dataset[tuple[Tensor, ...]]


class Net(nn.Module):
    """Scores for the ten digits, from images[n, 1, 8, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def load_digits() -> tuple[Data, Data]:
    """The images that come with scikit-learn, with their labels: some to learn from, the others to test with."""
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    pixels = brasa.tensor(images, dtype=brasa.float32).view(-1, 1, 8, 8) / 16
    everything = TensorDataset(pixels, brasa.tensor(labels))
    learnt, tested = random_split(everything, [len(labels) - TESTED, TESTED], brasa.Generator().manual_seed(0))
    return learnt, tested


def make_step(model: nn.Module, compiled: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """One step of training, as a function of a batch."""
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.5)

    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return brasa.compile(step) if compiled else step


def train(number: int, model: nn.Module, learnt: Data, epochs: int, compiled: bool, losses: Any) -> None:
    """What each process does: epochs over all images, in an order of its own. losses: a queue, or None."""
    brasa.set_num_threads(1)
    brasa.manual_seed(number)
    step = make_step(model, compiled)
    for epoch in range(epochs):
        total = 0.0
        loader = DataLoader(learnt, BATCH, shuffle=True)
        for images, labels in loader:
            total += step(images, labels).item()
        if losses is not None:
            losses.put((number, epoch, total / len(loader)))


@brasa.no_grad()
def accuracy(model: nn.Module, tested: Data) -> float:
    """The share of the images that the model reads rightly."""
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in DataLoader(tested, 120))
    return right / len(tested)  # type: ignore[arg-type]


def train_together(model: nn.Module, learnt: Data, processes: int, epochs: int, compiled: bool) -> list[Any]:
    """Train one model in several processes; (process, epoch, mean loss) of each epoch of each."""
    model.share_memory()
    losses = mp.get_context("fork").SimpleQueue()
    running = mp.start_processes(
        train, (model, learnt, epochs, compiled, losses), processes, join=False, start_method="fork"
    )
    told: list[Any] = []
    finished = False
    while not finished:
        finished = running.join(timeout=0.1)
        while not losses.empty():
            told.append(losses.get())
    return told


def main() -> int:
    """Train, and print each epoch's loss and the accuracy; 1 if the model learnt badly."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    console = Console()
    brasa.manual_seed(0)
    model = Net()
    learnt, tested = load_digits()
    with console.status(f"{wanted.processes} processes train one model"):
        told = train_together(model, learnt, wanted.processes, wanted.epochs, wanted.compiled)
    table = Table("epoch", *(f"process {number}" for number in range(wanted.processes)), title="Mean loss")
    for epoch in range(wanted.epochs):
        row = {number: loss for number, of, loss in told if of == epoch}
        table.add_row(str(epoch + 1), *(f"{row[number]:.3f}" for number in range(wanted.processes)))
    console.print(table)
    share = accuracy(model, tested)
    console.print(f"The model reads {share:.1%} of the {TESTED} test images rightly.")
    return int(share < 0.9)


if __name__ == "__main__":
    raise SystemExit(main())
