"""Hello, tensors: making them, asking them, multiplying and reshaping them, and gradients by hand and by backward().

The first program of somebody who has never seen a tensor. Read it beside what it prints.
"""

from __future__ import annotations

import argparse

import brasa
from brasa import Tensor

STEPS = 1000


def make() -> tuple[Tensor, Tensor]:
    """A table from lists, and random floats in the same shape."""
    table = brasa.tensor([[1, 2, 3], [4, 5, 6]])
    noise = brasa.rand_like(table, dtype=brasa.float)  # without dtype: an error, as random integers are randint's
    return table, noise


def weigh(vector: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Each row of matrix[10, 5] times the number of vector[10] that belongs to it, in two ways, and their sum."""
    by_unsqueeze = vector.unsqueeze(1) * matrix  # (10, 1) times (10, 5): the one column serves all five
    by_view = vector.view(10, 1) * matrix
    summed = vector.unsqueeze(0) @ matrix  # (1, 10) times (10, 5), as matrices: (1, 5)
    return by_unsqueeze, by_view, summed


def refusal(first: Tensor, second: Tensor) -> str:
    """What is said when two tensors that do not go together are multiplied."""
    try:
        first * second
    except RuntimeError as error:
        return str(error)
    return ""


def gradients_by_hand(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of relu(x @ w1) @ w2 against y, and its gradients: the chain rule, one line for each line forward."""
    hidden = x @ w1
    active = hidden.clamp(min=0)
    difference = active @ w2 - y
    loss = (difference**2).mean()

    from_difference = 2 * difference / difference.numel()
    from_active = from_difference @ w2.T
    from_hidden = from_active * (hidden > 0)
    return loss, x.T @ from_hidden, active.T @ from_difference


def gradients_by_backward(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same by autograd: what requires_grad has a .grad after backward()."""
    w1, w2 = w1.detach().requires_grad_(), w2.detach().requires_grad_()
    loss = (((x @ w1).clamp(min=0) @ w2 - y) ** 2).mean()
    loss.backward()
    return loss.detach(), w1.grad, w2.grad


def learn(steps: int, compiled: bool) -> tuple[list[float], list[Tensor], float]:
    """Learn a sine by walking against the gradients: the losses, the weights, how far both gradients are apart."""
    by_hand = brasa.compile(gradients_by_hand) if compiled else gradients_by_hand
    by_backward = brasa.compile(gradients_by_backward) if compiled else gradients_by_backward
    points = brasa.linspace(-1, 1, 50)
    x = brasa.stack((points, brasa.ones(50)), dim=1)  # a column of ones, whose weights are the first layer's bias
    y = (3 * points).sin().unsqueeze(1)
    w1, w2 = brasa.randn(2, 16), 0.1 * brasa.randn(16, 1)
    losses, apart = [], 0.0
    for _ in range(steps):
        loss, *ours = by_hand(x, y, w1, w2)
        _, *theirs = by_backward(x, y, w1, w2)
        apart = max(apart, *((one - other).abs().max().item() for one, other in zip(ours, theirs, strict=True)))
        w1, w2 = w1 - 0.1 * ours[0], w2 - 0.1 * ours[1]
        losses.append(loss.item())
    return losses, [w1, w2], apart


def show_tensors(device: brasa.device) -> None:
    """Print what can be done with tensors."""
    table, noise = make()
    print(f"A table from lists:\n{table}\nRandom numbers of its shape, as floats:\n{noise}\n")
    print(f"What they are: {tuple(noise.shape)}, {noise.dtype}, {noise.device}; the table has {table.dtype}.\n")
    print(f"Number by number:\n{table * noise * noise}\nRows by columns:\n{table.float() @ noise.T}\n")
    square = brasa.rand(5, 5)
    print(f"Five by five:\n{square}\nFlat, {tuple(square.view(-1).shape)}:\n{square.view(-1)}\n")
    vector, matrix = brasa.arange(10.0), brasa.ones(10, 5)
    print(f"A vector times a matrix fails, its axis meets the last one:\n{refusal(vector, matrix)}")
    by_unsqueeze, by_view, summed = weigh(vector, matrix)
    assert brasa.equal(by_unsqueeze, by_view)
    print(f"With unsqueeze(1), or view(10, 1), it goes along the rows:\n{by_view}\nSummed:\n{summed}\n")
    if device.type == "cpu":
        print("This machine has one device, the CPU. Tensors on two do not go together either.\n")
    else:
        there = vector.to(device)
        print(f"A tensor here times one on {device} fails:\n{refusal(vector, there)}")
        print(f"Brought back, it goes: {(vector * there.cpu()).sum().item()}\n")


def main() -> int:
    """Print all of it; 1 if the gradients by hand are wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    brasa.manual_seed(0)
    show_tensors(brasa.device("cuda" if brasa.cuda.is_available() else "cpu"))
    losses, _, apart = learn(STEPS, wanted.compiled)
    for step in range(0, STEPS, STEPS // 5):
        print(f"step {step:3d}: loss {losses[step]:.4f}")
    print(
        f"Gradients by hand and by backward() differ by {apart:.1e} at most; "
        f"{STEPS} steps against them bring the loss from {losses[0]:.2f} to {losses[-1]:.4f}."
    )
    return int(apart > 1e-4 or losses[-1] > 0.1 * losses[0])


if __name__ == "__main__":
    raise SystemExit(main())
