"""The first classifier of PyTorch's tutorial reads handwritten digits: two hidden layers on images of 28x28.

MNIST, where its files lie in --root; else the digits that come with scikit-learn, enlarged to 28x28. Those to test with
are drawn by lot, so the model has seen other digits of each writer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import brasa
from brasa import nn
from brasa.utils.data import ConcatDataset, DataLoader, random_split

device = brasa.device("cuda" if brasa.cuda.is_available() else "cpu")


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits  # noqa: RET504 (as the tutorial has it)


def train(model, dataloader, epochs):
    loss_fn = nn.CrossEntropyLoss()
    optimizer = brasa.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for epoch in range(epochs):
        for X, y in dataloader:
            loss = loss_fn(model(X.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")
    return losses


def test(model, dataloader):
    with brasa.no_grad():
        right = sum((model(X.to(device)).argmax(1) == y.to(device)).sum().item() for X, y in dataloader)
    return right / len(dataloader.dataset)


def load(root: str) -> tuple[DataLoader, DataLoader]:
    """Batches to train with, and to test with."""
    from brasa.vision import datasets, transforms

    to_tensor = transforms.ToTensor()
    if (Path(root) / "MNIST" / "raw").exists():
        learnt, tested = (datasets.MNIST(root, train=train, transform=to_tensor) for train in (True, False))
    else:
        halves = [datasets.Digits(train=train, transform=to_tensor, size=28) for train in (True, False)]
        learnt, tested = random_split(ConcatDataset(halves), [len(half) for half in halves])
    return DataLoader(learnt, batch_size=64, shuffle=True), DataLoader(tested, batch_size=60)


def main() -> int:
    """Train and evaluate; 1 if the model learnt badly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="data")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    brasa.manual_seed(0)
    learnt, tested = load(wanted.root)
    model = NeuralNetwork().to(device)
    if wanted.compiled:
        model = brasa.compile(model)
    train(model, learnt, wanted.epochs)
    share = test(model, tested)
    print(f"The model reads {share:.1%} of the {len(tested.dataset):,} test images rightly.")
    return int(share < 0.95)


if __name__ == "__main__":
    raise SystemExit(main())
