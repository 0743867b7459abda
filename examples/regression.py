"""Linear regression: one linear layer, trained by several optimisers, reaches the least-squares solution.

What each loss still has above the least one is drawn to demo-output/regression.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import brasa
from brasa import Tensor, nn, optim

OUTPUT = Path("demo-output")
FEATURES, TARGETS = 6, 3
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "gradient descent": lambda parameters: optim.SGD(parameters, lr=0.5),
    "momentum": lambda parameters: optim.SGD(parameters, lr=0.3, momentum=0.8),
    "Adam": lambda parameters: optim.Adam(parameters, lr=0.1),
    "Rprop": lambda parameters: optim.Rprop(parameters, lr=0.05),
    "L-BFGS": lambda parameters: optim.LBFGS(parameters, max_iter=4, history_size=4),
}


def measurements(count: int) -> tuple[Tensor, Tensor]:
    """x[count, 6], and y[count, 3]: a linear function of it with noise."""
    x = brasa.randn(count, FEATURES)
    weight, bias = brasa.randn(FEATURES, TARGETS), brasa.randn(TARGETS)
    return x, x @ weight + bias + 0.3 * brasa.randn(count, TARGETS)


def least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The weight[3, 6] and the bias[3] of the least mean square, by linear algebra."""
    ones = brasa.cat((x, brasa.ones(len(x), 1)), dim=1)
    solution = brasa.linalg.lstsq(ones, y).solution
    return solution[:-1].T, solution[-1]


def train(name: str, x: Tensor, y: Tensor, steps: int, compiled: bool) -> tuple[nn.Module, list[float]]:
    """A linear layer trained by one optimiser, and the loss before each step."""
    model = nn.Linear(FEATURES, TARGETS)
    optimizer = OPTIMIZERS[name](model.parameters())

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    def step() -> Tensor:
        return optimizer.step(closure)

    step = brasa.compile(step) if compiled else step
    return model, [step().item() for _ in range(steps)]


def distance(model: nn.Module, solution: tuple[Tensor, Tensor]) -> float:
    """How far the farthest number of the layer is from the solution."""
    pairs = zip(model.parameters(), solution, strict=True)
    return max((ours - theirs).abs().max().item() for ours, theirs in pairs)


def draw(losses: dict[str, list[float]], least: float, path: Path) -> None:
    """Write a picture of the losses, above the least one."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name, values in losses.items():
        axes.plot([max(value - least, 1e-8) for value in values], label=name)
    axes.set(xlabel="step", ylabel="loss above the least", yscale="log")
    axes.legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    """Train with each optimiser, and draw; 1 if one did not arrive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    brasa.manual_seed(0)
    x, y = measurements(500)
    solution = least_squares(x, y)
    least = nn.functional.mse_loss(x @ solution[0].T + solution[1], y).item()
    distances, losses = {}, {}
    for name in OPTIMIZERS:
        model, losses[name] = train(name, x, y, wanted.steps, wanted.compiled)
        distances[name] = distance(model, solution)
        print(f"{name:16} loss {losses[name][-1]:.6f}, {distances[name]:.1e} from the solution")
    draw(losses, least, OUTPUT / "regression.png")
    print(f"The curves are in {OUTPUT}/regression.png.")
    print(f"All {len(distances)} optimisers end within {max(distances.values()):.0e} of the least-squares solution.")
    return int(max(distances.values()) > 1e-4)


if __name__ == "__main__":
    raise SystemExit(main())
