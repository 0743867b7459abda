"""Published files: where they lie, whether they are what was published, and how they come from the network."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from brasa.ir.errors import BrasaError, ValueError

_PATIENCE = 30.0  # seconds without an answer


class ChecksumWarning(UserWarning):
    """A file that is not the published one. `warnings.simplefilter("error", ChecksumWarning)` makes it an error."""


@dataclass(frozen=True)
class Published:
    """A file as it was published: its name, the MD5 of its bytes, and its address."""

    name: str
    md5: str
    url: str = ""


def md5_of(path: Path) -> str:
    """The MD5 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def compare(path: Path, expected: Published, owner: str) -> None:
    """Warn if a file that is there is not the published one."""
    found = md5_of(path)
    if found != expected.md5:
        warnings.warn(ChecksumWarning(
            f"{owner}: {path} is not the published file: its MD5 is {found}, {expected.md5} was expected; remove it "
            "and pass download=True for the published one"), stacklevel=5)  # fmt: skip


def missing(path: Path, source: Published, owner: str) -> BrasaError:
    """The error for a file that is not there."""
    return BrasaError(f"{path} does not exist", op=owner,
                      hint=f"pass download=True, or put {source.url} into {path.parent}")  # fmt: skip


def wrong(path: Path, expected: str, found: str, owner: str) -> ValueError:
    """The error for a file that is not of the format."""
    return ValueError(f"{path} cannot be read: {expected} expected, {found} found", op=owner,
                      hint="remove the file and pass download=True to fetch it again")  # fmt: skip


def download(source: Published, folder: Path, owner: str) -> Path:
    """Fetch a published file into a folder, unless it is there. BrasaError without a network, or for other bytes."""
    import urllib.request  # which takes a fifth of the time that all of brasa.vision takes

    path = folder / source.name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    by_hand = f"fetch {source.url} by other means and put it into {folder}"
    try:
        request = urllib.request.Request(source.url, headers={"User-Agent": "brasa"})
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer, draft.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:  # no network, no such page, no space
        draft.unlink(missing_ok=True)
        raise BrasaError(f"{source.url} cannot be downloaded: {error}", op=owner, hint=by_hand) from error
    found = md5_of(draft)
    if found != source.md5:
        draft.unlink()
        raise BrasaError(f"{source.url} gave a file whose MD5 is {found}, {source.md5} was expected", op=owner,
                         hint=by_hand)  # fmt: skip
    return draft.replace(path)


def unpack(archive: Path, folder: Path, owner: str) -> None:
    """Unpack a tar archive, none of whose files may lie outside the folder."""
    try:
        with tarfile.open(archive) as files:
            files.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise wrong(archive, "a tar archive", str(error), owner) from error
