"""What Sphinx is told; `make docs` builds the site."""

from __future__ import annotations

import builtins
import posixpath
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
sys.path.insert(0, str(DOCS.parent))

from docs.site.docstrings import to_rest  # noqa: E402 (of the repository that this file is in)
from docs.site.links import MADE, relink  # noqa: E402
from docs.site.pages import write_pages  # noqa: E402

project, author, copyright = "brasa", "brasa's authors", "brasa's authors"
extensions = ["sphinx.ext.autodoc", "myst_parser"]
exclude_patterns = ["_build", "site"]
html_theme = "furo"
html_title = "brasa"
html_copy_source = False
smartquotes = False
autodoc_inherit_docstrings = False
autodoc_member_order = "groupwise"
python_use_unqualified_type_names = True
toc_object_entries = False  # thousands of names in every sidebar take minutes
myst_heading_anchors = 3


def setup(app: Any) -> None:
    """Make the pages that are made from code, and say how text becomes what Sphinx reads."""
    write_pages(DOCS)
    app.connect("autodoc-process-docstring", _read_docstring)
    app.connect("source-read", _relink_page)
    app.connect("include-read", _relink_included)
    app.connect("doctree-read", _unlink_builtins)


def _read_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = to_rest("\n".join(lines)).splitlines()


def _relink_page(app: Any, page: str, content: list[str]) -> None:
    if not page.startswith(MADE):
        content[0] = relink(content[0], f"docs/{page}.md", page)


def _relink_included(app: Any, path: Path, page: str, content: list[str]) -> None:
    content[0] = relink(content[0], posixpath.normpath(f"docs/{path.as_posix()}"), app.env.docname)


def _unlink_builtins(app: Any, doctree: Any) -> None:
    """Let `int` in a signature be Python's, and not a link to `brasa.int`."""
    from docutils.nodes import Text
    from sphinx.addnodes import pending_xref

    for link in list(doctree.findall(pending_xref)):
        if link.get("refdomain") == "py" and link.get("reftarget") in vars(builtins):
            link.replace_self(Text(link["reftarget"]))
