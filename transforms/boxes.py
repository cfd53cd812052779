"""The boxes that an MP4 file and its relatives are made of (ISO/IEC 14496-12, 4.2). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from transforms.sniff import Readable

_MOST_BOXES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    Attributes:
        name: its type, four letters or digits.
        start: where its content begins, in bytes of the file.
        size: of its content, as its header says.
    """

    name: str
    start: int
    size: int

    @property
    def end(self) -> int:
        """Behind its content."""
        return self.start + self.size


def boxes(stream: Readable, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow each other from a place on, as far as they can be told apart.

    One that says that it reaches to the end of the file ends them, and is left out.

    Args:
        stream: is moved.
        start: where the first one begins.
        end: before which the last one begins; None for the end of the file.
    """
    position = start
    for _ in range(_MOST_BOXES):
        if end is not None and position >= end:
            return
        stream.seek(position)
        head = stream.read(16)
        if len(head) < 8 or not head[4:8].isalnum():
            return
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        if size < header:
            return
        yield Box(head[4:8].decode("ascii"), position + header, size - header)
        position += size
