"""Images in folders, one folder for each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from brasa.ir.errors import BrasaError, ValueError
from brasa.vision.datasets.samples import Transform, VisionDataset
from brasa.vision.pillow import pillow

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def load_image(path: str | Path) -> Any:
    """The image of a file, in mode "RGB". ValueError with the path if it does not decode."""
    library = pillow()
    try:
        with library.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, library.DecompressionBombError) as error:  # pillow's ways to say so
        raise ValueError(f"{path} does not decode as an image: {error}", op="ImageFolder") from error


class DatasetFolder(VisionDataset):
    """Files in root/class/..., read by `loader`: samples are what it gives, and the number of the file's class.

    Which files count, either extensions or is_valid_file(path) says. allow_empty: a class may have no file.
    FileNotFoundError if there is no class, or a class has no file; ValueError unless one of the two is given.
    """

    def __init__(
        self, root: str | Path, loader: Callable[[str], Any], extensions: Sequence[str] | None = None,
        transform: Transform | None = None, target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("expects either extensions or is_valid_file", op=type(self).__name__)
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        endings = tuple(ending.lower() for ending in extensions or ())
        wanted = is_valid_file or (lambda path: path.lower().endswith(endings))
        self.samples: list[tuple[str, int]] = []
        for name, number in self.class_to_idx.items():
            paths = (str(path) for path in sorted((self.root / name).rglob("*")) if path.is_file())
            found = [(path, number) for path in paths if wanted(path)]
            if not found and not allow_empty:
                kinds = "" if extensions is None else f" that ends in {', '.join(extensions)}"
                raise _NoFiles(f"{self.root / name} holds no file{kinds}", op=type(self).__name__)
            self.samples += found
        self.targets = [number for _, number in self.samples]

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The names of the classes, and their numbers: the folders in their order."""
        folder = Path(directory)
        if not folder.is_dir():
            raise _NoFiles(f"{folder} is not a folder", op=type(self).__name__)
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
        if not names:
            raise _NoFiles(f"{folder} holds no folder: each class is one", op=type(self).__name__)
        return names, {name: number for number, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Images in root/class/..., in mode "RGB", each with the number of its class."""

    def __init__(
        self, root: str | Path, transform: Transform | None = None, target_transform: Transform | None = None,
        loader: Callable[[str], Any] = load_image, is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(root, loader, IMAGES if is_valid_file is None else None, transform, target_transform,
                         is_valid_file, allow_empty)  # fmt: skip
        self.imgs = self.samples


class _NoFiles(BrasaError, FileNotFoundError):
    """A folder without what a data set needs."""
