"""Names for what is used twice."""

from __future__ import annotations

from brasa.codegen.schedules.sharing import share
from brasa.ir.dtype import int64
from brasa.ir.kernel import Expr


class _Names:
    """Stands in for a writer in one block: what it is told to name becomes a variable."""

    level = 0

    def __init__(self) -> None:
        self.labels: dict[Expr, str] = {}
        self.named: list[Expr] = []

    def own_level(self, expr: Expr) -> int:
        return 0

    def let(self, name: str, value: Expr, level: int) -> Expr:
        self.named.append(value)
        return Expr("var", (), value.dtype, 1, f"{name}{len(self.named)}")


def test_an_index_of_sums_of_sums_is_looked_at_once() -> None:
    """Each is used twice: a walk along all ways to the bottom would take for ever."""
    index = Expr("var", (), int64, 1, "i")
    for _ in range(100):
        index = Expr("add", (index, index), int64)
    writer = _Names()
    share(writer, [index], hold=False)  # type: ignore[arg-type]
    assert 10 <= len(writer.named) <= 100  # some are wide, the others are written again
