"""`brasa cache`: what the disk cache of compiled programs holds, and how to empty it."""

from __future__ import annotations

import argparse
from typing import Any

_MEBIBYTE = 1 << 20


def add_command(commands: Any) -> None:
    """Tell the parser of the command line about `cache` and its options."""
    parser = commands.add_parser("cache", help="look at or empty the cache of compiled programs", description=__doc__)
    parser.set_defaults(run=run)
    parser.add_argument(
        "action", metavar="ACTION", choices=("info", "clear"), help="info: show what it holds; clear: remove everything"
    )


def run(options: argparse.Namespace) -> None:
    """Show or empty the cache."""
    from brasa.runtime.cache import cache_clear, cache_info

    info = cache_info()
    if info.folder is None:
        print("no folder can be used")
    elif options.action == "clear":
        print(f"removed {cache_clear()} programs from {info.folder}")
    else:
        print(f"folder    {info.folder}")
        print(f"programs  {info.entries}")
        print(f"size      {info.nbytes / _MEBIBYTE:.1f} MiB of at most {info.limit / _MEBIBYTE:.0f} MiB")
