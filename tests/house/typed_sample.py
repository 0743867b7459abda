"""A program over brasa's public face that mypy --strict accepts; it runs, too."""

from __future__ import annotations

import brasa
from brasa import Tensor, nn, optim


class Classifier(nn.Module):
    """Two layers with an activation between them."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, 16)
        self.second = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of each class."""
        hidden: Tensor = brasa.relu(self.first(x))
        scores: Tensor = self.second(hidden)
        return scores


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> list[float]:
    """The loss of each step."""
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses: list[float] = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss: Tensor = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


def main() -> None:
    """Train on random points."""
    brasa.manual_seed(0)
    x = brasa.randn(8, 4)
    y = (x.sum(dim=1) > 0).to(brasa.int64)
    losses = train(Classifier(4, 2), x, y, steps=5)
    mean, shape = x.mean(), x.shape
    with brasa.no_grad():
        flat: Tensor = brasa.cat([x, -x]).reshape(-1)
    assert losses[-1] < losses[0]
    assert flat.shape[0] == 2 * shape.numel()
    assert isinstance(mean.item(), float)


if __name__ == "__main__":
    main()
