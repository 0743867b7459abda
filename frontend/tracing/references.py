"""What CPython counts: who refers to an object."""

from sys import getrefcount


def _alone() -> int:
    held = object()
    return getrefcount(held)


# What getrefcount() says of an object that one local variable holds: newer interpreters only lend it to the call.
ALONE = _alone()
