"""Prints figures as a table that reads the same on a terminal and in a log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

MEBIBYTE = 2**20

# Wide enough for every table here: a log has no width of its own, and a cut row is no use.
_WIDTH = 140


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column says what was measured.

    Args:
        title: stands above it.
        columns: their headings, with units.
        rows: the cells, as they are to be read.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(width=_WIDTH, highlight=False)
    console.print()
    console.print(table)


def mebibytes(size_bytes: float) -> str:
    """A size in MiB, to a tenth of one."""
    return f"{size_bytes / MEBIBYTE:.1f} MiB"


def milliseconds(seconds: float) -> str:
    """A time in milliseconds, to two places where it is short."""
    value = seconds * 1000
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"
