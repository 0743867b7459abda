"""The site: its links lead somewhere, every public name is in it, docstrings read as they are meant; and it builds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import brasa
from docs.site.docstrings import to_rest
from docs.site.links import page_of, relink
from docs.site.names import public_modules, public_names
from docs.site.pages import documents, gallery, owners, pictures, reference
from tests.house.source import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What the headings of a document are linked by."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in LINK.findall(CODE.sub("", path.read_text())):
        found = path.parent / target if target else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text()), f"{target}#{anchor}"


def test_every_page_is_reached() -> None:
    listed = set(re.findall(r"^[\w/.-]+$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)) | {"index"}
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    made = {f"_pages/{name.removesuffix('.md')}" for name in documents()}
    assert listed == pages | made | {"_pages/api/index", "_pages/examples/index"}


def test_every_public_name_is_documented() -> None:
    pages = reference()
    for module in public_modules(brasa):
        for name in public_names(module):
            entry = re.compile(rf"^\.\. (?:auto\w+|py:\w+):: {module.__name__}\.{name}$", re.MULTILINE)
            assert entry.search(pages[f"api/{module.__name__}.rst"]), name
    assert "brasa.Tensor" in pages["api/index.rst"] and ":members:" in pages["api/brasa.Tensor.rst"]


def test_public_modules_and_names() -> None:
    modules = {module.__name__ for module in public_modules(brasa)}
    assert {"brasa.nn.functional", "brasa.utils.data", "brasa.utils.tensorboard", "brasa.vision.ops"} <= modules
    assert not {name for name in modules if name.startswith(("brasa.ir", "brasa.tensors", "brasa.functions"))}
    names = public_names(brasa)
    assert {"Tensor", "softmax", "abs_", "float32", "pi", "compile"} <= set(names)
    assert not [name for name in names if name.startswith("_")] and "Any" not in public_names(brasa.nn.init)
    assert public_names(brasa.linalg) == sorted(brasa.linalg.__all__, key=lambda name: (name.lower(), name))
    assert owners()[brasa.autocast] == "brasa.amp.autocast" and owners()[brasa.nn.Module] == "brasa.nn.Module"


def test_the_gallery_shows_figures() -> None:
    page = gallery()["examples/digits_cnn.md"]
    assert page.startswith("# digits_cnn\n\nA small convolutional network")
    assert re.search(r"^> The model reads \d\d\.\d% of", page, re.MULTILINE) and "it took" in page
    shown = re.search(r"{literalinclude} [./]*(examples/digits_cnn.py)\n:language: python\n:lines: (\d+)-\n", page)
    assert shown and (ROOT / shown[1]).read_text().splitlines()[int(shown[2]) - 1].startswith("from __future__")


def test_the_gallery_shows_what_was_drawn(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    for name in ("vae.png", "vae/digits.png", "gan.png", "vae.txt"):
        (tmp_path / name).touch()
    assert pictures("vae", tmp_path) == [tmp_path / "vae" / "digits.png", tmp_path / "vae.png"]


@pytest.mark.parametrize(("docstring", "text"), [
    ("a * b, x_ and *args, y_z", r"a \* b, x\_ and \*args, y_z"),
    ("`x.y` and `a b`s", r"``x.y`` and ``a b``\ s"),
    ("see `brasa.nn.Linear`", "see :py:obj:`brasa.nn.Linear`"),
    ("`two\nlines`", "``two lines``"),
    ("So:\n\n    x = 1\n\nend", "So:\n\n::\n\n    x = 1\n\nend"),
    ("- one\n- two\n  more", "- one\n\n- two\n  more"),
])  # fmt: skip
def test_docstrings_are_plain_text(docstring: str, text: str) -> None:
    assert to_rest(docstring) == f"{text}\n"


def test_links_are_turned() -> None:
    text = "[a](docs/data.md#x) [b](examples/tiny.py) [c](LICENSE) [d](ftp://a) [e](SECURITY.md) [f](#f)"
    turned = "[a](data.md#x) [b](_pages/examples/tiny.md) [c](../LICENSE) [d](ftp://a) [e](_pages/SECURITY.md) [f](#f)"
    assert relink(text, "README.md", "index") == turned
    assert relink("[a](../README.md#b)", "docs/data.md", "data") == "[a](index.md#b)"
    assert relink("[a](docs/data.md)", "CONTRIBUTING.md", "_pages/CONTRIBUTING") == "[a](../data.md)"
    assert page_of("benchmarks/x.txt") == "../benchmarks/x.txt"


@pytest.mark.long
def test_it_builds(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_parser")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-c", "docs/site", "-d", str(tmp_path / "trees"), "docs"]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").exists() and (tmp_path / "_pages" / "api" / "brasa.nn.html").exists()
