"""The command line: `brasa ir` shows a program at every stage, `brasa cache` looks after compiled programs."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from brasa.command import cache as command_cache
from brasa.command import ir as command_ir
from brasa.command.target import CommandError
from brasa.ir.errors import BrasaError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}\n{self.format_usage().strip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 if it succeeded, 2 if it was not understood or its input was wrong."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = _Parser(prog="brasa", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    command_ir.add_command(commands)
    command_cache.add_command(commands)
    try:
        options = parser.parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except (CommandError, BrasaError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if "--traceback" in arguments:
            traceback.print_exception(error)
        kind = "" if isinstance(error, CommandError | OSError) else f"{type(error).__name__}: "
        print(f"brasa: {kind}{error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
