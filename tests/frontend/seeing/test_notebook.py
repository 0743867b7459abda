"""What notebooks show: well-formed HTML that says what the object is, with nothing of it taken for markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

import brasa
from brasa import Tensor, nn
from brasa.ir.dtype import float32
from brasa.ir.graph import graph_of, located
from brasa.ir.ops.elementwise import neg
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.seeing.notebook import graph_html


class Reader(HTMLParser):
    """Reads HTML whose tags all close in turn: (tags around it, text) of every piece of text, and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.open), data))

    def inside(self, tag: str) -> list[str]:
        """The texts directly inside such tags."""
        return [text for tags, text in self.texts if tags[-1:] == (tag,)]


def read(shown: Any) -> Reader:
    """What a notebook shows of an object."""
    return Reader(shown._repr_html_())


class Named(nn.Module):
    """A module whose line and whose class say things that look like tags."""

    def extra_repr(self) -> str:
        return "<b>&amp;"


class Own(nn.Module):
    """A module that says itself how it is shown."""

    def __repr__(self) -> str:
        return "<own>"


def test_a_tensor_is_a_table_of_facts_and_its_text() -> None:
    x = brasa.arange(4000.0).view(2, 2000)
    page = read(x)
    assert page.inside("th")[:1] == ["shape"] and page.inside("td") == ["Tensor", "[2, 2000]", "float32", "cpu"]
    (text,) = page.inside("pre")
    assert text == repr(x) and "..." in text and len(text) < 300


@pytest.mark.parametrize(("made", "said"), [
    (lambda: nn.Parameter(brasa.ones(2)), ["Parameter", "[2]", "float32", "cpu", "required"]),
    (lambda: brasa.ones(2, requires_grad=True).exp(), ["Tensor", "[2]", "float32", "cpu", "from ExpBackward0"]),
    (lambda: brasa.tensor(True), ["Tensor", "[]", "bool", "cpu"]),
    (lambda: nn.LazyLinear(2).weight, []),
])  # fmt: skip
def test_tensors_of_all_kinds(made: Any, said: list[str]) -> None:
    x: Tensor = made()
    assert (read(x).inside("td"), read(x).inside("pre")) == (said, [repr(x)])


def test_a_traced_tensor_shows_its_type() -> None:
    shown = []
    brasa.func.vmap(lambda x: shown.append(x._repr_html_()) or x)(brasa.ones(3, 2))
    page = Reader(shown[0])
    assert page.inside("td") == ["Tensor", "[s0_1]", "float32", "cpu"]
    assert page.inside("pre") == ["tensor(traced f32[s0_1])"]


def test_a_module_is_a_tree() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ModuleDict({"a<b": nn.Sequential(nn.ReLU()), "empty": nn.Identity()}))
    page = read(model)
    assert page.tags.count("details") == 3 and page.tags.count("summary") == 3
    assert page.inside("b") == ["0", "1", "a<b", "0", "empty"]
    assert page.inside("code")[1] == "Linear(in_features=2, out_features=3, bias=True)"
    assert [text.strip() for text in page.inside("summary") if text.strip()] == ["9 parameters"] + ["0 parameters"] * 2
    assert model._repr_html_().count("<details open>") == 1


def test_a_module_speaks_for_itself() -> None:
    assert read(nn.ModuleList([Named()])).inside("code")[1] == "Named(<b>&amp;)"
    assert read(Own()).inside("pre") == ["<own>"]
    assert read(nn.Sequential(nn.LazyLinear(2))).inside("summary") == [" 0 parameters"]


def test_a_graph_is_drawn_beside_its_text() -> None:
    x = make_input("x", TensorType((2,), float32))
    with located("a<b>.py:1"):
        graph = graph_of("f", [x], [neg(x)])
    page = read(graph)
    assert page.inside("title") == ["a<b>.py:1"] and "%0 = neg" in page.inside("text")
    assert page.inside("pre") == [str(graph)]


def test_a_large_graph_is_text() -> None:
    node = x = make_input("x", TensorType((2,), float32))
    for _ in range(201):
        node = neg(node)
    page = Reader(graph_html(graph_of("f", [x], [node])))
    assert page.tags == ["pre"]


def test_results_of_seeing() -> None:
    function = brasa.compile(lambda x: x * 2)
    function(brasa.ones(3))
    assert "<lambda> is" in "".join(read(brasa.explain(function)).inside("pre"))
    assert any(text.startswith("<lambda>: ") for text in read(brasa.plan(lambda x: x * 2, brasa.ones(3))).inside("p"))
    assert "  0: ReLU" in read(brasa.summary(nn.Sequential(nn.ReLU()), (2, 2))).inside("td")
    assert "Tensor" not in read(brasa.inspect()).inside("th")
