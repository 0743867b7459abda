"""A variational autoencoder of handwritten digits: it learns codes of images, and draws new ones.

Kingma and Welling, "Auto-encoding variational Bayes", 2014. A pixel of these images counts which of 16 points of the
scanned page are dark, so the decoder gives a binomial distribution for each. Run it with `--compiled` to compile the
training step, draws of random codes included; its distributions do not check their arguments, because then it is one
piece of machine code, which looks at no value on the way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brasa
from brasa import Tensor, nn, optim
from brasa.distributions import Binomial, Normal, kl_divergence
from brasa.utils.data import DataLoader
from brasa.vision.utils import make_grid, save_image

BATCH, TESTED, SHADES, CODE = 64, 360, 16, 8
SHOWN, ENLARGED = 16, 6  # images in a row of the picture, and points of it for each pixel


class VAE(nn.Module):
    """Distributions of codes[n, CODE] given images[n, 1, 8, 8], and of images given codes."""

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 2 * CODE))
        self.decoder = nn.Sequential(
            nn.Linear(CODE, hidden), nn.ReLU(), nn.Linear(hidden, 64), nn.Unflatten(1, (1, 8, 8))
        )

    def encode(self, images: Tensor) -> Normal:
        """Which codes the images may have."""
        mean, log_scale = self.encoder(images / SHADES).chunk(2, 1)
        return Normal(mean, log_scale.exp(), validate_args=False)

    def decode(self, codes: Tensor) -> Binomial:
        """Which images the codes may stand for."""
        return Binomial(SHADES, logits=self.decoder(codes), validate_args=False)

    def forward(self, images: Tensor) -> Tensor:
        """The evidence lower bound (ELBO) of each image's log-likelihood, in nats, by one random code."""
        posterior = self.encode(images)
        explained = self.decode(posterior.rsample()).log_prob(images).sum((1, 2, 3))
        prior = Normal(0.0, 1.0, validate_args=False)
        return explained - kl_divergence(posterior, prior).sum(1)


def load_digits() -> tuple[Tensor, Tensor]:
    """The images that come with scikit-learn, pixels from 0 to 16: some to learn from, the others to test with."""
    from sklearn import datasets

    images = brasa.tensor(datasets.load_digits().data, dtype=brasa.float32).view(-1, 1, 8, 8)
    return images[:-TESTED], images[-TESTED:]


def make_step(model: VAE, compiled: bool) -> Callable[[Tensor], Tensor]:
    """One step of training, as a function of a batch; it gives the mean ELBO."""
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    def step(images: Tensor) -> Tensor:
        optimizer.zero_grad()
        bound = model(images).mean()
        (-bound).backward()
        optimizer.step()
        return bound

    return brasa.compile(step) if compiled else step


@brasa.no_grad()
def evaluate(model: VAE, images: Tensor) -> float:
    """The mean ELBO of the images."""
    return model(images).mean().item()


def train(
    learnt: Tensor, tested: Tensor, epochs: int, compiled: bool, told: Callable[[float], Any] = lambda bound: None
) -> tuple[VAE, list[float], list[float]]:
    """A new model, always from the same seed, the ELBO of each step, and that of held-out images before and after
    each epoch. told: is called with the latter."""
    brasa.manual_seed(0)
    model = VAE()
    step = make_step(model, compiled)
    steps, bounds = [], [evaluate(model, tested)]
    for _ in range(epochs):
        steps += [step(images).item() for images in DataLoader(learnt, BATCH, shuffle=True)]
        bounds.append(evaluate(model, tested))
        told(bounds[-1])
    return model, steps, bounds


@brasa.no_grad()
def picture(model: VAE, images: Tensor) -> Tensor:
    """Images above what their codes stand for, and below two rows of what random codes stand for."""
    found = model.decode(model.encode(images).mean).mean
    drawn = model.decode(brasa.randn(2 * len(images), CODE)).mean
    rows = brasa.cat([images, found, drawn]) / SHADES
    return make_grid(nn.functional.interpolate(rows, scale_factor=ENLARGED), nrow=len(images), pad_value=0.5)


def draw(steps: list[float], bounds: list[float], path: Path) -> None:
    """Write the curves of the ELBO as a picture."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    each = len(steps) / (len(bounds) - 1)
    axes.plot([number / each for number in range(1, len(steps) + 1)], steps, label="batches", alpha=0.4)
    axes.plot(range(len(bounds)), bounds, label="held-out images", linewidth=2)
    axes.set(xlabel="epoch", ylabel="ELBO [nats]")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    """Train, and write the pictures; 1 if the ELBO of held-out images improved by less than 20%."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="the folder of the pictures")
    parser.add_argument("--compiled", action="store_true", help="compile the training step")
    wanted = parser.parse_args()
    console = Console()
    learnt, tested = load_digits()
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[bound]:.1f} nats"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("training", total=wanted.epochs, bound=float("nan"))
        model, steps, bounds = train(
            learnt, tested, wanted.epochs, wanted.compiled, lambda bound: progress.update(bar, advance=1, bound=bound)
        )
    wanted.output.mkdir(parents=True, exist_ok=True)
    save_image(picture(model, tested[:SHOWN]), wanted.output / "vae_images.png")
    draw(steps, bounds, wanted.output / "vae_curves.png")
    console.print(f"Images, what their codes stand for, and new ones are in {wanted.output}/vae_images.png.")
    gained = 1 - bounds[-1] / bounds[0]
    console.print(
        f"The ELBO of held-out images went from {bounds[0]:.0f} to {bounds[-1]:.0f} nats, better by {gained:.0%}."
    )
    return int(gained < 0.2)


if __name__ == "__main__":
    raise SystemExit(main())
