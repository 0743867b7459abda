"""Programs written for PyTorch, unchanged: each runs in a process of its own, after brasa.compat.install()."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TRAINING = """
import argparse

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim
from torch.optim.lr_scheduler import StepLR


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super(Net, self).__init__()
        self.conv = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width * 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return F.log_softmax(self.head(torch.flatten(x, 1)), dim=1)


def train(model, device, batches, optimizer):
    model.train()
    for data, target in batches:
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(f"{loss.item():.5f}")


def test(model, device, batches):
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in batches:
            correct += model(data.to(device)).argmax(dim=1, keepdim=True).eq(target.view(-1, 1)).sum().item()
    print("correct", correct)


torch.manual_seed(1)
cudnn.benchmark = True
torch.backends.cuda.matmul.allow_tf32 = True
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
rng = np.random.default_rng(0)
model = Net(4).to(device)
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.from_numpy(rng.uniform(-0.3, 0.3, tuple(parameter.shape)).astype(np.float32)))
batches = [(torch.from_numpy(rng.standard_normal((8, 1, 4, 4), np.float32)), torch.from_numpy(rng.integers(0, 3, 8)))
           for _ in range(4)]
optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(2):
    train(model, device, batches, optimizer)
    test(model, device, batches)
    scheduler.step()
torch.save(model.state_dict(), "model.pt")
again = Net(4)
again.load_state_dict(torch.load("model.pt", map_location=device, weights_only=True))
again.eval()
print(torch.allclose(again(batches[0][0]), model(batches[0][0])), device, torch.float32.is_floating_point)
"""

ALGEBRA = """
import torch
from torch.autograd import grad
from torch.nn import Parameter

