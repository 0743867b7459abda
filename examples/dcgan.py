"""A DCGAN of handwritten digits: two networks of convolutions, one draws images, the other tells them from real ones.

Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", 2016, whose layers, initial weights and optimisers these are, at 8x8. Run it with `--compiled` to compile the
step of both networks as one function. A classifier that was trained on real digits judges what is drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brasa
from brasa import Tensor, nn, optim
from brasa.utils.data import DataLoader, TensorDataset
from brasa.vision.utils import make_grid, save_image

BATCH, TESTED, DRAWN, CODE, CLASSES = 32, 360, 1000, 32, 10
SURE, RARE = 0.9, 0.02  # a class is read with this probability; a class of fewer images than this share is not drawn
ENLARGED = 6  # points of the picture for each pixel

binary_cross_entropy = nn.functional.binary_cross_entropy_with_logits


class Generator(nn.Module):
    """Images[n, 1, 8, 8] of values from -1 to 1, from random codes[n, CODE, 1, 1]."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(CODE, 4 * width, 2, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, 1, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, codes: Tensor) -> Tensor:
        return self.layers(codes)


class Discriminator(nn.Module):
    """Logits[n] that images[n, 1, 8, 8] are real."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 2, bias=False),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)[:, 0, 0, 0]


class Classifier(nn.Module):
    """Scores for the ten digits, from images[n, 1, 8, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, CLASSES),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def load_digits() -> TensorDataset:
    """The images that come with scikit-learn, with values from -1 to 1, and their labels."""
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    return TensorDataset(brasa.tensor(images, dtype=brasa.float32).view(-1, 1, 8, 8) / 8 - 1, brasa.tensor(labels))


def initialize(module: nn.Module) -> None:
    """Weights as the paper has them: of mean 0 and standard deviation 0.02; gains of normalisations about 1."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def make_step(
    generator: Generator, discriminator: Discriminator, compiled: bool
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """One step of both networks, as a function of real images; it gives the losses of discriminator and generator."""
    drawers = list(generator.parameters())
    drawing = optim.Adam(drawers, lr=2e-4, betas=(0.5, 0.999))
    telling = optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step(images: Tensor) -> tuple[Tensor, Tensor]:
        count = images.shape[0]
        drawn = generator(brasa.randn(count, CODE, 1, 1))
        real, false = brasa.ones(count), brasa.zeros(count)
        telling.zero_grad()
        told = binary_cross_entropy(discriminator(images), real)
        told = told + binary_cross_entropy(discriminator(drawn.detach()), false)
        told.backward()
        telling.step()
        drawing.zero_grad()
        believed = binary_cross_entropy(discriminator(drawn), real)
        believed.backward(inputs=drawers)
        drawing.step()
        return told, believed

    return brasa.compile(step) if compiled else step


def train(
    images: Tensor, epochs: int, compiled: bool, told: Callable[..., Any] = lambda *losses: None, width: int = 32
) -> tuple[Generator, Discriminator, list[tuple[float, float]]]:
    """New networks, always from the same seed, and the losses of each step. told: is called with those of epochs."""
    brasa.manual_seed(0)
    generator, discriminator = Generator(width).apply(initialize), Discriminator(width).apply(initialize)
    step = make_step(generator, discriminator, compiled)
    losses = []
    for _ in range(epochs):
        for batch in DataLoader(images, BATCH, shuffle=True):
            one, other = step(batch)
            losses.append((one.item(), other.item()))
        told(*losses[-1])
    return generator, discriminator, losses


def train_classifier(digits: TensorDataset, epochs: int = 12) -> Classifier:
    """A judge of images, from all but the last of the digits."""
    brasa.manual_seed(1)
    model = Classifier()
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    @brasa.compile
    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    learnt = TensorDataset(*(each[:-TESTED] for each in digits.tensors))
    for _ in range(epochs):
        for images, labels in DataLoader(learnt, BATCH, shuffle=True):
            step(images, labels)
    return model


@brasa.no_grad()
def judge(classifier: Classifier, images: Tensor) -> tuple[float, int]:
    """The share of the images that are surely of one class, and how many classes more than a few of these are of."""
    probabilities, classes = classifier(images).softmax(1).max(1)
    sure = classes[probabilities > SURE]
    counts = brasa.bincount(sure, minlength=CLASSES)
    return len(sure) / len(images), int((counts >= RARE * len(images)).sum().item())


@brasa.no_grad()
def sample(generator: Generator, count: int) -> Tensor:
    """So many images, drawn as in training: by the statistics of the batch."""
    return generator(brasa.randn(count, CODE, 1, 1))


def picture(images: Tensor) -> Tensor:
    """The images in rows of 16, enlarged."""
    enlarged = nn.functional.interpolate((images + 1) / 2, scale_factor=ENLARGED)
    return make_grid(enlarged, nrow=16, pad_value=0.5)


def draw(losses: list[tuple[float, float]], path: Path) -> None:
    """Write the curves of both losses as a picture."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name, curve in zip(("discriminator", "generator"), zip(*losses, strict=True), strict=True):
        axes.plot(curve, label=name, linewidth=0.7)
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    """Train, and write the pictures; 1 if too few of the drawn images are surely digits, or a digit is missing."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="the folder of the pictures")
    parser.add_argument("--compiled", action="store_true", help="compile the training step")
    wanted = parser.parse_args()
    console = Console()
    digits = load_digits()
    columns = (*Progress.get_default_columns(), TextColumn("losses {task.fields[one]:.2f} {task.fields[other]:.2f}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("training", total=wanted.epochs, one=float("nan"), other=float("nan"))

        def told(one: float, other: float) -> None:
            progress.update(bar, advance=1, one=one, other=other)

        generator, _, losses = train(digits.tensors[0], wanted.epochs, wanted.compiled, told)
    with console.status("training the judge"):
        classifier = train_classifier(digits)
    images = sample(generator, DRAWN)
    wanted.output.mkdir(parents=True, exist_ok=True)
    save_image(picture(images[:96]), wanted.output / "dcgan_images.png")
    draw(losses, wanted.output / "dcgan_curves.png")
    real, _ = judge(classifier, digits.tensors[0][-TESTED:])
    console.print(f"The images are in {wanted.output}/dcgan_images.png. The judge is sure of {real:.1%} of real ones.")
    share, classes = judge(classifier, images)
    console.print(f"The judge is sure of {share:.1%} of the drawn images, which show {classes} of 10 digits.")
    return int(share < 0.5 or classes < CLASSES)


if __name__ == "__main__":
    raise SystemExit(main())
