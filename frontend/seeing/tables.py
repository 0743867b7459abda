"""Tables for people: as text in columns, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str] = ()) -> str:
    """Columns as wide as their cells, the first to the left, others to the left unless they are numbers.

    last: lines that follow under a rule.
    """
    numeric = _numeric(head, rows)
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, numeric, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()

    rule = "-" * max(len(line(row)) for row in (head, *rows))
    return "\n".join([line(head), rule, *map(line, rows), *([rule, *last] if last else [])])


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str] = ()) -> str:
    """The same as a table of HTML."""
    numeric = _numeric(head, rows)

    def line(row: Sequence[str], tag: str) -> str:
        cells = (f'<{tag} style="text-align:{"right" if right else "left"};white-space:pre">{escape(cell)}</{tag}>'
                 for cell, right in zip(row, numeric, strict=True))  # fmt: skip
        return f"<tr>{''.join(cells)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    foot = f"<p>{'<br>'.join(map(escape, last))}</p>" if last else ""
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>{foot}"


def _numeric(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold numbers alone, and empty cells."""
    return [
        bool(rows) and all(row[i].replace(",", "").isdigit() or not row[i] for row in rows) for i in range(len(head))
    ]


def bytes_text(count: int) -> str:
    """A number of bytes in the largest unit of which there is one at least."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{count} bytes" if units[0] == "bytes" else f"{value:.2f} {units[0]}"
