"""The examples for newcomers with nothing but their import lines changed: on brasa.compat, and on PyTorch itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT

PROGRAMS = ("hello_tensors", "first_classifier", "regression")
INSTALLED = "import brasa.compat\nbrasa.compat.install()\n"
RUN = """
import torch
import hello_tensors, first_classifier, regression
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
torch.manual_seed(0)
hello_tensors.show_tensors(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
losses, _, apart = hello_tensors.learn(50, compiled=False)
print(losses[-1] < 0.7 * losses[0], apart < 1e-4)

labels = torch.arange(40) % 10
pictures = 0.1 * torch.rand(40, 1, 28, 28)
pictures[torch.arange(40), 0, 2 * labels] += 1  # a bright line, whose place is the label
images = DataLoader(TensorDataset(pictures, labels), batch_size=20, shuffle=True)
model = first_classifier.NeuralNetwork().to(first_classifier.device)
first_classifier.train(model, images, 15)
print(first_classifier.test(model, images) == 1)

x, y = regression.measurements(40)
solution = regression.least_squares(x, y)
for name in regression.OPTIMIZERS:
    model, _ = regression.train(name, x, y, 40 if name == "L-BFGS" else 200, compiled=False)
    print(name, regression.distance(model, solution) < 1e-4)
"""
VISION = "\nprint(len(first_classifier.load('nowhere')[1].dataset))\n"


def with_other_imports(text: str) -> str:
    """The program with PyTorch's names in its import lines."""
    text = re.sub(r"^import brasa$", "import torch as brasa", text, flags=re.MULTILINE)
    text = re.sub(r"^( *)from brasa\.vision import", r"\1from torchvision import", text, flags=re.MULTILINE)
    return re.sub(r"^( *)from brasa(\S*) import", r"\1from torch\2 import", text, flags=re.MULTILINE)


def printed(program: str, folder: Path) -> str:
    """What a program prints that can import the changed examples."""
    for name in PROGRAMS:
        (folder / f"{name}.py").write_text(with_other_imports((ROOT / "examples" / f"{name}.py").read_text()))
    (folder / "run.py").write_text(program)
    done = subprocess.run([sys.executable, "run.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_went_well(told: str) -> None:
    """All that RUN asks is so."""
    assert re.findall(r"True|False", told) == ["True"] * 8, told
    assert "Summed:\ntensor([[45., 45., 45., 45., 45.]])" in told


def test_compat(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    told = printed(INSTALLED + RUN + VISION, tmp_path)
    assert_went_well(told)
    assert "brasa.float32" in told and told.endswith("360\n")


def test_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    told = printed(RUN + "import sys\nassert 'brasa' not in sys.modules\n", tmp_path)
    assert_went_well(told)
    assert "torch.float32" in told
