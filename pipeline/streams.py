"""Standard output and error as they may be: closed, full, read by nobody, or of a narrow character set.

What cannot be told changes nothing of how a command ends.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console

_STANDARD = 3


def prepare_streams() -> None:
    """Make both fit to be written to: what they cannot show is escaped, and a closed one leads nowhere."""
    _fill_closed_descriptors()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, *, style: str | None = None) -> None:
    """Print a message to standard error, as it is."""
    console = Console(stderr=True)
    with suppress(OSError):
        _print(
            console, lambda: console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        )


def print_out(show: Callable[[Console], None]) -> None:
    """Print to standard output what is shown on a console.

    Where nobody reads it, or the disk is full, that is said, and is no failure.
    """
    console = Console()
    try:
        _print(console, lambda: show(console))
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever reads has read enough
            say(f"Standard output cannot be written: {error}.")
        drop_what_is_left()


def drop_what_is_left() -> None:
    """Let go of what standard output did not take; Python would try it once more at its end, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _print(console: Console, show: Callable[[], None]) -> None:
    """Print in one piece, past rich's own exit where nobody reads."""
    with console.capture() as printed:
        show()
    console.file.write(printed.get())
    console.file.flush()


def _fill_closed_descriptors() -> None:
    """The next file that is opened would take the number of a closed one, and be printed into."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
