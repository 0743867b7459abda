"""Fine-tuning: a network that learnt some shapes learns others from few images, better than one that knows nothing.

A small residual network (He et al. 2015) is trained on six shapes and saved. Loaded again, it gets a new head for four
others: its first layers are frozen, the rest learns slowly, and the head learns fast. Run it with `--compiled` to
compile each training step.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import brasa
from brasa import Tensor, nn, optim
from brasa.utils.data import DataLoader, TensorDataset

SHAPES = ("disc", "square", "ring", "cross", "stripes", "triangle", "frame", "checks", "diamond", "bars")
KNOWN, NEW = SHAPES[:6], SHAPES[6:]
SIDE, BATCH = 16, 20


class Block(nn.Module):
    """Two convolutions, and a way past them."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.past = nn.Conv2d(inner, outer, 1, stride, bias=False) if inner != outer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = nn.functional.relu(self.bn1(self.conv1(x)))
        return nn.functional.relu(self.bn2(self.conv2(out)) + self.past(x))


class ResNet(nn.Module):
    """Scores for so many classes, from images[n, 1, 16, 16]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.stage1 = Block(16, 16)
        self.stage2 = Block(16, 32, 2)
        self.stage3 = Block(32, 64, 2)
        self.fc = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.fc(x.mean((2, 3)))


def draw(shape: str, noise: np.random.Generator) -> np.ndarray[Any, Any]:
    """One image float32[1, 16, 16]: a shape anywhere, lighter or darker than what is behind it."""
    size, (top, left) = noise.uniform(4, 7), noise.uniform(6, 10, 2)
    y, x = np.mgrid[:SIDE, :SIDE]
    y, x = (y - top) / size, (x - left) / size
    far, distance = np.maximum(abs(y), abs(x)), np.hypot(y, x)
    inside = {
        "disc": distance < 1,
        "square": far < 0.9,
        "ring": (distance > 0.55) & (distance < 1),
        "cross": (far < 1) & (np.minimum(abs(y), abs(x)) < 0.3),
        "stripes": (far < 1) & (np.sin(7 * y) > 0),
        "triangle": (abs(x) < (y + 1) / 2) & (y < 1),
        "frame": (far > 0.6) & (far < 1),
        "checks": (far < 1) & (np.sin(7 * y) * np.sin(7 * x) > 0),
        "diamond": abs(y) + abs(x) < 1,
        "bars": (far < 1) & (np.sin(7 * x) > 0),
    }[shape]
    behind, contrast = noise.uniform(-1, 1), noise.choice([-1, 1]) * noise.uniform(0.4, 0.8)
    return (behind + contrast * inside + noise.normal(0, 0.1, (1, SIDE, SIDE))).astype(np.float32)


def drawings(shapes: Sequence[str], each: int, seed: int) -> TensorDataset:
    """So many images of every shape, labelled 0, 1, ..."""
    noise = np.random.default_rng(seed)
    images = np.stack([draw(shape, noise) for shape in shapes for _ in range(each)])
    return TensorDataset(brasa.from_numpy(images), brasa.arange(len(shapes)).repeat_interleave(each))


def train(
    model: ResNet, data: TensorDataset, epochs: int, groups: list[dict[str, Any]], compiled: bool,
    frozen: Sequence[nn.Module] = (),
) -> list[float]:  # fmt: skip
    """The losses of all steps. groups: parameters with their learning rates; frozen: modules that are not to change."""
    optimizer = optim.AdamW(groups, lr=3e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    model.train()
    for module in frozen:
        module.requires_grad_(False).eval()  # eval: BatchNorm's running means stay what they are, too

    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    step = brasa.compile(step) if compiled else step
    loader = DataLoader(data, BATCH, shuffle=True, drop_last=True)
    losses = []
    for _ in range(epochs):
        losses += [step(images, labels).item() for images, labels in loader]
        schedule.step()
    return losses


@brasa.no_grad()
def accuracy(model: nn.Module, data: TensorDataset) -> float:
    """The share of the images that the model tells rightly."""
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in DataLoader(data, 120))
    return right / len(data)


def pretrain(path: Path, each: int, epochs: int, compiled: bool) -> list[float]:
    """Train a network on so many images of each known shape and save it; its losses."""
    model = ResNet(len(KNOWN))
    losses = train(model, drawings(KNOWN, each, seed=0), epochs, [{"params": model.parameters()}], compiled)
    brasa.save(model.state_dict(), path)
    return losses


@dataclass
class Tuned:
    """What came of one training. kept: whether the frozen layers are, bit for bit, what they were."""

    model: ResNet
    losses: list[float]
    share: float
    kept: bool = True


def fine_tune(path: Path, data: TensorDataset, epochs: int, compiled: bool) -> Tuned:
    """Teach the saved network the new shapes."""
    model = ResNet(len(KNOWN))
    model.load_state_dict(brasa.load(path))
    model.fc = nn.Linear(model.fc.in_features, len(NEW))
    frozen = [model.stem, model.stage1]
    before = [{name: value.clone() for name, value in module.state_dict().items()} for module in frozen]
    groups = [
        {"params": [*model.stage2.parameters(), *model.stage3.parameters()], "lr": 1e-3},
        {"params": model.fc.parameters(), "lr": 1e-2},
    ]
    losses = train(model, data, epochs, groups, compiled, frozen)
    share = accuracy(model, drawings(NEW, 100, seed=2))
    kept = all(brasa.equal(value, old[name]) for module, old in zip(frozen, before, strict=True)
               for name, value in module.state_dict().items())  # fmt: skip
    return Tuned(model, losses, share, kept)


def from_scratch(data: TensorDataset, epochs: int, compiled: bool) -> Tuned:
    """Teach the new shapes to a network that knows nothing."""
    model = ResNet(len(NEW))
    losses = train(model, data, epochs, [{"params": model.parameters()}], compiled)
    return Tuned(model, losses, accuracy(model, drawings(NEW, 100, seed=2)))


def main() -> int:
    """Train, fine-tune and compare; 1 if fine-tuning was not better, or a frozen weight changed."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pretraining", type=int, default=12, help="epochs on the known shapes")
    parser.add_argument("--epochs", type=int, default=10, help="epochs on the new ones")
    parser.add_argument("--each", type=int, default=20, help="images of each new shape")
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    console = Console()
    brasa.manual_seed(0)
    few = drawings(NEW, wanted.each, seed=1)
    with TemporaryDirectory() as folder, console.status("Learning six shapes"):
        path = Path(folder) / "resnet.pt"
        losses = pretrain(path, 250, wanted.pretraining, wanted.compiled)
        tuned = fine_tune(path, few, wanted.epochs, wanted.compiled)
    scratch = from_scratch(few, wanted.epochs, wanted.compiled)
    table = Table(
        "", "first loss", "last loss", "of the test images", title=f"{len(few)} images, {wanted.epochs} epochs"
    )
    table.add_row("pretraining", f"{losses[0]:.3f}", f"{losses[-1]:.3f}", "")
    for name, each in (("fine-tuned", tuned), ("from scratch", scratch)):
        table.add_row(name, f"{each.losses[0]:.3f}", f"{each.losses[-1]:.3f}", f"{each.share:.1%}")
    console.print(table)
    kept = "kept every bit" if tuned.kept else "changed"
    console.print(
        f"Fine-tuned with {len(few)} images, the model tells {tuned.share:.1%} of 400 others rightly, one from scratch "
        f"{scratch.share:.1%}; its frozen weights {kept}.",
        soft_wrap=True,
    )
    return int(not tuned.kept or tuned.share <= scratch.share)


if __name__ == "__main__":
    raise SystemExit(main())
