"""How tensors lie in memory in a compiled program: as in eager mode, whatever was written there and how it was made."""

import numpy as np
import pytest

import brasa
from brasa.nn.functional import linear


def written(x):
    """What is written does not move, of which a product knows in which order to add."""
    x.mul_(2)
    return linear(x, x), x.T @ x


def copied(x):
    made = brasa.empty(7, 64)
    made.copy_(x)
    return linear(made, made)


def detached(x):
    y = x.detach()
    return linear(y, y)


def other_bits(x):
    y = x.view(brasa.int32).view(brasa.float32)
    return linear(y, y)


def seen_after_a_look(x):
    y = x.T
    shown = y.sum().item()
    y.add_(1)
    return shown, linear(y, y), linear(x, x)


def computed_before_a_look(x):
    y = (x + 1).T
    shown = y.sum().item()
    y.add_(1)
    return shown, y.T @ y, linear(y.T, y.T)


def cloned(x):
    """A copy is row-major."""
    y = x.clone()
    return linear(y, y)


def contiguous_already(x):
    """What is contiguous at this call is no copy."""
    y = x.T.contiguous()
    y.add_(1)
    return x, y


def facts(x):
    x.mul_(2)
    seen = (x, x.T, x.detach(), x.view(brasa.int32))
    return [(each.is_contiguous(), tuple(each.stride())) for each in seen]


def strided_anew(x):
    x.mul_(2)
    return x.as_strided((2, 3), (1, 2)), x.T.reshape(-1), x.flatten()


def plain(value):
    if isinstance(value, brasa.Tensor):
        return value.detach().numpy().tobytes()
    return [plain(each) for each in value] if isinstance(value, tuple | list) else value


def seen_as_it_was_known(x):
    column = x[:, 0].reshape(-1, 1)
    column *= column
    column.topk(1, -1)
    assert x.sum().item() != 0.5  # after this the view is known as what was written
    return column.mT @ brasa.linspace(0, 1, 4 * column.shape[0]).reshape(2, 2, -1).mT


WAYS = [
    written, copied, detached, other_bits, seen_after_a_look, computed_before_a_look, cloned, contiguous_already,
    facts, strided_anew, seen_as_it_was_known,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::brasa.capture.compiled.CompileWarning")
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_is_as_in_eager_mode(way, turned):
    values = np.random.default_rng(0).standard_normal((64, 7)).astype(np.float32)

    def argument():
        return brasa.tensor(values).T if turned else brasa.tensor(values.T.copy())

    compiled = brasa.compile(way)
    for _ in range(3):
        one, other = argument(), argument()
        assert plain(compiled(one)) == plain(way(other))
        assert plain(one) == plain(other)
