"""Makes a tree of links in which type checkers find brasa: they do not follow an editable install.

Run as `python tests/house/type_links.py FOLDER`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def link_types(folder: Path) -> Path:
    """Make FOLDER/brasa anew: a link to each file of frontend/, and one to each other room."""
    package = folder / "brasa"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    rooms = [ROOT / room for room in ("ir", "passes", "codegen", "runtime")]
    for path in (*(ROOT / "frontend").iterdir(), *rooms):
        (package / path.name).symlink_to(path)
    return folder


if __name__ == "__main__":
    link_types(Path(sys.argv[1]))
