"""Prints failures for people: where, and under it what happened, on terminals of any width."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.plain import plain


def show_places(console: Console, failures: Iterable[tuple[str, str]], *, indent: int = 0) -> None:
    """Print failures, a message once for neighbours that share it.

    Args:
        console: where to.
        failures: of each the place and the message.
        indent: columns before the place; the message stands two further in.
    """
    for message, shared in groupby(failures, key=lambda each: each[1]):
        for place, _ in shared:
            show_indented(console, place, indent)
        show_indented(console, message, indent + 2)


def show_indented(console: Console, text: str, columns: int, *, style: str = "") -> None:
    """Print a text that is broken at the console's width, all of it so many columns in."""
    console.print(Padding(Text(plain(text), style=style, overflow="fold"), (0, 0, 0, columns), expand=False))
