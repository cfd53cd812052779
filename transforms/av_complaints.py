"""What FFmpeg complains of without failing: damage that it leaves out or bridges over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import av.logging

# Damage that FFmpeg has no other way to tell. It complains of much else, in whole files too:
# of a second WebM file behind the first, say, which it plays.
_DAMAGE: Final = {
    "matroska,webm": re.compile(
        "invalid as first byte of an EBML number|exceeds containing master element"
        "|first byte exceeds max length|ended prematurely"
    ),
    "tta": re.compile("CRC error"),
    "wavpack": re.compile("CRC error"),
}


class Complaints:
    """Remembers the first one; a damaged file may bring one for each packet."""

    def __init__(self) -> None:
        self._said: list[tuple[int, str, str]] = []
        self._first: str | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to what FFmpeg says in this thread meanwhile; nothing of it is printed."""
        level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
        # A repeated one would be kept for later, and count for another file.
        av.logging.set_skip_repeated(False)
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture() as self._said:
                yield
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skips)

    def first(self) -> str | None:
        """The first one that told damage so far. What else was said is let go, so ask often."""
        if self._said:
            if self._first is None:
                self._first = next(
                    (text.strip() for _, name, text in self._said if _is_damage(name, text)), None
                )
            self._said.clear()
        return self._first


def _is_damage(name: str, text: str) -> bool:
    pattern = _DAMAGE.get(name)
    return pattern is not None and pattern.search(text) is not None
