"""L-BFGS: steps along the gradient times an inverse Hessian that the last gradients suggest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.autograd import enable_grad, no_grad
from brasa.functions.joining import cat
from brasa.ir.errors import ValueError
from brasa.optim.hyperparameters import check_not_negative
from brasa.optim.line_search import Point, strong_wolfe
from brasa.optim.optimizer import Optimizer
from brasa.tensors.creation import zeros
from brasa.tensors.tensor import Tensor


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.5), for whole batches.

    `step` takes a closure that computes the loss and its gradients, and calls it several times. All parameters are of
    one group. line_search_fn: None, which takes steps of lr, or "strong_wolfe".
    """

    def __init__(
        self, params: Any, lr: float = 1, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_not_negative("LBFGS", {"lr": lr})
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"line_search_fn must be None or 'strong_wolfe', not {line_search_fn!r}", op="LBFGS")
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("takes one group of parameters", op="LBFGS")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to max_iter steps; the loss before the first. `closure` computes the loss and its gradients."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss", op="LBFGS")
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with no_grad():
            return _Search(self, closure, group, state).run()


class _Search:
    """One call of LBFGS.step."""

    def __init__(
        self, optimizer: LBFGS, closure: Callable[[], Any], group: dict[str, Any], state: dict[str, Any]
    ) -> None:
        self.closure, self.group, self.state = closure, group, state
        self.parameters: list[Tensor] = group["params"]
        self.evaluations = 0

    def run(self) -> Any:
        """The steps; the first loss."""
        group, state = self.group, self.state
        first = self.evaluate()
        loss, gradient = float(first), self.gradient()
        if self.is_flat(gradient):
            return first
        for left in reversed(range(group["max_iter"])):
            state["n_iter"] += 1
            direction = state["d"] = self.direction(gradient)
            state["prev_flat_grad"], state["prev_loss"] = gradient.clone(), loss
            state["t"] = float(group["lr"]) * (
                min(1.0, 1.0 / gradient.abs().sum().item()) if state["n_iter"] == 1 else 1.0
            )
            start = Point(0.0, loss, gradient, gradient.dot(direction).item())
            if start.slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"] is not None:
                loss, gradient = self.search(direction, start)
            else:
                self.move(state["t"], direction)
                if left:
                    loss, gradient = float(self.evaluate()), self.gradient()
            if not left or self.is_done(direction, loss, gradient):
                break
        return first

    def evaluate(self) -> Any:
        """The loss at the parameters as they are; their gradients with it."""
        self.evaluations += 1
        self.state["func_evals"] += 1
        with enable_grad():
            return self.closure()

    def gradient(self) -> Tensor:
        """All gradients as one vector."""
        return cat([
            zeros(p.numel(), dtype=p.dtype, device=p.device) if p.grad is None else p.grad.reshape(-1)
            for p in self.parameters
        ])  # fmt: skip

    def move(self, step: float, direction: Tensor) -> None:
        """Change the parameters by step * direction."""
        start = 0
        for parameter in self.parameters:
            part = direction.narrow(0, start, parameter.numel())
            parameter.add_(part.view(*parameter.shape), alpha=step)
            start += parameter.numel()

    def search(self, direction: Tensor, start: Point) -> tuple[float, Tensor]:
        """Move along the direction, as far as the line search says; (loss, gradient) there."""
        before = [parameter.clone() for parameter in self.parameters]

        def at(step: float) -> Point:
            self.move(step, direction)
            loss, gradient = float(self.evaluate()), self.gradient()
            for parameter, value in zip(self.parameters, before, strict=True):
                parameter.copy_(value)
            return Point(step, loss, gradient, gradient.dot(direction).item())

        reach = direction.abs().max().item()
        found, _ = strong_wolfe(at, start, self.state["t"], reach, self.group["max_eval"] - self.evaluations)
        self.state["t"] = found.step
        self.move(found.step, direction)
        return found.loss, found.gradient

    def direction(self, gradient: Tensor) -> Tensor:
        """Minus the gradient times the inverse Hessian that past steps suggest: the two-loop recursion."""
        state = self.state
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return gradient.neg()
        self.remember(gradient)
        changes, steps, weights = state["old_dirs"], state["old_stps"], state["ro"]
        vector, shares = gradient.neg(), []
        for change, step, weight in zip(reversed(changes), reversed(steps), reversed(weights), strict=True):
            shares.append(step.dot(vector).item() * weight)
            vector = vector.sub(change, alpha=shares[-1])
        vector = vector.mul(state["H_diag"])
        for change, step, weight, share in zip(changes, steps, weights, reversed(shares), strict=True):
            vector = vector.add(step, alpha=share - change.dot(vector).item() * weight)
        return vector

    def remember(self, gradient: Tensor) -> None:
        """Take the last step and the change of the gradient into the history, if the curvature is positive."""
        state = self.state
        change = gradient.sub(state["prev_flat_grad"])
        step = state["d"].mul(state["t"])
        curvature = change.dot(step).item()
        if curvature <= 1e-10:
            return
        if len(state["old_dirs"]) == self.group["history_size"]:
            for history in ("old_dirs", "old_stps", "ro"):
                state[history].pop(0)
        state["old_dirs"].append(change)
        state["old_stps"].append(step)
        state["ro"].append(1.0 / curvature)
        state["H_diag"] = curvature / change.dot(change).item()

    def is_flat(self, gradient: Tensor) -> bool:
        """Whether the gradient is as small as asked."""
        return bool(gradient.abs().max().item() <= self.group["tolerance_grad"])

    def is_done(self, direction: Tensor, loss: float, gradient: Tensor) -> bool:
        """Whether another step is not worth it, or not allowed."""
        group, state = self.group, self.state
        return (
            self.evaluations >= group["max_eval"]
            or self.is_flat(gradient)
            or bool(direction.abs().max().item() * state["t"] <= group["tolerance_change"])
            or abs(loss - state["prev_loss"]) < group["tolerance_change"]
        )
