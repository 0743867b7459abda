"""Files that are complete or not there."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import BinaryIO


def write_whole(path: str, write: Callable[[BinaryIO], None]) -> None:
    """Write under another name and rename; what is no regular file, as a pipe, is written directly."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            write(file)
        return
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(draft, "wb") as file:
            write(file)
        os.replace(draft, path)
    except BaseException:
        if os.path.exists(draft):
            os.unlink(draft)
        raise
