"""Links between files of the repository, turned into links between pages of the site."""

from __future__ import annotations

import posixpath
import re

MADE = "_pages"  # the folder in docs/ for pages that are made; git ignores it
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")


def relink(text: str, path: str, page: str) -> str:
    """The Markdown of the file at `path`, with links that lead from `page`; paths from the root, pages from docs/."""

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
        return f"]({posixpath.relpath(page_of(target), posixpath.dirname(page))}"

    return _LINK.sub(link, text)


def page_of(path: str) -> str:
    """Where a file of the repository stands on the site: its page, else the file itself, to be downloaded."""
    if path == "README.md":
        return "index.md"
    folder, name = posixpath.split(path)
    if folder == "" and name.endswith(".md"):
        return f"{MADE}/{name}"
    if folder == "examples" and name.endswith(".py"):
        return f"{MADE}/examples/{name.removesuffix('.py')}.md"
    return path.removeprefix("docs/") if folder.startswith("docs") else f"../{path}"
