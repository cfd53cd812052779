"""What FFmpeg complains of without failing: damage that it leaves out or bridges over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    """Remembers the first one; a damaged file may bring one for each packet.

    Args:
        parts: of FFmpeg, demuxer and decoder, that are at work.
    """

    def __init__(self, parts: Iterable[str]) -> None:
        self.first: str | None = None
        self._matter = not _DAMAGE.keys().isdisjoint(parts)

    def heard(self) -> AbstractContextManager[None]:
        """Listen to what FFmpeg says in this thread meanwhile; nothing of it is printed.

        It takes some microseconds, so it is left out where nothing that matters can be said.
        """
        return self._listening() if self._matter else nullcontext()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
        # A repeated one would be kept for later, and count for another file.
        av.logging.set_skip_repeated(False)
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture() as said:
                yield
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skips)
        if said and self.first is None:
            self.first = next((text.strip() for _, name, text in said if _is_damage(name, text)), None)


def _is_damage(name: str, text: str) -> bool:
    pattern = _DAMAGE.get(name)
    return pattern is not None and pattern.search(text) is not None
