"""examples/dcgan.py at a small size."""

from __future__ import annotations

import numpy as np
import pytest

import brasa
from examples import dcgan
from tests.compiling import assert_compiles

pytest.importorskip("sklearn")


def test_training() -> None:
    """Both networks learn, and one program gives the same bits, also for the smaller batch at the end."""
    images = dcgan.load_digits().tensors[0][: 4 * dcgan.BATCH + 8]
    runs = []
    for compiled in (False, True):
        with assert_compiles(int(compiled)):
            runs.append(dcgan.train(images, 8, compiled, width=4))
    states = [[*generator.state_dict().values(), *other.state_dict().values()] for generator, other, _ in runs]
    assert len(runs[0][2]) == 8 * 5 and runs[0][2] == runs[1][2]
    assert all(np.array_equal(one.numpy(), other.numpy()) for one, other in zip(*states, strict=True))
    first, last = runs[0][2][0], runs[0][2][-1]
    assert abs(first[0] - 2 * np.log(2)) < 0.05 and last[0] < first[0] - 0.02
    generator, discriminator, _ = runs[0]
    drawn = dcgan.sample(generator, len(images))
    with brasa.no_grad():
        assert discriminator(images).mean() > discriminator(drawn).mean() + 0.1


def test_initialize() -> None:
    """Weights have the paper's mean and deviation, whatever they had before."""
    brasa.manual_seed(0)
    layers = list(dcgan.Generator().apply(dcgan.initialize).layers)
    for layer, mean, count in ((layers[0], 0, 32 * 128 * 4), (layers[3], 0, 128 * 64 * 16), (layers[1], 1, 128)):
        weight = layer.weight.detach().numpy()
        assert weight.size == count
        assert (
            abs(weight.mean() - mean) < 5 * 0.02 / count**0.5 and abs(weight.std() / 0.02 - 1) < 5 / (2 * count) ** 0.5
        )


def test_judge() -> None:
    """Real images are surely read and of all classes, one image again and again is of one, noise is neither."""
    digits = dcgan.load_digits()
    classifier = dcgan.train_classifier(digits, epochs=4)
    real = digits.tensors[0][-dcgan.TESTED :]
    share, classes = dcgan.judge(classifier, real)
    assert share > 0.7 and classes == 10
    assert dcgan.judge(classifier, real[:1].expand(50, 1, 8, 8)) == (1.0, 1)
    brasa.manual_seed(0)
    generator = dcgan.Generator().apply(dcgan.initialize)
    assert dcgan.judge(classifier, dcgan.sample(generator, 200))[0] < 0.3
