"""A whole workflow: data, training with early stopping, a search for settings, an evaluation, a model on disk.

Handwritten digits are augmented by worker processes; a few settings are tried, and the best is trained until it no
longer gets better. On the way the program stops in the middle of an epoch, as if it had been killed, and another
training goes on from the checkpoint. Logs for TensorBoard and plots go to a folder; the saved model is loaded in a new
process, which must predict the same. Run it with `--compiled` to compile the training step.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import brasa
from brasa import Tensor, nn, optim
from brasa.utils.data import DataLoader, Subset, random_split
from brasa.vision import datasets, transforms

OUTPUT = Path("demo-output") / "workflow"
BATCH, CLASSES = 32, 10


@dataclass(frozen=True)
class Setting:
    """What is searched for."""

    width: int = 16
    lr: float = 4e-3


class Net(nn.Module):
    """Scores for the ten digits, from images[n, 1, 8, 8]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(8 * width, CLASSES),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


@dataclass
class Data:
    """Images to learn from, which never look twice the same; to stop by; and to test with."""

    learnt: Subset[Any]
    watched: Subset[Any]
    tested: datasets.Digits


def load_data(count: int | None = None) -> Data:
    """The digits that come with scikit-learn; count: so many to learn from and to stop by, all if None."""
    plain = [transforms.ToTensor(), transforms.Normalize((0.3,), (0.38,))]
    varied = [transforms.RandomRotation(10), transforms.RandomCrop(8, padding=1), *plain]
    digits = datasets.Digits(train=True, transform=transforms.Compose(plain))
    count = count or len(digits)
    parts = random_split(range(count), [count - count // 6, count // 6], brasa.Generator().manual_seed(0))
    augmented = datasets.Digits(train=True, transform=transforms.Compose(varied))
    return Data(
        Subset(augmented, parts[0].indices),
        Subset(digits, parts[1].indices),
        datasets.Digits(train=False, transform=transforms.Compose(plain)),
    )


@brasa.no_grad()
def evaluate(model: nn.Module, data: Any) -> tuple[float, Tensor]:
    """The mean loss, and the confusion matrix: how many images of each digit (row) were read as which (column)."""
    model.eval()
    loss, matrix = 0.0, brasa.zeros(CLASSES, CLASSES, dtype=brasa.int64)
    for images, labels in DataLoader(data, 120):
        scores = model(images)
        loss += nn.functional.cross_entropy(scores, labels, reduction="sum").item()
        matrix += brasa.bincount(CLASSES * labels + scores.argmax(1), minlength=CLASSES**2).view(CLASSES, CLASSES)
    return loss / len(data), matrix


def accuracy(matrix: Tensor) -> float:
    """The share of the images that were read rightly."""
    return (matrix.diagonal().sum() / matrix.sum()).item()


@dataclass
class Epoch:
    """What is logged of an epoch: the mean loss, and the loss and the accuracy on the watched images."""

    loss: float
    watched_loss: float
    watched_accuracy: float


@dataclass
class Progress:
    """Where a training is. losses: of the epoch that is under way; best: the state after the best epoch."""

    epochs: list[Epoch] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)


class Training:
    """One training, which ends when the watched loss was not the least for `patience` epochs."""

    def __init__(self, setting: Setting, data: Data, workers: int = 0, compiled: bool = False, seed: int = 0) -> None:
        brasa.manual_seed(seed)
        self.data, self.model, self.progress = data, Net(setting.width), Progress()
        self.optimizer = optim.AdamW(self.model.parameters(), setting.lr)
        order = brasa.Generator().manual_seed(seed)
        self.loader = DataLoader(data.learnt, BATCH, shuffle=True, num_workers=workers, generator=order)
        self.step = brasa.compile(self._step) if compiled else self._step

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss

    def fit(self, epochs: int, patience: int = 6, batches: int | None = None, log: Any = None) -> bool:
        """Train to the end, whether that came; batches: after so many, stop. The model has the best weights then."""
        progress = self.progress
        while len(progress.epochs) < epochs and self.waited() < patience:
            self.model.train()
            for images, labels in self.loader:
                progress.losses.append(self.step(images, labels).item())
                if batches is not None and (batches := batches - 1) == 0:
                    return False
            self._finish_epoch(log)
        self.model.load_state_dict(progress.best)
        return True

    def _finish_epoch(self, log: Any) -> None:
        progress = self.progress
        loss, matrix = evaluate(self.model, self.data.watched)
        progress.epochs.append(Epoch(sum(progress.losses) / len(progress.losses), loss, accuracy(matrix)))
        progress.losses = []
        if self.waited() == 0:
            progress.best = deepcopy(self.model.state_dict())
        for name, value in asdict(progress.epochs[-1]).items() if log is not None else ():
            log.add_scalar(name, value, len(progress.epochs))

    def waited(self) -> int:
        """How many epochs ago the best one was."""
        losses = [epoch.watched_loss for epoch in self.progress.epochs]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0

    def state_dict(self) -> dict[str, Any]:
        """All that another training needs to go on, in the middle of an epoch too."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loader": self.loader.state_dict(),
            "random": brasa.get_rng_state(),
            "progress": asdict(self.progress),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another training was."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loader.load_state_dict(state["loader"])
        brasa.set_rng_state(state["random"])
        epochs = [Epoch(**epoch) for epoch in state["progress"]["epochs"]]
        self.progress = Progress(epochs, state["progress"]["losses"], state["progress"]["best"])


def search(data: Data, epochs: int, workers: int, compiled: bool, log: Any = None) -> dict[Setting, float]:
    """The least watched loss in a few epochs with each setting."""
    found = {}
    for setting in (Setting(width, lr) for width, lr in product((8, 16, 32), (1e-3, 4e-3))):
        training = Training(setting, data, workers, compiled)
        training.fit(epochs)
        found[setting] = min(epoch.watched_loss for epoch in training.progress.epochs)
        if log is not None:
            log.add_hparams(asdict(setting), {"least_loss": found[setting]}, run_name=f"{setting.width}-{setting.lr}")
    return found


def train_with_a_stop(path: Path, setting: Setting, data: Data, stop: int, **options: Any) -> Training:
    """Train, but stop after so many batches; go on with a new training, from the checkpoint at this path."""
    epochs, log = options.pop("epochs"), options.pop("log", None)
    first = Training(setting, data, **options)
    if first.fit(epochs, batches=stop, log=log):
        return first
    brasa.save(first.state_dict(), path)
    training = Training(setting, data, **options)
    training.load_state_dict(brasa.load(path))
    training.fit(epochs, log=log)
    return training


def predict(path: Path) -> list[int]:
    """What a saved model reads in the test images."""
    saved = brasa.load(path)
    model = Net(saved["width"]).eval()
    model.load_state_dict(saved["model"])
    with brasa.no_grad():
        return [
            digit for images, _ in DataLoader(load_data().tested, 120) for digit in model(images).argmax(1).tolist()
        ]


def predict_elsewhere(path: Path) -> list[int]:
    """The same, by a new process."""
    command = [sys.executable, __file__, "--predict", str(path)]
    return [int(digit) for digit in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


def plot(folder: Path, epochs: list[Epoch], matrix: Tensor) -> None:
    """Draw the losses and the confusion matrix."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    left.plot([epoch.loss for epoch in epochs], label="training")
    left.plot([epoch.watched_loss for epoch in epochs], label="watched images")
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    left.legend()
    right.imshow(matrix.sqrt(), cmap="magma")  # of the root, so that few mistakes show beside many that are right
    right.set(xlabel="read as", ylabel="digit", xticks=range(CLASSES), yticks=range(CLASSES))
    figure.savefig(folder / "workflow.png", dpi=110)
    pyplot.close(figure)


def show(console: Any, found: dict[Setting, float], matrix: Tensor) -> None:
    """Print the settings, and the confusion matrix with each digit's accuracy."""
    from rich.table import Table

    table = Table("width", "learning rate", "least loss", title="Settings")
    for setting, loss in sorted(found.items(), key=lambda row: row[1]):
        table.add_row(str(setting.width), f"{setting.lr:g}", f"{loss:.4f}")
    console.print(table)
    table = Table("digit", *map(str, range(CLASSES)), "rightly", title="Read as")
    for digit, row in enumerate(matrix.tolist()):
        cells = [f"[bold]{n}[/]" if digit == column else str(n or "") for column, n in enumerate(row)]
        table.add_row(str(digit), *cells, f"{row[digit] / sum(row):.1%}")
    console.print(table)


def main() -> int:
    """Run all of it; 1 if the model reads badly, or otherwise in a new process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40, help="at most so many")
    parser.add_argument("--tuning-epochs", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--predict", type=Path, help="only print what this model reads in the test images")
    wanted = parser.parse_args()
    if wanted.predict is not None:
        print(*predict(wanted.predict))
        return 0
    from rich.console import Console

    from brasa.utils.tensorboard import SummaryWriter

    console, data = Console(), load_data()
    wanted.output.mkdir(parents=True, exist_ok=True)
    log = SummaryWriter(wanted.output / "logs")
    options = {"workers": wanted.workers, "compiled": wanted.compiled, "log": log}
    with console.status("Trying settings"):
        found = search(data, wanted.tuning_epochs, **options)
    best = min(found, key=found.__getitem__)
    with console.status("Training with the best"):
        training = train_with_a_stop(wanted.output / "checkpoint.pt", best, data, 50, epochs=wanted.epochs, **options)
    matrix = evaluate(training.model, data.tested)[1]
    show(console, found, matrix)
    plot(wanted.output, training.progress.epochs, matrix)
    log.close()
    path = wanted.output / "model.pt"
    brasa.save({"width": best.width, "model": training.model.state_dict()}, path)
    same = predict_elsewhere(path) == predict(path)
    console.print(
        f"After {len(training.progress.epochs)} epochs the model reads {accuracy(matrix):.1%} of the "
        f"{len(data.tested)} test images rightly; in a new process it reads {'the same' if same else 'otherwise'}.",
        soft_wrap=True,
    )
    return int(not same or accuracy(matrix) < 0.95)


if __name__ == "__main__":
    raise SystemExit(main())
