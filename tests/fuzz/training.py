"""Training steps among the fuzzer's programs: random layers, losses and optimisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.growing import Grower

_LAYERS = (
    "nn.Linear(4, 4)", "nn.Tanh()", "nn.ReLU()", "nn.GELU()", "nn.LayerNorm(4)", "nn.BatchNorm1d(4)",
    "nn.Dropout(0.3)", "nn.Softmax(1)",
    "nn.Sigmoid()", "nn.ELU()", "nn.PReLU()", "nn.Linear(4, 4, bias=False)", "nn.SiLU()",
)  # fmt: skip
_OPTIMIZERS = (
    "SGD(model.parameters(), lr=0.1)", "SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
    "Adam(model.parameters(), lr=0.01)",
    "AdamW(model.parameters(), lr=0.01)", "RMSprop(model.parameters(), lr=0.01, momentum=0.5)",
    "Adagrad(model.parameters())",
    "SGD(model.parameters(), lr=0.1, weight_decay=0.01)", "NAdam(model.parameters())", "Adamax(model.parameters())",
    "Rprop(model.parameters())",
)  # fmt: skip
_LOSSES = (
    "nn.functional.mse_loss(model({x}), {x})", "nn.functional.cross_entropy(model({x}), {x}.argmax(1))",
    "model({x}).abs().mean()",
    "nn.functional.smooth_l1_loss(model({x}), {x} * 0.5)", "(model({x}) * {x}).sum() / 7",
    "nn.functional.kl_div(model({x}).log_softmax(1), {x}.softmax(1))",
)  # fmt: skip
_BEFORE_STEP = (
    "", "", "nn.utils.clip_grad_norm_(model.parameters(), 0.5)", "nn.utils.clip_grad_value_(model.parameters(), 0.1)",
    "for parameter in model.parameters():\n    parameter.grad.mul_(0.5)",
)  # fmt: skip


def training_statements(grower: Grower) -> tuple[str, ...]:
    """Add one step of training to the program; what makes the model and the optimiser."""
    random = grower.random
    layers = ", ".join(["nn.Linear(4, 4)", *(random.choice(_LAYERS) for _ in range(random.randint(0, 4)))])
    setup = [f"model = nn.Sequential({layers})", f"optimizer = brasa.optim.{random.choice(_OPTIMIZERS)}"]
    schedule = random.random() < 0.3
    if schedule:
        setup.append("scheduler = brasa.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)")
    for each in setup:
        exec(each, grower.scope)
    loss = random.choice(_LOSSES).format(x="data")
    x = f"fit({grower.number()}.detach(), {random.choice((2, 5, 8))}, 4).float().nan_to_num(0, 1, -1).clamp(-3, 3)"
    steps = [f"data = {x}", f"loss = {loss}", "loss.backward()", random.choice(_BEFORE_STEP), "optimizer.step()"]
    steps.append(random.choice(("optimizer.zero_grad()", "optimizer.zero_grad()", "")))
    steps.append("scheduler.step()" if schedule else "")
    steps.append("weights = [each.detach().clone() for each in model.state_dict().values()]")
    for each in filter(None, steps):
        grower.try_statement(each)
    return tuple(setup)
