"""The classifier of CIFAR-10 that PyTorch's tutorial trains, as it stands there but for its imports.

Where data/ does not hold CIFAR-10, images in its own file format are put there: shapes with textures, in noise.
"""

import argparse
import pickle
import warnings
from pathlib import Path

import numpy as np

import brasa
from brasa import nn, optim
from brasa.utils.data import DataLoader
from brasa.vision import datasets, transforms

ROOT = "data"
REPORTED = 2000  # batches whose mean loss is printed
CLASSES = ("disc", "square", "ring", "cross", "stripes", "triangle", "frame", "checks", "diamond", "bars")


class CNN(nn.Module):
    def __init__(self):
        super(CNN, self).__init__()  # noqa: UP008 (as the tutorial has it)
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(nn.functional.relu(self.conv1(x)))
        x = self.pool(nn.functional.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        x = nn.functional.relu(self.fc1(x))
        x = nn.functional.relu(self.fc2(x))
        return self.fc3(x)


def train(root=ROOT, epochs=2, reported=REPORTED, num_workers=2, compiled=False):
    """The mean losses that were printed. compiled: the network is."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
    trainset = datasets.CIFAR10(root=root, train=True, download=True, transform=transform)
    trainloader = DataLoader(trainset, batch_size=4, shuffle=True, num_workers=num_workers)
    net = brasa.compile(CNN()) if compiled else CNN()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    losses = []
    for epoch in range(epochs):
        running_loss = 0.0
        for i, data in enumerate(trainloader, 0):
            inputs, labels = data
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            if i % reported == reported - 1:
                print(f"[{epoch + 1}, {i + 1:5d}] loss: {running_loss / reported:.3f}")
                losses.append(running_loss / reported)
                running_loss = 0.0
    print("Finished Training")
    return losses


def write_cifar(root, count=2_500, seed=0):
    """Write the files of CIFAR-10, with so many images in each batch."""
    folder = Path(root) / datasets.CIFAR10.base_folder
    folder.mkdir(parents=True)
    noise = np.random.default_rng(seed)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        labels = noise.integers(0, len(CLASSES), count)
        images = [draw(label, noise).transpose(2, 0, 1).reshape(-1) for label in labels]
        (folder / name).write_bytes(pickle.dumps({"data": np.array(images), "labels": labels.tolist()}, 2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}, 2))


def draw(label, noise):
    """One image uint8[32, 32, 3]: a shape with a texture before a background with another, both in any colours."""
    size, (top, left) = noise.uniform(8, 12), noise.uniform(12, 20, 2)
    y, x = np.mgrid[:32, :32]
    y, x = (y - top) / size, (x - left) / size
    far, round_ = np.maximum(abs(y), abs(x)), np.hypot(y, x)
    inside = [
        round_ < 1,
        far < 0.9,
        (round_ > 0.55) & (round_ < 1),
        (far < 1) & (np.minimum(abs(y), abs(x)) < 0.3),
        (far < 1) & (np.sin(9 * y) > 0),
        (abs(x) < (y + 1) / 2) & (y < 1),
        (far > 0.6) & (far < 1),
        (far < 1) & (np.sin(9 * y) * np.sin(9 * x) > 0),
        abs(y) + abs(x) < 1,
        (far < 1) & (np.sin(9 * x) > 0),
    ][label]
    front, back = noise.uniform(150, 255, 3), noise.uniform(0, 105, 3)
    texture = 20 * np.sin(
        noise.uniform(-1.5, 1.5) * np.mgrid[:32, :32][0] + noise.uniform(-1.5, 1.5) * np.mgrid[:32, :32][1]
    )
    image = np.where(inside[..., None], front, back) + texture[..., None] + noise.normal(0, 12, (32, 32, 3))
    return image.clip(0, 255).astype(np.uint8)


def main() -> int:
    """Train, and print the losses; 1 if the first 2,000 batches had a mean loss of 1.6 or more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args()
    if not (Path(ROOT) / datasets.CIFAR10.base_folder).exists():
        write_cifar(ROOT)
    warnings.simplefilter("ignore", datasets.ChecksumWarning)
    brasa.manual_seed(0)
    losses = train(compiled=wanted.compiled)
    print(f"The mean loss of 2,000 batches is {losses[0]:.2f} at first and {losses[-1]:.2f} in the second epoch.")
    return int(losses[0] >= 1.6)


if __name__ == "__main__":
    raise SystemExit(main())
