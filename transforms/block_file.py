"""A file of which only the blocks that were read are there."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES: Final = 4 << 20
"""What is brought at a time, but for headers."""


class BlockFile(io.FileIO):
    """A file whose blocks are brought when they are first read.

    Args:
        descriptor: of a file of the whole size; closed with this one.
        bring: puts the block of a number into the file; None for a file that is whole.
        block_bytes: size of a block; the last may be smaller.

    Attributes:
        block_bytes: the same.
    """

    def __init__(
        self, descriptor: int, bring: Callable[[int], None] | None, block_bytes: int = BLOCK_BYTES
    ) -> None:
        super().__init__(descriptor)
        self._bring = bring
        self.block_bytes = block_bytes
        self._size = os.fstat(descriptor).st_size
        self._there: set[int] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to ``size`` bytes, or all that are left."""
        self._see_to(self._size if size is None or size < 0 else size)
        return super().read(size)

    def readall(self) -> bytes:
        """All bytes that are left."""
        return self.read()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as there are bytes, and say how many there were."""
        self._see_to(memoryview(buffer).nbytes)
        return super().readinto(buffer)

    def _see_to(self, size: int) -> None:
        if self._bring is None:
            return
        first = self.tell()
        end = min(first + size, self._size)
        if first >= end:
            return
        for number in range(first // self.block_bytes, -(-end // self.block_bytes)):
            if number not in self._there:
                self._bring(number)
                self._there.add(number)
