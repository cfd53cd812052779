"""Holds the pieces of a recording back until it has been read to its end.

Only then are its checksum and its soundness known, and only then may a call be
paid for. Small recordings stay in memory, larger ones go to an anonymous
temporary file: 115 MB for an hour at 16 kHz.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from transforms.cuts import SampleRange
from transforms.cutting import BYTES_PER_SAMPLE, Piece

_MEMORY_BYTES = 8 * 2**20


class Hold:
    """Pieces in the order in which they were cut, each with its channel."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - closed by release or close
        self._index: list[tuple[int, SampleRange]] = []

    def add(self, channel: int, piece: Piece) -> None:
        """Keep a piece.

        Raises:
            OSError: the temporary folder is full (ENOSPC) or not writable.
        """
        self._file.write(piece.pcm)
        self._index.append((channel, piece.range))

    def ranges(self, channel: int) -> list[SampleRange]:
        """The ranges of a channel, in order."""
        return [held for owner, held in self._index if owner == channel]

    def release(self) -> Iterator[tuple[int, Piece]]:
        """Every piece with its channel, once; the hold is empty and closed afterwards."""
        with self._file:
            self._file.seek(0)
            for channel, held in self._index:
                yield channel, Piece(held, self._file.read(held.samples * BYTES_PER_SAMPLE))

    def close(self) -> None:
        """Let everything go."""
        self._file.close()
