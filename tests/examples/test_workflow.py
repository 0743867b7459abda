"""The example examples/workflow.py at a small size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from examples import workflow

for library in ("sklearn", "PIL", "rich", "matplotlib", "tensorboardX"):
    pytest.importorskip(library)

SETTING = workflow.Setting(width=8, lr=1e-2)


@pytest.fixture(scope="module")
def data() -> workflow.Data:
    return workflow.load_data(480)


@pytest.fixture(scope="module")
def trained(data: workflow.Data) -> workflow.Training:
    training = workflow.Training(SETTING, data)
    assert training.fit(epochs=3)
    return training


def assert_same(one: workflow.Training, other: workflow.Training) -> None:
    assert one.progress.epochs == other.progress.epochs
    for name, value in one.model.state_dict().items():
        assert brasa.equal(value, other.model.state_dict()[name]), name


def test_compiled_with_a_stop(tmp_path: Path, data: workflow.Data, trained: workflow.Training) -> None:
    """Compiled, with images from workers, and stopped in the middle of the second epoch: the same bits."""
    path = tmp_path / "checkpoint.pt"
    other = workflow.train_with_a_stop(path, SETTING, data, stop=18, epochs=3, workers=1, compiled=True)
    stopped = brasa.load(path)
    assert len(stopped["progress"]["epochs"]) == 1 and len(stopped["progress"]["losses"]) == 18 - 13
    assert_same(other, trained)


def test_training(data: workflow.Data, trained: workflow.Training) -> None:
    """The loss falls, and the confusion matrix counts what the model reads."""
    epochs = trained.progress.epochs
    assert epochs[-1].loss < epochs[0].loss and epochs[-1].watched_loss < 0.7 * epochs[0].watched_loss
    _, matrix = workflow.evaluate(trained.model, data.tested)
    counted = np.zeros((10, 10), int)
    with brasa.no_grad():
        for image, label in data.tested:
            counted[label, int(trained.model(image.unsqueeze(0)).argmax())] += 1
    assert np.array_equal(matrix, counted)
    assert workflow.accuracy(matrix) == pytest.approx(np.trace(counted) / 360) and np.trace(counted) > 0.6 * 360


def test_early_stopping(data: workflow.Data) -> None:
    """A training that gets worse ends, with the weights of its best epoch."""
    training = workflow.Training(workflow.Setting(width=8, lr=0.0), workflow.load_data(96))
    watched = iter([0.5, 0.4, 0.6, 0.7, 0.1])
    marks = []

    def evaluate(model: Any, data: Any) -> tuple[float, brasa.Tensor]:
        with brasa.no_grad():
            model.layers[-1].bias.fill_(len(marks))
        marks.append(len(marks))
        return next(watched), brasa.eye(10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "evaluate", evaluate)
        assert training.fit(epochs=9, patience=2)
    assert len(training.progress.epochs) == 4 and (training.model.layers[-1].bias == 1).all()


def test_search(data: workflow.Data) -> None:
    found = workflow.search(workflow.load_data(64), 1, workers=0, compiled=False)
    assert len(found) == 6 and min(found.values()) < max(found.values())


def test_saved_model(tmp_path: Path, trained: workflow.Training, data: workflow.Data) -> None:
    """A new process predicts the same; plots and tables are made."""
    path = tmp_path / "model.pt"
    brasa.save({"width": SETTING.width, "model": trained.model.state_dict()}, path)
    assert workflow.predict_elsewhere(path) == workflow.predict(path)
    workflow.plot(tmp_path, trained.progress.epochs, workflow.evaluate(trained.model, data.tested)[1])
    assert (tmp_path / "workflow.png").stat().st_size > 5000
