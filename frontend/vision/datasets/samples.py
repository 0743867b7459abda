"""What all data sets of images have: a folder, and functions for the image and the target of a sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from brasa.ir.errors import ValueError
from brasa.utils.data.dataset import Dataset

Transform = Callable[[Any], Any]


class VisionDataset(Dataset[Any]):
    """The base: samples are pairs of an image and a target.

    transform and target_transform are applied to the image and the target; transforms takes and gives both, and stands
    in place of the two. ValueError if both are given.
    """

    def __init__(
        self, root: str | Path | None = None, transforms: Callable[[Any, Any], Any] | None = None,
        transform: Transform | None = None, target_transform: Transform | None = None,
    ) -> None:  # fmt: skip
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("takes either transforms, or transform and target_transform", op=type(self).__name__)
        self.root = Path(root).expanduser() if root is not None else None
        self.transforms, self.transform, self.target_transform = transforms, transform, target_transform

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"    Root location: {self.root}")
        lines += [f"    {part}" for part in self.extra_repr().splitlines()]
        for name in ("transforms", "transform", "target_transform"):
            if getattr(self, name) is not None:
                lines.append(f"    {name}: {getattr(self, name)!r}".replace("\n", "\n    "))
        return "\n".join(lines)

    def extra_repr(self) -> str:
        """What a subclass has to say of itself in its representation."""
        return ""

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample as it is given out."""
        if self.transforms is not None:
            image, target = self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


class PublishedDataset(VisionDataset):
    """A data set that is read from published files: images to learn from, or to test with.

    download: fetch the files that are not there.
    """

    def __init__(
        self, root: str | Path, train: bool = True, transform: Transform | None = None,
        target_transform: Transform | None = None, download: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        self.read()

    def download(self) -> None:
        """Fetch the files that are not there."""
        raise NotImplementedError

    def read(self) -> None:
        """Read the files."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return split_text(self.train)


def split_text(train: bool) -> str:
    """Which half of a data set this is, for its representation."""
    return f"Split: {'Train' if train else 'Test'}"
