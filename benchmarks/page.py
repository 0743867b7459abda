"""docs/benchmarks.md, written from the results; and a row as a line of text."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import Limits
from benchmarks.results import best_peer, geometric_mean, ratio, ratios
from benchmarks.row import Fresh, Row

PAGE = Path("docs/benchmarks.md")
SHORT = 0.97  # a ratio below this is listed first

INTRODUCTION = """\
# Benchmarks

`make bench` measures brasa beside PyTorch and JAX and writes this page. All competitors of a row run in one process, in
turn, {rounds} rounds; each gives a ratio, the best peer's time by brasa's, and the table shows the median. **Above 1,
brasa is faster.** What they compute is compared before it is timed. Operands lie in memory that each library has
allocated itself: brasa asks for huge pages where there are 4 MB or more, which PyTorch does only when it is told to.
brasa's programs are compiled for all sizes; "one size" is `dynamic=False`. The best peer is the fastest of PyTorch
eager (its `out=`, `foreach` and `fused` forms as well), `torch.compile` and JAX
(`jax_default_matmul_precision="highest"`, jitted). Single products, convolutions and small operators are not run under
`torch.compile`, which calls the routines that eager mode calls. JAX does not keep up the statistics of batch norms.
Fresh processes run three times, one of `torch.compile` with an empty cache once. Peak memory is what the resident set
grows by at most in three training steps; the peer is PyTorch eager.

{date}, commit {commit}: {machine}.
Copying reached {bandwidth:.0f} GB/s on two threads at the end, fused multiply-adds in registers {flops:.0f} GFLOP/s.
Shares are of these multiply-adds, and of what copying reached in the same rounds as the row, for memory can give twice
as much at one time as at another. When the page was written, {load:.0f} processes wanted to run on the machine: what
shares it makes peers slower that split their work evenly and then wait.
"""


def text(
    rows: Sequence[Row | Fresh], results: Mapping[str, dict[str, Any]], limits: Mapping[int, Limits], **facts: Any
) -> str:
    """The page; facts are the rounds, the date, the commit, the machine and its load."""
    found = [(row, results[row.key]) for row in rows if row.key in results]
    quotients = ratios(results)
    training = [value for key, value in quotients.items() if key.startswith("training: ")]
    short = {key: value for key, value in quotients.items() if value < SHORT}
    parts = [
        INTRODUCTION.format(bandwidth=limits[2].bandwidth / 1e9, flops=limits[2].flops / 1e9, **facts),
        f"Geometric mean over {len(quotients)} rows: **{geometric_mean(quotients.values()):.2f}**, "
        f"over {len(training)} training steps: **{geometric_mean(training):.2f}**.\n",
        f"{len(short)} rows are below {SHORT}{':' if short else '.'}\n",
    ]
    if short:
        lines = [
            (f"`{key}`", f"{short[key]:.2f}", best_peer(results[key]["samples"]))
            for key in sorted(short, key=short.__getitem__)
        ]
        parts.append(_table(("row", "ratio", "best peer"), lines))
    for group in dict.fromkeys(row.group for row, _ in found):
        lines = [_cells(row, kept, limits) for row, kept in found if row.group == group]
        parts.append(
            f"## {group.capitalize()}\n\n{_table(('', 'brasa', 'one size', 'best peer', '', 'ratio', 'share'), lines)}"
        )
    left_out = {(name, why) for _, kept in found for name, why in kept["left out"].items()}
    parts += [f"{name} is left out: {why}.\n" for name, why in sorted(left_out)]
    missing = [f"`{row.key}`" for row in rows if row.key not in results]
    parts += [f"There are no figures of {', '.join(missing)}.\n"] if missing else []
    return "\n".join(parts)


def line(row: Row | Fresh, kept: dict[str, Any]) -> str:
    """A row as a line of text, for who watches."""
    quotient = ratio(kept["samples"])
    figures = (f"{name} {_shown(row, values)}" for name, values in kept["samples"].items())
    return f"{'' if quotient is None else f'{quotient:.2f}':>6}  {row.key}: {'  '.join(figures)}"


def _cells(row: Row | Fresh, kept: dict[str, Any], limits: Mapping[int, Limits]) -> tuple[str, ...]:
    samples = kept["samples"]
    peer, quotient, one_size = best_peer(samples), ratio(samples), samples.get("brasa dynamic=False")
    return (
        row.name,
        _shown(row, samples["brasa"]),
        _shown(row, one_size) if one_size else "",
        _shown(row, samples[peer]) if peer else "",
        peer or "",
        "" if quotient is None else f"{quotient:.2f}",
        _share(row, kept, limits),
    )


def _shown(row: Row | Fresh, values: list[float]) -> str:
    """The median with a unit that fits its size."""
    value = statistics.median(values)
    if isinstance(row, Fresh) and row.unit == "MB":
        return f"{value:.1f} MB"
    scale, unit = next(pair for pair in ((1, "s"), (1e3, "ms"), (1e6, "us")) if value * pair[0] >= 1 or pair[1] == "us")
    digits = 0 if value * scale >= 100 else 1 if value * scale >= 10 else 2
    return f"{value * scale:.{digits}f} {unit}"


def _share(row: Row | Fresh, kept: dict[str, Any], limits: Mapping[int, Limits]) -> str:
    """How much of what the machine can do; of copying, what it could in the same rounds."""
    if isinstance(row, Fresh) or not (row.flops or row.bytes):
        return ""
    values = kept["samples"]["brasa"]
    if row.flops:
        return f"{row.flops / statistics.median(values) / limits[row.threads].flops:.0%} of FMA"
    shares = [row.bytes / spent / rate for spent, rate in zip(values, kept["copied"], strict=True)]
    return f"{statistics.median(shares):.0%} of copy"


def _table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """Markdown, its columns in line; the first is of words, the others of figures."""
    widths = [max(len(row[i]) for row in [head, *lines]) for i in range(len(head))]

    def shown(cells: tuple[str, ...]) -> Iterator[str]:
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            yield cell.rjust(width) if i else cell.ljust(width)

    ruler = "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths))
    return "".join(
        f"{text}\n"
        for text in [
            "| " + " | ".join(shown(head)) + " |",
            f"|{ruler}|",
            *("| " + " | ".join(shown(cells)) + " |" for cells in lines),
        ]
    )