assert torch.__version__.split(".")[0] == "2" and torch.version.cuda is None
assert torch.cuda.device_count() == 0 and not torch.backends.mps.is_available()
torch.cuda.manual_seed_all(0)
torch.cuda.empty_cache()
x = torch.linspace(0.1, 1.0, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()
(dx,) = grad((torch.linalg.norm(x) ** 3 * torch.special.expit(x)).sum(), x, create_graph=True)
dx.pow(2).sum().backward()
print(x.grad.tolist())
print(torch.fft.rfft(x.detach()).abs().sum().item(), torch.pi, isinstance(Parameter(x.detach()), torch.Tensor))
print(torch.finfo(torch.float16).max, torch.Size([2, 3]).numel(), torch.inf)
"""

INSTALLED = "import brasa.compat\nbrasa.compat.install()\n"


def output(program: str, folder: Path) -> list[str]:
    """What a program prints, in words."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return words(done.stdout)


def words(text: str) -> list[str]:
    """The words and numbers of a text."""
    return re.sub(r"[\[\],]", " ", text).split()


def test_programs(tmp_path: Path) -> None:
    ours = output(INSTALLED + TRAINING + ALGEBRA, tmp_path)
    assert len(ours) == 27
    pytest.importorskip("torch")
    for one, other in zip(ours, output(TRAINING + ALGEBRA, tmp_path), strict=True):
        try:
            np.testing.assert_allclose(float(one), float(other), rtol=1e-4)
        except ValueError:
            assert one == other


NAMES = """
import torch
import brasa
torch.use_deterministic_algorithms(True)
torch.set_float32_matmul_precision("high")
assert torch.nn.Module is brasa.nn.Module and torch.Tensor is brasa.Tensor and torch.float32 is brasa.float32
from torch.nn.modules.conv import Conv2d
from torch.nn.parameter import Parameter
from torch.utils.tensorboard import SummaryWriter
from torch.func import vmap
assert vmap is brasa.func.vmap is torch.vmap
assert Conv2d is brasa.nn.Conv2d and Parameter is brasa.nn.Parameter
assert "Linear" in dir(torch.nn) and "cudnn" in dir(torch.backends) and "tensorboard" in dir(torch.utils)
assert not hasattr(torch, "no_such_thing") and brasa.__version__ != torch.__version__
for line in LINES:
    try:
        exec(line)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""

MISSING = {
    "from torch.nn import Conv2D": "ImportError: brasa has no torch.nn.Conv2D; the nearest is torch.nn.Conv2d",
    "torch.nn.Linaer(1, 1)": "AttributeError: brasa has no torch.nn.Linaer; the nearest is torch.nn.Linear",
    "torch.optim.adamw": "AttributeError: brasa has no torch.optim.adamw; the nearest is torch.optim.adam",
    "import torch.nn.funtional as F":
        "ImportError: brasa has no torch.nn.funtional; the nearest is torch.nn.functional",
    "from torch.utils.tensorbord import SummaryWriter":
        "ImportError: brasa has no torch.utils.tensorbord; the nearest is torch.utils.tensorboard",
    "from torch import qwzx": "ImportError: brasa has no torch.qwzx",
    "import torch._dynamo": "ImportError: brasa has no torch._dynamo",
    "torch.backends.cudn.benchmark":
        "AttributeError: brasa has no torch.backends.cudn; the nearest is torch.backends.cudnn",
    "torch.cuda.current_device()": "DeviceError: torch.cuda: there is no GPU that tensors can be on",
}  # fmt: skip


def test_names(tmp_path: Path) -> None:
    printed = output(INSTALLED + f"LINES = {list(MISSING)!r}\n" + NAMES, tmp_path)
    assert printed == " ".join(MISSING.values()).split()


COMPILED = """
import torch

model = torch.nn.Linear(3, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

@torch.compile
def step(x):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(torch.tanh(model(x)), torch.ones(4, 2))
    loss.backward()
    optimizer.step()
    return loss

losses = [step(torch.ones(4, 3)).item() for _ in range(8)]
print(losses == sorted(losses, reverse=True), len(step.sealed))
"""


def test_compiled_programs_are_sealed(tmp_path: Path) -> None:
    assert output(INSTALLED + COMPILED, tmp_path) == ["True", "1"]


INSTALLING = """
import sys
import brasa
from brasa.compat import install, uninstall

def imported():
    try:
        import torch.nn
    except ImportError as error:
        return str(error)
    return type(torch).__name__

sys.modules["torch"] = sys
try:
    install()
except brasa.BrasaError as error:
    print(error)
del sys.modules["torch"]
install()
install()
print(imported())
uninstall()
uninstall()
print(sum(name.split(".")[0] == "torch" for name in sys.modules), "brasa.compat" in str(sys.meta_path))
sys.path[:] = [path for path in sys.path if "packages" not in path]
print(imported())
install()
print(imported())
"""


def test_installing(tmp_path: Path) -> None:
    printed = output(INSTALLING, tmp_path)
    assert " ".join(printed) == (
        "compat.install: PyTorch itself has been imported already hint: call install() before the first import of torch"
        " Alias 0 False No module named 'torch' Alias"
    )


LOADING = """
from brasa.compat import install
install()
import torch
import torch.multiprocessing as mp
from torch.multiprocessing import Process, Queue, set_start_method
from torch.multiprocessing.spawn import ProcessRaisedException
from torch.utils.data import DataLoader, TensorDataset, distributed, random_split
from torch.utils.data._utils.collate import default_collate
from torch.utils.data.dataloader import DataLoader as again
from torch.utils.data.sampler import SubsetRandomSampler

loader = DataLoader(TensorDataset(torch.arange(4)), batch_size=2, num_workers=1, multiprocessing_context="fork")
print([batch[0].tolist() for batch in loader], again is DataLoader, torch.utils.data.get_worker_info())
print(mp.get_sharing_strategy(), torch.ones(2).share_memory_().is_shared(), default_collate([1, 2]).tolist())
"""


def test_loading(tmp_path: Path) -> None:
    assert " ".join(output(LOADING, tmp_path)) == "0 1 2 3 True None file_descriptor True 1 2"


SEEING = """
from brasa.compat import install
install()
import torch
import torchvision
import torchvision.transforms as transforms
import torchvision.transforms.functional as TF
from torchvision import datasets, models
from torchvision.datasets import CIFAR10
from torchvision.ops import nms
from torchvision.transforms.transforms import Compose
from torchvision.utils import make_grid

transform = Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
image, _ = datasets.FakeData(2, (3, 4, 5), transform=transform)[0]
print(isinstance(image, torch.Tensor), *image.shape, CIFAR10 is datasets.CIFAR10, TF.hflip(image).shape == image.shape)
print(*make_grid([image, image]).shape, len(nms(torch.zeros(0, 4), torch.zeros(0), 0.5)), torchvision.ops.nms is nms)
print(torchvision.__version__.split("+")[1], hasattr(models, "resnet18"))
try:
    transforms.ToTensr
except AttributeError as error:
    print(error)
"""


def test_torchvision(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    assert " ".join(output(SEEING, tmp_path)) == (
        "True 3 4 5 True True 3 8 16 0 True brasa True "
        "brasa has no torchvision.transforms.ToTensr; the nearest is torchvision.transforms.ToTensor"
    )
