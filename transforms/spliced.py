"""Some bytes, and then those of a stream from a place on: a file as if it began inside another."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from transforms.decode_base import ShieldedStream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Spliced(io.RawIOBase):
    """A stream of its own.

    Args:
        front: what comes first.
        stream: of which the rest comes; it is not closed.
        start: where in it the rest begins.
        end: where in it the rest ends; None for its own end.
    """

    def __init__(self, front: bytes, stream: ShieldedStream, start: int, end: int | None = None) -> None:
        self._front = front
        self._stream = stream
        self._shift = start - len(front)
        self._end = end
        self._position = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and say where to."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        if base is None:
            base = self.size()
        self._position = max(0, base + offset)
        return self._position

    def size(self) -> int:
        """How many bytes there are in all."""
        end = self._stream.seek(0, os.SEEK_END) if self._end is None else self._end
        return end - self._shift

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer from one of both, and say with how much."""
        view = memoryview(buffer).cast("B")
        front = self._front[self._position : self._position + len(view)]
        if front:
            view[: len(front)] = front
            size = len(front)
        else:
            self._stream.seek(self._position + self._shift)
            left = len(view) if self._end is None else max(0, self.size() - self._position)
            size = self._stream.readinto(view[:left])
        self._position += size
        return size
