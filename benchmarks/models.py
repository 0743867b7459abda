"""The models that are measured, written once over a module that is brasa or torch."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


def mlp(module: ModuleType, *widths: int) -> Any:
    """Linear layers with ReLU between them."""
    nn = module.nn
    layers: list[Any] = []
    for first, second in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(first, second), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def digits_cnn(module: ModuleType) -> Any:
    """The CNN of the demo: 8x8 images, ten classes."""
    nn = module.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def cifar_cnn(module: ModuleType) -> Any:
    """The CNN of PyTorch's tutorial: 32x32 colour images, ten classes."""
    nn = module.nn
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def conv_stack(module: ModuleType) -> Any:
    """Four convolutions of 64 channels with batch norm, then the mean of each channel."""
    nn = module.nn
    parts = [
        part for _ in range(4) for part in (nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
    ]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def resnet18(module: ModuleType) -> Any:
    """ResNet-18 (He et al. 2015) as it is used on small images: a stem of 3x3, and no pooling after it."""
    nn = module.nn

    def norm(first: int, second: int, size: int, stride: int) -> list[Any]:
        return [nn.Conv2d(first, second, size, stride, size // 2, bias=False), nn.BatchNorm2d(second)]

    def block(first: int, second: int, stride: int) -> Any:
        body = [*norm(first, second, 3, stride), nn.ReLU(), *norm(second, second, 3, 1)]
        shortcut = None if first == second else nn.Sequential(*norm(first, second, 1, stride))
        return nn.Sequential(residual(module, *body, shortcut=shortcut), nn.ReLU())

    blocks = [block(64, 64, 1), block(64, 64, 1)]
    for width in (128, 256, 512):
        blocks += [block(width // 2, width, 2), block(width, width, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]
    return nn.Sequential(*norm(3, 64, 3, 1), nn.ReLU(), *blocks, *head)


def transformer_block(module: ModuleType, width: int, heads: int, causal: bool = False) -> Any:
    """Attention and two linear layers, each behind a layer norm, as in GPT-2 (Radford et al. 2019)."""
    nn = module.nn
    inner = [nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)]
    return nn.Sequential(
        residual(module, nn.LayerNorm(width), attention(module, width, heads, causal)),
        residual(module, nn.LayerNorm(width), *inner),
    )


def sentence_encoder(module: ModuleType) -> Any:
    """MiniLM (Wang et al. 2020) without its pooling: tokens int64[n, t] to float32[n, t, 384]."""
    nn, width = module.nn, 384

    def layer() -> list[Any]:
        inner = [nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)]
        return [
            residual(module, attention(module, width, 12)), nn.LayerNorm(width),
            residual(module, *inner), nn.LayerNorm(width),
        ]  # fmt: skip

    return nn.Sequential(embeddings(module, 30522, 512, width), *(part for _ in range(6) for part in layer()))


def embeddings(module: ModuleType, words: int, positions: int, width: int) -> Any:
    """Vectors of words and of their places, added and normalised."""
    nn = module.nn

    class Embeddings(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.word, self.place = nn.Embedding(words, width), nn.Embedding(positions, width)
            self.norm = nn.LayerNorm(width)

        def forward(self, tokens: Any) -> Any:
            return self.norm(self.word(tokens) + self.place.weight[: tokens.shape[1]])

    return Embeddings()


def residual(module: ModuleType, *parts: Any, shortcut: Any = None) -> Any:
    """What the parts compute, added to their input, which may take a shortcut."""
    nn = module.nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.shortcut = nn.Sequential(*parts), shortcut or nn.Identity()

        def forward(self, x: Any) -> Any:
            return self.body(x) + self.shortcut(x)

    return Residual()


def attention(module: ModuleType, width: int, heads: int, causal: bool = False) -> Any:
    """Self-attention with one product for queries, keys and values."""
    nn = module.nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads, self.causal = heads, causal
            self.inner, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in self.inner(x).chunk(3, 2))
            return self.outer(
                nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)
            )

    return Attention()


def recurrent(module: ModuleType, inputs: int, hidden: int) -> Any:
    """The outputs of an LSTM, all steps of them."""
    nn = module.nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(inputs, hidden)

        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0]

    return Recurrent()


def training_step(module: ModuleType, model: Any, classes: bool) -> Callable[..., Any]:
    """Forward, backward and update by SGD; the loss is cross entropy, or the mean square where there are no classes."""
    optimizer = module.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def step(x: Any, *y: Any) -> Any:
        optimizer.zero_grad()
        loss = module.nn.functional.cross_entropy(model(x), *y) if classes else model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step
