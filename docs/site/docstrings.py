"""Docstrings as reStructuredText: they are plain text, with code in backticks, lists, and programs set in."""

from __future__ import annotations

import re

_CODE = re.compile(r"``?(.+?)``?", re.DOTALL)
_MARKUP = re.compile(r"([\\*|])|(?<=\w)(_)(?!\w)")
_PUBLIC = re.compile(r"brasa(\.\w+)+")


def to_rest(docstring: str) -> str:
    """The docstring with nothing of its words taken for markup; code that names a thing of brasa becomes a link."""
    blocks = re.split(r"\n\s*\n", docstring.strip("\n"))
    return "\n\n".join(_program(block) if block.startswith("    ") else _text(block) for block in blocks) + "\n"


def _program(block: str) -> str:
    return f"::\n\n{block}"


def _text(block: str) -> str:
    """A paragraph, or a list, which begins with a dash."""
    parts = re.split(r"\n(?=- )", block)
    return "\n\n".join(_words(part) for part in parts)


def _words(text: str) -> str:
    """Words as they are, code as code."""
    made, end = [], 0
    for match in _CODE.finditer(text):
        made += [_plain(text[end : match.start()]), _code(" ".join(match[1].split()), text[match.end() :])]
        end = match.end()
    return "".join([*made, _plain(text[end:])])


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda match: "\\" + match[0], text)


def _code(code: str, after: str) -> str:
    """Code, which reStructuredText wants to be followed by a space or by punctuation."""
    role = f":py:obj:`{code}`" if _PUBLIC.fullmatch(code) else f"``{code}``"
    return role + ("\\ " if re.match(r"\w", after) else "")
