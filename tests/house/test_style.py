"""The rules of style, over every file; and each rule on text that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.house import style
from tests.house.source import ROOT, Source, all_files, assert_none, product_files

FILE_RULES = (style.too_long, style.unopened, style.broad_excepts, style.vague_names, style.prints)
TEXTS = ("*.md", "docs/*.md", "Makefile", "pyproject.toml", ".ci/run")
# The command line; the oracle of the tests; what runs programs on a GPU; modules for users alone.
STARTS = ("brasa.__main__", "brasa.accelerator", "brasa.ir.interpret", "brasa.runtime.cuda", "brasa.utils.tensorboard")


def test_every_file() -> None:
    """All rules in one test: parsing the files takes longer than looking at them."""
    assert_none(complaint for source in all_files() for rule in FILE_RULES for complaint in rule(source))


def test_the_product_as_a_whole() -> None:
    sources = product_files()
    assert_none([*style.undocumented(sources), *style.unused_modules(sources, STARTS)])


def test_nothing_is_unfinished() -> None:
    texts = {source.path: source.text for source in all_files()}
    texts |= {path.relative_to(ROOT).as_posix(): path.read_text() for each in TEXTS for path in ROOT.glob(each)}
    assert_none(complaint for path, text in texts.items() for complaint in style.unfinished(path, text))


BAD = [
    (style.too_long, "x = 1\n" * 401, "401 lines, 400 are allowed"),
    (style.too_long, "x = '" + "a" * 120 + "'", "126 columns, 120 are allowed"),
    (style.too_long, "def f():\n" + "    x = 1\n" * 60, "f has 61 lines, 60 are allowed"),
    (style.unopened, "x = 1", "does not open with a docstring"),
    (style.unopened, '"""no sentence"""', "does not open with a docstring"),
    (style.broad_excepts, "try:\n    f()\nexcept:\n    pass", "ir/a.py:3: catches everything"),
    (style.broad_excepts, "try:\n    f()\nexcept (OSError, Exception):\n    pass", "ir/a.py:3: catches everything"),
    (style.prints, "def f():\n    print(1)", "ir/a.py:2: prints"),
    (style.vague_names, "def sum_utils(): ...", "the name sum_utils says nothing"),
    (style.vague_names, "class CacheManager: ...", "the name CacheManager says nothing"),
]


@pytest.mark.parametrize(("rule", "text", "complaint"), BAD)
def test_breaches_are_found(rule: Callable[[Source], Iterator[str]], text: str, complaint: str) -> None:
    (found,) = rule(Source("ir/a.py", text))
    assert complaint in found


GOOD = [
    (style.too_long, "x = 1\n" * 400),
    (style.unopened, '"""A file that says\nwhat it is.\n\nAnd more"""'),
    (style.broad_excepts, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    (style.broad_excepts, "try:\n    f()\nexcept Exception as error:\n    raise UserError from error"),
    (style.broad_excepts, "try:\n    f()\nexcept (OSError, ValueError):\n    pass"),
    (style.prints, "printer.print(1)"),
    (style.vague_names, "def commonest(): ..."),
    (style.vague_names, "def common_dtype(): ..."),
    (style.too_long, f"x = '{'a' * 114}'  # type: ignore[no-any-return]"),
]


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_good_style_passes(rule: Callable[[Source], Iterator[str]], text: str) -> None:
    assert list(rule(Source("ir/a.py", text))) == []


def test_vague_file_names_are_found() -> None:
    assert len(list(style.vague_names(Source("ir/common.py", "")))) == 1
    assert len(list(style.vague_names(Source("passes/utils/a.py", "")))) == 1
    assert list(style.vague_names(Source("frontend/utils/data.py", ""))) == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME"])
def test_unfinished_work_is_found(word: str) -> None:
    assert list(style.unfinished("a.py", f"x = 1\ny = 2  # {word}: later")) == ["a.py:2: is not finished"]


@pytest.mark.parametrize("use", ["from brasa.ir.a import f", "from brasa.ir import a\na.f()"])
def test_missing_docstrings_are_found(use: str) -> None:
    lacking, documented = "def f(): ...\ndef g(): ...", 'def f():\n    """It does f."""'
    user = Source("ir/b.py", use)
    assert [text.split(": ")[1] for text in style.undocumented([Source("ir/a.py", lacking), user])] == [
        "f is used elsewhere and has no docstring"
    ]
    assert list(style.undocumented([Source("ir/a.py", documented), user])) == []


def test_unused_files_are_found() -> None:
    sources = [Source("ir/a.py", ""), Source("ir/b.py", "from brasa.ir import a")]
    assert list(style.unused_modules(sources, ())) == ["ir/b.py: nothing imports it"]
    assert list(style.unused_modules(sources, ("brasa.ir.b",))) == []
