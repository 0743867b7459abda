"""The types of Tensor's methods, as type checkers see them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from brasa import Tensor
from tests.house.stub import PATH, stub


def test_stub_is_up_to_date(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PATH.write_text(stub())
    assert stub() == PATH.read_text(), f"{PATH} is not what Tensor has; --update-golden writes it anew"


def test_every_public_name_has_a_type() -> None:
    typed = names_in(PATH, "TensorMethods") | names_in(PATH.with_name("tensor.py"), "Tensor")
    assert {name for name in vars(Tensor) if not name.startswith("_")} - typed == set()


def names_in(path: Path, class_name: str) -> set[str]:
    """What the body of a class defines."""
    (body,) = (
        node.body
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == class_name
    )
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return functions | {target.id for target in targets if isinstance(target, ast.Name)}


def test_signatures() -> None:
    text = stub()
    assert "    def __add__(self, other: Number) -> Tensor: ...\n" in text
    assert "    def sum(self, dim: Any = None, keepdim: builtins.bool = False, " in text
    assert "    def add_(self, other: Number, *, alpha: Number = 1) -> Tensor: ...\n" in text
    assert "    @data.setter\n" in text
